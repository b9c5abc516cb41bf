use std::sync::Arc;

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
    /// What it was made of; nothing for a tombstone.
    pub(super) source: Source,
    pub tag: Tag,
    /// Name, title and description, folded; search looks nowhere else. Versions that say the same
    /// share it.
    pub(super) searched: Arc<str>,
}

impl Item {
    pub(super) fn key(&self) -> (&str, &str) {
        (self.name.as_str(), self.version.as_str())
    }
}

/// What tells the bytes of an item from all others of its name and version: equal across restarts,
/// another one whenever anything in it changes.
pub type Tag = [u8; 16];

/// What an item is made of, before it is made: equal sources, equal bytes but for `isLatest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Source {
    /// What an upstream says, and which.
    pub(super) entry: [u8; 16],
    /// What we say of it.
    pub(super) facts: [u8; 16],
}

/// The tag of what has this digest since this instant.
pub(super) fn tag(digest: Digest, changed_at: Instant) -> Tag {
    let both = [digest.as_bytes().as_slice(), &changed_at.as_micros().to_le_bytes()].concat();
    Digest::of(&both).as_bytes().first_chunk().copied().unwrap_or_default()
}

/// Case folded in every script, as search compares. Upper case comes in between, since it takes
/// together what lower case keeps apart: both sigmas, and ß with ss.
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
