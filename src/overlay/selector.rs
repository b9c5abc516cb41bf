use std::fmt;

use thiserror::Error;

use super::Range;
use super::range::BadRange;
use crate::model::{BadName, BadVersion, Name, Version};

/// The names that a rule selects. A wildcard follows a dot or the slash, never a part of a label:
/// `com.exam*` would admit anyone who registers a longer word.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NamePattern {
    /// `NS/leaf`
    Exact(Name),
    /// `NS/*`: every leaf of this namespace.
    Namespace(String),
    /// `NS.*/*`: this namespace and every one below it.
    Below(String),
    /// `*`: every name; may deny or label, never approve.
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadPattern {
    #[error("{0}; a selector is `NS/leaf`, `NS/*`, `NS.*/*` or `*`")]
    Name(BadName),
    #[error(
        "a wildcard is allowed only after a dot or the slash: `NS/*`, `NS.*/*` or `*` alone, never inside a label"
    )]
    MidLabel,
}

impl NamePattern {
    /// Reads a server selector.
    ///
    /// # Errors
    /// [`BadPattern`] names the allowed forms.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let Some(stem) = text.strip_suffix("/*") else {
            if text.contains('*') {
                return Err(BadPattern::MidLabel);
            }
            return Name::parse(text).map(Self::Exact).map_err(BadPattern::Name);
        };
        let (namespace, below) = match stem.strip_suffix(".*") {
            Some(namespace) => (namespace, true),
            None => (stem, false),
        };
        if namespace.contains('*') {
            return Err(BadPattern::MidLabel);
        }
        Name::parse(&format!("{namespace}/leaf")).map_err(BadPattern::Name)?;
        Ok(if below { Self::Below(namespace.into()) } else { Self::Namespace(namespace.into()) })
    }

    /// Returns true if it selects the name; the comparison is case-sensitive.
    #[must_use]
    pub fn covers(&self, name: &Name) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == name,
            Self::Namespace(namespace) => name.namespace() == namespace,
            Self::Below(above) => is_within(name.namespace(), above),
        }
    }

    /// Returns true if it selects names of this namespace and not of all, whatever the case.
    #[must_use]
    pub fn concerns(&self, namespace: &str) -> bool {
        match self {
            Self::Any => false,
            Self::Exact(name) => name.namespace().eq_ignore_ascii_case(namespace),
            Self::Namespace(of) => of.eq_ignore_ascii_case(namespace),
            Self::Below(above) => {
                is_within(&namespace.to_ascii_lowercase(), &above.to_ascii_lowercase())
            }
        }
    }

    /// Returns true if it selects every name that the other pattern can select.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Exact(name)) => self.covers(name),
            (Self::Below(above), Self::Namespace(namespace) | Self::Below(namespace)) => {
                is_within(namespace, above)
            }
            _ => self == other,
        }
    }

    /// Returns the pattern that a denial of these names compares with [`Name::denial_form`].
    #[must_use]
    pub fn denial_form(&self) -> String {
        match self {
            Self::Any => self.to_string(),
            Self::Exact(name) => name.denial_form(),
            Self::Namespace(namespace) => format!("{}/*", Name::part_denial_form(namespace)),
            Self::Below(namespace) => format!("{}.*/*", Name::part_denial_form(namespace)),
        }
    }

    #[must_use]
    pub const fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    /// Returns the specificity: a greater rank is more specific. Two patterns of equal rank that
    /// match one name are the same pattern.
    #[must_use]
    pub fn rank(&self) -> usize {
        let labels = |namespace: &str| namespace.split('.').count();
        match self {
            Self::Exact(_) => usize::MAX,
            Self::Namespace(namespace) => 2 * labels(namespace) + 1,
            Self::Below(namespace) => 2 * labels(namespace),
            Self::Any => 0,
        }
    }
}

