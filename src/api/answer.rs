use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::cache::Bodies;
use super::encoding::Encoding;
use super::problem::Problem;
use crate::catalog::Tag;

/// An answer with status 200: its tag, and the function that makes its body.
pub(super) struct Answer<F> {
    pub(super) tag: Tag,
    /// The approximate size of the body in bytes.
    pub(super) size: usize,
    pub(super) keep: Keep,
    pub(super) make: F,
    /// The link to the next page.
    pub(super) next: Option<HeaderValue>,
}

/// The forms of an answer to keep in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// The body and its encoded forms.
    All,
    /// The encoded forms only; the body is already in memory.
    Packed,
    /// Nothing: the answer is rarely requested again, and would displace others.
    Nothing,
}

/// A client may keep an answer, but must revalidate it each time: a revoked approval must take effect
/// immediately.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// The number of headers to reserve, with those of every response; growing the map costs more than filling
/// it.
const EXPECTED_HEADERS: usize = 14;
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl<F: FnOnce() -> Bytes> Answer<F> {
    /// Returns the response to a request with these headers.
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
    // Digits, ASCII letters and quotes are always a valid header value.
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Returns true if `If-None-Match` has the tag, by weak comparison (RFC 9110, section 13.1.2).
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
    fn if_none_match_accepts_any_of_its_tags(#[case] named: &str, #[case] known: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, named.parse().expect("a header"));
        assert_eq!(is_known(&headers, b"\"aa\""), known);
    }

    #[test]
    fn etag_ends_with_the_encoding() {
        let tag = [0xab; 16];
        let hex = "ab".repeat(16);
        assert_eq!(etag(tag, Encoding::Identity), format!("\"{hex}\""));
        assert_eq!(etag(tag, Encoding::Zstd), format!("\"{hex}-zstd\""));
    }
}
