//! How values are written. A change here is a change of the format.

use zstd::bulk::{Compressor, Decompressor};

use super::StoreError;
use crate::catalog::{LedgerRecord, Shown};
use crate::model::{Digest, Entry, Head, Instant, Name, Quarantined, Status, Version};
use crate::sync::{Absence, Row};

/// Sample text that entries resemble. Never to be changed under one format: what was packed with
/// it can only be unpacked with it.
const DICTIONARY: &[u8] = include_bytes!("dictionary.json");
/// With a dictionary the fastest level is within a few percent of the default one's size.
const LEVEL: i32 = 1;

const HEAD_BYTES: usize = 90;
const LEDGER_BYTES: usize = 49;
const PLAIN_HEAD: u8 = 1;
/// Flags in a head's byte of status.
const MISSING: u8 = 0x10;
const REWRITTEN: u8 = 0x20;
const REPLACED: u8 = 0x40;
/// Tags of packed values: two texts with the length of the first and of both in front.
const PACKED: u8 = 1;
const STAGED_ENTRY: u8 = 1;
const STAGED_QUARANTINED: u8 = 2;
const STAGED_DELETED: u8 = 3;
const STAGED_SETTLED: u8 = 4;
const STAGED_ABSENT: u8 = 5;
/// A held absence: the row is its key.
pub(super) const ABSENT: &[u8] = &[STAGED_ABSENT];
/// The digest of bytes that were never received: whatever comes next is news.
pub(super) const NEVER_SENT: Digest = Digest::from_bytes([0; 32]);
/// A page has 32 MiB at most, and no row is larger than its page.
const MAX_UNPACKED: usize = 64 * 1024 * 1024;

