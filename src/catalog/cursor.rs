use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::item::Item;
use super::query::{Query, VersionFilter};
use crate::model::Instant;

/// Where a walk over pages goes on, and what it was asking for.
///
/// The filters travel in the cursor, because editors drop theirs from the second page on; the
/// bound does, because a walk under `updated_since` must leave what changes meanwhile to the next
/// one. It is unsigned: it grants nothing that its filters would not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// One of ours.
    Whole(Query),
    /// Upstream's form, `name:version`: only a position.
    Position { name: String, version: String },
}

/// A text that is no cursor of this registry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the cursor is none of this registry's; take `metadata.nextCursor` of the page before")]
pub struct BadCursor;

/// Raised when the meaning of the bytes changes.
const FORMAT: u8 = 1;
/// The longest we write holds a name, a version and a search text.
const MAX_BYTES: usize = 4096;

#[derive(Serialize, Deserialize)]
struct Wire<'a>(
    std::borrow::Cow<'a, str>,
    std::borrow::Cow<'a, str>,
    Option<std::borrow::Cow<'a, str>>,
    Option<std::borrow::Cow<'a, str>>,
    Option<i64>,
    bool,
    Option<i64>,
);

impl Cursor {
    /// Reads a cursor from a query string that was decoded already.
    ///
    /// # Errors
    /// [`BadCursor`] for whatever is neither ours nor `name:version`.
    pub fn parse(text: &str) -> Result<Self, BadCursor> {
        if text.len() > MAX_BYTES {
            return Err(BadCursor);
        }
        if text.contains('/') {
            let (name, version) = text.split_once(':').unwrap_or((text, ""));
            return Ok(Self::Position { name: name.into(), version: version.into() });
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let Some((&FORMAT, json)) = bytes.split_first() else {
            return Err(BadCursor);
        };
        let Wire(name, version, search, filter, since, deleted, until) =
            serde_json::from_slice(json).map_err(|_| BadCursor)?;
        let said = [Some(&name), Some(&version), search.as_ref(), filter.as_ref()];
        // None that we write has one, nor an empty search.
        if said.into_iter().flatten().any(|text| text.contains('\0'))
            || search.as_deref() == Some("")
        {
            return Err(BadCursor);
        }
        Ok(Self::Whole(Query {
            search: search.map(Into::into),
            version: filter.map(|it| VersionFilter::parse(&it)),
            updated_since: since.map(Instant::from_micros),
            include_deleted: deleted,
            until: until.map(Instant::from_micros),
            after: Some((name.into(), version.into())),
        }))
    }

    /// Writes the cursor behind the last item of a page.
    pub(super) fn behind(query: &Query, last: &Item) -> String {
        let (name, version) = last.key();
        let wire = Wire(
            name.into(),
            version.into(),
            query.search.as_deref().map(Into::into),
            query.version.as_ref().map(|filter| filter.as_str().into()),
            query.updated_since.map(Instant::as_micros),
            query.include_deleted,
            query.until.map(Instant::as_micros),
        );
        let mut bytes = vec![FORMAT];
        bytes.extend(serde_json::to_vec(&wire).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}
