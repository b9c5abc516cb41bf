use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::encoding::Encoding;
use crate::catalog::Tag;

/// A cache of bodies by their tags: equal tags have equal bytes. It is bounded in bytes and keeps bodies
/// that clients request often. A publication does not clear it, because other content has another tag.
#[derive(Debug)]
pub(super) struct Bodies(Cache<(Tag, Encoding), Bytes, ByBytes>);

#[derive(Debug, Clone)]
struct ByBytes;

/// An estimate of the size of a page, for the number of items in the cache.
const TYPICAL_BYTES: u64 = 8 * 1024;

impl Weighter<(Tag, Encoding), Bytes> for ByBytes {
    fn weight(&self, _: &(Tag, Encoding), body: &Bytes) -> u64 {
        // Adds the overhead of an item in the cache.
        body.len() as u64 + 128
    }
}

impl Bodies {
    pub(super) fn of_bytes(bytes: u64) -> Self {
        let items = usize::try_from(bytes / TYPICAL_BYTES).unwrap_or(usize::MAX).max(16);
        Self(Cache::with_weighter(items, bytes, ByBytes))
    }

    /// Returns the body of this tag. Concurrent requests for it make it once.
    pub(super) fn get(
        &self,
        tag: Tag,
        encoding: Encoding,
        make: impl FnOnce() -> Option<Bytes>,
    ) -> Option<Bytes> {
        self.0.get_or_insert_with(&(tag, encoding), || make().ok_or(())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_is_made_once_and_the_cache_stays_within_its_bound() {
        let bodies = Bodies::of_bytes(1024 * 1024);
        let body = || Some(Bytes::from(vec![7; 10_000]));
        let mut made = 0;
        for _ in 0..3 {
            let found = bodies.get([1; 16], Encoding::Gzip, || {
                made += 1;
                body()
            });
            assert_eq!(found.map(|found| found.len()), Some(10_000));
        }
        assert_eq!(made, 1);
        for index in 0..200_u128 {
            bodies.get(index.to_le_bytes(), Encoding::Identity, body);
        }
        assert!(bodies.0.weight() <= 1024 * 1024);
        assert_eq!(bodies.get([9; 16], Encoding::Zstd, || None), None, "a failure is not kept");
    }
}
