use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;
use thiserror::Error;

/// A digest algorithm that identifies a file; weaker ones do not. The order is that of strength.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

/// The digest of a file: the name of its algorithm, a colon, and lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum(SmolStr);

/// A text that is not such a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "the digest of a file is `sha256:`, `sha384:` or `sha512:` and hexadecimal digits, or an integrity such as `sha512-…`"
)]
pub struct BadChecksum;

impl Algorithm {
    const ALL: [(&str, Self); 3] =
        [("sha256", Self::Sha256), ("sha384", Self::Sha384), ("sha512", Self::Sha512)];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == word).map(|(_, algorithm)| *algorithm)
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Checksum {
    /// Returns the checksum with these bytes; `None` if the algorithm has another length.
    #[must_use]
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != algorithm.bytes() {
            return None;
        }
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(Self(format!("{}:{hex}", algorithm.as_str()).into()))
    }

    /// Returns the strongest digest of an integrity as npm has it, which may list several; `None` if none of them can be
    /// used, or if there are two of the strongest algorithm: a client accepts either of them, so they name no file.
    #[must_use]
    pub fn of_integrity(text: &str) -> Option<Self> {
        let parts = text.split_ascii_whitespace().take(16);
        let usable = parts.filter_map(|part| {
            let (word, rest) = part.split_once('-')?;
            let algorithm = Algorithm::from_word(word)?;
            let encoded = rest.split_once('?').map_or(rest, |(encoded, _)| encoded);
            let checksum = Self::new(algorithm, &STANDARD.decode(encoded).ok()?)?;
            Some((algorithm, checksum))
        });
        let usable: Vec<(Algorithm, Self)> = usable.collect();
        let (strongest, checksum) = usable.iter().max_by_key(|(algorithm, _)| *algorithm)?;
        let is_other =
            |(algorithm, other): &(Algorithm, Self)| algorithm == strongest && other != checksum;
        (!usable.iter().any(is_other)).then(|| checksum.clone())
    }

    /// Returns its algorithm in the form `sha256`.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(word, _)| word)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Checksum {
    type Err = BadChecksum;

    fn from_str(text: &str) -> Result<Self, BadChecksum> {
        let Some((word, digits)) = text.split_once(':') else {
            let is_single = !text.contains(|char: char| char.is_ascii_whitespace());
            return Self::of_integrity(text).filter(|_| is_single).ok_or(BadChecksum);
        };
        let algorithm = Algorithm::from_word(word).ok_or(BadChecksum)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_whole = digits.len() == 2 * algorithm.bytes() && digits.bytes().all(is_digit);
        is_whole.then(|| Self(text.into())).ok_or(BadChecksum)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = SmolStr::deserialize(source)?;
        text.parse().map_err(de::Error::custom)
    }
}
