use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::item::Item;
use super::query::{Query, VersionFilter};
use crate::model::Timestamp;

/// A position in a list of pages, with the filters of the first page.
///
/// The cursor carries the filters, because editors drop theirs from the second page on. It carries the
/// upper bound, because pages under `updated_since` must leave later changes to the next list request.
/// It is unsigned: it grants nothing that its filters would not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// A cursor of this registry.
    Whole(Query),
    /// The form of upstream, `name:version`: only a position.
    Position { name: String, version: String },
}

/// An error for a text that is not a cursor of this registry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the cursor is not from this registry; use `metadata.nextCursor` of the previous page")]
pub struct BadCursor;

/// The format number of the bytes; raise it when their meaning changes.
const FORMAT: u8 = 1;
/// The size limit. The longest cursor that we write has a name, a version and a search text.
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
    /// Reads a cursor from a decoded query string.
    ///
    /// # Errors
    /// Returns [`BadCursor`] if the text is neither a cursor of ours nor `name:version`.
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
        let texts = [Some(&name), Some(&version), search.as_ref(), filter.as_ref()];
        // A cursor that we wrote has neither a NUL nor an empty search.
        if texts.into_iter().flatten().any(|text| text.contains('\0'))
            || search.as_deref() == Some("")
        {
            return Err(BadCursor);
        }
        Ok(Self::Whole(Query {
            search: search.map(Into::into),
            version: filter.map(|filter| VersionFilter::parse(&filter)),
            updated_since: since.map(Timestamp::from_micros),
            include_deleted: deleted,
            until: until.map(Timestamp::from_micros),
            after: Some((name.into(), version.into())),
        }))
    }

    /// Writes the cursor for the position after the last item of a page.
    pub(super) fn behind(query: &Query, last: &Item) -> String {
        let (name, version) = last.key();
        let wire = Wire(
            name.into(),
            version.into(),
            query.search.as_deref().map(Into::into),
            query.version.as_ref().map(|filter| filter.as_str().into()),
            query.updated_since.map(Timestamp::as_micros),
            query.include_deleted,
            query.until.map(Timestamp::as_micros),
        );
        let mut bytes = vec![FORMAT];
        bytes.extend(serde_json::to_vec(&wire).unwrap_or_default());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}
