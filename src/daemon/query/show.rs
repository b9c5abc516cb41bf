use serde::{Deserialize, Serialize};

use super::entry::{Dates, Drift, EntryText, ownership_of, resemblances};
use crate::curation::{
    ContentHead, EntryContent, EntryEvaluation, EntryState, Evaluation, NamespaceReport,
    PolicySnapshot, QuarantinedFacts, VersionExplanation, evaluate,
};
use crate::daemon::screening::Screenings;
use crate::model::{Digest, Name, Timestamp, Version, all_changes};
use crate::store::{Snapshot, StoreError};

/// The entry that a person asks for.
#[derive(Debug, Clone, Copy)]
pub struct ShowRequest<'r> {
    pub name: &'r Name,
    pub version: Option<&'r str>,
    /// The upstream to read from; without it the one that the name belongs to comes first.
    pub upstream: Option<&'r str>,
    /// The digest of a stored content, as received; without it the content that is evaluated.
    pub content: Option<Digest>,
    pub with_raw: bool,
}

/// One version of a server: the content, how it stands, and the other versions.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    pub name: String,
    pub version: String,
    pub upstream: String,
    /// Absent for a row in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<EntryContent>,
    /// The digest of that content. The explanation has the digest of the content that is evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dates: Option<Dates>,
    pub explanation: VersionExplanation,
    /// The members that the upstream changed since it published the version, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The verification record of the namespace; absent if ownership is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<NamespaceReport>,
    /// The protected names and brands that the name resembles, in words.
    pub resemblances: Vec<String>,
    pub others: Vec<OtherVersion>,
    /// The received bytes, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

/// Another version, or the same one of another upstream.
#[derive(Debug, Serialize, Deserialize)]
pub struct OtherVersion {
    pub version: String,
    pub upstream: String,
    pub state: EntryState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Timestamp>,
}

/// The difference between two versions of a server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionDifference {
    pub name: String,
    pub from: String,
    pub from_upstream: String,
    pub from_received: Digest,
    pub to: String,
    pub to_upstream: String,
    pub to_received: Digest,
    /// By JSON pointer.
    pub changes: Vec<String>,
}

/// Shows one version of a server, served or not: without a version the greatest one that is served, or else the
/// greatest. Returns `None` if no upstream has it, or if it has no such content.
///
/// # Errors
/// When the store cannot be read, as for every function here.
pub fn show_entry(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    request: ShowRequest<'_>,
) -> Result<Option<Shown>, StoreError> {
    let ShowRequest { name, version, upstream, .. } = request;
    let dossier = snapshot.dossier(name, policy)?;
    let screening = screenings.of(snapshot, policy, &dossier, now)?;
    let evaluation = evaluate(&dossier, policy, &screening, now);
    let found = match evaluation.read_first(version, upstream) {
        Some(entry) => match content_of(entry, request.content) {
            Some(content) => Some(of_entry(snapshot, policy, request, entry, content)?),
            None => None,
        },
        None if request.content.is_some() => None,
        None => of_quarantined(snapshot, request, &evaluation)?,
    };
    Ok(found.map(|shown| Shown {
        others: others(&evaluation, &shown.version, &shown.upstream),
        ownership: ownership_of(&dossier, policy),
        resemblances: resemblances(screening.get(name)),
        ..shown
    }))
}

/// Compares two versions of a server, each of one upstream, or else of the one that the name belongs to if it has it;
/// `None` if one of them is not stored as an entry.
pub fn version_difference(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    (name, upstream): (&Name, Option<&str>),
    (from, to): (&str, &str),
) -> Result<Option<VersionDifference>, StoreError> {
    let dossier = snapshot.dossier(name, policy)?;
    let screening = screenings.of(snapshot, policy, &dossier, now)?;
    let evaluation = evaluate(&dossier, policy, &screening, now);
    let found = |version: &str| evaluation.read_first(Some(version), upstream);
    let (Some(before), Some(after)) = (found(from), found(to)) else { return Ok(None) };
    let body = |entry: &EntryEvaluation<'_>| snapshot.body(name, entry.row, entry.content);
    Ok(Some(VersionDifference {
        name: name.to_string(),
        from: from.to_owned(),
        from_upstream: before.row.upstream.to_string(),
        from_received: before.head.received,
        to: to.to_owned(),
        to_upstream: after.row.upstream.to_string(),
        to_received: after.head.received,
        changes: all_changes(&body(before)?.server, &body(after)?.server),
    }))
}

