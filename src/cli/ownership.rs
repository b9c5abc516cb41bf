use super::client::Operator;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::target::{Offline, Target, first_overlays};
use crate::config::{Settings, read_upstreams};
use crate::curation::NamespaceReport;
use crate::daemon::{Clock, OwnershipReport, open_sources, verify_once};
use crate::model::{Escaped, Name};
use crate::store::{Store, StoreError};

/// Looks up who owns a namespace now; 0 when it is verified, declared or waived.
pub(super) async fn check(
    settings: Settings,
    namespace: &str,
    pin: bool,
    json: bool,
) -> Result<Exit, CliError> {
    if Name::parse(&format!("{namespace}/x")).is_err() {
        return Err(CliError::Namespace(namespace.to_owned()));
    }
    let report = match Target::open(&settings) {
        Ok(Target::Daemon(operator)) => ask(&operator, namespace).await?,
        Ok(Target::Store(offline)) => look_up(&settings, &offline, namespace).await?,
        // Before the first start there is nothing to remember, and still something to see.
        Err(CliError::Store(StoreError::Absent { .. })) => {
            let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
            let overlays = first_overlays(&settings, &upstreams, Clock::system())?;
            let store = Store::ephemeral(Clock::system())?;
            let offline = Offline::over(&settings, store, overlays, upstreams)?;
            look_up(&settings, &offline, namespace).await?
        }
        Err(error) => return Err(error),
    };
    print(&report, pin, json);
    Ok(match report.report.verdict.as_str() {
        _ if pin && report.pin.is_some() => Exit::Done,
        "verified" | "declared" | "waived" => Exit::Done,
        _ => Exit::Findings,
    })
}

async fn ask(operator: &Operator, namespace: &str) -> Result<OwnershipReport, CliError> {
    operator.post(&["ops", "ownership", namespace], &[]).await
}

async fn look_up(
    settings: &Settings,
    offline: &Offline,
    namespace: &str,
) -> Result<OwnershipReport, CliError> {
    let sources = open_sources(settings)?;
    let Offline { store, clock, .. } = offline;
    Ok(verify_once(store, clock, offline.policy(), &sources, namespace).await?)
}

fn print(report: &OwnershipReport, pin: bool, json: bool) {
    match (json, pin, &report.pin) {
        (true, _, _) => as_json(report),
        (false, true, Some(text)) => out(text.trim_end()),
        (false, true, None) => out("# the namespace shows nothing that could be pinned"),
        (false, false, _) => print_report(report),
    }
}

fn print_report(report: &OwnershipReport) {
    print_namespace(&report.report);
    for name in &report.names {
        let declared = match name.declared {
            0 => String::new(),
            count => format!(" {} declared", counted(count as u64, "content", "contents")),
        };
        out(&format!("{}:{declared}", Escaped(&name.name)));
        for line in &name.evidence {
            out(&format!("  {}", Escaped(line)));
        }
    }
    out("the owner publishes:");
    for line in &report.publish {
        out(&format!("  {line}"));
    }
}

/// Prints what is known of the owner of a namespace.
pub(super) fn print_namespace(report: &NamespaceReport) {
    out(&format!("{}: {}: {}", Escaped(&report.namespace), report.verdict, Escaped(&report.why)));
    out(&format!("  claims {}", Escaped(&report.claim)));
    for line in &report.evidence {
        out(&format!("  {}", Escaped(line)));
    }
    if let Some(at) = report.checked_at {
        let definite = report.concluded_at.map_or("never".to_owned(), |at| at.to_string());
        out(&format!("  last lookup {at}, last definite answer {definite}"));
    }
    if let Some(at) = report.next_check {
        out(&format!("  next lookup {at}"));
    }
    out(&format!("  {}", report.caveat));
}
