use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_EQUAL, length};

/// Reports a registrant with the label of the target's owner, or of a brand.
pub(in crate::lookalike) fn swapped_home(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let ours = &suspect.registrant.label;
    let has_same_name = match target.name_owner() {
        Some(owner) => length(&owner.label) >= MIN_EQUAL && owner.label == *ours,
        None => length(&target.compact) >= MIN_EQUAL && target.words.core == *ours,
    };
    has_same_name.then(|| suspect.in_namespace(Technique::SwappedHome, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_namespace, name};
    use super::*;

    #[rstest::rstest]
    #[case(name("com.stripe/pay"), "io.stripe/x", true)]
    #[case(name("com.stripe/pay"), "io.github.Stripe/x", true)]
    #[case(brand("stripe"), "dev.stripe/x", true)]
    #[case(name("com.stripe/pay"), "com.stripes/x", false)]
    #[case(name("com.aws/pay"), "io.aws/x", false)]
    #[case(brand("stripe"), "dev.stripe-labs/x", false)]
    fn registrant_of_the_same_label_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_namespace(Technique::SwappedHome, swapped_home, &target, suspect, is_found);
    }
}
