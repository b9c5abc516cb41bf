use std::borrow::Cow;

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
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    servers: Vec<&'a RawValue>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
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
        let next_cursor = page.metadata.next_cursor.filter(|cursor| !cursor.is_empty());
        if let Some(cursor) = &next_cursor
            && (cursor.len() > MAX_CURSOR_BYTES || cursor.chars().any(char::is_control))
        {
            return Err(PageError::Cursor);
        }
        Ok(Self { rows: page.servers, next_cursor: next_cursor.map(Cow::into_owned) })
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
        Ok(Self { rows: servers, next_cursor: None })
    }
}

fn page_error(body: &[u8], error: &serde_json::Error) -> PageError {
    let why = error.to_string();
    if error.is_data() {
        return PageError::Shape { why: Escaped(&why).to_string() };
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
    #[case(br#"{"servers":[]}"#, "missing field `metadata`")]
    #[case(br#"{"servers":[],"servers":[],"metadata":{}}"#, "duplicate field")]
    #[case(br#"{"servers":[],"metadata":{"nextCursor":7}}"#, "another shape")]
    #[case(br#"{"servers":[],"metadata":{"nextCursor":"a\u0000b"}}"#, "control character")]
    fn invalid_page_is_refused_with_a_reason(#[case] body: &[u8], #[case] why: &str) {
        let error = RawPage::read(body).map(|_| ()).expect_err("not a page").to_string();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn deeply_nested_row_does_not_exhaust_the_stack() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let body = format!(r#"{{"servers":[{deep}],"metadata":{{}}}}"#);
        assert_eq!(RawPage::read(body.as_bytes()).expect("a page").rows.len(), 1);
    }
}
