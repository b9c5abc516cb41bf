use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::inventory::is_synchronised;
use super::list::screening_of;
use super::reference::ReferenceProblem;
use super::remedy::remedy;
use crate::curation::{
    Evidence, FoundProvenance, Gate, OwnershipEvidence, PolicySnapshot, ProvenanceEvidence,
    evaluate,
};
use crate::daemon::screening::Screenings;
use crate::model::{Escaped, Timestamp};
use crate::overlay::{Rule, State};
use crate::ownership::Basis;
use crate::store::{Snapshot, StoreError};

/// The effect of one approving rule on the versions that it decides about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleEffect {
    /// File, line and column.
    pub place: String,
    pub selector: String,
    /// Versions that it approves and that are its alone to approve.
    pub approves: u64,
    /// Those of them that are served.
    pub serves: u64,
    /// Versions that it selects and does not cover: they were published after its review, or its `contents` leave them
    /// out.
    pub newer: u64,
    /// Those of them that are only not in its `contents`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<u64>,
    /// Those of them that only the missing hour of its review leaves out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_day: Option<SameDay>,
    /// Versions that it selects while another rule, a denial or the upstream decides about them.
    #[serde(default)]
    pub elsewhere: u64,
    /// The denial or suspension that overrides it, if it serves nothing for that reason alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overruled: Option<Overruled>,
    /// Versions that it approves and that wait for a first lookup or comparison; also counted while a first sync may
    /// bring more.
    #[serde(default)]
    pub waiting: u64,
    /// The problem of its reference, if it follows later versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ReferenceProblem>,
    /// A version in quarantine that it selects, with the reason, if it spells the name out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantined: Option<String>,
    /// The gate that hides most of what is approved and not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<String>,
    /// The reviewer's way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// A denial or suspension that overrides an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Overruled {
    /// The approved versions that this rule or another one denies.
    pub count: u64,
    pub selector: String,
    /// File, line and column.
    pub place: String,
    /// `denied` or `suspended`.
    pub state: String,
}

impl Overruled {
    /// Returns what has no effect, and what to do.
    fn advice(&self, selector: &str) -> (String, String) {
        let Self { count, place, state, .. } = self;
        let noun = if *count == 1 { "version" } else { "versions" };
        (
            format!(
                "`{}` serves 0 of {count} {noun}: {state} by `{}` at {}",
                Escaped(selector),
                Escaped(&self.selector),
                Escaped(place)
            ),
            "a denial or suspension overrides every approval: remove or narrow that rule to serve them, or remove the approval"
                .to_owned(),
        )
    }
}

/// Versions of the day that a rule gives as its review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SameDay {
    /// The earliest of them, as `name@version`.
    pub entries: Vec<String>,
    pub count: u64,
    /// The `reviewed` that covers those that are listed, and no other.
    pub covered_at: Timestamp,
}

/// The entries of one day that are listed, the earliest ones; the others are counted.
const MAX_SAME_DAY: usize = 100;

/// The entries of one day as they are found.
type Found = BTreeSet<(Timestamp, String)>;

impl SameDay {
    fn of(found: Found, count: u64) -> Option<Self> {
        let (covered_at, _) = found.last()?;
        Some(Self {
            covered_at: *covered_at,
            entries: found.into_iter().map(|(_, entry)| entry).collect(),
            count,
        })
    }

    /// Returns what is not covered, and what to write.
    fn advice(&self, selector: &str) -> (String, String) {
        let listed: Vec<String> =
            self.entries.iter().map(|entry| Escaped(entry).to_string()).collect();
        let more = self.count - self.entries.len() as u64;
        let more = if more > 0 { format!(", and {more} later ones") } else { String::new() };
        let found = format!(
            "the date of `{}` does not cover the same day: {}{more}",
            Escaped(selector),
            listed.join(", ")
        );
        let covered_at = self.covered_at.to_rfc3339();
        (found, format!("after a review of those, write `reviewed: \"{covered_at}\"`"))
    }
}

