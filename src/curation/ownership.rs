use std::fmt;

use super::dossier::{ContentHead, Dossier};
use super::facts::PackageFacts;
use super::policy::PolicySnapshot;
use super::requirement::spells_name_out;
use crate::model::{Escaped, Head, Timestamp, Version};
use crate::overlay::EffectivePolicy;
use crate::ownership::{Basis, KeyChange, Obstacle, Package, Pins, Requirement, Verdict};

/// The evidence of the gate `namespace ownership`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnershipEvidence<'a> {
    NotChecked,
    InternalUpstream,
    /// The namespace has no verdict yet, and the version was served before ownership was checked.
    Exempted,
    /// A package of the entry names another server.
    Disputed(&'a str),
    Evaluated {
        basis: Basis<'a>,
        required: Requirement,
        /// The requirement for an approval of the exact name.
        of_exact: Requirement,
        lack: Option<Lack>,
    },
}

/// The reason why a verdict is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The verdict is weaker than the required one.
    Weaker,
    /// A key of the parent domain is enough for an exact name, not for a wildcard.
    ThroughParent,
    /// The verdict is older than 30 days, and the entry is new.
    Stale,
    Unconfirmed(Obstacle),
    /// A package of the content was not asked yet, or gave no answer.
    PackageUnanswered,
}

impl OwnershipEvidence<'_> {
    /// Returns true if the entry may be served.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        match self {
            Self::NotChecked | Self::InternalUpstream | Self::Exempted => true,
            Self::Disputed(_) => false,
            Self::Evaluated { lack, .. } => lack.is_none(),
        }
    }

    /// Returns the verdict that clients see: only a definite one, so that a failing resolver changes no byte.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Evaluated { basis, .. } if basis.verdict() != Verdict::Inconclusive => {
                Some(basis.verdict().as_str())
            }
            _ => None,
        }
    }
}

impl fmt::Display for OwnershipEvidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotChecked => f.write_str("ownership checks are disabled"),
            Self::InternalUpstream => {
                f.write_str("an entry of an internal upstream needs no ownership check")
            }
            Self::Exempted => {
                f.write_str("served before ownership was checked; exempt until the first verdict")
            }
            Self::Disputed(text) => write!(f, "revoked: {}", Escaped(text)),
            Self::Evaluated { basis, required, of_exact, lack } => {
                let (verdict, why) = (basis.verdict(), basis.to_string());
                write!(f, "{verdict}, {} is required", required.as_str())?;
                if lack.is_some() && of_exact != required {
                    write!(f, " ({} for an approval of the exact name)", of_exact.as_str())?;
                }
                write!(f, ": {}", Escaped(&why))?;
                f.write_str(match lack {
                    None | Some(Lack::Weaker) => "",
                    Some(Lack::ThroughParent) => {
                        "; a key of the parent domain is enough for an exact name, not for a wildcard"
                    }
                    Some(Lack::Stale) => "; the verdict is older than 30 days and admits no new version",
                    Some(Lack::Unconfirmed(Obstacle::NotShownSince)) => {
                        "; a wildcard admits this content after a lookup that still shows the evidence, with an answer from every place"
                    }
                    Some(Lack::Unconfirmed(Obstacle::NotPinned)) => {
                        "; a key is shown that the overlay does not pin, so a wildcard admits nothing new"
                    }
                    Some(Lack::PackageUnanswered) => {
                        "; a wildcard admits this content when its packages have answered which server they name"
                    }
                    Some(Lack::Unconfirmed(Obstacle::KeysChanged(KeyChange { before, since, .. }))) => {
                        return write!(
                            f,
                            "; the keys changed {since}, and a wildcard admits nothing that came after {before} \
                             before a person accepts them"
                        );
                    }
                })
            }
        }
    }
}

/// Everything that the ownership gate reads of one entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimed<'a, 'c> {
    pub(super) dossier: &'a Dossier,
    pub(super) policy: &'a PolicySnapshot,
    pub(super) pins: &'a Pins,
    pub(super) approval: &'c EffectivePolicy<'a>,
    pub(super) version: &'c Version,
    pub(super) head: Head,
    pub(super) content: &'a ContentHead,
    pub(super) is_internal: bool,
    pub(super) now: Timestamp,
}

