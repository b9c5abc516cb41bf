use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::identity::AlertIdentity;
use super::kind::AlertKind;
use super::record::{Alert, Observation};
use crate::model::Instant;

/// How many alerts of one source may be open for one suspect namespace.
pub const MAX_OPEN: usize = 5;
/// A score that rises by this much is news.
const WAKING: u8 = 10;

/// Compares all that a source sees now with the stored alerts; returns the alerts that are new or changed, to be stored
/// in place of those with the same identity.
///
/// Only alerts of the source itself end when it does not see them. An identity that lasts for another source stays with
/// that source.
#[must_use]
pub fn reconcile(
    source: &str,
    stored: &[Alert],
    seen: Vec<Observation>,
    now: Instant,
) -> Vec<Alert> {
    let stored: BTreeMap<&AlertIdentity, &Alert> =
        stored.iter().map(|alert| (&alert.identity, alert)).collect();
    let is_others = |seen: &Observation| {
        let before = stored.get(&seen.identity);
        before.is_some_and(|alert| alert.source != source && !alert.is_over())
    };
    let standing = |seen: &Observation| match stored.get(&seen.identity) {
        Some(alert) if alert.is_over() => Standing::New,
        Some(alert) if alert.is_open() => Standing::Open,
        Some(_) => Standing::Acknowledged,
        None => Standing::New,
    };
    let mut seen = merged(seen);
    seen.retain(|seen| !is_others(seen));
    let current: BTreeMap<AlertIdentity, Alert> = without_floods(source, seen, standing)
        .into_iter()
        .map(|seen| (seen.identity.clone(), Alert::raise(source, seen, now)))
        .collect();
    let over = stored
        .values()
        .filter(|alert| alert.source == source && !alert.is_over())
        .filter(|alert| !current.contains_key(&alert.identity))
        .map(|alert| Alert { closed: Some(now), ..(*alert).clone() })
        .collect::<Vec<_>>();
    current
        .into_values()
        .filter_map(|alert| match stored.get(&alert.identity) {
            Some(before) => continued(before, alert),
            None => Some(alert),
        })
        .chain(over)
        .collect()
}

/// The stored alert as it goes on; `None` when nothing about it is new.
fn continued(before: &Alert, now: Alert) -> Option<Alert> {
    if before.is_over() {
        return Some(now);
    }
    let after = Alert {
        raised: before.raised,
        acknowledged: before.acknowledged.clone(),
        earlier: now.history_after(before),
        ..now
    };
    let is_same = Alert { changed: before.changed, ..after.clone() } == *before;
    (!is_same).then_some(after)
}

/// Whether the score rose so much that it is news.
pub(super) fn is_worse(before: &Alert, now: &Alert) -> bool {
    now.score.is_some_and(|score| before.score.is_none_or(|before| score >= before + WAKING))
}

/// Puts what a source says several times of one identity together.
fn merged(seen: Vec<Observation>) -> Vec<Observation> {
    let mut by_identity: BTreeMap<AlertIdentity, Observation> = BTreeMap::new();
    for observation in seen {
        match by_identity.get_mut(&observation.identity) {
            Some(first) => first.absorb(observation),
            None => drop(by_identity.insert(observation.identity.clone(), observation)),
        }
    }
    by_identity.into_values().collect()
}

/// How it stands with an observation that was seen before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Open,
    New,
    Acknowledged,
}

/// What is left when each namespace has no more than its share; what is open goes before what is new,
/// so that a flood does not push out what a person may be looking at, and then what matters most. What somebody
/// has acknowledged takes no place: looking at five makes room for the next.
fn without_floods(
    source: &str,
    seen: Vec<Observation>,
    standing: impl Fn(&Observation) -> Standing,
) -> Vec<Observation> {
    let mut kept = Vec::new();
    let mut by_suspect: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for observation in seen {
        let suspect = &observation.identity.suspect;
        let is_free = observation.served || suspect.is_empty();
        if is_free || standing(&observation) == Standing::Acknowledged {
            kept.push(observation);
        } else {
            by_suspect.entry(suspect.clone()).or_default().push(observation);
        }
    }
    for (suspect, mut observations) in by_suspect {
        observations.sort_by_cached_key(|seen| (standing(seen), Reverse(seen.score)));
        let rest = observations.split_off(observations.len().min(MAX_OPEN));
        kept.extend(observations);
        if let Some(first) = rest.first() {
            let (count, score) = (rest.len() as u64, first.score);
            // Another one among them is news to the person who acknowledged it; another number is not.
            let counted = rest.into_iter().map(|seen| Evidence::Counted { alert: seen.identity });
            // Each source has a flood of its own.
            let flood = Observation::new(AlertKind::Flood, source, counted).of_namespace(&suspect);
            kept.push(Observation { count, score, ..flood });
        }
    }
    kept
}
