use serde::{Deserialize, Serialize};

use super::technique::Technique;

/// The place in the suspect where a value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Field {
    /// The part of the name before the slash.
    Namespace,
    /// The part of the name after the slash.
    Leaf,
    Title,
    /// One word of the description.
    Description,
    /// The host of a remote or of the website.
    Host,
    /// The registry type and the identifier of a package.
    Package,
}

impl Field {
    pub const WORDS: [(&str, Self); 6] = [
        ("namespace", Self::Namespace),
        ("leaf", Self::Leaf),
        ("title", Self::Title),
        ("description", Self::Description),
        ("host", Self::Host),
        ("package", Self::Package),
    ];

    /// Returns the word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        let found = Self::WORDS.iter().find(|(_, field)| *field == self);
        found.map_or("", |(word, _)| word)
    }
}

/// One piece of evidence: a value of the suspect that resembles something protected.
///
/// It deliberately contains neither version nor digest of the content, no score and no wording: an acknowledgement
/// covers every version with the same signal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signal {
    pub technique: Technique,
    pub field: Field,
    /// The complete value, as the publisher wrote it.
    pub value: String,
    /// The protected name or brand.
    pub target: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_serialized_forms() {
        for (word, technique) in Technique::WORDS {
            assert_eq!(serde_json::to_value(technique).expect("JSON"), word);
        }
        for (word, field) in Field::WORDS {
            assert_eq!(serde_json::to_value(field).expect("JSON"), word);
        }
    }
}
