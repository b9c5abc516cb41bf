use std::collections::{BTreeMap, BTreeSet};

use super::cause::{Altered, Both, Cause};
use super::report::{Difference, PlannedEffect};
use super::weakened::{Affected, WeakenedRule, weakened};
use crate::catalog::{Facts, Source, latest_of};
use crate::curation::{
    EntryEvaluation, EntryState, Evaluation, PolicyDifference, PolicySnapshot, evaluate,
};
use crate::daemon::publish::{LatestUpstream, SuccessorViews, Successors, load};
use crate::daemon::query::list::screening_of;
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp, Version};
use crate::overlay::{Alteration, AlteredRules, NameRules, Rule};
use crate::store::{Snapshot, StoreError};

/// The key of our block while two descriptions are compared; that of the settings is the same in both.
const BLOCK: &str = "plan";

/// The member of a difference in the `server` object itself.
const CONTENT: &str = "content";

/// Compares two policies name by name, over one snapshot of the store.
pub(super) struct Comparison<'p> {
    snapshot: &'p Snapshot,
    before: Side<'p>,
    after: Side<'p>,
    difference: PolicyDifference,
    altered: Altered<'p>,
}

/// One of the policies, with the comparisons with what it protects.
struct Side<'p> {
    snapshot: &'p Snapshot,
    policy: &'p PolicySnapshot,
    screenings: Screenings,
    now: Timestamp,
}

/// An entry that passes the gates of one policy.
struct Served<'e, 'a> {
    entry: &'e EntryEvaluation<'a>,
    facts: Facts,
    source: Source,
}

