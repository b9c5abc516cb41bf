use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::StoreError;
use super::codec::{self, Packer, StagedParts, Unpacker};
use super::tables::{ABSENCES, BODIES, HEADS, Key, PURGED, QUARANTINE, REWRITTEN};
use crate::model::{Head, Instant, Status};
use crate::sync::{Absence, Rails, Row};

/// Contents of one entry that are kept beside the first.
const MAX_CONTENTS: usize = 32;

pub(super) type WriteTable<'t> = Table<'t, Key, &'static [u8]>;

/// The live tables of one upstream, in one transaction.
pub(super) struct Live<'t> {
    pub(super) upstream: &'t str,
    pub(super) heads: WriteTable<'t>,
    bodies: WriteTable<'t>,
    pub(super) quarantine: WriteTable<'t>,
    rewritten: WriteTable<'t>,
    purged: WriteTable<'t>,
    pub(super) absences: WriteTable<'t>,
    unpacker: Unpacker,
    now: Instant,
    /// Whether the rare tables held anything when the transaction began, or do by now: in a first
    /// walk they are empty, and looking into them for every row is a fifth of its time.
    exceptions: bool,
}

impl<'t> Live<'t> {
    pub(super) fn open(
        transaction: &'t WriteTransaction,
        upstream: &'t str,
        now: Instant,
    ) -> Result<Self, StoreError> {
        let quarantine = transaction.open_table(QUARANTINE)?;
        let rewritten = transaction.open_table(REWRITTEN)?;
        let purged = transaction.open_table(PURGED)?;
        let absences = transaction.open_table(ABSENCES)?;
        Ok(Self {
            upstream,
            exceptions: !(quarantine.is_empty()?
                && rewritten.is_empty()?
                && purged.is_empty()?
                && absences.is_empty()?),
            heads: transaction.open_table(HEADS)?,
            bodies: transaction.open_table(BODIES)?,
            quarantine,
            rewritten,
            purged,
            absences,
            unpacker: Unpacker::new()?,
            now,
        })
    }

    pub(super) fn put(&mut self, row: &Row, packer: &mut Packer) -> Result<(), StoreError> {
        let (name, version) = row.key();
        match row {
            Row::Entry(entry) => {
                self.entry(&name, &version, &codec::head(&entry.head), &packer.body(entry)?)
            }
            Row::Quarantined(row) => self.quarantined(&name, &version, &packer.quarantined(row)?),
            Row::Deleted(row) => self.deleted(&name, &version, &packer.quarantined(row)?),
            Row::Settled { .. } => self.settled(&name, &version),
        }
    }

    /// Applies a row that was staged or held.
    pub(super) fn apply(
        &mut self,
        name: &str,
        version: &str,
        value: &[u8],
        rails: &Rails,
    ) -> Result<(), StoreError> {
        match codec::staged_parts(value) {
            Some(StagedParts::Entry { head, body }) => self.entry(name, version, head, body),
            Some(StagedParts::Quarantined { value }) => self.quarantined(name, version, value),
            Some(StagedParts::Deleted { value }) => self.deleted(name, version, value),
            Some(StagedParts::Settled) => self.settled(name, version),
            Some(StagedParts::Absent) => self.missed(name, version, rails).map(drop),
            None => Err(StoreError::damaged("a staged row", format!("{name}@{version}"))),
        }
    }

    /// Whether the row replaces nothing, or an entry with its own deletion.
    pub(super) fn may_take(&self, row: &Row) -> Result<bool, StoreError> {
        let Row::Entry(entry) = row else { return Ok(false) };
        let stored = self.head(entry.name.as_str(), entry.version.as_str())?;
        let deletes = entry.head.status == Status::Deleted;
        Ok(stored.is_none_or(|head| deletes && head.status != Status::Deleted))
    }

    fn head(&self, name: &str, version: &str) -> Result<Option<Head>, StoreError> {
        let value = self.heads.get((self.upstream, name, version))?;
        Ok(value.and_then(|value| codec::read_head(value.value())))
    }

