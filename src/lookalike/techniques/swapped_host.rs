use crate::lookalike::host::{Domain, Host};
use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::in_host;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_EQUAL, length};

/// Reports a host with the label of the target's domain under another suffix.
pub(in crate::lookalike) fn swapped_host(
    host: &Host,
    domain: &Domain,
    target: &Target,
) -> Option<Signal> {
    let label = &domain.label.text;
    (length(label) >= MIN_EQUAL && host.label == *label)
        .then(|| in_host(Technique::SwappedHost, host, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, entry, host, in_host as check};
    use super::*;

    #[rstest::rstest]
    #[case(brand("stripe"), "docs.stripe.dev", true)]
    #[case(brand("stripe"), "stripe.co.uk:8443", true)]
    #[case(
        entry("io.github.acmebank/x", r#""websiteUrl": "https://acmebank.example""#),
        "acmebank.com",
        true
    )]
    #[case(brand("stripe"), "stripes.dev", false)]
    #[case(brand("stripe"), "stripe.evil.com", false)]
    fn host_under_another_suffix_is_reported(
        #[case] target: Target,
        #[case] written: &str,
        #[case] is_found: bool,
    ) {
        let host = host(written);
        let found = target.domains.iter().find_map(|domain| swapped_host(&host, domain, &target));
        check(Technique::SwappedHost, found.as_ref(), written, &target, is_found);
    }
}
