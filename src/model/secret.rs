use std::fmt;

use super::Digest;

/// Something that must not be read by who reads a log, a report or a stack: it shows as a fingerprint, by which
/// two of them can be told apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whoever has to send or compute with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", Digest::of(self.0.as_bytes()).short(12))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_as_a_fingerprint() {
        let secret = Secret::new("https://hooks.example/T0/B0/abc".into());
        assert_eq!(secret.to_string(), "sha256:c4047e139657");
        assert_eq!(format!("{secret:?}"), secret.to_string());
    }
}
