use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::entry::{Dates, Drift, EntryText, ownership_of, resemblances};
use super::history::{History, Span, history_of};
use super::show::{OtherVersion, others};
use crate::alert::{Alert, AlertKind, Evidence as AlertEvidence};
use crate::curation::{
    AlertItems, AreaReport, Choice, Dossier, EntryContent, EntryEvaluation, Evaluation, Evidence,
    Gate, IfApproved, NamespaceReport, Outcome, PolicySnapshot, ReferenceOrigin, Seen,
    TooManyVersions, VersionExplanation, evaluate,
};
use crate::daemon::screening::Screenings;
use crate::model::{Digest, Name, Timestamp, all_changes};
use crate::overlay::{BadVersions, Rule, VersionPattern};
use crate::store::{Snapshot, StoreError};

/// Events on one sheet; `vidimus history` has them all.
const MAX_EVENTS: usize = 20;

/// Everything that a reviewer reads before a decision about a server, with the digest of what the decision covers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewSheet {
    pub name: String,
    /// The version or the range that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The time of the data that is shown.
    pub as_of: Timestamp,
    /// The versions to decide about, the greatest first.
    pub shown: Vec<ShownVersion>,
    /// Other versions that are served or approved, which an approval of the whole name lists too.
    #[serde(default)]
    pub kept: Vec<KeptVersion>,
    /// True if there are more of those than one rule lists: then only an approval of a version or a range is possible.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_too_many: bool,
    pub areas: Vec<AreaReport>,
    /// The verification record of the namespace; absent if ownership is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<NamespaceReport>,
    /// The protected names and brands that the name resembles, in words.
    pub resemblances: Vec<String>,
    /// The open alerts that concern the name.
    pub alerts: Vec<SheetAlert>,
    /// The decisions that the overlays state about the name, the most specific first.
    pub decisions: Vec<EarlierDecision>,
    /// The digests of all rules about the name, decisions and others.
    #[serde(default)]
    pub rules: BTreeSet<Digest>,
    /// The last events about the name and its namespace.
    pub history: History,
    pub others: Vec<OtherVersion>,
    /// The digest of everything that a decision covers. It changes with content, verdicts, evidence, alerts and rules;
    /// not with time alone.
    pub digest: Digest,
    /// The command for the usual decision.
    pub command: String,
}

/// A version to decide about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShownVersion {
    pub version: String,
    pub upstream: String,
    pub received: Digest,
    pub is_served: bool,
    /// The digest of the rule that approves the version, also after the approval expired; absent if it is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Digest>,
    /// The digest of the rule that follows the version: no reviewer saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed_by: Option<Digest>,
    pub content: EntryContent,
    pub dates: Dates,
    pub explanation: VersionExplanation,
    /// The outcome if a rule of the exact name approves it as it is shown.
    #[serde(default)]
    pub if_approved: IfApproved,
    /// The members that the upstream changed since it published the version, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The difference to a content that a reviewer saw before; absent for a first review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<ReferenceDifference>,
}

/// The difference to the version that a reviewer saw before.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReferenceDifference {
    pub version: String,
    pub upstream: String,
    pub received: Digest,
    pub origin: ReferenceOrigin,
    /// By JSON pointer.
    pub changes: Vec<String>,
}

/// A version that is served or approved beside those that are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptVersion {
    pub version: String,
    pub upstream: String,
    pub received: Digest,
    /// True if it is approved only by `follow`: no reviewer saw it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub followed: bool,
    /// The digest of the rule that approves the version, also after the approval expired; absent if it is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Digest>,
    /// The digest of the rule that follows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed_by: Option<Digest>,
    /// True if its approval ended: an approval of the name approves it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

/// An open alert, with the items that concern the name.
#[derive(Debug, Serialize, Deserialize)]
pub struct SheetAlert {
    pub id: String,
    pub kind: AlertKind,
    pub items: Vec<String>,
}

/// A decision about the name that the overlays state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierDecision {
    /// The digest of the whole rule, wherever it stands.
    pub digest: Digest,
    /// The names and versions that the rule selects.
    pub selector: String,
    /// The file and the line of the rule.
    pub place: String,
    /// `approved`, `pending`, `suspended` or `denied`.
    pub state: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The reason why there is no sheet.
