//! The only place where gates run.
//!
//! [`evaluate`] is pure: it computes a value from a dossier, the policy, the screening and `now`.
//! Publication, `list`, `explain` and alerts about single names read that value, so they cannot
//! disagree.

use super::artefacts::EntryPackage;
use super::authority::Authorities;
use super::concern::{Concern, concerns};
use super::conditions::{Judged, Judgement, Unmet};
use super::dossier::{ContentHead, Dossier, DossierRow, QuarantinedFacts};
use super::earlier_builds::{VersionPackages, compare_with_earlier_builds};
use super::evidence::Evidence;
use super::gates::{Gate, GateInput, Outcome};
use super::ownership::{Claimed, OwnershipEvidence};
use super::policy::PolicySnapshot;
use super::provenance_evidence::ProvenanceEvidence;
use super::reach::Reach;
use super::scans;
use super::screening::Screening;
use crate::model::{Digest, Head, NotBenign, Timestamp};
use crate::overlay::EffectivePolicy;
use crate::scan;

/// Every decision about one name, with its evidence.
#[derive(Debug)]
pub struct Evaluation<'a> {
    pub authorities: Authorities<'a>,
    pub entries: Vec<EntryEvaluation<'a>>,
    /// Rows that are not well-formed, with the outcome of the first gate; the other gates do not run.
    pub quarantined: Vec<(&'a QuarantinedFacts, Outcome<'a>)>,
    /// The earliest time at which any gate could answer differently; `None` if time changes nothing.
    pub holds_until: Option<Timestamp>,
}

/// The decision about one version in one upstream.
#[derive(Debug)]
pub struct EntryEvaluation<'a> {
    pub row: &'a DossierRow,
    /// The content that was evaluated.
    pub content: &'a ContentHead,
    /// The head of that content, with the current status upstream.
    pub head: Head,
    /// The effective policy after merging the rules.
    pub rules: EffectivePolicy<'a>,
    gates: [Outcome<'a>; Gate::COUNT],
    /// The last moment at which the approval is valid.
    pub expires: Option<Timestamp>,
    /// The last moment at which the entry stays served although it is deprecated, if a rule hides it then.
    pub hides_deprecated_at: Option<Timestamp>,
    /// The advisories that concern the entry, the heaviest first.
    pub concerns: Vec<Concern<'a>>,
    judgement: Judgement<'a>,
    /// Its packages, with what is recorded of their files.
    pub packages: Vec<EntryPackage<'a>>,
    /// The scan results about the version.
    pub scans: Vec<scan::Judged<'a>>,
    pub ownership: OwnershipEvidence<'a>,
    /// The URLs beyond public https that the entry may name.
    pub reach: Reach<'a>,
    /// Indexes of the policy's views that show the entry; empty if a gate hides it.
    pub views: Vec<usize>,
}

