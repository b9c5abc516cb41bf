use serde::Serialize;

use super::Digest;

/// The `server` object of an entry that this registry served and does not serve any more.
///
/// A registry that mirrors another one of this kind recognises it, and takes it for no content.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TombstoneStub<'a> {
    name: &'a str,
    description: &'static str,
    version: &'a str,
}

impl<'a> TombstoneStub<'a> {
    #[must_use]
    pub const fn new(name: &'a str, version: &'a str) -> Self {
        Self { name, description: "No longer served by this registry.", version }
    }

    /// Returns the received digest that a mirror computes of it.
    #[must_use]
    pub fn received(&self) -> Digest {
        Digest::of(self.json().as_bytes())
    }

    /// Returns its canonical JSON.
    #[must_use]
    pub fn json(&self) -> String {
        // Three texts: writing to memory cannot fail.
        serde_json_canonicalizer::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stub_has_the_digest_of_its_canonical_json() {
        let json =
            r#"{"description":"No longer served by this registry.","name":"a.b/c","version":"1"}"#;
        assert_eq!(TombstoneStub::new("a.b/c", "1").received(), Digest::of(json.as_bytes()));
        assert_ne!(TombstoneStub::new("a.b/c", "2").received(), Digest::of(json.as_bytes()));
    }
}
