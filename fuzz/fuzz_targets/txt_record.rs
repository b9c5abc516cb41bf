//! TXT records of a domain, one on each line.
//!
//! A key is read from its own text again, resolvers that say the same agree, and at most one set of keys
//! is taken.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus::ownership::{Key, KeyLookup, Resolved, Texts, agreed, key_records};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let records: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let read = key_records(records.iter().map(String::as_str));
    for key in &read.keys {
        let written = key.to_string();
        assert_eq!(Key::parse(&written).as_ref(), Ok(key));
        let (kind, point) = written.split_once(':').expect("a kind and a point");
        let record = format!("v=MCPv1; k={kind}; p={point}");
        assert!(key_records([record.as_str()]).keys.contains(key));
    }
    let answer = |resolver: &str| {
        (
            resolver.to_owned(),
            Resolved::Records(Texts { texts: records.clone(), aliases: Vec::new() }),
        )
    };
    let lookup = agreed(&[answer("one"), answer("two")]);
    match &lookup {
        KeyLookup::Shown(shown) => assert_eq!(&shown.keys, &read.keys),
        KeyLookup::Absent(_) | KeyLookup::Invalid(..) => assert!(read.keys.is_empty()),
        KeyLookup::Withheld(why) => panic!("DNS withholds nothing: {why}"),
        KeyLookup::Unclear(why) => assert!(read.is_cut, "equal answers are unclear: {why}"),
    }
    assert!(!lookup.to_string().is_empty());
});
