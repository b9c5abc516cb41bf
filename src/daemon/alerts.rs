use std::collections::BTreeMap;

use tracing::{error, info, warn};

use super::content::Content;
use super::pass::reason;
use super::publish::VIEW;
use super::speakers::speakers_of;
use super::{Clock, InForce, overlays::starter_warning};
use crate::alert::{Alert, Observation};
use crate::catalog::Shown;
use crate::config::{Origin, Upstream};
use crate::curation::{Policy, Speech};
use crate::lint::Finding;
use crate::model::{Escaped, Name, Version};
use crate::store::{Snapshot, Store, StoreError};
use crate::sync::changed_members;

/// Where alerts about overlays, and about upstream files, come from.
pub(super) const OVERLAYS: &str = "overlays";
pub(super) const UPSTREAMS: &str = "upstreams";
/// Where alerts about damage come from.
pub(super) const STORE: &str = "store";

/// Takes note of all that a source sees now, and tells what is new. A store that cannot take it
/// is told of too: the next look tries again.
pub(super) fn observe(store: &Store, clock: &Clock, source: &str, seen: Vec<Observation>) {
    match store.observe(source, seen, clock.now()) {
        Ok(changed) => changed.iter().for_each(tell),
        Err(failure) => error!(source, reason = %reason(&failure), "alerts could not be stored"),
    }
}

fn tell(alert: &Alert) {
    let Alert { id, kind, count, .. } = alert;
    let (subject, detail) = (Escaped(&alert.subject), Escaped(&alert.detail));
    if alert.is_over() {
        info!(alert = kind, id, %subject, "an alert is over");
    } else {
        warn!(alert = kind, id, %subject, count, %detail, "an alert was raised");
    }
}

/// What there is to say of the overlays in force.
pub(super) fn of_overlays(in_force: &InForce) -> Vec<Observation> {
    let refused = in_force.refused.then(|| {
        let first = in_force.findings.iter().find(|it| it.severity == crate::lint::Severity::Error);
        let finding = first.map(Finding::to_string).unwrap_or_default();
        let detail =
            format!("the last good set stays in force, with the denials on top; {finding}");
        Observation::new("overlays-refused", "overlays", detail)
    });
    let starter = starter_warning(in_force)
        .map(|finding| Observation::new("starter-in-force", "overlays", finding.to_string()));
    refused.into_iter().chain(starter).collect()
}

/// What there is to say of upstream files that are refused.
pub(super) fn of_upstreams(findings: &[Finding]) -> Vec<Observation> {
    let refused = findings.iter().find(|it| it.severity == crate::lint::Severity::Error);
    let observation = refused.map(|finding| {
        let detail = format!("the last good upstreams stay in force; {finding}");
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

/// What there is to say of an upstream after a pass.
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
    if let Some(held) = &state.held
        && !state.discarded.contains(&held.id)
    {
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
    let shown: BTreeMap<(Name, Version), Shown> = snapshot
        .ledger(VIEW)?
        .filter_map(Result::ok)
        .map(|(key, record)| (key, record.shown))
        .collect();
    seen.extend(shadowed(snapshot, policy, id)?);
    seen.extend(missing(snapshot, id, &shown)?);
    seen.extend(drifted(snapshot, policy, id, &shown)?);
    Ok(seen)
}

/// Names that the upstream lists and that another one speaks for, or nobody but an internal one
/// may: what could be a squatter, or a mirror of the same registry.
fn shadowed(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    upstream: &str,
) -> Result<Vec<Observation>, StoreError> {
    const SHOWN: usize = 5;
    let mut lost: BTreeMap<&'static str, Vec<Name>> = BTreeMap::new();
    let mut last: Option<Name> = None;
    let several = policy.speakers.len() > 1 || policy.overlays.has_internal();
    if !several {
        return Ok(Vec::new());
    }
    for stored in snapshot.heads_of_upstream(upstream)? {
        let Ok(stored) = stored else { continue };
        if last.as_ref() == Some(&stored.name) {
            continue;
        }
        let heads = snapshot.heads_of(&stored.name)?;
        let before = snapshot.served_from(&stored.name)?;
        let speakers = speakers_of(snapshot, policy, &stored.name, &heads, before.as_deref())?;
        let kind = match speakers.speech(upstream) {
            Speech::BelongsTo(_) => Some("shadowed"),
            Speech::Internal => Some("internal-name"),
            Speech::PassedFrom(_) => Some("passed-name"),
            Speech::May | Speech::Disabled | Speech::NotItsNamespace => None,
        };
        if let Some(kind) = kind {
            lost.entry(kind).or_default().push(stored.name.clone());
        }
        last = Some(stored.name);
    }
    let observation = |(kind, names): (&'static str, Vec<Name>)| {
        let first: Vec<&str> = names.iter().take(SHOWN).map(Name::as_str).collect();
        let detail = format!("it lists names that it does not speak for: {}", first.join(", "));
        Observation { count: names.len() as u64, ..Observation::new(kind, upstream, detail) }
    };
    Ok(lost.into_iter().map(observation).collect())
}

type ByEntry = BTreeMap<(Name, Version), Shown>;

/// Entries that were served and that complete walks do not see.
fn missing(
    snapshot: &Snapshot,
    upstream: &str,
    shown: &ByEntry,
) -> Result<Vec<Observation>, StoreError> {
    let mut seen = Vec::new();
    for (name, version, absence) in snapshot.absences(upstream)? {
        let (Ok(name), Ok(version)) = (Name::parse(&name), Version::parse(&version)) else {
            continue;
        };
        let subject = format!("{name}@{version}");
        let key = (name, version);
        if !shown.contains_key(&key) {
            continue;
        }
        let detail = match absence.hidden {
            None => format!(
                "not seen in complete walks since {}; served until more miss it",
                absence.since
            ),
            Some(at) => {
                format!("not seen in complete walks since {}; hidden since {at}", absence.since)
            }
        };
        seen.push(Observation::new("missing", subject, detail).about_served(true));
    }
    Ok(seen)
}

/// Published entries whose content upstream changed.
fn drifted(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    upstream: &str,
    shown: &ByEntry,
) -> Result<Vec<Observation>, StoreError> {
    let mut seen = Vec::new();
    for stored in snapshot.all_rewritten(upstream)? {
        let (Ok(first), Ok(Some(other))) = (snapshot.entry(&stored), snapshot.rewritten(&stored))
        else {
            continue;
        };
        let standing = policy.about(&stored.name).standing(&stored.version, upstream);
        if Content::of(snapshot, &stored, &standing)?.adopted.is_some() {
            continue;
        }
        let subject = format!("{}@{}", stored.name, stored.version);
        let namespace = stored.name.namespace().to_owned();
        let changes = changed_members(&first.server, &other.server).join("; ");
        let detail = format!("was {}, is {}: {changes}", first.head.received, other.head.received);
        let served = shown.get(&(stored.name, stored.version)) == Some(&Shown::Visible);
        let drift = Observation::new("drift", subject, detail);
        seen.push(drift.of_namespace(&namespace).about_served(served));
    }
    Ok(seen)
}
