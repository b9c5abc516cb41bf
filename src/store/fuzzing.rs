//! The codecs for the fuzz target `codecs`. Only builds with `cfg(fuzzing)` contain this module.

use std::sync::{LazyLock, Mutex};

use super::codec;
use crate::curation::ContentFacts;
use crate::model::{Digest, Quarantined};

static PACKER: LazyLock<Mutex<codec::Packer>> =
    LazyLock::new(|| Mutex::new(codec::Packer::new().expect("the dictionary is valid")));
static UNPACKERS: LazyLock<codec::Unpackers> =
    LazyLock::new(|| codec::Unpackers::new().expect("the dictionary is valid"));

/// Decodes a value with every codec. A head or ledger record that decodes encodes to the same bytes,
/// and facts that decode encode to the same facts.
///
/// # Panics
/// When one of these is not true.
pub fn decode(value: &[u8]) {
    if let Some(head) = codec::read_head(value) {
        assert_eq!(codec::head(&head), value);
    }
    if let Some(record) = codec::read_ledger(value) {
        assert_eq!(codec::ledger(&record), value);
    }
    if let Some(kept) = codec::read_facts(value) {
        assert_eq!(kept.is_sound(), kept.decode().is_some() || value.len() == size_of::<u32>());
    }
    if let Some(facts) = ContentFacts::decode(value) {
        let encoded = codec::facts(&facts);
        let kept = codec::read_facts(&encoded).expect("facts were encoded");
        assert_eq!(kept.rules(), ContentFacts::RULES);
        assert!(kept.decode().is_none_or(|decoded| decoded == facts));
    }
    let _unpacked = UNPACKERS.unpack(value);
    codec::unpacked_length(value);
    codec::quarantine_reason(value);
    let _item = codec::quarantine_item(value, &UNPACKERS);
    let _block = codec::read_block(value);
    codec::read_absence(value);
    assert_eq!(codec::read_seen(value).len(), value.len() / size_of::<codec::SeenKey>());
    codec::staged_identity(value);
    if let Some(codec::StagedParts::Entry { head, body }) = codec::staged_parts(value) {
        assert_eq!(codec::staged_entry(head, body), value);
    }
    if let Ok(key) = std::str::from_utf8(value) {
        codec::content_of(key);
        codec::identity(codec::version_of(key), key);
    }
}

/// Encodes texts, and decodes the result to the same texts.
///
/// # Panics
/// When the result decodes to something else.
pub fn encode(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let (first, second) = text.split_once('\0').unwrap_or((&text, ""));
    let mut packer = PACKER.lock().expect("the packer is sound");
    let packed = packer.pack(first, second).expect("the texts are small");
    assert_eq!(UNPACKERS.unpack(&packed), Some((first.into(), second.into())));
    let length = u64::try_from(first.len() + second.len());
    assert_eq!(Ok(codec::unpacked_length(&packed)), length);
    let refused = Quarantined {
        name: String::new(),
        version: String::new(),
        reason: first.to_owned(),
        item: second.into(),
    };
    let row = packer.quarantined(&refused).expect("the texts are small");
    assert_eq!(codec::quarantine_reason(&row), Some(first));
    assert_eq!(codec::quarantine_item(&row, &UNPACKERS).as_deref(), Some(second));
    let content = Digest::of(second.as_bytes());
    if !first.contains('\0') {
        let key = codec::content_key(first, &content);
        assert_eq!((codec::version_of(&key), codec::content_of(&key)), (first, Some(content)));
    }
}
