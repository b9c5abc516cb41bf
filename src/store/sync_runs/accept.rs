//! Accepts a sync run: its staged rows go live or on hold, in one transaction.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::on_hold::{
    changes, history_of, is_of, meets_discarded, missing_digest, put_history, record_hold,
};
use super::recent::add_changes;
use super::staged::{change_digest, clear, clear_seen, seen};
use crate::history::{HoldChange, HoldStep};
use crate::model::{Digest, Head, Name, Timestamp};
use crate::store::dirty::{mark_everything, mark_names};
use crate::store::entries::Live;
use crate::store::rows::after;
use crate::store::tables::{DISCARDED, HOLD_HISTORY, ON_HOLD, SEEN, STAGED};
use crate::store::usage::{Counted, Growth, put_state, state_of};
use crate::store::{Store, StoreError, codec};
use crate::sync::{
    Backdated, ChangeOnHold, ChangeSet, ExceededLimit, RunChanges, SafetyLimit, SafetyLimits,
    UpstreamState, shown,
};

/// A finished sync run to accept, checked against the safety limits.
#[derive(Debug)]
pub struct Acceptance<'a> {
    pub upstream: &'a str,
    /// The upstream's state after the run.
    pub state: &'a UpstreamState,
    /// True if the run saw every row, so that absences count.
    pub complete: bool,
    pub safety_limits: &'a SafetyLimits,
    pub hold: &'a Hold,
    /// The changes that are not on hold.
    pub changes: &'a RunChanges,
    /// The state after the run if nothing is on hold.
    pub whole: &'a UpstreamState,
    /// The date before which new content is reported as backdated.
    pub backdated_before: Option<Timestamp>,
    pub now: Timestamp,
}

/// The part of a run that goes on hold.
#[derive(Debug, Default)]
pub struct Hold {
    pub exceeded: Vec<ExceededLimit>,
    pub all: bool,
    /// Staged rows, by name and version.
    pub rows: BTreeSet<(String, String)>,
    pub absences: bool,
    /// The changes that were on hold when the run was judged.
    pub waiting: BTreeSet<Digest>,
}

fn placed(upstream: &str, set: &ChangeSet) -> HoldChange {
    HoldChange {
        upstream: upstream.into(),
        step: HoldStep::Placed,
        shown: set.shown,
        rows: set.rows,
        by: None,
        reason: None,
        actor: None,
    }
}

impl Store {
    /// Accepts a run: moves its rows, counts absences, sets the state, and stores the change set on hold
    /// separately. A full sync replaces any change set on hold; an incremental sync replaces one of an
    /// incremental sync, and removes the rows that it supersedes from one of a full sync. Returns the
    /// names that changed.
    ///
    /// # Errors
    /// When the file cannot be written; then the run stays staged.
    pub fn accept(&self, acceptance: &Acceptance<'_>) -> Result<BTreeSet<Name>, StoreError> {
        let Acceptance { upstream, state, complete, hold, now, .. } = *acceptance;
        self.write(now, |transaction| {
            let growth = Growth::default();
            let stored = state_of(transaction, upstream)?;
            let changes_before = changes(&transaction.open_table(ON_HOLD)?, upstream)?;
            let released = released_since(hold, &changes_before);
            let before = &stored.on_hold;
            let replaces = complete || before.as_ref().is_none_or(|on_hold| !on_hold.complete);
            if replaces {
                clear(transaction, upstream, ON_HOLD, &growth)?;
            }
            let mut moved = self.move_staged(transaction, acceptance, &released, &growth)?;
            if complete {
                self.count_absences(transaction, acceptance, &released, &mut moved, &growth)?;
            }
            let Moved { touched, has_discarded, backdated } = moved;
            clear_seen(transaction, upstream)?;
            let changes_after = changes(&transaction.open_table(ON_HOLD)?, upstream)?;
            if changes_before != changes_after {
                let history = history_of(&transaction.open_table(HOLD_HISTORY)?, upstream)?;
                put_history(transaction, upstream, history, &changes_before, &changes_after)?;
            }
            // An exceeded limit without any rows or absences does not block acceptance, and neither do
            // changes that a person discarded, unless they are all of a run that is on hold as a whole.
            let is_accepted = changes_after.is_empty() && !(hold.all && has_discarded);
            let state = if is_accepted { acceptance.whole } else { state };
            let on_hold = change_set(acceptance, &changes_after, before.clone(), replaces);
            if let Some(set) = &on_hold
                && before.as_ref().is_none_or(|before| before.shown != set.shown)
            {
                record_hold(transaction, placed(upstream, set), now)?;
            }
            if is_accepted || !hold.all {
                add_changes(transaction, upstream, now, acceptance.changes)?;
            }
            let mut state = UpstreamState { on_hold, ..state.clone() };
            state.keep_decisions(&stored);
            state.remember_backdated(backdated, now);
            mark_names(transaction, &touched)?;
            // Another upstream may have names that wait no longer for changes on hold.
            let names = |changes: &[ChangeOnHold]| -> BTreeSet<Name> {
                changes.iter().filter_map(|change| Name::parse(&change.name).ok()).collect()
            };
            mark_names(transaction, &(&names(&changes_before) - &names(&changes_after)))?;
            let became_known = !stored.is_synchronised() && state.is_synchronised();
            if became_known || !stored.crowded.is_subset(&state.crowded) {
                // Names may belong to another upstream once this one is known completely.
                mark_everything(transaction)?;
            }
            put_state(transaction, upstream, &state, &growth)?;
            Ok(touched)
        })
    }

