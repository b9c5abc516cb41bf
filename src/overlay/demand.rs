use serde::Serialize;

/// The provenance that is demanded of a package. The later one is the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProvenanceDemand {
    /// No attestation fails.
    WhenAvailable,
    /// The package is verified.
    Required,
}

impl ProvenanceDemand {
    pub const WORDS: [(&str, Self); 2] =
        [("when_available", Self::WhenAvailable), ("required", Self::Required)];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}
