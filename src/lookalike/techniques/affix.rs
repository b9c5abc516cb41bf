use crate::lookalike::frequent::FrequentNames;
use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::{MIN_EQUAL, leaf, length};

/// The namespaces that may use a leaf before it is frequent.
const MAX_RARE: u8 = 3;

/// Reports a leaf that differs from the target's in separators, affixes and stop words only.
pub(in crate::lookalike) fn affix(suspect: &SuspectName<'_>, target: &Target) -> Option<Signal> {
    let is_same = suspect.leaf.eq_ignore_ascii_case(leaf(target.subject()));
    (!is_same && has_equal_words(suspect, target))
        .then(|| suspect.in_leaf(Technique::Affix, target))
}

/// Returns true if both leaves have the same words, apart from stop words.
pub(in crate::lookalike) fn has_equal_words(suspect: &SuspectName<'_>, target: &Target) -> bool {
    has_equal_core(suspect, target) || has_equal_full(suspect, target)
}

/// Returns true if many namespaces use the equal words.
pub(in crate::lookalike) fn has_frequent_words(
    suspect: &SuspectName<'_>,
    target: &Target,
    frequent: &FrequentNames,
) -> bool {
    let is_rare = |text: &str| frequent.count(text) <= MAX_RARE;
    let is_rare_core = has_equal_core(suspect, target) && is_rare(&target.words.core);
    let is_rare_full = has_equal_full(suspect, target) && is_rare(&target.words.full);
    !is_rare_core && !is_rare_full
}

/// Returns true if the cores are equal, and at least one leaf lost no stop word: equal cores of `home-assistant` and
/// `home-services` are not evidence.
fn has_equal_core(suspect: &SuspectName<'_>, target: &Target) -> bool {
    let (ours, theirs) = (&suspect.words, &target.words);
    let is_evidence = ours.core == ours.full || theirs.core == theirs.full;
    is_equal(&ours.core, &theirs.core) && is_evidence
}

fn has_equal_full(suspect: &SuspectName<'_>, target: &Target) -> bool {
    is_equal(&suspect.words.full, &target.words.full)
}

fn is_equal(left: &str, right: &str) -> bool {
    left == right && length(left) >= MIN_EQUAL
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{in_leaf, name};
    use super::*;

    #[rstest::rstest]
    #[case(name("io.github.m/playwright-mcp"), "com.else/playwright-mcp-server", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/real-playwright", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/Play-Wright_official", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/playwright-mcp", false)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/Playwright-MCP", false)]
    #[case(name("io.github.x/home-assistant"), "com.else/home-services", false)]
    #[case(name("io.github.x/mcp-server"), "com.else/mcp", false)]
    #[case(name("io.github.x/maps"), "com.else/map", false)]
    fn leaf_with_other_affixes_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::Affix, affix, &target, suspect, is_found);
    }
}
