use bytes::Bytes;

use crate::model::{Digest, Instant, Name, Version};

/// One entry of a generation: a visible server or a tombstone, as its JSON is served.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub name: Name,
    pub version: Version,
    pub json: Bytes,
    /// Greater than this is newer, to `updated_since`.
    pub changed_at: Instant,
    pub published_at: Instant,
    pub latest: bool,
    /// Digest over all that is served of it but its instants.
    pub(super) digest: Digest,
    /// Name, title and description in lower case; search looks nowhere else.
    pub(super) searched: Box<str>,
}

impl Item {
    pub(super) fn key(&self) -> (&str, &str) {
        (self.name.as_str(), self.version.as_str())
    }
}

/// Lower case in every script, as search compares.
pub(super) fn fold(text: &str) -> String {
    text.to_lowercase()
}
