use futures_util::future::join_all;

use super::client::Operator;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::target::{Offline, Target, first_overlays};
use crate::config::{Settings, read_upstreams};
use crate::curation::NamespaceReport;
use crate::daemon::{
    Clock, MentionedNamespace, OwnershipReport, mentioned_namespaces, open_sources, verify_once,
};
use crate::model::{Escaped, Name};
use crate::remote::OwnershipSources;
use crate::store::Store;

/// Namespaces that a daemon is asked about at the same time.
const PARALLEL: usize = 8;

/// The arguments of `vidimus ownership`.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) namespaces: Vec<String>,
    pub(super) all: bool,
    pub(super) pin: bool,
    pub(super) json: bool,
}

/// Looks up who owns namespaces now; 0 when this lookup saw that each is verified, declared or waived.
pub(super) async fn check(settings: Settings, query: &Query) -> Result<Exit, CliError> {
    for namespace in &query.namespaces {
        if Name::parse(&format!("{namespace}/x")).is_err() {
            return Err(CliError::Namespace(namespace.clone()));
        }
    }
    let reports = reports(&settings, query).await?;
    match (query.json, reports.as_slice()) {
        (true, [report]) if !query.all => as_json(report),
        (true, reports) => as_json(&reports),
        (false, reports) if query.pin => print_pins(reports),
        (false, reports) => reports.iter().for_each(print_report),
    }
    let is_fine = |report: &OwnershipReport| {
        if query.pin { report.pin.is_some() } else { report.report.is_owned() }
    };
    Ok(if reports.iter().all(is_fine) { Exit::Done } else { Exit::Findings })
}

async fn reports(settings: &Settings, query: &Query) -> Result<Vec<OwnershipReport>, CliError> {
    let target = match Target::open(settings) {
        // Before the first start there is nothing to remember, and still something to see.
        Err(error) if error.is_of_absent_store() && !query.all => {
            let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
            let overlays = first_overlays(settings, &upstreams, Clock::system())?;
            let store = Store::ephemeral(Clock::system())?;
            Target::Store(Box::new(Offline::over(settings, store, overlays, upstreams)?))
        }
        opened => opened?,
    };
    let namespaces = if query.all {
        mentioned(&target).await?.into_iter().map(|known| known.namespace).collect()
    } else {
        query.namespaces.clone()
    };
    let mut reports = Vec::with_capacity(namespaces.len());
    match target {
        Target::Daemon(operator) => {
            for some in namespaces.chunks(PARALLEL) {
                let asked = some.iter().map(|namespace| ask(&operator, namespace));
                for report in join_all(asked).await {
                    reports.push(report?);
                }
            }
        }
        Target::Store(offline) => {
            let sources = open_sources(settings)?;
            for namespace in &namespaces {
                reports.push(look_up(&sources, &offline, namespace).await?);
            }
        }
    }
    Ok(reports)
}

/// Returns the namespaces that overlays mention.
pub(super) async fn mentioned(target: &Target) -> Result<Vec<MentionedNamespace>, CliError> {
    match target {
        Target::Daemon(operator) => operator.get(&["namespaces"], &[]).await,
        Target::Store(offline) => {
            Ok(mentioned_namespaces(&offline.store.snapshot()?, offline.policy())?)
        }
    }
}

async fn ask(operator: &Operator, namespace: &str) -> Result<OwnershipReport, CliError> {
    operator.post(&["ops", "ownership", namespace], &[]).await
}

async fn look_up(
    sources: &OwnershipSources,
    offline: &Offline,
    namespace: &str,
) -> Result<OwnershipReport, CliError> {
    let Offline { store, clock, .. } = offline;
    Ok(verify_once(store, clock, offline.policy(), sources, namespace).await?)
}

/// Prints the items as one overlay.
fn print_pins(reports: &[OwnershipReport]) {
    let mut is_open = false;
    for report in reports {
        match &report.pin {
            Some(text) if is_open => out(text.replacen("namespaces:\n", "", 1).trim_end()),
            Some(text) => {
                out(text.trim_end());
                is_open = true;
            }
            None => out(&format!(
                "# {}: this lookup showed nothing that could be pinned",
                Escaped(&report.report.namespace)
            )),
        }
    }
}

fn print_report(report: &OwnershipReport) {
    print_namespace(&report.report);
    print_keys(&report.report);
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
    if !report.publish.is_empty() {
        out("the owner publishes:");
        report.publish.iter().for_each(|line| out(&format!("  {line}")));
    }
}

/// Prints the keys that are shown, and those that were.
fn print_keys(report: &NamespaceReport) {
    for key in &report.keys {
        let first = key.first.map_or("earlier".to_owned(), |at| at.to_string());
        let state = if key.shown { "is shown" } else { "was shown" };
        out(&format!("  the key {} {state}, first seen {first}, last seen {}", key.key, key.last));
    }
    if report.verdict == "verified"
        && let Some(since) = report.keys_changed
    {
        out(&format!(
            "  the set of keys changed {since}: wildcards admit nothing that came since; acknowledge the alert \
             `keys-changed`, or pin the keys in an overlay, when they are right"
        ));
    }
}

/// Prints what is known of the owner of a namespace.
pub(super) fn print_namespace(report: &NamespaceReport) {
    out(&format!("{}: {}: {}", Escaped(&report.namespace), report.verdict, Escaped(&report.why)));
    out(&format!("  claims {}", Escaped(&report.claim)));
    if let Some(meant) = &report.did_you_mean {
        out(&format!("  a namespace is a domain read backwards: did you mean {}?", Escaped(meant)));
    }
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