/// Evaluates every version of a name.
#[must_use]
pub fn evaluate<'a>(
    dossier: &'a Dossier,
    policy: &'a PolicySnapshot,
    screening: &'a Screening,
    now: Timestamp,
) -> Evaluation<'a> {
    let rules = policy.overlays.rules_for(&dossier.name);
    let authorities = Authorities::of(dossier, policy, &rules);
    let pins = policy.overlays.pins(dossier.name.namespace());
    let mut holds_until: Option<Timestamp> = None;
    let mut hold = |last: Option<Timestamp>| {
        let next = last.filter(|last| now <= *last).map(|last| last.plus(Timestamp::TICK));
        holds_until = [holds_until, next].into_iter().flatten().min();
    };
    if policy.ownership.enabled {
        hold(dossier.verification.stale_after());
    }
    authorities.last_moments().for_each(|last| hold(Some(last)));
    let mut entries = Vec::with_capacity(dossier.rows.len());
    for row in &dossier.rows {
        let effective = rules.effective(&row.version, &row.upstream);
        let content = row.content_for(&effective);
        let head = row.head_of(content);
        let claimed = Claimed {
            dossier,
            policy,
            pins,
            approval: &effective,
            version: &row.version,
            head,
            content,
            is_internal: policy.is_internal(&row.upstream),
            now,
        };
        let ownership = claimed.evaluate();
        let reach = Reach::of(policy, &row.upstream, &effective, now);
        let scanned = policy.scans.about(&dossier.name, &row.version, head.received, now);
        scans::last_moments(&scanned, &effective).for_each(|last| hold(Some(last)));
        let (asked, scans) = (&policy.asked, scanned.as_slice());
        let judged = Judged { rules: &effective, content, ownership, scans, asked, now };
        let judgement = judged.judge();
        let concerns = concerns(dossier, policy, &effective, content, now);
        effective.allowed.iter().for_each(|allow| hold(Some(allow.expires)));
        effective.waivers.iter().for_each(|waive| hold(Some(waive.expires)));
        let packages = EntryPackage::of_content(content, dossier, policy, &effective);
        let unconfirmed = packages.iter().flat_map(EntryPackage::unconfirmed_from).flatten();
        unconfirmed.for_each(|from| hold(Some(from.minus(Timestamp::TICK))));
        let input = GateInput {
            dossier,
            row,
            policy,
            screening,
            authorities: &authorities,
            of_name: &rules,
            rules: &effective,
            content,
            head,
            ownership,
            concerns: &concerns,
            judgement: &judgement,
            packages: &packages,
            claimed: &claimed,
            reach: &reach,
            now,
        };
        let gates = Gate::ALL.map(|gate| input.evaluate(gate));
        let expires = input.expiry();
        hold(expires);
        let begin = |reviewed| policy.unconfirmed.begin_review(reviewed).minus(Timestamp::TICK);
        hold(input.review_ahead().map(begin));
        hold(input.hides_deprecated());
        for outcome in &gates {
            if let Evidence::Cooldown { until, .. } = outcome.evidence() {
                hold(Some(policy.unconfirmed.begin(*until).minus(Timestamp::TICK)));
            }
        }
        let hides_deprecated_at = input.hides_deprecated();
        let views = views(&gates, dossier, policy, row, &effective, head.received);
        entries.push(EntryEvaluation {
            row,
            content,
            head,
            rules: effective,
            gates,
            expires,
            hides_deprecated_at,
            concerns,
            judgement,
            packages,
            scans: scanned,
            ownership,
            reach,
            views,
        });
    }
    let versions = entries.iter_mut().map(EntryEvaluation::version_packages);
    compare_with_earlier_builds(versions.collect());
    let refused = |row: &'a QuarantinedFacts| Outcome::Failed(Evidence::Quarantined(&row.rule));
    let quarantined = dossier.quarantined.iter().map(|row| (row, refused(row))).collect();
    Evaluation { authorities, entries, quarantined, holds_until }
}

/// Returns the indexes of the views that show an entry: those that admit it, and where it stays without a verdict on its
/// packages only those that show it with this content.
fn views(
    gates: &[Outcome<'_>],
    dossier: &Dossier,
    policy: &PolicySnapshot,
    row: &DossierRow,
    rules: &EffectivePolicy<'_>,
    received: Digest,
) -> Vec<usize> {
    if !gates.iter().all(Outcome::is_passed) {
        return Vec::new();
    }
    let is_kept = gates.iter().any(|outcome| {
        matches!(outcome.evidence(), Evidence::Provenance(ProvenanceEvidence::Kept { .. }))
    });
    let views = policy.views.iter().enumerate().filter(|(_, view)| {
        view.admits(&dossier.name, &row.upstream, rules)
            && (!is_kept || dossier.shows_in(&view.name, &row.version, received))
    });
    views.map(|(index, _)| index).collect()
}

impl Evaluation<'_> {
    /// Returns true if an entry waits for a comparison, or for a reviewer of what was found.
    #[must_use]
    pub fn is_withheld(&self) -> bool {
        self.entries.iter().any(|entry| {
            matches!(
                entry.hidden_by(),
                Some(
                    (Gate::NoOpenLookalikeAlert, Evidence::NotCompared | Evidence::Matches(_))
                        | (
                            Gate::Approved,
                            Evidence::NotFollowed { why: NotBenign::LookalikeAlert, .. }
                        )
                )
            )
        })
    }
}

