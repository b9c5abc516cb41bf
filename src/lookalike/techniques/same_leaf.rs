use super::affix::has_equal_words;
use crate::lookalike::profile::EntryProfile;
use crate::lookalike::signal::Signal;
use crate::lookalike::suspect::SuspectName;
use crate::lookalike::target::Target;
use crate::lookalike::technique::Technique;
use crate::lookalike::text::leaf;

/// Reports the leaf of the target in another namespace; it counts only together with [`is_repository_alike`].
pub(in crate::lookalike) fn same_leaf(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Option<Signal> {
    let is_same = suspect.leaf.eq_ignore_ascii_case(leaf(target.subject()));
    (is_same && has_equal_words(suspect, target))
        .then(|| suspect.in_leaf(Technique::SameLeaf, target))
}

/// Returns true if both repositories have the same name.
pub(in crate::lookalike) fn is_repository_alike(
    ours: &EntryProfile,
    theirs: &EntryProfile,
) -> bool {
    let repositories = ours.repository.as_ref().zip(theirs.repository.as_ref());
    repositories.is_some_and(|(ours, theirs)| ours.name.eq_ignore_ascii_case(&theirs.name))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{in_leaf, name, profile};
    use super::*;

    #[rstest::rstest]
    #[case(name("io.github.m/playwright-mcp"), "com.else/playwright-mcp", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/Playwright-MCP", true)]
    #[case(name("io.github.m/playwright-mcp"), "com.else/playwright", false)]
    #[case(name("io.github.x/mcp"), "com.else/mcp", false)]
    #[case(name("io.github.x/api"), "com.else/api", false)]
    fn leaf_of_the_target_is_reported(
        #[case] target: Target,
        #[case] suspect: &str,
        #[case] is_found: bool,
    ) {
        in_leaf(Technique::SameLeaf, same_leaf, &target, suspect, is_found);
    }

    #[rstest::rstest]
    #[case("https://github.com/a/tool", "https://github.com/b/Tool", true)]
    #[case("https://github.com/a/tool", "https://github.com/a/other", false)]
    #[case("https://github.com/a/tool", "", false)]
    fn repositories_of_one_name_are_alike(
        #[case] ours: &str,
        #[case] theirs: &str,
        #[case] wanted: bool,
    ) {
        let of = |url: &str| profile(&format!(r#""repository": {{"url": "{url}"}}"#));
        assert_eq!(is_repository_alike(&of(ours), &of(theirs)), wanted);
    }
}
