//! What people read. Text from outside passes through [`Escaped`].

use std::sync::Arc;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use miette::{GraphicalReportHandler, LabeledSpan, MietteDiagnostic, NamedSource};
use serde::Serialize;

use super::error::CliError;
use crate::alert::AlertReport;
use crate::api::SyncReport;
use crate::curation::{DEFAULT_VIEW, Explanation, NamespaceReport};
use crate::daemon::{Listed, QuarantineReport, StatusReport, WebhookReport};
use crate::lint::{Finding, Severity};
use crate::model::{Escaped, Instant};
use crate::store::{Mailbox, Verification};
use crate::sync::PassKind;

pub(super) fn as_json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    out(&text);
}

/// Writes a line; a reader that has gone away, as `head` does, is no reason to panic.
pub(super) fn out(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn err(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub(super) fn error(error: &CliError) {
    if let CliError::Findings(found) = error {
        found.iter().for_each(|finding| err(&drawn(finding)));
    }
    err(&format!("vidimus: {}", crate::model::reason(error)));
}

pub(super) fn findings(findings: &[Finding], json: bool) {
    if json {
        #[derive(Serialize)]
        struct Findings<'a> {
            findings: &'a [Finding],
        }
        return as_json(&Findings { findings });
    }
    findings.iter().for_each(|finding| out(&drawn(finding)));
    let errors = findings.iter().filter(|it| it.severity == Severity::Error).count();
    out(&format!("{errors} errors, {} warnings", findings.len() - errors));
}

/// A finding with the lines it speaks of.
fn drawn(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let (place, source) = (&finding.place, &finding.place.source);
    let mut diagnostic = MietteDiagnostic::new(format!("{place}: {}", Escaped(&finding.found)))
        .with_severity(severity);
    if !finding.allowed.is_empty() {
        diagnostic = diagnostic.with_help(Escaped(&finding.allowed).to_string());
    }
    if source.text.is_empty() {
        return rendered(&diagnostic.into());
    }
    diagnostic = diagnostic.and_label(LabeledSpan::at(place.span.clone(), "here"));
    if let Some(other) = &finding.other {
        match Arc::ptr_eq(&other.source, source) {
            true => {
                let label = LabeledSpan::at(other.span.clone(), "against this");
                diagnostic = diagnostic.and_label(label);
            }
            false => diagnostic = diagnostic.with_help(format!("it stands against {other}")),
        }
    }
    let report: miette::Report = diagnostic.into();
    rendered(&report.with_source_code(NamedSource::new(&source.file, source.text.clone())))
}

fn rendered(report: &miette::Report) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
        .render_report(&mut text, report.as_ref());
    text
}

pub(super) fn list(lines: &[Listed], json: bool) {
    if json {
        return as_json(&lines);
    }
    let mut table =
        table(&["NAME", "VERSION", "TIER", "CLASS", "OWNER", "PROOF", "UNTIL OR HIDDEN BY"]);
    for line in lines {
        let fate = line.expires.map(|at| at.to_string()).or_else(|| line.hidden_by.clone());
        table.add_row([
            line.name.clone(),
            Escaped(&line.version).to_string(),
            line.tier.map(|tier| tier.to_string()).unwrap_or_default(),
            line.classification.clone().unwrap_or_default(),
            Escaped(line.owner.as_deref().unwrap_or_default()).to_string(),
            line.ownership.clone().unwrap_or_default(),
            fate.unwrap_or_default(),
        ]);
    }
    out(&table.to_string());
}

pub(super) fn quarantine(rows: &[QuarantineReport], json: bool) {
    if json {
        return as_json(&rows);
    }
    let mut table = table(&["UPSTREAM", "NAME", "VERSION", "BYTES", "REASON"]);
    for row in rows {
        table.add_row([
            row.upstream.clone(),
            Escaped(&row.name).to_string(),
            Escaped(&row.version).to_string(),
            row.bytes.to_string(),
            Escaped(&row.reason).to_string(),
        ]);
    }
    out(&table.to_string());
}

pub(super) fn explanation(explanation: &Explanation, json: bool) {
    if json {
        return as_json(explanation);
    }
    for version in &explanation.versions {
        let fate = if version.served { "served" } else { "hidden" };
        let name = Escaped(&explanation.name);
        out(&format!("{name} {} of {}: {fate}", Escaped(&version.version), version.upstream));
        for answer in &version.gates {
            out(&format!("  {:<4}  {}: {}", answer.outcome, answer.gate, answer.evidence));
        }
        let facts: Vec<String> = [
            version.tier.map(|tier| format!("tier {tier}")),
            version.classification.clone(),
            version.owner.as_ref().map(|owner| format!("owner {}", Escaped(owner))),
            (!version.labels.is_empty()).then(|| format!("labels {}", version.labels.join(", "))),
            (version.views != [DEFAULT_VIEW] && version.served)
                .then(|| format!("shown in the views: {}", version.views.join(", "))),
            version.digest.clone(),
        ]
        .into_iter()
        .flatten()
        .collect();
        out(&format!("        {}", facts.join(", ")));
        if let Some(other) = &version.rewritten {
            out(&format!(
                "        upstream sends other content by now, {other}: what was first received stays"
            ));
        }
    }
    if let Some(ownership) = &explanation.ownership {
        title(ownership);
    }
}