impl<'a> EntryEvaluation<'a> {
    fn version_packages(&mut self) -> VersionPackages<'_, 'a> {
        let (published_at, upstream) = (self.head.published_at, self.row.upstream.as_str());
        VersionPackages { published_at, upstream, packages: &mut self.packages }
    }

    /// Returns true if every gate passed; a view may still leave the entry out.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.gates.iter().all(Outcome::is_passed)
    }

    /// Returns the first gate that hides the entry, with its evidence.
    #[must_use]
    pub fn hidden_by(&self) -> Option<(Gate, &Evidence<'a>)> {
        let failing = self.gates().find(|(_, outcome)| !outcome.is_passed());
        failing.map(|(gate, outcome)| (gate, outcome.evidence()))
    }

    /// Returns the content that upstream has now, if it is neither the first one nor the one that was
    /// evaluated: no reviewer adopted it.
    #[must_use]
    pub fn unadopted_content(&self) -> Option<&'a ContentHead> {
        let first = &self.row.content;
        let last = self.row.others.last().filter(|last| last.head.sent == first.head.sent)?;
        let is_adopted = self.content == last && last.head.received != first.head.received;
        (!is_adopted).then_some(last)
    }

    /// Returns true if a reviewer can have seen the content, even if other gates hide the entry: it was
    /// not purged and replaced, or an approval pins it.
    #[must_use]
    pub fn is_content_reviewed(&self) -> bool {
        let mut gates = self.gates();
        gates.any(|(gate, outcome)| gate == Gate::ContentAsReviewed && outcome.is_passed())
    }

    /// Returns true if an approval covers the entry, whatever else hides it.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.gates().any(|(gate, outcome)| gate == Gate::Approved && outcome.is_passed())
    }

    /// Returns the last moment at which the entry can be served as things are: when its approval, a waiver, a demanded
    /// scan result, an allowed URL or the time for a deprecated entry ends first.
    #[must_use]
    pub fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        let waivers = self.judgement.waived.iter().map(|waived| waived.waive.expires);
        let objections = self.content.facts.iter().flat_map(|facts| &facts.objections);
        let allowed = objections.filter_map(|objection| {
            let allowing = self.rules.allowed.iter().filter(|allow| allow.url == objection.found);
            allowing.map(|allow| allow.expires).max()
        });
        let advised = self.concerns.iter().filter_map(|concern| concern.waive);
        let of_provenance = self.provenance().and_then(|evidence| match evidence {
            ProvenanceEvidence::Waived { waived, .. } => Some(waived.waive),
            _ => None,
        });
        let others = advised.chain(of_provenance).map(|waive| waive.expires);
        let waivers = waivers.chain(others).chain(self.judgement.scans_end);
        let ends = waivers.chain(allowed).chain(self.expires).chain(self.hides_deprecated_at);
        ends.filter(|end| now <= *end).min()
    }

    /// Returns the evidence of the gate `provenance`.
    #[must_use]
    pub fn provenance(&self) -> Option<ProvenanceEvidence<'a>> {
        self.gates().find_map(|(_, outcome)| match outcome.evidence() {
            Evidence::Provenance(evidence) => Some(*evidence),
            _ => None,
        })
    }

    /// Returns every condition that the entry does not meet and that no waiver covers.
    #[must_use]
    pub fn unmet(&self) -> &[Unmet<'a>] {
        &self.judgement.unmet
    }

    /// Returns the ids of the advisories that hide the entry.
    pub fn advised(&self) -> impl Iterator<Item = &'a str> {
        self.concerns.iter().filter(|concern| concern.hides()).map(Concern::id)
    }

    /// Returns every gate with its outcome, in the order of evaluation.
    pub fn gates(&self) -> impl Iterator<Item = (Gate, &Outcome<'a>)> {
        Gate::ALL.into_iter().zip(&self.gates)
    }
}
