//! Verdicts on namespaces: without a resolver and a forge, the binary cannot store them.

use std::path::Path;

use serde_json::Value;
use vidimus::model::{Name, Timestamp};
use vidimus::store::{Store, VerificationRecords};

/// Writes verification records into a store that no process has open.
pub(crate) fn keep_verdicts(data: &Path, now: &str, json: &str) {
    let now = Timestamp::parse(now).expect("a time");
    let known: Value = serde_json::from_str(json).expect("JSON");
    let mut records = VerificationRecords::default();
    for (namespace, record) in known["namespaces"].as_object().expect("an object") {
        // An absent member and one that is null are the same.
        let mut record = record.clone();
        record.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        let record = serde_json::from_value(record).expect("a verdict");
        records.verifications.push((namespace.clone(), record));
    }
    for (name, claim) in known["names"].as_object().expect("an object") {
        let claim = serde_json::from_value(claim.clone()).expect("a claim");
        records.declarations.push((Name::parse(name).expect("a name"), claim));
    }
    let store = Store::open(data, now).expect("a store");
    store.store_verification(&records, now).expect("kept");
}