    /// Stores an entry; a row of it that was in quarantine has been overtaken, and so has its
    /// absence. Published content does not change: other bytes than those of the first `server`
    /// object are kept beside it, and only what upstream says of the entry's life is taken over.
    fn entry(
        &mut self,
        name: &str,
        version: &str,
        head: &[u8],
        body: &[u8],
    ) -> Result<(), StoreError> {
        let key = (self.upstream, name, version);
        let damaged = || StoreError::damaged("an entry to be stored", format!("{name}@{version}"));
        let sent = codec::read_head(head).ok_or_else(damaged)?;
        if self.exceptions {
            self.quarantine.remove(key)?;
            self.absences.remove(key)?;
        }
        let purged = self.purged(name, version)?;
        match self.head(name, version)? {
            Some(stored)
                if !is_restored(&stored, purged.as_ref(), &sent)
                    && !self.is_same_content(name, version, &stored, &sent, body)? =>
            {
                let stored = Head {
                    status: sent.status,
                    updated_at: sent.updated_at,
                    sent: sent.sent,
                    missing: false,
                    rewritten: true,
                    ..stored
                };
                self.heads.insert(key, codec::head(&stored).as_slice())?;
                self.other_content(name, version, &sent, body)?;
            }
            stored => {
                let replaced = purged.is_some_and(|purged| purged.received != sent.received);
                let mut rewritten = stored.is_some_and(|stored| stored.rewritten);
                if let Some(stored) =
                    stored.filter(|stored| is_restored(stored, purged.as_ref(), &sent))
                {
                    // What came in between may be what somebody has pinned.
                    let between = self.bodies.get(key)?.map(|body| body.value().to_vec());
                    if let Some(between) = between {
                        self.other_content(name, version, &stored, &between)?;
                        rewritten = true;
                    }
                }
                // What a review could have seen is decided by the date that was first received.
                let Head { published_at, first_seen, .. } = purged.or(stored).unwrap_or(sent);
                let head = Head { rewritten, replaced, published_at, first_seen, ..sent };
                self.heads.insert(key, codec::head(&head).as_slice())?;
                self.bodies.insert(key, body)?;
                if self.exceptions && !replaced {
                    self.purged.remove(key)?;
                }
            }
        }
        Ok(())
    }

    /// The head of an entry that was here and was purged.
    fn purged(&self, name: &str, version: &str) -> Result<Option<Head>, StoreError> {
        if !self.exceptions {
            return Ok(None);
        }
        let value = self.purged.get((self.upstream, name, version))?;
        Ok(value.and_then(|value| codec::read_head(value.value())))
    }

    /// Keeps content beside that which was first received. When it came first stays with it: an
    /// earlier review cannot have seen it.
    fn other_content(
        &mut self,
        name: &str,
        version: &str,
        sent: &Head,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let damaged = || StoreError::damaged("an entry to be stored", format!("{name}@{version}"));
        let (server, _) = self.unpacker.unpack(body).ok_or_else(damaged)?;
        let content = codec::content_key(version, &server);
        let mut others = self.others(name, version)?;
        let before = others.iter().find(|(known, _)| *known == content);
        let first_seen = before.map_or(self.now, |(_, first_seen)| *first_seen);
        if before.is_none() && others.len() >= MAX_CONTENTS {
            others.sort_by_key(|(_, first_seen)| *first_seen);
            if let Some((newest, _)) = others.pop() {
                self.rewritten.remove((self.upstream, name, newest.as_str()))?;
            }
        }
        let value = codec::staged_entry(&codec::head(&Head { first_seen, ..*sent }), body);
        self.rewritten.insert((self.upstream, name, content.as_str()), value.as_slice())?;
        self.exceptions = true;
        Ok(())
    }

    /// The other contents of an entry by key, with when each came first.
    fn others(&self, name: &str, version: &str) -> Result<Vec<(String, Instant)>, StoreError> {
        let end = after_contents(version);
        let range = (self.upstream, name, version)..(self.upstream, name, end.as_str());
        let mut others = Vec::new();
        for row in self.rewritten.range(range)? {
            let (key, value) = row?;
            let Some(StagedParts::Entry { head, .. }) = codec::staged_parts(value.value()) else {
                continue;
            };
            let first_seen = codec::read_head(head).map_or(self.now, |head| head.first_seen);
            others.push((key.value().2.to_owned(), first_seen));
        }
        Ok(others)
    }

