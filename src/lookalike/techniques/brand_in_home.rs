use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_EQUAL, length, runs};

/// Reports a registrant that contains a brand as one or several of its words.
pub(in crate::lookalike) fn brand_in_home(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let contains = || runs(&suspect.registrant.words).any(|run| run == target.compact);
    (length(&target.compact) >= MIN_EQUAL && contains())
        .then(|| suspect.in_namespace(Technique::BrandInHome, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_namespace};
    use super::*;

    #[rstest::rstest]
    #[case(brand("stripe"), "com.stripe-payments/x", true)]
    #[case(brand("stripe"), "io.github.Stripe-Labs/x", true)]
    #[case(brand("acme bank"), "com.my-acme-bank/x", true)]
    #[case(brand("stripe"), "com.getstripe/x", false)]
    #[case(brand("aws"), "com.aws-tools/x", false)]
    #[case(brand("stripe"), "com.evil.stripe/x", false)]
    fn registrant_with_the_words_of_a_brand_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_namespace(Technique::BrandInHome, brand_in_home, &target, suspect, is_found);
    }
}
