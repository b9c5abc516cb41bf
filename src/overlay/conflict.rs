use std::collections::{BTreeMap, HashMap};

use super::{NamePattern, Rule, VersionPattern};
use crate::lint::Finding;
use crate::model::Version;

/// A field that two rules may set to different values.
struct Field {
    name: &'static str,
    is_set: fn(&Rule) -> bool,
    agree: fn(&Rule, &Rule) -> bool,
}

macro_rules! fields {
    ($($field:ident),*) => {
        [$(Field {
            name: stringify!($field),
            is_set: |rule| rule.$field.is_some(),
            agree: |left, right| left.$field == right.$field,
        }),*]
    };
}

const FIELDS: [Field; 8] =
    fields![tier, classification, owner, labels, approval, on_drift, on_deprecated, successor];

impl Field {
    /// Returns true if the value of a rule decides beside every other one.
    fn is_apart(&self, rule: &Rule) -> bool {
        self.name == "approval" && rule.hides()
    }
}

/// The start of a selection: that of everything sorts first.
type Start<'s> = Option<&'s semver::Version>;
/// The first release behind a selection: the end of everything sorts last.
type End<'s> = (bool, Option<&'s semver::Version>);

/// Returns a finding for each rule that has another value than a rule of equal rank that can select
/// the same entry. A denial or suspension contradicts only an approval with the same selection: it hides whatever
/// another one approves.
///
/// Equal rank and a common name mean the same name pattern, and equal versions unless both are
/// ranges. The rules of such a group are sorted by the start of their ranges, and one sweep finds the
/// overlaps: thousands of ranges must not delay the denials of other files.
pub(super) fn contradictions(rules: &[Rule]) -> Vec<Finding> {
    type Group<'s> = (&'s NamePattern, u8, Option<&'s Version>, Option<&'s str>);
    let mut groups: HashMap<Group<'_>, Vec<usize>> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        let exact = match &rule.versions {
            VersionPattern::Exact(version) => Some(version),
            _ => None,
        };
        let key = (&rule.name, rule.versions.rank(), exact, rule.upstream.as_deref());
        groups.entry(key).or_default().push(index);
    }
    // By the later rule: the earlier one, and the fields with other values.
    let mut found: BTreeMap<usize, (usize, Vec<&'static str>)> = BTreeMap::new();
    for mut group in groups.into_values().filter(|group| group.len() > 1) {
        group.sort_by_key(|index| span(&rules[*index]).0);
        for field in &FIELDS {
            let mut sweep = Sweep { rules, field, widest: None, other: None };
            let mut same: HashMap<&VersionPattern, usize> = HashMap::new();
            for index in group.iter().copied().filter(|index| (field.is_set)(&rules[*index])) {
                let rule = &rules[index];
                let overlapping = if field.is_apart(rule) { None } else { sweep.add(index) };
                let first = *same.entry(&rule.versions).or_insert(index);
                let is_contrary = field.is_apart(rule) || field.is_apart(&rules[first]);
                let same = (is_contrary && !(field.agree)(rule, &rules[first])).then_some(first);
                let Some(against) = overlapping.or(same) else { continue };
                let (earlier, later) = (index.min(against), index.max(against));
                let (known, fields) = found.entry(later).or_insert((earlier, Vec::new()));
                if *known == earlier && !fields.contains(&field.name) {
                    fields.push(field.name);
                }
            }
        }
    }
    let findings = found.into_iter().map(|(later, (earlier, fields))| {
        contradiction(&rules[earlier], &rules[later], &fields.join(" and "))
    });
    findings.collect()
}

/// One pass over the rules of a group, sorted by start. Of the rules before it, only two can matter to
/// the next one: the one that ends last, and the one that ends last with another value than that.
struct Sweep<'s> {
    rules: &'s [Rule],
    field: &'s Field,
    widest: Option<usize>,
    other: Option<usize>,
}

impl Sweep<'_> {
    /// Adds a rule, and returns an earlier one that overlaps it with another value.
    fn add(&mut self, index: usize) -> Option<usize> {
        let rules = self.rules;
        let (start, end) = span(&rules[index]);
        let agrees = |other: usize| (self.field.agree)(&rules[index], &rules[other]);
        let ends_after = |other: usize| match span(&rules[other]).1 {
            (true, _) => true,
            (false, behind) => behind > start,
        };
        let is_wider = |than: Option<usize>| than.is_none_or(|than| end > span(&rules[than]).1);
        let mut before = [self.widest, self.other].into_iter().flatten();
        let against = before.find(|other| !agrees(*other) && ends_after(*other));
        match self.widest {
            Some(widest) if agrees(widest) && is_wider(Some(widest)) => self.widest = Some(index),
            Some(widest) if agrees(widest) => {}
            widest if is_wider(widest) => (self.widest, self.other) = (Some(index), widest),
            _ if is_wider(self.other) => self.other = Some(index),
            _ => {}
        }
        against
    }
}

