use super::affix::{affix, has_equal_words, has_frequent_words};
use super::brand_in_home::brand_in_home;
use super::brand_in_host::brand_in_host;
use super::brand_in_leaf::brand_in_leaf;
use super::brand_in_title::brand_in_title;
use super::brand_within::{brand_within_home, brand_within_leaf};
use super::confusable::{confusable_home, confusable_leaf, confusable_title};
use super::distance::{distance_home, distance_of_brand, distance_of_name, is_near_frequent};
use super::foreign_brand::foreign_brand;
use super::foreign_package::foreign_packages;
use super::homograph::{homograph_host, homograph_words};
use super::near_host::{contains_domain, near_host};
use super::near_namespace::near_namespace;
use super::same_leaf::same_leaf;
use super::swapped_home::swapped_home;
use super::swapped_host::swapped_host;
use super::swapped_words::swapped_words;
use crate::lookalike::frequent::FrequentNames;
use crate::lookalike::host::Host;
use crate::lookalike::signal::{Field, Signal};
use crate::lookalike::suspect::{SuspectContent, SuspectName};
use crate::lookalike::target::{Target, Why};
use crate::lookalike::technique::Technique;

type ByName = fn(&SuspectName<'_>, &Target) -> Option<Signal>;

/// Techniques for the registrant of a suspect and a protected name; the first that reports wins.
const NAME_HOME: [ByName; 4] = [near_namespace, foreign_brand, swapped_home, confusable_home];
/// Techniques for leaves with equal words, to which no other technique is applied.
const NAME_EQUAL_LEAF: [ByName; 2] = [same_leaf, affix];
const NAME_LEAF: [ByName; 3] = [confusable_leaf, swapped_words, distance_of_name];
const BRAND_HOME: [ByName; 6] = [
    near_namespace,
    swapped_home,
    brand_in_home,
    confusable_home,
    brand_within_home,
    distance_home,
];
const BRAND_LEAF: [ByName; 5] =
    [brand_in_leaf, confusable_leaf, brand_within_leaf, swapped_words, distance_of_brand];

/// Compares a name with a target.
///
/// The leaf is compared with that of a protected name only if the registrant does not resemble that of the target.
pub(in crate::lookalike) fn name_signals(
    suspect: &SuspectName<'_>,
    target: &Target,
) -> Vec<Signal> {
    let first =
        |techniques: &[ByName]| techniques.iter().find_map(|technique| technique(suspect, target));
    if !target.is_name {
        return first(&BRAND_HOME).into_iter().chain(first(&BRAND_LEAF)).collect();
    }
    // The namespace of an internal name is a protected subject of its own.
    let is_internal = target.protected.why == Why::Internal;
    let by_home = if is_internal { None } else { first(&NAME_HOME) };
    let by_leaf = || {
        if has_equal_words(suspect, target) { first(&NAME_EQUAL_LEAF) } else { first(&NAME_LEAF) }
    };
    by_home.or_else(by_leaf).into_iter().collect()
}

/// Returns true if many namespaces have a signal in common.
pub(in crate::lookalike) fn is_frequent(
    signal: &Signal,
    suspect: &SuspectName<'_>,
    target: &Target,
    frequent: &FrequentNames,
) -> bool {
    match signal.technique {
        _ if !target.is_name || signal.field != Field::Leaf => false,
        Technique::SameLeaf | Technique::Affix => has_frequent_words(suspect, target, frequent),
        Technique::Distance => is_near_frequent(suspect, target, frequent),
        _ => false,
    }
}

/// Compares a content with a target: the title, every word, every host and every package.
pub(in crate::lookalike) fn content_signals(
    content: &SuspectContent<'_>,
    target: &Target,
) -> Vec<Signal> {
    let title = brand_in_title(content, target).or_else(|| confusable_title(content, target));
    let mut signals: Vec<Signal> = title.into_iter().collect();
    signals.extend(homograph_words(content, target));
    signals.extend(content.hosts.iter().filter_map(|host| host_signal(host, target)));
    signals.extend(foreign_packages(content, target));
    signals
}

/// Compares a host with the domains of a target, and with a brand.
fn host_signal(host: &Host, target: &Target) -> Option<Signal> {
    let foreign = target.domains.iter().filter(|domain| domain.text != host.registrant);
    let by_domain = foreign.into_iter().find_map(|domain| {
        let techniques = [contains_domain, homograph_host, near_host, swapped_host];
        techniques.into_iter().find_map(|technique| technique(host, domain, target))
    });
    by_domain.or_else(|| brand_in_host(host, target))
}
