//! The change set on hold, until a person releases or discards it.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::staged::clear;
use super::state::{put_state, state_of};
use crate::model::{Digest, Name, Timestamp};
use crate::store::dirty::mark_names;
use crate::store::entries::Live;
use crate::store::rows::after;
use crate::store::tables::ON_HOLD;
use crate::store::{Store, StoreError, codec};
use crate::sync::{SafetyLimit, SafetyLimits, UpstreamState};

impl Store {
    /// Accepts exactly the change set of this id; returns `None` if another one is on hold, or none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn release_hold(
        &self,
        upstream: &str,
        id: &str,
        safety_limits: &SafetyLimits,
        now: Timestamp,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.decide_hold(upstream, id, now, |transaction, state| {
            let mut live = Live::open(self, transaction, upstream, now)?;
            let mut touched = BTreeSet::new();
            // A person has reviewed the absences: they count without further full syncs.
            let safety_limits = &SafetyLimits { missing_syncs: 1, ..safety_limits.clone() };
            let mut table = transaction.open_table(ON_HOLD)?;
            let range = (upstream, "", "")..(&*after(upstream), "", "");
            for row in table.extract_from_if(range, |_, _| true)? {
                let (key, value) = row?;
                let (_, name, version) = key.value();
                live.apply(name, version, value.value(), safety_limits)?;
                touched.extend(Name::parse(name));
            }
            // A released older state of the upstream becomes the current one.
            let on_hold = state.on_hold.take();
            if on_hold.is_some_and(|on_hold| {
                on_hold.exceeded.iter().any(|exceeded| exceeded.limit == SafetyLimit::Rewind)
            }) {
                state.newest_updated_at = None;
            }
            Ok(touched)
        })
    }

    /// Drops exactly the change set of this id and remembers the id; returns `None` if another one is on hold.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn discard_hold(
        &self,
        upstream: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.decide_hold(upstream, id, now, |transaction, state| {
            clear(transaction, upstream, ON_HOLD)?;
            state.discard(id);
            Ok(BTreeSet::new())
        })
    }

    fn decide_hold(
        &self,
        upstream: &str,
        id: &str,
        now: Timestamp,
        decide: impl FnOnce(&WriteTransaction, &mut UpstreamState) -> Result<BTreeSet<Name>, StoreError>,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.write(now, |transaction| {
            let mut state = state_of(transaction, upstream)?;
            if state.on_hold.as_ref().is_none_or(|on_hold| on_hold.id != id) {
                return Ok(None);
            }
            let touched = decide(transaction, &mut state)?;
            mark_names(transaction, &touched)?;
            put_state(transaction, upstream, &state)?;
            Ok(Some(touched))
        })
    }
}

/// Returns id and size of the change set on hold. The id is twelve hexadecimal digits of a digest over the keys and
/// identities of its rows.
pub(super) fn on_hold(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<Option<(String, u64)>, StoreError> {
    let table = transaction.open_table(ON_HOLD)?;
    let end = after(upstream);
    let (mut identity, mut rows) = (Vec::new(), 0);
    for row in table.range((upstream, "", "")..(end.as_str(), "", ""))? {
        let (key, value) = row?;
        let (_, name, version) = key.value();
        rows += 1;
        for part in [name.as_bytes(), version.as_bytes(), codec::staged_identity(value.value())] {
            identity.extend(Digest::of(part).as_bytes());
        }
    }
    let id = Digest::of(&identity).short(12);
    Ok((rows > 0).then_some((id, rows)))
}
