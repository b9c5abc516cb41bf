use super::client::Operator;
use super::error::{CliError, Exit};
use super::print::{as_json, out, title};
use super::target::{Offline, Target, first_overlays};
use crate::config::{Settings, read_upstreams};
use crate::daemon::{Clock, ProofReport, open_witnesses, prove_once};
use crate::model::{Escaped, Name};
use crate::store::{Store, StoreError};

/// Proves a namespace now; 0 when it is held.
pub(super) async fn prove(
    settings: Settings,
    namespace: &str,
    pin: bool,
    json: bool,
) -> Result<Exit, CliError> {
    if Name::parse(&format!("{namespace}/x")).is_err() {
        return Err(CliError::Namespace(namespace.to_owned()));
    }
    let report = match Target::open(&settings) {
        Ok(Target::Daemon(operator)) => asked(&operator, namespace).await?,
        Ok(Target::Store(offline)) => proven(&settings, &offline, namespace).await?,
        // Before the first start there is nothing to remember, and still something to see.
        Err(CliError::Store(StoreError::Absent { .. })) => {
            let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
            let overlays = first_overlays(&settings, &upstreams)?;
            let store = Store::ephemeral(Clock::system())?;
            let offline = Offline::over(&settings, store, overlays, upstreams)?;
            proven(&settings, &offline, namespace).await?
        }
        Err(error) => return Err(error),
    };
    print(&report, pin, json);
    Ok(match report.title.verdict.as_str() {
        _ if pin && report.pin.is_some() => Exit::Done,
        "held" | "declared" | "waived" => Exit::Done,
        _ => Exit::Findings,
    })
}

async fn asked(operator: &Operator, namespace: &str) -> Result<ProofReport, CliError> {
    operator.post(&["ops", "prove", namespace], &[]).await
}

async fn proven(
    settings: &Settings,
    offline: &Offline,
    namespace: &str,
) -> Result<ProofReport, CliError> {
    let witnesses = open_witnesses(settings)?;
    let Offline { store, clock, .. } = offline;
    Ok(prove_once(store, clock, offline.policy(), &witnesses, namespace).await?)
}

fn print(report: &ProofReport, pin: bool, json: bool) {
    match (json, pin, &report.pin) {
        (true, _, _) => as_json(report),
        (false, true, Some(text)) => out(text.trim_end()),
        (false, true, None) => out("# nothing is shown that could be pinned"),
        (false, false, _) => {
            title(&report.title);
            for name in &report.names {
                let declared = match name.declared {
                    0 => String::new(),
                    count => format!(" {count} of its contents are declared"),
                };
                out(&format!("{}:{declared}", Escaped(&name.name)));
                for line in &name.evidence {
                    out(&format!("  {}", Escaped(line)));
                }
            }
            out("what its owner publishes:");
            for line in &report.publish {
                out(&format!("  {line}"));
            }
        }
    }
}
