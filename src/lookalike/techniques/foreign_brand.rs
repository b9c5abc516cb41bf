use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_EQUAL, length};

/// Reports a leaf that is the label of the owner of a protected name.
pub(in crate::lookalike) fn foreign_brand(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let owner = target.name_owner()?;
    (length(&owner.label) >= MIN_EQUAL && owner.label == suspect.words.core)
        .then(|| suspect.in_leaf(Technique::ForeignBrand, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_leaf, name};
    use super::*;

    #[rstest::rstest]
    #[case(name("com.figma.mcp/mcp"), "com.other/figma", true)]
    #[case(name("io.github.figma/x"), "com.other/Figma-mcp-server", true)]
    #[case(name("com.figma/x"), "com.other/figma-export", false)]
    #[case(name("com.x/figma"), "com.other/figma", false)]
    #[case(name("com.aws/x"), "com.other/aws", false)]
    #[case(brand("figma"), "com.other/figma", false)]
    fn leaf_that_is_the_owner_of_a_name_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::ForeignBrand, foreign_brand, &target, suspect, is_found);
    }
}
