//! Writes the events of a generation: each change of the ledger, with its cause.

use std::collections::{BTreeMap, BTreeSet};

use super::candidates::Leaving;
use super::handle::Publication;
use super::state::Work;
use super::view::ViewState;
use crate::history::{Cause, Change, EntryChange, EntryKey, Event, RuleDigests, RuleRecord};
use crate::model::{Approved, Digest, LedgerEntry, Name, Shown, Timestamp, Version};
use crate::overlay::OverlaySet;

/// The events of one generation, and the rules that they name.
pub(super) struct GenerationEvents {
    pub(super) events: Vec<Event>,
    pub(super) rules: Vec<(Digest, RuleRecord)>,
}

/// The inputs of the events of a generation.
pub(super) struct Generation<'g> {
    pub(super) work: &'g Work,
    /// The time of the generation in the store.
    pub(super) at: Timestamp,
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
        let enforced = publication.enforced_policy();
        let overlays = enforced.as_ref().map(|policy| &*policy.overlays);
        for (view, entries) in self.views.iter().zip(changes.iter().zip(reapproved)) {
            let (changes, reapproved) = entries;
            let records: BTreeMap<_, _> =
                changes.iter().chain(reapproved).map(|(key, record)| (key, record)).collect();
            let mut shown_again = shown_again(view, &hidden_at, overlays);
            for (key, record) in records {
                let after = (record.shown == Shown::Visible).then_some(record.approved);
                let left = leaving.get(&(&key.0, &key.1)).copied();
                let since = shown_again.remove(key);
                if let Some((at, after)) = since.zip(after) {
                    events.extend(self.gap(view, key, at, after));
                } else {
                    // A tombstone may be written again.
                    let change = self.change(view, key, after, left);
                    events.extend(change.map(|change| self.event(change, &hidden_at)));
                }
            }
            for (key, at) in shown_again {
                let record = view.ledger.get(&key.0, &key.1);
                // A commit of unknown outcome may have recorded it.
                let record = record.filter(|record| record.shown == Shown::Visible);
                let approved = record.map(|record| record.approved);
                events
                    .extend(approved.into_iter().flat_map(|after| self.gap(view, &key, at, after)));
            }
        }
        let named: BTreeSet<Digest> = events.iter().flat_map(Event::rules).collect();
        let rules = self.rules.records(|digest| named.contains(digest));
        GenerationEvents { events, rules }
    }

    /// Returns the events of an entry that was hidden for a while in which nothing could be committed.
    fn gap(
        &self,
        view: &ViewState,
        key: &(Name, Version),
        hidden_at: Timestamp,
        after: Approved,
    ) -> [Event; 2] {
        let before = view.ledger.get(&key.0, &key.1).map(|record| record.approved);
        let hidden = change_of(view, key, (before, None), Cause::Unrecorded, None);
        let shown = change_of(view, key, (None, Some(after)), self.work.cause(&key.0), None);
        let event = |at, change| Event { at, change: Change::Entry(change) };
        [event(hidden_at, hidden), event(self.at, shown)]
    }

    fn change(
        &self,
        view: &ViewState,
        key: &(Name, Version),
        after: Option<Approved>,
        left: Option<&Leaving>,
    ) -> Option<EntryChange> {
        let before = view.ledger.get(&key.0, &key.1);
        let before = before.filter(|record| record.shown == Shown::Visible);
        let before = before.map(|record| record.approved);
        if before.is_none() && after.is_none() {
            return None;
        }
        let cause = match (after, left) {
            (Some(_), _) => self.work.cause(&key.0),
            (None, None) => Cause::View,
            (None, Some(Leaving { gate: Some(gate), .. })) => Cause::Gate(gate.as_str().into()),
            (None, Some(_)) => Cause::NotListed,
        };
        let hidden_by = left.and_then(|left| left.hidden_by);
        Some(change_of(view, key, (before, after), cause, hidden_by))
    }

    fn event(&self, change: EntryChange, hidden_at: &BTreeMap<EntryKey, Timestamp>) -> Event {
        let key = (change.view.clone(), change.name.clone(), change.version.clone());
        let hidden_at = hidden_at.get(&key).filter(|_| change.after.is_none());
        Event { at: hidden_at.copied().unwrap_or(self.at), change: Change::Entry(change) }
    }
}

fn change_of(
    view: &ViewState,
    (name, version): &(Name, Version),
    (before, after): (Option<Approved>, Option<Approved>),
    cause: Cause,
    hidden_by: Option<Digest>,
) -> EntryChange {
    let (name, version) = (name.clone(), version.clone());
    let view = view.name.as_str().into();
    EntryChange { view, name, version, before, after, cause, hidden_by }
}

/// Returns the entries of a view that were hidden before anything could be committed and that nothing denies any
/// more, with the time at which they were hidden. What this generation hides is among them.
fn shown_again(
    view: &ViewState,
    hidden_at: &BTreeMap<EntryKey, Timestamp>,
    overlays: Option<&OverlaySet>,
) -> BTreeMap<(Name, Version), Timestamp> {
    let is_denied = |name: &Name, version: &Version| {
        let Some(item) = view.catalogue.version(name.as_str(), version.as_str(), false) else {
            return true;
        };
        let set = overlays.map(|set| set.rules_for(name));
        set.is_some_and(|rules| rules.hiding(version, &item.upstream).is_some())
    };
    let of_view = hidden_at.iter().filter(|((of, ..), _)| *of == view.name);
    of_view
        .filter(|((_, name, version), _)| !is_denied(name, version))
        .map(|((_, name, version), at)| ((name.clone(), version.clone()), *at))
        .collect()
}
