use std::fmt;

use semver::Version;
use thiserror::Error;

/// An interval of semantic versions, such as `>=1.2, <2`.
///
/// The grammar is specific to vidimus, since common ones read a bare `1.4.2` as `^1.4.2` and let
/// `=1.4.2` match `1.4.2+anything`: each comparator has one of `>=`, `>`, `<`, `<=`, `=`, and commas
/// join them. `1` and `1.2` mean `1.0.0` and `1.2.0` after `>=` and `<`, where this is unambiguous;
/// the other operators need all three numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Range {
    text: String,
    /// The lowest release in the range.
    least: Version,
    /// The first release above the range.
    end: Option<Version>,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadRange {
    #[error("every comparator needs one of `>=`, `>`, `<`, `<=`, `=`, as in `>=1.2, <2`")]
    NoOperator,
    #[error("`{0}` is not a version of up to three numbers, as in `>=1.2, <2`")]
    NoVersion(String),
    #[error("`{0}` needs all three numbers, as in `{0}1.2.0`")]
    Partial(&'static str),
    #[error("no release can match it")]
    Impossible,
}

impl Range {
    const OPERATORS: [&str; 5] = [">=", "<=", ">", "<", "="];

    /// Returns true if a text is meant as a range rather than as one version.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.contains(['<', '>', '=', '^', '~', ',', '*', ' '])
    }

    /// Reads a range.
    ///
    /// # Errors
    /// [`BadRange`] names the allowed form.
    pub fn parse(text: &str) -> Result<Self, BadRange> {
        let mut least = Version::new(0, 0, 0);
        let mut end: Option<Version> = None;
        let mut stop_before = |version: Version| match &end {
            Some(nearer) if *nearer <= version => {}
            _ => end = Some(version),
        };
        for comparator in text.split(',').map(str::trim) {
            let (operator, version) = comparator_of(comparator)?;
            match operator {
                ">=" => least = least.max(version),
                ">" => least = least.max(next_release(&version)),
                "<" => stop_before(version),
                "<=" => stop_before(next_release(&version)),
                _ => {
                    stop_before(next_release(&version));
                    least = least.max(version);
                }
            }
        }
        match end {
            Some(end) if end <= least => Err(BadRange::Impossible),
            end => Ok(Self { text: text.to_owned(), least, end }),
        }
    }

    /// Returns true if an approval of this range admits the version: a release without build metadata.
    #[must_use]
    pub fn admits(&self, version: Option<&Version>) -> bool {
        version.is_some_and(|version| {
            version.pre.is_empty() && version.build.is_empty() && self.contains(version)
        })
    }

    /// Returns true if the range cannot exclude the version: it contains the version or its release, or
    /// the version is not semantic.
    #[must_use]
    pub fn may_hold(&self, version: Option<&Version>) -> bool {
        version.is_none_or(|version| {
            let release = Version::new(version.major, version.minor, version.patch);
            self.contains(version) || self.contains(&release)
        })
    }

    /// Returns the lowest release in the range, and the first one above it.
    pub(super) fn bounds(&self) -> (&Version, Option<&Version>) {
        (&self.least, self.end.as_ref())
    }

    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let below =
            |least: &Version, end: &Option<Version>| end.as_ref().is_none_or(|end| least < end);
        below(&self.least, &other.end) && below(&other.least, &self.end)
    }

    fn contains(&self, version: &Version) -> bool {
        version.cmp_precedence(&self.least).is_ge()
            && self.end.as_ref().is_none_or(|end| version.cmp_precedence(end).is_lt())
    }
}

fn comparator_of(text: &str) -> Result<(&'static str, Version), BadRange> {
    let operator = *Range::OPERATORS
        .iter()
        .find(|operator| text.starts_with(**operator))
        .ok_or(BadRange::NoOperator)?;
    let rest = text[operator.len()..].trim();
    let unreadable = || BadRange::NoVersion(rest.to_owned());
    let mut numbers = Vec::new();
    for part in rest.split('.') {
        let canonical = part == "0" || !part.starts_with('0');
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number: u64 = part.parse().map_err(|_| unreadable())?;
        if !canonical || !digits || number == u64::MAX {
            return Err(unreadable());
        }
        numbers.push(number);
    }
    match (numbers.as_slice(), operator) {
        ([major, minor, patch], _) => Ok((operator, Version::new(*major, *minor, *patch))),
        ([major], ">=" | "<") => Ok((operator, Version::new(*major, 0, 0))),
        ([major, minor], ">=" | "<") => Ok((operator, Version::new(*major, *minor, 0))),
        ([_] | [_, _], _) => Err(BadRange::Partial(operator)),
        _ => Err(unreadable()),
    }
}

