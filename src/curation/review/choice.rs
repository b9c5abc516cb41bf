use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::curation::dossier::{ContentHead, Dossier, DossierRow};
use crate::curation::evaluation::{EntryEvaluation, Evaluation};
use crate::curation::follow::reference_in;
use crate::curation::gates::Gate;
use crate::model::{Status, Version};
use crate::overlay::VersionPattern;

/// Versions that one sheet shows: more than a person reads in one sitting.
pub const MAX_SHOWN: usize = 20;
/// Versions that an approval of a name lists beside those that are shown.
pub const MAX_KEPT: usize = 256;

/// More versions than one sheet shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "{found} versions are in the range, and a review sheet shows at most {MAX_SHOWN}; name one version, or a smaller range"
)]
pub struct TooManyVersions {
    pub found: usize,
}

/// The versions of a review sheet.
#[derive(Debug)]
pub struct Choice<'e, 'a> {
    /// The versions to decide about, the greatest first.
    pub shown: Vec<&'e EntryEvaluation<'a>>,
    /// Other versions that are served or approved, or were until the approval ended, which an approval of the whole name
    /// must not drop.
    pub kept: Vec<&'e EntryEvaluation<'a>>,
    /// True if there are more of those than are listed.
    pub kept_too_many: bool,
}

/// The content that a person saw before, with which a version is compared.
#[derive(Debug, Clone, Copy)]
pub struct Reference<'a> {
    pub row: &'a DossierRow,
    pub content: &'a ContentHead,
    pub origin: ReferenceOrigin,
}

/// The reason why a content is the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferenceOrigin {
    /// The `reference` of the rule that follows later versions.
    Rule,
    /// It is the greatest version that is served or approved.
    GreatestApproved,
}

impl<'e, 'a> Choice<'e, 'a> {
    /// Chooses from the versions of the upstream that the name belongs to: those that a person asks for; without such
    /// a pattern the greatest one that waits for a decision and is newer than what was approved, or else the greatest
    /// approved one, or else the greatest.
    ///
    /// # Errors
    /// When a range has more versions than a sheet shows.
    pub fn of(
        evaluation: &'e Evaluation<'a>,
        asked: Option<&VersionPattern>,
    ) -> Result<Self, TooManyVersions> {
        let candidates = candidates(evaluation);
        let shown: Vec<_> = if let Some(pattern) = asked {
            let is_asked = |entry: &&&EntryEvaluation<'_>| {
                let version = &entry.row.version;
                pattern.admits(version, version.semantic().as_ref())
            };
            candidates.iter().filter(is_asked).copied().collect()
        } else {
            let approved = greatest_kept(evaluation);
            // A decision about a version of which the approval ended is open again.
            let is_open = |entry: &&&EntryEvaluation<'_>| {
                let is_due = |approved| is_kept(entry) || is_newer(entry, approved);
                is_waiting(entry) && approved.is_none_or(is_due)
            };
            let waiting = candidates.iter().find(is_open).copied();
            waiting.or(approved).or(candidates.first().copied()).into_iter().collect()
        };
        if shown.len() > MAX_SHOWN {
            return Err(TooManyVersions { found: shown.len() });
        }
        // A rule for some versions leaves those that other rules approve as they are.
        let is_kept = |entry: &&&EntryEvaluation<'_>| {
            asked.is_none()
                && is_kept(entry)
                && !shown.iter().any(|shown| shown.row.version == entry.row.version)
        };
        let mut kept: Vec<_> = candidates.iter().filter(is_kept).copied().collect();
        let kept_too_many = kept.len() > MAX_KEPT;
        kept.truncate(MAX_KEPT);
        Ok(Self { shown, kept, kept_too_many })
    }
}

impl<'a> EntryEvaluation<'a> {
    /// Returns the content that a reviewer saw before this one: the reference of the rule that approves the version,
    /// or else the greatest other version that is served or approved. `None` if that has the same content, or if
    /// nothing of the name was approved yet.
    #[must_use]
    pub fn reference(
        &self,
        evaluation: &Evaluation<'a>,
        dossier: &'a Dossier,
    ) -> Option<Reference<'a>> {
        let follow = self.rules.approval.and_then(|(rule, _)| rule.approved()?.follow.as_ref());
        let stated = follow.and_then(|follow| reference_in(dossier, follow.reference.as_ref()?));
        let stated =
            stated.map(|(row, content)| Reference { row, content, origin: ReferenceOrigin::Rule });
        let greatest = || {
            let others = of_owner(evaluation)
                .filter(|other| other.row.version != self.row.version && is_kept(other));
            let greatest = others.min_by(|left, right| greatest_first(left, right))?;
            let (row, content) = (greatest.row, greatest.content);
            Some(Reference { row, content, origin: ReferenceOrigin::GreatestApproved })
        };
        let reference = stated.or_else(greatest)?;
        let is_same = reference.content.head.received == self.head.received;
        (!is_same).then_some(reference)
    }
}

