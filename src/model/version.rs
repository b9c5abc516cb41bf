use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use smol_str::SmolStr;
use thiserror::Error;

use super::characters::is_control;

/// A version as its publisher wrote it: 1 to 255 characters, no slash, no white space and none of
/// the characters that no entry may contain.
///
/// The official registry recommends semantic versions and does not enforce them: `auto`, `.1.7.3`,
/// `v0.7.1`, `1.0.1º` and even `latest` are real, so this type compares byte for byte and leaves
/// meaning to [`Version::semantic`]. Up to 23 bytes, and few have more, are stored inline: every
/// request for one version would otherwise wait for an allocation.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(SmolStr);

/// The reason why a text is not a [`Version`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadVersion {
    #[error("a version has 1 to 255 characters, this one has {0}")]
    Length(usize),
    #[error("{0:?} is not allowed in a version")]
    Character(char),
}

impl Version {
    const LENGTH: std::ops::RangeInclusive<usize> = 1..=255;

    /// Reads a version.
    ///
    /// # Errors
    /// [`BadVersion`] has the broken rule.
    pub fn parse(text: &str) -> Result<Self, BadVersion> {
        let length = text.chars().count();
        if !Self::LENGTH.contains(&length) {
            return Err(BadVersion::Length(length));
        }
        match text.chars().find(|c| c.is_whitespace() || *c == '/' || is_control(*c)) {
            Some(character) => Err(BadVersion::Character(character)),
            None => Ok(Self(text.into())),
        }
    }

    /// Returns a value below every version: the start of a range over the versions of a name.
    #[must_use]
    pub fn least() -> Self {
        Self("".into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns this text as a strict semantic version, without a leading `v`; `None` for all others.
    #[must_use]
    pub fn semantic(&self) -> Option<semver::Version> {
        semver::Version::parse(&self.0).ok()
    }

    /// Returns true if two texts spell one release: ASCII case, one `v` before the first digit and
    /// build metadata make no difference. Denials compare so; approvals compare byte for byte.
    #[must_use]
    pub fn is_same_release(&self, other: &Self) -> bool {
        self.release().eq_ignore_ascii_case(other.release())
    }

    /// Returns the release that this text spells, the same for every spelling of it.
    #[must_use]
    pub fn release_form(&self) -> String {
        self.release().to_ascii_lowercase()
    }

    fn release(&self) -> &str {
        let text = self.0.as_str();
        let text = text.split_once('+').map_or(text, |(release, _)| release);
        let number = text.strip_prefix(['v', 'V']);
        number.filter(|number| number.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(text)
    }

    /// Orders two versions by semantic precedence, build metadata ignored; a semantic version is
    /// greater than any other. `Equal` if neither is semantic, or if both have the same precedence:
    /// the caller decides by publication.
    #[must_use]
    pub fn precedence(left: Option<&semver::Version>, right: Option<&semver::Version>) -> Ordering {
        match (left, right) {
            (Some(left), Some(right)) => left.cmp_precedence(right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("1.2.3", true)]
    #[case("1.2.3-rc.1+build.5", true)]
    #[case("v1.2.3", false)]
    #[case("1.2", false)]
    #[case(".1.7.3", false)]
    #[case("auto", false)]
    #[case("latest", false)]
    #[case("1.0.1º", false)]
    #[case("{{VERSION}}", false)]
    fn version_of_any_text_is_accepted_and_some_are_semantic(
        #[case] text: &str,
        #[case] semantic: bool,
    ) {
        let version = Version::parse(text).expect("seen in the real registry");
        assert_eq!(version.semantic().is_some(), semantic);
    }

    #[rstest::rstest]
    #[case("", BadVersion::Length(0))]
    #[case("1/2", BadVersion::Character('/'))]
    #[case("1 2", BadVersion::Character(' '))]
    #[case("1\u{202e}2", BadVersion::Character('\u{202e}'))]
    fn invalid_version_is_rejected(#[case] text: &str, #[case] why: BadVersion) {
        assert_eq!(Version::parse(text), Err(why));
    }

    #[rstest::rstest]
    #[case("1.2.3", "1.2.3+1", true)]
    #[case("1.2.3", "v1.2.3", true)]
    #[case("1.2.3+a", "V1.2.3+b", true)]
    #[case("1.2.3-RC.1", "v1.2.3-rc.1+x", true)]
    #[case("Auto", "auto", true)]
    #[case("1.2.3", "1.2.3-rc.1", false)]
    #[case("1.2.3", "vv1.2.3", false)]
    #[case("1.2.3", "1.2.30", false)]
    #[case("1.2.3", ".1.2.3", false)]
    #[case("ersion", "version", false)]
    fn release_has_several_spellings(#[case] left: &str, #[case] right: &str, #[case] same: bool) {
        let version = |text| Version::parse(text).expect("usable");
        let (left, right) = (version(left), version(right));
        assert_eq!(left.is_same_release(&right), same);
        assert_eq!(right.is_same_release(&left), same);
        assert_eq!(left.release_form() == right.release_form(), same);
    }

    #[rstest::rstest]
    #[case("1.10.0", "1.9.0", Ordering::Greater)]
    #[case("1.0.0-rc.1", "1.0.0", Ordering::Less)]
    #[case("1.0.0+a", "1.0.0+b", Ordering::Equal)]
    #[case("0.0.1", "auto", Ordering::Greater)]
    #[case("v9.0.0", "0.0.1", Ordering::Less)]
    #[case("auto", "v1", Ordering::Equal)]
    fn semantic_version_outranks_other_versions(
        #[case] left: &str,
        #[case] right: &str,
        #[case] order: Ordering,
    ) {
        let semantic = |text| Version::parse(text).expect("usable").semantic();
        assert_eq!(Version::precedence(semantic(left).as_ref(), semantic(right).as_ref()), order);
    }
}