/// What is known of who owns a name.
pub(super) fn title(title: &NamespaceReport) {
    out(&format!("{}: {}: {}", Escaped(&title.namespace), title.verdict, Escaped(&title.why)));
    out(&format!("  it claims {}", Escaped(&title.claim)));
    for line in &title.evidence {
        out(&format!("  {}", Escaped(line)));
    }
    if let Some(at) = title.checked_at {
        let definite = title.concluded_at.map_or("never".to_owned(), |at| at.to_string());
        out(&format!("  looked at {at}; a definite answer last: {definite}"));
    }
    if let Some(at) = title.next_check {
        out(&format!("  next look {at}"));
    }
    out(&format!("  {}", title.caveat));
}

pub(super) fn status(report: &StatusReport, json: bool) {
    if json {
        return as_json(report);
    }
    let daemon = match (report.running, report.ready) {
        (true, true) => "running",
        (true, false) => "running, waiting for a first answer of the upstream",
        (false, _) => "not running; this is what the store says",
    };
    out(&format!("daemon      {daemon}"));
    let generation = report.generation.map_or("none".into(), |generation| generation.to_string());
    out(&format!("generation  {generation}, {} entries visible", report.visible));
    let overlays = &report.overlays;
    out(&format!("overlays    {}, {} statements in force", overlays.state, overlays.statements));
    if !report.owners.is_empty() {
        let counts: Vec<String> =
            report.owners.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
        out(&format!("owners      of the namespaces that were looked at: {}", counts.join(", ")));
    }
    let when = |at: Option<Instant>| at.map_or("never".to_owned(), |at| at.to_string());
    for upstream in &report.upstreams {
        let state = if upstream.enabled { "" } else { " (disabled)" };
        out(&format!("upstream    {}{state} at {}", upstream.id, Escaped(&upstream.url)));
        out(&format!(
            "  rows           {} and {} in quarantine",
            upstream.rows, upstream.quarantined
        ));
        if let Some(activity) = &upstream.activity {
            out(&format!("  running        {} rows in {} pages", activity.rows, activity.pages));
        }
        out(&format!("  last attempt   {}", when(upstream.last_attempt)));
        out(&format!("  last success   {}", when(upstream.last_success)));
        out(&format!("  complete walk  {}", when(upstream.last_complete_walk)));
        out(&format!("  watermark      {}", when(upstream.watermark)));
        if let Some(held) = &upstream.held {
            out(&format!("  held           {} rows as {}@{}", held.rows, upstream.id, held.id));
        }
        if let Some(failure) = &upstream.last_failure {
            out(&format!("  last failure   {}: {}", failure.at, Escaped(&failure.reason)));
        }
        if upstream.next_attempt.is_some() {
            out(&format!("  next attempt   {}", when(upstream.next_attempt)));
        }
    }
    for WebhookReport { mailbox, waiting, undelivered } in &report.webhooks {
        let Mailbox { receiver, reception } = mailbox;
        let url = &receiver.url;
        out(&format!("webhook     {} at {url}", receiver.name));
        out(&format!("  notices        {waiting} waiting, {undelivered} given up"));
        out(&format!("  last taken     {}", when(reception.last_taken)));
        if let (Some(since), Some(failure)) = (reception.failing_since, &reception.last_failure) {
            out(&format!("  failing        since {since}: {failure}"));
        }
    }
    for report in &report.alerts {
        let seen = if report.is_open() { "" } else { " (acknowledged)" };
        let AlertReport { id, alert, detail, .. } = report;
        let (kind, subject) = (alert.kind(), Escaped(&alert.identity.subject));
        out(&format!("alert       {id}  {kind} {subject}{seen}: {}", Escaped(detail)));
    }
}

pub(super) fn sync(report: &SyncReport, json: bool) {
    if json {
        return as_json(report);
    }
    for pass in &report.passes {
        let kind = match pass.kind {
            PassKind::Complete => "complete walk".to_owned(),
            PassKind::Increment { since } => format!("increment since {since}"),
        };
        let dry = if pass.dry_run { ", dry run: nothing was written" } else { "" };
        let tally = &pass.tally;
        out(&format!(
            "{}: {kind}, {} rows in {} pages{dry}",
            pass.upstream,
            tally.rows(),
            pass.pages
        ));
        for (what, count) in [
            ("added", tally.added),
            ("updated", tally.updated),
            ("deleted", tally.deleted),
            ("unchanged", tally.unchanged),
            ("quarantined", tally.quarantined),
        ] {
            out(&format!("  {what:<11} {count}"));
        }
    }
    for pass in report.passes.iter().filter(|pass| !pass.held.is_empty()) {
        for trip in &pass.held {
            out(&format!("{}: held: {}", pass.upstream, Escaped(trip)));
        }
    }
    for (upstream, reason) in &report.failures {
        err(&format!("{upstream}: the pass failed: {}", Escaped(reason)));
    }
}

pub(super) fn decided(set: &str, decision: &str, names: usize) {
    out(&format!("{}: {decision}, {names} names were touched", Escaped(set)));
}

pub(super) fn verification(found: &Verification, file: bool, repaired: bool, json: bool) {
    if json {
        #[derive(Serialize)]
        struct Report<'a> {
            #[serde(flatten)]
            found: &'a Verification,
            /// Whether the storage engine had to repair the file; absent when it was not asked.
            #[serde(skip_serializing_if = "Option::is_none")]
            repaired: Option<bool>,
        }
        return as_json(&Report { found, repaired: file.then_some(repaired) });
    }
    if file && repaired {
        out(
            "the file was damaged, and the storage engine repaired it; restart from a copy if rows are missing",
        );
    } else if file {
        out("the file is sound");
    }
    out(&format!(
        "{} entries, {} in quarantine, {} staged, {} in the ledger",
        found.entries, found.quarantined, found.staged, found.ledger
    ));
    found.problems.iter().for_each(|problem| out(problem));
    out(&format!("{} problems", found.problem_count));
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.iter().copied());
    table
}
