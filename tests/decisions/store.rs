//! What cannot be reached through the binary without a resolver and a forge: verdicts on namespaces.

use std::path::Path;

use serde_json::Value;
use vidimus::model::{Instant, Name};
use vidimus::store::{Proofs, Store};

/// Writes what is known of owners into a store that no process holds.
pub fn keep_verdicts(data: &Path, now: &str, json: &str) {
    let now = Instant::parse(now).expect("a time");
    let known: Value = serde_json::from_str(json).expect("JSON");
    let mut proofs = Proofs::default();
    for (namespace, record) in known["namespaces"].as_object().expect("an object") {
        // An absent member and one that is null are the same.
        let mut record = record.clone();
        record.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        let record = serde_json::from_value(record).expect("a verdict");
        proofs.holdings.push((namespace.clone(), record));
    }
    for (name, claim) in known["names"].as_object().expect("an object") {
        let claim = serde_json::from_value(claim.clone()).expect("a claim");
        proofs.namings.push((Name::parse(name).expect("a name"), claim));
    }
    let store = Store::open(data, now).expect("a store");
    store.keep_proofs(&proofs, now).expect("kept");
}
