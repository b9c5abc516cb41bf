//! The well-known file of a domain.
//!
//! It is definite, and it shows the same key as one TXT record with its text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus::ownership::{KeyLookup, key_records};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    match KeyLookup::of_file(&text) {
        KeyLookup::Shown(shown) => assert_eq!(shown.keys, key_records([&*text]).keys),
        KeyLookup::Absent(why) | KeyLookup::Invalid(why, _) => {
            assert!(key_records([&*text]).keys.is_empty());
            assert!(!why.is_empty());
        }
        KeyLookup::Withheld(why) => panic!("a file is not withheld: {why}"),
        KeyLookup::Unclear(why) => assert!(why.contains("keys"), "a file is definite: {why}"),
    }
});