/// Returns the greatest version of the name that is served or approved, or that was approved until the approval ended.
pub(super) fn greatest_kept<'e, 'a>(
    evaluation: &'e Evaluation<'a>,
) -> Option<&'e EntryEvaluation<'a>> {
    let kept = of_owner(evaluation).filter(|entry| is_kept(entry));
    kept.min_by(|left, right| greatest_first(left, right))
}

/// Returns true for a greater version, and for a lesser one that came later: a correction of an earlier release.
pub(super) fn is_newer(entry: &EntryEvaluation<'_>, approved: &EntryEvaluation<'_>) -> bool {
    greatest_first(entry, approved).is_lt()
        || entry.head.counts_from() > approved.head.counts_from()
}

/// Returns the entries of the upstream that the name belongs to, or all of them if it belongs to none.
fn of_owner<'e, 'a>(
    evaluation: &'e Evaluation<'a>,
) -> impl Iterator<Item = &'e EntryEvaluation<'a>> {
    let owner = evaluation.authorities.owner();
    let is_owners = move |entry: &EntryEvaluation<'_>| Some(entry.row.upstream.as_str()) == owner;
    let has_owner = evaluation.entries.iter().any(is_owners);
    evaluation.entries.iter().filter(move |entry| !has_owner || is_owners(entry))
}

/// Returns one entry for each version, the greatest first.
fn candidates<'e, 'a>(evaluation: &'e Evaluation<'a>) -> Vec<&'e EntryEvaluation<'a>> {
    let mut candidates: Vec<_> = of_owner(evaluation).collect();
    candidates.sort_by(|left, right| greatest_first(left, right));
    let mut versions = BTreeSet::new();
    candidates.retain(|entry| versions.insert(&entry.row.version));
    candidates
}

impl<'a> Evaluation<'a> {
    /// Returns the entry that people read of a name or of one version: of the upstream that the name belongs to, before
    /// those of others; without a version a served one before others; then the greatest.
    #[must_use]
    pub fn read_first(
        &self,
        version: Option<&str>,
        upstream: Option<&str>,
    ) -> Option<&EntryEvaluation<'a>> {
        let is_asked = |entry: &&EntryEvaluation<'_>| {
            version.is_none_or(|asked| asked == entry.row.version.as_str())
                && upstream.is_none_or(|asked| asked == entry.row.upstream.as_str())
        };
        let owner = self.authorities.owner();
        // A lesser upstream must not decide what a reviewer reads, however great its versions are.
        let rank = |entry: &EntryEvaluation<'_>| {
            (Some(entry.row.upstream.as_str()) != owner, !entry.is_served())
        };
        self.entries.iter().filter(is_asked).min_by(|left, right| {
            rank(left).cmp(&rank(right)).then_with(|| greatest_first(left, right))
        })
    }
}

/// Orders versions by precedence and publication, the greatest first.
pub(super) fn greatest_first(left: &EntryEvaluation<'_>, right: &EntryEvaluation<'_>) -> Ordering {
    let (left_version, right_version) = (&left.row.version, &right.row.version);
    Version::precedence(right_version.semantic().as_ref(), left_version.semantic().as_ref())
        .then_with(|| right.head.published_at.cmp(&left.head.published_at))
        .then_with(|| right_version.cmp(left_version))
        .then_with(|| left.row.upstream.cmp(&right.row.upstream))
}

/// Returns true if a decision about the version is open: it can be served, and no rule approves, denies or suspends it.
fn is_waiting(entry: &EntryEvaluation<'_>) -> bool {
    let is_gone = entry.head.status == Status::Deleted || entry.head.missing;
    !is_gone && entry.rules.hidden_by.is_none() && !is_covered(entry)
}

/// The gates of an approval; the second one answers differently when time goes on.
const OF_APPROVAL: [Gate; 4] =
    [Gate::Approved, Gate::ApprovalNotExpired, Gate::DigestMatchesPin, Gate::ContentAsReviewed];

/// Returns true if an approval covers exactly this content now, whatever else hides it.
fn is_covered(entry: &EntryEvaluation<'_>) -> bool {
    let mut gates = entry.gates().filter(|(gate, _)| OF_APPROVAL.contains(gate));
    gates.all(|(_, outcome)| outcome.is_passed())
}

/// Returns true if an approval covers exactly this content, or covered it until it ended.
fn was_covered(entry: &EntryEvaluation<'_>) -> bool {
    let mut gates = entry.gates().filter(|(gate, _)| OF_APPROVAL.contains(gate));
    gates.all(|(gate, outcome)| outcome.is_passed() || gate == Gate::ApprovalNotExpired)
}

/// Returns true for a version that is served, or that an approval of the exact name covers, also after its end: who
/// affirms it then means what it covered. What only a wildcard approves and another gate hides is not kept: an approval
/// of the exact name would show it.
fn is_kept(entry: &EntryEvaluation<'_>) -> bool {
    entry.is_served() || is_named(entry) && was_covered(entry)
}

fn is_named(entry: &EntryEvaluation<'_>) -> bool {
    entry.rules.approval.is_some_and(|(rule, _)| rule.name.is_exact())
}