/// The entries that a view shows of one name, each with true if it is the latest.
type Shown<'s, 'e, 'a> = BTreeMap<&'e Version, (&'s Served<'e, 'a>, bool)>;

impl<'p> Comparison<'p> {
    pub(super) fn new(
        snapshot: &'p Snapshot,
        before: &'p PolicySnapshot,
        after: &'p PolicySnapshot,
        now: Timestamp,
    ) -> Self {
        let side = |policy| Side { snapshot, policy, screenings: Screenings::offline(), now };
        let difference = after.difference(before);
        let namespaces = match &difference {
            PolicyDifference::Names(changes) => changes.namespaces().to_vec(),
            PolicyDifference::Everything => Vec::new(),
        };
        let rules = AlteredRules::between(&before.overlays, &after.overlays);
        let altered = Altered { before, after, rules, namespaces };
        Self { snapshot, before: side(before), after: side(after), difference, altered }
    }

    /// Returns true if the rule is new or says something else in the later policy.
    pub(super) fn alters(&self, rule: &Rule) -> bool {
        let alteration = self.altered.rules.of(rule);
        alteration.is_some_and(|(_, alteration)| alteration != Alteration::Removed)
    }

    /// Returns the restrictions that the later policy does not have as the earlier one has it.
    pub(super) fn weakened(&self, affected: &Affected) -> Vec<WeakenedRule> {
        weakened(&self.altered, affected)
    }

    /// Returns the comparisons under the later policy.
    pub(super) fn screenings(&self) -> &Screenings {
        &self.after.screenings
    }

    /// Returns the stored names that the difference concerns, with those that name one of them as their successor.
    pub(super) fn names(&self) -> Result<BTreeSet<Name>, StoreError> {
        let exact = match &self.difference {
            PolicyDifference::Names(changes) if !self.altered.is_protection() => changes.exact(),
            _ => None,
        };
        let mut names: BTreeSet<Name> = if let Some(names) = exact {
            names.into_iter().collect()
        } else {
            let stored = self.snapshot.names()?.into_iter();
            stored.filter(|name| self.concerns(name)).collect()
        };
        let sets = [self.before.policy, self.after.policy].map(|policy| &policy.overlays);
        let predecessors = names.iter().flat_map(|name| sets.map(|set| set.predecessors(name)));
        let predecessors: Vec<Name> = predecessors.flatten().cloned().collect();
        names.extend(predecessors);
        let mut stored = BTreeSet::new();
        for name in names {
            if self.snapshot.has_rows_of(&name)? {
                stored.insert(name);
            }
        }
        Ok(stored)
    }

    fn concerns(&self, name: &Name) -> bool {
        let rules = [&self.before, &self.after].map(|side| side.policy.overlays.rules_for(name));
        // A name that no rule mentions is served by neither.
        if rules.iter().all(NameRules::is_silent) {
            return false;
        }
        self.difference.concerns(name)
            || (self.altered.is_protection() && rules.iter().any(NameRules::may_admit_unseen))
    }

    /// Compares what both policies serve of a name, in each view.
    pub(super) fn compare(&self, name: &Name) -> Result<Vec<Difference>, StoreError> {
        let (before, after) = (&self.before, &self.after);
        let (old_dossier, new_dossier) = (
            self.snapshot.dossier(name, before.policy)?,
            self.snapshot.dossier(name, after.policy)?,
        );
        let (now, snapshot) = (after.now, self.snapshot);
        let old_screening =
            screening_of(&old_dossier, snapshot, before.policy, &before.screenings, now)?;
        let new_screening =
            screening_of(&new_dossier, snapshot, after.policy, &after.screenings, now)?;
        let old = evaluate(&old_dossier, before.policy, &old_screening, now);
        let new = evaluate(&new_dossier, after.policy, &new_screening, now);
        let (old_served, new_served) = (before.served(&old)?, after.served(&new)?);
        let mut found = Vec::new();
        for view in 0..after.policy.views.len() {
            let of_name = OfName { comparison: self, name, old: &old, new: &new, view };
            of_name.compare(&shown(&old_served, view), &shown(&new_served, view), &mut found)?;
        }
        Ok(found)
    }
}

impl Side<'_> {
    /// Returns the entries that pass the gates, as a publication would render them.
    fn served<'e, 'a>(
        &self,
        evaluation: &'e Evaluation<'a>,
    ) -> Result<Vec<Served<'e, 'a>>, StoreError> {
        let Self { snapshot, policy, screenings, now } = self;
        let successors = Successors::of(evaluation, |name| {
            let dossier = snapshot.dossier(name, policy)?;
            let screening = screening_of(&dossier, snapshot, policy, screenings, *now)?;
            Ok(SuccessorViews::of(&evaluate(&dossier, policy, &screening, *now)))
        })?;
        let latest = LatestUpstream::of(evaluation);
        let served = evaluation.entries.iter().filter(|entry| entry.is_served());
        let served = served.map(|entry| {
            let (facts, source) = successors.describe(entry, &latest);
            Served { entry, facts, source }
        });
        Ok(served.collect())
    }
}

fn shown<'s, 'e, 'a>(served: &'s [Served<'e, 'a>], view: usize) -> Shown<'s, 'e, 'a> {
    let in_view: Vec<&Served<'_, '_>> =
        served.iter().filter(|served| served.entry.views.contains(&view)).collect();
    let versions =
        in_view.iter().map(|served| (&served.entry.row.version, served.entry.head.published_at));
    let latest = latest_of(versions);
    let each = in_view.iter().enumerate();
    each.map(|(index, served)| (&served.entry.row.version, (*served, latest == Some(index))))
        .collect()
}

/// One name in one view.
struct OfName<'c, 'p, 'e, 'a> {
    comparison: &'c Comparison<'p>,
    name: &'c Name,
    old: &'e Evaluation<'a>,
    new: &'e Evaluation<'a>,
    view: usize,
}

