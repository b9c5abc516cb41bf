use crate::model::{Digest, Head, Name, Status, Timestamp, Version};

pub(in crate::store) const HEAD_BYTES: usize = 98;
/// The place of the digest of what was sent.
pub(in crate::store) const SENT: std::ops::Range<usize> = 58..90;
/// The time of deprecation of an entry without one.
const NEVER: i64 = i64::MIN;
const PLAIN_HEAD: u8 = 1;
/// Flags in the status byte of a head.
const MISSING: u8 = 0x10;
const REWRITTEN: u8 = 0x20;
const REPLACED: u8 = 0x40;
const CONTENTLESS: u8 = 0x80;
const INITIAL: u8 = 0x08;
const FLAGS: u8 = MISSING | REWRITTEN | REPLACED | CONTENTLESS | INITIAL;

pub(in crate::store) fn head(head: &Head) -> [u8; HEAD_BYTES] {
    let mut value = [0; HEAD_BYTES];
    let status = match head.status {
        Status::Active => 1,
        Status::Deprecated => 2,
        Status::Deleted => 3,
    };
    let flags = [
        (head.missing, MISSING),
        (head.rewritten, REWRITTEN),
        (head.replaced, REPLACED),
        (head.contentless, CONTENTLESS),
        (head.initial, INITIAL),
    ];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, flag)| all | flag);
    value[..2].copy_from_slice(&[PLAIN_HEAD, status | flags]);
    value[2..10].copy_from_slice(&head.published_at.as_micros().to_le_bytes());
    value[10..18].copy_from_slice(&head.updated_at.as_micros().to_le_bytes());
    value[18..26].copy_from_slice(&head.first_seen.as_micros().to_le_bytes());
    value[26..58].copy_from_slice(head.received.as_bytes());
    value[SENT].copy_from_slice(head.sent.as_bytes());
    let status_since = head.status_since.map_or(NEVER, Timestamp::as_micros);
    value[90..].copy_from_slice(&status_since.to_le_bytes());
    value
}

pub(in crate::store) fn read_head(value: &[u8]) -> Option<Head> {
    let value: &[u8; HEAD_BYTES] = value.try_into().ok()?;
    let status = match (value[0], value[1] & !FLAGS) {
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
        contentless: value[1] & CONTENTLESS != 0,
        initial: value[1] & INITIAL != 0,
        published_at: timestamp(&value[2..])?,
        updated_at: timestamp(&value[10..])?,
        first_seen: timestamp(&value[18..])?,
        received: digest(&value[26..])?,
        sent: digest(&value[SENT])?,
        status_since: timestamp(&value[90..]).filter(|at| at.as_micros() != NEVER),
    })
}

/// Parses name and version of a key; both were validated before they were written.
pub(in crate::store) fn identity(name: &str, version: &str) -> Option<(Name, Version)> {
    Some((Name::parse(name).ok()?, Version::parse(version).ok()?))
}

pub(in crate::store) fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    let bytes = bytes.first_chunk()?;
    Some(Timestamp::from_micros(i64::from_le_bytes(*bytes)))
}

pub(in crate::store) fn digest(bytes: &[u8]) -> Option<Digest> {
    bytes.first_chunk().map(|bytes| Digest::from_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_of_another_length_or_kind_does_not_decode() {
        for value in [&[][..], &[PLAIN_HEAD; HEAD_BYTES - 1], &[9; HEAD_BYTES]] {
            assert!(read_head(value).is_none());
        }
    }
}
