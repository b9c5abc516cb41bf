use std::sync::{Arc, MutexGuard};

use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};

use super::facts::facts_of;
use crate::model::{Digest, Head, Status, Timestamp, TombstoneStub};
use crate::store::codec::{self, Packer, StagedParts, Unpackers, after_contents};
use crate::store::tables::{
    ABSENCES, BODIES, FACTS, HEADS, PURGED, QUARANTINE, REWRITTEN, Row as RowKey, UPSTREAMS,
    WriteTable,
};
use crate::store::usage::{Counted, Growth};
use crate::store::{Store, StoreError};
use crate::sync::{
    Absence, Arrival, FirstAcceptance, Miss, Placement, Rewrite, Row, SafetyLimits, UpstreamState,
    deleted, place, rewrite,
};

/// The live tables of one upstream, in one transaction.
pub(in crate::store) struct Live<'t> {
    pub(in crate::store) upstream: &'t str,
    pub(in crate::store) heads: Counted<'t>,
    bodies: Counted<'t>,
    pub(in crate::store) quarantine: Counted<'t>,
    facts: Counted<'t>,
    rewritten: Counted<'t>,
    purged: WriteTable<'t, RowKey>,
    pub(in crate::store) absences: WriteTable<'t, RowKey>,
    packer: MutexGuard<'t, Packer>,
    unpackers: Arc<Unpackers>,
    now: Timestamp,
    accepted: FirstAcceptance,
    /// True if the rare tables had rows when the transaction began, or have rows now: in a first sync
    /// they are empty, and a lookup in them for every row is a fifth of its time.
    has_rare_rows: bool,
    /// True if facts are left for later, as in a first sync.
    owes_facts: bool,
}

impl<'t> Live<'t> {
    pub(in crate::store) fn open(
        store: &'t Store,
        transaction: &'t WriteTransaction,
        upstream: &'t str,
        now: Timestamp,
        growth: &'t Growth,
    ) -> Result<Self, StoreError> {
        let quarantine = Counted::open(transaction, QUARANTINE, growth)?;
        let rewritten = Counted::open(transaction, REWRITTEN, growth)?;
        let purged = transaction.open_table(PURGED)?;
        let absences = transaction.open_table(ABSENCES)?;
        Ok(Self {
            upstream,
            has_rare_rows: !(quarantine.is_empty()?
                && rewritten.is_empty()?
                && purged.is_empty()?
                && absences.is_empty()?),
            heads: Counted::open(transaction, HEADS, growth)?,
            bodies: Counted::open(transaction, BODIES, growth)?,
            quarantine,
            rewritten,
            purged,
            absences,
            facts: Counted::open(transaction, FACTS, growth)?,
            packer: store.packer(),
            unpackers: store.unpackers(),
            owes_facts: false,
            now,
            accepted: FirstAcceptance { at: now, initial: is_initial(transaction, upstream, now)? },
        })
    }

    /// Returns the same for rows of a first sync: facts of first contents are left for later.
    pub(in crate::store) fn owing_facts(self) -> Self {
        Self { owes_facts: true, ..self }
    }

    pub(in crate::store) fn put(&mut self, row: &Row) -> Result<(), StoreError> {
        let (name, version) = row.key();
        match row {
            Row::Entry(entry) => {
                let body = self.packer.body_to_stage(entry)?;
                self.entry(&name, &version, &codec::head(&entry.head), &body)?;
                Ok(())
            }
            Row::Quarantined(row) => {
                let value = self.packer.quarantined(row)?;
                self.quarantined(&name, &version, &value)
            }
            Row::Deleted(row) => {
                let value = self.packer.quarantined(row)?;
                self.deleted(&name, &version, &value)
            }
            Row::Settled { .. } => self.settled(&name, &version),
        }
    }

    /// Applies a row that was staged or on hold; returns its head if that is the first content under its key, and
    /// the row did not leave quarantine.
    pub(in crate::store) fn apply(
        &mut self,
        name: &str,
        version: &str,
        value: &[u8],
        safety_limits: &SafetyLimits,
    ) -> Result<Option<Head>, StoreError> {
        match codec::staged_parts(value) {
            Some(StagedParts::Entry { head, body }) => {
                return self.entry(name, version, head, body);
            }
            Some(StagedParts::Quarantined { value }) => self.quarantined(name, version, value)?,
            Some(StagedParts::Deleted { value }) => self.deleted(name, version, value)?,
            Some(StagedParts::Settled) => self.settled(name, version)?,
            Some(StagedParts::Absent) => {
                self.missed(name, version, safety_limits)?;
            }
            None => return Err(StoreError::damaged("a staged row", format!("{name}@{version}"))),
        }
        Ok(None)
    }

    /// Returns true if the row replaces no content, or an entry with its own deletion.
    pub(in crate::store) fn may_take(&self, row: &Row) -> Result<bool, StoreError> {
        let Row::Entry(entry) = row else { return Ok(false) };
        let stored = self.head(entry.name.as_str(), entry.version.as_str())?;
        let deletes = entry.head.status == Status::Deleted;
        let is_deleted = |head: Head| deletes && head.status != Status::Deleted;
        Ok(stored.is_none_or(|head| head.contentless || is_deleted(head)))
    }

