use std::collections::HashMap;

use super::changes::Effect;
use super::{OverlaySet, Rule, VersionPattern};

/// The rules in which two sets differ, as far as that can change what is served.
#[derive(Debug, Default)]
pub struct AlteredRules<'s> {
    /// Rules of both sets by their address: the same rule stands behind one reference everywhere.
    altered: HashMap<*const Rule, (&'s Rule, Alteration)>,
}

/// The difference between two sets in one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alteration {
    /// No rule of the earlier set selects the same.
    New,
    /// It says something else than the rule of the earlier set that selects the same.
    Changed,
    /// No rule of the later set selects the same.
    Removed,
}

/// The part of a selector that rules of one pattern differ in.
type Selection<'s> = (&'s VersionPattern, Option<&'s str>);

impl<'s> AlteredRules<'s> {
    /// Compares two sets pattern by pattern, in a number of steps that grows with the number of rules.
    #[must_use]
    pub fn between(before: &'s OverlaySet, after: &'s OverlaySet) -> Self {
        let mut altered = Self::default();
        for pattern in after.patterns() {
            altered.compare(before.of_pattern(pattern), after.of_pattern(pattern));
        }
        for pattern in before.patterns() {
            if after.of_pattern(pattern).is_empty() {
                altered.compare(before.of_pattern(pattern), Vec::new());
            }
        }
        altered
    }

    fn compare(&mut self, before: Vec<&'s Rule>, mut after: Vec<&'s Rule>) {
        let mut equal: HashMap<Effect<'s>, Vec<&'s Rule>> = HashMap::new();
        for rule in before {
            equal.entry(Effect::of(rule)).or_default().push(rule);
        }
        after.retain(|rule| equal.get_mut(&Effect::of(rule)).and_then(Vec::pop).is_none());
        let mut earlier: HashMap<Selection<'s>, Vec<&'s Rule>> = HashMap::new();
        for rule in equal.into_values().flatten() {
            earlier.entry(selection(rule)).or_default().push(rule);
        }
        for rule in after {
            let replaced = earlier.get_mut(&selection(rule)).and_then(Vec::pop);
            let alteration = replaced.map_or(Alteration::New, |_| Alteration::Changed);
            for known in replaced.into_iter().chain([rule]) {
                self.altered.insert(known, (rule, alteration));
            }
        }
        for rule in earlier.into_values().flatten() {
            self.altered.insert(rule, (rule, Alteration::Removed));
        }
    }

    /// Returns the alteration that a rule of either set belongs to, with the rule to name: that of the later set, unless
    /// it was removed.
    #[must_use]
    pub fn of(&self, rule: &Rule) -> Option<(&'s Rule, Alteration)> {
        self.altered.get(&std::ptr::from_ref(rule)).copied()
    }
}

fn selection(rule: &Rule) -> Selection<'_> {
    (&rule.versions, rule.upstream.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::tests::set;

    const BEFORE: &str = "servers: [{name: a.b/*, tier: 1}, {name: a.b/c, tier: 2}, {name: a.b/d, approval: {state: denied}}]";

    #[rstest::rstest]
    #[case(BEFORE, &[])]
    #[case("# moved\nservers: [{name: a.b/c, tier: 2}, {name: a.b/*, tier: 1}, {name: a.b/d, approval: {state: denied}}]", &[])]
    #[case("servers: [{name: a.b/*, tier: 3}, {name: a.b/c, tier: 2}, {name: x.y/z, tier: 1}]", &["a.b/* Changed", "a.b/d Removed", "x.y/z New"])]
    #[case("servers: [{name: a.b/*, tier: 1}, {name: a.b/c, versions: 1.0.0, tier: 2}, {name: a.b/d, approval: {state: denied}}]", &["a.b/c Removed", "a.b/c@1.0.0 New"])]
    fn rule_is_altered_only_if_it_can_change_what_is_served(
        #[case] after: &str,
        #[case] wanted: &[&str],
    ) {
        let (before, after) = (set(BEFORE), set(after));
        let altered = AlteredRules::between(&before, &after);
        let rules = before.rules().iter().chain(after.rules());
        let named = rules.filter_map(|rule| altered.of(rule));
        let mut found: Vec<String> =
            named.map(|(rule, how)| format!("{} {how:?}", rule.selector())).collect();
        found.sort();
        found.dedup();
        assert_eq!(found, wanted);
    }
}
