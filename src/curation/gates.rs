use std::fmt;

use super::authority::{Authorities, Authority};
use super::dossier::{ContentHead, Dossier, DossierRow};
use super::evidence::Evidence;
use super::ownership::OwnershipEvidence;
use super::policy::PolicySnapshot;
use super::requirement::spells_name_out;
use super::screening::{Compared, Screening};
use crate::model::{Head, Instant, Status};
use crate::overlay::{Approval, Standing, State};

/// One condition for serving an entry. The order is the order of judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    WellFormed,
    ActiveUpstream,
    UpstreamAuthoritative,
    Approved,
    ApprovalNotExpired,
    DigestMatchesPin,
    ContentAsReviewed,
    NamespaceOwnership,
    NoOpenLookalikeAlert,
    ValidForStrictClients,
}

impl Gate {
    pub const COUNT: usize = 10;
    pub const ALL: [Self; Self::COUNT] = [
        Self::WellFormed,
        Self::ActiveUpstream,
        Self::UpstreamAuthoritative,
        Self::Approved,
        Self::ApprovalNotExpired,
        Self::DigestMatchesPin,
        Self::ContentAsReviewed,
        Self::NamespaceOwnership,
        Self::NoOpenLookalikeAlert,
        Self::ValidForStrictClients,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WellFormed => "well-formed",
            Self::ActiveUpstream => "not deleted upstream",
            Self::UpstreamAuthoritative => "upstream may speak for this name",
            Self::Approved => "approved",
            Self::ApprovalNotExpired => "not expired",
            Self::DigestMatchesPin => "digest as pinned",
            Self::ContentAsReviewed => "no unreviewed drift",
            Self::NamespaceOwnership => "ownership as required",
            Self::NoOpenLookalikeAlert => "no lookalike that nobody looked at",
            Self::ValidForStrictClients => "readable to strict clients",
        }
    }

    /// How an entry is described that this gate hides.
    #[must_use]
    pub const fn failing(self) -> &'static str {
        match self {
            Self::WellFormed => "malformed",
            Self::ActiveUpstream => "deleted or missing upstream",
            Self::UpstreamAuthoritative => "its upstream may not speak for it",
            Self::Approved => "not approved",
            Self::ApprovalNotExpired => "approval expired",
            Self::DigestMatchesPin => "other content than pinned",
            Self::ContentAsReviewed => "came back as something else",
            Self::NamespaceOwnership => "ownership not proven as required",
            Self::NoOpenLookalikeAlert => "it resembles something protected",
            Self::ValidForStrictClients => "strict clients cannot read it",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What one gate says, with what it saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    Passed(Evidence<'a>),
    Failed(Evidence<'a>),
    /// There is nothing to judge, because an earlier gate failed.
    Skipped(Evidence<'a>),
}

impl<'a> Outcome<'a> {
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        matches!(self, Self::Passed(_))
    }

    #[must_use]
    pub const fn evidence(&self) -> &Evidence<'a> {
        match self {
            Self::Passed(evidence) | Self::Failed(evidence) | Self::Skipped(evidence) => evidence,
        }
    }
}

/// Everything the gates look at for one row of a dossier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case<'a, 'c> {
    pub(super) dossier: &'a Dossier,
    pub(super) row: &'a DossierRow,
    pub(super) policy: &'a PolicySnapshot,
    pub(super) screening: &'a Screening,
    pub(super) authorities: &'c Authorities<'a>,
    pub(super) rules: &'c Standing<'a>,
    pub(super) content: &'a ContentHead,
    pub(super) head: Head,
    pub(super) ownership: OwnershipEvidence<'a>,
    pub(super) now: Instant,
}

