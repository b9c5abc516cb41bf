//! The set of changes that a rail keeps back, until a person decides about it.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::staged::clear;
use super::state::{put_state, state_of};
use crate::model::{Digest, Instant, Name};
use crate::store::dirty::mark_names;
use crate::store::entries::Live;
use crate::store::rows::after;
use crate::store::tables::HELD;
use crate::store::{Store, StoreError, codec};
use crate::sync::{Rail, Rails, UpstreamState};

impl Store {
    /// Accepts exactly the held set of this id; `None` when another one is held, or none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn release_held(
        &self,
        upstream: &str,
        id: &str,
        rails: &Rails,
        now: Instant,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.decide_held(upstream, id, now, |transaction, state| {
            let mut live = Live::open(self, transaction, upstream, now)?;
            let mut touched = BTreeSet::new();
            // Somebody has looked at the absences: they need no further walks to count.
            let rails = &Rails { missing_walks: 1, ..rails.clone() };
            let mut table = transaction.open_table(HELD)?;
            let range = (upstream, "", "")..(&*after(upstream), "", "");
            for row in table.extract_from_if(range, |_, _| true)? {
                let (key, value) = row?;
                let (_, name, version) = key.value();
                live.apply(name, version, value.value(), rails)?;
                touched.extend(Name::parse(name));
            }
            // An older state of the upstream that was released is the state from now on.
            let held = state.held.take();
            if held.is_some_and(|held| held.trips.iter().any(|trip| trip.rail == Rail::Rewind)) {
                state.newest_updated_at = None;
            }
            Ok(touched)
        })
    }

    /// Drops exactly the held set of this id and remembers it; `None` when another one is held.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn discard_held(
        &self,
        upstream: &str,
        id: &str,
        now: Instant,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.decide_held(upstream, id, now, |transaction, state| {
            clear(transaction, upstream, HELD)?;
            state.discard(id);
            Ok(BTreeSet::new())
        })
    }

    fn decide_held(
        &self,
        upstream: &str,
        id: &str,
        now: Instant,
        decide: impl FnOnce(&WriteTransaction, &mut UpstreamState) -> Result<BTreeSet<Name>, StoreError>,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.write(now, |transaction| {
            let mut state = state_of(transaction, upstream)?;
            if state.held.as_ref().is_none_or(|held| held.id != id) {
                return Ok(None);
            }
            let touched = decide(transaction, &mut state)?;
            mark_names(transaction, &touched)?;
            put_state(transaction, upstream, &state)?;
            Ok(Some(touched))
        })
    }
}

/// Id and size of what is held: twelve hexadecimal digits over keys and what each row was sent as.
pub(super) fn held(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<Option<(String, u64)>, StoreError> {
    let table = transaction.open_table(HELD)?;
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
