use super::head::{HEAD_BYTES, SENT, head};
use super::packing::Packer;
use crate::model::{Digest, Entry};
use crate::store::StoreError;
use crate::sync::Row;

/// Tags of values that are staged, on hold, or kept beside others.
const STAGED_ENTRY: u8 = 1;
const STAGED_QUARANTINED: u8 = 2;
const STAGED_DELETED: u8 = 3;
const STAGED_SETTLED: u8 = 4;
const STAGED_ABSENT: u8 = 5;
/// An absence on hold: its key is the whole content.
pub(in crate::store) const ABSENT: &[u8] = &[STAGED_ABSENT];

impl Packer {
    pub(in crate::store) fn body(&mut self, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        self.pack(&entry.server, &entry.meta)
    }

    /// Returns the body of a row: empty if its content is that which is stored.
    pub(in crate::store) fn body_to_stage(&mut self, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        if entry.server.is_empty() { Ok(Vec::new()) } else { self.body(entry) }
    }

    pub(in crate::store) fn staged(&mut self, row: &Row) -> Result<Vec<u8>, StoreError> {
        Ok(match row {
            Row::Entry(entry) => staged_entry(&head(&entry.head), &self.body_to_stage(entry)?),
            Row::Quarantined(row) => {
                [[STAGED_QUARANTINED].as_slice(), &*self.quarantined(row)?].concat()
            }
            Row::Deleted(row) => [[STAGED_DELETED].as_slice(), &*self.quarantined(row)?].concat(),
            Row::Settled { .. } => vec![STAGED_SETTLED],
        })
    }
}

pub(in crate::store) fn staged_entry(head: &[u8], body: &[u8]) -> Vec<u8> {
    [[STAGED_ENTRY].as_slice(), head, body].concat()
}

/// Returns the third part of the key of other content: the version, and the digest of the content.
pub(in crate::store) fn content_key(version: &str, content: &Digest) -> String {
    format!("{version}\0{content}")
}

/// Returns the content of such a key: the digest of its `server` bytes.
pub(in crate::store) fn content_of(content_key: &str) -> Option<Digest> {
    content_key.split_once('\0')?.1.parse().ok()
}

/// Returns the version of such a key.
pub(in crate::store) fn version_of(content_key: &str) -> &str {
    content_key.split_once('\0').map_or(content_key, |(version, _)| version)
}

/// Returns the first key behind all contents of a version; no version has a character below a space.
pub(in crate::store) fn after_contents(version: &str) -> String {
    format!("{version}\u{1}")
}

/// Returns the bytes that identify a staged row when it is staged again; its first-seen time is not among them.
pub(in crate::store) fn staged_identity(value: &[u8]) -> &[u8] {
    match value.split_first() {
        Some((&STAGED_ENTRY, rest)) => rest.get(SENT).unwrap_or(rest),
        _ => value,
    }
}

/// A staged row, split into the values of the live tables. An entry without a body has the content that is stored.
pub(in crate::store) enum StagedParts<'a> {
    Entry { head: &'a [u8], body: &'a [u8] },
    Quarantined { value: &'a [u8] },
    Deleted { value: &'a [u8] },
    Settled,
    Absent,
}

pub(in crate::store) fn staged_parts(value: &[u8]) -> Option<StagedParts<'_>> {
    match value.split_first()? {
        (&STAGED_ENTRY, rest) => {
            let (head, body) = rest.split_at_checked(HEAD_BYTES)?;
            Some(StagedParts::Entry { head, body })
        }
        (&STAGED_QUARANTINED, value) => Some(StagedParts::Quarantined { value }),
        (&STAGED_DELETED, value) => Some(StagedParts::Deleted { value }),
        (&STAGED_SETTLED, []) => Some(StagedParts::Settled),
        (&STAGED_ABSENT, []) => Some(StagedParts::Absent),
        _ => None,
    }
}
