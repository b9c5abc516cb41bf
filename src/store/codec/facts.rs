use super::packing::{Packer, Unpackers};
use crate::curation::ContentFacts;
use crate::store::StoreError;

/// Facts of one content as they are kept, with the number of the rules that made them.
pub(in crate::store) enum KeptFacts<'a> {
    Packed {
        rules: u32,
        value: &'a [u8],
    },
    /// They are too large to be kept.
    TooLarge {
        rules: u32,
    },
}

impl KeptFacts<'_> {
    pub(in crate::store) fn rules(&self) -> u32 {
        let (Self::Packed { rules, .. } | Self::TooLarge { rules }) = self;
        *rules
    }

    /// Returns the facts; `None` when they are damaged, or were too large.
    pub(in crate::store) fn unpack(&self, unpackers: &Unpackers) -> Option<ContentFacts> {
        let Self::Packed { value, .. } = self else { return None };
        let (json, _) = unpackers.unpack(value)?;
        ContentFacts::decode(json.as_bytes())
    }
}

impl Packer {
    pub(in crate::store) fn facts(&mut self, facts: &ContentFacts) -> Result<Vec<u8>, StoreError> {
        let rules = ContentFacts::RULES.to_le_bytes();
        let json = facts.encode().and_then(|json| String::from_utf8(json).ok());
        let packed = match json {
            Some(json) => self.pack(&json, "")?,
            None => Vec::new(),
        };
        Ok([rules.as_slice(), &packed].concat())
    }
}

pub(in crate::store) fn read_facts(value: &[u8]) -> Option<KeptFacts<'_>> {
    let (rules, value) = value.split_first_chunk()?;
    let rules = u32::from_le_bytes(*rules);
    Some(if value.is_empty() {
        KeptFacts::TooLarge { rules }
    } else {
        KeptFacts::Packed { rules, value }
    })
}