/// Counts the effect of each approving rule that `is_meant` selects.
///
/// # Errors
/// When the store cannot be read.
pub fn rule_effects(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    is_meant: impl Fn(&Rule) -> bool,
) -> Result<Vec<RuleEffect>, StoreError> {
    rule_effects_while(snapshot, policy, screenings, now, is_meant, || Ok(()))
}

/// Does the same, and asks before each name if it is to go on.
///
/// # Errors
/// When the store cannot be read, and that of the question.
pub(super) fn rule_effects_while<E: From<StoreError>>(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    is_meant: impl Fn(&Rule) -> bool,
    goes_on: impl Fn() -> Result<(), E>,
) -> Result<Vec<RuleEffect>, E> {
    let is_meant = |rule: &Rule| rule.approved().is_some() && is_meant(rule);
    let rules = policy.overlays.rules().iter().filter(|rule| is_meant(rule));
    // The same rule stands behind one reference everywhere.
    let mut tallies: HashMap<*const Rule, Tally<'_>> =
        rules.map(|rule| (std::ptr::from_ref(rule), Tally::new(rule))).collect();
    let mut names = snapshot.names()?;
    names.append(&mut snapshot.quarantined_names()?);
    for name in names {
        goes_on()?;
        let rules = policy.overlays.rules_for(&name);
        if !rules.rules().any(&is_meant) {
            continue;
        }
        let dossier = snapshot.dossier(&name, policy)?;
        let screening = screening_of(&dossier, snapshot, policy, screenings, now)?;
        let evaluation = evaluate(&dossier, policy, &screening, now);
        for rule in rules.rules() {
            if let Some(tally) = tallies.get_mut(&std::ptr::from_ref(rule)) {
                tally.reference = ReferenceProblem::of(rule, &dossier, &evaluation);
                let quarantined = dossier.quarantined.iter().find(|row| row.is_selected_by(rule));
                let quarantined = quarantined.filter(|_| rule.name.is_exact());
                tally.quarantined =
                    quarantined.map(|row| format!("{name}@{}: {}", row.version, row.rule));
            }
        }
        for entry in &evaluation.entries {
            let (version, upstream) = (&entry.row.version, entry.row.upstream.as_str());
            for rule in rules.rules().filter(|rule| rule.selects(version, upstream)) {
                let Some(tally) = tallies.get_mut(&std::ptr::from_ref(rule)) else { continue };
                let decides =
                    entry.rules.approval.is_some_and(|(decides, _)| std::ptr::eq(decides, rule));
                tally.count(decides, entry.hidden_by());
                if let (true, Some((_, Evidence::Ruled { rule: denial, state }))) =
                    (decides, entry.hidden_by())
                    && state.hides()
                {
                    tally.add_denied(denial, *state);
                }
                if let (true, Some((_, Evidence::PublishedLater { counted, reviewed, .. }))) =
                    (decides, entry.hidden_by())
                    && reviewed.is_day_of(*counted)
                {
                    tally.add_same_day(format!("{name}@{version}"), *counted);
                }
            }
        }
    }
    let is_complete = is_synchronised(snapshot)?;
    let mut effects: Vec<RuleEffect> = tallies.into_values().map(Tally::effect).collect();
    if !is_complete {
        // Other versions may be on later pages.
        effects.iter_mut().for_each(|effect| effect.waiting += 1);
    }
    effects.sort_by(|left, right| left.place.cmp(&right.place));
    Ok(effects)
}

struct Tally<'r> {
    rule: &'r Rule,
    serves: u64,
    newer: u64,
    unlisted: u64,
    same_day: Found,
    same_day_count: u64,
    waiting: u64,
    elsewhere: u64,
    overruled: Option<Overruled>,
    reference: Option<ReferenceProblem>,
    quarantined: Option<String>,
    hidden: BTreeMap<Gate, u64>,
}

impl<'r> Tally<'r> {
    fn new(rule: &'r Rule) -> Self {
        Self {
            rule,
            serves: 0,
            newer: 0,
            unlisted: 0,
            same_day: Found::new(),
            same_day_count: 0,
            waiting: 0,
            elsewhere: 0,
            overruled: None,
            reference: None,
            quarantined: None,
            hidden: BTreeMap::new(),
        }
    }