impl OfName<'_, '_, '_, '_> {
    fn compare(
        &self,
        before: &Shown<'_, '_, '_>,
        after: &Shown<'_, '_, '_>,
        found: &mut Vec<Difference>,
    ) -> Result<(), StoreError> {
        let altered = &self.comparison.altered;
        let mut first_cause: Option<Cause> = None;
        for (version, (served, _)) in
            after.iter().filter(|(version, _)| !before.contains_key(*version))
        {
            let was = entry(self.old, served.entry);
            let cause =
                altered.of_visible(self.name, Both { before: was, after: Some(served.entry) });
            first_cause.get_or_insert_with(|| cause.clone());
            let lifts =
                matches!(was.map(EntryState::of), Some(EntryState::Denied | EntryState::Suspended));
            let visible = self.difference(PlannedEffect::Visible, version, state(was), cause);
            found.push(Difference { lifts, ..visible });
        }
        for (version, (served, _)) in
            before.iter().filter(|(version, _)| !after.contains_key(*version))
        {
            let is = entry(self.new, served.entry);
            let cause =
                altered.of_hidden(self.name, Both { before: Some(served.entry), after: is });
            first_cause.get_or_insert_with(|| cause.clone());
            found.push(self.difference(PlannedEffect::Hidden, version, state(is), cause));
        }
        for (version, was) in before {
            let Some(is) = after.get(version) else { continue };
            let members = self.members(*was, *is)?;
            if members.is_empty() {
                continue;
            }
            let both = Both { before: Some(was.0.entry), after: Some(is.0.entry) };
            if members.contains(&CONTENT) {
                let (cause, members) = (altered.of_content(self.name, both), members.join(", "));
                found.push(self.difference(PlannedEffect::Content, version, members, cause));
                continue;
            }
            let cause = match (members.as_slice(), &first_cause, is.0.entry.rules.successor) {
                (["isLatest"], Some(first), _) => first.clone(),
                (["successor"], _, Some(successor)) => {
                    match altered.of_described(self.name, both) {
                        Cause::Other | Cause::Protection => {
                            Cause::Successor { name: successor.to_string() }
                        }
                        cause => cause,
                    }
                }
                _ => altered.of_described(self.name, both),
            };
            let members = members.join(", ");
            found.push(self.difference(PlannedEffect::Described, version, members, cause));
        }
        Ok(())
    }

    fn difference(
        &self,
        effect: PlannedEffect,
        version: &Version,
        why: String,
        cause: Cause,
    ) -> Difference {
        let (version, view) = (version.to_string(), self.view);
        Difference { effect, lifts: false, version, view, why, cause }
    }

    /// Returns the members that are served otherwise. Equal sources are served alike; for others the bytes decide.
    fn members(
        &self,
        (before, was_latest): (&Served<'_, '_>, bool),
        (after, is_latest): (&Served<'_, '_>, bool),
    ) -> Result<Vec<&'static str>, StoreError> {
        if before.source == after.source && was_latest == is_latest {
            return Ok(Vec::new());
        }
        let read = |served: &Served<'_, '_>| {
            match load(self.comparison.snapshot, self.name, served.entry) {
                // A publication leaves it out, or keeps what it rendered.
                Err(StoreError::Damaged(_)) => Ok(None),
                loaded => loaded.map(Some),
            }
        };
        let (Some(old), Some(new)) = (read(before)?, read(after)?) else { return Ok(Vec::new()) };
        let (old_facts, new_facts) = (&before.facts, &after.facts);
        if old.digest(old_facts, was_latest, BLOCK) == new.digest(new_facts, is_latest, BLOCK) {
            return Ok(Vec::new());
        }
        let mut members = old_facts.differences(new_facts);
        if old.served.server != new.served.server {
            members.push(CONTENT);
        }
        if was_latest != is_latest {
            members.push("isLatest");
        }
        if members.is_empty() {
            members.push("metadata");
        }
        Ok(members)
    }
}

/// Returns the evaluation of the same row under the other policy.
fn entry<'e, 'a>(
    evaluation: &'e Evaluation<'a>,
    same: &EntryEvaluation<'_>,
) -> Option<&'e EntryEvaluation<'a>> {
    let is_same = |entry: &&EntryEvaluation<'_>| {
        entry.row.version == same.row.version && entry.row.upstream == same.row.upstream
    };
    evaluation.entries.iter().find(is_same)
}

/// Says in words what is or was of an entry under the policy that does not show it.
fn state(entry: Option<&EntryEvaluation<'_>>) -> String {
    match entry.map(EntryState::of) {
        Some(EntryState::Served) => "not in this view".to_owned(),
        Some(state) => state.to_string(),
        None => "unknown".to_owned(),
    }
}
