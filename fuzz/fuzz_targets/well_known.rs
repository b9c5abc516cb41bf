//! The well-known file of a domain.
//!
//! It is definite, and it shows the same key as one TXT record with its text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus::ownership::{KeyLookup, key_records};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    match KeyLookup::of_file(&text) {
        KeyLookup::Shown(keys, _) => assert_eq!(keys, key_records([&*text]).keys),
        KeyLookup::Absent(why) => {
            assert!(key_records([&*text]).keys.is_empty());
            assert!(!why.is_empty());
        }
        KeyLookup::Unclear(why) => panic!("a file is definite: {why}"),
    }
});
