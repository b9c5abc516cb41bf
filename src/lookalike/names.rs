use super::commonness::Commonness;
use super::compare::{CORE, LOOKS, Sign, both, is_near, near_namespace};
use super::corpus::{Home, Target, Why, leaf};
use super::shape::skeleton;
use super::suspect::Named;
use super::technique::Technique;

/// Namespaces that may call their servers alike before a core is common speech.
const RARE: u8 = 3;
/// The same for cores at a distance, where an accident is likelier to be noticed.
const UNCOMMON: u8 = 6;
/// The shortest text of which one character may differ; shorter ones are near by accident.
const NEAR: usize = 6;

/// How a name is like a protected one, where it is.
pub(super) fn like_a_name(
    suspect: &Named<'_>,
    target: &Target,
    home: &Home,
    common: &Commonness,
) -> Option<Sign> {
    // The namespace of an internal name is protected by itself.
    let by_home = || like_its_home(&suspect.home, home, &suspect.shape.core);
    let by_home = (target.protected.why != Why::Internal).then(by_home).flatten();
    by_home.or_else(|| like_its_leaf(suspect, target, common))
}

/// How whoever published it is like the target's owner.
fn like_its_home(ours: &Home, theirs: &Home, core: &str) -> Option<Sign> {
    near_namespace(ours, theirs).or_else(|| called_alike(ours, theirs, core))
}

fn called_alike(ours: &Home, theirs: &Home, core: &str) -> Option<Sign> {
    let long = theirs.label.chars().count();
    if long >= CORE && theirs.label == core {
        let told = format!("`{}` in a foreign leaf", theirs.label);
        return Some(Sign::new(Technique::ForeignBrand, told));
    }
    let owners = || both(&ours.registrant, &theirs.registrant);
    if long >= CORE && theirs.label == ours.label {
        return Some(Sign::new(Technique::SwappedHome, owners()));
    }
    let is_alike = long >= LOOKS && skeleton(&ours.label) == skeleton(&theirs.label);
    is_alike.then(|| Sign::new(Technique::Confusable, owners()))
}

/// How its leaf is like the target's.
fn like_its_leaf(suspect: &Named<'_>, target: &Target, common: &Commonness) -> Option<Sign> {
    let (ours, theirs) = (&suspect.shape, &target.shape);
    let rare = |text: &str, most: u8| common.count(text) <= most;
    let same = |left: &str, right: &str| left == right && left.chars().count() >= CORE;
    // Where both lost words to get there, as `home-assistant` and `home-services`, they are not alike.
    let telling = ours.core == ours.full || theirs.core == theirs.full;
    let by_core = same(&ours.core, &theirs.core) && telling;
    if by_core || same(&ours.full, &theirs.full) {
        let leaf = leaf(&target.protected.subject);
        let is_same = suspect.leaf.eq_ignore_ascii_case(leaf);
        let technique = if is_same { Technique::SameLeaf } else { Technique::Affix };
        let is_rare = by_core && rare(&theirs.core, RARE)
            || same(&ours.full, &theirs.full) && rare(&theirs.full, RARE);
        let sign = Sign::new(technique, both(suspect.leaf, leaf));
        return Some(if is_rare { sign } else { sign.of_common_speech() });
    }
    let long = |text: &str, least: usize| text.chars().count() >= least;
    if ours.core != theirs.core
        && long(&theirs.core, LOOKS)
        && skeleton(&ours.core) == skeleton(&theirs.core)
    {
        return Some(Sign::new(Technique::Confusable, both(&ours.core, &theirs.core)));
    }
    if ours.sorted.len() > 1 && ours.sorted == theirs.sorted && ours.core != theirs.core {
        return Some(Sign::new(Technique::SwappedWords, both(&ours.core, &theirs.core)));
    }
    let pairs = [(&ours.core, &theirs.core), (&ours.full, &theirs.full)];
    let near = pairs
        .into_iter()
        .filter(|(left, right)| long(left, NEAR) && long(right, NEAR) && is_near(left, right));
    let signs = near.map(|(left, right)| {
        let is_plural =
            left.strip_suffix('s') == Some(right) || right.strip_suffix('s') == Some(left);
        let sign = Sign::new(Technique::Distance, both(left, right));
        let is_rare = rare(right, if is_plural { 1 } else { UNCOMMON });
        if is_rare { sign } else { sign.of_common_speech() }
    });
    // One that says something goes before one that does not.
    signs.min_by_key(|sign| sign.is_common)
}
