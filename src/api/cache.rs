use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::encoding::Encoding;
use crate::catalog::Tag;

/// Bodies that took work to make, by their tags: equal tags, equal bytes. Bounded in bytes; what is asked for
/// often stays. A publication needs to clear nothing: other content has another tag.
#[derive(Debug)]
pub(super) struct Bodies(Cache<(Tag, Encoding), Bytes, ByBytes>);

#[derive(Debug, Clone)]
struct ByBytes;

/// A guess for the size of a page, from which the cache takes how many it may hold.
const TYPICAL_BYTES: u64 = 8 * 1024;

impl Weighter<(Tag, Encoding), Bytes> for ByBytes {
    fn weight(&self, _: &(Tag, Encoding), body: &Bytes) -> u64 {
        // An entry of the cache costs something too.
        body.len() as u64 + 128
    }
}

impl Bodies {
    pub(super) fn of_bytes(bytes: u64) -> Self {
        let items = usize::try_from(bytes / TYPICAL_BYTES).unwrap_or(usize::MAX).max(16);
        Self(Cache::with_weighter(items, bytes, ByBytes))
    }

    /// The body of this tag, made once however many ask for it at the same time.
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
    fn a_body_is_made_once_and_the_bound_holds() {
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
        assert_eq!(bodies.get([9; 16], Encoding::Zstd, || None), None, "what fails is not kept");
    }
}
