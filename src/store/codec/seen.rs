use crate::model::Digest;
use crate::sync::Absence;

/// The digest of a name and version. It is whole, since publishers choose both: an entry that upstream removed must not
/// count as seen because another one was made to collide with it.
pub(in crate::store) type SeenKey = Digest;

pub(in crate::store) fn seen_key(name: &str, version: &str) -> SeenKey {
    Digest::of_parts([name.as_bytes(), version.as_bytes()])
}

pub(in crate::store) fn seen(keys: &[(String, String)]) -> Vec<u8> {
    keys.iter().flat_map(|(name, version)| *seen_key(name, version).as_bytes()).collect()
}

pub(in crate::store) fn read_seen(value: &[u8]) -> Vec<SeenKey> {
    value.as_chunks().0.iter().map(|bytes| Digest::from_bytes(*bytes)).collect()
}

pub(in crate::store) fn read_absence(value: &[u8]) -> Option<Absence> {
    serde_json::from_slice(value).ok()
}
