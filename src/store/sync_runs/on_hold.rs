//! The change set on hold, until a person releases or discards it.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::recent::clear_changes;
use super::staged::change_digest;
use crate::history::{Change, Event, HoldChange, HoldStep};
use crate::model::{Digest, Name, Timestamp, remember};
use crate::store::codec::{self, StagedParts};
use crate::store::dirty::mark_names;
use crate::store::entries::Live;
use crate::store::history::{NewEvents, append};
use crate::store::rows::{RowRange, after, all_of, of_name};
use crate::store::tables::{Bytes, DISCARDED, HOLD_HISTORY, ON_HOLD, Row, Word};
use crate::store::usage::{Counted, Growth, put_state, state_of};
use crate::store::{Snapshot, Store, StoreError};
use crate::sync::{
    ChangeOnHold, ChangeSet, DecisionRecord, DecisionRequest, DiscardNote, DiscardedChange, Effect,
    HoldDecision, HoldHistory, NotDecided, SafetyLimit, SafetyLimits, shown,
};

impl Store {
    /// Releases or discards what a person was shown of the change set on hold, and records the decision. The check of
    /// the digest, the changes and the record are one transaction. Returns the names that changed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn decide_hold(
        &self,
        upstream: &str,
        request: &DecisionRequest,
        safety_limits: &SafetyLimits,
        now: Timestamp,
    ) -> Result<Result<BTreeSet<Name>, NotDecided>, StoreError> {
        self.write(now, |transaction| {
            let growth = Growth::default();
            let mut history = history_of(&transaction.open_table(HOLD_HISTORY)?, upstream)?;
            let before = changes(&transaction.open_table(ON_HOLD)?, upstream)?;
            let covered = match history.covered(upstream, &before, request) {
                Ok(covered) => covered,
                Err(why) => return Ok(Err(why)),
            };
            match request.decision {
                HoldDecision::Release => self.release_changes(
                    transaction,
                    upstream,
                    &covered,
                    safety_limits,
                    now,
                    &growth,
                )?,
                HoldDecision::Discard => {
                    discard_changes(transaction, upstream, &covered, now, &growth)?;
                }
            }
            // Those of a discarded change too: other upstreams may have them, and they wait no longer.
            let touched: BTreeSet<Name> =
                covered.iter().filter_map(|change| Name::parse(&change.name).ok()).collect();
            let rows = covered.len() as u64;
            let change = HoldChange {
                upstream: upstream.into(),
                step: match request.decision {
                    HoldDecision::Release => HoldStep::Released,
                    HoldDecision::Discard => HoldStep::Discarded,
                },
                shown: request.seen,
                rows,
                by: Some(request.by.clone()),
                reason: Some(request.reason.clone()),
                actor: Some(request.actor.clone()),
            };
            record_hold(transaction, change, now)?;
            history.record(DecisionRecord {
                decision: request.decision,
                at: now,
                by: request.by.clone(),
                reason: request.reason.clone(),
                actor: request.actor.clone(),
                shown: request.seen,
                only: request.only.clone(),
                rows,
            });
            let after = changes(&transaction.open_table(ON_HOLD)?, upstream)?;
            let mut state = state_of(transaction, upstream)?;
            let decided = state.on_hold.take();
            if let Some(set) = decided.as_ref().filter(|_| after.is_empty())
                && history.has_released_all(set.since)
            {
                // A person accepted all of it. What a person refused must not get another budget.
                let limits = set.exceeded.iter().map(|exceeded| &exceeded.limit);
                clear_changes(transaction, upstream, limits.flat_map(SafetyLimit::kinds).copied())?;
            }
            put_history(transaction, upstream, history, &before, &after)?;
            let is_rewind = |set: &ChangeSet| {
                set.exceeded.iter().any(|exceeded| exceeded.limit == SafetyLimit::Rewind)
            };
            if after.is_empty()
                && request.decision == HoldDecision::Release
                && let Some(set) = decided.as_ref().filter(|set| is_rewind(set))
            {
                state.release_rewind(set.newest);
            }
            state.on_hold = decided.filter(|_| !after.is_empty()).map(|set| ChangeSet {
                shown: shown(upstream, &after),
                rows: after.len() as u64,
                ..set
            });
            mark_names(transaction, &touched)?;
            put_state(transaction, upstream, &state, &growth)?;
            Ok(Ok(touched))
        })
    }

    fn release_changes(
        &self,
        transaction: &WriteTransaction,
        upstream: &str,
        covered: &[&ChangeOnHold],
        safety_limits: &SafetyLimits,
        now: Timestamp,
        growth: &Growth,
    ) -> Result<(), StoreError> {
        // A person has reviewed the absences: they count without further full syncs.
        let safety_limits = &SafetyLimits { missing_syncs: 1, ..safety_limits.clone() };
        let mut live = Live::open(self, transaction, upstream, now, growth)?;
        let mut table = Counted::open(transaction, ON_HOLD, growth)?;
        for ChangeOnHold { name, version, .. } in covered {
            if let Some(value) = table.remove((upstream, name.as_str(), version.as_str()))? {
                live.apply(name, version, value.value(), safety_limits)?;
            }
        }
        Ok(())
    }
}

