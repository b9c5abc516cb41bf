use std::fmt;

/// A stored value that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The kind of value, with its article.
    pub what: &'static str,
    /// Its location, in words.
    pub key: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a row of the store is damaged: {} at {}", self.what, self.key)
    }
}
