use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use super::definitions::Refusals;
use super::limit::limit_now;
use crate::alert::{AlertIdentity, AlertKind, Evidence, Figure, Report, ReportedAlert};
use crate::config::{Origin, Upstream};
use crate::curation::{
    Dossier, DossierRow, EntryEvaluation, Evidence as Gated, PolicySnapshot, Screening, evaluate,
};
use crate::model::{
    Digest, FailureClass, Name, Quarantined, RoomLimit, Timestamp, Version, changed_members,
};
use crate::store::{Snapshot, StoreError};
use crate::sync::{MAX_SKEW, OutOfRoom, UpstreamState};

/// The source of alerts about upstream files.
pub(super) const UPSTREAMS: &str = "upstreams";

/// Returns the alerts about refused upstream files and about what they name, one for each upstream.
pub(super) fn of_upstreams(refused: &[Refusals]) -> Vec<ReportedAlert> {
    let mut by_upstream: BTreeMap<&str, Vec<Evidence>> = BTreeMap::new();
    for (upstream, reasons) in refused.iter().flatten() {
        let reasons = reasons.iter().cloned().map(Evidence::from);
        by_upstream.entry(upstream).or_default().extend(reasons);
    }
    let alerts = by_upstream.into_iter();
    alerts.map(|(of, why)| ReportedAlert::new(AlertKind::UpstreamsRefused, of, why)).collect()
}

/// Returns the source of alerts about one upstream.
pub(super) fn source_of(upstream: &str) -> String {
    format!("upstream:{upstream}")
}

/// Returns the subject of an alert that several upstreams could raise, so that its identity is unique.
fn of(upstream: &str, what: impl Display) -> String {
    format!("{what} of {upstream}")
}

/// A sync run that takes longer than this, and than six intervals, raises an alert.
const LEAST_PATIENCE: Duration = Duration::from_hours(1);

/// Returns the alerts about an upstream, during and after a sync run.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn of_upstream(
    snapshot: &Snapshot,
    upstream: &Upstream,
    policy: &PolicySnapshot,
    now: Timestamp,
) -> Result<Report, StoreError> {
    let id = &upstream.id;
    let state = snapshot.upstream(id)?;
    let state = UpstreamState { out_of_room: limit_now(snapshot, &state)?, ..state };
    let mut unknown_alerts = BTreeSet::new();
    let mut seen = of_state(&state, upstream, now);
    if matches!(upstream.origin, Origin::Files(_)) {
        let (quarantined, is_all) = unreadable_files(snapshot, id)?;
        if !is_all {
            unknown_alerts = stored_about_files(snapshot, id)?;
        }
        seen.extend(quarantined);
    }
    seen.extend(shrunk(snapshot, id)?);
    seen.extend(missing(snapshot, policy, id)?);
    seen.extend(drifted(snapshot, policy, id, now)?);
    seen.extend(replaced(snapshot, policy, id, now)?);
    let unknown = unreadable_names(snapshot, policy, id)?;
    Ok(Report { seen, unknown, unknown_alerts })
}

/// Returns the names that stored alerts about an upstream are about, and that have a damaged row now.
fn unreadable_names(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
) -> Result<BTreeSet<Name>, StoreError> {
    let source = source_of(upstream);
    let alerts = snapshot.alerts()?.into_iter();
    let lasting = alerts.filter(|alert| alert.source == source && !alert.is_resolved());
    let names: BTreeSet<Name> =
        lasting.filter_map(|alert| Name::parse(alert.identity.name()?).ok()).collect();
    let mut unreadable = BTreeSet::new();
    for name in names {
        if !snapshot.dossier(&name, policy)?.damaged.is_empty() {
            unreadable.insert(name);
        }
    }
    Ok(unreadable)
}