impl<'a> Case<'a, '_> {
    /// Runs one gate.
    pub(super) fn judge(&self, gate: Gate) -> Outcome<'a> {
        match gate {
            Gate::WellFormed => match self.dossier.damaged.first() {
                None => Outcome::Passed(Evidence::Kept),
                Some(damage) => Outcome::Failed(Evidence::Damaged(damage)),
            },
            Gate::ActiveUpstream => self.judge_status(),
            Gate::UpstreamAuthoritative => match self.authorities.judge(&self.row.upstream) {
                Authority::Authoritative => {
                    Outcome::Passed(Evidence::Authority(Authority::Authoritative))
                }
                authority => Outcome::Failed(Evidence::Authority(authority)),
            },
            Gate::Approved => self.judge_approval(),
            Gate::ApprovalNotExpired => match self.expiry() {
                None => Outcome::Skipped(Evidence::NoApproval),
                Some(until) if self.now <= until => Outcome::Passed(Evidence::Expires(until)),
                Some(until) => Outcome::Failed(Evidence::Expired(until)),
            },
            Gate::DigestMatchesPin => self.judge_pin(),
            Gate::ContentAsReviewed => self.judge_content(),
            Gate::NamespaceOwnership => {
                let evidence = Evidence::Ownership(self.ownership);
                if self.ownership.is_enough() {
                    Outcome::Passed(evidence)
                } else {
                    Outcome::Failed(evidence)
                }
            }
            Gate::NoOpenLookalikeAlert => self.judge_screening(),
            Gate::ValidForStrictClients => match &self.content.facts {
                None => Outcome::Failed(Evidence::NoFacts),
                Some(facts) => match &facts.violation {
                    None => Outcome::Passed(Evidence::Valid),
                    Some(violation) => Outcome::Failed(Evidence::Violation(violation)),
                },
            },
        }
    }

    fn judge_status(&self) -> Outcome<'a> {
        let deleted_by = self.authorities.deleted_by(&self.row.version);
        match (self.head.status, deleted_by) {
            _ if self.head.missing => Outcome::Failed(Evidence::Missing),
            (Status::Deleted, _) => Outcome::Failed(Evidence::Status(Status::Deleted)),
            (_, Some(other)) => Outcome::Failed(Evidence::DeletedBy(other)),
            (status, None) => Outcome::Passed(Evidence::Status(status)),
        }
    }

    fn judge_approval(&self) -> Outcome<'a> {
        if let Some(rule) = self.rules.hidden_by {
            let state = rule.approval.as_ref().map_or(State::Denied, |approval| approval.state);
            return Outcome::Failed(Evidence::Ruled { rule, state });
        }
        let Some((rule, approval)) = self.rules.ruling else {
            return Outcome::Failed(Evidence::NoRule);
        };
        let ruled = Evidence::Ruled { rule, state: approval.state };
        if approval.state != State::Approved {
            return Outcome::Failed(ruled);
        }
        if rule.is_exact() {
            return Outcome::Passed(ruled);
        }
        let published = self.head.published_at;
        match approval.reviewed {
            Some(reviewed) if published <= reviewed => Outcome::Passed(ruled),
            // The lint refuses a wide approval that was never reviewed; it would cover nothing.
            reviewed => Outcome::Failed(Evidence::PublishedLater {
                published,
                reviewed: reviewed.unwrap_or(Instant::MIN),
                rule,
            }),
        }
    }

    fn judge_pin(&self) -> Outcome<'a> {
        let received = self.head.received;
        match self.approval().map(|approval| approval.digest) {
            None => Outcome::Skipped(Evidence::NoApproval),
            Some(None) => Outcome::Passed(Evidence::NotPinned),
            Some(Some(pinned)) if pinned == received => Outcome::Passed(Evidence::Pinned(pinned)),
            Some(Some(pinned)) => Outcome::Failed(Evidence::PinDiffers { pinned, received }),
        }
    }

    /// A rewrite changes nothing that is served, since the first content is kept. What came back after
    /// it was purged has nothing to fall back to: a reviewer must have seen exactly this.
    fn judge_content(&self) -> Outcome<'a> {
        let pinned = self.approval().and_then(|approval| approval.digest);
        if self.head.replaced && pinned != Some(self.head.received) {
            Outcome::Failed(Evidence::Replaced)
        } else {
            Outcome::Passed(Evidence::AsReviewed)
        }
    }

    /// A wildcard admits nothing that a person would have to look at first. What is visible in a
    /// configured view stays.
    fn judge_screening(&self) -> Outcome<'a> {
        let upstream = self.row.upstream.as_str();
        if !self.policy.withholds()
            || self.policy.is_internal(upstream)
            || self.policy.overlays.is_internal(&self.dossier.name)
            || self.dossier.is_visible(&self.row.version)
        {
            return Outcome::Passed(Evidence::NoMatch);
        }
        if self.content.facts.is_none() {
            return Outcome::Failed(Evidence::NoFacts);
        }
        let open = match self.compared() {
            None => Some(Evidence::NotCompared),
            Some(compared) => compared.open_match().map(Evidence::Matches),
        };
        match open {
            None => Outcome::Passed(Evidence::NoMatch),
            Some(_) if spells_name_out(self.rules) => Outcome::Passed(Evidence::NameSpelledOut),
            Some(evidence) => Outcome::Failed(evidence),
        }
    }

    /// What was found about the name, if exactly these contents were compared with exactly what is
    /// protected.
    fn compared(&self) -> Option<&'a Compared> {
        let is_current = self.screening.protection == Some(self.policy.protection);
        let compared = self.screening.get(&self.dossier.name).filter(|_| is_current)?;
        let contents = self.dossier.screened_contents(self.authorities);
        (compared.contents == contents).then_some(compared)
    }

    fn approval(&self) -> Option<&'a Approval> {
        let (_, approval) = self.rules.ruling?;
        (approval.state == State::Approved).then_some(approval)
    }

    /// The last moment at which the approval is in force.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.approval()?.expires
    }
}
