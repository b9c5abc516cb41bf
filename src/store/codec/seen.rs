use crate::model::Digest;
use crate::sync::Absence;

/// An eight-byte hash of a name and version: enough to distinguish ten million rows, and a twentieth
/// of their size.
pub(in crate::store) type SeenKey = u64;

pub(in crate::store) fn seen_key(name: &str, version: &str) -> SeenKey {
    let digest = Digest::of([name.as_bytes(), b"\0", version.as_bytes()].concat().as_slice());
    digest.as_bytes().first_chunk().map_or(0, |bytes| SeenKey::from_le_bytes(*bytes))
}

pub(in crate::store) fn seen(keys: &[(String, String)]) -> Vec<u8> {
    keys.iter().flat_map(|(name, version)| seen_key(name, version).to_le_bytes()).collect()
}

pub(in crate::store) fn read_seen(value: &[u8]) -> Vec<SeenKey> {
    value.as_chunks().0.iter().map(|bytes| SeenKey::from_le_bytes(*bytes)).collect()
}

pub(in crate::store) fn read_absence(value: &[u8]) -> Option<Absence> {
    serde_json::from_slice(value).ok()
}
