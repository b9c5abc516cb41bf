use crate::curation::ContentFacts;

/// The stored facts of one content, with the number of the rules that computed them.
pub(in crate::store) enum KeptFacts<'a> {
    Encoded {
        rules: u32,
        value: &'a [u8],
    },
    /// Facts too large to be kept.
    TooLarge {
        rules: u32,
    },
}

/// Bytes of the checksum in front of encoded facts (CRC-32). Disk damage must not turn into other
/// facts: the encoding itself has no redundancy that would reveal it.
const CHECKSUM: usize = 4;

impl KeptFacts<'_> {
    pub(in crate::store) fn rules(&self) -> u32 {
        let (Self::Encoded { rules, .. } | Self::TooLarge { rules }) = self;
        *rules
    }

    /// Returns true if the facts decode, or are too large to be kept.
    pub(in crate::store) fn is_sound(&self) -> bool {
        matches!(self, Self::TooLarge { .. }) || self.decode().is_some()
    }

    /// Returns the facts; `None` when they are damaged, or were too large.
    pub(in crate::store) fn decode(&self) -> Option<ContentFacts> {
        let Self::Encoded { value, .. } = self else { return None };
        let (sum, encoded) = value.split_first_chunk()?;
        (*sum == checksum(encoded)).then(|| ContentFacts::decode(encoded))?
    }
}

/// Encodes facts with the number of the rules that computed them. They are not compressed: every
/// evaluation reads them.
pub(in crate::store) fn facts(facts: &ContentFacts) -> Vec<u8> {
    let rules = ContentFacts::RULES.to_le_bytes();
    match facts.encode() {
        Some(encoded) => [rules.as_slice(), &checksum(&encoded), &encoded].concat(),
        None => rules.to_vec(),
    }
}

pub(in crate::store) fn read_facts(value: &[u8]) -> Option<KeptFacts<'_>> {
    let (rules, value) = value.split_first_chunk()?;
    let rules = u32::from_le_bytes(*rules);
    Some(if value.is_empty() {
        KeptFacts::TooLarge { rules }
    } else {
        KeptFacts::Encoded { rules, value }
    })
}

fn checksum(encoded: &[u8]) -> [u8; CHECKSUM] {
    crc32fast::hash(encoded).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_facts_do_not_decode() {
        let sound = ContentFacts::of(r#"{"websiteUrl":"https://a.example","title":"see ://"}"#);
        let encoded = facts(&sound);
        let decode = |bytes: &[u8]| read_facts(bytes).and_then(|kept| kept.decode());
        assert_eq!(decode(&encoded), Some(sound));
        for length in 0..encoded.len() {
            assert_eq!(decode(&encoded[..length]), None, "cut to {length}");
        }
        for index in size_of::<u32>()..encoded.len() {
            let mut flipped = encoded.clone();
            flipped[index] ^= 1;
            assert_eq!(decode(&flipped), None, "byte {index} is flipped");
        }
    }
}
