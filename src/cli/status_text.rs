use super::clock;
use super::print::{as_json, counted, out};
use crate::alert::AlertReport;
use crate::daemon::{AdvisoriesReport, PackageCounts, StatusReport, UpstreamReport, WebhookReport};
use crate::model::{Bytes, Escaped, Timestamp};
use crate::store::{RecipientStatus, WriteFailure};
use crate::sync::Refused;

/// Prints the state of a daemon, or of a store.
pub(super) fn print(report: &StatusReport, json: bool) {
    if json {
        return as_json(report);
    }
    daemon(report);
    policy(report);
    packages(report.packages);
    advisories(&report.advisories);
    report.upstreams.iter().for_each(upstream);
    report.webhooks.iter().for_each(webhook);
    report.alerts.iter().for_each(alert);
}

fn daemon(report: &StatusReport) {
    let daemon = match (report.running, report.ready) {
        (true, true) => "running",
        (true, false) => "running, no list of an upstream was accepted yet",
        (false, _) => "not running; read from the store",
    };
    out(&format!("daemon      {daemon}"));
    let generation = report.generation.map_or("none".into(), |generation| generation.to_string());
    out(&format!(
        "generation  {generation}, {} visible",
        counted(report.visible, "entry", "entries")
    ));
    let (bytes, limits) = (Bytes(report.store.bytes), report.store.limits);
    let most = Bytes(limits.max_size);
    let free = match limits.min_free {
        0 => String::new(),
        free => format!("; new content leaves {} of the disk free", Bytes(free)),
    };
    out(&format!("content     {bytes} of {most}{free}"));
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
}

fn policy(report: &StatusReport) {
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
}

fn packages(packages: PackageCounts) {
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

fn advisories(report: &AdvisoriesReport) {
    for feed in &report.feeds {
        let state = &feed.state;
        let count = counted(state.advisories as u64, "advisory", "advisories");
        let read = when(state.read_at);
        out(&format!("advisories  {count} of the feed {}, last read {read}", Escaped(&feed.name)));
        if let Some(failure) = &state.failure {
            out(&format!("  last failure   {}: {}", failure.at, Escaped(&failure.reason)));
        }
    }
    if !report.own.is_empty() {
        let on_hold = report.own.iter().filter(|own| own.hold.is_some()).count();
        let own = counted(report.own.len() as u64, "advisory", "advisories");
        out(&format!("advisories  {own} of the organisation, {on_hold} on hold"));
    }
}

fn upstream(upstream: &UpstreamReport) {
    let state = if upstream.enabled { "" } else { " (disabled)" };
    out(&format!("upstream    {}{state} at {}", upstream.id, Escaped(&upstream.url)));
    out(&format!("  rows           {}, {} in quarantine", upstream.rows, upstream.quarantined));
    let (bytes, most) = (Bytes(upstream.bytes), Bytes(upstream.max_bytes));
    out(&format!("  size           {bytes} of {most}"));
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
    // A folder has none.
    if upstream.watermark.is_some() || upstream.url.starts_with("http") {
        out(&format!("  watermark      {}", when(upstream.watermark)));
    }
    if let Some(Refused { times, at }) = upstream.refused {
        out(&format!(
            "  incremental    refused {}, last {at}; after 3 each run is a full sync, for one `full_sync`",
            counted(times.into(), "time", "times")
        ));
    }
    if let Some(limit) = &upstream.out_of_room {
        let (rows, found, allowed) = (limit.left_out(), limit.found(), limit.allowed());
        out(&format!("  left out       {rows}: {found}; allowed: {allowed}"));
    }
    if let Some(on_hold) = &upstream.on_hold {
        out(&format!(
            "  on hold        {} as {}@{}",
            counted(on_hold.set.rows, "row", "rows"),
            upstream.id,
            on_hold.id
        ));
        for exceeded in &on_hold.set.exceeded {
            out(&format!("                 {}", Escaped(&exceeded.to_string())));
        }
    }
    if let Some(failure) = &upstream.last_failure {
        out(&format!("  last failure   {}: {}", failure.at, Escaped(&failure.reason)));
    }
    if upstream.next_attempt.is_some() {
        out(&format!("  next attempt   {}", when(upstream.next_attempt)));
    }
}

fn webhook(report: &WebhookReport) {
    let WebhookReport { status, waiting, dead_letters } = report;
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

fn alert(report: &AlertReport) {
    let AlertReport { id, alert, state, .. } = report;
    let state = if report.is_open() { String::new() } else { format!(" ({})", state.as_str()) };
    let (kind, subject) = (alert.kind(), Escaped(&alert.identity.subject));
    out(&format!("alert       {id}  {kind} {subject}{state}"));
}

/// Returns a time, in words.
fn when(at: Option<Timestamp>) -> String {
    at.map_or("never".to_owned(), |at| at.to_string())
}
