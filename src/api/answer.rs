use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::cache::Bodies;
use super::encoding::Encoding;
use super::problem::Problem;
use crate::catalog::Tag;

/// What is answered with 200: how it is made, and what tells it from every other answer.
pub(super) struct Answer<F> {
    pub(super) tag: Tag,
    /// Bytes of the body, or nearly.
    pub(super) size: usize,
    pub(super) keep: Keep,
    pub(super) make: F,
    /// Where more is.
    pub(super) next: Option<HeaderValue>,
}

/// What of an answer is worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// The body, and its packed forms.
    All,
    /// The packed forms; the body is there already.
    Packed,
    /// It will hardly be asked for again, and would take the place of what is.
    Nothing,
}

/// A client may keep an answer, and asks each time whether it still stands: what is revoked must be
/// gone at once.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// With those that every response gets; growing a map by steps costs more than filling it.
const EXPECTED_HEADERS: usize = 14;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl<F: FnOnce() -> Bytes> Answer<F> {
    /// The response to a request with these headers.
    pub(super) fn respond(
        mut self,
        asked: &HeaderMap,
        bodies: &Bodies,
    ) -> Result<Response, Problem> {
        let next = self.next.take();
        let encoding = Encoding::accepted(asked).for_size(self.size);
        let etag = etag(self.tag, encoding);
        let mut response = if is_known(asked, etag.as_bytes()) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let body = self.body(encoding, bodies).ok_or(Problem::Internal)?;
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, JSON);
            if let Some(word) = encoding.word() {
                let value = HeaderValue::from_static(word);
                response.headers_mut().insert(header::CONTENT_ENCODING, value);
            }
            response
        };
        let headers = response.headers_mut();
        headers.reserve(EXPECTED_HEADERS);
        headers.insert(header::ETAG, etag);
        headers.insert(header::CACHE_CONTROL, REVALIDATE);
        if let Some(next) = next {
            headers.insert(header::LINK, next);
        }
        Ok(response)
    }

    fn body(self, encoding: Encoding, bodies: &Bodies) -> Option<Bytes> {
        let make = || encoding.packed(&(self.make)());
        match (encoding, self.keep) {
            (_, Keep::Nothing) | (Encoding::Identity, Keep::Packed) => make(),
            _ => bodies.get(self.tag, encoding, make),
        }
    }
}

fn etag(tag: Tag, encoding: Encoding) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = Vec::with_capacity(2 * tag.len() + 8);
    text.push(b'"');
    for byte in tag {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
    if let Some(word) = encoding.word() {
        text.push(b'-');
        text.extend_from_slice(word.as_bytes());
    }
    text.push(b'"');
    // Digits, letters and quotes are a header's value.
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether `If-None-Match` names the tag; compared weakly (RFC 9110, section 13.1.2).
fn is_known(asked: &HeaderMap, etag: &[u8]) -> bool {
    asked.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.as_bytes().split(|byte| *byte == b',').any(|known| {
            let known = known.trim_ascii();
            known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == etag
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("\"aa\"", true)]
    #[case("W/\"aa\"", true)]
    #[case("\"x\", \"aa\"", true)]
    #[case("*", true)]
    #[case("\"x\"", false)]
    #[case("aa", false)]
    fn a_tag_is_found_among_those_that_are_named(#[case] named: &str, #[case] known: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, named.parse().expect("a header"));
        assert_eq!(is_known(&headers, b"\"aa\""), known);
    }

    #[test]
    fn a_tag_says_how_the_body_travels() {
        let tag = [0xab; 16];
        let hex = "ab".repeat(16);
        assert_eq!(etag(tag, Encoding::Identity), format!("\"{hex}\""));
        assert_eq!(etag(tag, Encoding::Zstd), format!("\"{hex}-zstd\""));
    }
}
