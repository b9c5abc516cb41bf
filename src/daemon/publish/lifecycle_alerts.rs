//! Alerts about what an upstream or the end of a rule does to approved entries.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::alert::{AlertKind, Evidence as Item, Figure, ReportedAlert};
use crate::curation::{
    ContentHead, Dossier, DossierRow, EntryEvaluation, Evaluation, Evidence, ViewRecord,
    WaitingKind, reference_in,
};
use crate::model::{Escaped, NotBenign, Shown, Status, Timestamp, changed_members};
use crate::overlay::{Condition, Ending, Ends, Rule, WaivedCondition};
use crate::store::{Snapshot, StoreError};

/// Versions whose difference is shown; a publisher could list thousands. The greatest come first.
const MAX_DIFFERENCES: usize = 16;
/// Members of a difference that are shown; the digest binds all of them.
const MAX_MEMBERS: usize = 20;

/// Returns the alerts about one name: versions that are not benign, that changed their status, and that a rule served
/// until it ended.
pub(super) fn lifecycle_alerts(
    snapshot: &Snapshot,
    dossier: &Dossier,
    evaluation: &Evaluation<'_>,
    now: Timestamp,
) -> Result<Vec<ReportedAlert>, StoreError> {
    let mut alerts = expired(dossier, evaluation, now);
    alerts.extend(newer_versions(dossier, evaluation, now));
    alerts.extend(material_change(snapshot, dossier, evaluation)?);
    alerts.extend(status_changed(snapshot, dossier, evaluation)?);
    Ok(alerts)
}

fn was_served(dossier: &Dossier, entry: &EntryEvaluation<'_>) -> bool {
    !dossier.records_of(&entry.row.version).is_empty()
}

/// Returns true if a view showed an entry at a moment in the past, as far as the last change of its record tells.
fn was_served_at(dossier: &Dossier, entry: &EntryEvaluation<'_>, at: Timestamp) -> bool {
    let is_meant =
        |seen: &ViewRecord| seen.record.shown == Shown::Visible || at <= seen.record.changed_at;
    dossier.records_of(&entry.row.version).iter().any(is_meant)
}

/// Returns an alert for each rule that ended while it served the name.
fn expired(dossier: &Dossier, evaluation: &Evaluation<'_>, now: Timestamp) -> Vec<ReportedAlert> {
    let ended = evaluation.entries.iter().flat_map(|entry| {
        let endings = ended_by(entry, now).into_iter();
        let its = endings.filter(move |ending| was_served_at(dossier, entry, ending.until));
        its.map(move |ending| (entry.rules.owner, ending))
    });
    ended
        .map(|(owner, ending)| {
            let item = Item::Ended { name: dossier.name.to_string(), until: ending.until };
            let alert = ReportedAlert::new(AlertKind::Expired, ending.subject(), [item]);
            let owner = owner.map(|owner| Figure::OverlayOwner { owner: owner.to_owned() });
            let place = Figure::Rule { place: ending.rule.place.to_string() };
            ReportedAlert { figures: owner.into_iter().chain([place]).collect(), ..alert }
        })
        .collect()
}

