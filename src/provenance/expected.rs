use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::repository::Repository;
use crate::ownership::Package;

/// The digest of a file, by one of the algorithms that package registries and attestations have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArtefactDigest {
    Sha256([u8; 32]),
    Sha512([u8; 64]),
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Its name, where a version has several files: that of a wheel, for example.
    pub file: Option<String>,
    pub digests: Vec<ArtefactDigest>,
}

/// The facts that an attestation must agree with.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// The package, with its identifier in the normal form of its ecosystem.
    pub package: &'e Package,
    /// The exact version that the file belongs to, also if the entry names none.
    pub version: &'e str,
    pub artefact: &'e Artefact,
    /// The URLs of the registry that was asked, and of those that the settings list: a registry attests its own
    /// releases only.
    pub registries: &'e [&'e str],
    /// The repository that the entry names, if it names one of a known forge.
    pub repository: Option<&'e Repository>,
    /// The account that holds the namespace, if an account does.
    pub holder: Option<&'e Holder>,
}

/// An account on GitHub that holds a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub login: String,
    /// Stays when the login changes, and differs when another person registers the login.
    pub id: Option<u64>,
}

impl ArtefactDigest {
    /// Reads `sha256:` or `sha512:` and lower-case or upper-case hexadecimal digits; `None` for everything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (algorithm, hex) = text.split_once(':')?;
        match algorithm {
            "sha256" => bytes(hex).map(Self::Sha256),
            "sha512" => bytes(hex).map(Self::Sha512),
            _ => None,
        }
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha256(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }
}

fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    if hex.len() != 2 * N || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut out = [0; N];
    for (byte, at) in out.iter_mut().zip((0..hex.len()).step_by(2)) {
        *byte = u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()?;
    }
    Some(out)
}

impl fmt::Display for ArtefactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256(_) => "sha256:",
            Self::Sha512(_) => "sha512:",
        })?;
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ArtefactDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ArtefactDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ArtefactDigest {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let text = String::deserialize(source)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("not a digest by sha256 or sha512"))
    }
}