#[derive(Debug, Error)]
pub enum NoSheet {
    #[error("`{text}` is neither a version nor a range of versions")]
    Versions { text: String, source: BadVersions },
    #[error(transparent)]
    TooMany(#[from] TooManyVersions),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Returns the sheet of a name, of one version or of a range of versions; `None` if no upstream has such an entry.
///
/// # Errors
/// When the versions are not a version or a range, when a range has too many for one sheet, or when the store cannot be
/// read: a sheet is never in part.
pub fn review_sheet(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    (name, versions): (&Name, Option<&str>),
) -> Result<Option<ReviewSheet>, NoSheet> {
    let parse = |text: &str| {
        VersionPattern::parse(text)
            .map_err(|source| NoSheet::Versions { text: text.to_owned(), source })
    };
    let dossier = snapshot.dossier(name, policy)?;
    let mut stored = dossier.rows.iter().map(|row| &row.version);
    let asked = match versions {
        None => None,
        // A publisher may call a version `>=1` or `*`: who asks for that means it, and not a range.
        Some(text) => Some(match stored.find(|version| version.as_str() == text) {
            Some(version) => VersionPattern::Exact(version.clone()),
            None => parse(text)?,
        }),
    };
    let asked = asked.as_ref();
    let screening = screenings.of(snapshot, policy, &dossier, now)?;
    let evaluation = evaluate(&dossier, policy, &screening, now);
    let choice = Choice::of(&evaluation, asked)?;
    let Some(greatest) = choice.shown.first() else { return Ok(None) };
    let alerts = alerts_about(name, snapshot.alerts()?);
    let bound: BTreeSet<AlertItems> = alerts.iter().map(|(_, items)| items.clone()).collect();
    let compared = screening.get(name);
    let seen = Seen { choice: &choice, asked, dossier: &dossier, policy, compared, alerts: &bound };
    let digest = seen.digest();
    let shown: Result<Vec<ShownVersion>, StoreError> = choice
        .shown
        .iter()
        .zip(choice.if_approved(&evaluation, asked, &dossier, policy, &screening, now))
        .map(|(entry, if_approved)| {
            let shown = show_version(snapshot, policy, &dossier, &evaluation, entry)?;
            Ok(ShownVersion { if_approved, ..shown })
        })
        .collect();
    let shown = shown?;
    let areas: Vec<_> = shown
        .iter()
        .zip(&choice.shown)
        .map(|(shown, entry)| {
            let now = shown.drift.as_ref().map(|drift| drift.received);
            (shown.version.as_str(), &shown.content, entry.head, now)
        })
        .collect();
    let areas = AreaReport::all(&areas);
    let rules = policy.overlays.rules_for(name);
    let mut others = others(&evaluation, greatest.row.version.as_str(), &greatest.row.upstream);
    others.retain(|other| !shown.iter().any(|shown| shown.version == other.version));
    Ok(Some(ReviewSheet {
        name: name.to_string(),
        asked: asked.map(ToString::to_string),
        as_of: snapshot.newest_timestamp()?.min(now),
        kept: choice.kept.iter().map(|entry| KeptVersion::of(entry)).collect(),
        kept_too_many: choice.kept_too_many,
        areas,
        ownership: ownership_of(&dossier, policy),
        resemblances: resemblances(compared),
        alerts: alerts.into_iter().map(|(alert, _)| alert).collect(),
        decisions: rules.all().filter_map(EarlierDecision::of).collect(),
        rules: rules.all().map(Rule::digest).collect(),
        history: history_of(snapshot, name, None, Span { before: None, most: MAX_EVENTS })?,
        others,
        digest,
        command: command(name, asked, &shown, choice.kept_too_many, digest),
        shown,
    }))
}

fn show_version(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    dossier: &Dossier,
    evaluation: &Evaluation<'_>,
    entry: &EntryEvaluation<'_>,
) -> Result<ShownVersion, StoreError> {
    let name = &dossier.name;
    let EntryText { body, content, dates, drift, explanation } =
        EntryText::read(snapshot, policy, name, entry)?;
    let difference = match entry.reference(evaluation, dossier) {
        None => None,
        Some(reference) => {
            let before = snapshot.body(name, reference.row, reference.content)?;
            Some(ReferenceDifference {
                version: reference.row.version.to_string(),
                upstream: reference.row.upstream.to_string(),
                received: reference.content.head.received,
                origin: reference.origin,
                changes: all_changes(&before.server, &body.server),
            })
        }
    };
    Ok(ShownVersion {
        version: entry.row.version.to_string(),
        upstream: entry.row.upstream.to_string(),
        received: entry.head.received,
        is_served: entry.is_served(),
        approved_by: approving(entry).map(Rule::digest),
        followed_by: following(entry).map(Rule::digest),
        content,
        dates,
        explanation,
        if_approved: IfApproved::default(),
        drift,
        difference,
    })
}

/// Returns the open alerts that concern a name, each with the items that no acknowledgement covers. An alert about its
/// namespace concerns it too. Those that only say that a review is due are left out.
fn alerts_about(name: &Name, alerts: Vec<Alert>) -> Vec<(SheetAlert, AlertItems)> {
    const OF_DUE: [AlertKind; 2] = [AlertKind::Expiring, AlertKind::NewerVersions];
    let unresolved = alerts.into_iter().filter(|alert| !alert.is_resolved());
    let concerning = unresolved.filter_map(|alert| {
        let identity = &alert.identity;
        let is_about =
            identity.name() == Some(name.as_str()) || identity.subject == name.namespace();
        let concerns = |item: &&AlertEvidence| is_about || item.name() == Some(name.as_str());
        let open = alert.evidence.iter().filter(|item| !alert.has_seen(item));
        let items: Vec<&AlertEvidence> = open.filter(concerns).collect();
        if items.is_empty() || OF_DUE.contains(&identity.kind) {
            return None;
        }
        let bound =
            (identity.digest(), items.iter().map(|item| item.digest_without_wording()).collect());
        let items = items.iter().map(ToString::to_string).collect();
        Some((SheetAlert { id: identity.short_id(), kind: identity.kind, items }, bound))
    });
    concerning.collect()
}

impl KeptVersion {
    fn of(entry: &EntryEvaluation<'_>) -> Self {
        Self {
            version: entry.row.version.to_string(),
            upstream: entry.row.upstream.to_string(),
            received: entry.head.received,
            followed: following(entry).is_some(),
            approved_by: approving(entry).map(Rule::digest),
            followed_by: following(entry).map(Rule::digest),
            expired: entry.gates().any(|(gate, outcome)| {
                gate == Gate::ApprovalNotExpired && matches!(outcome, Outcome::Failed(_))
            }),
        }
    }
}

/// Returns the evidence of the approval of an entry, if an approval covers it; that may have expired.
fn approval_of<'e, 'a>(entry: &'e EntryEvaluation<'a>) -> Option<&'e Evidence<'a>> {
    let mut gates = entry.gates();
    let (_, outcome) = gates.find(|(gate, _)| *gate == Gate::Approved)?;
    outcome.is_passed().then(|| outcome.evidence())
}

/// Returns the rule that approves an entry because it is benign beside what a reviewer saw.
fn following<'a>(entry: &EntryEvaluation<'a>) -> Option<&'a Rule> {
    match approval_of(entry)? {
        Evidence::Followed { rule } => Some(rule),
        _ => None,
    }
}

