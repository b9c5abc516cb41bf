use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use crate::alert::{AlertKind, Evidence, Figure, Observation};
use crate::config::{Origin, Upstream};
use crate::curation::{Dossier, DossierRow, EntryEvaluation, PolicySnapshot, Screening, evaluate};
use crate::model::{Digest, Instant, Name, Version};
use crate::store::{Snapshot, StoreError};
use crate::sync::{UpstreamState, changed_members};

/// Where alerts about upstream files come from.
pub(super) const UPSTREAMS: &str = "upstreams";

/// What there is to say of upstream files that are refused.
pub(super) fn of_upstreams(refused: Option<&str>) -> Vec<Observation> {
    let observation = refused.map(|reason| {
        let reason = Evidence::from(reason.to_owned());
        Observation::new(AlertKind::UpstreamsRefused, "upstreams", [reason])
    });
    observation.into_iter().collect()
}

/// Where alerts about one upstream come from.
pub(super) fn source_of(upstream: &str) -> String {
    format!("upstream:{upstream}")
}

/// Names what several upstreams could tell of, so that their alerts have identities of their own.
fn of(upstream: &str, what: impl Display) -> String {
    format!("{what} of {upstream}")
}

/// A clock that is wrong by more than this makes approvals end at the wrong time.
const MAX_SKEW_SECONDS: u64 = 600;

/// A pass that goes on for longer than this, and than six intervals, is worth a look.
const LEAST_PATIENCE: Duration = Duration::from_hours(1);

/// What there is to say of an upstream, during and after a pass.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn of_upstream(
    snapshot: &Snapshot,
    upstream: &Upstream,
    policy: &PolicySnapshot,
    now: Instant,
) -> Result<Vec<Observation>, StoreError> {
    let id = &upstream.id;
    let state = snapshot.upstream(id)?;
    let mut seen = of_state(&state, upstream, now);
    if matches!(upstream.origin, Origin::Files(_)) {
        seen.extend(unreadable_files(snapshot, id)?);
    }
    seen.extend(shrunk(snapshot, id)?);
    seen.extend(missing(snapshot, policy, id)?);
    seen.extend(drifted(snapshot, policy, id, now)?);
    seen.extend(replaced(snapshot, policy, id, now)?);
    Ok(seen)
}

/// What there is to say of an upstream by what is remembered of its passes.
fn of_state(state: &UpstreamState, upstream: &Upstream, now: Instant) -> Vec<Observation> {
    let id = &upstream.id;
    let mut seen = of_passes(state, upstream, now);
    if let Some(held) = &state.held {
        let set = Evidence::Held { upstream: id.clone(), set: held.id.clone() };
        let limits = held.trips.iter().map(|trip| {
            let (found, allowed) = (trip.found.clone(), trip.allowed.clone());
            Figure::Limit { found, allowed }
        });
        let figures = [Figure::Rows { count: held.rows }].into_iter().chain(limits).collect();
        let seen_held = Observation::new(AlertKind::Held, id, [set]).since(Some(held.since));
        seen.push(Observation { figures, ..seen_held });
    }
    if let Some(ahead) = state.clock_ahead.filter(|ahead| ahead.unsigned_abs() > MAX_SKEW_SECONDS) {
        let skew = Evidence::ClockSkew { upstream_is_ahead: ahead > 0 };
        let figures = vec![Figure::MinutesApart { minutes: ahead.unsigned_abs() / 60 }];
        let skewed = Observation::new(AlertKind::ClockSkew, id, [skew]);
        seen.push(Observation { figures, ..skewed });
    }
    for name in &state.over_limit {
        seen.push(Observation::new(AlertKind::NameLimit, of(id, name), []));
    }
    if state.from_future > 0 {
        let future = Observation::new(AlertKind::FutureUpdate, id, []);
        seen.push(Observation { count: state.from_future, ..future });
    }
    seen
}

