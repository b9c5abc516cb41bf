use crate::lookalike::host::Host;
use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::in_host;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_ALIKE, length};

/// Reports a host of another registrant that contains a brand as a word, or a word that looks like it.
pub(in crate::lookalike) fn brand_in_host(host: &Host, target: &Target) -> Option<Signal> {
    let known = target.known_as.as_ref().filter(|known| length(&known.text) >= MIN_ALIKE)?;
    if target.is_name || target.registrants.contains(&host.registrant) {
        return None;
    }
    let (word, _) = host.words.iter().find(|(_, seen)| *seen == known.seen)?;
    let technique = match (*word == known.text, word.is_ascii()) {
        (true, _) => Technique::BrandInHost,
        (false, true) => Technique::NearHost,
        (false, false) => Technique::Homograph,
    };
    Some(in_host(technique, host, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, host, in_host as check, name};
    use super::*;

    #[rstest::rstest]
    #[case(brand("stripe"), "stripe-payments.com", Some(Technique::BrandInHost))]
    #[case(brand("stripe"), "api.stripe.evil.example", Some(Technique::BrandInHost))]
    #[case(brand("stripe"), "api.str1pe.evil.example", Some(Technique::NearHost))]
    #[case(brand("stripe"), "api.xn--strpe-p2e.evil.example", Some(Technique::Homograph))]
    #[case(brand("stripe"), "docs.stripe.com", None)]
    #[case(brand("stripe"), "pinstripe.example", None)]
    #[case(brand("stripe"), "pay.stripe", None)]
    #[case(brand("visa"), "visa-pay.example", None)]
    #[case(name("com.stripe/pay"), "stripe-payments.com", None)]
    fn host_with_a_brand_is_reported(
        #[case] target: Target,
        #[case] written: &str,
        #[case] technique: Option<Technique>,
    ) {
        let found = brand_in_host(&host(written), &target);
        let wanted = technique.unwrap_or(Technique::BrandInHost);
        check(wanted, found.as_ref(), written, &target, technique.is_some());
    }
}