/// Returns the alerts that follow from the stored state of an upstream.
fn of_state(state: &UpstreamState, upstream: &Upstream, now: Timestamp) -> Vec<ReportedAlert> {
    let id = &upstream.id;
    let mut seen = of_runs(state, upstream, now);
    if let Some(on_hold) = &state.on_hold {
        let set = Evidence::OnHold { upstream: id.clone(), set: on_hold.shown };
        let limits = on_hold
            .exceeded
            .iter()
            .map(|exceeded| Figure::Limit { found: exceeded.found(), allowed: exceeded.allowed() });
        let figures = [Figure::Rows { count: on_hold.rows }].into_iter().chain(limits).collect();
        // A deletion that waits keeps something served that the upstream withdraws.
        let on_hold = ReportedAlert::new(AlertKind::OnHold, id, [set])
            .since(Some(on_hold.since))
            .of_served(on_hold.has_deletions());
        seen.push(ReportedAlert { figures, ..on_hold });
    }
    if let Some(ahead) = state.clock_ahead.filter(|ahead| ahead.unsigned_abs() > MAX_SKEW.as_secs())
    {
        let skew = Evidence::ClockSkew { upstream_is_ahead: ahead > 0 };
        let figures = vec![Figure::MinutesApart { minutes: ahead.unsigned_abs() / 60 }];
        let skewed = ReportedAlert::new(AlertKind::ClockSkew, id, [skew]);
        seen.push(ReportedAlert { figures, ..skewed });
    }
    for run in &state.backdated {
        let items = run.items.iter().map(|item| Evidence::Backdated {
            name: item.name.clone(),
            version: item.version.clone(),
            received: item.received,
            published: item.published,
        });
        let is_cut = run.count > run.items.len() as u64;
        let items = items.chain(is_cut.then_some(Evidence::Unlisted));
        let subject = of(id, format_args!("the sync run accepted {}", run.at.to_rfc3339()));
        let backdated = ReportedAlert::new(AlertKind::Backdated, subject, items);
        seen.push(ReportedAlert { count: run.count, ..backdated.since(Some(run.at)) });
    }
    for name in &state.over_limit {
        seen.push(ReportedAlert::new(AlertKind::NameLimit, of(id, name), []));
    }
    for party in &state.crowded {
        let all = of(id, format_args!("names of {party}"));
        seen.push(ReportedAlert::new(AlertKind::NameLimit, all, []));
    }
    if state.from_future > 0 {
        let future = ReportedAlert::new(AlertKind::FutureUpdate, id, []);
        seen.push(ReportedAlert { count: state.from_future, ..future });
    }
    seen
}

/// Returns alerts about sync runs that fail, hang, or find no updates.
fn of_runs(state: &UpstreamState, upstream: &Upstream, now: Timestamp) -> Vec<ReportedAlert> {
    let id = &upstream.id;
    let mut seen = Vec::new();
    let since = state.out_of_room.map(|limit| limit.since);
    if let Some(limit) = state.out_of_room.or_else(|| beyond_its_size(state, upstream)) {
        let size = Figure::Limit { found: limit.found(), allowed: limit.allowed() };
        let rows = (limit.rows > 0).then_some(Figure::LeftOut { rows: limit.rows });
        let figures = std::iter::once(size).chain(rows).collect();
        let item = Evidence::NoRoom { limit: limit.limit };
        let left_out = ReportedAlert::new(AlertKind::SizeLimit, id, [item]).since(since);
        seen.push(ReportedAlert { figures, ..left_out });
    }
    // That a limit left content out has an alert of its own.
    let failure = state.last_failure.as_ref().filter(|failure| failure.class != FailureClass::Room);
    if let Some(failure) = failure {
        let item = Evidence::SyncFailure { class: failure.class };
        let failing = ReportedAlert::new(AlertKind::UpstreamFailing, id, [item]);
        let figures = vec![Figure::Reason { text: failure.reason.clone() }];
        seen.push(ReportedAlert { figures, ..failing.since(state.last_success) });
    }
    let patience = (upstream.sync.interval * 6).max(LEAST_PATIENCE);
    let waited_since = state.last_success.or(state.last_attempt);
    if state.last_failure.is_none() && waited_since.is_some_and(|at| now.since(at) > patience) {
        let figures = vec![Figure::LongerThanMinutes { minutes: patience.as_secs() / 60 }];
        let stale = ReportedAlert::new(AlertKind::Stale, id, []).since(waited_since);
        seen.push(ReportedAlert { figures, ..stale });
    }
    if let (Some(newest), Origin::Registry(_)) = (state.newest_updated_at, &upstream.origin)
        && now.since(newest) > upstream.safety_limits.frozen_after
    {
        let days = upstream.safety_limits.frozen_after.as_secs() / 86_400;
        let frozen = ReportedAlert::new(AlertKind::Frozen, id, []).since(Some(newest));
        seen.push(ReportedAlert { figures: vec![Figure::LongerThanDays { days }], ..frozen });
    }
    seen
}