/// That passes fail, hang, or find nothing new.
fn of_passes(state: &UpstreamState, upstream: &Upstream, now: Instant) -> Vec<Observation> {
    let id = &upstream.id;
    let mut seen = Vec::new();
    if let Some(failure) = &state.last_failure {
        let item = Evidence::SyncFailure { class: failure.class };
        let failing = Observation::new(AlertKind::UpstreamFailing, id, [item]);
        let figures = vec![Figure::Reason { text: failure.reason.clone() }];
        seen.push(Observation { figures, ..failing.since(state.last_success) });
    }
    let patience = (upstream.sync.interval * 6).max(LEAST_PATIENCE);
    let waited_since = state.last_success.or(state.last_attempt);
    if state.last_failure.is_none() && waited_since.is_some_and(|at| now.since(at) > patience) {
        let figures = vec![Figure::LongerThanMinutes { minutes: patience.as_secs() / 60 }];
        let stale = Observation::new(AlertKind::Stale, id, []).since(waited_since);
        seen.push(Observation { figures, ..stale });
    }
    if let (Some(newest), Origin::Registry(_)) = (state.newest_updated_at, &upstream.origin)
        && now.since(newest) > upstream.rails.frozen_after
    {
        let days = upstream.rails.frozen_after.as_secs() / 86_400;
        let frozen = Observation::new(AlertKind::Frozen, id, []).since(Some(newest));
        seen.push(Observation { figures: vec![Figure::LongerThanDays { days }], ..frozen });
    }
    seen
}

/// Whoever keeps files keeps them by hand, and wants to hear of a slip.
fn unreadable_files(snapshot: &Snapshot, id: &str) -> Result<Option<Observation>, StoreError> {
    const SHOWN: usize = 200;
    let (mut items, mut count) = (Vec::new(), 0);
    for row in snapshot.quarantined()? {
        let row = row?;
        if row.upstream == id {
            count += 1;
            let text = row.row.item.chars().take(SHOWN).collect();
            items.push(Evidence::Unusable { reason: row.row.reason, text });
        }
    }
    let unusable = Observation::new(AlertKind::Quarantined, id, items);
    Ok((count > 0).then_some(Observation { count, ..unusable }))
}

/// Fewer absences than this, or a smaller share of all rows, are an upstream's everyday life.
const MIN_ABSENT: u64 = 3;
const MIN_ABSENT_PERCENT: u64 = 3;

/// That an upstream lost much, served or not, though not so much that the walk was held.
fn shrunk(snapshot: &Snapshot, upstream: &str) -> Result<Option<Observation>, StoreError> {
    let absent = snapshot.count_absences(upstream)?;
    if absent < MIN_ABSENT {
        return Ok(None);
    }
    let (rows, _) = snapshot.count(upstream)?;
    let shrunk = Observation::new(AlertKind::Shrunk, upstream, []);
    Ok((absent * 100 >= rows * MIN_ABSENT_PERCENT)
        .then_some(Observation { count: absent, ..shrunk }))
}

/// Entries that were served and that complete walks do not see.
fn missing(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
) -> Result<Vec<Observation>, StoreError> {
    let mut seen = Vec::new();
    for (name, version, absence) in snapshot.absences(upstream)? {
        if !snapshot.has_shown(&policy.views, &name, &version)? {
            continue;
        }
        let item = Evidence::Missing { is_hidden: absence.hidden.is_some() };
        let subject = of(upstream, format_args!("{name}@{version}"));
        let missing = Observation::new(AlertKind::Missing, subject, [item]);
        let missing = missing.since(Some(absence.hidden.unwrap_or(absence.since)));
        seen.push(missing.about_served(true));
    }
    Ok(seen)
}

