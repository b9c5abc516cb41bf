use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::mirror::Activity;
use super::{InForce, Shared};
use crate::alert::Alert;
use crate::config::Upstream;
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
    pub alerts: Vec<Alert>,
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
        let (verdict, _) = holding.verdict(in_force.set.pins(&namespace));
        *owners.entry(verdict.to_string()).or_default() += 1;
    }
    let findings: Vec<String> = in_force.findings.iter().map(ToString::to_string).collect();
    Ok(StatusReport {
        version: env!("CARGO_PKG_VERSION").into(),
        running: false,
        ready: false,
        now,
        epoch: snapshot.epoch()?,
        generation: None,
        visible: snapshot.count_shown()?,
        alerts: snapshot.alerts()?.into_iter().filter(|alert| !alert.is_over()).collect(),
        overlays: OverlayReport {
            state: if in_force.refused { "refused" } else { "good" }.into(),
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

impl Shared {
    /// The state of this daemon.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self) -> Result<StatusReport, StoreError> {
        let definitions = self.mirror.definitions();
        let snapshot = self.store.snapshot()?;
        let mut report = status(&snapshot, &self.in_force(), &definitions, self.clock.now())?;
        let published = self.published();
        report.running = true;
        report.ready = published.is_some();
        report.generation = published.as_ref().map(|published| published.generation);
        report.visible = published.map_or(0, |published| published.visible as u64);
        for upstream in &mut report.upstreams {
            let Some((activity, next_attempt)) = self.mirror.progress(&upstream.id) else {
                continue;
            };
            if activity.is_some() {
                upstream.interrupted_at = None;
            }
            (upstream.activity, upstream.next_attempt) = (activity, next_attempt);
        }
        Ok(report)
    }
}