/// Returns the parts of rules whose ends hide an entry.
pub(super) fn ended_by<'a>(entry: &EntryEvaluation<'a>, now: Timestamp) -> Vec<Ending<'a>> {
    let ended = |rule: &'a Rule, is_meant: &dyn Fn(&Ends<'a>) -> bool| {
        let endings = Ending::of(rule).filter(|ending| ending.until < now);
        endings.filter(|ending| is_meant(&ending.what)).collect::<Vec<_>>()
    };
    let excepting = || entry.rules.excepting.iter().copied();
    match entry.hidden_by() {
        Some((_, Evidence::Expired(_))) => {
            let rule = entry.rules.approval.map(|(rule, _)| rule);
            rule.map(|rule| ended(rule, &|what| matches!(what, Ends::Approval))).unwrap_or_default()
        }
        Some((_, Evidence::Unmet { .. })) => {
            let covers = |waived: &WaivedCondition| {
                entry.unmet().iter().any(|unmet| waived.covers(unmet.condition))
            };
            let is_meant = |what: &Ends<'_>| matches!(what, Ends::Waiver(waived) if covers(waived));
            excepting().flat_map(|rule| ended(rule, &is_meant)).collect()
        }
        Some((_, Evidence::Provenance(_))) => {
            let covers = |waived: &WaivedCondition| waived.covers(Condition::Provenance);
            let is_meant = |what: &Ends<'_>| matches!(what, Ends::Waiver(waived) if covers(waived));
            excepting().flat_map(|rule| ended(rule, &is_meant)).collect()
        }
        Some((_, Evidence::Advised { .. })) => {
            let hides =
                |waived: &WaivedCondition| entry.advised().any(|id| waived.covers_advisory(id));
            let is_meant = |what: &Ends<'_>| matches!(what, Ends::Waiver(waived) if hides(waived));
            excepting().flat_map(|rule| ended(rule, &is_meant)).collect()
        }
        Some((_, Evidence::Unsafe { .. })) => {
            let objections = entry.content.facts.iter().flat_map(|facts| &facts.objections);
            let found: BTreeSet<&str> =
                objections.map(|objection| objection.found.as_str()).collect();
            let is_meant = |what: &Ends<'_>| matches!(what, Ends::Url(url) if found.contains(url));
            excepting().flat_map(|rule| ended(rule, &is_meant)).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the part of the alert of an owner that is about newer versions of one name: the greatest that waits, since an
/// item for each of thousands would hide other names. All versions are counted.
fn newer_versions(
    dossier: &Dossier,
    evaluation: &Evaluation<'_>,
    now: Timestamp,
) -> Option<ReportedAlert> {
    let waiting = evaluation.waiting(Duration::ZERO, now);
    let newer = waiting.iter().filter(|waiting| waiting.kind == WaitingKind::NewerVersion);
    let count = newer.clone().count() as u64;
    let greatest = newer.clone().next()?;
    // An owner is free text, which must not be taken for the name of a server.
    let subject = greatest.owner.map_or("no owner".to_owned(), |owner| format!("owner {owner}"));
    let item = Item::NewerVersion {
        name: dossier.name.to_string(),
        version: greatest.entry.row.version.to_string(),
        received: greatest.entry.head.received,
    };
    let alert = ReportedAlert::new(AlertKind::NewerVersions, subject, [item]);
    Some(ReportedAlert { count, ..alert })
}

/// Returns one alert for a name with later versions that are not benign.
fn material_change(
    snapshot: &Snapshot,
    dossier: &Dossier,
    evaluation: &Evaluation<'_>,
) -> Result<Option<ReportedAlert>, StoreError> {
    let mut waiting: Vec<(&EntryEvaluation<'_>, NotBenign, &Rule)> = Vec::new();
    for entry in &evaluation.entries {
        if let Some((_, Evidence::NotFollowed { why, rule })) = entry.hidden_by()
            && why.is_material()
        {
            waiting.push((entry, *why, rule));
        }
    }
    waiting.sort_by_key(|(entry, ..)| {
        let version = entry.row.version.semantic();
        Reverse((version, entry.row.version.clone()))
    });
    let mut items = BTreeSet::new();
    for (entry, why, rule) in waiting.iter().take(MAX_DIFFERENCES) {
        items.insert(Item::NotBenign {
            version: entry.row.version.to_string(),
            received: entry.head.received,
            why: *why,
            changes: difference(snapshot, dossier, entry, rule)?,
        });
    }
    if waiting.len() > MAX_DIFFERENCES {
        items.insert(Item::Unlisted);
    }
    let rules: BTreeSet<String> =
        waiting.iter().map(|(_, _, rule)| rule.place.to_string()).collect();
    let figures = rules.into_iter().map(|place| Figure::Rule { place }).collect();
    let name = &dossier.name;
    let alert = ReportedAlert::new(AlertKind::MaterialChange, name.as_str(), items);
    let alert = ReportedAlert { count: waiting.len() as u64, figures, ..alert };
    Ok((!waiting.is_empty()).then(|| alert.of_namespace(name.namespace())))
}

/// Returns the members in which an entry differs from the reference of a rule; nothing if one of the two is not stored.
fn difference(
    snapshot: &Snapshot,
    dossier: &Dossier,
    entry: &EntryEvaluation<'_>,
    rule: &Rule,
) -> Result<Vec<String>, StoreError> {
    let follow = rule.approved().and_then(|approval| approval.follow.as_ref());
    let reference = follow.and_then(|follow| follow.reference.as_ref());
    let stored = reference.and_then(|reference| reference_in(dossier, reference));
    let Some((row, reference)) = stored else { return Ok(Vec::new()) };
    let body = |row: &DossierRow, content: &ContentHead| match snapshot.body(
        &dossier.name,
        row,
        content,
    ) {
        // A damaged row has its own alert.
        Err(StoreError::Damaged(_)) => Ok(None),
        body => body.map(|entry| Some(entry.server)),
    };
    let (Some(before), Some(after)) = (body(row, reference)?, body(entry.row, entry.content)?)
    else {
        return Ok(Vec::new());
    };
    Ok(changed_members(&before, &after, MAX_MEMBERS))
}

/// Returns one alert for a name with approved versions that an upstream deprecated or deleted.
fn status_changed(
    snapshot: &Snapshot,
    dossier: &Dossier,
    evaluation: &Evaluation<'_>,
) -> Result<Option<ReportedAlert>, StoreError> {
    let (mut items, mut figures, mut served) = (BTreeSet::new(), BTreeSet::new(), false);
    for entry in &evaluation.entries {
        let Some(status) = changed_status(dossier, entry) else { continue };
        served |= entry.is_served();
        if items.len() < MAX_DIFFERENCES {
            figures.extend(explain_status(snapshot, dossier, entry)?);
        }
        items.insert(Item::StatusChanged { version: entry.row.version.to_string(), status });
    }
    let name = &dossier.name;
    let count = items.len() as u64;
    let alert = ReportedAlert::new(AlertKind::StatusChanged, name.as_str(), items);
    let alert = ReportedAlert { count, figures: figures.into_iter().collect(), ..alert };
    Ok((count > 0).then(|| alert.of_namespace(name.namespace()).of_served(served)))
}

/// Returns the status of an approved entry that its upstream deprecated after the review, or deleted. A deletion of
/// what only a wildcard covers counts if it was served.
fn changed_status(dossier: &Dossier, entry: &EntryEvaluation<'_>) -> Option<Status> {
    let (rule, approval) = entry.rules.approval?;
    if !entry.is_approved() || entry.row.content.head.contentless {
        return None;
    }
    let status = match entry.hidden_by() {
        Some((_, Evidence::Status(Status::Deleted) | Evidence::DeletedBy(_))) => Status::Deleted,
        _ => Some(entry.head.status).filter(|status| *status == Status::Deprecated)?,
    };
    if status == Status::Deleted && !rule.name.is_exact() && !was_served(dossier, entry) {
        return None;
    }
    let since = entry.head.status_since.unwrap_or(entry.head.first_seen);
    let is_known = approval.reviewed.is_some_and(|reviewed| since <= reviewed.start());
    (!is_known || was_served_at(dossier, entry, since)).then_some(status)
}

/// Returns the message of the publisher, and the time at which a rule hides a deprecated version.
fn explain_status(
    snapshot: &Snapshot,
    dossier: &Dossier,
    entry: &EntryEvaluation<'_>,
) -> Result<Vec<Figure>, StoreError> {
    let status = snapshot.upstream_status(&dossier.name, entry.row)?;
    let message = status.and_then(|status| status.status_message);
    let version = Escaped(entry.row.version.as_str());
    let message =
        message.map(|text| format!("the publisher says of {version}: {}", Escaped(&text)));
    let hidden = entry.hides_deprecated_at.filter(|_| entry.head.status == Status::Deprecated);
    let hidden = hidden.map(|last| format!("{version} is served until {last}"));
    Ok(message.into_iter().chain(hidden).map(|text| Figure::Reason { text }).collect())
}