fn span(rule: &Rule) -> (Start<'_>, End<'_>) {
    match &rule.versions {
        VersionPattern::Range(range) => {
            let (least, end) = range.bounds();
            (Some(least), (end.is_none(), end))
        }
        VersionPattern::Exact(_) | VersionPattern::Any => (None, (true, None)),
    }
}

fn contradiction(earlier: &Rule, later: &Rule, fields: &str) -> Finding {
    let found =
        format!("`{}` has a different {fields} in another rule of equal rank", later.selector());
    Finding::error(&later.place, found, "set it once, or make one selector more specific")
        .against(&earlier.place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lint::Source;
    use crate::model::Name;
    use crate::overlay::tests::context;
    use crate::overlay::{OverlaySet, State, parse, read};

    fn rule(versions: &str, tier: u8) -> Rule {
        let text = format!("servers: [{{name: com.a/x, versions: '{versions}', tier: {tier}}}]");
        let context = context();
        parse(&[Source::new("x.yaml", text)], &context).rules.remove(0)
    }

    /// Comparing each rule with each other one would take hours.
    #[test]
    fn two_hundred_thousand_ranges_of_one_name_are_compared() {
        let base = rule("<1", 1);
        let ranges = (0..200_000).map(|at| {
            let versions = format!(">={at}.0.1, <{}", at + 1);
            let versions = VersionPattern::parse(&versions).expect("a range");
            Rule { versions, ..base.clone() }
        });
        let mut rules: Vec<Rule> = ranges.collect();
        assert_eq!(contradictions(&rules), []);
        rules.push(rule(">=199999", 2));
        assert_eq!(contradictions(&rules).len(), 1);
    }

    #[rstest::rstest]
    #[case::approved(("'>=1, <3'", "approved"), ("'>=2'", "denied"), false)]
    #[case::suspended(("'>=1, <3'", "approved"), ("'>=2'", "suspended"), false)]
    #[case::pending(("'>=1, <3'", "pending"), ("'<2.1'", "denied"), false)]
    #[case::suspended_and_denied(("'>=1, <3'", "suspended"), ("'>=2'", "denied"), false)]
    #[case::same_range(("'>=1, <3'", "approved"), ("'>=1, <3'", "denied"), true)]
    #[case::same_version(("2.0.0", "approved"), ("2.0.0", "denied"), true)]
    #[case::same_name_only(("'*'", "approved"), ("'*'", "suspended"), true)]
    fn denial_decides_beside_an_approval_of_another_range(
        #[case] one: (&str, &str),
        #[case] other: (&str, &str),
        #[case] is_refused: bool,
    ) {
        let context = context();
        let source = |(versions, state): (&str, &str)| {
            let reviewed = if state == "approved" { ", reviewed: 2026-01-01" } else { "" };
            let versions = match versions {
                "'*'" => String::new(),
                versions => format!(", versions: {versions}"),
            };
            let approval = format!("approval: {{state: {state}{reviewed}}}");
            Source::new("x.yaml", format!("servers: [{{name: com.a/x{versions}, {approval}}}]"))
        };
        for order in [[one, other], [other, one]] {
            let reading = read(&order.map(source), &context);
            assert_eq!(reading.findings.len(), usize::from(is_refused), "{:?}", reading.findings);
            let set = OverlaySet::from(reading);
            let name = Name::parse("com.a/x").expect("a name");
            let version = Version::parse("2.0.0").expect("a version");
            let rules = set.rules_for(&name);
            let hiding = rules.effective(&version, "official").hidden_by.expect("a denial");
            let wanted = if other.1 == "denied" { State::Denied } else { State::Suspended };
            assert_eq!(hiding.approval.as_ref().map(|approval| approval.state), Some(wanted));
        }
    }

    proptest! {
        /// A set has a contradiction exactly if two of its rules overlap with different values.
        #[test]
        fn contradiction_is_found_if_and_only_if_two_ranges_overlap(
            ranges in prop::collection::vec((0..12u8, 1..5u8, 1..=3u8), 0..7),
        ) {
            let rule = |(from, length, tier): &(u8, u8, u8)| {
                rule(&format!(">={from}, <{}", from + length), *tier)
            };
            let rules: Vec<Rule> = ranges.iter().map(rule).collect();
            let conflict = |left: &(u8, u8, u8), right: &(u8, u8, u8)| {
                left.2 != right.2 && left.0 < right.0 + right.1 && right.0 < left.0 + left.1
            };
            let conflicting =
                ranges.iter().any(|left| ranges.iter().any(|right| conflict(left, right)));
            prop_assert_eq!(!contradictions(&rules).is_empty(), conflicting);
        }
    }
}
