use std::collections::BTreeSet;

use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;

/// Reports a leaf with the target's words in another order.
pub(in crate::lookalike) fn swapped_words(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let (ours, theirs) = (&suspect.words, &target.words);
    let is_swapped = if target.is_name {
        ours.sorted.len() > 1 && ours.sorted == theirs.sorted && ours.core != theirs.core
    } else {
        let set = |words: &[String]| words.iter().cloned().collect::<BTreeSet<String>>();
        let (ours, theirs) = (&ours.all, &theirs.all);
        ours.len() > 1 && ours.len() == theirs.len() && ours != theirs && set(ours) == set(theirs)
    };
    is_swapped.then(|| suspect.in_leaf(Technique::SwappedWords, target))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{brand, in_leaf, name};
    use super::*;

    #[rstest::rstest]
    #[case(name("io.github.x/korea-stock"), "com.else/stock-korea", true)]
    #[case(name("io.github.x/korea-stock-mcp"), "com.else/Stock_Korea-server", true)]
    #[case(brand("internal-billing"), "com.else/billing-internal", true)]
    #[case(name("io.github.x/korea-stock"), "com.else/korea-stock", false)]
    #[case(name("io.github.x/korea-stock"), "com.else/stock", false)]
    #[case(brand("internal-billing"), "com.else/billing-internal-mcp", false)]
    #[case(brand("stripe"), "com.else/stripe", false)]
    fn leaf_with_the_words_in_another_order_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::SwappedWords, swapped_words, &target, suspect, is_found);
    }
}
