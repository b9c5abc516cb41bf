//! A client that follows one view by `updated_since`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::upstream::Key;
use crate::catalog::{Catalogue, Cursor, Form, IndexedItem, Query};
use crate::model::{OFFICIAL_META, Timestamp};

/// The client's copy of a view.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) view: String,
    since: Timestamp,
    items: BTreeMap<Key, Vec<u8>>,
}

impl Reader {
    pub(super) fn new(view: &str) -> Self {
        Self { view: view.to_owned(), since: Timestamp::MIN, items: BTreeMap::new() }
    }

    /// Reads all changes since the greatest time it remembers, in pages of `limit`.
    pub(super) fn read(&mut self, catalogue: &Catalogue, limit: usize) {
        let mut query =
            Query { updated_since: Some(self.since), include_deleted: true, ..Query::default() };
        loop {
            let page = catalogue.page(&query, limit);
            for item in &page.items {
                self.take(item);
            }
            let Some(next) = page.next else { return };
            let Ok(Cursor::Whole(next)) = Cursor::parse(&next) else { panic!("a cursor of ours") };
            query = next;
        }
    }

    fn take(&mut self, item: &IndexedItem) {
        let bytes = item.listed(Form::Changes).concat();
        let json: Value = serde_json::from_slice(&bytes).expect("JSON");
        let official = &json["_meta"][OFFICIAL_META];
        let updated_at = official["updatedAt"].as_str().expect("a time");
        self.since = self.since.max(Timestamp::parse(updated_at).expect("a time"));
        let key = (item.name.to_string(), item.version.to_string());
        if official["status"] == "deleted" {
            self.items.remove(&key);
        } else {
            self.items.insert(key, bytes);
        }
    }

    /// Returns the first entry that the copy and the view do not agree on.
    pub(super) fn difference(&self, catalogue: &Catalogue) -> Option<Key> {
        let served: BTreeMap<Key, Vec<u8>> = catalogue
            .items()
            .map(|item| {
                let key = (item.name.to_string(), item.version.to_string());
                (key, item.listed(Form::Changes).concat())
            })
            .collect();
        let copied = &self.items;
        let mut keys = served.keys().chain(copied.keys());
        keys.find(|key| served.get(*key) != copied.get(*key)).cloned()
    }
}
