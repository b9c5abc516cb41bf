//! A cursor, and the page behind it.
//!
//! The next cursor of a page decodes to the query of the page, behind its last item. Pages go forward, so
//! following their cursors ends.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vidimus::catalog::{Catalogue, Cursor, Query};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(vidimus_fuzz::catalogue);
/// The number of entries and tombstones.
const ITEMS: usize = 9;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut query = match Cursor::parse(text) {
        Ok(Cursor::Whole(query)) => query,
        Ok(Cursor::Position { name, version }) => {
            Query { after: Some((name, version)), ..Query::default() }
        }
        Err(_) => return,
    };
    let mut pages = 0;
    loop {
        let page = CATALOGUE.page(&query, 1);
        let versions = CATALOGUE.versions("a.b/c", query.include_deleted, Some(&query));
        assert!(versions.items.len() <= ITEMS);
        let Some(next) = &page.next else { break };
        let last = page.items.last().expect("a page with a next cursor has an item");
        let after = Some((last.name.to_string(), last.version.to_string()));
        assert!(after > query.after, "a page goes forward");
        let until = query.until.or(query.updated_since.and(bound()));
        let behind = Query { after, until, ..query };
        assert_eq!(Cursor::parse(next), Ok(Cursor::Whole(behind.clone())));
        query = behind;
        pages += 1;
        assert!(pages < ITEMS);
    }
});

/// Returns the time of the newest change.
fn bound() -> Option<vidimus::model::Timestamp> {
    let since = vidimus::model::Timestamp::MIN;
    let query = Query { updated_since: Some(since), ..Query::default() };
    CATALOGUE.page(&query, ITEMS).items.iter().map(|item| item.changed_at).max()
}
