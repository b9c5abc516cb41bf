use std::sync::Arc;

use bytes::Bytes;

use crate::model::{Digest, Name, Timestamp, Version};

/// One entry of a generation: a visible server or a tombstone, as its JSON is served.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    pub name: Name,
    pub version: Version,
    pub json: Bytes,
    /// The timestamp that `updated_since` compares with.
    pub changed_at: Timestamp,
    pub published_at: Timestamp,
    pub latest: bool,
    /// The digest over everything that is served of it, except its timestamps.
    pub(super) digest: Digest,
    /// The source of the item; the default for a tombstone.
    pub(super) source: Source,
    pub tag: Tag,
    /// Name, title and description, case-folded: the only text that search reads. Versions with equal
    /// text share it.
    pub(super) searched: Arc<str>,
}

impl Item {
    pub(super) fn key(&self) -> (&str, &str) {
        (self.name.as_str(), self.version.as_str())
    }
}

/// An identifier of the bytes of an item among all of its name and version. It is equal across restarts
/// and changes with every change of the item.
pub type Tag = [u8; 16];

/// The digests of the inputs of an item. Items with equal sources have equal bytes, except `isLatest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Source {
    /// The digest of the entry and its upstream.
    pub(super) entry: [u8; 16],
    /// The digest of our facts about it.
    pub(super) facts: [u8; 16],
}

/// Returns the tag of an item with this digest since this timestamp.
pub(super) fn tag(digest: Digest, changed_at: Timestamp) -> Tag {
    let both = [digest.as_bytes().as_slice(), &changed_at.as_micros().to_le_bytes()].concat();
    Digest::of(&both).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Folds case in every script, as search compares. Upper case comes in between, because it unites what
/// lower case keeps apart: both sigmas, and ß with ss.
pub(super) fn fold(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("GitHub", "github")]
    #[case("GRÖSSE", "größe")]
    #[case("GROẞE", "große")]
    #[case("ΟΔΟΣ", "οδος")]
    #[case("СЕРВЕР", "сервер")]
    #[case("\u{212a}", "k")]
    fn case_is_folded_in_every_script(#[case] left: &str, #[case] right: &str) {
        assert_eq!(fold(left), fold(right));
    }
}