impl<'a> Claimed<'a, '_> {
    /// Decides if the ownership of the namespace is verified as the policy requires.
    pub(super) fn evaluate(&self) -> OwnershipEvidence<'a> {
        let Dossier { verification, claims, exempted, .. } = self.dossier;
        if !self.policy.ownership.enabled {
            return OwnershipEvidence::NotChecked;
        }
        if self.is_internal {
            return OwnershipEvidence::InternalUpstream;
        }
        let basis = self.basis();
        let verdict = basis.verdict();
        if let Some(text) = claims.disputed.get(&self.head.received)
            && verdict != Verdict::Waived
        {
            return OwnershipEvidence::Disputed(text);
        }
        if verdict == Verdict::Inconclusive && exempted.contains(self.version) {
            return OwnershipEvidence::Exempted;
        }
        let required = self.policy.ownership.required(self.approval, self.pins);
        let is_parents = verification.is_through_parent() && verdict == Verdict::Verified;
        let is_visible = self.dossier.is_visible(self.version);
        let is_new = || verification.is_stale(self.now) && !is_visible;
        let lack = match (required, verdict) {
            (_, Verdict::Waived) => None,
            (_, Verdict::Revoked) => Some(Lack::Weaker),
            (Requirement::NotRevoked, _) => is_new().then_some(Lack::Stale),
            (Requirement::Declared, Verdict::Verified) => Some(Lack::Weaker),
            (_, Verdict::Verified) if is_parents && !spells_name_out(self.approval) => {
                Some(Lack::ThroughParent)
            }
            (_, Verdict::Verified | Verdict::Declared) => is_new().then_some(Lack::Stale),
            (_, Verdict::Unverified | Verdict::Inconclusive) => Some(Lack::Weaker),
        };
        let is_admission =
            verdict != Verdict::Waived && !is_visible && !spells_name_out(self.approval);
        let lack =
            lack.or_else(|| self.lack_of_admission(required, verdict).filter(|_| is_admission));
        let of_exact = self.policy.ownership.required_of_exact(self.approval, self.pins);
        OwnershipEvidence::Evaluated { basis, required, of_exact, lack }
    }

    /// Returns true if content that no reviewer saw may be admitted: its namespace is verified, and everything that
    /// confirms new content under a wildcard confirms this one.
    pub(super) fn admits_unseen(&self) -> bool {
        match self.evaluate() {
            _ if self.is_internal => true,
            OwnershipEvidence::Evaluated { basis, lack: None, .. } => {
                let verdict = basis.verdict();
                let is_admitted = || {
                    self.dossier.is_visible(self.version)
                        || !self.dossier.verification.is_stale(self.now)
                            && self.lack_of_admission(Requirement::Verified, verdict).is_none()
                };
                matches!(verdict, Verdict::Verified | Verdict::Declared) && is_admitted()
            }
            _ => false,
        }
    }

    /// Returns the reason why a wildcard does not admit this content now, although the verdict is enough: a published
    /// key can be copied, and a package can belong to another server.
    fn lack_of_admission(&self, required: Requirement, verdict: Verdict) -> Option<Lack> {
        let Dossier { verification, claims, .. } = self.dossier;
        let (first_seen, received) = (self.content.head.first_seen, self.content.head.received);
        let needs_evidence = required != Requirement::NotRevoked && verdict == Verdict::Verified;
        let obstacle = match verification.obstacle(first_seen, self.pins) {
            Some(Obstacle::NotShownSince) if !needs_evidence => None,
            obstacle => obstacle,
        };
        if let Some(obstacle) = obstacle {
            return Some(Lack::Unconfirmed(obstacle));
        }
        let is_asked = |package: &PackageFacts| {
            let PackageFacts { registry, identifier, .. } = package;
            self.policy.asked.of(&Package::new(registry, identifier, None)).is_some()
        };
        let facts = self.content.facts.as_ref();
        let has_packages = facts.is_some_and(|facts| facts.packages.iter().any(is_asked));
        (has_packages && !claims.answered.contains(&received)).then_some(Lack::PackageUnanswered)
    }

    /// Returns the basis of the verdict on this entry. It is the basis for its namespace, except for what
    /// the repository of the entry declares, and for an account that is younger than the entry.
    fn basis(&self) -> Basis<'a> {
        let Dossier { verification, claims, .. } = self.dossier;
        let basis = verification.basis(self.pins);
        let verdict = basis.verdict();
        if verdict == Verdict::Verified
            && let Some(account) = verification.account()
            && self.pins.github.is_none()
            && let Some(created) = account.created_at.filter(|at| *at > self.head.published_at)
        {
            return Basis::AccountTooYoung { account, created };
        }
        let bound = self.pins.github.or(verification.pinned_account);
        let is_declared = bound.is_some()
            && claims.account == bound
            && claims.declared.contains(&self.head.received);
        if is_declared
            && matches!(verdict, Verdict::Verified | Verdict::Unverified | Verdict::Inconclusive)
            && (verdict == Verdict::Verified
                || self.pins.github.is_some() && self.pins.keys.is_empty())
        {
            return Basis::DeclaredByRepository;
        }
        basis
    }
}
