use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::model::Escaped;

/// Longer than any `name:version`.
const MAX_CURSOR_BYTES: usize = 2048;
/// Characters of an unreadable body that an error shows.
const EXCERPT_CHARACTERS: usize = 60;

/// A list page split into rows, none of them validated yet.
#[derive(Debug)]
pub struct RawPage<'a> {
    pub rows: Vec<&'a RawValue>,
    /// `None` on the last page.
    pub next_cursor: Option<String>,
    /// The other members of its metadata, which may say that the list goes on.
    others: BTreeMap<String, &'a RawValue>,
}

/// The reason why a body is not a page. The sync run fails; nothing is concluded about any row.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageError {
    #[error("the answer is not JSON ({why}); it begins with {excerpt:?}")]
    NotJson { why: String, excerpt: String },
    #[error("the answer is JSON of another shape than a list page: {why}")]
    Shape { why: String },
    #[error(
        "the next cursor contains a control character or has more than {MAX_CURSOR_BYTES} bytes"
    )]
    Cursor,
    #[error(
        "a page of {rows} rows without `nextCursor` and with `{}` in its `metadata`: the list may go on in a way that is \
         not known here",
        Escaped(member)
    )]
    UnknownEnd { rows: usize, member: String },
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    servers: Vec<&'a RawValue>,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    next_cursor: Option<Cow<'a, str>>,
}

impl<'a> RawPage<'a> {
    /// Reads a list page.
    ///
    /// # Errors
    /// [`PageError`] when the body is not JSON, or has no `servers` list or no `metadata`: a page
    /// without them does not show that it is the last one.
    pub fn read(body: &'a [u8]) -> Result<Self, PageError> {
        let page: Body<'a> =
            serde_json::from_slice(body).map_err(|error| page_error(body, &error))?;
        let metadata: Metadata<'a> =
            serde_json::from_str(page.metadata.get()).map_err(|error| PageError::shape(&error))?;
        // Duplicates of the member that is known are refused above.
        let mut others: BTreeMap<String, &'a RawValue> =
            serde_json::from_str(page.metadata.get()).unwrap_or_default();
        others.remove("nextCursor");
        let next_cursor = metadata.next_cursor.filter(|cursor| !cursor.is_empty());
        if let Some(cursor) = &next_cursor
            && (cursor.len() > MAX_CURSOR_BYTES || cursor.chars().any(char::is_control))
        {
            return Err(PageError::Cursor);
        }
        let rows = page.servers;
        Ok(Self { rows, next_cursor: next_cursor.map(Cow::into_owned), others })
    }

    /// Checks that a page without a cursor is the last one, of `limit` rows at most and with `rows_read` before its end.
    /// It may have its cursor under another name. A page that is not full may do so too, since a registry may have a
    /// limit of its own; there, only names that speak of more rows count. A total may be that of a list without
    /// `updated_since`, which `is_whole` excludes.
    ///
    /// # Errors
    /// [`PageError::UnknownEnd`] with the member that may say that the list goes on.
    pub fn check_end(&self, limit: u32, rows_read: u64, is_whole: bool) -> Result<(), PageError> {
        if self.next_cursor.is_some() {
            return Ok(());
        }
        let is_full = self.rows.len() >= limit as usize;
        let more = self.others.iter().find(|(member, value)| {
            (is_full || suggests_more(member, is_whole)) && may_mean_more(value.get(), rows_read)
        });
        more.map_or(Ok(()), |(member, _)| {
            let member = member.chars().take(EXCERPT_CHARACTERS).collect();
            Err(PageError::UnknownEnd { rows: self.rows.len(), member })
        })
    }

    /// Reads the answer about one name's versions: the same shape, never continued.
    ///
    /// # Errors
    /// As for [`RawPage::read`], but `metadata` may be missing.
    pub fn read_versions(body: &'a [u8]) -> Result<Self, PageError> {
        #[derive(Deserialize)]
        struct Versions<'a> {
            #[serde(borrow)]
            servers: Vec<&'a RawValue>,
        }
        let Versions { servers } =
            serde_json::from_slice(body).map_err(|error| page_error(body, &error))?;
        Ok(Self { rows: servers, next_cursor: None, others: BTreeMap::new() })
    }
}

/// Returns true if the name of an unknown member speaks of rows that follow, or of all rows.
fn suggests_more(member: &str, is_whole: bool) -> bool {
    let member = member.to_ascii_lowercase();
    ["cursor", "next", "more"].iter().any(|word| member.contains(word))
        || (is_whole && ["total", "count"].iter().any(|word| member.contains(word)))
}

/// Returns true if the value of an unknown member may be a cursor, a flag, or a count beyond what was read.
fn may_mean_more(value: &str, rows_read: u64) -> bool {
    match value {
        "null" | "false" | r#""""# | "{}" | "[]" => false,
        number if number.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
            // A number that is not whole counts no rows, and is taken for more.
            number.parse::<u64>().map_or(!number.starts_with('-'), |count| count > rows_read)
        }
        _ => true,
    }
}

impl PageError {
    fn shape(error: &serde_json::Error) -> Self {
        Self::Shape { why: Escaped(&error.to_string()).to_string() }
    }
}

