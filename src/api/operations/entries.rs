use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::params::{Asked, name_of};
use super::reading::{Reading, known};
use super::state::{Operator, blocking, evaluating};
use crate::api::problem::Problem;
use crate::curation::Explanation;
use crate::daemon::{
    EntryPackages, Listed, Lookalike, MentionedNamespace, OwnershipReport, QuarantineReport,
    RuleEffect, Services, StatusReport, explain_name, known_names, list, lookalikes_of,
    mentioned_namespaces, packages, quarantine, rule_effects,
};
use crate::model::Name;
use crate::store::{StoreError, Verification};

pub(super) async fn ready(State(state): Operator) -> Result<&'static str, Problem> {
    if state.services.is_blocked_by_store() {
        return Err(Problem::StoreUnwritable);
    }
    state.services.published().map(|_| "ready\n").ok_or(Problem::NotReady)
}

pub(super) async fn status(State(state): Operator) -> Result<Json<StatusReport>, Problem> {
    blocking(state, |services| services.status()).await
}

/// The parameters of `vidimus list`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    all: bool,
}

pub(super) async fn listing(
    State(state): Operator,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<Vec<Listed>>, Problem> {
    let read = move |services: &Arc<Services>| {
        let Some(Reading { snapshot, policy, screenings, now }) = Reading::of(services)? else {
            return Ok(None);
        };
        list(&snapshot, &policy, &screenings, now, query.all).map(Some)
    };
    known(evaluating(state, read).await?)
}

/// Counts what each approving rule approves and serves.
pub(super) async fn rules(State(state): Operator) -> Result<Json<Vec<RuleEffect>>, Problem> {
    let read = |services: &Arc<Services>| {
        let (policy, now) = (services.policy(), services.clock.latest());
        let snapshot = services.store.snapshot()?;
        rule_effects(&snapshot, &policy, &services.screenings(), now, |_| true)
    };
    evaluating(state, read).await
}

pub(super) async fn quarantined(
    State(state): Operator,
) -> Result<Json<Vec<QuarantineReport>>, Problem> {
    blocking(state, |services| quarantine(&services.store.snapshot()?)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainQuery {
    version: Option<String>,
}

pub(super) async fn explained(
    State(state): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<ExplainQuery>,
) -> Result<Json<Explanation>, Problem> {
    let name = name_of(&name)?;
    let read = move |services: &Arc<Services>| {
        let Some(Reading { snapshot, policy, screenings, now }) = Reading::of(services)? else {
            return Ok(None);
        };
        let version = query.version.as_deref();
        explain_name(&snapshot, &policy, &screenings, now, &name, version).map(Some)
    };
    let Json(found) = known(blocking(state, read).await?)?;
    found.map(Json).ok_or(Problem::UnknownServer)
}

/// Returns the packages of all entries that are served or approved.
pub(super) async fn all_packages(
    State(state): Operator,
) -> Result<Json<Vec<EntryPackages>>, Problem> {
    known(evaluating(state, |services| read_packages(services, None)).await?)
}

/// Returns the packages of the entries of one name.
pub(super) async fn packages_of(
    State(state): Operator,
    Path(name): Path<String>,
) -> Result<Json<Vec<EntryPackages>>, Problem> {
    let name = name_of(&name)?;
    known(blocking(state, move |services| read_packages(services, Some(&name))).await?)
}

fn read_packages(
    services: &Arc<Services>,
    name: Option<&Name>,
) -> Result<Option<Vec<EntryPackages>>, StoreError> {
    let Some(Reading { snapshot, policy, screenings, now }) = Reading::of(services)? else {
        return Ok(None);
    };
    packages(&snapshot, &policy, &screenings, now, name).map(Some)
}

/// Computes the lookalikes of a name now.
pub(super) async fn lookalikes(
    State(state): Operator,
    Path(name): Path<String>,
) -> Result<Json<Vec<Lookalike>>, Problem> {
    let name = name_of(&name)?;
    let read = move |services: &Arc<Services>| {
        let (policy, now) = (services.policy(), services.clock.latest());
        lookalikes_of(&services.store.snapshot()?, &policy, now, &name)
    };
    blocking(state, read).await
}

pub(super) async fn verified(State(state): Operator) -> Result<Json<Verification>, Problem> {
    evaluating(state, |services| services.store.snapshot()?.verify()).await
}

/// Returns every known name; `null` before the first full sync, when the names are not known.
pub(super) async fn names(State(state): Operator) -> Result<Json<Option<Vec<String>>>, Problem> {
    let read = |services: &Arc<Services>| {
        let names = known_names(&services.store.snapshot()?)?;
        Ok(names.map(|names| names.iter().map(Name::to_string).collect()))
    };
    blocking(state, read).await
}

/// Returns the namespaces that overlays mention, with their present owners.
pub(super) async fn namespaces(
    State(state): Operator,
) -> Result<Json<Vec<MentionedNamespace>>, Problem> {
    let read = |services: &Arc<Services>| {
        mentioned_namespaces(&services.store.snapshot()?, &services.policy())
    };
    blocking(state, read).await
}

/// Asks the ownership sources of a namespace now, which may take 30 seconds.
pub(super) async fn verify_namespace(
    State(state): Operator,
    Path(namespace): Path<String>,
) -> Result<Json<OwnershipReport>, Problem> {
    name_of(&format!("{namespace}/x"))?;
    state.services.verify(&namespace).await.map(Json).map_err(Problem::Unprocessable)
}