    /// Returns the head that is stored under the key of a row.
    pub(in crate::store) fn head_of(&self, row: &Row) -> Result<Option<Head>, StoreError> {
        let (name, version) = row.key();
        self.head(&name, &version)
    }

    fn head(&self, name: &str, version: &str) -> Result<Option<Head>, StoreError> {
        let value = self.heads.get((self.upstream, name, version))?;
        Ok(value.and_then(|value| codec::read_head(value.value())))
    }

    /// Stores an entry and ends its quarantine and its absence, as [`rewrite`] decides.
    fn entry(
        &mut self,
        name: &str,
        version: &str,
        head: &[u8],
        body: &[u8],
    ) -> Result<Option<Head>, StoreError> {
        let key = (self.upstream, name, version);
        let damaged = || StoreError::damaged("an entry to be stored", format!("{name}@{version}"));
        let sent = codec::read_head(head).ok_or_else(damaged)?;
        let kept;
        let body = if body.is_empty() {
            let known = self.head(name, version)?.filter(|known| known.received == sent.received);
            let Some((_, value)) = known.zip(self.bodies.get(key)?) else { return Ok(None) };
            kept = value.value().to_vec();
            &kept
        } else {
            body
        };
        let mut left_quarantine = false;
        if self.has_rare_rows {
            left_quarantine = self.quarantine.remove(key)?.is_some();
            self.absences.remove(key)?;
        }
        let (stored, purged) = (self.head(name, version)?, self.purged(name, version)?);
        let same_content = match stored {
            Some(stored) if stored.received == sent.received => self.has_body(key, body)?,
            _ => false,
        };
        let is_stub = sent.status == Status::Deleted
            && TombstoneStub::new(name, version).received() == sent.received;
        let accepted = self.accepted;
        match rewrite(&Arrival { sent, stored, purged, same_content, is_stub, accepted }) {
            Rewrite::KeepFirst { head } => {
                self.heads.insert(key, &codec::head(&head))?;
                self.other_content(name, version, &sent, body)?;
            }
            Rewrite::Delete { head } => {
                self.heads.insert(key, &codec::head(&head))?;
            }
            Rewrite::Store { head, forget_purged, is_new } => {
                self.heads.insert(key, &codec::head(&head))?;
                self.bodies.insert(key, body)?;
                if !same_content {
                    self.first_facts(key, body, stored.is_some())?;
                }
                if forget_purged {
                    self.purged.remove(key)?;
                }
                return Ok((is_new && !left_quarantine).then_some(head));
            }
            Rewrite::Restore { head, displaced } => {
                let between = self.bodies.get(key)?.map(|body| body.value().to_vec());
                // A body that is not readable any more is dropped.
                let between = between.filter(|body| self.unpackers.unpack(body).is_some());
                if let Some(between) = between {
                    self.other_content(name, version, &displaced, &between)?;
                }
                self.heads.insert(key, &codec::head(&head))?;
                self.bodies.insert(key, body)?;
                self.first_facts(key, body, true)?;
                self.purged.remove(key)?;
            }
        }
        Ok(None)
    }

    /// Returns the head of an entry that was purged.
    fn purged(&self, name: &str, version: &str) -> Result<Option<Head>, StoreError> {
        if !self.has_rare_rows {
            return Ok(None);
        }
        let value = self.purged.get((self.upstream, name, version))?;
        Ok(value.and_then(|value| codec::read_head(value.value())))
    }

    /// Keeps a content beside the one received first.
    fn other_content(
        &mut self,
        name: &str,
        version: &str,
        sent: &Head,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let damaged = || StoreError::damaged("an entry to be stored", format!("{name}@{version}"));
        let (server, _) = self.unpackers.unpack(body).ok_or_else(damaged)?;
        let content = Digest::of(server.as_bytes());
        let Placement { first_seen, makes_room } =
            place(&self.others(name, version)?, content, self.now);
        if let Some(evicted) = makes_room {
            let evicted = codec::content_key(version, &evicted);
            let evicted = (self.upstream, name, evicted.as_str());
            self.rewritten.remove(evicted)?;
            self.facts.remove(evicted)?;
        }
        let key = codec::content_key(version, &content);
        let value = codec::staged_entry(&codec::head(&Head { first_seen, ..*sent }), body);
        let key = (self.upstream, name, key.as_str());
        self.rewritten.insert(key, &value)?;
        self.facts.insert(key, &facts_of(&server))?;
        self.has_rare_rows = true;
        Ok(())
    }

    /// Returns the other contents of an entry, each with the time it was first seen.
    fn others(&self, name: &str, version: &str) -> Result<Vec<(Digest, Timestamp)>, StoreError> {
        let end = after_contents(version);
        let range = (self.upstream, name, version)..(self.upstream, name, end.as_str());
        let mut others = Vec::new();
        for row in self.rewritten.range(range)? {
            let (key, value) = row?;
            let Some(content) = codec::content_of(key.value().2) else { continue };
            let Some(StagedParts::Entry { head, .. }) = codec::staged_parts(value.value()) else {
                continue;
            };
            let first_seen = codec::read_head(head).map_or(self.now, |head| head.first_seen);
            others.push((content, first_seen));
        }
        Ok(others)
    }

