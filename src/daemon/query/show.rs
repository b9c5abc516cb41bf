use serde::{Deserialize, Serialize};

use super::entry::{Dates, Drift, EntryText, ownership_of, resemblances};
use crate::curation::{
    EntryContent, EntryEvaluation, EntryState, Evaluation, NamespaceReport, PolicySnapshot,
    VersionExplanation, evaluate,
};
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp, Version, all_changes};
use crate::store::{Snapshot, StoreError};

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
pub struct VersionDifference {
    pub name: String,
    pub from: String,
    pub to: String,
    /// By JSON pointer.
    pub changes: Vec<String>,
}

/// Shows one version of a server, served or not: without a version the greatest one that is served, or else the
/// greatest. Returns `None` if no upstream has it.
///
/// # Errors
/// When the store cannot be read, as for every function here.
pub fn show_entry(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    asked: (&Name, Option<&str>),
    with_raw: bool,
) -> Result<Option<Shown>, StoreError> {
    let (name, version) = asked;
    let dossier = snapshot.dossier(name, policy)?;
    let screening = screenings.of(snapshot, policy, &dossier, now)?;
    let evaluation = evaluate(&dossier, policy, &screening, now);
    let ownership = ownership_of(&dossier, policy);
    let resemblances = resemblances(screening.get(name));
    let mut shown = match chosen(&evaluation, version) {
        Some(entry) => {
            let mut shown = of_entry(snapshot, policy, name, entry, with_raw)?;
            shown.others = others(&evaluation, entry.row.version.as_str(), &entry.row.upstream);
            shown
        }
        None => match of_quarantined(snapshot, name, &evaluation, version, with_raw)? {
            Some(shown) => shown,
            None => return Ok(None),
        },
    };
    shown.ownership = ownership;
    shown.resemblances = resemblances;
    Ok(Some(shown))
}

/// Compares two versions of a server; `None` if one of them is not stored as an entry.
pub fn version_difference(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
    (from, to): (&str, &str),
) -> Result<Option<VersionDifference>, StoreError> {
    let dossier = snapshot.dossier(name, policy)?;
    let body = |version: &str| {
        let row = dossier.rows.iter().find(|row| row.version.as_str() == version);
        row.map(|row| snapshot.body(name, row, &row.content)).transpose()
    };
    let (Some(before), Some(after)) = (body(from)?, body(to)?) else { return Ok(None) };
    Ok(Some(VersionDifference {
        name: name.to_string(),
        from: from.to_owned(),
        to: to.to_owned(),
        changes: all_changes(&before.server, &after.server),
    }))
}

/// Returns the entry that was asked for: a served one before others, the greatest before lesser ones.
fn chosen<'e, 'a>(
    evaluation: &'e Evaluation<'a>,
    version: Option<&str>,
) -> Option<&'e EntryEvaluation<'a>> {
    let entries = evaluation.entries.iter();
    let asked =
        entries.filter(|entry| version.is_none_or(|asked| asked == entry.row.version.as_str()));
    asked.max_by(|left, right| {
        let order = |entry: &EntryEvaluation<'_>| (entry.is_served(), entry.row.version.semantic());
        let (left_key, right_key) = (order(left), order(right));
        left_key.0.cmp(&right_key.0).then_with(|| {
            Version::precedence(left_key.1.as_ref(), right_key.1.as_ref())
                .then_with(|| left.head.published_at.cmp(&right.head.published_at))
        })
    })
}

fn of_entry(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
    entry: &EntryEvaluation<'_>,
    with_raw: bool,
) -> Result<Shown, StoreError> {
    let EntryText { body, content, dates, drift, explanation } =
        EntryText::read(snapshot, policy, name, entry)?;
    Ok(Shown {
        name: name.to_string(),
        version: entry.row.version.to_string(),
        upstream: entry.row.upstream.to_string(),
        content: Some(content),
        dates: Some(dates),
        explanation,
        drift,
        ownership: None,
        resemblances: Vec::new(),
        others: Vec::new(),
        raw: with_raw.then(|| format!(r#"{{"server":{},"_meta":{}}}"#, body.server, body.meta)),
    })
}

/// Shows a row in quarantine by its reason and, if asked for, its bytes.
fn of_quarantined(
    snapshot: &Snapshot,
    name: &Name,
    evaluation: &Evaluation<'_>,
    version: Option<&str>,
    with_raw: bool,
) -> Result<Option<Shown>, StoreError> {
    let mut rows = evaluation.quarantined.iter();
    let is_asked = |found: &str| version.is_none_or(|asked| asked == found);
    let Some((row, outcome)) = rows.find(|(row, _)| is_asked(&row.version)) else {
        return Ok(None);
    };
    let raw =
        if with_raw { snapshot.quarantined_item(name, &row.upstream, &row.version)? } else { None };
    Ok(Some(Shown {
        name: name.to_string(),
        version: row.version.clone(),
        upstream: row.upstream.clone(),
        content: None,
        dates: None,
        explanation: VersionExplanation::of_quarantined(row, outcome),
        drift: None,
        ownership: None,
        resemblances: Vec::new(),
        others: others(evaluation, &row.version, &row.upstream),
        raw,
    }))
}

/// Returns the versions beside the one that is shown, the greatest first.
pub(super) fn others(
    evaluation: &Evaluation<'_>,
    version: &str,
    upstream: &str,
) -> Vec<OtherVersion> {
    let entries = evaluation.entries.iter().map(|entry| OtherVersion {
        version: entry.row.version.to_string(),
        upstream: entry.row.upstream.to_string(),
        state: EntryState::of(entry),
        published: Some(entry.head.published_at),
    });
    let quarantined = evaluation.quarantined.iter().map(|(row, _)| OtherVersion {
        version: row.version.clone(),
        upstream: row.upstream.clone(),
        state: EntryState::Quarantined,
        published: None,
    });
    let is_other = |other: &OtherVersion| other.version != version || other.upstream != upstream;
    let mut others: Vec<OtherVersion> = entries.chain(quarantined).filter(is_other).collect();
    let semantic = |other: &OtherVersion| {
        Version::parse(&other.version).ok().and_then(|version| version.semantic())
    };
    others.sort_by(|left, right| {
        Version::precedence(semantic(right).as_ref(), semantic(left).as_ref())
            .then_with(|| right.published.cmp(&left.published))
    });
    others
}
