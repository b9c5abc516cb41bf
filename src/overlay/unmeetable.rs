use std::collections::{BTreeSet, HashMap};

use super::conditions::Condition;
use super::overruled::{covering, may_overlap};
use super::rule::Rule;
use crate::lint::Finding;

/// Returns a warning for each rule with a condition that no value can meet beside that of a wider rule: the two allow
/// nothing in common.
pub(super) fn unmeetable(rules: &[Rule]) -> Vec<Finding> {
    let mut demanding: HashMap<String, Vec<&Rule>> = HashMap::new();
    for rule in rules.iter().filter(|rule| rule.conditions.is_some()) {
        demanding.entry(rule.name.to_string()).or_default().push(rule);
    }
    let each = rules.iter().filter(|rule| rule.conditions.is_some());
    each.filter_map(|rule| {
        let covering = covering(&rule.name.to_string());
        let mut others = covering.iter().filter_map(|pattern| demanding.get(pattern)).flatten();
        others.find_map(|other| finding(rule, other))
    })
    .collect()
}

fn finding(rule: &Rule, other: &Rule) -> Option<Finding> {
    let is_later = (&other.place.source.file, other.place.span.start)
        < (&rule.place.source.file, rule.place.span.start);
    let concerns_same =
        rule.upstream.is_none() || other.upstream.is_none() || rule.upstream == other.upstream;
    // Of two rules with one name pattern the later one is reported.
    if std::ptr::eq(rule, other)
        || (rule.name == other.name && !is_later)
        || !concerns_same
        || !may_overlap(&rule.versions, &other.versions)
    {
        return None;
    }
    let theirs = &other.conditions.as_ref()?.lists;
    let mut lists = rule.conditions.as_ref()?.lists.iter();
    let (condition, _) = lists.find(|(condition, list)| {
        theirs.get(condition).is_some_and(|their| are_disjoint(**condition, list, their))
    })?;
    let found = format!(
        "no value can meet the condition `{condition}`: it allows nothing in common with that of `{}`",
        other.selector()
    );
    let allowed = "conditions of all rules add up; allow a value in both, or waive the condition for one server";
    Some(Finding::warning(&rule.place, found, allowed).against(&other.place))
}

/// Returns true if both lists allow something, and nothing in common.
fn are_disjoint(condition: Condition, left: &BTreeSet<String>, right: &BTreeSet<String>) -> bool {
    let in_common = |left: &String| right.iter().any(|right| have_common(condition, left, right));
    !left.is_empty() && !right.is_empty() && !left.iter().any(in_common)
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
    use super::super::{Context, Terms, read};
    use crate::lint::Source;
    use crate::model::Timestamp;

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
        false
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
        let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
        for order in [[wide, narrow], [narrow, wide]] {
            let text = format!("servers: [{{{}}}, {{{}}}]", order[0], order[1]);
            let findings = read(&[Source::new("x.yaml", text)], &context).findings;
            let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(found.len(), usize::from(is_found), "{found:?}");
            assert!(found.iter().all(|found| found.contains("no value can meet")), "{found:?}");
        }
    }
}
