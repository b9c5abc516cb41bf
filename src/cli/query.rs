use super::client::Operator;
use super::error::{CliError, Exit};
use super::print;
use super::target::Target;
use crate::config::Settings;
use crate::curation::Explanation;
use crate::daemon::{Clock, Screenings, StatusReport, explain_name};
use crate::model::Name;
use crate::store::{Store, StoreError, Verification};

pub(super) async fn list(
    settings: Settings,
    all: bool,
    quarantined: bool,
    json: bool,
) -> Result<Exit, CliError> {
    let target = Target::open(&settings)?;
    if quarantined {
        let rows = match target {
            Target::Store(offline) => crate::daemon::quarantine(&offline.store.snapshot()?)?,
            Target::Daemon(operator) => operator.get(&["quarantine"], &[]).await?,
        };
        print::quarantine(&rows, json);
        return Ok(Exit::Done);
    }
    let lines = match target {
        Target::Store(offline) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.now());
            crate::daemon::list(&snapshot, offline.policy(), &Screenings::offline(), now, all)?
        }
        Target::Daemon(operator) => {
            operator.get(&["list"], &[("all", if all { "true" } else { "false" })]).await?
        }
    };
    print::list(&lines, json);
    Ok(Exit::Done)
}

/// Explains `NAME` or `NAME@VERSION`; no name holds an `@`.
pub(super) async fn explain(settings: Settings, text: &str, json: bool) -> Result<Exit, CliError> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    let parsed =
        Name::parse(name).map_err(|source| CliError::Name { text: name.to_owned(), source })?;
    let explanation: Explanation = match Target::open(&settings)? {
        Target::Store(offline) => {
            let (snapshot, now) = (offline.store.snapshot()?, offline.clock.now());
            let (policy, screenings) = (offline.policy(), Screenings::offline());
            explain_name(&snapshot, policy, &screenings, now, &parsed, version)?
                .ok_or_else(|| CliError::Unknown(text.to_owned()))?
        }
        Target::Daemon(operator) => asked(&operator, name, version, text).await?,
    };
    print::explanation(&explanation, json);
    Ok(Exit::Done)
}

async fn asked(
    operator: &Operator,
    name: &str,
    version: Option<&str>,
    text: &str,
) -> Result<Explanation, CliError> {
    let query: Vec<(&str, &str)> =
        version.map(|version| ("version", version)).into_iter().collect();
    match operator.get(&["explain", name], &query).await {
        Err(CliError::Refused { status: 404, .. }) => Err(CliError::Unknown(text.to_owned())),
        answered => answered,
    }
}

pub(super) async fn status(settings: Settings, json: bool) -> Result<Exit, CliError> {
    let report: StatusReport = match Target::open(&settings)? {
        Target::Store(offline) => crate::daemon::status(
            &offline.store.snapshot()?,
            &offline.in_force,
            &offline.upstreams,
            offline.clock.now(),
        )?,
        Target::Daemon(operator) => operator.get(&["status"], &[]).await?,
    };
    print::status(&report, json);
    Ok(Exit::Done)
}

pub(super) async fn verify(settings: Settings, file: bool, json: bool) -> Result<Exit, CliError> {
    let (verification, repaired): (Verification, bool) =
        match Store::open(&settings.data, Clock::system()) {
            Ok(mut store) => {
                let intact = !file || store.check_file()?;
                (store.snapshot()?.verify()?, !intact)
            }
            Err(StoreError::Locked { .. }) if file => return Err(CliError::DaemonRuns),
            Err(StoreError::Locked { .. }) => {
                (Operator::of(&settings)?.get(&["verify"], &[]).await?, false)
            }
            Err(error) => return Err(error.into()),
        };
    print::verification(&verification, file, repaired, json);
    Ok(if verification.is_sound() && !repaired { Exit::Done } else { Exit::Findings })
}
