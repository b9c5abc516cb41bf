use std::fmt;

use super::dossier::Dossier;
use super::policy::PolicySnapshot;
use super::requirement::spells_name_out;
use crate::model::{Escaped, Head, Instant, Version};
use crate::overlay::Standing;
use crate::ownership::{Basis, Pins, Requirement, Verdict};

/// What the gate `namespace ownership` sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnershipEvidence<'a> {
    NotChecked,
    InternalUpstream,
    /// The namespace was never checked, and the version was served before that was asked for.
    Exempted,
    /// A package of the entry names another server.
    Disputed(&'a str),
    Judged {
        basis: Basis<'a>,
        required: Requirement,
        lack: Option<Lack>,
    },
}

/// Why a verdict is not enough although it is what is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It says less than is required.
    Weaker,
    /// A parent's record does for a name that is spelled out, not for a wildcard.
    ThroughParent,
    /// It is older than 30 days, and the entry is new.
    Stale,
}

impl OwnershipEvidence<'_> {
    /// Whether the entry may be served.
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        match self {
            Self::NotChecked | Self::InternalUpstream | Self::Exempted => true,
            Self::Disputed(_) => false,
            Self::Judged { lack, .. } => lack.is_none(),
        }
    }

    /// The verdict that clients see; only definite ones, so that a failing resolver changes no byte.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Judged { basis, .. } if basis.verdict() != Verdict::Inconclusive => {
                Some(basis.verdict().as_str())
            }
            _ => None,
        }
    }
}

impl fmt::Display for OwnershipEvidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotChecked => f.write_str("ownership is not checked here"),
            Self::InternalUpstream => f.write_str("it comes from an internal upstream"),
            Self::Exempted => {
                f.write_str("served before ownership was checked, until a first verdict")
            }
            Self::Disputed(text) => write!(f, "refuted: {}", Escaped(text)),
            Self::Judged { basis, required, lack } => {
                let (verdict, why) = (basis.verdict(), basis.to_string());
                write!(f, "{verdict}, {} is required: {}", required.as_str(), Escaped(&why))?;
                f.write_str(match lack {
                    None | Some(Lack::Weaker) => "",
                    Some(Lack::ThroughParent) => {
                        "; a parent's record does for a name that is spelled out, not for a wildcard"
                    }
                    Some(Lack::Stale) => "; older than 30 days, it admits nothing new",
                })
            }
        }
    }
}

/// One entry, as far as its namespace's ownership is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimed<'a, 'c> {
    pub(super) dossier: &'a Dossier,
    pub(super) policy: &'a PolicySnapshot,
    pub(super) pins: &'a Pins,
    pub(super) approval: &'c Standing<'a>,
    pub(super) version: &'c Version,
    pub(super) head: Head,
    pub(super) is_internal: bool,
    pub(super) now: Instant,
}

impl<'a> Claimed<'a, '_> {
    /// Whether the namespace's ownership is verified as far as the policy requires.
    pub(super) fn judge(&self) -> OwnershipEvidence<'a> {
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
        let is_parents = verification.is_through_parent() && verdict == Verdict::Held;
        let is_new = || verification.is_stale(self.now) && !self.dossier.is_visible(self.version);
        let lack = match (required, verdict) {
            (_, Verdict::Waived) => None,
            (_, Verdict::Refuted) => Some(Lack::Weaker),
            (Requirement::Unrefuted, _) => is_new().then_some(Lack::Stale),
            (Requirement::Declared, Verdict::Held) => Some(Lack::Weaker),
            (_, Verdict::Held) if is_parents && !spells_name_out(self.approval) => {
                Some(Lack::ThroughParent)
            }
            (_, Verdict::Held | Verdict::Declared) => is_new().then_some(Lack::Stale),
            (_, Verdict::None | Verdict::Inconclusive) => Some(Lack::Weaker),
        };
        OwnershipEvidence::Judged { basis, required, lack }
    }

    /// What the verdict on this entry follows from: that on its namespace, but for what its own
    /// repository declares and for an account that came after it.
    fn basis(&self) -> Basis<'a> {
        let Dossier { verification, claims, .. } = self.dossier;
        let basis = verification.basis(self.pins);
        let verdict = basis.verdict();
        if verdict == Verdict::Held
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
            && matches!(verdict, Verdict::Held | Verdict::None | Verdict::Inconclusive)
            && (verdict == Verdict::Held || self.pins.github.is_some())
        {
            return Basis::DeclaredByRepository;
        }
        basis
    }
}
