use super::clock;
use super::print::{as_json, counted, out};
use crate::alert::AlertReport;
use crate::daemon::{PackageCounts, StatusReport, WebhookReport};
use crate::model::{Escaped, Timestamp};
use crate::store::{RecipientStatus, WriteFailure};
use crate::sync::Refused;

/// Prints the state of a daemon, or of a store.
pub(super) fn print(report: &StatusReport, json: bool) {
    if json {
        return as_json(report);
    }
    let daemon = match (report.running, report.ready) {
        (true, true) => "running",
        (true, false) => "running, waiting for the first answer of an upstream",
        (false, _) => "not running; read from the store",
    };
    out(&format!("daemon      {daemon}"));
    let generation = report.generation.map_or("none".into(), |generation| generation.to_string());
    out(&format!(
        "generation  {generation}, {} visible",
        counted(report.visible, "entry", "entries")
    ));
    if let Some(failure) = &report.store.write_failure {
        let WriteFailure { since, reason } = failure;
        out(&format!("store       cannot be written since {since}: {}", Escaped(reason)));
    }
    if report.dropped_log_lines > 0 {
        let lines = counted(report.dropped_log_lines, "line", "lines");
        out(&format!("log         {lines} dropped: nothing reads standard error fast enough"));
    }
    if let Some(clock) = clock::line(&report.clock) {
        out(&format!("clock       {clock}"));
    }
    let overlays = &report.overlays;
    let rules = counted(overlays.rules, "rule", "rules");
    out(&match overlays.state.as_str() {
        "refused" => format!(
            "overlays    refused; the last valid set and readable denials stay in use ({rules}); see `vidimus check`"
        ),
        state => format!("overlays    {state}, {rules}"),
    });
    if let Some(next) = &report.next_end {
        let subject = Escaped(&next.subject);
        out(&format!("next end    {}: {subject} at {}", next.until, Escaped(&next.place)));
    }
    if !report.owners.is_empty() {
        let counts: Vec<String> =
            report.owners.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        out(&format!("ownership   namespaces looked up: {}", counts.join(", ")));
    }
    package_counts(report.packages);
    let when = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
    for upstream in &report.upstreams {
        let state = if upstream.enabled { "" } else { " (disabled)" };
        out(&format!("upstream    {}{state} at {}", upstream.id, Escaped(&upstream.url)));
        out(&format!("  rows           {}, {} in quarantine", upstream.rows, upstream.quarantined));
        if let Some(activity) = &upstream.activity {
            out(&format!(
                "  running        {} in {}",
                counted(activity.rows, "row", "rows"),
                counted(activity.pages, "page", "pages")
            ));
        }
        out(&format!("  last attempt   {}", when(upstream.last_attempt)));
        out(&format!("  last success   {}", when(upstream.last_success)));
        out(&format!("  full sync      {}", when(upstream.last_full_sync)));
        out(&format!("  watermark      {}", when(upstream.watermark)));
        if let Some(Refused { times, at }) = upstream.refused {
            out(&format!(
                "  incremental    refused {}, last {at}; after 3 each run is a full sync, for one `full_sync`",
                counted(times.into(), "time", "times")
            ));
        }
        if let Some(on_hold) = &upstream.on_hold {
            out(&format!(
                "  on hold        {} as {}@{}",
                counted(on_hold.set.rows, "row", "rows"),
                upstream.id,
                on_hold.id
            ));
        }
        if let Some(failure) = &upstream.last_failure {
            out(&format!("  last failure   {}: {}", failure.at, Escaped(&failure.reason)));
        }
        if upstream.next_attempt.is_some() {
            out(&format!("  next attempt   {}", when(upstream.next_attempt)));
        }
    }
    for WebhookReport { status, waiting, dead_letters } in &report.webhooks {
        let RecipientStatus { recipient, history } = status;
        let url = &recipient.url;
        out(&format!("webhook     {} at {url}", recipient.name));
        out(&format!(
            "  deliveries     {waiting} waiting, {}",
            counted(*dead_letters, "dead letter", "dead letters")
        ));
        out(&format!("  last accepted  {}", when(history.last_delivered)));
        if let (Some(since), Some(failure)) = (history.failing_since, &history.last_failure) {
            out(&format!("  failing        since {since}: {failure}"));
        }
    }
    for report in &report.alerts {
        let AlertReport { id, alert, state, .. } = report;
        let state = if report.is_open() { String::new() } else { format!(" ({})", state.as_str()) };
        let (kind, subject) = (alert.kind(), Escaped(&alert.identity.subject));
        out(&format!("alert       {id}  {kind} {subject}{state}"));
    }
}

fn package_counts(packages: PackageCounts) {
    if packages.recorded == 0 {
        return;
    }
    let changed = counted(packages.changed, "with a changed file", "with changed files");
    out(&format!(
        "packages    {} recorded, {changed}, {} moved, {} without a usable answer",
        packages.recorded, packages.moved, packages.unanswered
    ));
    out(&format!(
        "provenance  {} attested, {} without attestations, {} refused",
        packages.attested, packages.unattested, packages.refused
    ));
}
