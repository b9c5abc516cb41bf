use std::collections::HashMap;

use super::set::patterns_of;
use super::{Contents, ListedContent, NamePattern, OverlaySet, Rule, VersionPattern};
use crate::lint::{Finding, Place};

/// The denials of one name pattern, by the versions that they deny.
#[derive(Default)]
struct Denials<'s> {
    /// By the release that an exact version spells.
    by_release: HashMap<String, Vec<&'s Rule>>,
    /// The others, by their pattern as it is written.
    others: HashMap<&'s NamePattern, Vec<&'s Rule>>,
}

impl OverlaySet {
    /// Returns a warning for each approval that a denial of another spelling overrules: of the same
    /// release (`1.2.3`, `v1.2.3+1`), or of a name that differs in case or outer dots only. The reviewer
    /// of the approval probably did not see the denial, or took the two for different servers.
    #[must_use]
    pub fn overruled(&self) -> Vec<Finding> {
        let mut denials: HashMap<String, Denials<'_>> = HashMap::new();
        for rule in self.rules().iter().filter(|rule| rule.hides()) {
            let of_name = denials.entry(rule.name.denial_form()).or_default();
            match &rule.versions {
                VersionPattern::Exact(version) => {
                    of_name.by_release.entry(version.release_form()).or_default().push(rule);
                }
                _ => of_name.others.entry(&rule.name).or_default().push(rule),
            }
        }
        if denials.is_empty() {
            return Vec::new();
        }
        let approvals = self.rules().iter().filter(|rule| rule.approved().is_some());
        let find = |approval: &Rule, versions: &VersionPattern| {
            covering(&approval.name.denial_form())
                .into_iter()
                .filter_map(|form| denials.get(&form))
                .find_map(|of_name| of_name.overruling(approval, versions))
        };
        approvals
            .flat_map(|approval| match find(approval, &approval.versions) {
                Some(denial) => vec![warning(&approval.place, &approval.selector(), denial)],
                None => approval
                    .listed()
                    .filter_map(|content| {
                        let denial =
                            find(approval, &VersionPattern::Exact(content.version.clone()))?;
                        let entry = format!("{}@{}", approval.name, content.version);
                        Some(warning(&content.place_in(&approval.place.source), &entry, denial))
                    })
                    .collect(),
            })
            .collect()
    }
}

impl Rule {
    /// Returns the versions that its approval lists.
    fn listed(&self) -> impl Iterator<Item = &ListedContent> {
        let contents = self.approved().and_then(|approval| approval.contents.as_ref());
        contents.into_iter().flat_map(Contents::iter)
    }
}

impl<'s> Denials<'s> {
    /// Returns a denial that overrules the approval of these versions by its spelling.
    fn overruling(&self, approval: &Rule, versions: &VersionPattern) -> Option<&'s Rule> {
        let exact = match versions {
            VersionPattern::Exact(version) => self.by_release.get(&version.release_form()),
            _ => None,
        };
        let exact = exact.into_iter().flatten().filter(|denial| {
            denial.versions != *versions || !is_covered(&approval.name, &denial.name)
        });
        let others = self.others.iter().filter(|(name, _)| !is_covered(&approval.name, name));
        let others = others
            .flat_map(|(_, denials)| denials)
            .filter(|denial| may_overlap(versions, &denial.versions));
        exact.chain(others).copied().find(|denial| {
            let (left, right) = (&approval.upstream, &denial.upstream);
            left.is_none() || right.is_none() || left == right
        })
    }
}

/// Returns all patterns that cover a name or a pattern, in the same form.
pub(super) fn covering(form: &str) -> Vec<String> {
    let inside = form.replace(".*/*", "/*");
    let mut patterns: Vec<String> = patterns_of(&inside).collect();
    if inside != form {
        // What covers `NS.*/*` covers names below `NS` too.
        patterns.retain(|pattern| *pattern != inside);
    }
    patterns
}

/// Returns true if the names of one pattern are all names of the other, as they are written.
fn is_covered(names: &NamePattern, by: &NamePattern) -> bool {
    let by = by.to_string();
    covering(&names.to_string()).contains(&by)
}

pub(super) fn may_overlap(approved: &VersionPattern, denied: &VersionPattern) -> bool {
    match (approved, denied) {
        (VersionPattern::Exact(version), denied) => {
            denied.denies(version, version.semantic().as_ref())
        }
        (VersionPattern::Range(approved), VersionPattern::Range(denied)) => {
            approved.overlaps(denied)
        }
        _ => true,
    }
}

fn warning(place: &Place, approved: &str, denial: &Rule) -> Finding {
    let found = format!(
        "the approval of `{approved}` has no effect: a denial or suspension of `{}` covers every spelling of it",
        denial.selector()
    );
    let allowed = "remove the approval, or deny more narrowly";
    Finding::warning(place, found, allowed).against(&denial.place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::overlay::read;
    use crate::overlay::tests::context;

    /// P48.
    #[rstest::rstest]
    #[case("name: com.a/x, versions: 1.2.3+1", "name: com.a/x, versions: 1.2.3", true)]
    #[case("name: com.a/x, versions: v1.2.3", "name: com.a/*, versions: 1.2.3", true)]
    #[case("name: com.a/x.", "name: com.a/x", true)]
    #[case("name: com.A/x, versions: '>=1'", "name: com.a.*/*, versions: '<2'", true)]
    #[case("name: com.A.*/*", "name: com.*/*", false)]
    #[case("name: com.A.*/*", "name: com.a.*/*", true)]
    #[case("name: com.A.*/*", "name: com.a/*", false)]
    #[case("name: com.A/x, versions: '>=2'", "name: com.a/x, versions: '<2'", false)]
    #[case("name: com.a/x, versions: 1.2.3", "name: com.a/x, versions: 1.2.3-rc.1", false)]
    #[case("name: com.a/x, versions: 1.2.3", "name: com.a/x", false)]
    #[case("name: com.a/x., upstream: one", "name: com.a/x, upstream: two", false)]
    #[case("name: com.a/x., upstream: one", "name: com.a/x", true)]
    #[case("name: com.a/x listing v1.2.3", "name: com.a/x, versions: 1.2.3", true)]
    #[case("name: com.a/x listing 1.2.3", "name: com.a/x, versions: 1.2.3", false)]
    #[case("name: com.a/x listing 1.2.4", "name: com.a/x, versions: v1.2.3", false)]
    fn approval_that_a_denial_of_another_spelling_overrules_is_a_warning(
        #[case] approved: &str,
        #[case] denied: &str,
        #[case] is_overruled: bool,
    ) {
        let context = context();
        let (approved, contents) = approved.split_once(" listing ").unwrap_or((approved, ""));
        let digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let contents = match contents {
            "" => String::new(),
            version => format!(", contents: {{{version}: '{digest}'}}"),
        };
        let approval = format!("{{state: approved, reviewed: 2026-05-01{contents}}}");
        let files = [
            Source::new("a.yaml", format!("servers: [{{{approved}, approval: {approval}}}]")),
            Source::new("d.yaml", format!("servers: [{{{denied}, approval: {{state: denied}}}}]")),
        ];
        let set = OverlaySet::from(read(&files, &context));
        let found: Vec<String> = set.overruled().iter().map(Finding::to_string).collect();
        assert_eq!(found.len(), usize::from(is_overruled), "{found:?}");
        for finding in found {
            assert!(finding.contains("a.yaml:1:") && finding.contains("d.yaml:1:11"), "{finding}");
        }
    }
}
