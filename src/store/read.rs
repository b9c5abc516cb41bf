use std::cell::RefCell;
use std::collections::HashSet;

use redb::{Range, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::StoreError;
use super::codec::{self, StagedParts, Unpacker};
use super::live::after_contents;
use super::tables::{
    ABSENCES, ALERTS, BODIES, EPOCH_KEY, HEADS, HELD, HOLDINGS, Key, LEDGER, LETTERS, META,
    NAMINGS, NEWEST_KEY, OVERLAYS, OWNERS, PURGED, QUARANTINE, RECEIVERS, REWRITTEN, SEEN, SPARED,
    STAGED, UNDELIVERED, UPSTREAMS, instant,
};
use super::write::after;
use crate::catalog::{LedgerEntry, Shown};
use crate::model::{Entry, Head, Instant, Name, Quarantined, Version};
use crate::sync::{Absence, NameSize, UpstreamState};

type Rows = ReadOnlyTable<Key, &'static [u8]>;
type Words = ReadOnlyTable<&'static str, &'static [u8]>;
type Pairs = ReadOnlyTable<(&'static str, &'static str), &'static [u8]>;

/// The store at one moment.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) meta: Words,
    upstreams: Words,
    pub(super) heads: Rows,
    pub(super) bodies: Rows,
    pub(super) quarantine: Rows,
    pub(super) staged: Rows,
    pub(super) held: Rows,
    absences: Rows,
    pub(super) rewritten: Rows,
    pub(super) purged: Rows,
    seen: ReadOnlyTable<(&'static str, u64), &'static [u8]>,
    pub(super) ledger: Rows,
    pub(super) overlays: Words,
    pub(super) alerts: Words,
    pub(super) receivers: Words,
    pub(super) letters: Pairs,
    pub(super) undelivered: Pairs,
    owners: Words,
    pub(super) holdings: Words,
    pub(super) namings: Words,
    pub(super) spared: Words,
    pub(super) unpacker: RefCell<Unpacker>,
}

/// A head and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    pub upstream: String,
    pub name: Name,
    pub version: Version,
    pub head: Head,
}

/// A row of an unfinished pass.
#[derive(Debug)]
pub struct StagedRow {
    pub name: String,
    pub version: String,
    pub kind: StagedKind,
}

#[derive(Debug)]
pub enum StagedKind {
    Entry(Head),
    /// A malformed row that deletes.
    Deleted,
    Other,
}

/// The rows that a walk saw.
#[derive(Debug)]
pub struct SeenRows(HashSet<codec::SeenKey>);

impl SeenRows {
    #[must_use]
    pub fn contains(&self, head: &StoredHead) -> bool {
        self.0.contains(&codec::seen_key(head.name.as_str(), head.version.as_str()))
    }
}

/// A row in quarantine and the upstream that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedRow {
    pub upstream: String,
    pub row: Quarantined,
}

