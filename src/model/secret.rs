use std::fmt;

use super::Digest;

/// A text that must not appear in a log, a report or a stack trace: it is displayed as a fingerprint,
/// which distinguishes two secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text itself, for code that sends it or computes with it.
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
    fn secret_is_displayed_as_fingerprint() {
        let secret = Secret::new("https://hooks.example/T0/B0/abc".into());
        assert_eq!(secret.to_string(), "sha256:c4047e139657");
        assert_eq!(format!("{secret:?}"), secret.to_string());
    }
}
