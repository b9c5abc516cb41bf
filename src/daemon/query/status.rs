use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::alert::AlertReport;
use crate::config::Upstream;
use crate::daemon::mirror::Activity;
use crate::daemon::policy::InForce;
use crate::model::Instant;
use crate::store::{Mailbox, Snapshot, StoreError};
use crate::sync::{Failure, Held};

/// What `/status` and `vidimus status` say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    pub version: String,
    /// Whether a daemon answered, or the store was read.
    pub running: bool,
    pub ready: bool,
    pub now: Instant,
    pub epoch: String,
    pub generation: Option<u64>,
    pub visible: u64,
    pub overlays: OverlayReport,
    pub upstreams: Vec<UpstreamReport>,
    /// Namespaces by the verdict on who owns them, of those that were looked at.
    #[serde(default)]
    pub owners: BTreeMap<String, u64>,
    /// Who is told of alerts, and how that goes.
    #[serde(default)]
    pub webhooks: Vec<WebhookReport>,
    /// Those that last, acknowledged ones included.
    pub alerts: Vec<AlertReport>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct WebhookReport {
    #[serde(flatten)]
    pub mailbox: Mailbox,
    /// Alerts that it is still to be told of.
    pub waiting: u64,
    /// Alerts that it was not told of.
    pub undelivered: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct OverlayReport {
    /// `good`, or `refused` while the last good set stays in force.
    pub state: String,
    pub statements: u64,
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
    pub last_attempt: Option<Instant>,
    pub last_success: Option<Instant>,
    pub last_complete_walk: Option<Instant>,
    pub last_failure: Option<Failure>,
    pub next_attempt: Option<Instant>,
    pub watermark: Option<Instant>,
    /// What a rail keeps back.
    pub held: Option<Held>,
    /// The pass that is running; never what an earlier process was doing.
    pub activity: Option<Activity>,
    /// The cursor at which an interrupted pass will go on.
    pub interrupted_at: Option<String>,
}

/// The state of everything, from the store and, in a daemon, from memory.
///
/// # Errors
/// When the store cannot be read.
pub fn status(
    snapshot: &Snapshot,
    in_force: &InForce,
    upstreams: &[Upstream],
    now: Instant,
) -> Result<StatusReport, StoreError> {
    let reports: Result<Vec<UpstreamReport>, StoreError> =
        upstreams.iter().map(|upstream| upstream_report(snapshot, upstream)).collect();
    let mut owners: BTreeMap<String, u64> = BTreeMap::new();
    for (namespace, holding) in snapshot.holdings()? {
        let basis = holding.basis(in_force.set.pins(&namespace));
        *owners.entry(basis.verdict().to_string()).or_default() += 1;
    }
    let findings: Vec<String> =
        in_force.overlays.findings.iter().map(ToString::to_string).collect();
    Ok(StatusReport {
        version: env!("CARGO_PKG_VERSION").into(),
        running: false,
        ready: false,
        now,
        epoch: snapshot.epoch()?,
        generation: None,
        visible: snapshot.count_shown(&in_force.snapshot.views)?,
        alerts: snapshot
            .alerts()?
            .into_iter()
            .filter(|alert| !alert.is_over())
            .map(AlertReport::from)
            .collect(),
        overlays: OverlayReport {
            state: if in_force.overlays.refused { "refused" } else { "good" }.into(),
            statements: in_force.set.statements().len() as u64,
            findings,
        },
        upstreams: reports?,
        owners,
        webhooks: webhooks(snapshot)?,
    })
}

fn webhooks(snapshot: &Snapshot) -> Result<Vec<WebhookReport>, StoreError> {
    let lost = snapshot.undelivered()?;
    let report = |mailbox: Mailbox| {
        let name = &mailbox.receiver.name;
        let waiting = snapshot.letters_of(name)?.len() as u64;
        let undelivered = lost.iter().filter(|it| it.receiver == *name).count() as u64;
        Ok(WebhookReport { mailbox, waiting, undelivered })
    };
    snapshot.mailboxes()?.into_iter().map(report).collect()
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
        last_attempt: state.last_attempt,
        last_success: state.last_success,
        last_complete_walk: state.last_complete_walk,
        last_failure: state.last_failure,
        next_attempt: None,
        watermark: state.watermark,
        held: state.held,
        activity: None,
        interrupted_at: state.pass.and_then(|pass| pass.cursor),
    })
}
