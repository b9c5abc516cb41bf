use std::cmp::Ordering;

use crate::model::{Timestamp, Version};

/// The properties of a version that decide which one is the latest.
#[derive(Debug)]
pub(super) struct Contender<'a> {
    pub version: &'a Version,
    pub semantic: Option<semver::Version>,
    pub published_at: Timestamp,
}

impl<'a> Contender<'a> {
    pub(super) fn new(version: &'a Version, published_at: Timestamp) -> Self {
        Self { version, semantic: version.semantic(), published_at }
    }
}

/// Returns the index of the greatest. Semantic precedence comes first, and a semantic version is above any
/// other. Among other versions the later publication wins; among equal semantic versions the earlier one,
/// so that a second `1.0.0+build` does not replace the first.
pub(super) fn latest(contenders: &[Contender<'_>]) -> Option<usize> {
    (0..contenders.len()).max_by(|left, right| order(&contenders[*left], &contenders[*right]))
}

/// Returns the index of the latest of these versions, each with its time of publication.
pub fn latest_of<'a>(versions: impl Iterator<Item = (&'a Version, Timestamp)>) -> Option<usize> {
    let contenders: Vec<Contender<'_>> =
        versions.map(|(version, published_at)| Contender::new(version, published_at)).collect();
    latest(&contenders)
}

fn order(left: &Contender<'_>, right: &Contender<'_>) -> Ordering {
    let published = left.published_at.cmp(&right.published_at);
    let publication = if left.semantic.is_some() { published.reverse() } else { published };
    Version::precedence(left.semantic.as_ref(), right.semantic.as_ref())
        .then(publication)
        .then_with(|| right.version.cmp(left.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(&[("1.9.0", 5), ("1.10.0", 1)], "1.10.0")]
    #[case(&[("1.0.0", 1), ("2.0.0-rc.1", 2)], "2.0.0-rc.1")]
    #[case(&[("2.0.0", 1), ("2.0.0-rc.1", 2)], "2.0.0")]
    #[case(&[("0.0.1", 1), ("v9.9.9", 2), ("auto", 3)], "0.0.1")]
    #[case(&[("auto", 3), ("v9.9.9", 2)], "auto")]
    #[case(&[("1.0.0+b", 2), ("1.0.0+a", 3)], "1.0.0+b")]
    #[case(&[("auto", 1), ("beta", 1)], "auto")]
    #[case(&[("latest", 9), ("0.1.0", 1)], "0.1.0")]
    fn latest_is_the_greatest_in_any_order(#[case] versions: &[(&str, i64)], #[case] wanted: &str) {
        let versions: Vec<(Version, Timestamp)> = versions
            .iter()
            .map(|(text, at)| (Version::parse(text).expect("usable"), Timestamp::from_micros(*at)))
            .collect();
        let mut contenders: Vec<Contender<'_>> =
            versions.iter().map(|(version, at)| Contender::new(version, *at)).collect();
        let first = latest(&contenders).map(|index| contenders[index].version.to_string());
        contenders.reverse();
        let second = latest(&contenders).map(|index| contenders[index].version.to_string());
        assert_eq!(first.as_deref(), Some(wanted));
        assert_eq!(second.as_deref(), Some(wanted), "in reverse order");
    }
}