    fn forget_others(&mut self, name: &str, version: &str) -> Result<(), StoreError> {
        let end = after_contents(version);
        let range = (self.upstream, name, version)..(self.upstream, name, end.as_str());
        Ok(self.rewritten.retain_in(range, |_, _| false)?)
    }

    fn is_same_content(
        &mut self,
        name: &str,
        version: &str,
        stored: &Head,
        sent: &Head,
        body: &[u8],
    ) -> Result<bool, StoreError> {
        if stored.received != sent.received {
            return Ok(false);
        }
        let before = self.bodies.get((self.upstream, name, version))?;
        let before = before.and_then(|value| self.unpacker.unpack(value.value()));
        let after = self.unpacker.unpack(body);
        // A body that cannot be read any more is better replaced than kept.
        Ok(before.is_none_or(|(server, _)| after.is_some_and(|(sent, _)| sent == server)))
    }

    /// Stores a row in quarantine. An entry that upstream replaced with it stays as it was.
    fn quarantined(&mut self, name: &str, version: &str, value: &[u8]) -> Result<(), StoreError> {
        self.quarantine.insert((self.upstream, name, version), value)?;
        self.exceptions = true;
        Ok(())
    }

    /// Marks a stored entry as deleted by a row that is no entry itself.
    fn deleted(&mut self, name: &str, version: &str, value: &[u8]) -> Result<(), StoreError> {
        if let Some(head) = self.head(name, version)? {
            let head = Head { status: Status::Deleted, sent: codec::NEVER_SENT, ..head };
            self.heads.insert((self.upstream, name, version), codec::head(&head).as_slice())?;
        }
        self.quarantined(name, version, value)
    }

    /// Ends the quarantine of a row whose entry is as upstream has it.
    pub(super) fn settled(&mut self, name: &str, version: &str) -> Result<(), StoreError> {
        self.quarantine.remove((self.upstream, name, version))?;
        Ok(())
    }

    /// Takes note that a complete walk saw the entry; `true` when it comes back from missing.
    pub(super) fn present(&mut self, name: &str, version: &str) -> Result<bool, StoreError> {
        let key = (self.upstream, name, version);
        if self.absences.remove(key)?.is_none() {
            return Ok(false);
        }
        match self.head(name, version)? {
            Some(head) if head.missing => {
                let head = Head { missing: false, ..head };
                self.heads.insert(key, codec::head(&head).as_slice())?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Takes note that a complete walk did not see the entry; `true` when that hides or purges it.
    pub(super) fn missed(
        &mut self,
        name: &str,
        version: &str,
        rails: &Rails,
    ) -> Result<bool, StoreError> {
        let key = (self.upstream, name, version);
        let Some(head) = self.head(name, version)? else { return Ok(false) };
        let before = self.absences.get(key)?.and_then(|value| codec::read_absence(value.value()));
        let absence = Absence::again(before, rails, self.now);
        if absence.is_final(rails, self.now) {
            self.heads.remove(key)?;
            self.bodies.remove(key)?;
            self.forget_others(name, version)?;
            self.absences.remove(key)?;
            // What it replaced is what it is compared with when it comes back.
            if !head.replaced {
                self.purged.insert(key, codec::head(&head).as_slice())?;
                self.exceptions = true;
            }
            return Ok(true);
        }
        self.absences.insert(key, codec::absence(&absence)?.as_slice())?;
        self.exceptions = true;
        if absence.is_hidden() && !head.missing {
            let head = Head { missing: true, ..head };
            self.heads.insert(key, codec::head(&head).as_slice())?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// Whether the content that was purged takes the place of what came back instead of it.
fn is_restored(stored: &Head, purged: Option<&Head>, sent: &Head) -> bool {
    stored.replaced && purged.is_some_and(|purged| purged.received == sent.received)
}

/// The first key behind all contents of a version; no version has a character below a blank.
pub(super) fn after_contents(version: &str) -> String {
    format!("{version}\u{1}")
}