fn page_error(body: &[u8], error: &serde_json::Error) -> PageError {
    let why = error.to_string();
    if error.is_data() {
        return PageError::shape(error);
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * EXCERPT_CHARACTERS)]);
    let excerpt = text.chars().take(EXCERPT_CHARACTERS).collect();
    PageError::NotJson { why, excerpt }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"servers":[],"metadata":{"count":0}}"#, 0, None)]
    #[case(r#"{"servers":[{},7],"metadata":{"nextCursor":"a.b/c:1"}}"#, 2, Some("a.b/c:1"))]
    #[case(r#"{"servers":[],"metadata":{"nextCursor":null}}"#, 0, None)]
    #[case(r#"{"servers":[],"metadata":{"nextCursor":""},"extra":{}}"#, 0, None)]
    fn page_is_read_as_rows_and_a_cursor(
        #[case] body: &str,
        #[case] rows: usize,
        #[case] cursor: Option<&str>,
    ) {
        let page = RawPage::read(body.as_bytes()).expect("a page");
        assert_eq!(page.rows.len(), rows);
        assert_eq!(page.next_cursor.as_deref(), cursor);
    }

    /// P43.
    #[rstest::rstest]
    #[case(b"<html>Maintenance</html>", "not JSON")]
    #[case(b"", "not JSON")]
    #[case(br#"{"servers":[{"a":1}],"metadata":{"cou"#, "not JSON")]
    #[case(br#"{"servers":[],"metadata":{}} trailing"#, "not JSON")]
    #[case(b"{\"servers\":[{\"a\":\"\xff\"}],\"metadata\":{}}", "not JSON")]
    #[case(b"[]", "another shape")]
    #[case(br#"{"metadata":{}}"#, "missing field `servers`")]
    #[case(br#"{"servers":null,"metadata":{}}"#, "another shape")]
    #[case(br#"{"servers":[],"metadata":null}"#, "another shape")]
    #[case(br#"{"servers":[],"metadata":{"nextCursor":"a","nextCursor":"b"}}"#, "another shape")]
    #[case(br#"{"servers":[]}"#, "missing field `metadata`")]
    #[case(br#"{"servers":[],"servers":[],"metadata":{}}"#, "duplicate field")]
    #[case(br#"{"servers":[],"metadata":{"nextCursor":7}}"#, "another shape")]
    #[case(br#"{"servers":[],"metadata":{"nextCursor":"a\u0000b"}}"#, "control character")]
    fn invalid_page_is_refused_with_a_reason(#[case] body: &[u8], #[case] why: &str) {
        let error = RawPage::read(body).map(|_| ()).expect_err("not a page").to_string();
        assert!(error.contains(why), "{error}");
    }

    #[rstest::rstest]
    #[case("{}", None)]
    #[case(r#"{"count":2}"#, None)]
    #[case(
        r#"{"count":2,"total":12,"hasMore":false,"next_cursor":null,"links":{},"after":""}"#,
        None
    )]
    #[case(r#"{"count":13}"#, Some("`count`"))]
    #[case(r#"{"total":1e9}"#, Some("`total`"))]
    #[case(r#"{"next_cursor":"a"}"#, Some("`next_cursor`"))]
    #[case(r#"{"hasMore":true}"#, Some("`hasMore`"))]
    #[case(r#"{"links":{"next":"/x"}}"#, Some("`links`"))]
    #[case(r#"{"\u202e":"a"}"#, Some(r"`\u{202e}`"))]
    fn full_page_without_a_known_cursor_beside_a_sign_of_more_is_another_shape(
        #[case] metadata: &str,
        #[case] refused: Option<&str>,
    ) {
        let body = format!(r#"{{"servers":[{{}},{{}}],"metadata":{metadata}}}"#);
        let page = RawPage::read(body.as_bytes()).expect("a page");
        let error = page.check_end(2, 12, true).err().map(|error| error.to_string());
        match refused {
            None => assert_eq!(error, None),
            Some(member) => {
                assert!(error.as_deref().is_some_and(|text| text.contains(member)), "{error:?}");
            }
        }
        let metadata = format!(r#"{{"nextCursor":"a",{}"#, &metadata[1..]).replace(",}", "}");
        let body = format!(r#"{{"servers":[{{}},{{}}],"metadata":{metadata}}}"#);
        assert_eq!(RawPage::read(body.as_bytes()).expect("a page").check_end(2, 12, true), Ok(()));
    }

    /// A registry may have a smaller limit than the one that it was asked for.
    #[rstest::rstest]
    #[case(r#"{"next_cursor":"a"}"#, true, true)]
    #[case(r#"{"hasMore":true}"#, true, true)]
    #[case(r#"{"totalCount":13}"#, false, true)]
    #[case(r#"{"total":12,"hasMore":false,"next_cursor":"","nextPage":null}"#, false, false)]
    #[case(r#"{"total":121}"#, false, true)]
    #[case(r#"{"limit":100,"pageSize":30,"version":"v1"}"#, false, false)]
    fn short_page_that_suggests_more_rows_is_not_the_last(
        #[case] metadata: &str,
        #[case] of_changes: bool,
        #[case] of_all: bool,
    ) {
        let body = format!(r#"{{"servers":[{{}},{{}}],"metadata":{metadata}}}"#);
        let page = RawPage::read(body.as_bytes()).expect("a page");
        let refuses = |is_whole| page.check_end(3, 12, is_whole).is_err();
        assert_eq!(refuses(true), of_all, "a full sync");
        assert_eq!(refuses(false), of_changes, "changes only");
    }

    #[test]
    fn deeply_nested_row_does_not_exhaust_the_stack() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let body = format!(r#"{{"servers":[{deep}],"metadata":{{}}}}"#);
        assert_eq!(RawPage::read(body.as_bytes()).expect("a page").rows.len(), 1);
    }
}
