use std::collections::{BTreeSet, HashMap};

use super::OverlaySet;
use super::conditions::{Condition, Conditions, WaivedCondition};
use super::overruled::{covering, may_overlap};
use super::rule::Rule;
use crate::lint::Finding;

/// Returns a warning for each rule with a condition that no value can meet beside those of wider rules: together they
/// allow nothing, although one of them allows something.
pub(super) fn unmeetable(rules: &[Rule]) -> Vec<Finding> {
    let mut demanding: HashMap<String, Vec<&Rule>> = HashMap::new();
    for rule in rules.iter().filter(|rule| rule.conditions.is_some()) {
        demanding.entry(rule.name.denial_form()).or_default().push(rule);
    }
    let each = rules.iter().filter_map(|rule| Some((rule, rule.conditions.as_ref()?)));
    each.filter_map(|(rule, conditions)| {
        let covering = covering(&rule.name.denial_form());
        let others = covering.iter().filter_map(|pattern| demanding.get(pattern)).flatten();
        let others: Vec<&Rule> = others.copied().filter(|other| is_beside(rule, other)).collect();
        let mut lists = conditions.lists.iter();
        lists.find_map(|(condition, list)| finding(rule, *condition, list, &others))
    })
    .collect()
}

impl OverlaySet {
    /// Returns a warning for each waiver of a condition that no rule sets which may select the same.
    #[must_use]
    pub fn idle_waivers(&self) -> Vec<Finding> {
        idle_waivers(self.rules())
    }
}

fn idle_waivers(rules: &[Rule]) -> Vec<Finding> {
    let mut by_form: HashMap<String, Vec<&Rule>> = HashMap::new();
    for rule in rules.iter().filter(|rule| rule.conditions.is_some()) {
        by_form.entry(rule.name.denial_form()).or_default().push(rule);
    }
    let each = rules.iter().filter_map(|rule| Some((rule, rule.waive.as_ref()?)));
    // Advisories come and go with their feeds, and the settings demand provenance too.
    let of_rules = each.filter(|(_, waive)| {
        let of_others = WaivedCondition::One(Condition::Provenance);
        !matches!(waive.condition, WaivedCondition::Advisory(_)) && waive.condition != of_others
    });
    let idle = of_rules.filter(|(rule, waive)| {
        let covering = covering(&rule.name.denial_form());
        let mut others = covering.iter().filter_map(|pattern| by_form.get(pattern)).flatten();
        let sets = |other: &&Rule| {
            let set = other.conditions.iter().flat_map(Conditions::set);
            may_overlap(&rule.versions, &other.versions)
                && set.into_iter().any(|condition| waive.condition.covers(condition))
        };
        !others.any(sets)
    });
    idle.map(|(rule, waive)| {
        let found =
            format!("no rule sets the condition `{}` for `{}`", waive.condition, rule.selector());
        Finding::warning(&waive.place, found, "remove the waiver, or correct its condition")
    })
    .collect()
}

/// Returns true if another rule may select what a rule selects. Of two rules with one name pattern the later one is
/// reported.
fn is_beside(rule: &Rule, other: &Rule) -> bool {
    let place = |rule: &Rule| (rule.place.source.file.clone(), rule.place.span.start);
    let concerns_same =
        rule.upstream.is_none() || other.upstream.is_none() || rule.upstream == other.upstream;
    let is_same_name = rule.name.denial_form() == other.name.denial_form();
    !std::ptr::eq(rule, other)
        && (!is_same_name || place(other) < place(rule))
        && concerns_same
        && may_overlap(&rule.versions, &other.versions)
}

/// Narrows the list of a rule by those of other rules which may select the same together, and returns a warning at the
/// first that leaves nothing.
fn finding(
    rule: &Rule,
    condition: Condition,
    list: &BTreeSet<String>,
    others: &[&Rule],
) -> Option<Finding> {
    others.iter().find_map(|first| {
        let mut left = list.clone();
        let together = others.iter().filter(|other| may_overlap(&first.versions, &other.versions));
        for other in together {
            let Some(their) = other.conditions.as_ref()?.lists.get(&condition) else { continue };
            if left.is_empty() && their.is_empty() {
                continue;
            }
            left.retain(|value| their.iter().any(|other| have_common(condition, value, other)));
            if left.is_empty() {
                return Some(nothing_allowed(rule, condition, other));
            }
        }
        None
    })
}

fn nothing_allowed(rule: &Rule, condition: Condition, other: &Rule) -> Finding {
    let found = format!(
        "no value can meet the condition `{condition}`: beside that of `{}` nothing is allowed",
        other.selector()
    );
    let allowed = "conditions of all rules add up; allow a value in all of them, or waive the condition for one server";
    Finding::warning(&rule.place, found, allowed).against(&other.place)
}

