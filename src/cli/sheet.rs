//! A review sheet as sections of lines, from which both forms for people are written.

use super::content::{Line, change_lines, content_lines, dates_line, drift_lines};
use super::explain::{facts, failed, unapplied};
use super::history_text::sentence;
use super::print::counted;
use crate::curation::{AreaReport, EntryState, GateAnswer, NamespaceReport, ReferenceOrigin};
use crate::daemon::{EarlierDecision, History, ReferenceDifference, ReviewSheet, ShownVersion};

/// Other versions that are listed; `vidimus list --all` has them all.
const MAX_OTHERS: usize = 20;

/// A part of a sheet.
pub(super) struct Section {
    pub(super) title: Title,
    pub(super) lines: Vec<Line>,
}

/// The title of a section: words of ours, or a version of a publisher with its upstream.
pub(super) enum Title {
    Words(&'static str),
    Version { version: String, upstream: String },
}

/// Returns the sections of a sheet in the order in which they are read; empty ones are left out.
pub(super) fn sections(sheet: &ReviewSheet) -> Vec<Section> {
    let words = |title, lines| Section { title: Title::Words(title), lines };
    let of_versions = sheet.shown.iter().map(|shown| Section {
        title: Title::Version { version: shown.version.clone(), upstream: shown.upstream.clone() },
        lines: version_lines(shown),
    });
    let ownership = sheet.ownership.as_ref().map(ownership_lines).unwrap_or_default();
    let resemblances = sheet.resemblances.iter().map(|text| Line::new("resembles", text));
    let alerts = sheet.alerts.iter().flat_map(|alert| {
        let title = Line::new("alert", format!("{} {}", alert.id, alert.kind));
        std::iter::once(title).chain(alert.items.iter().map(|item| Line::new("", item)))
    });
    let rest = [
        words("ownership", ownership),
        words("resemblances and open alerts", resemblances.chain(alerts).collect()),
        words("earlier decisions", decision_lines(&sheet.decisions)),
        words("history, the newest first", history_lines(&sheet.history)),
        words("versions that an approval of the name keeps", kept_lines(sheet)),
        words("other versions", other_lines(sheet)),
        words("areas to check", sheet.areas.iter().flat_map(area_lines).collect()),
    ];
    of_versions.chain(rest).filter(|section| !section.lines.is_empty()).collect()
}

fn version_lines(shown: &ShownVersion) -> Vec<Line> {
    let explanation = &shown.explanation;
    let mut lines = content_lines(&shown.content);
    lines.push(dates_line(&shown.dates));
    lines.push(Line::new("digest", shown.received.to_string()));
    lines.extend(explanation.packages.iter().filter_map(|package| {
        let provenance = package.provenance.as_ref()?;
        Some(Line::new("provenance", format!("{}: {}", package.identifier, provenance.why)))
    }));
    let state = match explanation.state {
        EntryState::Served => "served".to_owned(),
        hidden => format!("hidden: {hidden}"),
    };
    let facts = facts(explanation);
    let facts = if facts.is_empty() { String::new() } else { format!(" ({facts})") };
    lines.push(Line::new("state", format!("{state}{facts}")));
    let gates = failed(explanation);
    lines.extend(gates.map(|gate| Line::new("", format!("{}: {}", gate.gate, gate.evidence))));
    if explanation.state != EntryState::Served {
        lines.extend(approved_lines(&shown.if_approved.hidden));
    }
    lines.extend(explanation.scans.iter().map(|scan| Line::new("scan", scan)));
    if let Some(status) = &explanation.upstream_status {
        let message = status.status_message.as_ref();
        let message = message.map(|message| format!(": {message}")).unwrap_or_default();
        lines.push(Line::new("status", format!("{}{message}", status.status)));
    }
    lines.extend(
        explanation.not_applied.as_ref().map(|change| Line::new("not applied", unapplied(change))),
    );
    if let Some(successor) = &explanation.successor {
        lines.push(Line::new("successor", successor));
    }
    if let Some(drift) = &shown.drift {
        lines.extend(drift_lines(drift));
    }
    lines.extend(difference_lines(shown.difference.as_ref()));
    lines
}

/// Returns what an approval of the exact name leaves hidden.
fn approved_lines(hidden: &[GateAnswer]) -> Vec<Line> {
    const LABEL: &str = "if approved";
    if hidden.is_empty() {
        return vec![Line::new(LABEL, "it is served")];
    }
    let gates =
        hidden.iter().map(|gate| Line::new("", format!("{}: {}", gate.gate, gate.evidence)));
    std::iter::once(Line::new(LABEL, "it stays hidden")).chain(gates).collect()
}

fn difference_lines(difference: Option<&ReferenceDifference>) -> Vec<Line> {
    let Some(difference) = difference else {
        return vec![Line::new("difference", "none: no other content of the name was reviewed")];
    };
    let origin = match difference.origin {
        ReferenceOrigin::Rule => "the reference of its rule",
        ReferenceOrigin::GreatestApproved => "the greatest version that is served or approved",
    };
    let ReferenceDifference { version, received, changes, .. } = difference;
    let title = Line::new("difference", format!("to {version}, {origin}, {received}"));
    std::iter::once(title).chain(change_lines(changes)).collect()
}

fn ownership_lines(report: &NamespaceReport) -> Vec<Line> {
    let mut lines = vec![
        Line::new("verdict", format!("{} is {}: {}", report.namespace, report.verdict, report.why)),
        Line::new("claim", &report.claim),
    ];
    lines.extend(report.evidence.iter().map(|evidence| Line::new("evidence", evidence)));
    lines.extend(report.keys.iter().map(|key| {
        let state = if key.shown { "is shown" } else { "was shown" };
        Line::new("key", format!("{} {state}", key.key))
    }));
    if let Some(since) = report.keys_changed {
        lines.push(Line::new("keys", format!("the set of keys changed {since}")));
    }
    lines.extend(report.checked_at.map(|at| Line::new("last lookup", at.to_string())));
    lines.push(Line::new("limits", &report.caveat));
    lines
}

fn decision_lines(decisions: &[EarlierDecision]) -> Vec<Line> {
    let lines = decisions.iter().flat_map(|decision| {
        let reviewers = match decision.reviewers.as_slice() {
            [] => String::new(),
            reviewers => format!(" by {}", reviewers.join(", ")),
        };
        let reviewed = decision.reviewed.as_ref();
        let reviewed = reviewed.map(|at| format!(", reviewed {at}")).unwrap_or_default();
        let expires = decision.expires.map(|at| format!(", until {at}")).unwrap_or_default();
        let EarlierDecision { selector, place, state, .. } = decision;
        let text = format!("{selector}{reviewers}{reviewed}{expires}, at {place}");
        let more = [("scope", &decision.scope), ("reason", &decision.reason)];
        let more = more.into_iter().filter_map(|(label, text)| {
            Some(Line::new("", format!("{label}: {}", text.as_ref()?)))
        });
        std::iter::once(Line::new(state, text)).chain(more).collect::<Vec<_>>()
    });
    lines.collect()
}

fn history_lines(history: &History) -> Vec<Line> {
    let events = history.events.iter().map(|recorded| {
        let text = sentence(&recorded.event.change, &history.rules, false);
        Line::new(&recorded.event.at.day(), text)
    });
    let more = (history.more > 0).then(|| {
        let more = counted(history.more, "older event", "older events");
        Line::new("and", format!("{more}; `vidimus history` lists them"))
    });
    events.chain(more).collect()
}

fn kept_lines(sheet: &ReviewSheet) -> Vec<Line> {
    let kept = sheet.kept.iter().map(|kept| {
        let ended = if kept.expired { ", of which the approval ended" } else { "" };
        Line::new(
            "keeps",
            format!("{} from {}, {}{ended}", kept.version, kept.upstream, kept.received),
        )
    });
    let too_many = sheet.kept_too_many.then(|| {
        Line::new("and more", "more than one rule lists: review one version or a range instead")
    });
    kept.chain(too_many).collect()
}

/// Returns a sentence about versions that the command approves again, for those who read only the end of a sheet.
pub(super) fn renewed(sheet: &ReviewSheet) -> Option<String> {
    let ended = sheet.kept.iter().filter(|kept| kept.expired && !kept.followed).count() as u64;
    let versions = counted(ended, "version", "versions");
    (ended > 0 && !sheet.kept_too_many).then(|| {
        format!("this command approves {versions} again that the sheet does not show: the approval of each ended")
    })
}

fn other_lines(sheet: &ReviewSheet) -> Vec<Line> {
    let others = sheet.others.iter().take(MAX_OTHERS).map(|other| {
        let published = other.published.map(|at| format!(", published {}", at.day()));
        let published = published.unwrap_or_default();
        let text = format!("{} from {}{published}", other.version, other.upstream);
        Line::new(&other.state.to_string(), text)
    });
    let more = sheet.others.len().saturating_sub(MAX_OTHERS);
    let more = (more > 0).then(|| {
        let more = counted(more as u64, "more version", "more versions");
        Line::new("and", format!("{more}; `vidimus list --all {}` lists them", sheet.name))
    });
    others.chain(more).collect()
}

fn area_lines(report: &AreaReport) -> Vec<Line> {
    let area = report.area.to_string();
    let facts = report.facts.iter().enumerate().map(|(index, fact)| {
        let label = if index == 0 { area.as_str() } else { "" };
        Line::new(label, fact.to_string())
    });
    let more = (report.more > 0).then(|| Line::new("", format!("and {} more", report.more)));
    facts.chain(more).chain([Line::question(&report.ask)]).collect()
}
