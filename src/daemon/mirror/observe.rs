use std::time::Duration;

use crate::alert::Observation;
use crate::config::{Origin, Upstream};
use crate::curation::Policy;
use crate::daemon::content::Content;
use crate::store::{Snapshot, StoreError, StoredHead};
use crate::sync::changed_members;

/// Where alerts about upstream files come from.
pub(super) const UPSTREAMS: &str = "upstreams";

/// What there is to say of upstream files that are refused.
pub(super) fn of_upstreams(refused: Option<&str>) -> Vec<Observation> {
    let observation = refused.map(|reason| {
        let detail = format!("the last good upstreams stay in force; {reason}");
        Observation::new("upstreams-refused", "upstreams", detail)
    });
    observation.into_iter().collect()
}

/// Where alerts about one upstream come from.
pub(super) fn source_of(upstream: &str) -> String {
    format!("upstream:{upstream}")
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
    policy: &Policy<'_>,
) -> Result<Vec<Observation>, StoreError> {
    let now = policy.now;
    let id = &upstream.id;
    let state = snapshot.upstream(id)?;
    let mut seen = Vec::new();
    if let Some(failure) = &state.last_failure {
        let since = state.last_success.map_or("ever".to_owned(), |at| format!("since {at}"));
        let detail =
            format!("no pass was accepted {since}; the last one failed: {}", failure.reason);
        seen.push(Observation::new("upstream-failing", id, detail));
    }
    let patience = (upstream.sync.interval * 6).max(LEAST_PATIENCE);
    let waited_since = state.last_success.or(state.last_attempt);
    if state.last_failure.is_none() && waited_since.is_some_and(|at| now.since(at) > patience) {
        let minutes = patience.as_secs() / 60;
        let detail = format!("no pass was accepted for more than {minutes} minutes");
        seen.push(Observation::new("stale", id, detail));
    }
    if let Some(held) = &state.held {
        let why: Vec<String> = held.trips.iter().map(ToString::to_string).collect();
        let detail = format!(
            "{} rows are held as {id}@{}: {}; look, then `vidimus sync --release` or `--discard`",
            held.rows,
            held.id,
            why.join("; ")
        );
        seen.push(Observation::new("held", id, detail));
    }
    if let (Some(newest), Origin::Registry(_)) = (state.newest_updated_at, &upstream.origin)
        && now.since(newest) > upstream.rails.frozen_after
    {
        let days = upstream.rails.frozen_after.as_secs() / 86_400;
        let detail = format!("nothing changed upstream since {newest}, more than {days} days");
        seen.push(Observation::new("frozen", id, detail));
    }
    if let Some(ahead) = state.clock_ahead.filter(|ahead| ahead.unsigned_abs() > MAX_SKEW_SECONDS) {
        let detail = format!("our clock and upstream's differ by about {} minutes", ahead / 60);
        seen.push(Observation::new("clock-skew", id, detail));
    }
    for name in &state.over_limit {
        let detail = "it has more versions or bytes than are kept; the rest is in quarantine";
        seen.push(Observation::new("name-limit", name, detail));
    }
    if state.from_future > 0 {
        let detail = "rows have an `updatedAt` that upstream's own clock has not reached";
        let future = Observation::new("future-update", id, detail);
        seen.push(Observation { count: state.from_future, ..future });
    }
    if matches!(upstream.origin, Origin::Files(_)) {
        seen.extend(unreadable_files(snapshot, id)?);
    }
    seen.extend(shrunk(snapshot, id)?);
    seen.extend(missing(snapshot, id)?);
    seen.extend(drifted(snapshot, policy, id)?);
    seen.extend(replaced(snapshot, policy, id)?);
    Ok(seen)
}

/// Whoever keeps files keeps them by hand, and wants to hear of a slip.
fn unreadable_files(snapshot: &Snapshot, id: &str) -> Result<Option<Observation>, StoreError> {
    const SHOWN: usize = 200;
    let (mut first, mut count) = (None, 0);
    for row in snapshot.quarantined()? {
        let Ok(row) = row else { continue };
        if row.upstream == id {
            count += 1;
            first.get_or_insert(row.row);
        }
    }
    Ok(first.map(|row| {
        let text: String = row.item.chars().take(SHOWN).collect();
        let detail =
            format!("a file or entry is not usable and not served: {}: {text}", row.reason);
        Observation { count, ..Observation::new("quarantined", id, detail) }
    }))
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
    let detail = format!("complete walks miss {MIN_ABSENT_PERCENT} % or more of what is stored");
    let shrunk = Observation::new("shrunk", upstream, detail);
    Ok((absent * 100 >= rows * MIN_ABSENT_PERCENT)
        .then_some(Observation { count: absent, ..shrunk }))
}

/// Entries that were served and that complete walks do not see.
fn missing(snapshot: &Snapshot, upstream: &str) -> Result<Vec<Observation>, StoreError> {
    let mut seen = Vec::new();
    for (name, version, absence) in snapshot.absences(upstream)? {
        if !snapshot.has_shown(&name, &version)? {
            continue;
        }
        let since = absence.since;
        let detail = match absence.hidden {
            None => format!("not seen in complete walks since {since}; served until more miss it"),
            Some(at) => format!("not seen in complete walks since {since}; hidden since {at}"),
        };
        let missing = Observation::new("missing", format!("{name}@{version}"), detail);
        seen.push(missing.about_served(true));
    }
    Ok(seen)
}

/// Published entries whose content upstream changed.
fn drifted(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    upstream: &str,
) -> Result<Vec<Observation>, StoreError> {
    let mut seen = Vec::new();
    for stored in snapshot.all_rewritten(upstream)? {
        let (Ok(first), Ok(mut others)) = (snapshot.entry(&stored), snapshot.others(&stored))
        else {
            continue;
        };
        // Upstream may have gone back to the first content.
        let Some(other) = others.pop().filter(|it| it.head.sent == stored.head.sent) else {
            continue;
        };
        let standing = policy.about(&stored.name).standing(&stored.version, upstream);
        let in_force = Content::of(snapshot, &stored, &standing)?;
        if in_force.adopted.is_some_and(|adopted| adopted.head.received == other.head.received) {
            continue;
        }
        let changes = changed_members(&first.server, &other.server).join("; ");
        let detail = format!("was {}, is {}: {changes}", first.head.received, other.head.received);
        seen.push(drift(snapshot, &stored, detail)?);
    }
    Ok(seen)
}

/// Entries that were purged and came back as something else.
fn replaced(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    upstream: &str,
) -> Result<Vec<Observation>, StoreError> {
    let mut seen = Vec::new();
    for (stored, purged) in snapshot.all_replaced(upstream)? {
        let standing = policy.about(&stored.name).standing(&stored.version, upstream);
        let pinned = standing.ruling.and_then(|(_, approval)| approval.digest);
        if pinned == Some(stored.head.received) {
            continue;
        }
        let (was, is) = (purged.received, stored.head.received);
        let detail = format!("it came back after it had been purged: was {was}, is {is}");
        seen.push(drift(snapshot, &stored, detail)?);
    }
    Ok(seen)
}

fn drift(
    snapshot: &Snapshot,
    stored: &StoredHead,
    detail: String,
) -> Result<Observation, StoreError> {
    let StoredHead { name, version, .. } = stored;
    let served = snapshot.shows(name.as_str(), version.as_str())?;
    let drift = Observation::new("drift", format!("{name}@{version}"), detail);
    Ok(drift.of_namespace(name.namespace()).about_served(served))
}
