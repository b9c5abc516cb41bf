use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 64;

/// Generates request ids, so that an operator finds a client's request in the log of a proxy and in
/// ours. The client's own id is kept if it is a short word.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// A number that differs between processes.
    process: u32,
    count: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        let [first, second, third, fourth, ..] = RandomState::new().hash_one(0).to_le_bytes();
        let process = u32::from_le_bytes([first, second, third, fourth]);
        Self { process, count: AtomicU64::new(0) }
    }
}

impl RequestIds {
    pub(super) fn name(&self, asked: &HeaderMap, headers: &mut HeaderMap) {
        let theirs = asked.get(X_REQUEST_ID).filter(|id| is_short_word(id));
        let id = theirs.cloned().or_else(|| {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            HeaderValue::from_str(&format!("{:08x}-{count:x}", self.process)).ok()
        });
        headers.extend(id.map(|id| (X_REQUEST_ID, id)));
    }
}

fn is_short_word(id: &HeaderValue) -> bool {
    let usable = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_BYTES).contains(&id.len()) && id.as_bytes().iter().all(usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("abc-123", true)]
    #[case("two words", false)]
    #[case("<script>", false)]
    fn client_id_is_kept_only_if_it_is_a_short_word(#[case] theirs: &str, #[case] kept: bool) {
        let (mut asked, mut headers) = (HeaderMap::new(), HeaderMap::new());
        asked.insert(X_REQUEST_ID, theirs.parse().expect("a header"));
        RequestIds::default().name(&asked, &mut headers);
        assert_eq!(headers[X_REQUEST_ID] == theirs, kept);
    }

    #[test]
    fn two_requests_have_different_ids() {
        let (ids, asked) = (RequestIds::default(), HeaderMap::new());
        let name = || {
            let mut headers = HeaderMap::new();
            ids.name(&asked, &mut headers);
            headers[X_REQUEST_ID].clone()
        };
        assert_ne!(name(), name());
    }
}
