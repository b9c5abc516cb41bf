use std::fmt;

use super::artefacts::{EntryPackage, unmatched_pin};
use super::authority::{Authorities, Authority};
use super::concern::{Concern, unread_package};
use super::conditions::Judgement;
use super::dossier::{ContentHead, Dossier, DossierRow};
use super::earlier_builds::has_lost_provenance;
use super::evidence::Evidence;
use super::facts::ContentFacts;
use super::follow::{Later, reference_in};
use super::ownership::{Claimed, OwnershipEvidence};
use super::policy::PolicySnapshot;
use super::reach::Reach;
use super::screening::Screening;
use crate::model::{Digest, Head, NotBenign, Status, Timestamp};
use crate::overlay::{
    Approval, Condition, Conditions, EffectivePolicy, Follow, NameRules, OnDeprecated, OnDrift,
    Reviewed, Rule, State,
};

/// One condition for serving an entry. The order is the order of evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    WellFormed,
    NoAdvisory,
    ActiveUpstream,
    UpstreamAuthoritative,
    Approved,
    ApprovalNotExpired,
    DigestMatchesPin,
    ConditionsMet,
    ContentAsReviewed,
    NamespaceOwnership,
    Provenance,
    NoOpenLookalikeAlert,
    ValidForStrictClients,
}

impl Gate {
    pub const COUNT: usize = 13;
    pub const ALL: [Self; Self::COUNT] = [
        Self::WellFormed,
        Self::NoAdvisory,
        Self::ActiveUpstream,
        Self::UpstreamAuthoritative,
        Self::Approved,
        Self::ApprovalNotExpired,
        Self::DigestMatchesPin,
        Self::ConditionsMet,
        Self::ContentAsReviewed,
        Self::NamespaceOwnership,
        Self::Provenance,
        Self::NoOpenLookalikeAlert,
        Self::ValidForStrictClients,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WellFormed => "well-formed",
            Self::NoAdvisory => "no advisory",
            Self::ActiveUpstream => "active upstream",
            Self::UpstreamAuthoritative => "upstream authoritative",
            Self::Approved => "approved",
            Self::ApprovalNotExpired => "approval not expired",
            Self::DigestMatchesPin => "digest matches pin",
            Self::ConditionsMet => "conditions met",
            Self::ContentAsReviewed => "content as reviewed",
            Self::NamespaceOwnership => "namespace ownership",
            Self::Provenance => "provenance",
            Self::NoOpenLookalikeAlert => "no open lookalike alert",
            Self::ValidForStrictClients => "valid for strict clients",
        }
    }

    /// Describes an entry that this gate hides.
    #[must_use]
    pub const fn failing(self) -> &'static str {
        match self {
            Self::WellFormed => "not well-formed",
            Self::NoAdvisory => "an advisory hides it",
            Self::ActiveUpstream => "deleted or missing upstream",
            Self::UpstreamAuthoritative => "its upstream is not authoritative",
            Self::Approved => "not approved",
            Self::ApprovalNotExpired => "approval expired",
            Self::DigestMatchesPin => "the digest differs from the pin",
            Self::ConditionsMet => "a condition is not met",
            Self::ContentAsReviewed => "purged, then received with other content",
            Self::NamespaceOwnership => "ownership not verified as required",
            Self::Provenance => "a package lacks the demanded provenance",
            Self::NoOpenLookalikeAlert => "open lookalike alert",
            Self::ValidForStrictClients => "not valid for strict clients",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The result of one gate, with its evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    Passed(Evidence<'a>),
    Failed(Evidence<'a>),
    /// An earlier gate failed, so there is nothing to evaluate.
    Skipped(Evidence<'a>),
}

impl<'a> Outcome<'a> {
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        matches!(self, Self::Passed(_))
    }

    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    #[must_use]
    pub const fn evidence(&self) -> &Evidence<'a> {
        match self {
            Self::Passed(evidence) | Self::Failed(evidence) | Self::Skipped(evidence) => evidence,
        }
    }
}

/// Everything that the gates read for one row of a dossier.
#[derive(Debug, Clone, Copy)]
pub(super) struct GateInput<'a, 'c> {
    pub(super) dossier: &'a Dossier,
    pub(super) row: &'a DossierRow,
    pub(super) policy: &'a PolicySnapshot,
    pub(super) screening: &'a Screening,
    pub(super) authorities: &'c Authorities<'a>,
    /// All rules about the name.
    pub(super) of_name: &'c NameRules<'a>,
    pub(super) rules: &'c EffectivePolicy<'a>,
    pub(super) content: &'a ContentHead,
    pub(super) head: Head,
    pub(super) ownership: OwnershipEvidence<'a>,
    pub(super) concerns: &'c [Concern<'a>],
    pub(super) judgement: &'c Judgement<'a>,
    pub(super) packages: &'c [EntryPackage<'a>],
    pub(super) claimed: &'c Claimed<'a, 'c>,
    pub(super) reach: &'c Reach<'a>,
    pub(super) now: Timestamp,
}

