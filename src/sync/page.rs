use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use super::page_end::{MemberPlace, ReadSoFar, SignOfMore, sign_in_headers, sign_of_more};
use super::pagination::Pagination;
use super::source::{PageRequest, PagingHeaders};
use crate::model::Escaped;

/// Longer than any `name:version`.
const MAX_CURSOR_BYTES: usize = 2048;
/// Characters of an unreadable body that an error shows.
const EXCERPT_CHARACTERS: usize = 60;

/// A list page split into rows, none of them validated yet.
#[derive(Debug)]
pub struct RawPage<'a> {
    pub rows: Vec<&'a RawValue>,
    /// True if the rows are `null`: some registries write an empty list so.
    is_null: bool,
    /// `None` on the last page.
    pub next_cursor: Option<String>,
    /// The whole answer, whose other members may say that the list goes on.
    body: &'a [u8],
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
    /// The rows of the run so far may be a part of the list.
    #[error(
        "the list may go on after a page without `metadata.nextCursor`: {sign}; rows read: {rows}"
    )]
    UnknownEnd { rows: u64, sign: SignOfMore },
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, deserialize_with = "rows")]
    servers: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

/// Reads the rows, which may be `null`; a member that is missing is an error.
fn rows<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Vec<&'de RawValue>>, D::Error> {
    Option::deserialize(value)
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
        let body = without_mark(body);
        let page: Body<'a> =
            serde_json::from_slice(body).map_err(|error| page_error(body, &error))?;
        let metadata: Metadata<'a> =
            serde_json::from_str(page.metadata.get()).map_err(|error| PageError::shape(&error))?;
        let next_cursor = metadata.next_cursor.filter(|cursor| !cursor.is_empty());
        if let Some(cursor) = &next_cursor
            && (cursor.len() > MAX_CURSOR_BYTES || cursor.chars().any(char::is_control))
        {
            return Err(PageError::Cursor);
        }
        let is_null = page.servers.is_none();
        let rows = page.servers.unwrap_or_default();
        Ok(Self { rows, is_null, next_cursor: next_cursor.map(Cow::into_owned), body })
    }

    /// Checks that a page without a cursor is the last one. It may have its cursor under another name, beside its
    /// `metadata` or in a header, also if it is not full, since a registry may have a limit of its own.
    ///
    /// # Errors
    /// [`PageError::UnknownEnd`] with what may say that the list goes on, and [`PageError::Shape`] for a whole list that is
    /// `null`.
    pub fn check_end(
        &self,
        request: &PageRequest,
        headers: &PagingHeaders,
        read: &Pagination,
    ) -> Result<(), PageError> {
        if self.next_cursor.is_some() {
            return Ok(());
        }
        // No changes can mean nothing else; a whole list that is nothing may be a failure.
        if self.is_null && request.updated_since.is_none() {
            return Err(PageError::Shape { why: "`servers` of a whole list is null".to_owned() });
        }
        let is_full = self.rows.len() >= request.limit as usize;
        let end = ReadSoFar {
            rows: read.rows(),
            pages: read.pages(),
            is_comparable: is_full || request.updated_since.is_none(),
        };
        let sign =
            sign_in_headers(headers, end).or_else(|| self.sign_of_more(&["nextCursor"], &end));
        sign.map_or(Ok(()), |sign| Err(PageError::UnknownEnd { rows: end.rows, sign }))
    }

    /// Returns what in the answer may say that the list goes on.
    fn sign_of_more(&self, known: &[&str], read: &ReadSoFar) -> Option<SignOfMore> {
        #[derive(Deserialize)]
        struct Parts<'a> {
            #[serde(borrow, default)]
            metadata: Option<&'a RawValue>,
        }
        let object: &RawValue = serde_json::from_slice(self.body).ok()?;
        let Parts { metadata } = serde_json::from_slice(self.body).ok()?;
        let metadata = metadata
            .and_then(|metadata| sign_of_more((metadata, MemberPlace::Metadata), known, *read));
        let others = ["servers", "metadata"];
        metadata.or_else(|| sign_of_more((object, MemberPlace::BesideMetadata), &others, *read))
    }

    /// Returns true if it says that another page follows, under the name that we know, wherever it says so.
    #[must_use]
    pub fn is_continued(&self) -> bool {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            metadata: Value,
            #[serde(default)]
            next_cursor: Value,
        }
        let is_cursor = |value: &Value| !value.is_null() && value != "";
        serde_json::from_slice(self.body).is_ok_and(|Page { metadata, next_cursor }| {
            is_cursor(&next_cursor) || metadata.get("nextCursor").is_some_and(is_cursor)
        })
    }

    /// Checks that an answer about one name's versions has all of them: a part would have another latest version.
    ///
    /// # Errors
    /// [`PageError::UnknownEnd`] with what may say that there are more.
    pub fn check_versions(&self, headers: &PagingHeaders) -> Result<(), PageError> {
        let rows = self.rows.len() as u64;
        let read = ReadSoFar { rows, pages: 1, is_comparable: true };
        let sign = sign_in_headers(headers, read).or_else(|| self.sign_of_more(&[], &read));
        sign.map_or(Ok(()), |sign| Err(PageError::UnknownEnd { rows, sign }))
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
        let body = without_mark(body);
        let Versions { servers } =
            serde_json::from_slice(body).map_err(|error| page_error(body, &error))?;
        Ok(Self { rows: servers, is_null: false, next_cursor: None, body })
    }
}