    /// Moves the staged rows to the live entries, or on hold.
    fn move_staged(
        &self,
        transaction: &WriteTransaction,
        acceptance: &Acceptance<'_>,
        released: &BTreeSet<Digest>,
        growth: &Growth,
    ) -> Result<Moved, StoreError> {
        let Acceptance { upstream, safety_limits, hold, backdated_before, now, .. } = *acceptance;
        let mut moved = Moved::default();
        let mut staged = Counted::open(transaction, STAGED, growth)?;
        let mut on_hold = Counted::open(transaction, ON_HOLD, growth)?;
        let mut discarded = transaction.open_table(DISCARDED)?;
        let mut live = Live::open(self, transaction, upstream, now, growth)?;
        staged.take_all(upstream, |key, value| {
            let (_, name, version) = key;
            if meets_discarded(&mut discarded, key, value)? {
                moved.has_discarded = true;
                return Ok(());
            }
            let waits = hold.all || hold.rows.contains(&(name.to_owned(), version.to_owned()));
            if waits && !released.contains(&change_digest(name, version, value)) {
                return on_hold.insert(key, value);
            }
            on_hold.remove(key)?;
            let new = live.apply(name, version, value, safety_limits)?;
            let is_backdated =
                |head: &Head| backdated_before.is_some_and(|limit| head.published_at < limit);
            moved.backdated.extend(new.filter(is_backdated).map(|head| Backdated {
                name: name.to_owned(),
                version: version.to_owned(),
                received: head.received,
                published: head.published_at,
            }));
            moved.touched.extend(Name::parse(name));
            Ok(())
        })?;
        Ok(moved)
    }

