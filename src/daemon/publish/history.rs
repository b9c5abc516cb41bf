//! Writes the events of a generation: each change of the ledger, with its cause.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Leaving;
use super::handle::Publication;
use super::state::Work;
use super::view::ViewState;
use crate::history::{Cause, Change, EntryChange, EntryKey, Event, RuleDigests, RuleRecord};
use crate::model::{Approved, Digest, LedgerEntry, Name, Shown, Timestamp, Version};

/// The events of one generation, and the rules that they name.
pub(super) struct GenerationEvents {
    pub(super) events: Vec<Event>,
    pub(super) rules: Vec<(Digest, RuleRecord)>,
}

/// The inputs of the events of a generation.
pub(super) struct Generation<'g> {
    pub(super) work: &'g Work,
    pub(super) views: &'g [ViewState],
    /// The versions that leave every view.
    pub(super) leaving: &'g [(Name, Leaving)],
    pub(super) rules: &'g RuleDigests<'g>,
}

impl Generation<'_> {
    /// Returns the events of the changes of each view. An entry that was hidden earlier, while nothing could be
    /// committed, was hidden then.
    pub(super) fn events(
        &self,
        publication: &Publication,
        changes: &[Vec<LedgerEntry>],
        reapproved: &[Vec<LedgerEntry>],
    ) -> GenerationEvents {
        let hidden_at = publication.hidden_at();
        let leaving: BTreeMap<(&Name, &Version), &Leaving> =
            self.leaving.iter().map(|(name, left)| ((name, &left.version), left)).collect();
        let mut events = Vec::new();
        for (view, entries) in self.views.iter().zip(changes.iter().zip(reapproved)) {
            let (changes, reapproved) = entries;
            for (key, record) in changes.iter().chain(reapproved) {
                let after = (record.shown == Shown::Visible).then_some(record.approved);
                let left = leaving.get(&(&key.0, &key.1)).copied();
                let change = self.change(view, key, after, left);
                // A tombstone may be written again.
                events.extend(change.map(|change| self.event(change, &hidden_at)));
            }
        }
        let named: BTreeSet<Digest> = events.iter().flat_map(Event::rules).collect();
        let rules = self.rules.records(|digest| named.contains(digest));
        GenerationEvents { events, rules }
    }

    fn change(
        &self,
        view: &ViewState,
        (name, version): &(Name, Version),
        after: Option<Approved>,
        left: Option<&Leaving>,
    ) -> Option<EntryChange> {
        let before = view.ledger.get(name, version);
        let before = before.filter(|record| record.shown == Shown::Visible);
        let before = before.map(|record| record.approved);
        if before.is_none() && after.is_none() {
            return None;
        }
        let cause = match (after, left) {
            (Some(_), _) => self.work.cause(name),
            (None, None) => Cause::View,
            (None, Some(Leaving { gate: Some(gate), .. })) => Cause::Gate(gate.as_str().into()),
            (None, Some(_)) => Cause::NotListed,
        };
        let hidden_by = left.and_then(|left| left.hidden_by);
        let (name, version) = (name.clone(), version.clone());
        let view = view.name.as_str().into();
        Some(EntryChange { view, name, version, before, after, cause, hidden_by })
    }

    fn event(&self, change: EntryChange, hidden_at: &BTreeMap<EntryKey, Timestamp>) -> Event {
        let key = (change.view.clone(), change.name.clone(), change.version.clone());
        let hidden_at = hidden_at.get(&key).filter(|_| change.after.is_none());
        Event { at: hidden_at.copied().unwrap_or(self.work.now), change: Change::Entry(change) }
    }
}