/// Drops changes, and remembers them: they are not put on hold again until something else arrives for their key.
fn discard_changes(
    transaction: &WriteTransaction,
    upstream: &str,
    covered: &[&ChangeOnHold],
    now: Timestamp,
    growth: &Growth,
) -> Result<(), StoreError> {
    let mut table = Counted::open(transaction, ON_HOLD, growth)?;
    let mut discarded = transaction.open_table(DISCARDED)?;
    for change in covered {
        let key = (upstream, change.name.as_str(), change.version.as_str());
        table.remove(key)?;
        let note = codec::json(&DiscardNote { at: now, effect: change.effect.clone() })?;
        discarded.insert(key, [change.digest.as_bytes(), note.as_slice()].concat().as_slice())?;
    }
    Ok(())
}

impl Snapshot {
    /// Returns the changes of an upstream that are on hold.
    pub fn changes_on_hold(&self, upstream: &str) -> Result<Vec<ChangeOnHold>, StoreError> {
        changes(self.tables.on_hold()?, upstream)
    }

    /// Returns what is remembered about the change sets of an upstream.
    pub fn hold_history(&self, upstream: &str) -> Result<HoldHistory, StoreError> {
        history_of(self.tables.hold_history()?, upstream)
    }

    /// Returns the digest of the change on hold under a key.
    pub fn change_on_hold(
        &self,
        upstream: &str,
        name: &str,
        version: &str,
    ) -> Result<Option<Digest>, StoreError> {
        let value = self.tables.on_hold()?.get((upstream, name, version))?;
        Ok(value.map(|value| change_digest(name, version, value.value())))
    }

    /// Returns true if a person discarded exactly this change.
    pub fn is_discarded(
        &self,
        upstream: &str,
        name: &str,
        version: &str,
        change: impl FnOnce() -> Digest,
    ) -> Result<bool, StoreError> {
        let value = self.tables.discarded()?.get((upstream, name, version))?;
        Ok(value.is_some_and(|value| is_of(value.value(), change())))
    }

    /// Returns the changes of an upstream that a person discarded.
    pub fn discarded(&self, upstream: &str) -> Result<Vec<DiscardedChange>, StoreError> {
        discarded_in(all_of(self.tables.discarded()?, upstream)?)
    }

    /// Returns the changes of one name in an upstream that are on hold, and those that a person discarded.
    pub fn not_applied(
        &self,
        upstream: &str,
        name: &Name,
    ) -> Result<(Vec<ChangeOnHold>, Vec<DiscardedChange>), StoreError> {
        let on_hold = of_name(self.tables.on_hold()?, upstream, name)?.map(|row| {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            Ok::<_, StoreError>(change_of(name, version, value.value()))
        });
        let discarded = discarded_in(of_name(self.tables.discarded()?, upstream, name)?)?;
        Ok((on_hold.collect::<Result<_, _>>()?, discarded))
    }
}