/// Returns the limit on the content of an upstream if it has more, since the limit was lowered: the next content is left
/// out.
fn beyond_its_size(state: &UpstreamState, upstream: &Upstream) -> Option<OutOfRoom> {
    let (found, allowed) = (state.bytes?, upstream.max_size);
    (found > allowed).then_some(OutOfRoom::new(RoomLimit::Upstream, found, allowed))
}

/// Returns an alert about each row of files in quarantine, which operators edit by hand, and true if every row was read.
/// The upstream is their suspect, so that many of them are a flood.
fn unreadable_files(
    snapshot: &Snapshot,
    id: &str,
) -> Result<(Vec<ReportedAlert>, bool), StoreError> {
    const SHOWN: usize = 200;
    let mut seen = Vec::new();
    let mut rows = snapshot.quarantined()?;
    for row in rows.by_ref() {
        let row = row?;
        if row.upstream == id {
            let Quarantined { reason, item, .. } = &row.row;
            let text = item.chars().take(SHOWN).collect();
            let (reason, digest) = (reason.clone(), Digest::of(item.as_bytes()));
            let item = Evidence::Unusable { reason, text, item: digest };
            let unusable = ReportedAlert::new(AlertKind::Quarantined, subject_of(&row.row), [item]);
            seen.push(unusable.of_namespace(id));
        }
    }
    Ok((seen, rows.damage().is_empty()))
}

/// Returns the words by which people find a row in quarantine: its name and version, or its file.
fn subject_of(row: &Quarantined) -> String {
    let Quarantined { name, version, .. } = row;
    match row.file() {
        Some(file) => file,
        None if name.is_empty() => format!("the item {version}"),
        None => format!("{name}@{version}"),
    }
}

/// Returns the open alerts about files of an upstream.
fn stored_about_files(
    snapshot: &Snapshot,
    id: &str,
) -> Result<BTreeSet<AlertIdentity>, StoreError> {
    let source = source_of(id);
    let alerts = snapshot.alerts()?.into_iter();
    let alerts = alerts.filter(|alert| alert.source == source && !alert.is_resolved());
    let about_files = alerts.filter(|alert| alert.kind() == AlertKind::Quarantined);
    Ok(about_files.map(|alert| alert.identity).collect())
}

/// Fewer absences than this, or a smaller share of all rows, are normal for an upstream.
const MIN_ABSENT: u64 = 3;
const MIN_ABSENT_PERCENT: u64 = 3;

/// Returns an alert about an upstream that lost many rows, served or not, within the safety limits.
fn shrunk(snapshot: &Snapshot, upstream: &str) -> Result<Option<ReportedAlert>, StoreError> {
    let absent = snapshot.count_absences(upstream)?;
    if absent < MIN_ABSENT || absent * 100 < snapshot.count(upstream)?.0 * MIN_ABSENT_PERCENT {
        return Ok(None);
    }
    let absences = snapshot.absences(upstream)?.into_iter();
    let items = absences.map(|(name, version, _)| Evidence::Absent { name, version });
    let shrunk = ReportedAlert::new(AlertKind::Shrunk, upstream, items);
    Ok(Some(ReportedAlert { count: absent, ..shrunk }))
}

/// Returns alerts about served entries that full syncs do not see.
fn missing(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
) -> Result<Vec<ReportedAlert>, StoreError> {
    let mut seen = Vec::new();
    for (name, version, absence) in snapshot.absences(upstream)? {
        if !snapshot.has_shown(&policy.views, &name, &version)? {
            continue;
        }
        let item = Evidence::Missing { is_hidden: absence.hidden.is_some() };
        let subject = of(upstream, format_args!("{name}@{version}"));
        let missing = ReportedAlert::new(AlertKind::Missing, subject, [item]);
        let missing = missing.since(Some(absence.hidden.unwrap_or(absence.since)));
        seen.push(missing.of_served(true));
    }
    Ok(seen)
}

