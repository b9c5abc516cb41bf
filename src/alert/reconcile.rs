use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::evidence::Evidence;
use super::identity::AlertIdentity;
use super::kind::AlertKind;
use super::record::{Alert, ReportedAlert};
use crate::model::Timestamp;

/// Alerts of one source that may be open for one suspect namespace.
pub const MAX_OPEN: usize = 5;
/// A score that rises by this much is reported.
const REPORTED_RISE: u8 = 10;

/// Compares everything that a source reports now with the stored alerts; returns the alerts that are new or changed, to
/// be stored in place of those with the same identity.
///
/// Only alerts of the source itself are resolved when it does not report them. An identity that is unresolved for another
/// source stays with that source.
#[must_use]
pub fn reconcile(
    source: &str,
    stored: &[Alert],
    seen: Vec<ReportedAlert>,
    now: Timestamp,
) -> Vec<Alert> {
    let stored: BTreeMap<&AlertIdentity, &Alert> =
        stored.iter().map(|alert| (&alert.identity, alert)).collect();
    let is_others = |seen: &ReportedAlert| {
        let before = stored.get(&seen.identity);
        before.is_some_and(|alert| alert.source != source && !alert.is_resolved())
    };
    let rank = |seen: &ReportedAlert| match stored.get(&seen.identity) {
        Some(alert) if alert.is_resolved() => Rank::New,
        Some(alert) if alert.is_open() => Rank::Open,
        Some(_) => Rank::Acknowledged,
        None => Rank::New,
    };
    let mut seen = merged(seen);
    seen.retain(|seen| !is_others(seen));
    let current: BTreeMap<AlertIdentity, Alert> = without_floods(source, seen, rank)
        .into_iter()
        .map(|seen| (seen.identity.clone(), Alert::raise(source, seen, now)))
        .collect();
    let resolved = stored
        .values()
        .filter(|alert| alert.source == source && !alert.is_resolved())
        .filter(|alert| !current.contains_key(&alert.identity))
        .map(|alert| Alert { closed: Some(now), ..(*alert).clone() })
        .collect::<Vec<_>>();
    current
        .into_values()
        .filter_map(|alert| match stored.get(&alert.identity) {
            Some(before) => continued(before, alert),
            None => Some(alert),
        })
        .chain(resolved)
        .collect()
}

/// Returns the stored alert with what changed; `None` if nothing changed.
fn continued(before: &Alert, now: Alert) -> Option<Alert> {
    if before.is_resolved() {
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

/// Returns true if the score rose enough to be reported.
pub(super) fn is_worse(before: &Alert, now: &Alert) -> bool {
    now.score.is_some_and(|score| before.score.is_none_or(|before| score >= before + REPORTED_RISE))
}

/// Merges what a source reports several times with one identity.
fn merged(seen: Vec<ReportedAlert>) -> Vec<ReportedAlert> {
    let mut by_identity: BTreeMap<AlertIdentity, ReportedAlert> = BTreeMap::new();
    for reported in seen {
        match by_identity.get_mut(&reported.identity) {
            Some(first) => first.absorb(reported),
            None => {
                by_identity.insert(reported.identity.clone(), reported);
            }
        }
    }
    by_identity.into_values().collect()
}

/// The order in which the alerts of one suspect take the places that are free.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Open,
    New,
    Acknowledged,
}

/// Returns the alerts that remain when each namespace has at most [`MAX_OPEN`]. Open ones go before new ones, so that a
/// flood does not displace what a person may be reading; then the highest score goes first. Acknowledged alerts do not
/// count: acknowledging five makes room for the next five.
fn without_floods(
    source: &str,
    seen: Vec<ReportedAlert>,
    rank: impl Fn(&ReportedAlert) -> Rank,
) -> Vec<ReportedAlert> {
    let mut kept = Vec::new();
    let mut by_suspect: BTreeMap<String, Vec<ReportedAlert>> = BTreeMap::new();
    for reported in seen {
        let suspect = &reported.identity.suspect;
        let is_free = reported.served || suspect.is_empty();
        if is_free || rank(&reported) == Rank::Acknowledged {
            kept.push(reported);
        } else {
            by_suspect.entry(suspect.clone()).or_default().push(reported);
        }
    }
    for (suspect, mut alerts) in by_suspect {
        alerts.sort_by_cached_key(|seen| (rank(seen), Reverse(seen.score)));
        let rest = alerts.split_off(alerts.len().min(MAX_OPEN));
        kept.extend(alerts);
        if let Some(first) = rest.first() {
            let (count, score) = (rest.len() as u64, first.score);
            // Another alert among them reopens an acknowledged flood; another number does not.
            let counted = rest.into_iter().map(|seen| Evidence::Counted { alert: seen.identity });
            // Each source has a flood of its own.
            let flood =
                ReportedAlert::new(AlertKind::Flood, source, counted).of_namespace(&suspect);
            kept.push(ReportedAlert { count, score, ..flood });
        }
    }
    kept
}
