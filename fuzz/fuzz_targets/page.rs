//! A list page of a registry, each of its rows read as an entry.
//!
//! A row that is accepted reads the same again; a row that is refused keeps its bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus::model::{Entry, Identity, Timestamp, is_deletion};
use vidimus::sync::RawPage;

fuzz_target!(|body: &[u8]| {
    if let Ok(page) = RawPage::read(body) {
        assert!(page.next_cursor.is_none_or(|cursor| !cursor.is_empty()));
        page.rows.iter().for_each(|row| judge(row));
    }
    if let Ok(versions) = RawPage::read_versions(body) {
        assert_eq!(versions.next_cursor, None);
    }
});

fn judge(row: &serde_json::value::RawValue) {
    let first_seen = Timestamp::from_micros(7);
    match Entry::read(row, first_seen) {
        Ok(entry) => {
            let again = format!(r#"{{"server":{},"_meta":{}}}"#, entry.server, entry.meta);
            let again = serde_json::from_str(&again).expect("JSON");
            assert_eq!(Entry::read(again, first_seen).as_ref(), Ok(&entry));
            let identity = Identity::of(row).expect("an accepted entry has an identity");
            assert_eq!((&identity.name, &identity.version), (&entry.name, &entry.version));
            assert_eq!(identity.sent, entry.head.sent);
            entry.official().expect("an accepted entry has an official block");
        }
        Err(refused) => {
            assert_eq!(&*refused.item, row.get());
            assert!(!refused.reason.is_empty());
            let _ = is_deletion(row);
        }
    }
}