    fn add_same_day(&mut self, entry: String, counted: Timestamp) {
        self.same_day_count += 1;
        self.same_day.insert((counted, entry));
        if self.same_day.len() > MAX_SAME_DAY {
            self.same_day.pop_last();
        }
    }

    fn add_denied(&mut self, denial: &Rule, state: State) {
        let first = self.overruled.get_or_insert_with(|| Overruled {
            count: 0,
            selector: denial.selector(),
            place: denial.place.to_string(),
            state: state.to_string(),
        });
        first.count += 1;
    }

    fn count(&mut self, decides: bool, hidden_by: Option<(Gate, &Evidence<'_>)>) {
        match hidden_by {
            _ if !decides => self.elsewhere += 1,
            None => self.serves += 1,
            Some((_, Evidence::NotListed { .. })) => {
                self.newer += 1;
                self.unlisted += 1;
            }
            Some((
                _,
                Evidence::PublishedLater { .. }
                | Evidence::NotFollowed { .. }
                | Evidence::Cooldown { .. },
            )) => self.newer += 1,
            // A denial decides, or the upstream does.
            Some((gate, _)) if gate <= Gate::Approved => self.elsewhere += 1,
            Some((gate, evidence)) => {
                self.waiting += u64::from(is_waiting(evidence));
                *self.hidden.entry(gate).or_default() += 1;
            }
        }
    }

    fn effect(self) -> RuleEffect {
        let most = self.hidden.iter().max_by_key(|(_, count)| **count).map(|(gate, _)| *gate);
        let is_exact = self.rule.name.is_exact();
        let is_idle = self.serves + self.newer == 0 && self.hidden.is_empty();
        RuleEffect {
            place: self.rule.place.to_string(),
            selector: self.rule.selector(),
            approves: self.serves + self.hidden.values().sum::<u64>(),
            serves: self.serves,
            newer: self.newer,
            unlisted: Some(self.unlisted).filter(|count| *count > 0),
            same_day: SameDay::of(self.same_day, self.same_day_count),
            waiting: self.waiting,
            elsewhere: self.elsewhere,
            overruled: self.overruled.filter(|_| is_idle),
            reference: self.reference,
            quarantined: self.quarantined,
            hidden_by: most.map(|gate| gate.as_str().to_owned()),
            remedy: most.map(|gate| remedy(gate, is_exact).to_owned()),
        }
    }
}

/// Returns true if a first lookup, look at a package or comparison may still admit the entry.
fn is_waiting(evidence: &Evidence<'_>) -> bool {
    match evidence {
        Evidence::NotCompared => true,
        Evidence::Provenance(ProvenanceEvidence::Lacking { first, .. }) => {
            first.found == FoundProvenance::NotLooked
        }
        Evidence::Ownership(OwnershipEvidence::Evaluated { basis, .. }) => {
            matches!(basis, Basis::NeverChecked)
        }
        _ => false,
    }
}

impl RuleEffect {
    /// Says in one line what is unexpected about the effect; `None` where the rule has the effect that it states.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        let (found, remedy) = self.surprise()?;
        Some(format!("{}: {found}: {remedy}", self.place))
    }

