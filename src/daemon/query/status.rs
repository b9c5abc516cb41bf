use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::advisories::{AdvisoriesReport, advisories};
use super::packages::PackageCounts;
use super::store::StoreReport;
use crate::alert::AlertReport;
use crate::config::Upstream;
use crate::daemon::mirror::{Activity, limit_now};
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::runtime::{Clock, ClockReport};
use crate::model::Timestamp;
use crate::overlay::OverlaySet;
use crate::store::{RecipientStatus, Snapshot, StoreError};
use crate::sync::{ChangeSet, Failure, OutOfRoom, Refused, short_id};

/// The content of `/status` and `vidimus status`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    pub version: String,
    /// True if a daemon answered, false if the store was read directly.
    pub running: bool,
    pub ready: bool,
    pub now: Timestamp,
    /// The clock of this machine beside those of upstreams.
    pub clock: ClockReport,
    pub epoch: String,
    pub generation: Option<u64>,
    pub visible: u64,
    pub store: StoreReport,
    /// The number of log lines that were dropped, since nothing read the log fast enough.
    #[serde(default)]
    pub dropped_log_lines: u64,
    pub overlays: OverlayReport,
    pub upstreams: Vec<UpstreamReport>,
    /// The sources of advisories.
    #[serde(default)]
    pub advisories: AdvisoriesReport,
    /// The next part of a rule that ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_end: Option<NextEnd>,
    /// The number of checked namespaces by verdict.
    #[serde(default)]
    pub owners: BTreeMap<String, u64>,
    /// The packages on record.
    #[serde(default)]
    pub packages: PackageCounts,
    /// The webhook recipients and their delivery status.
    #[serde(default)]
    pub webhooks: Vec<WebhookReport>,
    /// The open alerts, acknowledged ones included.
    pub alerts: Vec<AlertReport>,
}

/// A part of a rule that ends.
#[derive(Debug, Serialize, Deserialize)]
pub struct NextEnd {
    /// The rule, with the part of it that is not its approval.
    pub subject: String,
    /// File, line and column.
    pub place: String,
    pub until: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookReport {
    #[serde(flatten)]
    pub status: RecipientStatus,
    /// The number of deliveries that are still to be made.
    pub waiting: u64,
    /// The number of deliveries that were given up.
    pub dead_letters: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct OverlayReport {
    /// `good`, or `refused` while the last good set stays active.
    pub state: String,
    pub rules: u64,
    pub findings: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamReport {
    pub id: String,
    pub url: String,
    pub enabled: bool,
    pub rows: u64,
    pub quarantined: u64,
    /// The bytes of its stored content, and those that it may take.
    #[serde(default)]
    pub bytes: u64,
    #[serde(default)]
    pub max_bytes: u64,
    pub last_attempt: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub last_full_sync: Option<Timestamp>,
    pub last_failure: Option<Failure>,
    pub next_attempt: Option<Timestamp>,
    pub watermark: Option<Timestamp>,
    /// The refusals of incremental syncs, after some of which each run is a full sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// The change set that a safety limit put on hold.
    pub on_hold: Option<OnHold>,
    /// The limit that keeps content out, with the rows that the last run beyond it left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_room: Option<OutOfRoom>,
    /// The sync run under way in this process, never in an earlier one.
    pub activity: Option<Activity>,
    /// The cursor at which an interrupted sync run resumes.
    pub interrupted_at: Option<String>,
}

/// The change set that a safety limit put on hold, without its changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OnHold {
    /// The first digits of the digest, enough to type.
    pub id: String,
    #[serde(flatten)]
    pub set: ChangeSet,
}

/// Returns the state as far as the store has it; [`Services::status`] adds what is in memory.
///
/// [`Services::status`]: crate::daemon::Services::status
///
/// # Errors
/// When the store cannot be read.
pub fn status(
    snapshot: &Snapshot,
    current_policy: &CurrentPolicy,
    upstreams: &[Upstream],
    clock: &Clock,
) -> Result<StatusReport, StoreError> {
    let now = clock.now();
    let reports: Result<Vec<UpstreamReport>, StoreError> =
        upstreams.iter().map(|upstream| upstream_report(snapshot, upstream)).collect();
    let mut owners: BTreeMap<String, u64> = BTreeMap::new();
    for (namespace, record) in snapshot.verifications()? {
        let basis = record.basis(current_policy.set.pins(&namespace));
        *owners.entry(basis.verdict().to_string()).or_default() += 1;
    }
    let findings: Vec<String> =
        current_policy.overlays.findings.iter().map(ToString::to_string).collect();
    Ok(StatusReport {
        version: env!("CARGO_PKG_VERSION").into(),
        running: false,
        ready: false,
        now,
        clock: clock.report(),
        epoch: snapshot.epoch()?,
        generation: None,
        dropped_log_lines: 0,
        visible: snapshot.count_shown(&current_policy.snapshot.views)?,
        alerts: snapshot
            .alerts()?
            .into_iter()
            .filter(|alert| !alert.is_resolved())
            .map(AlertReport::from)
            .collect(),
        store: StoreReport { bytes: snapshot.bytes_of_upstreams()?, ..StoreReport::default() },
        overlays: OverlayReport {
            state: if current_policy.overlays.refused { "refused" } else { "good" }.into(),
            rules: current_policy.set.rules().len() as u64,
            findings,
        },
        upstreams: reports?,
        advisories: advisories(snapshot, &current_policy.snapshot)?,
        next_end: next_end(&current_policy.set, now),
        owners,
        packages: PackageCounts::of(snapshot)?,
        webhooks: webhooks(snapshot)?,
    })
}

fn next_end(set: &OverlaySet, now: Timestamp) -> Option<NextEnd> {
    let ahead = set.endings().filter(|ending| now <= ending.until);
    let next = ahead.min_by_key(|ending| ending.until)?;
    Some(NextEnd { subject: next.subject(), place: next.rule.place.to_string(), until: next.until })
}

fn webhooks(snapshot: &Snapshot) -> Result<Vec<WebhookReport>, StoreError> {
    let lost = snapshot.dead_letters()?;
    let report = |status: RecipientStatus| {
        let name = &status.recipient.name;
        let waiting = snapshot.deliveries_of(name)?.len() as u64;
        let dead_letters = lost.iter().filter(|dead| dead.recipient == *name).count() as u64;
        Ok(WebhookReport { status, waiting, dead_letters })
    };
    snapshot.recipients()?.into_iter().map(report).collect()
}

fn upstream_report(snapshot: &Snapshot, upstream: &Upstream) -> Result<UpstreamReport, StoreError> {
    let state = snapshot.upstream(&upstream.id)?;
    let (rows, quarantined) = snapshot.count(&upstream.id)?;
    Ok(UpstreamReport {
        id: upstream.id.clone(),
        url: upstream.origin.to_string(),
        enabled: upstream.enabled,
        rows,
        quarantined,
        bytes: state.bytes.unwrap_or_default(),
        max_bytes: upstream.max_size,
        out_of_room: limit_now(snapshot, &state)?,
        last_attempt: state.last_attempt,
        last_success: state.last_success,
        last_full_sync: state.last_full_sync,
        last_failure: state.last_failure,
        next_attempt: None,
        watermark: state.watermark,
        refused: state.refused,
        on_hold: state.on_hold.map(|set| OnHold { id: short_id(set.shown), set }),
        activity: None,
        interrupted_at: state.run.and_then(|run| run.cursor),
    })
}