    /// Compares the stored entries with those that the full sync saw. Quarantined rows that it did not
    /// see are removed: upstream does not have them any more. While absences wait for a person they stay too, since
    /// their names would be free for other upstreams.
    fn count_absences(
        &self,
        transaction: &WriteTransaction,
        acceptance: &Acceptance<'_>,
        released: &BTreeSet<Digest>,
        moved: &mut Moved,
        growth: &Growth,
    ) -> Result<(), StoreError> {
        let Acceptance { upstream, safety_limits, hold, now, .. } = *acceptance;
        let seen = seen(&transaction.open_table(SEEN)?, upstream)?;
        let mut live = Live::open(self, transaction, upstream, now, growth)?;
        let mut discarded = transaction.open_table(DISCARDED)?;
        let (mut absent, mut present) = (Vec::new(), Vec::new());
        let end = after(upstream);
        // A person discarded the absence of an entry that is not absent any more.
        discarded.retain_in(
            (upstream, "", "")..(end.as_str(), "", ""),
            |(_, name, version), before| {
                let is_absence = is_of(before, missing_digest(name, version));
                !(is_absence && seen.contains(&codec::seen_key(name, version)))
            },
        )?;
        for row in live.heads.range((upstream, "", "")..(end.as_str(), "", ""))? {
            let (key, _) = row?;
            let (_, name, version) = key.value();
            if !seen.contains(&codec::seen_key(name, version)) {
                // An absence is nothing that arrives: another discarded change of the entry stays discarded.
                let before = discarded.get(key.value())?;
                let digest = missing_digest(name, version);
                if before.is_some_and(|before| is_of(before.value(), digest)) {
                    moved.has_discarded = true;
                } else {
                    absent.push((name.to_owned(), version.to_owned()));
                }
                continue;
            }
            if live.absences.get(key.value())?.is_some() {
                present.push((name.to_owned(), version.to_owned()));
            }
        }
        for (name, version) in present {
            if live.present(&name, &version)? {
                moved.touched.extend(Name::parse(&name));
            }
        }
        if hold.all || hold.absences {
            let mut on_hold = Counted::open(transaction, ON_HOLD, growth)?;
            absent.retain(|(name, version)| !released.contains(&missing_digest(name, version)));
            for (name, version) in &absent {
                on_hold.insert((upstream, name.as_str(), version.as_str()), codec::ABSENT)?;
            }
            return Ok(());
        }
        for (name, version) in absent {
            if live.missed(&name, &version, safety_limits)? {
                moved.touched.extend(Name::parse(&name));
            }
        }
        live.quarantine.retain_in(
            (upstream, "", "")..(end.as_str(), "", ""),
            |(_, name, version)| {
                let stays = seen.contains(&codec::seen_key(name, version));
                if !stays {
                    // Another upstream may have the authority for the name now.
                    moved.touched.extend(Name::parse(name));
                }
                stays
            },
        )?;
        Ok(())
    }
}

/// Returns the changes that a person released after the run was judged; the live entries have them. What was discarded
/// instead is dropped by its digest.
fn released_since(hold: &Hold, on_hold: &[ChangeOnHold]) -> BTreeSet<Digest> {
    let on_hold: BTreeSet<Digest> = on_hold.iter().map(|change| change.digest).collect();
    hold.waiting.difference(&on_hold).copied().collect()
}

/// The effect of a run that is accepted.
#[derive(Debug, Default)]
struct Moved {
    touched: BTreeSet<Name>,
    /// True if a person discarded one of its changes before, so that it was dropped.
    has_discarded: bool,
    /// New content with dates from before the last accepted run.
    backdated: Vec<Backdated>,
}

/// Returns the change set on hold after a run. The same changes keep their time and their exceeded limits.
fn change_set(
    acceptance: &Acceptance<'_>,
    changes: &[ChangeOnHold],
    before: Option<ChangeSet>,
    replaces: bool,
) -> Option<ChangeSet> {
    let Acceptance { upstream, complete, hold, now, .. } = *acceptance;
    if changes.is_empty() {
        return None;
    }
    let shown = shown(upstream, changes);
    let mut on_hold = ChangeSet {
        shown,
        rows: changes.len() as u64,
        complete: complete || !replaces,
        since: now,
        exceeded: hold.exceeded.clone(),
        newest: acceptance.whole.newest_of_full_sync.filter(|_| complete),
    };
    match before {
        Some(before) if before.shown == shown => Some(before),
        Some(before) if !replaces => {
            let is_new = |limit: &SafetyLimit| {
                before.exceeded.iter().all(|exceeded| exceeded.limit != *limit)
            };
            on_hold.exceeded.retain(|exceeded| is_new(&exceeded.limit));
            on_hold.exceeded.splice(..0, before.exceeded);
            Some(ChangeSet { since: before.since, newest: before.newest, ..on_hold })
        }
        _ => Some(on_hold),
    }
}
