use std::collections::BTreeSet;

use super::compare::{CORE, LOOKS, Sign, both, is_near, near_namespace};
use super::corpus::{Home, TWO_FROM, Target};
use super::shape::{runs, skeleton};
use super::suspect::Named;
use super::technique::Technique;

/// How a name is like a brand, where it is: by its leaf, and by whoever published it.
pub(super) fn like_a_brand(suspect: &Named<'_>, target: &Target) -> Vec<Sign> {
    let by_home = like_its_home(&suspect.home, target);
    by_home.into_iter().chain(like_its_leaf(suspect, target)).collect()
}

fn like_its_home(ours: &Home, target: &Target) -> Option<Sign> {
    let near = target.home.as_ref().and_then(|theirs| near_namespace(ours, theirs));
    near.or_else(|| called_alike(ours, target))
}

fn called_alike(ours: &Home, target: &Target) -> Option<Sign> {
    let wanted = &target.compact;
    let long = wanted.chars().count();
    let sign = |technique, how: &str| {
        Some(Sign::new(technique, format!("`{}` {how} `{wanted}`", ours.registrant)))
    };
    match () {
        () if long < CORE => None,
        () if ours.label == target.shape.core => sign(Technique::SwappedHome, "is called"),
        () if runs(&ours.words).any(|it| it == *wanted) => sign(Technique::BrandInHome, "holds"),
        () if skeleton(&ours.label) == skeleton(wanted) => sign(Technique::Confusable, "reads as"),
        () if long < LOOKS => None,
        () if ours.label.contains(wanted) => sign(Technique::BrandWithin, "holds"),
        () if is_near(&ours.label, wanted) => {
            sign(Technique::Distance, "differs in one character from")
        }
        () => None,
    }
}

fn like_its_leaf(suspect: &Named<'_>, target: &Target) -> Option<Sign> {
    let (ours, brand) = (&suspect.shape, &target.shape);
    let (compact, wanted) = (ours.compact(), &target.compact);
    let length = wanted.chars().count();
    let held = || format!("`{wanted}` in `{}`", suspect.leaf);
    let is_core = brand.core == ours.core && brand.core.chars().count() >= CORE;
    if is_core || compact == *wanted || runs(&ours.words).any(|it| it == *wanted) {
        return Some(Sign::new(Technique::BrandInLeaf, held()));
    }
    let both = || both(suspect.leaf, &target.protected.subject);
    if length >= CORE && skeleton(&compact) == skeleton(wanted) {
        return Some(Sign::new(Technique::Confusable, both()));
    }
    if length >= LOOKS && compact.contains(wanted) {
        return Some(Sign::new(Technique::BrandWithin, held()));
    }
    if ours.words.len() > 1 && ours.words.len() == brand.words.len() {
        let sorted = |words: &[String]| words.iter().cloned().collect::<BTreeSet<_>>();
        if sorted(&ours.words) == sorted(&brand.words) {
            return Some(Sign::new(Technique::SwappedWords, both()));
        }
    }
    let bound = match length {
        0..CORE => return None,
        CORE..TWO_FROM => 1,
        _ => 2,
    };
    let texts = [&compact, &ours.full, &ours.core];
    let near = texts.into_iter().any(|it| strsim::osa_distance(it, wanted) <= bound)
        || length >= LOOKS && ours.words.iter().any(|it| is_near(it, wanted));
    near.then(|| Sign::new(Technique::Distance, both()))
}
