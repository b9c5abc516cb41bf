use std::collections::{BTreeSet, HashSet};

use super::set::patterns_of;
use super::{
    Approval, Classification, Conditions, NamePattern, OnDeprecated, OnDrift, OverlaySet, Rule,
    VersionPattern, WaivedCondition,
};
use crate::model::{Name, NamespacePattern, Timestamp};
use crate::ownership::Pins;

/// The names to which two sets apply different rules, as far as that can change what is served or by whose approval: an
/// edit of one rule among thousands must not cause a new evaluation of every entry.
#[derive(Debug, Default)]
pub struct Changes {
    /// The patterns that select these names, case kept.
    patterns: HashSet<String>,
    /// The denial forms of the patterns of denials and suspensions.
    hiding: HashSet<String>,
    /// Namespaces with different rules.
    namespaces: Vec<NamespacePattern>,
}

/// A rule without its place, as far as it can change what is served or what is recorded about that.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Effect<'s> {
    versions: &'s VersionPattern,
    upstream: Option<&'s str>,
    tier: Option<u8>,
    classification: Option<Classification>,
    labels: Option<&'s [String]>,
    owner: Option<&'s str>,
    reason: Option<&'s str>,
    approval: Option<&'s Approval>,
    allow: Option<(&'s str, Timestamp)>,
    conditions: Option<&'s Conditions>,
    waive: Option<(WaivedCondition, Timestamp)>,
    on_drift: Option<OnDrift>,
    on_deprecated: Option<OnDeprecated>,
    successor: Option<&'s Name>,
}

impl Changes {
    #[must_use]
    pub fn between(before: &OverlaySet, after: &OverlaySet) -> Self {
        let mut changes = Self::default();
        for pattern in before.patterns().chain(after.patterns()) {
            let (old, new) = (before.of_pattern(pattern), after.of_pattern(pattern));
            if old.iter().copied().map(Effect::of).eq(new.iter().copied().map(Effect::of)) {
                continue;
            }
            let hiding = old.iter().chain(&new).filter(|rule| rule.is_generous());
            changes.hiding.extend(hiding.map(|rule| rule.name.denial_form()));
            changes.patterns.insert(pattern.to_owned());
        }
        changes.namespaces = changed_namespaces(before, after);
        changes
    }

    /// Adds names that another change concerns.
    #[must_use]
    pub fn and_names(mut self, names: BTreeSet<Name>) -> Self {
        self.patterns.extend(names.into_iter().map(|name| name.to_string()));
        self
    }

    /// Returns true if the changes can affect the evaluation of a name.
    #[must_use]
    pub fn concern(&self, name: &Name) -> bool {
        let any = |patterns: &HashSet<String>, name: &str| {
            !patterns.is_empty() && patterns_of(name).any(|pattern| patterns.contains(&pattern))
        };
        any(&self.patterns, name.as_str())
            || (!self.hiding.is_empty() && any(&self.hiding, &name.denial_form()))
            || self.namespaces.iter().any(|pattern| pattern.covers(name))
    }

    /// Returns the namespaces with changed ownership rules, with all below for a wildcard.
    #[must_use]
    pub fn namespaces(&self) -> &[NamespacePattern] {
        &self.namespaces
    }

    /// Returns the names themselves, if every change selects an exact one.
    #[must_use]
    pub fn exact(&self) -> Option<Vec<Name>> {
        if !self.hiding.is_empty() || !self.namespaces.is_empty() {
            return None;
        }
        let exact = self.patterns.iter().map(|pattern| match NamePattern::parse(pattern) {
            Ok(NamePattern::Exact(name)) => Some(name),
            _ => None,
        });
        exact.collect()
    }
}

/// Returns the namespaces about which only one of the sets says something.
fn changed_namespaces(before: &OverlaySet, after: &OverlaySet) -> Vec<NamespacePattern> {
    fn internal(set: &OverlaySet) -> HashSet<&NamespacePattern> {
        set.internal().iter().collect()
    }
    fn owners(set: &OverlaySet) -> HashSet<(&NamespacePattern, &Pins, bool)> {
        set.ownership().iter().map(|rule| (&rule.namespace, &rule.pins, rule.shared_host)).collect()
    }
    let (old, new) = (owners(before), owners(after));
    let owners = old.symmetric_difference(&new).map(|(namespace, ..)| *namespace);
    let (old, new) = (internal(before), internal(after));
    let changed: BTreeSet<&NamespacePattern> =
        old.symmetric_difference(&new).copied().chain(owners).collect();
    changed.into_iter().cloned().collect()
}

impl<'s> Effect<'s> {
    pub(super) fn of(rule: &'s Rule) -> Self {
        let Rule { versions, tier, classification, .. } = rule;
        Self {
            versions,
            upstream: rule.upstream.as_deref(),
            tier: *tier,
            classification: *classification,
            labels: rule.labels.as_deref(),
            allow: rule.allow.as_ref().map(|allow| (allow.url.as_str(), allow.expires)),
            conditions: rule.conditions.as_ref(),
            waive: rule.waive.as_ref().map(|waive| (waive.condition.clone(), waive.expires)),
            on_drift: rule.on_drift,
            on_deprecated: rule.on_deprecated,
            successor: rule.successor.as_ref(),
            owner: rule.owner.as_deref(),
            reason: rule.reason.as_deref(),
            approval: rule.approval.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::tests::set;

    const BEFORE: &str = "servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2}, {name: com.C/y, approval: {state: denied}}]";

    #[rstest::rstest]
    #[case(BEFORE, &[])]
    #[case("servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2}, {name: com.C/y, approval: {state: denied}}, {name: com.a/x, versions: 1.0.0, allow: {url: 'http://x.corp', reason: r, reviewer: a, expires: 2026-12-31}}]", &["com.a/x"])]
    #[case("# moved\nservers: [{name: com.b/*, tier: 2}, {name: com.a/x, tier: 1}, {name: com.C/y, approval: {state: denied}}]", &[])]
    #[case("servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2, owner: o}, {name: com.C/y, approval: {state: denied}}]", &["com.b/z"])]
    #[case("servers: [{name: com.a/x, tier: 2}, {name: com.b/*, tier: 2}, {name: com.C/y, approval: {state: denied}}]", &["com.a/x"])]
    #[case("servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 1}, {name: com.C/y, approval: {state: denied}}]", &["com.b/z"])]
    #[case("servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2}]", &["com.c/y", "com.C/y", "com.c./y."])]
    #[case("namespaces: [{name: com.d.*, internal: true}]\nservers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2}, {name: com.C/y, approval: {state: denied}}]", &["com.d.e/z"])]
    fn change_concerns_only_the_names_it_selects(#[case] after: &str, #[case] wanted: &[&str]) {
        let changes = Changes::between(&set(BEFORE), &set(after));
        let all = ["com.a/x", "com.b/z", "com.c/y", "com.C/y", "com.c./y.", "com.d.e/z"];
        let name = |text: &str| Name::parse(text).expect("a name");
        let concerned: Vec<&str> =
            all.into_iter().filter(|text| changes.concern(&name(text))).collect();
        assert_eq!(concerned, wanted);
        if wanted == ["com.a/x"] {
            assert_eq!(changes.exact(), Some(vec![name("com.a/x")]));
        }
    }
}
