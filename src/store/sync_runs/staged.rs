use std::collections::HashSet;

use redb::{ReadableTable, WriteTransaction};

use crate::model::{Digest, Head, Name};
use crate::store::codec::{self, SeenKey, StagedParts};
use crate::store::entries::StoredHead;
use crate::store::rows::{after, all_of, of_name};
use crate::store::tables::{Bytes, DISCARDED, Definition, Numbered, ReadTable, Row, SEEN, STAGED};
use crate::store::usage::{Counted, Growth};
use crate::store::{Rows, Snapshot, StoreError};
use crate::sync::{Absence, NameSize};

/// A row of an unfinished sync run.
#[derive(Debug)]
pub struct StagedRow {
    pub name: String,
    pub version: String,
    pub kind: StagedKind,
    /// The digest of the change, as it would be on hold.
    pub digest: Digest,
}

#[derive(Debug)]
pub enum StagedKind {
    Entry(Head),
    /// An invalid row that deletes the entry.
    Deleted,
    Other,
}

/// The rows that a full sync saw.
#[derive(Debug)]
pub struct SeenRows(HashSet<SeenKey>);

impl SeenRows {
    #[must_use]
    pub fn contains(&self, head: &StoredHead) -> bool {
        self.0.contains(&codec::seen_key(head.name.as_str(), head.version.as_str()))
    }
}

impl Snapshot {
    /// Returns true if no row of an upstream is stored or staged.
    pub fn has_nothing_of(&self, upstream: &str) -> Result<bool, StoreError> {
        let first =
            |table: &ReadTable<Row>| Ok::<_, StoreError>(all_of(table, upstream)?.next().is_none());
        Ok(first(self.tables.heads()?)? && first(self.tables.staged()?)?)
    }

    /// Returns the size of a name in an upstream, stored or staged.
    pub fn size_of(&self, upstream: &str, name: &Name) -> Result<NameSize, StoreError> {
        let mut size = NameSize::default();
        for row in of_name(self.tables.bodies()?, upstream, name)? {
            size.versions += 1;
            size.bytes += codec::unpacked_length(row?.1.value());
        }
        for row in of_name(self.tables.staged()?, upstream, name)? {
            let (key, value) = row?;
            if let Some(StagedParts::Entry { body, .. }) = codec::staged_parts(value.value())
                && self.tables.heads()?.get(key.value())?.is_none()
            {
                size.versions += 1;
                size.bytes += codec::unpacked_length(body);
            }
        }
        Ok(size)
    }

    /// Returns the staged rows of an unfinished run. A damaged row is an error here: a run is accepted as
    /// a whole, and upstream sends the row again.
    pub fn staged_rows(
        &self,
        upstream: &str,
    ) -> Result<impl Iterator<Item = Result<StagedRow, StoreError>>, StoreError> {
        Ok(all_of(self.tables.staged()?, upstream)?.map(|row| {
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
            let digest = change_digest(name, version, value.value());
            Ok(StagedRow { name: name.to_owned(), version: version.to_owned(), kind, digest })
        }))
    }

    /// Returns the rows that an unfinished full sync saw.
    pub fn seen(&self, upstream: &str) -> Result<SeenRows, StoreError> {
        Ok(SeenRows(seen(self.tables.seen()?, upstream)?))
    }

    /// Returns the absence of an entry, if full syncs missed it.
    pub fn absence(&self, head: &StoredHead) -> Result<Option<Absence>, StoreError> {
        let key = (head.upstream.as_str(), head.name.as_str(), head.version.as_str());
        Ok(self.tables.absences()?.get(key)?.and_then(|value| codec::read_absence(value.value())))
    }

    /// Returns the number of entries that full syncs missed.
    pub fn count_absences(&self, upstream: &str) -> Result<u64, StoreError> {
        Ok(all_of(self.tables.absences()?, upstream)?.count() as u64)
    }

    /// Returns every entry that full syncs missed.
    pub fn absences(&self, upstream: &str) -> Result<Vec<(String, String, Absence)>, StoreError> {
        let rows = all_of(self.tables.absences()?, upstream)?.map(|row| {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            let absence = codec::read_absence(value.value())
                .ok_or_else(|| StoreError::damaged("an absence", format!("{name}@{version}")))?;
            Ok((name.to_owned(), version.to_owned(), absence))
        });
        Rows::new(rows).collect()
    }

    /// Returns true if a row is in quarantine or staged under a key, or was discarded, so that an unchanged row still matters.
    pub fn is_unsettled(
        &self,
        upstream: &str,
        name: &str,
        version: &str,
    ) -> Result<bool, StoreError> {
        let key = (upstream, name, version);
        Ok(self.tables.quarantine()?.get(key)?.is_some()
            || self.tables.staged()?.get(key)?.is_some()
            // Once upstream takes back what a person discarded, the same change is another one.
            || self.tables.discarded()?.get(key)?.is_some())
    }
}

/// Returns the keys that the batches of a full sync recorded as seen.
pub(super) fn seen(
    table: &impl ReadableTable<Numbered, Bytes>,
    upstream: &str,
) -> Result<HashSet<SeenKey>, StoreError> {
    let mut seen = HashSet::new();
    for row in table.range((upstream, 0)..=(upstream, u64::MAX))? {
        seen.extend(codec::read_seen(row?.1.value()));
    }
    Ok(seen)
}

pub(super) fn clear_seen(transaction: &WriteTransaction, upstream: &str) -> Result<(), StoreError> {
    let mut table = transaction.open_table(SEEN)?;
    table.retain_in((upstream, 0)..=(upstream, u64::MAX), |_, _| false)?;
    Ok(())
}

/// Removes everything that an abandoned run has stored.
pub(super) fn clear_run(
    transaction: &WriteTransaction,
    upstream: &str,
    growth: &Growth,
) -> Result<(), StoreError> {
    clear(transaction, upstream, STAGED, growth)?;
    clear_seen(transaction, upstream)
}

pub(super) fn clear(
    transaction: &WriteTransaction,
    upstream: &str,
    rows: Definition<Row>,
    growth: &Growth,
) -> Result<(), StoreError> {
    let end = after(upstream);
    let mut table = Counted::open(transaction, rows, growth)?;
    table.retain_in((upstream, "", "")..(end.as_str(), "", ""), |_| false)
}

/// Forgets the changes of an upstream that a person discarded.
pub(super) fn clear_discarded(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(DISCARDED)?;
    let end = after(upstream);
    table.retain_in((upstream, "", "")..(end.as_str(), "", ""), |_, _| false)?;
    Ok(())
}

/// Returns the digest of a change: of its key, and of all that identifies it when it is staged again.
pub(super) fn change_digest(name: &str, version: &str, value: &[u8]) -> Digest {
    Digest::of_parts([name.as_bytes(), version.as_bytes(), codec::staged_identity(value)])
}
