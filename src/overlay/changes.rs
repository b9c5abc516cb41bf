use std::collections::HashSet;

use super::set::patterns_of;
use super::{
    Classification, NamePattern, OverlaySet, OwnershipStatement, State, Statement, Track,
    VersionPattern,
};
use crate::model::{Digest, Instant, Name, NamespacePattern};

/// For which names one set says other things than another, as far as that can be served: an edit of
/// one statement among thousands must not mean deciding about everything anew.
#[derive(Debug, Default)]
pub struct Changes {
    /// What selects these names, case kept.
    patterns: HashSet<String>,
    /// The same of denials and suspensions, ASCII-folded.
    hiding: HashSet<String>,
    /// Namespaces of which something else is said.
    namespaces: Vec<NamespacePattern>,
}

/// What of a statement can change what is served.
#[derive(PartialEq)]
struct Effect<'s> {
    versions: &'s VersionPattern,
    upstream: Option<&'s str>,
    tier: Option<u8>,
    classification: Option<Classification>,
    labels: Option<&'s [String]>,
    approval: Option<Ruling>,
}

#[derive(PartialEq)]
struct Ruling {
    state: State,
    track: Option<Track>,
    reviewed: Option<Instant>,
    expires: Option<Instant>,
    digest: Option<Digest>,
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
            if old.iter().chain(&new).any(|statement| statement.hides()) {
                changes.hiding.insert(pattern.to_ascii_lowercase());
            }
            changes.patterns.insert(pattern.to_owned());
        }
        let internal = |set: &OverlaySet, other: &OverlaySet| -> Vec<NamespacePattern> {
            let new = set.internal().iter().filter(|it| !other.internal().contains(it));
            new.cloned().collect()
        };
        let owners = |set: &OverlaySet, other: &OverlaySet| -> Vec<NamespacePattern> {
            let known = |it: &&OwnershipStatement| {
                other.ownership().iter().any(|other| {
                    other.namespace == it.namespace
                        && other.pins == it.pins
                        && other.shared_host == it.shared_host
                })
            };
            let new = set.ownership().iter().filter(|it| !known(it));
            new.map(|it| it.namespace.clone()).collect()
        };
        changes.namespaces = [
            internal(before, after),
            internal(after, before),
            owners(before, after),
            owners(after, before),
        ]
        .concat();
        changes
    }

    /// Whether they can change what is decided about a name.
    #[must_use]
    pub fn concern(&self, name: &Name) -> bool {
        let any = |patterns: &HashSet<String>, name: &str| {
            !patterns.is_empty() && patterns_of(name).any(|pattern| patterns.contains(&pattern))
        };
        any(&self.patterns, name.as_str())
            || (!self.hiding.is_empty() && any(&self.hiding, &name.folded()))
            || self.namespaces.iter().any(|pattern| pattern.covers(name))
    }

    /// The namespaces whose owner is stated anew, with all below where that is meant.
    #[must_use]
    pub fn namespaces(&self) -> &[NamespacePattern] {
        &self.namespaces
    }

    /// The names themselves, where every change is about an exact one.
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

impl<'s> Effect<'s> {
    fn of(statement: &'s Statement) -> Self {
        let Statement { versions, tier, classification, .. } = statement;
        Self {
            versions,
            upstream: statement.upstream.as_deref(),
            tier: *tier,
            classification: *classification,
            labels: statement.labels.as_deref(),
            approval: statement.approval.as_ref().map(|approval| Ruling {
                state: approval.state,
                track: approval.track,
                reviewed: approval.reviewed,
                expires: approval.expires,
                digest: approval.digest,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::overlay::{Context, Terms, read};

    fn set(servers: &str) -> OverlaySet {
        let now = Instant::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
        read(&[Source::new("x.yaml", servers)], &context).into()
    }

    const BEFORE: &str = "servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2}, {name: com.C/y, approval: {state: denied}}]";

    #[rstest::rstest]
    #[case(BEFORE, &[])]
    #[case("# moved\nservers: [{name: com.b/*, tier: 2, reason: r}, {name: com.a/x, tier: 1}, {name: com.C/y, approval: {state: denied}}]", &[])]
    #[case("servers: [{name: com.a/x, tier: 2}, {name: com.b/*, tier: 2}, {name: com.C/y, approval: {state: denied}}]", &["com.a/x"])]
    #[case("servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 1}, {name: com.C/y, approval: {state: denied}}]", &["com.b/z"])]
    #[case("servers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2}]", &["com.c/y", "com.C/y"])]
    #[case("namespaces: [{name: com.d.*, internal: true}]\nservers: [{name: com.a/x, tier: 1}, {name: com.b/*, tier: 2}, {name: com.C/y, approval: {state: denied}}]", &["com.d.e/z"])]
    fn a_change_concerns_the_names_it_is_about(#[case] after: &str, #[case] wanted: &[&str]) {
        let changes = Changes::between(&set(BEFORE), &set(after));
        let all = ["com.a/x", "com.b/z", "com.c/y", "com.C/y", "com.d.e/z"];
        let name = |text: &str| Name::parse(text).expect("a name");
        let concerned: Vec<&str> =
            all.into_iter().filter(|text| changes.concern(&name(text))).collect();
        assert_eq!(concerned, wanted);
        if wanted == ["com.a/x"] {
            assert_eq!(changes.exact(), Some(vec![name("com.a/x")]));
        }
    }
}