fn have_common(condition: Condition, left: &str, right: &str) -> bool {
    let below = |pattern: &str, host: &str| {
        pattern.strip_prefix('*').is_some_and(|domain| host.ends_with(domain))
    };
    let begins = |pattern: &str, other: &str| {
        let fixed = other.strip_suffix('*').unwrap_or(other).to_ascii_lowercase();
        let start = pattern.strip_suffix('*').map(str::to_ascii_lowercase);
        start.is_some_and(|start| {
            fixed.starts_with(&start) || other.ends_with('*') && start.starts_with(&fixed)
        })
    };
    match condition {
        Condition::RemoteHosts => left == right || below(left, right) || below(right, left),
        // The type of the package decides which spellings are equal, so only unequal letters are.
        Condition::PackageIdentifiers => {
            let plain = |text: &str| text.replace(['-', '_', '.'], "").to_ascii_lowercase();
            plain(left) == plain(right) || begins(left, right) || begins(right, left)
        }
        Condition::PackageRegistries => left.trim_end_matches('/') == right.trim_end_matches('/'),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::context;
    use super::super::{OverlaySet, read};
    use crate::lint::Source;

    #[rstest::rstest]
    #[case(
        "name: '*', conditions: {packages: {types: [npm]}}",
        "name: com.a/x, conditions: {packages: {types: [pypi]}}",
        true
    )]
    #[case(
        "name: '*', conditions: {packages: {types: [npm]}}",
        "name: com.a/x, conditions: {packages: {types: [npm, pypi]}}",
        false
    )]
    #[case(
        "name: '*', conditions: {packages: {types: []}}",
        "name: com.a/x, conditions: {packages: {types: [pypi]}}",
        true
    )]
    #[case(
        "name: '*', conditions: {secrets: [A]}",
        "name: com.a.*/*, conditions: {environment: [B]}",
        false
    )]
    #[case(
        "name: com.b/*, conditions: {secrets: [A]}",
        "name: com.a/x, conditions: {secrets: [B]}",
        false
    )]
    #[case(
        "name: com.a/*, conditions: {remotes: {hosts: ['*.a.example']}}",
        "name: com.a/x, conditions: {remotes: {hosts: [x.a.example]}}",
        false
    )]
    #[case(
        "name: com.a/*, conditions: {remotes: {hosts: ['*.a.example']}}",
        "name: com.a/x, conditions: {remotes: {hosts: [a.example]}}",
        true
    )]
    #[case(
        "name: com.a/*, conditions: {packages: {identifiers: ['@a/*']}}",
        "name: com.a/x, conditions: {packages: {identifiers: ['@a/b']}}",
        false
    )]
    #[case(
        "name: com.a/*, conditions: {packages: {identifiers: ['@a/*']}}",
        "name: com.a/x, conditions: {packages: {identifiers: ['@b/*']}}",
        true
    )]
    #[case(
        "name: com.a/x, versions: '<2', conditions: {secrets: [A]}",
        "name: com.a/x, versions: '>=2', conditions: {secrets: [B]}",
        false
    )]
    #[case(
        "name: com.a/x, conditions: {secrets: [A]}",
        "name: com.a/x, conditions: {secrets: [B]}",
        true
    )]
    fn condition_without_a_value_in_common_with_a_wider_rule_is_a_warning(
        #[case] wide: &str,
        #[case] narrow: &str,
        #[case] is_found: bool,
    ) {
        let context = context();
        for order in [[wide, narrow], [narrow, wide]] {
            let text = format!("servers: [{{{}}}, {{{}}}]", order[0], order[1]);
            let findings = read(&[Source::new("x.yaml", text)], &context).findings;
            let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), usize::from(is_found), "{found:?}");
            assert!(found.iter().all(|found| found.contains("no value can meet")), "{found:?}");
        }
    }

    #[rstest::rstest]
    #[case("pinned_packages", "name: '*', conditions: {pinned_packages: true}", false)]
    #[case("packages", "name: com.A/X, conditions: {packages: {types: [npm]}}", false)]
    #[case("secrets", "name: '*', conditions: {pinned_packages: true}", true)]
    #[case("secrets", "name: com.b/*, conditions: {secrets: none}", true)]
    #[case("provenance", "name: com.b/*, conditions: {secrets: none}", false)]
    fn waiver_of_a_condition_that_no_rule_sets_is_a_warning(
        #[case] condition: &str,
        #[case] rule: &str,
        #[case] is_idle: bool,
    ) {
        let context = context();
        let text = format!(
            "servers: [{{{rule}}}, {{name: com.a/x, waive: {{condition: {condition}, reason: r, reviewer: a, expires: 2027-01-01}}}}]"
        );
        let set = OverlaySet::from(read(&[Source::new("x.yaml", text)], &context));
        assert_eq!(set.idle_waivers().len(), usize::from(is_idle));
    }

    #[test]
    fn conditions_of_ranges_apart_are_not_added_up() {
        let context = context();
        let text = "servers: [{name: com.a/*, versions: '<2', conditions: {packages: {types: [npm]}}}, \
            {name: com.a/*, versions: '>=2', conditions: {packages: {types: [pypi]}}}, \
            {name: com.a/x, conditions: {packages: {types: [npm, pypi]}}}]";
        let findings = read(&[Source::new("x.yaml", text)], &context).findings;
        assert_eq!(findings.len(), 0, "{findings:?}");
    }

    #[test]
    fn three_rules_that_agree_in_pairs_only_are_a_warning() {
        let context = context();
        let text = "servers: [{name: '*', conditions: {secrets: [A, B]}}, \
            {name: com.a/*, conditions: {secrets: [B, C]}}, {name: com.a/x, conditions: {secrets: [A, C]}}]";
        let findings = read(&[Source::new("x.yaml", text)], &context).findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}