/// Members of a difference that an alert shows; the digests bind all of them.
const MAX_MEMBERS: usize = 100;

/// Returns alerts about published entries with content that the upstream changed, unless an approval pins
/// the new content.
fn drifted(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
    now: Timestamp,
) -> Result<Vec<ReportedAlert>, StoreError> {
    let rewritten = snapshot.all_rewritten(upstream)?;
    let names = rewritten.into_iter().map(|stored| stored.name).collect();
    of_entries(snapshot, policy, upstream, &names, now, |dossier, entry| {
        let row = entry.row;
        // A version that a rule suspends stays so when the upstream takes the change back.
        let is_suspended = matches!(entry.hidden_by(), Some((_, Gated::Drifted { .. })));
        let suspended = || row.others.last().filter(|_| is_suspended);
        let Some(other) = entry.unadopted_content().or_else(suspended) else { return Ok(None) };
        let body = |content| match snapshot.body(&dossier.name, row, content) {
            // A damaged row has its own alert; the members that changed are unknown.
            Err(StoreError::Damaged(_)) => Ok(Box::from("{}")),
            body => Ok::<_, StoreError>(body?.server),
        };
        let changes = changed_members(&body(entry.content)?, &body(other)?, MAX_MEMBERS);
        let (first, now) = (entry.content.head.received, other.head.received);
        Ok(Some(drift(dossier, row, Evidence::Drift { first, now, changes })))
    })
}

