use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_ALIKE, length};

/// Reports a registrant that contains a brand inside a longer word.
pub(in crate::lookalike) fn brand_within_home(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    (length(&target.compact) >= MIN_ALIKE && suspect.registrant.label.contains(&target.compact))
        .then(|| suspect.in_namespace(Technique::BrandWithin, target))
}

/// Reports a leaf that contains a brand inside a longer word.
pub(in crate::lookalike) fn brand_within_leaf(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    (length(&target.compact) >= MIN_ALIKE && suspect.compact.contains(&target.compact))
        .then(|| suspect.in_leaf(Technique::BrandWithin, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_leaf, in_namespace};
    use super::*;

    #[rstest::rstest]
    #[case(brand("stripe"), "com.getstripe/x", true)]
    #[case(brand("stripe"), "io.github.StripeInc/x", true)]
    #[case(brand("visa"), "com.visage/x", false)]
    #[case(brand("stripe"), "com.strip/x", false)]
    fn registrant_that_contains_a_brand_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_namespace(Technique::BrandWithin, brand_within_home, &target, suspect, is_found);
    }

    #[rstest::rstest]
    #[case(brand("stripe"), "io.github.x/mystripetool", true)]
    #[case(brand("acme bank"), "io.github.x/theacmebank2", true)]
    #[case(brand("aws"), "io.github.x/laws", false)]
    #[case(brand("stripe"), "io.github.x/trip", false)]
    fn leaf_that_contains_a_brand_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::BrandWithin, brand_within_leaf, &target, suspect, is_found);
    }
}
