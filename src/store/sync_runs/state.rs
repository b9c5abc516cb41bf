use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use redb::{ReadableTable, WriteTransaction};

use super::recent::forget_changes;
use super::staged::{clear, clear_discarded};
use crate::curation::{RemovedUpstreams, UpstreamPolicy};
use crate::model::{Name, Timestamp};
use crate::ownership::Claim;
use crate::store::rows::{all_of, of_name};
use crate::store::snapshot::Synchronised;
use crate::store::tables::{ON_HOLD, ReadTable, Row};
use crate::store::usage::{Growth, put_state, state_of};
use crate::store::{Snapshot, Store, StoreError, codec};
use crate::sync::UpstreamState;

impl Snapshot {
    pub fn upstream(&self, id: &str) -> Result<UpstreamState, StoreError> {
        let Some(value) = self.tables.upstreams()?.get(id)? else {
            return Ok(UpstreamState::default());
        };
        codec::read_json(value.value(), "an upstream", id)
    }

    /// Returns the upstreams with a stored state.
    pub fn upstreams(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.known_upstreams()?.to_vec())
    }

    /// Returns the same, read once for each snapshot.
    pub(in crate::store) fn known_upstreams(&self) -> Result<&[String], StoreError> {
        if let Some(upstreams) = self.upstreams.get() {
            return Ok(upstreams);
        }
        let rows = self.tables.upstreams()?.iter()?;
        let read: Result<Vec<String>, StoreError> =
            rows.map(|row| Ok(row?.0.value().to_owned())).collect();
        let read = read?;
        Ok(self.upstreams.get_or_init(|| read))
    }

    /// Returns the upstreams of which everything about a name is stored, and nothing is on hold. One with a damaged state
    /// is not known to be one of them.
    pub(in crate::store) fn synchronised_upstreams(
        &self,
        name: &Name,
    ) -> Result<Arc<BTreeSet<String>>, StoreError> {
        let Synchronised { upstreams, crowded, undecided } = self.synchronised()?;
        let mut unknown = BTreeSet::new();
        if !crowded.is_empty() {
            let party = Claim::party_of(name.namespace());
            unknown.extend(crowded.get(&party).into_iter().flatten().cloned());
        }
        for upstream in undecided {
            if of_name(self.tables.on_hold()?, upstream, name)?.next().transpose()?.is_some() {
                unknown.insert(upstream.clone());
            }
        }
        if unknown.is_empty() {
            Ok(Arc::clone(upstreams))
        } else {
            Ok(Arc::new(&**upstreams - &unknown))
        }
    }

    /// Returns the same of all namespaces, read once for each snapshot.
    fn synchronised(&self) -> Result<&Synchronised, StoreError> {
        if let Some(synchronised) = self.synchronised.get() {
            return Ok(synchronised);
        }
        let mut upstreams = BTreeSet::new();
        let mut crowded: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut undecided = BTreeSet::new();
        for id in self.known_upstreams()? {
            match self.upstream(id) {
                Ok(state) if state.is_synchronised() => {
                    upstreams.insert(id.clone());
                    for party in state.crowded {
                        crowded.entry(party).or_default().insert(id.clone());
                    }
                    if state.on_hold.is_some() {
                        undecided.insert(id.clone());
                    }
                }
                Ok(_) | Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let upstreams = Arc::new(upstreams);
        Ok(self.synchronised.get_or_init(|| Synchronised { upstreams, crowded, undecided }))
    }

    /// Returns the upstreams that have no definition any more, as they were when they had one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn removed_upstreams(
        &self,
        defined: &[UpstreamPolicy],
    ) -> Result<RemovedUpstreams, StoreError> {
        let mut removed = RemovedUpstreams::default();
        for id in self.known_upstreams()? {
            if defined.iter().any(|known| known.id == *id) {
                continue;
            }
            match self.upstream(id) {
                Ok(UpstreamState { internal, withdrawn, .. }) => {
                    removed.internal.extend(internal.then(|| id.clone()));
                    removed.withdrawn.extend(withdrawn.then(|| id.clone()));
                }
                // What it was is not known, and must not show more.
                Err(StoreError::Damaged(_)) => drop(removed.withdrawn.insert(id.clone())),
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    /// Returns the number of entries and of quarantined rows of an upstream.
    pub fn count(&self, upstream: &str) -> Result<(u64, u64), StoreError> {
        let count = |table: &ReadTable<Row>| -> Result<u64, StoreError> {
            Ok(all_of(table, upstream)?.count() as u64)
        };
        Ok((count(self.tables.heads()?)?, count(self.tables.quarantine()?)?))
    }
}

impl Store {
    /// Remembers which of these upstreams are withdrawn, as far as they have rows.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn remember_withdrawn(
        &self,
        withdrawn: &BTreeMap<String, bool>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let snapshot = self.snapshot()?;
        let mut changed = Vec::new();
        for id in snapshot.known_upstreams()? {
            if let Some(is_withdrawn) = withdrawn.get(id)
                && snapshot.upstream(id).is_ok_and(|state| state.withdrawn != *is_withdrawn)
            {
                changed.push((id, *is_withdrawn));
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.write(now, |transaction| {
            for (id, withdrawn) in &changed {
                let state = UpstreamState { withdrawn: *withdrawn, ..state_of(transaction, id)? };
                put_state(transaction, id, &state, &Growth::default())?;
            }
            Ok(())
        })
    }
}

/// Returns the state with a person's decision in the meantime about a change set on hold. If the id belongs to another
/// registry now, what was on hold or discarded is removed, and so is what recent runs changed.
pub(super) fn decided(
    transaction: &WriteTransaction,
    upstream: &str,
    stored: &UpstreamState,
    state: &UpstreamState,
    growth: &Growth,
) -> Result<UpstreamState, StoreError> {
    if stored.url.is_none() || stored.url == state.url {
        let mut state = state.clone();
        state.keep_decisions(stored);
        return Ok(UpstreamState { on_hold: stored.on_hold.clone(), ..state });
    }
    clear(transaction, upstream, ON_HOLD, growth)?;
    clear_discarded(transaction, upstream)?;
    forget_changes(transaction, upstream)?;
    Ok(state.clone())
}
