//! The only place where gates run.
//!
//! [`evaluate`] is pure: a dossier, the policy, the screening and `now` in, a value out. Publication,
//! `list`, `explain` and alerts about single names read that value, so they cannot disagree.

use super::authority::Authorities;
use super::dossier::{ContentHead, Dossier, DossierRow, QuarantinedFacts};
use super::evidence::Evidence;
use super::gates::{Case, Gate, Outcome};
use super::ownership::{Claimed, OwnershipEvidence};
use super::policy::PolicySnapshot;
use super::screening::Screening;
use crate::model::{Head, Instant};
use crate::overlay::Standing;

/// Every decision about one name, with its evidence.
#[derive(Debug)]
pub struct Evaluation<'a> {
    pub authorities: Authorities<'a>,
    pub entries: Vec<EntryEvaluation<'a>>,
    /// Rows that are not well-formed, with the outcome of the first gate; the others have nothing to judge.
    pub quarantined: Vec<(&'a QuarantinedFacts, Outcome<'a>)>,
    /// The earliest moment at which any gate could answer differently; `None` where time changes
    /// nothing.
    pub holds_until: Option<Instant>,
}

/// The decision about one version in one upstream.
#[derive(Debug)]
pub struct EntryEvaluation<'a> {
    pub row: &'a DossierRow,
    /// The content that was judged.
    pub content: &'a ContentHead,
    /// Its head, with what upstream says of the entry's life.
    pub head: Head,
    /// What the rules say of it after merging.
    pub rules: Standing<'a>,
    gates: [Outcome<'a>; Gate::COUNT],
    /// The last moment at which its approval is in force.
    pub expires: Option<Instant>,
    pub ownership: OwnershipEvidence<'a>,
    /// Indexes of the policy's views that show it; none where a gate hides it.
    pub views: Vec<usize>,
}

/// Evaluates every version of a name.
#[must_use]
pub fn evaluate<'a>(
    dossier: &'a Dossier,
    policy: &'a PolicySnapshot,
    screening: &'a Screening,
    now: Instant,
) -> Evaluation<'a> {
    let rules = policy.overlays.about(&dossier.name);
    let authorities = Authorities::of(dossier, policy, &rules);
    let pins = policy.overlays.pins(dossier.name.namespace());
    let mut holds_until: Option<Instant> = None;
    let mut hold = |last: Option<Instant>| {
        let next = last.filter(|last| now <= *last).map(|last| last.plus(Instant::TICK));
        holds_until = [holds_until, next].into_iter().flatten().min();
    };
    if policy.ownership.enabled {
        hold(dossier.verification.stale_after());
    }
    let mut entries = Vec::with_capacity(dossier.rows.len());
    for row in &dossier.rows {
        let standing = rules.standing(&row.version, &row.upstream);
        let content = row.content_for(&standing);
        let head = row.head_of(content);
        let claimed = Claimed {
            dossier,
            policy,
            pins,
            approval: &standing,
            version: &row.version,
            head,
            is_internal: policy.is_internal(&row.upstream),
            now,
        };
        let ownership = claimed.judge();
        let case = Case {
            dossier,
            row,
            policy,
            screening,
            authorities: &authorities,
            rules: &standing,
            content,
            head,
            ownership,
            now,
        };
        let gates = Gate::ALL.map(|gate| case.judge(gate));
        let expires = case.expiry();
        hold(expires);
        let is_served = gates.iter().all(Outcome::is_passed);
        let admits =
            |index: &usize| policy.views[*index].admits(&dossier.name, &row.upstream, &standing);
        let views =
            if is_served { (0..policy.views.len()).filter(admits).collect() } else { Vec::new() };
        entries.push(EntryEvaluation {
            row,
            content,
            head,
            rules: standing,
            gates,
            expires,
            ownership,
            views,
        });
    }
    let refused = |row: &'a QuarantinedFacts| Outcome::Failed(Evidence::Quarantined(&row.rule));
    let quarantined = dossier.quarantined.iter().map(|row| (row, refused(row))).collect();
    Evaluation { authorities, entries, quarantined, holds_until }
}

impl<'a> EntryEvaluation<'a> {
    /// Whether every gate passed; a view may leave it out nevertheless.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.gates.iter().all(Outcome::is_passed)
    }

    /// The first gate that hides the entry, with what it saw.
    #[must_use]
    pub fn hidden_by(&self) -> Option<(Gate, &Evidence<'a>)> {
        let failing = self.gates().find(|(_, outcome)| !outcome.is_passed());
        failing.map(|(gate, outcome)| (gate, outcome.evidence()))
    }

    /// The content that upstream has now, where that is neither the first one nor the one that decisions
    /// are about: nobody adopted it.
    #[must_use]
    pub fn unadopted_content(&self) -> Option<&'a ContentHead> {
        let first = &self.row.content;
        let last = self.row.others.last().filter(|last| last.head.sent == first.head.sent)?;
        let is_adopted = self.content == last && last.head.received != first.head.received;
        (!is_adopted).then_some(last)
    }

    /// Whether a reviewer can have seen the content, whatever else hides the entry: it was not purged
    /// and replaced, or an approval pins it.
    #[must_use]
    pub fn is_content_reviewed(&self) -> bool {
        let mut gates = self.gates();
        gates.any(|(gate, outcome)| gate == Gate::ContentAsReviewed && outcome.is_passed())
    }

    /// Every gate with its outcome, in the order of judgement.
    pub fn gates(&self) -> impl Iterator<Item = (Gate, &Outcome<'a>)> {
        Gate::ALL.into_iter().zip(&self.gates)
    }
}