/// Compresses; not shareable, costly to make.
pub(super) struct Packer(Compressor<'static>);

/// Decompresses; not shareable, costly to make.
pub(super) struct Unpacker(Decompressor<'static>);

impl Packer {
    pub(super) fn new() -> Result<Self, StoreError> {
        let compressor = Compressor::with_dictionary(LEVEL, DICTIONARY);
        compressor.map(Self).map_err(|_| StoreError::damaged("the dictionary", "this program"))
    }

    /// Packs two texts.
    fn pack(&mut self, first: &str, second: &str) -> Result<Vec<u8>, StoreError> {
        let both = [first.as_bytes(), second.as_bytes()].concat();
        let too_large = |_| StoreError::damaged("a text beyond 4 GiB", "a row");
        let length = u32::try_from(both.len()).map_err(too_large)?;
        let border = u32::try_from(first.len()).map_err(too_large)?;
        let packed = self
            .0
            .compress(&both)
            .map_err(|source| StoreError::File { path: "zstd".into(), source })?;
        let mut value = Vec::with_capacity(9 + packed.len());
        value.push(PACKED);
        value.extend(border.to_le_bytes());
        value.extend(length.to_le_bytes());
        value.extend(packed);
        Ok(value)
    }

    pub(super) fn body(&mut self, entry: &Entry) -> Result<Vec<u8>, StoreError> {
        self.pack(&entry.server, &entry.meta)
    }

    pub(super) fn quarantined(&mut self, row: &Quarantined) -> Result<Vec<u8>, StoreError> {
        self.pack(&row.reason, &row.item)
    }

    pub(super) fn staged(&mut self, row: &Row) -> Result<Vec<u8>, StoreError> {
        Ok(match row {
            Row::Entry(entry) => staged_entry(&head(&entry.head), &self.body(entry)?),
            Row::Quarantined(row) => {
                [[STAGED_QUARANTINED].as_slice(), &*self.quarantined(row)?].concat()
            }
            Row::Deleted(row) => [[STAGED_DELETED].as_slice(), &*self.quarantined(row)?].concat(),
            Row::Settled { .. } => vec![STAGED_SETTLED],
        })
    }
}

impl Unpacker {
    pub(super) fn new() -> Result<Self, StoreError> {
        let decompressor = Decompressor::with_dictionary(DICTIONARY);
        decompressor.map(Self).map_err(|_| StoreError::damaged("the dictionary", "this program"))
    }

    /// The two texts of a packed value; `None` when it is damaged.
    pub(super) fn unpack(&mut self, value: &[u8]) -> Option<(Box<str>, Box<str>)> {
        let (&PACKED, rest) = value.split_first()? else {
            return None;
        };
        let (border, rest) = rest.split_first_chunk()?;
        let (length, packed) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let border = usize::try_from(u32::from_le_bytes(*border)).ok()?;
        if length > MAX_UNPACKED {
            return None;
        }
        let both = self.0.decompress(packed, length).ok()?;
        let both = String::from_utf8(both).ok()?;
        let (first, second) = both.split_at_checked(border)?;
        (both.len() == length).then(|| (first.into(), second.into()))
    }
}

pub(super) fn staged_entry(head: &[u8], body: &[u8]) -> Vec<u8> {
    [[STAGED_ENTRY].as_slice(), head, body].concat()
}

/// The third part of the key of other content: the version, and which content.
pub(super) fn content_key(version: &str, server: &str) -> String {
    format!("{version}\0{}", Digest::of(server.as_bytes()))
}

/// The version of such a key.
pub(super) fn version_of(content_key: &str) -> &str {
    content_key.split_once('\0').map_or(content_key, |(version, _)| version)
}

/// What makes a staged row the same row when it is staged again: not when it was first seen.
pub(super) fn staged_identity(value: &[u8]) -> &[u8] {
    match value.split_first() {
        Some((&STAGED_ENTRY, rest)) => rest.get(58..HEAD_BYTES).unwrap_or(rest),
        _ => value,
    }
}

/// Eight bytes that stand for a name and version: enough to tell ten million rows apart, and a
/// twentieth of their size.
pub(super) type SeenKey = u64;

pub(super) fn seen_key(name: &str, version: &str) -> SeenKey {
    let digest = Digest::of([name.as_bytes(), b"\0", version.as_bytes()].concat().as_slice());
    digest.as_bytes().first_chunk().map_or(0, |bytes| SeenKey::from_le_bytes(*bytes))
}

pub(super) fn seen(keys: &[(String, String)]) -> Vec<u8> {
    keys.iter().flat_map(|(name, version)| seen_key(name, version).to_le_bytes()).collect()
}

pub(super) fn read_seen(value: &[u8]) -> Vec<SeenKey> {
    value.as_chunks().0.iter().map(|bytes| SeenKey::from_le_bytes(*bytes)).collect()
}

pub(super) fn absence(absence: &Absence) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(absence).map_err(|_| StoreError::damaged("an absence", "no JSON"))
}

pub(super) fn read_absence(value: &[u8]) -> Option<Absence> {
    serde_json::from_slice(value).ok()
}

/// How many bytes a packed value has unpacked, as it says itself.
pub(super) fn unpacked_length(value: &[u8]) -> u64 {
    let length = value.get(5..).and_then(|rest| rest.first_chunk());
    length.map_or(0, |length| u64::from(u32::from_le_bytes(*length)))
}

/// A staged row, split into what the live tables hold.
pub(super) enum StagedParts<'a> {
    Entry { head: &'a [u8], body: &'a [u8] },
    Quarantined { value: &'a [u8] },
    Deleted { value: &'a [u8] },
    Settled,
    Absent,
}

pub(super) fn staged_parts(value: &[u8]) -> Option<StagedParts<'_>> {
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

pub(super) fn head(head: &Head) -> [u8; HEAD_BYTES] {
    let mut value = [0; HEAD_BYTES];
    let status = match head.status {
        Status::Active => 1,
        Status::Deprecated => 2,
        Status::Deleted => 3,
    };
    let missing = if head.missing { MISSING } else { 0 };
    let rewritten = if head.rewritten { REWRITTEN } else { 0 };
    let replaced = if head.replaced { REPLACED } else { 0 };
    value[..2].copy_from_slice(&[PLAIN_HEAD, status | missing | rewritten | replaced]);
    value[2..10].copy_from_slice(&head.published_at.as_micros().to_le_bytes());
    value[10..18].copy_from_slice(&head.updated_at.as_micros().to_le_bytes());
    value[18..26].copy_from_slice(&head.first_seen.as_micros().to_le_bytes());
    value[26..58].copy_from_slice(head.received.as_bytes());
    value[58..].copy_from_slice(head.sent.as_bytes());
    value
}

pub(super) fn read_head(value: &[u8]) -> Option<Head> {
    let value: &[u8; HEAD_BYTES] = value.try_into().ok()?;
    let status = match (value[0], value[1] & !(MISSING | REWRITTEN | REPLACED)) {
        (PLAIN_HEAD, 1) => Status::Active,
        (PLAIN_HEAD, 2) => Status::Deprecated,
        (PLAIN_HEAD, 3) => Status::Deleted,
        _ => return None,
    };
    Some(Head {
        status,
        missing: value[1] & MISSING != 0,
        rewritten: value[1] & REWRITTEN != 0,
        replaced: value[1] & REPLACED != 0,
        published_at: instant(&value[2..])?,
        updated_at: instant(&value[10..])?,
        first_seen: instant(&value[18..])?,
        received: digest(&value[26..])?,
        sent: digest(&value[58..])?,
    })
}

pub(super) fn ledger(record: &LedgerRecord) -> [u8; LEDGER_BYTES] {
    let mut value = [0; LEDGER_BYTES];
    value[0] = match record.shown {
        Shown::Visible => 1,
        Shown::Tombstone => 2,
    };
    value[1..9].copy_from_slice(&record.changed_at.as_micros().to_le_bytes());
    value[9..17].copy_from_slice(&record.published_at.as_micros().to_le_bytes());
    value[17..].copy_from_slice(record.digest.as_bytes());
    value
}

pub(super) fn read_ledger(value: &[u8]) -> Option<LedgerRecord> {
    let value: &[u8; LEDGER_BYTES] = value.try_into().ok()?;
    let shown = match value[0] {
        1 => Shown::Visible,
        2 => Shown::Tombstone,
        _ => return None,
    };
    Some(LedgerRecord {
        shown,
        changed_at: instant(&value[1..])?,
        published_at: instant(&value[9..])?,
        digest: digest(&value[17..])?,
    })
}

/// Name and version out of a key; both were checked before they were written.
pub(super) fn identity(name: &str, version: &str) -> Option<(Name, Version)> {
    Some((Name::parse(name).ok()?, Version::parse(version).ok()?))
}

fn instant(bytes: &[u8]) -> Option<Instant> {
    let bytes = bytes.first_chunk()?;
    Some(Instant::from_micros(i64::from_le_bytes(*bytes)))
}

fn digest(bytes: &[u8]) -> Option<Digest> {
    bytes.first_chunk().map(|bytes| Digest::from_bytes(*bytes))
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Packer")
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unpacker")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dictionary_of_this_format_never_changes() {
        assert_eq!(Digest::of(DICTIONARY).to_string(), include_str!("dictionary.sha256").trim());
    }

    #[test]
    fn two_texts_are_unpacked_as_they_were_packed() {
        let (mut packer, mut unpacker) =
            (Packer::new().expect("a packer"), Unpacker::new().expect("an unpacker"));
        for (first, second) in [("", ""), ("{}", "é"), (&"x".repeat(300_000), "{\"a\":1}")] {
            let packed = packer.pack(first, second).expect("packed");
            assert_eq!(unpacker.unpack(&packed), Some((first.into(), second.into())));
        }
    }

    #[test]
    fn damage_is_noticed_and_never_panics() {
        let (mut packer, mut unpacker) =
            (Packer::new().expect("a packer"), Unpacker::new().expect("an unpacker"));
        let packed =
            packer.pack(&"first text, and more of it".repeat(9), "second").expect("packed");
        for length in 0..packed.len() {
            assert_eq!(unpacker.unpack(&packed[..length]), None, "cut to {length}");
        }
        for index in 0..9 {
            let mut flipped = packed.clone();
            flipped[index] ^= 0xff;
            assert_ne!(
                unpacker.unpack(&flipped),
                unpacker.unpack(&packed),
                "byte {index} of the frame is flipped"
            );
        }
        assert!(read_head(&packed).is_none());
        assert!(read_ledger(&packed).is_none());
        assert!(staged_parts(&[]).is_none());
    }
}