    /// Returns what is unexpected about the effect, and what to do.
    #[must_use]
    pub fn surprise(&self) -> Option<(String, String)> {
        if let Some(same_day) = &self.same_day {
            return Some(same_day.advice(&self.selector));
        }
        if let Some(reference) = &self.reference {
            return Some(reference.advice(&self.selector));
        }
        if let Some(overruled) = &self.overruled {
            return Some(overruled.advice(&self.selector));
        }
        if let Some(quarantined) = &self.quarantined {
            let selector = Escaped(&self.selector);
            let found =
                format!("`{selector}` selects a row in quarantine, {}", Escaped(quarantined));
            let remedy = "ask the publisher to correct it, or correct your own file; it is not served before";
            return Some((found, remedy.to_owned()));
        }
        let Self { approves, serves, newer, elsewhere, .. } = *self;
        let nothing_is_missing = serves > 0 || (approves + newer == 0 && elsewhere > 0);
        if nothing_is_missing || self.waiting > 0 {
            return None;
        }
        let selector = Escaped(&self.selector);
        let noun = if approves == 1 { "version" } else { "versions" };
        Some(match (approves, newer) {
            (0, 0) => (
                format!("`{selector}` selects no version that an upstream has"),
                "check the spelling and the version; the rule is valid all the same".to_owned(),
            ),
            (0, newer) if self.unlisted == Some(newer) => (
                format!("`{selector}` approves 0 versions"),
                format!("{newer} that it selects are not in its `contents`"),
            ),
            (0, newer) => (
                format!("`{selector}` approves 0 versions"),
                format!("{newer} that it selects came after its `reviewed`"),
            ),
            (approves, _) => {
                let remedy = self.remedy.as_deref().unwrap_or("`vidimus explain` shows the gate");
                (format!("`{selector}` approves {approves} {noun}, serves 0"), remedy.to_owned())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effect(approves: u64, serves: u64, newer: u64) -> RuleEffect {
        RuleEffect {
            place: "a.yaml:2:5".into(),
            selector: "com.example/*".into(),
            approves,
            serves,
            newer,
            unlisted: None,
            same_day: None,
            waiting: 0,
            elsewhere: 0,
            overruled: None,
            reference: None,
            quarantined: None,
            hidden_by: None,
            remedy: Some(remedy(Gate::NamespaceOwnership, false).into()),
        }
    }

    #[test]
    fn rule_whose_date_leaves_out_its_own_day_names_the_versions_and_the_timestamp_to_write() {
        let day = Timestamp::parse("2026-11-15T14:03:26Z").expect("a time");
        let found = (0..3).map(|version| {
            let counted = Timestamp::from_micros(day.as_micros() + version);
            (counted, format!("com.example/x@{version}"))
        });
        let same_day = SameDay::of(found.collect(), 7);
        let effect = RuleEffect { same_day, ..effect(1, 1, 7) };
        assert_eq!(
            effect.message().as_deref(),
            Some(
                "a.yaml:2:5: the date of `com.example/*` does not cover the same day: com.example/x@0, com.example/x@1, com.example/x@2, and 4 later ones: after a review of those, write `reviewed: \"2026-11-15T14:03:26.000002Z\"`"
            )
        );
    }

    #[rstest::rstest]
    #[case(effect(27, 1, 3), None)]
    #[case(
        effect(27, 0, 0),
        Some(
            "a.yaml:2:5: `com.example/*` approves 27 versions, serves 0: a verified namespace is required; pin it, waive it, or spell names out"
        )
    )]
    #[case(
        effect(1, 0, 0),
        Some(
            "a.yaml:2:5: `com.example/*` approves 1 version, serves 0: a verified namespace is required; pin it, waive it, or spell names out"
        )
    )]
    #[case(
        effect(0, 0, 2),
        Some(
            "a.yaml:2:5: `com.example/*` approves 0 versions: 2 that it selects came after its `reviewed`"
        )
    )]
    #[case(
        effect(0, 0, 0),
        Some(
            "a.yaml:2:5: `com.example/*` selects no version that an upstream has: check the spelling and the version; the rule is valid all the same"
        )
    )]
    #[case(
        RuleEffect {
            elsewhere: 2,
            overruled: Some(Overruled {
                count: 2,
                selector: "com.example.*/*".into(),
                place: "d.yaml:2:3".into(),
                state: "denied".into(),
            }),
            ..effect(0, 0, 0)
        },
        Some(
            "a.yaml:2:5: `com.example/*` serves 0 of 2 versions: denied by `com.example.*/*` at d.yaml:2:3: a denial or suspension overrides every approval: remove or narrow that rule to serve them, or remove the approval"
        )
    )]
    #[case(
        RuleEffect { unlisted: Some(2), ..effect(0, 0, 2) },
        Some(
            "a.yaml:2:5: `com.example/*` approves 0 versions: 2 that it selects are not in its `contents`"
        )
    )]
    fn rule_without_effect_says_so(#[case] effect: RuleEffect, #[case] message: Option<&str>) {
        assert_eq!(effect.message().as_deref(), message);
    }
}
