use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::choice::{greatest_first, greatest_kept, is_newer};
use crate::curation::evaluation::{EntryEvaluation, Evaluation};
use crate::curation::evidence::Evidence;
use crate::curation::gates::Gate;
use crate::curation::state::EntryState;
use crate::model::Timestamp;
use crate::overlay::State;

/// The reason why a server waits for a reviewer, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitingKind {
    /// Something that serves it ends soon: the approval, a waiver, an allowed URL, the time for a deprecated version.
    Ends,
    /// A later version differs from the reference in more than listed members.
    MaterialChange,
    /// The upstream changed published content.
    Drift,
    /// A later version of an approved server, which no approval covers.
    NewerVersion,
    /// A later version that is benign, and is served after a while.
    Cooldown,
    /// A server that an approval by wildcard covers, and that waits for a lookup, a comparison or a person.
    NewName,
    /// A rule says that the decision is open.
    Pending,
}

/// One version that waits for a reviewer.
#[derive(Debug)]
pub struct Waiting<'e, 'a> {
    pub kind: WaitingKind,
    pub entry: &'e EntryEvaluation<'a>,
    /// The moment at which it ends to be served, or begins to be.
    pub until: Option<Timestamp>,
    /// The effective owner: of the version, or else of the greatest version that is approved.
    pub owner: Option<&'a str>,
    pub tier: Option<u8>,
}

impl WaitingKind {
    pub const WORDS: [(&str, Self); 7] = [
        ("ends", Self::Ends),
        ("material-change", Self::MaterialChange),
        ("drift", Self::Drift),
        ("newer-version", Self::NewerVersion),
        ("cooldown", Self::Cooldown),
        ("new-name", Self::NewName),
        ("pending", Self::Pending),
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }

    /// Returns the kind that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind)
    }
}

impl<'a> Evaluation<'a> {
    /// Returns the versions of the name that wait for a reviewer, the greatest first: those of which something ends
    /// within a time, and those about which a decision is open. What an upstream deleted, and what a rule denies, does
    /// not wait.
    #[must_use]
    pub fn waiting(&self, within: Duration, now: Timestamp) -> Vec<Waiting<'_, 'a>> {
        let approved = greatest_kept(self);
        let mut waiting: Vec<Waiting<'_, 'a>> = Vec::new();
        for entry in &self.entries {
            let Some((kind, until)) = classify(entry, approved, within, now) else { continue };
            let of_approved = approved.map(|approved| &approved.rules);
            waiting.push(Waiting {
                kind,
                entry,
                until,
                owner: entry.rules.owner.or(of_approved.and_then(|rules| rules.owner)),
                tier: entry.rules.tier.or(of_approved.and_then(|rules| rules.tier)),
            });
        }
        waiting.sort_by(|left, right| greatest_first(left.entry, right.entry));
        waiting
    }
}

/// Returns the reason why one version waits, with the moment at which that ends.
fn classify(
    entry: &EntryEvaluation<'_>,
    approved: Option<&EntryEvaluation<'_>>,
    within: Duration,
    now: Timestamp,
) -> Option<(WaitingKind, Option<Timestamp>)> {
    let Some((gate, evidence)) = entry.hidden_by() else {
        if let Some(end) = entry.ends(now).filter(|end| *end <= now.plus(within)) {
            return Some((WaitingKind::Ends, Some(end)));
        }
        // A pin on the content that is served decides about the other one.
        let is_pinned = entry.rules.pin == Some(entry.head.received);
        let drifted = entry.unadopted_content().filter(|_| !is_pinned);
        return drifted.map(|_| (WaitingKind::Drift, None));
    };
    let later = match approved {
        None => Some(WaitingKind::NewName),
        Some(approved) => is_newer(entry, approved).then_some(WaitingKind::NewerVersion),
    };
    let is_by_wildcard = entry.rules.approval.is_some_and(|(rule, _)| !rule.name.is_exact());
    let kind = match (gate, evidence) {
        (Gate::Approved, Evidence::Cooldown { until, .. }) => {
            return Some((WaitingKind::Cooldown, Some(*until)));
        }
        (Gate::Approved, Evidence::Ruled { state: State::Pending, .. }) => WaitingKind::Pending,
        (Gate::Approved, Evidence::NotFollowed { why, .. }) if why.is_material() => {
            WaitingKind::MaterialChange
        }
        (
            Gate::Approved,
            Evidence::NotFollowed { .. }
            | Evidence::PublishedLater { .. }
            | Evidence::NotListed { .. },
        ) => later?,
        // A rule for some versions says nothing of a newer one.
        (Gate::Approved, Evidence::NoRule) if approved.is_some() => later?,
        // An approval that has ended waits while nothing of the name is served.
        (Gate::ApprovalNotExpired, Evidence::Expired(until))
            if approved.is_some_and(|approved| !approved.is_served()) =>
        {
            return Some((WaitingKind::Ends, Some(*until)));
        }
        (Gate::ContentAsReviewed, _) => WaitingKind::Drift,
        (Gate::NamespaceOwnership | Gate::Provenance | Gate::NoOpenLookalikeAlert, _)
            if is_by_wildcard =>
        {
            later?
        }
        _ => return None,
    };
    Some((kind, None))
}

impl Waiting<'_, '_> {
    /// Returns the state of the entry, which says more than the kind.
    #[must_use]
    pub fn state(&self) -> EntryState {
        EntryState::of(self.entry)
    }
}