/// Published entries whose content upstream changed, unless an approval pins what it has now.
fn drifted(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
    now: Instant,
) -> Result<Vec<Observation>, StoreError> {
    let rewritten = snapshot.all_rewritten(upstream)?;
    let names = rewritten.into_iter().map(|stored| stored.name).collect();
    of_entries(snapshot, policy, upstream, &names, now, |dossier, entry| {
        let (row, Some(other)) = (entry.row, entry.unadopted_content()) else { return Ok(None) };
        let body = |content| match snapshot.body(&dossier.name, row, content) {
            // It is named by an alert of its own; what changed is not known, that something did is.
            Err(StoreError::Damaged(_)) => Ok(Box::from("{}")),
            body => Ok::<_, StoreError>(body?.server),
        };
        let changes = changed_members(&body(entry.content)?, &body(other)?);
        let (first, now) = (entry.content.head.received, other.head.received);
        Ok(Some(drift(dossier, row, Evidence::Drift { first, now, changes })))
    })
}

/// Entries that were purged and came back as something else, unless an approval pins it.
fn replaced(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
    now: Instant,
) -> Result<Vec<Observation>, StoreError> {
    let replaced = snapshot.all_replaced(upstream)?.into_iter();
    let purged: BTreeMap<(Name, Version), Digest> =
        replaced.map(|(stored, purged)| ((stored.name, stored.version), purged.received)).collect();
    let names = purged.keys().map(|(name, _)| name.clone()).collect();
    of_entries(snapshot, policy, upstream, &names, now, |dossier, entry| {
        let key = (dossier.name.clone(), entry.row.version.clone());
        let purged = purged.get(&key).filter(|_| !entry.is_content_reviewed());
        let now = entry.row.content.head.received;
        Ok(purged
            .map(|purged| drift(dossier, entry.row, Evidence::Replaced { purged: *purged, now })))
    })
}

/// Evaluates names, and collects what there is to say of the entries of one upstream. What is said here
/// depends on no comparison.
fn of_entries(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
    names: &BTreeSet<Name>,
    now: Instant,
    say: impl Fn(&Dossier, &EntryEvaluation<'_>) -> Result<Option<Observation>, StoreError>,
) -> Result<Vec<Observation>, StoreError> {
    let screening = Screening::default();
    let mut seen = Vec::new();
    for name in names {
        let dossier = snapshot.dossier(name, policy)?;
        let evaluation = evaluate(&dossier, policy, &screening, now);
        let entries = evaluation.entries.iter().filter(|entry| entry.row.upstream == upstream);
        for entry in entries {
            seen.extend(say(&dossier, entry)?);
        }
    }
    Ok(seen)
}

fn drift(dossier: &Dossier, row: &DossierRow, item: Evidence) -> Observation {
    let subject = of(&row.upstream, format_args!("{}@{}", dossier.name, row.version));
    let drift = Observation::new(AlertKind::Drift, subject, [item]);
    let served = dossier.is_visible(&row.version);
    drift.of_namespace(dossier.name.namespace()).about_served(served)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SyncSettings, Trust};
    use crate::model::{FailureClass, NamespaceRules};
    use crate::sync::{Failure, Held, Rails};

    fn upstream(id: &str) -> Upstream {
        Upstream {
            id: id.to_owned(),
            origin: Origin::Files("ours".into()),
            trust: Trust::External,
            priority: 1,
            enabled: true,
            token_file: None,
            ca_file: None,
            sync: SyncSettings::default(),
            rails: Rails::default(),
            namespaces: NamespaceRules::default(),
            requests_per_hour: 1,
        }
    }

    #[test]
    fn two_upstreams_never_raise_the_same_identity() {
        let now = Instant::from_micros(1);
        let failure = Failure { at: now, class: FailureClass::Fetch, reason: "no".into() };
        let held = Held { id: "0".into(), since: now, rows: 1, complete: true, trips: vec![] };
        let state = UpstreamState {
            last_failure: Some(failure),
            held: Some(held),
            clock_ahead: Some(-9_000),
            over_limit: ["com.example/tool".to_owned()].into_iter().collect(),
            from_future: 1,
            ..UpstreamState::default()
        };
        let seen = |id: &str| of_state(&state, &upstream(id), now);
        let identities: BTreeSet<_> =
            seen("a").into_iter().chain(seen("b")).map(|seen| seen.identity).collect();
        assert_eq!(identities.len(), 10, "{identities:?}");
    }
}
