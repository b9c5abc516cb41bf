//! The records that the store keeps as JSON: what decodes, encodes and decodes to the same.

#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vidimus::alert::{Alert, Delivery, DeliveryHistory, Recipient};
use vidimus::ownership::{DeclarationRecord, VerificationRecord};
use vidimus::sync::{Absence, UpstreamState};

fuzz_target!(|input: &[u8]| {
    check::<UpstreamState>(input);
    check::<Absence>(input);
    check::<Alert>(input);
    check::<Recipient>(input);
    check::<Delivery>(input);
    check::<DeliveryHistory>(input);
    check::<VerificationRecord>(input);
    check::<DeclarationRecord>(input);
});

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(input: &[u8]) {
    let Ok(record) = serde_json::from_slice::<T>(input) else { return };
    let written = serde_json::to_vec(&record).expect("JSON");
    assert_eq!(serde_json::from_slice::<T>(&written).expect("a record"), record);
}
