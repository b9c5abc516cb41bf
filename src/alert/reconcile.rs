use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::record::{Alert, Observation, State, id};
use crate::model::Instant;

/// How many alerts of one source may be open for one suspect namespace.
pub const MAX_OPEN: usize = 5;
pub(super) const FLOOD: &str = "flood";
/// A score that rises by this much is news.
const WAKING: u8 = 10;

/// Compares all that a source sees now with its stored alerts; returns the alerts that are new or
/// changed, to be stored in place of those with the same id.
#[must_use]
pub fn reconcile(
    source: &str,
    stored: &[Alert],
    seen: Vec<Observation>,
    now: Instant,
) -> Vec<Alert> {
    let stored: BTreeMap<&str, &Alert> =
        stored.iter().map(|alert| (alert.id.as_str(), alert)).collect();
    let standing = |seen: &Observation| {
        let id = id(source, seen.kind, &seen.subject, &seen.suspect);
        match stored.get(id.as_str()).map(|alert| &alert.state) {
            Some(State::Acknowledged { .. }) => Standing::Acknowledged,
            Some(State::Open) => Standing::Open,
            Some(State::Closed { .. }) | None => Standing::New,
        }
    };
    let current: BTreeMap<String, Alert> = without_floods(seen, standing)
        .iter()
        .map(|seen| Alert::raise(source, seen, now))
        .map(|alert| (alert.id.clone(), alert))
        .collect();
    let over = stored
        .values()
        .filter(|alert| !alert.is_over() && !current.contains_key(&alert.id))
        .map(|alert| Alert { state: State::Closed { at: now }, ..(*alert).clone() })
        .collect::<Vec<_>>();
    current
        .into_values()
        .filter_map(|alert| match stored.get(alert.id.as_str()) {
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
    let is_same = before.detail == now.detail && !is_worse(before, &now);
    let (state, score) = match (&before.state, is_same) {
        // The score that somebody has seen stays the one to compare with.
        (state @ State::Acknowledged { .. }, true) => (state.clone(), before.score),
        _ => (State::Open, now.score),
    };
    let after = Alert { raised: before.raised, state, score, ..now };
    let what = |it: &Alert| (it.detail.clone(), it.count, it.served, it.score, it.state.clone());
    (what(before) != what(&after)).then_some(after)
}

/// Whether the score rose so much that it is news.
pub(super) fn is_worse(before: &Alert, now: &Alert) -> bool {
    now.score.is_some_and(|score| before.score.is_none_or(|before| score >= before + WAKING))
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
    mut seen: Vec<Observation>,
    standing: impl Fn(&Observation) -> Standing,
) -> Vec<Observation> {
    seen.sort();
    let mut kept = Vec::new();
    let mut by_suspect: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for observation in seen {
        let is_free = observation.served || observation.suspect.is_empty();
        match is_free || standing(&observation) == Standing::Acknowledged {
            true => kept.push(observation),
            false => by_suspect.entry(observation.suspect.clone()).or_default().push(observation),
        }
    }
    for (suspect, mut observations) in by_suspect {
        observations.sort_by_key(|it| (standing(it), Reverse(it.score)));
        let rest = observations.split_off(observations.len().min(MAX_OPEN));
        kept.extend(observations);
        if let Some(first) = rest.first() {
            // Another number, or another first one, is news to whoever has acknowledged it.
            let detail = format!(
                "{} alerts of `{suspect}` beyond {MAX_OPEN}, the first about {}",
                rest.len(),
                first.subject
            );
            let flood = Observation::new(FLOOD, "", detail).of_namespace(&suspect);
            kept.push(Observation { count: rest.len() as u64, score: first.score, ..flood });
        }
    }
    kept
}