/// Returns the content of an entry that a digest names; without one the content that is evaluated.
fn content_of<'a>(
    entry: &EntryEvaluation<'a>,
    received: Option<Digest>,
) -> Option<&'a ContentHead> {
    let Some(received) = received else { return Some(entry.content) };
    let mut stored = std::iter::once(&entry.row.content).chain(&entry.row.others);
    stored.find(|content| content.head.received == received)
}

fn of_entry(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    ShowRequest { name, with_raw, .. }: ShowRequest<'_>,
    entry: &EntryEvaluation<'_>,
    shown: &ContentHead,
) -> Result<Shown, StoreError> {
    let EntryText { mut body, mut content, mut dates, drift, explanation } =
        EntryText::read(snapshot, policy, name, entry)?;
    if shown != entry.content {
        body = snapshot.body(name, entry.row, shown)?;
        content = EntryContent::of(&body.server);
        dates = Dates::of(shown.head);
    }
    Ok(Shown {
        name: name.to_string(),
        version: entry.row.version.to_string(),
        upstream: entry.row.upstream.to_string(),
        content: Some(content),
        received: Some(shown.head.received),
        dates: Some(dates),
        explanation,
        // The difference is to the content that is evaluated.
        drift: drift.filter(|_| shown == entry.content),
        ownership: None,
        resemblances: Vec::new(),
        others: Vec::new(),
        raw: with_raw.then(|| format!(r#"{{"server":{},"_meta":{}}}"#, body.server, body.meta)),
    })
}

/// Shows a row in quarantine by its reason and, if asked for, its bytes.
fn of_quarantined(
    snapshot: &Snapshot,
    ShowRequest { name, version, upstream, with_raw, .. }: ShowRequest<'_>,
    evaluation: &Evaluation<'_>,
) -> Result<Option<Shown>, StoreError> {
    let mut rows = evaluation.quarantined.iter();
    let is_asked = |row: &QuarantinedFacts| {
        version.is_none_or(|asked| asked == row.version)
            && upstream.is_none_or(|asked| asked == row.upstream)
    };
    let Some((row, outcome)) = rows.find(|(row, _)| is_asked(row)) else {
        return Ok(None);
    };
    let raw =
        if with_raw { snapshot.quarantined_item(name, &row.upstream, &row.version)? } else { None };
    Ok(Some(Shown {
        name: name.to_string(),
        version: row.version.clone(),
        upstream: row.upstream.clone(),
        content: None,
        received: None,
        dates: None,
        explanation: VersionExplanation::of_quarantined(row, outcome),
        drift: None,
        ownership: None,
        resemblances: Vec::new(),
        others: Vec::new(),
        raw,
    }))
}

/// Returns the versions beside the one that is shown, the greatest first.
pub(super) fn others(
    evaluation: &Evaluation<'_>,
    version: &str,
    upstream: &str,
) -> Vec<OtherVersion> {
    let entries = evaluation.entries.iter().map(|entry| {
        let other = OtherVersion {
            version: entry.row.version.to_string(),
            upstream: entry.row.upstream.to_string(),
            state: EntryState::of(entry),
            published: Some(entry.head.published_at),
        };
        (entry.row.version.semantic(), other)
    });
    let quarantined = evaluation.quarantined.iter().map(|(row, _)| {
        let semantic = Version::parse(&row.version).ok().and_then(|version| version.semantic());
        let other = OtherVersion {
            version: row.version.clone(),
            upstream: row.upstream.clone(),
            state: EntryState::Quarantined,
            published: None,
        };
        (semantic, other)
    });
    let all = entries.chain(quarantined);
    let mut others: Vec<_> =
        all.filter(|(_, other)| other.version != version || other.upstream != upstream).collect();
    others.sort_by(|(left_version, left), (right_version, right)| {
        Version::precedence(right_version.as_ref(), left_version.as_ref())
            .then_with(|| right.published.cmp(&left.published))
    });
    others.into_iter().map(|(_, other)| other).collect()
}