impl<'a> GateInput<'a, '_> {
    /// Evaluates one gate.
    pub(super) fn evaluate(&self, gate: Gate) -> Outcome<'a> {
        match gate {
            Gate::WellFormed => match self.dossier.damaged.first() {
                None => Outcome::Passed(Evidence::Kept),
                Some(damage) => Outcome::Failed(Evidence::Damaged(damage)),
            },
            Gate::NoAdvisory => self.evaluate_advisories(),
            Gate::ActiveUpstream => self.evaluate_status(),
            Gate::UpstreamAuthoritative => {
                let DossierRow { upstream, version, .. } = self.row;
                match self.authorities.authority_of(upstream, version, self.now) {
                    Authority::Authoritative => {
                        Outcome::Passed(Evidence::Authority(Authority::Authoritative))
                    }
                    authority => Outcome::Failed(Evidence::Authority(authority)),
                }
            }
            Gate::Approved => self.evaluate_approval(),
            Gate::ApprovalNotExpired => match self.expiry() {
                None => Outcome::Skipped(Evidence::NoApproval),
                Some(until) if self.now <= until => Outcome::Passed(Evidence::Expires(until)),
                Some(until) => Outcome::Failed(Evidence::Expired(until)),
            },
            Gate::DigestMatchesPin => self.evaluate_pin(),
            Gate::ConditionsMet => self.evaluate_conditions(),
            Gate::ContentAsReviewed => self.evaluate_content(),
            Gate::NamespaceOwnership => {
                let evidence = Evidence::Ownership(self.ownership);
                if self.ownership.is_enough() {
                    Outcome::Passed(evidence)
                } else {
                    Outcome::Failed(evidence)
                }
            }
            Gate::Provenance => self.evaluate_provenance(),
            Gate::NoOpenLookalikeAlert => self.evaluate_screening(),
            Gate::ValidForStrictClients => match &self.content.facts {
                None => Outcome::Failed(Evidence::NoFacts),
                Some(facts) => self.evaluate_safety(facts),
            },
        }
    }

    /// Fails an entry that an advisory hides, whatever approves it; only a waiver of that advisory lets it through.
    fn evaluate_advisories(&self) -> Outcome<'a> {
        let advised = self.concerns.first().map(|first| {
            let evidence = Evidence::Advised { first: *first, more: self.concerns.len() - 1 };
            (first.hides(), evidence)
        });
        match (advised, unread_package(self.dossier, self.content)) {
            (Some((true, evidence)), _) => Outcome::Failed(evidence),
            (_, Some(package)) => Outcome::Failed(Evidence::UnreadAdvisories(package)),
            (Some((false, evidence)), None) => Outcome::Passed(evidence),
            (None, None) => Outcome::Passed(Evidence::NoAdvisory),
        }
    }

    fn evaluate_status(&self) -> Outcome<'a> {
        let deleted_by = self.authorities.deleted_by(&self.row.version);
        match (self.head.status, deleted_by) {
            _ if self.head.missing => Outcome::Failed(Evidence::Missing),
            (Status::Deleted, _) => Outcome::Failed(Evidence::Status(Status::Deleted)),
            (_, Some(other)) => Outcome::Failed(Evidence::DeletedBy(other)),
            _ if self.hides_deprecated().is_some_and(|last| last < self.now) => {
                let since = self.head.deprecated_since().unwrap_or(self.now);
                Outcome::Failed(Evidence::Deprecated { since })
            }
            (status, None) => Outcome::Passed(Evidence::Status(status)),
        }
    }

    fn evaluate_approval(&self) -> Outcome<'a> {
        if let Some(rule) = self.rules.hidden_by {
            let state = rule.approval.as_ref().map_or(State::Denied, |approval| approval.state);
            return Outcome::Failed(Evidence::Ruled { rule, state });
        }
        let Some((rule, approval)) = self.rules.approval else {
            return Outcome::Failed(Evidence::NoRule);
        };
        let ruled = Evidence::Ruled { rule, state: approval.state };
        if approval.state != State::Approved {
            return Outcome::Failed(ruled);
        }
        if let Some(reviewed) = self.review_ahead() {
            return Outcome::Failed(Evidence::ReviewAhead { reviewed: reviewed.start(), rule });
        }
        let counted = self.head.counts_from();
        let is_internal = self.policy.is_internal(&self.row.upstream);
        let is_covered = match &approval.contents {
            Some(_) => !approval.leaves_out(&self.row.version),
            None if rule.is_exact() => true,
            None => approval.reviewed.is_some_and(|reviewed| reviewed.covers(counted, is_internal)),
        };
        match approval.reviewed {
            _ if is_covered => Outcome::Passed(ruled),
            _ if let Some(follow) = approval.follow.as_ref().filter(|_| rule.name.is_exact()) => {
                self.evaluate_follow(rule, follow)
            }
            _ if approval.contents.is_some() => Outcome::Failed(Evidence::NotListed { rule }),
            // The lint rejects a wide approval without a review date; it would cover nothing.
            reviewed => Outcome::Failed(Evidence::PublishedLater {
                published: self.head.published_at,
                counted,
                reviewed: reviewed.unwrap_or(Reviewed::At(Timestamp::MIN)),
                rule,
            }),
        }
    }

    /// Returns true if a package was verified in the reference of an approval, and is unsigned or built elsewhere here.
    fn lost_provenance(&self, follow: &Follow) -> bool {
        let (dossier, policy) = (self.dossier, self.policy);
        let reference = follow.reference.as_ref();
        let reviewed = reference.and_then(|reference| reference_in(dossier, reference));
        reviewed.is_some_and(|(_, content)| {
            let reviewed = EntryPackage::of_content(content, dossier, policy, self.rules);
            has_lost_provenance(&reviewed, self.packages)
        })
    }

    /// Passes a version that is benign beside the reference of its approval, after the cooldown.
    fn evaluate_follow(&self, rule: &'a Rule, follow: &'a Follow) -> Outcome<'a> {
        let (dossier, content) = (self.dossier, self.content);
        let rules = self.of_name;
        let (version, head) = (&self.row.version, self.head);
        let later = Later { dossier, rules, follow, version, content, head };
        let lost = || self.lost_provenance(follow).then_some(NotBenign::ProvenanceLost);
        let objection = later.objection().or_else(lost).or_else(|| {
            if self.claimed.admits_unseen() {
                self.open_lookalike().map(|_| NotBenign::LookalikeAlert)
            } else {
                Some(NotBenign::NotVerified)
            }
        });
        let until = later.served_from();
        match objection {
            Some(why) => Outcome::Failed(Evidence::NotFollowed { why, rule }),
            None if self.now < self.policy.unconfirmed.begin(until) => {
                Outcome::Failed(Evidence::Cooldown { until, rule })
            }
            None => Outcome::Passed(Evidence::Followed { rule }),
        }
    }

    fn evaluate_pin(&self) -> Outcome<'a> {
        let received = self.head.received;
        match self.rules.pin {
            _ if self.approval().is_none() => Outcome::Skipped(Evidence::NoApproval),
            Some(pinned) if pinned != received => {
                Outcome::Failed(Evidence::PinDiffers { pinned, received })
            }
            pinned => self.evaluate_artefacts(pinned),
        }
    }

    /// Fails an entry if the files of its packages are not the pinned ones, or not read yet: bytes that a reviewer did not
    /// see are never shown.
    fn evaluate_artefacts(&self, pinned: Option<Digest>) -> Outcome<'a> {
        let approval = self.approval().filter(|approval| !approval.artefacts.is_empty());
        if let Some(Approval { artefacts, .. }) = approval {
            return match unmatched_pin(artefacts, self.packages) {
                Some(evidence) => Outcome::Failed(evidence),
                None => Outcome::Passed(Evidence::ArtefactsPinned { files: artefacts.len() }),
            };
        }
        Outcome::Passed(pinned.map_or(Evidence::NotPinned, Evidence::Pinned))
    }

    /// Fails an entry that does not meet every condition of every rule, except waived ones.
    fn evaluate_conditions(&self) -> Outcome<'a> {
        let Judgement { unmet, waived, .. } = self.judgement;
        let Some(first) = unmet.first() else {
            let waived = waived.first().map(|first| (*first, waived.len() - 1));
            let is_judged = |rule: &&&Rule| {
                let set = rule.conditions.as_ref().map(Conditions::set);
                set.is_some_and(|set| set.iter().any(|set| *set != Condition::Provenance))
            };
            let rules = self.rules.conditions.iter().filter(is_judged).count();
            return Outcome::Passed(Evidence::Conditions { rules, waived });
        };
        Outcome::Failed(Evidence::Unmet { first: *first, more: unmet.len() - 1 })
    }

    /// Fails an entry that replaced purged content, unless a reviewer pinned exactly this one. A rewrite changes
    /// nothing that is served, because the first content is kept, unless a rule suspends what drifts; a purge removes
    /// the first content too.
    fn evaluate_content(&self) -> Outcome<'a> {
        let pinned = self.rules.pin;
        let first = self.row.content.head;
        let is_suspended = self.rules.on_drift == Some(OnDrift::Suspend) && first.is_rewritten();
        if pinned == Some(self.head.received) {
            Outcome::Passed(Evidence::AsReviewed)
        } else if self.head.replaced {
            Outcome::Failed(Evidence::Replaced)
        } else if is_suspended {
            let other = self.row.others.last().map_or(first.received, |other| other.head.received);
            let is_back = self.row.newest() == &self.row.content;
            Outcome::Failed(Evidence::Drifted { first: first.received, other, is_back })
        } else {
            Outcome::Passed(Evidence::AsReviewed)
        }
    }

    /// Fails an entry that violates the schema, or breaks a rule for what reaches an agent that the organisation
    /// does not waive.
    fn evaluate_safety(&self, facts: &'a ContentFacts) -> Outcome<'a> {
        if let Some(violation) = &facts.violation {
            return Outcome::Failed(Evidence::Violation(violation));
        }
        let mut broken = facts.unwaived(self.reach, &self.policy.package_urls);
        match broken.next() {
            None => Outcome::Passed(Evidence::Valid),
            Some(first) => Outcome::Failed(Evidence::Unsafe { first, more: broken.count() }),
        }
    }

    fn approval(&self) -> Option<&'a Approval> {
        let (_, approval) = self.rules.approval?;
        (approval.state == State::Approved).then_some(approval)
    }

    /// Returns the review before which the approval admits nothing, if it has not come.
    pub(super) fn review_ahead(&self) -> Option<Reviewed> {
        let reviewed = self.approval()?.reviewed?;
        self.policy.unconfirmed.is_ahead(reviewed, self.now).then_some(reviewed)
    }

    /// Returns the last moment at which a deprecated entry stays served, if a rule hides it then.
    pub(super) fn hides_deprecated(&self) -> Option<Timestamp> {
        let Some(OnDeprecated::HideAfter(after)) = self.rules.on_deprecated else { return None };
        self.head.deprecated_since().map(|since| since.plus(after))
    }

    /// Returns the last moment at which the approval is valid.
    pub(super) fn expiry(&self) -> Option<Timestamp> {
        self.approval()?.expires
    }
}