fn discarded_in(rows: RowRange) -> Result<Vec<DiscardedChange>, StoreError> {
    rows.map(|row| {
        let (key, value) = row?;
        let (_, name, version) = key.value();
        let note = value.value().get(DIGEST_BYTES..);
        let note = note.and_then(|note| serde_json::from_slice(note).ok());
        Ok(DiscardedChange { name: name.to_owned(), version: version.to_owned(), note })
    })
    .collect()
}

/// A row of a discarded change begins with its digest; the note behind it is for people.
const DIGEST_BYTES: usize = 32;

/// Returns true if a row of a discarded change is of this one.
pub(super) fn is_of(discarded: &[u8], change: Digest) -> bool {
    discarded.get(..DIGEST_BYTES).is_some_and(|digest| digest == change.as_bytes())
}

/// Returns the digest of the change that a missing entry is.
#[must_use]
pub fn missing_digest(name: &str, version: &str) -> Digest {
    change_digest(name, version, codec::ABSENT)
}

/// Returns the changes of an upstream that are on hold, in the order of their keys.
pub(super) fn changes(
    table: &impl ReadableTable<Row, Bytes>,
    upstream: &str,
) -> Result<Vec<ChangeOnHold>, StoreError> {
    let end = after(upstream);
    let rows = table.range((upstream, "", "")..(end.as_str(), "", ""))?;
    rows.map(|row| {
        let (key, value) = row?;
        let (_, name, version) = key.value();
        Ok(change_of(name, version, value.value()))
    })
    .collect()
}

fn change_of(name: &str, version: &str, value: &[u8]) -> ChangeOnHold {
    let effect = match codec::staged_parts(value) {
        Some(StagedParts::Entry { head, .. }) => match codec::read_head(head) {
            Some(head) => Effect::Entry { content: head.received, status: head.status.to_string() },
            None => Effect::Unreadable,
        },
        Some(StagedParts::Deleted { .. }) => Effect::Deleted,
        Some(StagedParts::Settled) => Effect::Unchanged,
        Some(StagedParts::Absent) => Effect::Missing,
        Some(StagedParts::Quarantined { .. }) | None => Effect::Unreadable,
    };
    let digest = change_digest(name, version, value);
    ChangeOnHold { name: name.to_owned(), version: version.to_owned(), effect, digest }
}

/// Appends the event of a change set.
pub(super) fn record_hold(
    transaction: &WriteTransaction,
    change: HoldChange,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event { at: now, change: Change::Hold(change) };
    append(transaction, NewEvents { events: &[event], rules: &[] }, now)
}

pub(super) fn history_of(
    table: &impl ReadableTable<Word, Bytes>,
    upstream: &str,
) -> Result<HoldHistory, StoreError> {
    match table.get(upstream)? {
        None => Ok(HoldHistory::default()),
        Some(json) => codec::read_json(json.value(), "the history of holds", upstream),
    }
}

/// Stores the history of an upstream, with the state `before` if it differs from the one `after`.
pub(super) fn put_history(
    transaction: &WriteTransaction,
    upstream: &str,
    history: HoldHistory,
    before: &[ChangeOnHold],
    after: &[ChangeOnHold],
) -> Result<(), StoreError> {
    let earlier = remember(&history.earlier, shown(upstream, before), before, after);
    let history = HoldHistory { earlier, ..history };
    transaction.open_table(HOLD_HISTORY)?.insert(upstream, codec::json(&history)?.as_slice())?;
    Ok(())
}

/// Removes a change from those that were discarded when something else arrives for its key; returns true if the change
/// that arrives is the discarded one.
pub(super) fn meets_discarded(
    discarded: &mut redb::Table<'_, Row, Bytes>,
    key: (&str, &str, &str),
    value: &[u8],
) -> Result<bool, StoreError> {
    let Some(before) = discarded.get(key)?.map(|before| before.value().to_vec()) else {
        return Ok(false);
    };
    if is_of(&before, change_digest(key.1, key.2, value)) {
        return Ok(true);
    }
    discarded.remove(key)?;
    Ok(false)
}
