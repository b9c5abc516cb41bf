use std::collections::BTreeMap;

use super::record::{Alert, Observation, State, id};
use crate::model::Instant;

/// How many alerts of one source may be open for one suspect namespace.
pub const MAX_OPEN: usize = 5;
const FLOOD: &str = "flood";
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
    let lasting = |seen: &Observation| {
        let id = id(source, seen.kind, &seen.subject, &seen.suspect);
        stored.get(id.as_str()).is_some_and(|alert| !alert.is_over())
    };
    let current: BTreeMap<String, Alert> = without_floods(seen, lasting)
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
    let what = |it: &Alert| (it.detail.clone(), it.count, it.served, it.score);
    if what(before) == what(&now) {
        return None;
    }
    let is_worse = now.score >= before.score.map(|score| score + WAKING);
    let is_same = before.detail == now.detail && !(is_worse && now.score.is_some());
    let state = match (&before.state, is_same) {
        (state @ State::Acknowledged { .. }, true) => state.clone(),
        _ => State::Open,
    };
    Some(Alert { raised: before.raised, state, ..now })
}

/// What is left when each namespace has no more than its share; what lasts goes before what is new,
/// so that a flood does not push out what a person may be looking at.
fn without_floods(
    mut seen: Vec<Observation>,
    lasting: impl Fn(&Observation) -> bool,
) -> Vec<Observation> {
    seen.sort();
    let mut kept = Vec::new();
    let mut by_suspect: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
    for observation in seen {
        match observation.served || observation.suspect.is_empty() {
            true => kept.push(observation),
            false => by_suspect.entry(observation.suspect.clone()).or_default().push(observation),
        }
    }
    for (suspect, mut observations) in by_suspect {
        observations.sort_by_key(|observation| !lasting(observation));
        let rest = observations.split_off(observations.len().min(MAX_OPEN));
        kept.extend(observations);
        if !rest.is_empty() {
            let detail = format!("more alerts of `{suspect}` than {MAX_OPEN}");
            let flood = Observation::new(FLOOD, "", detail).of_namespace(&suspect);
            kept.push(Observation { count: rest.len() as u64, ..flood });
        }
    }
    kept
}