impl Snapshot {
    pub(super) fn of(transaction: &ReadTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            meta: transaction.open_table(META)?,
            upstreams: transaction.open_table(UPSTREAMS)?,
            heads: transaction.open_table(HEADS)?,
            bodies: transaction.open_table(BODIES)?,
            quarantine: transaction.open_table(QUARANTINE)?,
            staged: transaction.open_table(STAGED)?,
            held: transaction.open_table(HELD)?,
            absences: transaction.open_table(ABSENCES)?,
            rewritten: transaction.open_table(REWRITTEN)?,
            purged: transaction.open_table(PURGED)?,
            seen: transaction.open_table(SEEN)?,
            ledger: transaction.open_table(LEDGER)?,
            overlays: transaction.open_table(OVERLAYS)?,
            alerts: transaction.open_table(ALERTS)?,
            receivers: transaction.open_table(RECEIVERS)?,
            letters: transaction.open_table(LETTERS)?,
            undelivered: transaction.open_table(UNDELIVERED)?,
            owners: transaction.open_table(OWNERS)?,
            holdings: transaction.open_table(HOLDINGS)?,
            namings: transaction.open_table(NAMINGS)?,
            spared: transaction.open_table(SPARED)?,
            unpacker: RefCell::new(Unpacker::new()?),
        })
    }

    /// The random word that tells this store from every other.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub fn epoch(&self) -> Result<String, StoreError> {
        let epoch = self.meta.get(EPOCH_KEY)?;
        let bytes = epoch.as_ref().map_or([].as_slice(), |value| value.value());
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The newest instant of ours that was stored.
    pub fn newest_instant(&self) -> Result<Instant, StoreError> {
        Ok(self.meta.get(NEWEST_KEY)?.map_or(Instant::MIN, |value| instant(value.value())))
    }

    pub fn upstream(&self, id: &str) -> Result<UpstreamState, StoreError> {
        let Some(value) = self.upstreams.get(id)? else {
            return Ok(UpstreamState::default());
        };
        serde_json::from_slice(value.value()).map_err(|_| StoreError::damaged("an upstream", id))
    }

    /// Upstreams that anything was ever stored of.
    pub fn upstreams(&self) -> Result<Vec<String>, StoreError> {
        self.upstreams.iter()?.map(|row| Ok(row?.0.value().to_owned())).collect()
    }

    pub fn head(
        &self,
        upstream: &str,
        name: &str,
        version: &str,
    ) -> Result<Option<Head>, StoreError> {
        match self.heads.get((upstream, name, version))? {
            None => Ok(None),
            Some(value) => codec::read_head(value.value())
                .map(Some)
                .ok_or_else(|| StoreError::damaged("a head", format!("{name}@{version}"))),
        }
    }

    /// Whether no row of an upstream is stored or staged.
    pub fn has_nothing_of(&self, upstream: &str) -> Result<bool, StoreError> {
        let first = |table: &Rows| Ok::<_, StoreError>(all_of(table, upstream)?.next().is_none());
        Ok(first(&self.heads)? && first(&self.staged)?)
    }

    /// How much of a name an upstream has here, stored or staged.
    pub fn size_of(&self, upstream: &str, name: &Name) -> Result<NameSize, StoreError> {
        let mut size = NameSize::default();
        for row in of_name(&self.bodies, upstream, name)? {
            size.versions += 1;
            size.bytes += codec::unpacked_length(row?.1.value());
        }
        for row in of_name(&self.staged, upstream, name)? {
            let (key, value) = row?;
            if let Some(StagedParts::Entry { body, .. }) = codec::staged_parts(value.value())
                && self.heads.get(key.value())?.is_none()
            {
                size.versions += 1;
                size.bytes += codec::unpacked_length(body);
            }
        }
        Ok(size)
    }

    /// The upstream that a name was served from last.
    pub fn served_from(&self, name: &Name) -> Result<Option<String>, StoreError> {
        let upstream = self.owners.get(name.as_str())?;
        Ok(upstream.map(|upstream| String::from_utf8_lossy(upstream.value()).into_owned()))
    }

    /// Upstreams that hold rows of a name in quarantine.
    pub fn quarantined_in(&self, name: &Name) -> Result<Vec<String>, StoreError> {
        let mut upstreams = Vec::new();
        if self.quarantine.is_empty()? {
            return Ok(upstreams);
        }
        for upstream in self.upstreams()? {
            if of_name(&self.quarantine, &upstream, name)?.next().is_some() {
                upstreams.push(upstream);
            }
        }
        Ok(upstreams)
    }

    /// The versions of a name, in every upstream.
    pub fn heads_of(&self, name: &Name) -> Result<Vec<StoredHead>, StoreError> {
        let mut heads = Vec::new();
        for upstream in self.upstreams()? {
            for row in of_name(&self.heads, &upstream, name)? {
                let (key, value) = row?;
                heads.push(stored_head(key.value(), value.value())?);
            }
        }
        Ok(heads)
    }

    /// Every head there is, by upstream, name and version.
    pub fn heads(
        &self,
    ) -> Result<impl Iterator<Item = Result<StoredHead, StoreError>>, StoreError> {
        Ok(self.heads.iter()?.map(|row| {
            let (key, value) = row?;
            stored_head(key.value(), value.value())
        }))
    }

    /// Every head of an upstream.
    pub fn heads_of_upstream(
        &self,
        upstream: &str,
    ) -> Result<impl Iterator<Item = Result<StoredHead, StoreError>>, StoreError> {
        Ok(all_of(&self.heads, upstream)?.map(|row| {
            let (key, value) = row?;
            stored_head(key.value(), value.value())
        }))
    }

    /// What an unfinished pass has staged.
    pub fn staged_rows(
        &self,
        upstream: &str,
    ) -> Result<impl Iterator<Item = Result<StagedRow, StoreError>>, StoreError> {
        Ok(all_of(&self.staged, upstream)?.map(|row| {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            let damaged = || StoreError::damaged("a staged row", format!("{name}@{version}"));
            let kind = match codec::staged_parts(value.value()).ok_or_else(damaged)? {
                StagedParts::Entry { head, .. } => {
                    StagedKind::Entry(codec::read_head(head).ok_or_else(damaged)?)
                }
                StagedParts::Deleted { .. } => StagedKind::Deleted,
                _ => StagedKind::Other,
            };
            Ok(StagedRow { name: name.to_owned(), version: version.to_owned(), kind })
        }))
    }

    /// Which rows an unfinished complete walk saw.
    pub fn seen(&self, upstream: &str) -> Result<SeenRows, StoreError> {
        Ok(SeenRows(super::accept::seen(&self.seen, upstream)?))
    }

    /// Since how many complete walks an entry is not seen.
    pub fn absence(&self, head: &StoredHead) -> Result<Option<Absence>, StoreError> {
        let key = (head.upstream.as_str(), head.name.as_str(), head.version.as_str());
        Ok(self.absences.get(key)?.and_then(|value| codec::read_absence(value.value())))
    }

    /// How many entries complete walks miss.
    pub fn count_absences(&self, upstream: &str) -> Result<u64, StoreError> {
        Ok(all_of(&self.absences, upstream)?.count() as u64)
    }

    /// Every entry that complete walks miss; damaged rows are left out, as in the two below.
    pub fn absences(&self, upstream: &str) -> Result<Vec<(String, String, Absence)>, StoreError> {
        let rows = all_of(&self.absences, upstream)?;
        rows.map(|row| {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            let absence = codec::read_absence(value.value());
            Ok(absence.map(|absence| (name.to_owned(), version.to_owned(), absence)))
        })
        .filter_map(Result::transpose)
        .collect()
    }

    /// The entries of an upstream whose published content changed.
    pub fn all_rewritten(&self, upstream: &str) -> Result<Vec<StoredHead>, StoreError> {
        let mut heads: Vec<StoredHead> = Vec::new();
        for row in all_of(&self.rewritten, upstream)? {
            let (key, _) = row?;
            let (_, name, content) = key.value();
            let key = (upstream, name, codec::version_of(content));
            let is_known =
                |last: &StoredHead| (last.name.as_str(), last.version.as_str()) == (key.1, key.2);
            if !heads.last().is_some_and(is_known)
                && let Some(head) = self.heads.get(key)?
            {
                heads.extend(stored_head(key, head.value()).ok());
            }
        }
        Ok(heads)
    }

    /// Entries of an upstream that came back with other content after they were purged, each with
    /// the head that it had.
    pub fn all_replaced(&self, upstream: &str) -> Result<Vec<(StoredHead, Head)>, StoreError> {
        let mut replaced = Vec::new();
        for row in all_of(&self.purged, upstream)? {
            let (key, value) = row?;
            let (Some(head), Some(purged)) =
                (self.heads.get(key.value())?, codec::read_head(value.value()))
            else {
                continue;
            };
            let Ok(head) = stored_head(key.value(), head.value()) else { continue };
            replaced.push((head, purged));
        }
        Ok(replaced)
    }

    /// The contents that upstream sent for an entry after the first one, which is kept; the one
    /// that it has now comes last.
    pub fn others(&self, head: &StoredHead) -> Result<Vec<Entry>, StoreError> {
        let StoredHead { upstream, name, version, .. } = head;
        let damaged = || StoreError::damaged("other content", format!("{name}@{version}"));
        let end = after_contents(version.as_str());
        let first = (upstream.as_str(), name.as_str(), version.as_str());
        let mut others = Vec::new();
        for row in self.rewritten.range(first..(first.0, first.1, end.as_str()))? {
            let (_, value) = row?;
            let Some(StagedParts::Entry { head, body }) = codec::staged_parts(value.value()) else {
                return Err(damaged());
            };
            let head = codec::read_head(head).ok_or_else(damaged)?;
            let (server, meta) = self.unpacker.borrow_mut().unpack(body).ok_or_else(damaged)?;
            others.push(Entry { name: name.clone(), version: version.clone(), head, server, meta });
        }
        others.sort_by_key(|other| (other.head.sent == head.head.sent, other.head.first_seen));
        Ok(others)
    }

    pub fn entry(&self, head: &StoredHead) -> Result<Entry, StoreError> {
        let StoredHead { upstream, name, version, head } = head;
        let key = (upstream.as_str(), name.as_str(), version.as_str());
        let damaged = || StoreError::damaged("a body", format!("{name}@{version}"));
        let value = self.bodies.get(key)?.ok_or_else(damaged)?;
        let (server, meta) =
            self.unpacker.borrow_mut().unpack(value.value()).ok_or_else(damaged)?;
        Ok(Entry { name: name.clone(), version: version.clone(), head: *head, server, meta })
    }

    /// Every row in quarantine, one after another: a row may be as large as a page.
    pub fn quarantined(
        &self,
    ) -> Result<impl Iterator<Item = Result<QuarantinedRow, StoreError>>, StoreError> {
        Ok(self.quarantine.iter()?.map(|row| {
            let (key, value) = row?;
            self.quarantined_row(key.value(), value.value())
        }))
    }

    /// The rows in quarantine under a name.
    pub fn quarantined_of(&self, name: &Name) -> Result<Vec<QuarantinedRow>, StoreError> {
        let mut rows = Vec::new();
        for upstream in self.upstreams()? {
            for row in of_name(&self.quarantine, &upstream, name)? {
                let (key, value) = row?;
                rows.push(self.quarantined_row(key.value(), value.value())?);
            }
        }
        Ok(rows)
    }

    fn quarantined_row(
        &self,
        (upstream, name, version): (&str, &str, &str),
        value: &[u8],
    ) -> Result<QuarantinedRow, StoreError> {
        let unpacked = self.unpacker.borrow_mut().unpack(value);
        let (reason, item) = unpacked.ok_or_else(|| {
            StoreError::damaged("a row in quarantine", format!("{name}@{version}"))
        })?;
        let (name, version) = (name.to_owned(), version.to_owned());
        let row = Quarantined { name, version, reason: reason.into(), item };
        Ok(QuarantinedRow { upstream: upstream.to_owned(), row })
    }

    /// Whether anything is in quarantine or staged under a key, so that news of it matters.
    pub fn is_unsettled(
        &self,
        upstream: &str,
        name: &str,
        version: &str,
    ) -> Result<bool, StoreError> {
        let key = (upstream, name, version);
        Ok(self.quarantine.get(key)?.is_some() || self.staged.get(key)?.is_some())
    }

    /// How many entries and rows in quarantine an upstream has.
    pub fn count(&self, upstream: &str) -> Result<(u64, u64), StoreError> {
        let count = |table: &Rows| -> Result<u64, StoreError> {
            Ok(all_of(table, upstream)?.count() as u64)
        };
        Ok((count(&self.heads)?, count(&self.quarantine)?))
    }

    /// The ledger of a view.
    pub fn ledger(
        &self,
        view: &str,
    ) -> Result<impl Iterator<Item = Result<LedgerEntry, StoreError>>, StoreError> {
        Ok(all_of(&self.ledger, view)?.map(|row| {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            let record = codec::read_ledger(value.value());
            codec::identity(name, version)
                .zip(record)
                .ok_or_else(|| StoreError::damaged("the ledger", format!("{name}@{version}")))
        }))
    }

    /// Whether any view shows the entry.
    pub fn shows(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        for view in self.views()? {
            let record = self.ledger.get((view.as_str(), name, version))?;
            if record.is_some_and(|record| is_visible(record.value())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether any view shows the entry, or did.
    pub fn has_shown(&self, name: &str, version: &str) -> Result<bool, StoreError> {
        for view in self.views()? {
            if self.ledger.get((view.as_str(), name, version))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many entries any view shows.
    pub fn count_shown(&self) -> Result<u64, StoreError> {
        let mut shown = HashSet::new();
        for row in self.ledger.iter()? {
            let (key, value) = row?;
            if is_visible(value.value()) {
                let (_, name, version) = key.value();
                shown.insert(codec::seen_key(name, version));
            }
        }
        Ok(shown.len() as u64)
    }

    /// The views that anything was ever shown in.
    fn views(&self) -> Result<Vec<String>, StoreError> {
        let mut views: Vec<String> = Vec::new();
        loop {
            let from = views.last().map_or(String::new(), |last| after(last));
            let mut rest = self.ledger.range((from.as_str(), "", "")..)?;
            match rest.next() {
                Some(row) => views.push(row?.0.value().0.to_owned()),
                None => return Ok(views),
            }
        }
    }

    /// Whether the store knows enough for a generation to be more than an empty list: something
    /// was served before, or an upstream was walked to its end.
    pub fn is_known(&self) -> Result<bool, StoreError> {
        if !self.ledger.is_empty()? {
            return Ok(true);
        }
        for upstream in self.upstreams()? {
            if self.upstream(&upstream)?.last_complete_walk.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn is_visible(record: &[u8]) -> bool {
    codec::read_ledger(record).is_some_and(|record| record.shown == Shown::Visible)
}

/// The rows of one upstream, or of one view.
fn all_of(table: &Rows, first: &str) -> Result<Range<'static, Key, &'static [u8]>, StoreError> {
    let end = after(first);
    Ok(table.range((first, "", "")..(end.as_str(), "", ""))?)
}

/// The rows of one name in an upstream.
fn of_name(
    table: &Rows,
    upstream: &str,
    name: &Name,
) -> Result<Range<'static, Key, &'static [u8]>, StoreError> {
    let end = after(name.as_str());
    Ok(table.range((upstream, name.as_str(), "")..(upstream, end.as_str(), ""))?)
}

fn stored_head(
    (upstream, name, version): (&str, &str, &str),
    value: &[u8],
) -> Result<StoredHead, StoreError> {
    let identity = codec::identity(name, version);
    let Some(((name, version), head)) = identity.zip(codec::read_head(value)) else {
        return Err(StoreError::damaged("a head", format!("{name}@{version}")));
    };
    Ok(StoredHead { upstream: upstream.to_owned(), name, version, head })
}
