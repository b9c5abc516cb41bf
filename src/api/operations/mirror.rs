use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use super::params::Asked;
use super::state::{Operator, blocking};
use crate::api::problem::Problem;
use crate::daemon::{HoldDecision, Services};
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

pub(super) async fn decide(
    State(state): Operator,
    Path((upstream, id, decision)): Path<(String, String, String)>,
) -> Result<Json<usize>, Problem> {
    let decision = HoldDecision::from_word(&decision).ok_or(Problem::UnknownOperation)?;
    let decided = move |services: &Arc<Services>| services.decide_hold(&upstream, &id, decision);
    let Json(names) = blocking(state, decided).await?;
    names.map(Json).ok_or(Problem::UnknownSet)
}
