use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Digest;

/// Excerpts of invalid records that are kept.
const EXCERPTS: usize = 3;

/// The records that are not valid, at all places of a namespace: the digest covers the text of each, the excerpts are for
/// people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidRecords {
    pub count: u64,
    pub digest: Digest,
    /// The reasons with the beginnings of the first of them, by digest.
    pub excerpts: Vec<String>,
}

impl InvalidRecords {
    /// Returns nothing if there is none.
    pub(super) fn of(unread: &BTreeMap<Digest, String>) -> Option<Self> {
        if unread.is_empty() {
            return None;
        }
        let digests: Vec<u8> =
            unread.keys().flat_map(|digest| digest.as_bytes().iter().copied()).collect();
        Some(Self {
            count: unread.len() as u64,
            digest: Digest::of(&digests),
            excerpts: unread.values().take(EXCERPTS).cloned().collect(),
        })
    }
}
