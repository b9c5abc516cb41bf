//! An entry: an item, or a `server` object alone.
//!
//! A sanitized object needs no further sanitizing. Facts survive their encoding, and agree with
//! the sanitizing about schema violations.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use vidimus::curation::{ContentFacts, Reach, Sanitized};
use vidimus::model::{Entry, Timestamp};
use vidimus_fuzz::META;

fuzz_target!(|input: &[u8]| {
    let Ok(item) = serde_json::from_slice::<&RawValue>(input) else { return };
    check(item);
    let item = format!(r#"{{"server":{},"_meta":{META}}}"#, item.get());
    check(serde_json::from_str(&item).expect("JSON"));
});

fn check(item: &RawValue) {
    let first_seen = Timestamp::from_micros(7);
    let Ok(entry) = Entry::read(item, first_seen) else { return };
    let again = format!(r#"{{"server":{},"_meta":{}}}"#, entry.server, entry.meta);
    let again = serde_json::from_str(&again).expect("JSON");
    assert_eq!(Entry::read(again, first_seen).as_ref(), Ok(&entry));

    let sanitized = Sanitized::of(&entry.server, &Reach::internal());
    let facts = ContentFacts::of(&entry.server);
    assert_eq!(sanitized.is_err(), facts.violation.is_some());
    if let Some(encoded) = facts.encode() {
        assert_eq!(ContentFacts::decode(&encoded), Some(facts.clone()));
    }
    if let Ok(sanitized) = sanitized {
        let served = format!(r#"{{"server":{},"_meta":{META}}}"#, sanitized.server);
        let served = Entry::read(serde_json::from_str(&served).expect("JSON"), first_seen);
        let served = served.expect("a sanitized object is well-formed");
        assert_eq!((&served.name, &served.version), (&entry.name, &entry.version));
        let twice = Sanitized::of(&served.server, &Reach::internal())
            .expect("a sanitized object is servable");
        assert_eq!(twice.server, sanitized.server);
        assert_eq!(twice.omissions, [""; 0]);
    }
}
