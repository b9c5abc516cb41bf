use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 64;

/// Generates request ids, so that an operator finds a client's request in the log of a proxy and in
/// ours. The client's own id is kept if it is a short word.
///
/// An id is a keyed hash of a count: it is not repeated soon, and tells a client neither how many requests
/// there were nor which id is next.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    key: RandomState,
    count: AtomicU64,
}

impl RequestIds {
    pub(super) fn name(&self, asked: &HeaderMap, headers: &mut HeaderMap) {
        let theirs = asked.get(X_REQUEST_ID).filter(|id| is_short_word(id));
        let id = theirs.cloned().or_else(|| {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            HeaderValue::from_str(&format!("{:016x}", self.key.hash_one(count))).ok()
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
    fn request_ids_count_nothing() {
        let name = |ids: &RequestIds| {
            let mut headers = HeaderMap::new();
            ids.name(&HeaderMap::new(), &mut headers);
            headers[X_REQUEST_ID].to_str().expect("a text").to_owned()
        };
        let (one, other) = (RequestIds::default(), RequestIds::default());
        let ids: Vec<String> = (0..100).map(|_| name(&one)).collect();
        let unique: std::collections::BTreeSet<&String> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "two requests have different ids");
        assert!(ids.iter().all(|id| id.len() == 16), "{ids:?}");
        assert!(!ids.is_sorted(), "the order of requests is not the order of ids");
        assert_ne!(ids[0], name(&other), "each process has its own key");
        // Neighbours share no more digits than strangers: a counter leaves all but the last ones alone.
        let same = |pair: &[String]| {
            pair[0].bytes().zip(pair[1].bytes()).filter(|(left, right)| left == right).count()
        };
        assert!(ids.windows(2).all(|pair| same(pair) < 10), "{ids:?}");
    }
}
