use crate::lookalike::host::{Domain, Host};
use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::in_host;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_ALIKE, is_near, length};

/// Reports a host that contains the target's domain among its labels.
pub(in crate::lookalike) fn contains_domain(
    host: &Host,
    domain: &Domain,
    target: &Target,
) -> Option<Signal> {
    host.label_runs()
        .contains(&domain.text.as_str())
        .then(|| in_host(Technique::NearHost, host, target))
}

/// Reports an ASCII host that looks like the target's domain, or that differs from it in one character.
pub(in crate::lookalike) fn near_host(
    host: &Host,
    domain: &Domain,
    target: &Target,
) -> Option<Signal> {
    let theirs = &domain.label;
    let reads_as = host.label.is_ascii() && host.reads_as(domain);
    let is_near = || length(&theirs.text) >= MIN_ALIKE && is_near(&host.label, &theirs.text);
    (reads_as || is_near()).then(|| in_host(Technique::NearHost, host, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, entry, host, in_host as check};
    use super::*;

    #[rstest::rstest]
    #[case(brand("stripe"), "mcp.str1pe.com", true)]
    #[case(brand("stripe"), "strlpe.com:8443", true)]
    #[case(brand("stripe"), "stripee.com", true)]
    #[case(brand("stripe"), "stripe.com.login.example", true)]
    #[case(
        entry("io.github.acmebank/x", r#""websiteUrl": "https://acmebank.example""#),
        "acmebonk.example",
        true
    )]
    #[case(brand("stripe"), "stripe.dev", false)]
    #[case(brand("stripe"), "pay.striped.dev.example", false)]
    #[case(brand("stripe"), "other.example", false)]
    fn host_like_the_domain_of_the_target_is_reported(
        #[case] target: Target,
        #[case] written: &str,
        #[case] is_found: bool,
    ) {
        let host = host(written);
        let found = target.domains.iter().find_map(|domain| {
            contains_domain(&host, domain, &target).or_else(|| near_host(&host, domain, &target))
        });
        check(Technique::NearHost, found.as_ref(), written, &target, is_found);
    }
}
