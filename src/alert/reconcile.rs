use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::evidence::Evidence;
use super::identity::AlertIdentity;
use super::kind::AlertKind;
use super::record::{Alert, ReportedAlert};
use crate::model::{Name, Timestamp};

/// Alerts of one source that may be open for one suspect namespace.
pub const MAX_OPEN: usize = 5;
/// A score that rises by this much is reported.
const REPORTED_RISE: u8 = 10;

/// Everything that a source knows now.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub seen: Vec<ReportedAlert>,
    /// Names of which the source could not read or compare everything: stored alerts and items about them stay.
    pub unknown: BTreeSet<Name>,
    /// Further alerts about whose condition the source knows nothing now: they stay.
    pub unknown_alerts: BTreeSet<AlertIdentity>,
}

impl From<Vec<ReportedAlert>> for Report {
    fn from(seen: Vec<ReportedAlert>) -> Self {
        Self { seen, ..Self::default() }
    }
}

impl Report {
    /// Returns the part of a stored alert that may still be the case, although nothing is seen of it.
    fn unknown_part(&self, stored: &Alert) -> Option<ReportedAlert> {
        let Alert { identity, evidence, .. } = stored;
        let is_unknown = self.unknown_alerts.contains(identity)
            || identity.name().is_some_and(|name| self.unknown.contains(name));
        let is_of_suspect = |name: &Name| name.namespace().eq_ignore_ascii_case(&identity.suspect);
        let about_unknown = |item: &&Evidence| match item {
            // It may stand for any name of the suspect.
            Evidence::Unlisted => self.unknown.iter().any(is_of_suspect),
            item => item.name().is_some_and(|name| self.unknown.contains(name)),
        };
        let items: Vec<Evidence> = if is_unknown {
            evidence.clone()
        } else {
            evidence.iter().filter(about_unknown).cloned().collect()
        };
        (!items.is_empty()).then(|| ReportedAlert {
            identity: identity.clone(),
            served: stored.served,
            figures: stored.figures.clone(),
            count: stored.count,
            score: stored.score,
            since: stored.since,
            ..ReportedAlert::new(identity.kind, "", items)
        })
    }
}

/// Compares everything that a source reports now with the stored alerts; returns the alerts that are new or changed, to
/// be stored in place of those with the same identity.
///
/// Only alerts of the source itself are resolved when it does not report them, and only if it knows that they ended: what
/// is unknown, or counted in a flood, keeps its state. An identity that is unresolved for another source stays with that
/// source.
#[must_use]
pub fn reconcile(
    source: &str,
    stored: &[Alert],
    report: impl Into<Report>,
    now: Timestamp,
) -> Vec<Alert> {
    let mut report = report.into();
    let stored: BTreeMap<&AlertIdentity, &Alert> =
        stored.iter().map(|alert| (&alert.identity, alert)).collect();
    let own = || stored.values().filter(|alert| alert.source == source && !alert.is_resolved());
    let is_others = |seen: &ReportedAlert| {
        let before = stored.get(&seen.identity);
        before.is_some_and(|alert| alert.source != source && !alert.is_resolved())
    };
    let rank = |seen: &ReportedAlert| match stored.get(&seen.identity) {
        Some(alert) if alert.is_resolved() => Rank::New,
        Some(alert) if alert.covers(&seen.evidence) => Rank::Acknowledged,
        Some(alert) if alert.counted => Rank::New,
        Some(_) => Rank::Open,
        None => Rank::New,
    };
    let seen = std::mem::take(&mut report.seen);
    let unknown = own().filter_map(|alert| report.unknown_part(alert));
    let mut seen = merged(seen.into_iter().chain(unknown));
    seen.retain(|seen| !is_others(seen));
    let Flooded { kept, counted } = without_floods(source, seen, rank);
    let kept = kept.into_iter().map(|seen| Alert::raise(source, seen, now));
    // A flood counts them; those that were raised before are kept, so that nothing of them is forgotten.
    let counted = counted
        .into_iter()
        .filter(|seen| stored.get(&seen.identity).is_some_and(|alert| !alert.is_resolved()));
    let counted = counted.map(|seen| Alert { counted: true, ..Alert::raise(source, seen, now) });
    let current: BTreeMap<AlertIdentity, Alert> =
        kept.chain(counted).map(|alert| (alert.identity.clone(), alert)).collect();
    let resolved = own()
        .filter(|alert| !current.contains_key(&alert.identity))
        .map(|alert| Alert { counted: false, closed: Some(now), ..(*alert).clone() })
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
        reopened: before.reopened.clone(),
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
fn merged(seen: impl Iterator<Item = ReportedAlert>) -> Vec<ReportedAlert> {
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

/// The order in which alerts of one suspect with one score take the places that are free.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Open,
    New,
    Acknowledged,
}

/// The alerts of one report, within the limit for each namespace.
struct Flooded {
    /// The alerts within the limit, with one for each flood.
    kept: Vec<ReportedAlert>,
    /// The alerts that a flood counts.
    counted: Vec<ReportedAlert>,
}

/// Leaves each namespace [`MAX_OPEN`] alerts: the heaviest, and of equal ones those that are open already. Acknowledged
/// alerts do not count: acknowledging five makes room for the next five.
fn without_floods(
    source: &str,
    seen: Vec<ReportedAlert>,
    rank: impl Fn(&ReportedAlert) -> Rank,
) -> Flooded {
    let (mut kept, mut counted) = (Vec::new(), Vec::new());
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
        // The sort is stable, and `merged` ordered the alerts by identity.
        alerts.sort_by_cached_key(|seen| (Reverse(seen.score), rank(seen)));
        let rest = alerts.split_off(alerts.len().min(MAX_OPEN));
        kept.extend(alerts);
        if let Some(first) = rest.first() {
            let (count, score) = (rest.len() as u64, first.score);
            // Another alert among them reopens an acknowledged flood; another number does not.
            let items = rest.iter().map(|seen| Evidence::Counted { alert: seen.identity.clone() });
            // Each source has a flood of its own.
            let flood = ReportedAlert::new(AlertKind::Flood, source, items).of_namespace(&suspect);
            kept.push(ReportedAlert { count, score, ..flood });
            counted.extend(rest);
        }
    }
    Flooded { kept, counted }
}