/// Returns the rule that approves an entry because a reviewer saw it.
fn approving<'a>(entry: &EntryEvaluation<'a>) -> Option<&'a Rule> {
    match approval_of(entry)? {
        Evidence::Ruled { rule, .. } => Some(rule),
        _ => None,
    }
}

impl EarlierDecision {
    /// Returns the decision that a rule states.
    #[must_use]
    pub fn of(rule: &Rule) -> Option<Self> {
        let approval = rule.approval.as_ref()?;
        Some(Self {
            digest: rule.digest(),
            selector: rule.selector(),
            place: rule.place.to_string(),
            state: approval.state.to_string(),
            reviewers: approval.reviewers.clone(),
            reviewed: approval.reviewed.map(|reviewed| reviewed.to_string()),
            expires: approval.expires,
            scope: approval.scope.clone(),
            reason: rule.reason.clone(),
        })
    }
}

/// Returns the command that approves what the sheet shows; where one rule cannot list all versions, the command that
/// shows one of them.
fn command(
    name: &Name,
    asked: Option<&VersionPattern>,
    shown: &[ShownVersion],
    is_too_much: bool,
    digest: Digest,
) -> String {
    let at = |version: &str| quoted(&format!("{name}@{version}"));
    match (asked, shown.first()) {
        (Some(asked), _) => {
            format!("vidimus approve {} --seen {digest} --by WHO", at(&asked.to_string()))
        }
        (None, Some(greatest)) if is_too_much => {
            format!("vidimus review {}", at(&greatest.version))
        }
        (None, _) => format!("vidimus approve {name} --seen {digest} --by WHO"),
    }
}

/// Quotes a text for a shell: a publisher may write anything but white space and a slash into a version.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./_-@+".contains(&byte);
    if text.bytes().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
