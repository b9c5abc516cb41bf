use super::compare::{Resemblance, Technique};
use crate::ownership::RepositoryLink;

/// What is left of resemblances when the repositories are looked at: those of one owner are no strangers, and an
/// equal leaf counts only where the repositories are called alike and are of two owners.
#[must_use]
pub fn settle(
    found: Vec<Resemblance>,
    suspect: Option<&RepositoryLink>,
    of_target: impl Fn(&str) -> Option<RepositoryLink>,
) -> Vec<Resemblance> {
    let stands = |it: &Resemblance| {
        let target = of_target(&it.target);
        let both = suspect.zip(target.as_ref());
        let is_linked =
            both.is_some_and(|(one, other)| one.owner.eq_ignore_ascii_case(&other.owner));
        let is_alike = both.is_some_and(|(one, other)| one.name.eq_ignore_ascii_case(&other.name));
        !is_linked && (it.technique != Technique::SameLeaf || is_alike)
    };
    found.into_iter().filter(stands).collect()
}