/// Returns alerts about purged entries that came back with other content, unless an approval pins it.
fn replaced(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
    now: Timestamp,
) -> Result<Vec<ReportedAlert>, StoreError> {
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

/// Evaluates names, and collects the alerts about the entries of one upstream. They do not depend on
/// screening.
fn of_entries(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    upstream: &str,
    names: &BTreeSet<Name>,
    now: Timestamp,
    alert_of: impl Fn(&Dossier, &EntryEvaluation<'_>) -> Result<Option<ReportedAlert>, StoreError>,
) -> Result<Vec<ReportedAlert>, StoreError> {
    let screening = Screening::default();
    let mut seen = Vec::new();
    for name in names {
        let dossier = snapshot.dossier(name, policy)?;
        let evaluation = evaluate(&dossier, policy, &screening, now);
        let entries = evaluation.entries.iter().filter(|entry| entry.row.upstream == upstream);
        for entry in entries {
            seen.extend(alert_of(&dossier, entry)?);
        }
    }
    Ok(seen)
}

fn drift(dossier: &Dossier, row: &DossierRow, item: Evidence) -> ReportedAlert {
    let subject = of(&row.upstream, format_args!("{}@{}", dossier.name, row.version));
    let drift = ReportedAlert::new(AlertKind::Drift, subject, [item]);
    let served = dossier.is_visible(&row.version);
    drift.of_namespace(dossier.name.namespace()).of_served(served)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertReport;
    use crate::config::{SyncSettings, Trust};
    use crate::model::{FailureClass, NamespaceRules};
    use crate::store::{Batch, Destination, Store};
    use crate::sync::{ChangeSet, Failure, Row, SafetyLimits};

    fn upstream(id: &str) -> Upstream {
        Upstream {
            id: id.to_owned(),
            origin: Origin::Files("ours".into()),
            trust: Trust::External,
            priority: 1,
            enabled: true,
            trust_dates: false,
            token_file: None,
            ca_file: None,
            sync: SyncSettings::default(),
            safety_limits: SafetyLimits::default(),
            namespaces: NamespaceRules::default(),
            requests_per_hour: 1,
            max_size: u64::MAX,
        }
    }

    /// P53: the beginning of a row is all that an alert shows of it, and all of it is what an acknowledgement covers.
    #[test]
    fn changed_end_of_a_long_row_is_covered_by_no_old_acknowledgement() {
        let store = Store::ephemeral(Timestamp::from_micros(0)).expect("a store");
        let items = |end: &str| {
            let item = format!("{{\"name\": \"{}{end}\"}}", "x".repeat(1_000));
            let row = Row::Quarantined(Quarantined {
                name: "com.example/tool".into(),
                version: "1.0.0".into(),
                reason: "why".into(),
                item: item.into(),
            });
            store
                .commit(&Batch::of("ours", &[row], Destination::Live, Timestamp::from_micros(1)))
                .expect("committed");
            let snapshot = store.snapshot().expect("a snapshot");
            let (mut alerts, is_all) = unreadable_files(&snapshot, "ours").expect("read");
            assert!(is_all && alerts.len() == 1);
            let alert = alerts.remove(0);
            assert_eq!(alert.identity.subject, "com.example/tool@1.0.0");
            alert.evidence
        };
        let (first, second) = (items("a"), items("b"));
        assert_ne!(first, second);
    }

    #[test]
    fn upstream_with_more_content_than_its_limit_is_reported_once_and_until_there_is_room() {
        let now = Timestamp::from_micros(1);
        let definition = Upstream { max_size: 1 << 20, ..upstream("ours") };
        let reached = OutOfRoom { since: now, ..OutOfRoom::new(RoomLimit::Disk, 1, 2) };
        let failure = Failure { at: now, class: FailureClass::Room, reason: "no".into() };
        for (bytes, out_of_room, wanted) in [
            (None, None, None),
            (Some(1 << 20), None, None),
            (Some(3 << 20), None, Some("3 MiB of content")),
            (Some(3 << 20), Some(reached), Some("of the disk are free")),
        ] {
            let last_failure = out_of_room.map(|_| failure.clone());
            let state = UpstreamState { last_failure, bytes, out_of_room, ..Default::default() };
            let seen = of_state(&state, &definition, now);
            let found: Vec<_> = seen.iter().map(|alert| alert.identity.kind).collect();
            let kinds = wanted.map(|_| AlertKind::SizeLimit);
            assert_eq!(found, Vec::from_iter(kinds), "{bytes:?}");
            let detail = seen.first().map(|alert| alert.figures[0].to_string());
            assert!(detail.unwrap_or_default().contains(wanted.unwrap_or_default()));
        }
    }

    #[test]
    fn acknowledgement_of_one_limit_silences_no_other_and_lasts_while_rows_are_counted() {
        let definition = upstream("ours");
        let raised = |limit, rows| {
            let reached = OutOfRoom { rows, ..OutOfRoom::new(limit, 9, 9) };
            let state = UpstreamState { out_of_room: Some(reached), ..Default::default() };
            let seen = of_state(&state, &definition, Timestamp::MIN).pop();
            AlertReport::in_memory(seen.expect("an alert"), Timestamp::MIN)
        };
        let limits = [RoomLimit::Upstream, RoomLimit::All, RoomLimit::Disk, RoomLimit::Quarantine];
        let shown: BTreeSet<_> = limits.iter().map(|limit| raised(*limit, 1).shown).collect();
        assert_eq!(shown.len(), limits.len());
        let (one, two) = (raised(RoomLimit::All, 1), raised(RoomLimit::All, 2));
        assert_eq!(one.shown, two.shown);
        assert!(two.detail.contains("`max_size` in `[store]`"), "{}", two.detail);
        assert!(two.detail.contains("2 rows were left out"), "{}", two.detail);
        assert!(one.detail.contains("1 row was left out"), "{}", one.detail);
    }

    #[test]
    fn two_upstreams_never_raise_the_same_identity() {
        let now = Timestamp::from_micros(1);
        let failure = Failure { at: now, class: FailureClass::Fetch, reason: "no".into() };
        let shown = Digest::of(b"");
        let on_hold = ChangeSet {
            shown,
            since: now,
            rows: 1,
            complete: true,
            exceeded: vec![],
            newest: None,
        };
        let state = UpstreamState {
            last_failure: Some(failure),
            on_hold: Some(on_hold),
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
