use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smol_str::SmolStr;

use crate::model::{Digest, Name, Timestamp, Version, is_unseen};

/// One entry of a generation: a visible server or a tombstone, as its JSON is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: Name,
    pub version: Version,
    /// The upstream that it is served from; empty for a tombstone.
    pub upstream: SmolStr,
    /// The JSON of the single entry; [`Item::listed`] has the forms of lists.
    pub json: Bytes,
    /// The places at which the forms differ; `None` for a tombstone, which has one form.
    pub(super) splice: Option<Splice>,
    /// Upstream's own `updatedAt` if it is later than ours, which then stands in its place.
    pub(super) later_update: Option<Box<str>>,
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

/// The form of the items of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `updatedAt` is upstream's, since editors show it as the last release; `changedAt` is ours.
    Plain,
    /// The same without the icons of the server.
    WithoutIcons,
    /// An answer to `updated_since`: `updatedAt` is our `changedAt`, since readers remember the greatest
    /// one; upstream's is `upstreamUpdatedAt`.
    Changes,
}

/// An item as it is written.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) json: Bytes,
    pub(super) splice: Option<Splice>,
    pub(super) later_update: Option<Box<str>>,
}

/// The places in the JSON of an item at which its forms differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Splice {
    /// The member `icons` of the server with a comma, if the view lists items without it.
    pub(super) icons: Option<Range<usize>>,
    /// The value of `updatedAt`.
    pub(super) updated: Range<usize>,
    /// The value of `changedAt`, the last member of our block in a list.
    pub(super) changed: Range<usize>,
}

/// The member with our time, the one in its place in the other form, and the end of every item.
pub(super) const CHANGED_AT: &[u8] = br#""changedAt":"#;
const UPSTREAM_UPDATED_AT: &[u8] = br#""upstreamUpdatedAt":"#;
pub(super) const CLOSED: &[u8] = b"}}}";
/// The bytes behind `updatedAt` in a version that is not the latest, and in the latest one.
const NOT_LATEST: &[u8] = br#","isLatest":false"#;
const LATEST: &[u8] = br#","isLatest":true"#;
/// The last member of our block in a single entry, where upstream differs.
const UPSTREAM_IS_LATEST: &[u8] = br#","upstreamIsLatest":true"#;
const UPSTREAM_IS_NOT_LATEST: &[u8] = br#","upstreamIsLatest":false"#;

impl Item {
    pub(super) fn key(&self) -> (&str, &str) {
        (self.name.as_str(), self.version.as_str())
    }

    /// Returns the parts of the JSON in a list of this form: the single entry without the details at its
    /// end, and under `updated_since` with its two times exchanged.
    #[must_use]
    pub fn listed(&self, form: Form) -> [&[u8]; 6] {
        let Self { json, splice, .. } = self;
        let Some(Splice { icons, updated, changed }) = splice else {
            return [json, b"", b"", b"", b"", b""];
        };
        match (form, icons) {
            (Form::WithoutIcons, Some(icons)) => {
                [&json[..icons.start], &json[icons.end..changed.end], CLOSED, b"", b"", b""]
            }
            (Form::Plain | Form::WithoutIcons, _) => {
                [&json[..changed.end], CLOSED, b"", b"", b"", b""]
            }
            (Form::Changes, _) => [
                &json[..updated.start],
                &json[changed.clone()],
                &json[updated.end..changed.start - CHANGED_AT.len()],
                UPSTREAM_UPDATED_AT,
                &json[updated.clone()],
                CLOSED,
            ],
        }
    }

    /// Returns the item as the latest version of its name, for the time until a generation is rendered that has
    /// it so. It has no source: no generation keeps it.
    pub(super) fn as_latest(&self) -> Self {
        let (mut json, mut splice) = (self.json.clone(), self.splice.clone());
        if let Some(Splice { updated, changed, .. }) = &mut splice {
            let (before, after) = json.split_at(updated.end);
            if let Some(rest) = after.strip_prefix(NOT_LATEST) {
                *changed = changed.start - 1..changed.end - 1;
                let rest = rest.strip_suffix(CLOSED).unwrap_or(rest);
                // Upstream agreed that it was not the latest unless our block says otherwise.
                let (rest, differs) = match rest.strip_suffix(UPSTREAM_IS_LATEST) {
                    Some(rest) => (rest, b"".as_slice()),
                    None => (rest, UPSTREAM_IS_NOT_LATEST),
                };
                json = [before, LATEST, rest, differs, CLOSED].concat().into();
            }
        }
        Self {
            tag: tag(Digest::of(&json), self.changed_at),
            json,
            splice,
            latest: true,
            source: Source::default(),
            ..self.clone()
        }
    }

    /// Returns the size in bytes of the longest form in a list.
    pub(super) fn listed_size(&self) -> usize {
        self.listed(Form::Changes).iter().map(|part| part.len()).sum()
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
/// lower case keeps apart: both sigmas, and ß with ss. Characters that show nothing are left out, and every space is the
/// same one.
pub(super) fn fold(text: &str) -> String {
    let seen = text.chars().filter(|character| !is_unseen(*character));
    let seen = seen.map(|character| if character.is_whitespace() { ' ' } else { character });
    let lower = seen.flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("GitHub", "github")]
    #[case("a\u{a0}b\u{2003}c", "a b c")]
    #[case("GRÖSSE", "größe")]
    #[case("GROẞE", "große")]
    #[case("ΟΔΟΣ", "οδος")]
    #[case("СЕРВЕР", "сервер")]
    #[case("\u{212a}", "k")]
    #[case(
        "\u{646}\u{200c}\u{627} a\u{200b}b\u{ad}c \u{2764}\u{fe0f}",
        "\u{646}\u{627} abc \u{2764}"
    )]
    fn case_is_folded_in_every_script(#[case] left: &str, #[case] right: &str) {
        assert_eq!(fold(left), fold(right));
    }
}