    /// Writes the facts of a first content, or removes those of the content before it.
    fn first_facts(
        &mut self,
        key: (&str, &str, &str),
        body: &[u8],
        may_have_before: bool,
    ) -> Result<(), StoreError> {
        if self.owes_facts {
            if may_have_before {
                self.facts.remove(key)?;
            }
            return Ok(());
        }
        let damaged =
            || StoreError::damaged("an entry to be stored", format!("{}@{}", key.1, key.2));
        let (server, _) = self.unpackers.unpack(body).ok_or_else(damaged)?;
        self.facts.insert(key, &facts_of(&server))?;
        Ok(())
    }

    /// Removes the other contents of a purged entry, and the facts of all its contents.
    fn forget_contents(&mut self, name: &str, version: &str) -> Result<(), StoreError> {
        let end = after_contents(version);
        let range = (self.upstream, name, version)..(self.upstream, name, end.as_str());
        self.rewritten.retain_in(range.clone(), |_| false)?;
        self.facts.retain_in(range, |_| false)
    }

    /// Returns true if the `server` bytes of a body equal the stored ones. A stored body that is not
    /// readable any more is replaced.
    fn has_body(&self, key: (&str, &str, &str), body: &[u8]) -> Result<bool, StoreError> {
        let before = self.bodies.get(key)?;
        let before = before.and_then(|value| self.unpackers.unpack(value.value()));
        let after = self.unpackers.unpack(body);
        Ok(before.is_none_or(|(server, _)| after.is_some_and(|(sent, _)| sent == server)))
    }

    /// Stores a row in quarantine. A stored entry under the same key does not change.
    fn quarantined(&mut self, name: &str, version: &str, value: &[u8]) -> Result<(), StoreError> {
        self.quarantine.insert((self.upstream, name, version), value)?;
        self.has_rare_rows = true;
        Ok(())
    }

    /// Marks a stored entry as deleted by a row that is not a valid entry.
    fn deleted(&mut self, name: &str, version: &str, value: &[u8]) -> Result<(), StoreError> {
        if let Some(head) = self.head(name, version)? {
            let head = codec::head(&deleted(head));
            self.heads.insert((self.upstream, name, version), &head)?;
        }
        self.quarantined(name, version, value)
    }

    /// Ends the quarantine of a row when the stored entry is what upstream has.
    pub(in crate::store) fn settled(
        &mut self,
        name: &str,
        version: &str,
    ) -> Result<(), StoreError> {
        self.quarantine.remove((self.upstream, name, version))?;
        Ok(())
    }

    /// Records that a full sync saw the entry; returns true if it comes back from missing.
    pub(in crate::store) fn present(
        &mut self,
        name: &str,
        version: &str,
    ) -> Result<bool, StoreError> {
        let key = (self.upstream, name, version);
        if self.absences.remove(key)?.is_none() {
            return Ok(false);
        }
        let shown = self.head(name, version)?.and_then(Absence::end);
        if let Some(head) = &shown {
            self.heads.insert(key, &codec::head(head))?;
        }
        Ok(shown.is_some())
    }

    /// Records that a full sync missed the entry; returns true if that hides or purges it.
    pub(in crate::store) fn missed(
        &mut self,
        name: &str,
        version: &str,
        safety_limits: &SafetyLimits,
    ) -> Result<bool, StoreError> {
        let key = (self.upstream, name, version);
        let Some(head) = self.head(name, version)? else { return Ok(false) };
        let before = self.absences.get(key)?.and_then(|value| codec::read_absence(value.value()));
        match Absence::missed(head, before, safety_limits, self.now) {
            Miss::Purged { remembered } => {
                self.heads.remove(key)?;
                self.bodies.remove(key)?;
                self.forget_contents(name, version)?;
                self.absences.remove(key)?;
                if let Some(head) = remembered {
                    self.purged.insert(key, codec::head(&head).as_slice())?;
                    self.has_rare_rows = true;
                }
                Ok(true)
            }
            Miss::Counted { absence, hidden } => {
                self.absences.insert(key, codec::json(&absence)?.as_slice())?;
                self.has_rare_rows = true;
                if let Some(head) = &hidden {
                    self.heads.insert(key, &codec::head(head))?;
                }
                Ok(hidden.is_some())
            }
        }
    }
}

/// Returns true in the first sync of the upstream.
fn is_initial(
    transaction: &WriteTransaction,
    upstream: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let upstreams = transaction.open_table(UPSTREAMS)?;
    let Some(json) = upstreams.get(upstream)? else { return Ok(true) };
    let state: UpstreamState = codec::read_json(json.value(), "an upstream", upstream)?;
    Ok(state.is_in_first_sync(now))
}
