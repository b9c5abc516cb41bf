use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::is_near;

/// Reports a namespace that differs in one character from the target's.
pub(in crate::lookalike) fn near_namespace(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let owner = target.owner.as_ref()?;
    is_near(&suspect.registrant.namespace, &owner.namespace)
        .then(|| suspect.in_namespace(Technique::NearNamespace, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_namespace, name};
    use super::*;

    #[rstest::rstest]
    #[case(name("com.stripe/pay"), "com.strype/tool", true)]
    #[case(name("com.stripe/pay"), "Com.Strpie/tool", true)]
    #[case(name("com.stripe/pay"), "co.stripe/tool", true)]
    #[case(brand("stripe"), "com.stripee/tool", true)]
    #[case(name("com.stripe/pay"), "com.stripe/tool", false)]
    #[case(name("com.stripe/pay"), "com.strippee/tool", false)]
    #[case(name("com.stripe/pay"), "org.other/pay", false)]
    fn namespace_at_distance_one_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_namespace(Technique::NearNamespace, near_namespace, &target, suspect, is_found);
    }
}
