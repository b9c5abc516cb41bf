use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::params::Asked;
use super::state::{Operator, blocking};
use crate::api::problem::Problem;
use crate::store::Backup;
use crate::sync::RunReport;

/// The parameters of `vidimus sync`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SyncQuery {
    #[serde(default)]
    full: bool,
    #[serde(default)]
    dry_run: bool,
}

/// The results of a sync run for each upstream.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SyncReport {
    pub runs: Vec<RunReport>,
    /// The reason why a sync run was not accepted, by upstream.
    pub failures: BTreeMap<String, String>,
}

pub(super) async fn sync(
    State(state): Operator,
    Asked(query): Asked<SyncQuery>,
) -> Json<SyncReport> {
    let mut report = SyncReport::default();
    for (upstream, outcome) in state.services.sync(query.full, query.dry_run).await {
        match outcome {
            Ok(run) => report.runs.push(run),
            Err(reason) => {
                report.failures.insert(upstream, reason);
            }
        }
    }
    Json(report)
}

/// Copies the store into its data folder, for a command on this machine.
pub(super) async fn back_up(State(state): Operator) -> Result<Json<Backup>, Problem> {
    blocking(state, |services| services.store.back_up_in(&services.settings.data)).await
}
