use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_EQUAL, length, runs};

/// Reports a leaf that contains a brand as one or several of its words.
pub(in crate::lookalike) fn brand_in_leaf(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let (ours, theirs) = (&suspect.words, &target.words);
    let is_core = theirs.core == ours.core && length(&theirs.core) >= MIN_EQUAL;
    let is_whole = suspect.compact == target.compact;
    let contains = || runs(&ours.all).any(|run| run == target.compact);
    (is_core || is_whole || contains()).then(|| suspect.in_leaf(Technique::BrandInLeaf, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_leaf};
    use super::*;

    #[rstest::rstest]
    #[case(brand("stripe"), "io.github.x/stripe-mcp", true)]
    #[case(brand("stripe"), "io.github.x/s-t-r-i-p-e", true)]
    #[case(brand("acme bank"), "io.github.x/acmebank-tools", true)]
    #[case(brand("acme bank"), "io.github.x/my-acme-bank", true)]
    #[case(brand("aws"), "io.github.x/aws-tools", true)]
    #[case(brand("stripe"), "io.github.x/mystripetool", false)]
    #[case(brand("stripe"), "io.github.x/pinstripes", false)]
    #[case(brand("aws"), "io.github.x/laws", false)]
    #[case(brand("acme bank"), "io.github.x/bank-acme", false)]
    fn leaf_with_the_words_of_a_brand_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::BrandInLeaf, brand_in_leaf, &target, suspect, is_found);
    }
}