/// Returns true for the namespace itself and those below it.
fn is_within(namespace: &str, above: &str) -> bool {
    let below = namespace.strip_prefix(above);
    below.is_some_and(|below| below.is_empty() || below.starts_with('.'))
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => write!(f, "{name}"),
            Self::Namespace(namespace) => write!(f, "{namespace}/*"),
            Self::Below(namespace) => write!(f, "{namespace}.*/*"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// The versions that a rule selects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VersionPattern {
    Exact(Version),
    Range(Range),
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadVersions {
    #[error(transparent)]
    Version(#[from] BadVersion),
    #[error(transparent)]
    Range(#[from] BadRange),
}

impl VersionPattern {
    /// Reads one exact version or a range.
    ///
    /// # Errors
    /// [`BadVersions`] names the allowed forms.
    pub fn parse(text: &str) -> Result<Self, BadVersions> {
        Ok(if Range::is_meant(text) {
            Self::Range(Range::parse(text)?)
        } else {
            Self::Exact(Version::parse(text)?)
        })
    }

    /// Returns true if an exact version reads like `1.x` or `2`: few publishers use such versions, and
    /// the author probably means more than one.
    #[must_use]
    pub fn looks_partial(&self) -> bool {
        let Self::Exact(version) = self else { return false };
        let parts: Vec<&str> = version.as_str().split('.').collect();
        let wild = |part: &&str| matches!(*part, "x" | "X" | "*");
        let number =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.iter().all(|part| wild(part) || number(part))
            && (parts.len() < 3 || parts.iter().any(wild))
    }

    #[must_use]
    pub const fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    #[must_use]
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Exact(_) => 2,
            Self::Range(_) => 1,
            Self::Any => 0,
        }
    }

    /// Returns true if it admits the version: byte for byte, or as a release within the range.
    #[must_use]
    pub fn admits(&self, version: &Version, semantic: Option<&semver::Version>) -> bool {
        match self {
            Self::Exact(exact) => exact == version,
            Self::Range(range) => range.admits(semantic),
            Self::Any => true,
        }
    }

    /// Returns true if a denial of it hides the version: every spelling of an exact release, and all that
    /// a range cannot exclude.
    #[must_use]
    pub fn denies(&self, version: &Version, semantic: Option<&semver::Version>) -> bool {
        match self {
            Self::Exact(exact) => exact.is_same_release(version),
            Self::Range(_) | Self::Any => self.may_hold(version, semantic),
        }
    }

    /// Returns true if it cannot exclude the version.
    #[must_use]
    pub fn may_hold(&self, version: &Version, semantic: Option<&semver::Version>) -> bool {
        match self {
            Self::Exact(exact) => exact.as_str().eq_ignore_ascii_case(version.as_str()),
            Self::Range(range) => range.may_hold(semantic),
            Self::Any => true,
        }
    }
}

impl fmt::Display for VersionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(version) => write!(f, "{version}"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Any => f.write_str("all versions"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("*", &["*", "com.a.*/*", "com.a/*", "com.a/x"])]
    #[case("com.a.*/*", &["com.a.*/*", "com.a.b.*/*", "com.a/*", "com.a.b/*", "com.a/x", "com.a.b/x"])]
    #[case("com.a/*", &["com.a/*", "com.a/x"])]
    #[case("com.a/x", &["com.a/x"])]
    fn pattern_includes_what_it_selects_whole(#[case] pattern: &str, #[case] wanted: &[&str]) {
        let all = [
            "*",
            "com.a.*/*",
            "com.a.b.*/*",
            "com.ab.*/*",
            "com.a/*",
            "com.a.b/*",
            "com.ab/*",
            "com.a/x",
            "com.a.b/x",
            "com.ab/x",
            "com.A/x",
        ];
        let parse = |text: &str| NamePattern::parse(text).expect("a pattern");
        let included = all.into_iter().filter(|text| parse(pattern).includes(&parse(text)));
        let mut included: Vec<&str> = included.collect();
        if pattern == "*" {
            included.retain(|text| wanted.contains(text));
        }
        assert_eq!(included, wanted);
    }

    #[rstest::rstest]
    #[case("1.x", true)]
    #[case("1", true)]
    #[case("1.2", true)]
    #[case("1.2.x", true)]
    #[case("1.2.3", false)]
    #[case("auto", false)]
    #[case("v1", false)]
    #[case(">=1, <2", false)]
    fn version_prefix_looks_partial(#[case] text: &str, #[case] partial: bool) {
        let versions = VersionPattern::parse(text).expect("usable");
        assert_eq!(versions.looks_partial(), partial);
    }

    #[rstest::rstest]
    #[case("com.example/tool", NamePattern::Exact(Name::parse("com.example/tool").expect("name")))]
    #[case("com.example/*", NamePattern::Namespace("com.example".into()))]
    #[case("com.example.*/*", NamePattern::Below("com.example".into()))]
    #[case("com.*/*", NamePattern::Below("com".into()))]
    #[case("*", NamePattern::Any)]
    fn selector_is_read_as_it_is_written(#[case] text: &str, #[case] pattern: NamePattern) {
        assert_eq!(NamePattern::parse(text), Ok(pattern.clone()));
        assert_eq!(pattern.to_string(), text);
    }

    #[rstest::rstest]
    #[case("com.exam*/*")]
    #[case("com.example/to*")]
    #[case("*.example/*")]
    #[case("com.*.tools/*")]
    #[case("com.*.*/*")]
    #[case("*/*")]
    #[case("com.example.*")]
    #[case("com.example.*/tool")]
    #[case("**")]
    fn wildcard_inside_a_label_is_rejected(#[case] text: &str) {
        assert_eq!(NamePattern::parse(text), Err(BadPattern::MidLabel));
    }

    #[rstest::rstest]
    #[case("com.example")]
    #[case("com.exämple/*")]
    #[case("/*")]
    #[case("com.example//*")]
    fn selector_with_invalid_name_is_rejected(#[case] text: &str) {
        assert!(matches!(NamePattern::parse(text), Err(BadPattern::Name(_))));
    }

    #[test]
    fn narrower_patterns_rank_higher() {
        let ranks: Vec<usize> =
            ["*", "com.*/*", "com.example.*/*", "com.example/*", "com.example/a"]
                .map(|text| NamePattern::parse(text).expect("a pattern").rank())
                .to_vec();
        assert!(ranks.is_sorted_by(|left, right| left < right), "{ranks:?}");
    }

    #[rstest::rstest]
    #[case("1.10", "1.10", true)]
    #[case("1.10", "1.1", false)]
    #[case("v1.2.3", "v1.2.3", true)]
    #[case("1.2.3", "v1.2.3", false)]
    #[case("1.0.0-RC.1", "1.0.0-rc.1", false)]
    #[case("latest", "latest", true)]
    fn exact_version_is_compared_byte_for_byte(
        #[case] pattern: &str,
        #[case] text: &str,
        #[case] admits: bool,
    ) {
        let pattern = VersionPattern::parse(pattern).expect("a version");
        let version = Version::parse(text).expect("a version");
        assert_eq!(pattern.admits(&version, version.semantic().as_ref()), admits);
    }

    /// P48.
    #[rstest::rstest]
    #[case("1.0.0-RC.1", "1.0.0-rc.1", true)]
    #[case("1.2.3", "1.2.3+1", true)]
    #[case("1.2.3", "v1.2.3", true)]
    #[case("v1.2.3+a", "1.2.3+b", true)]
    #[case("1.2.3", "1.2.3-rc.1", false)]
    #[case("1.2.3", "1.2.4", false)]
    #[case("<2", "v3.0.0", true)]
    #[case("<2", "3.0.0+x", false)]
    fn denial_hides_every_spelling_of_a_release_and_no_other(
        #[case] pattern: &str,
        #[case] text: &str,
        #[case] denies: bool,
    ) {
        let pattern = VersionPattern::parse(pattern).expect("a version");
        let version = Version::parse(text).expect("a version");
        assert_eq!(pattern.denies(&version, version.semantic().as_ref()), denies);
    }
}