fn next_release(version: &Version) -> Version {
    Version::new(version.major, version.minor, version.patch + 1)
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Option<Version> {
        Version::parse(text).ok()
    }

    #[rstest::rstest]
    //       range            version          admits  cannot exclude
    #[case(">=1.2, <2", "1.2.0", true, true)]
    #[case(">=1.2, <2", "1.99.0", true, true)]
    #[case(">=1.2, <2", "2.0.0", false, false)]
    #[case(">=1.2, <2", "1.1.9", false, false)]
    #[case(">=1.2, <2", "1.5.0-rc.1", false, true)]
    #[case(">=1.2, <2", "1.5.0+build", false, true)]
    #[case(">=1.2, <2", "2.0.0-rc.1", false, true)]
    #[case(">=2", "2.0.0-rc.1", false, true)]
    #[case("<2", "3.0.0-rc.1", false, false)]
    #[case("<2", "auto", false, true)]
    #[case("<2", "v1.0.0", false, true)]
    #[case("=1.4.2", "1.4.2", true, true)]
    #[case("=1.4.2", "1.4.2+evil", false, true)]
    #[case("=1.4.2", "1.4.3", false, false)]
    #[case(">1.4.2, <=1.5.0", "1.4.2", false, false)]
    #[case(">1.4.2, <=1.5.0", "1.5.0", true, true)]
    #[case(">=1.0, >=1.4, <9, <2", "1.4.0", true, true)]
    #[case(">=1.0, >=1.4, <9, <2", "1.3.0", false, false)]
    fn approval_admits_releases_and_denial_all_it_cannot_exclude(
        #[case] range: &str,
        #[case] text: &str,
        #[case] admits: bool,
        #[case] may_hold: bool,
    ) {
        let range = Range::parse(range).expect("a range");
        assert_eq!(range.admits(version(text).as_ref()), admits, "admits");
        assert_eq!(range.may_hold(version(text).as_ref()), may_hold, "may hold");
    }

    #[rstest::rstest]
    #[case("1.2.3", BadRange::NoOperator)]
    #[case("^1.2", BadRange::NoOperator)]
    #[case(">=1.2,", BadRange::NoOperator)]
    #[case(">=1 <2", BadRange::NoVersion("1 <2".into()))]
    #[case(">=1.x", BadRange::NoVersion("1.x".into()))]
    #[case(">=01.2", BadRange::NoVersion("01.2".into()))]
    #[case(">=1.2.3-rc.1", BadRange::NoVersion("1.2.3-rc.1".into()))]
    #[case(">=+1", BadRange::NoVersion("+1".into()))]
    #[case(">=1.2.3.4", BadRange::NoVersion("1.2.3.4".into()))]
    #[case("<=1.2", BadRange::Partial("<="))]
    #[case(">1", BadRange::Partial(">"))]
    #[case("=1", BadRange::Partial("="))]
    #[case(">=2, <2", BadRange::Impossible)]
    #[case(">2.0.0, <1", BadRange::Impossible)]
    #[case(">1.2.3, <1.2.4", BadRange::Impossible)]
    #[case("<0", BadRange::Impossible)]
    fn invalid_range_is_rejected(#[case] text: &str, #[case] why: BadRange) {
        assert_eq!(Range::parse(text), Err(why));
    }

    #[rstest::rstest]
    #[case(">=1, <2", ">=2", false)]
    #[case(">=1, <=2.0.0", ">=2", true)]
    #[case("<1", ">=0.5", true)]
    #[case("<1", ">=1", false)]
    fn overlap_of_ranges_is_symmetric(
        #[case] left: &str,
        #[case] right: &str,
        #[case] overlap: bool,
    ) {
        let (left, right) =
            (Range::parse(left).expect("left"), Range::parse(right).expect("right"));
        assert_eq!(left.overlaps(&right), overlap);
        assert_eq!(right.overlaps(&left), overlap);
    }
}