impl PageError {
    fn shape(error: &serde_json::Error) -> Self {
        Self::Shape { why: Escaped(&error.to_string()).to_string() }
    }
}

/// Drops a byte order mark, which readers of JSON may ignore (RFC 8259, section 8.1).
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
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
    use crate::model::Timestamp;

    #[rstest::rstest]
    #[case(r#"{"servers":[],"metadata":{"count":0}}"#, 0, None)]
    #[case(r#"{"servers":[{},7],"metadata":{"nextCursor":"a.b/c:1"}}"#, 2, Some("a.b/c:1"))]
    #[case(r#"{"servers":[],"metadata":{"nextCursor":null}}"#, 0, None)]
    #[case(r#"{"servers":[],"metadata":{"nextCursor":""},"extra":{}}"#, 0, None)]
    #[case(r#"{"servers":null,"metadata":{"count":0}}"#, 0, None)]
    #[case("\u{feff}{\"servers\":[{}],\"metadata\":{}}", 1, None)]
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
    #[case(br#"{"servers":{},"metadata":{}}"#, "another shape")]
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

    /// Returns the reason why a page, asked for with a limit and the last of `rows` rows, is not known to be the last.
    fn refusal(body: &str, limit: u32, (rows, is_whole): (usize, bool)) -> Option<String> {
        let updated_since = (!is_whole).then_some(Timestamp::MIN);
        let request = PageRequest::first(updated_since, limit);
        let mut read = Pagination::default();
        read.advance(rows, None).expect("few rows");
        let page = RawPage::read(body.as_bytes()).expect("a page");
        page.check_end(&request, &PagingHeaders::default(), &read)
            .err()
            .map(|error| error.to_string())
    }

    #[rstest::rstest]
    #[case(r#""metadata":{"count":2}"#, None)]
    #[case(r#""metadata":{"total":12,"hasMore":false,"next_cursor":null,"links":{}}"#, None)]
    #[case(
        r#""$schema":"https://a.example/s.json","metadata":{"count":2},"nextCursor":null"#,
        None
    )]
    #[case(r#""metadata":{"next_cursor":"a"}"#, Some("`next_cursor` in its `metadata`"))]
    #[case(r#""metadata":{"total":13}"#, Some("`total` in its `metadata` is 13; rows read: 12"))]
    #[case(r#""metadata":{"\u202e":"a"}"#, Some(r"`\u{202e}` in its"))]
    #[case(r#""metadata":{"next":"a","next":null}"#, Some("a repeated member in its `metadata`"))]
    #[case(r#""metadata":{},"nextCursor":"a.b/c:1""#, Some("`nextCursor` beside its `metadata`"))]
    #[case(r#""metadata":{},"links":{"next":"/x"}"#, Some("`links` beside its"))]
    fn page_without_a_known_cursor_beside_a_sign_of_more_is_another_shape(
        #[case] members: &str,
        #[case] refused: Option<&str>,
    ) {
        let body = format!(r#"{{"servers":[{{}},{{}}],{members}}}"#);
        // A registry may have a smaller limit than the one that it was asked for.
        for limit in [2, 3] {
            let error = refusal(&body, limit, (12, true));
            assert_eq!(error.is_some(), refused.is_some(), "{error:?}");
            assert!(error.unwrap_or_default().contains(refused.unwrap_or_default()), "{body}");
        }
        let known = body.replace(r#""metadata":{"#, r#""metadata":{"nextCursor":"a","#);
        assert_eq!(refusal(&known.replace(",}", "}"), 2, (12, true)), None);
    }

    /// The count of a page of changes may be that of the whole list, but not if the page is full.
    #[rstest::rstest]
    #[case(3, true, true)]
    #[case(3, false, false)]
    #[case(2, false, true)]
    fn count_beyond_the_rows_of_a_page_of_changes_says_nothing_unless_the_page_is_full(
        #[case] limit: u32,
        #[case] is_whole: bool,
        #[case] refused: bool,
    ) {
        let body = r#"{"servers":[{},{}],"metadata":{"total":13}}"#;
        assert_eq!(refusal(body, limit, (12, is_whole)).is_some(), refused);
    }

    #[test]
    fn null_is_an_empty_list_of_changes_and_no_whole_list() {
        let body = r#"{"servers":null,"metadata":{"count":0}}"#;
        assert_eq!(refusal(body, 100, (0, false)), None);
        assert!(refusal(body, 100, (0, true)).is_some_and(|why| why.contains("null")));
    }

    #[test]
    fn link_to_a_next_page_counts_unless_there_is_a_cursor() {
        let request = PageRequest::first(None, 100);
        let headers = PagingHeaders { links_to_next: true, ..PagingHeaders::default() };
        for (metadata, refused) in [("{}", true), (r#"{"nextCursor":"a"}"#, false)] {
            let body = format!(r#"{{"servers":[{{}}],"metadata":{metadata}}}"#);
            let page = RawPage::read(body.as_bytes()).expect("a page");
            let checked = page.check_end(&request, &headers, &Pagination::default());
            assert_eq!(checked.is_err(), refused, "{checked:?}");
        }
    }

    #[rstest::rstest]
    #[case("x-total-count", "2", false)]
    #[case("x-total-count", "600", true)]
    #[case("content-range total", "600", true)]
    #[case("x-total-pages", "1", false)]
    #[case("x-total-pages", "6", true)]
    #[case("x-next-cursor", "", false)]
    #[case("x-next-cursor", "a", true)]
    #[case("x-next-page", "2", true)]
    #[case("x-has-more", "False", false)]
    #[case("x-has-more", "True", true)]
    #[case("x-pagination", r#"{"TotalCount":2,"HasNext":false}"#, false)]
    #[case("x-pagination", r#"{"TotalCount":600}"#, true)]
    fn header_about_further_rows_counts_as_a_member_does(
        #[case] name: &str,
        #[case] value: &str,
        #[case] refused: bool,
    ) {
        let request = PageRequest::first(None, 100);
        let values = vec![(name.to_owned(), value.to_owned())];
        let headers = PagingHeaders { values, ..PagingHeaders::default() };
        let page = RawPage::read(br#"{"servers":[{},{}],"metadata":{}}"#).expect("a page");
        let mut read = Pagination::default();
        read.advance(2, None).expect("few rows");
        let checked = page.check_end(&request, &headers, &read);
        assert_eq!(checked.is_err(), refused, "{checked:?}");
    }

    #[rstest::rstest]
    #[case(r#""metadata":{"count":2,"nextCursor":"a"}"#, true)]
    #[case(r#""metadata":{"total":10}"#, true)]
    #[case(r#""metadata":{"count":2,"nextCursor":""}"#, false)]
    #[case(r#""metadata":null"#, false)]
    #[case(r#""$schema":"https://a.example""#, false)]
    #[case(r#""nextCursor":"a""#, true)]
    fn part_of_the_versions_of_a_name_is_not_taken_for_all(
        #[case] members: &str,
        #[case] refused: bool,
    ) {
        let body = format!(r#"{{"servers":[{{}},{{}}],{members}}}"#);
        let page = RawPage::read_versions(body.as_bytes()).expect("a page");
        let checked = page.check_versions(&PagingHeaders::default());
        assert_eq!(checked.is_err(), refused, "{checked:?}");
        let values = vec![("x-total-count".to_owned(), "40".to_owned())];
        let headers = PagingHeaders { values, ..PagingHeaders::default() };
        assert!(page.check_versions(&headers).is_err());
    }

    #[test]
    fn deeply_nested_row_does_not_exhaust_the_stack() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let body = format!(r#"{{"servers":[{deep}],"metadata":{{}}}}"#);
        assert_eq!(RawPage::read(body.as_bytes()).expect("a page").rows.len(), 1);
    }
}
