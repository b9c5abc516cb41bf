use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A server's name: a reverse-DNS namespace, one slash, a leaf.
///
/// The official registry's rule: `^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$`, 3 to 200 characters. Case is
/// kept, and two names that differ in case are two names; [`Name::folded`] is for alerts and
/// [`Name::denial_form`] for denials, which must treat them as one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// The reason why a text is not a [`Name`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadName {
    #[error("a name has 3 to 200 characters, this one has {0}")]
    Length(usize),
    #[error("a name is NAMESPACE/LEAF with exactly one slash, this one has {0}")]
    Slashes(usize),
    #[error("the {0} of a name is empty")]
    Empty(&'static str),
    #[error(
        "{character:?} is not allowed in the {part} of a name; allowed are letters, digits and {also}"
    )]
    Character { character: char, part: &'static str, also: &'static str },
}

impl Name {
    const LENGTH: std::ops::RangeInclusive<usize> = 3..=200;

    /// Reads a name.
    ///
    /// # Errors
    /// [`BadName`] has the first broken rule.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let length = text.chars().count();
        if !Self::LENGTH.contains(&length) {
            return Err(BadName::Length(length));
        }
        let Some((namespace, leaf)) = text.split_once('/') else {
            return Err(BadName::Slashes(0));
        };
        if leaf.contains('/') {
            return Err(BadName::Slashes(text.matches('/').count()));
        }
        check_part(namespace, "namespace", ".-", "'.' and '-'")?;
        check_part(leaf, "leaf", "._-", "'.', '_' and '-'")?;
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the part before the slash: the subject of ownership claims and verification.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Returns the form that denials compare: in lower-case ASCII, both parts without outer dots. A
    /// client or a file system may take `x/bad.` for `x/bad`.
    #[must_use]
    pub fn denial_form(&self) -> String {
        let (namespace, leaf) = self.0.split_once('/').unwrap_or_default();
        format!("{}/{}", Self::part_denial_form(namespace), Self::part_denial_form(leaf))
    }

    /// Returns the namespace or leaf of a name as denials compare it.
    #[must_use]
    pub fn part_denial_form(part: &str) -> String {
        part.trim_matches('.').to_ascii_lowercase()
    }

    /// Returns the name in lower-case ASCII, for comparisons that a change of case must not evade.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

fn check_part(
    text: &str,
    part: &'static str,
    punctuation: &str,
    also: &'static str,
) -> Result<(), BadName> {
    if text.is_empty() {
        return Err(BadName::Empty(part));
    }
    match text.chars().find(|c| !c.is_ascii_alphanumeric() && !punctuation.contains(*c)) {
        Some(character) => Err(BadName::Character { character, part, also }),
        None => Ok(()),
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_splits_into_namespace_and_leaf() {
        let name = Name::parse("io.github.Someone/My_server").expect("a usual name");
        assert_eq!(name.namespace(), "io.github.Someone");
        assert_eq!(name.as_str(), "io.github.Someone/My_server", "case is kept");
        assert_eq!(name.folded(), "io.github.someone/my_server");
    }

    #[test]
    fn denial_form_ignores_case_and_outer_dots_only() {
        for text in ["x.Y/bad", "X.y./bad", ".x.y/..BAD.", "x.y/bad."] {
            assert_eq!(Name::parse(text).expect("a name").denial_form(), "x.y/bad");
        }
        for text in ["x..y/bad", "x.y/b.ad", "x.y/bad-", "x.y/bad_"] {
            assert_ne!(Name::parse(text).expect("a name").denial_form(), "x.y/bad");
        }
    }

    #[rstest::rstest]
    #[case("", BadName::Length(0))]
    #[case("ab", BadName::Length(2))]
    #[case("abc", BadName::Slashes(0))]
    #[case("a/b/c", BadName::Slashes(2))]
    #[case("/leaf", BadName::Empty("namespace"))]
    #[case("space/", BadName::Empty("leaf"))]
    #[case("a_b/c", BadName::Character { character: '_', part: "namespace", also: "'.' and '-'" })]
    #[case("a.b/ü", BadName::Character { character: 'ü', part: "leaf", also: "'.', '_' and '-'" })]
    #[case("a.b/c\n", BadName::Character { character: '\n', part: "leaf", also: "'.', '_' and '-'" })]
    fn invalid_name_is_rejected(#[case] text: &str, #[case] why: BadName) {
        assert_eq!(Name::parse(text), Err(why));
    }

    #[test]
    fn name_longer_than_200_characters_is_rejected() {
        assert!(Name::parse(&format!("a/{}", "b".repeat(198))).is_ok());
        assert_eq!(Name::parse(&format!("a/{}", "b".repeat(199))), Err(BadName::Length(201)));
    }
}
