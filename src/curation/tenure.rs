use std::collections::BTreeSet;
use std::fmt;

use super::gate::Case;
use crate::model::{Digest, Escaped, Version};
use crate::overlay::Standing;
use crate::ownership::{Holding, Naming, Pins, Requirement, Verdict};

/// What the enterprise wants to be proven before it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnershipPolicy {
    /// Without it nothing is proven, and nothing is asked of proofs.
    pub enabled: bool,
    pub default: Demands,
    /// For tiers 1 to 3, what they demand instead.
    pub tiers: [Option<Demands>; 3],
}

/// What approvals need beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Demands {
    /// Those that spell a name out: a reviewer has looked.
    pub exact: Requirement,
    /// Those that do not.
    pub wildcard: Requirement,
}

impl Default for Demands {
    fn default() -> Self {
        Self { exact: Requirement::Unrefuted, wildcard: Requirement::Held }
    }
}

impl Default for OwnershipPolicy {
    fn default() -> Self {
        Self { enabled: true, default: Demands::default(), tiers: [None; 3] }
    }
}

impl OwnershipPolicy {
    /// What an entry needs: as its namespace demands, else its tier, else everything.
    pub(super) fn required(&self, standing: &Standing<'_>, pins: &Pins) -> Requirement {
        let tier =
            standing.tier.and_then(|tier| *self.tiers.get(usize::from(tier).checked_sub(1)?)?);
        let demands = tier.unwrap_or(self.default);
        let by_tier = if is_exact(standing) { demands.exact } else { demands.wildcard };
        pins.require.unwrap_or(by_tier)
    }
}

/// Whether whoever approved it spelled its name out.
pub(super) fn is_exact(standing: &Standing<'_>) -> bool {
    standing.ruling.is_some_and(|(statement, _)| statement.name.is_exact())
}

/// What is known of who owns one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tenure {
    pub holding: Holding,
    pub naming: Naming,
    /// The versions that were served before anybody asked for proofs.
    pub spared: BTreeSet<Version>,
    /// The versions that are served now; looked up only where the verdict is stale.
    pub shown: BTreeSet<Version>,
}

/// What the gate `ownership as required` sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    Off,
    Internal,
    /// Its namespace was never checked, and it was served before that was asked for.
    Spared,
    /// A package of it says that it is another server's.
    Disputed(String),
    Judged {
        verdict: Verdict,
        required: Requirement,
        why: String,
        lacks: Option<Lack>,
    },
}

/// Why a verdict is not enough although it is what is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It says less than is required.
    Weaker,
    /// A parent's record does for a name that somebody spelled out, not for a wildcard.
    ThroughParent,
    /// It is older than 30 days, and the entry is new.
    Stale,
}

impl Owned {
    #[must_use]
    pub const fn is_enough(&self) -> bool {
        match self {
            Self::Off | Self::Internal | Self::Spared => true,
            Self::Disputed(_) => false,
            Self::Judged { lacks, .. } => lacks.is_none(),
        }
    }

    /// What clients are told; only what is definite, so that a failing resolver changes no byte.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        match self {
            Self::Off | Self::Internal | Self::Spared | Self::Disputed(_) => None,
            Self::Judged { verdict: Verdict::Inconclusive, .. } => None,
            Self::Judged { verdict, .. } => Some(verdict.as_str()),
        }
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("ownership is not checked here"),
            Self::Internal => f.write_str("it comes from an internal upstream"),
            Self::Spared => {
                f.write_str("served before ownership was checked, until a first verdict")
            }
            Self::Disputed(text) => write!(f, "refuted: {}", Escaped(text)),
            Self::Judged { verdict, required, why, lacks } => {
                write!(f, "{verdict}, {} is required: {}", required.as_str(), Escaped(why))?;
                f.write_str(match lacks {
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

impl Case<'_> {
    /// Whether its owner is proven as far as is required.
    #[must_use]
    pub fn owned(&self) -> Owned {
        if !self.ownership.enabled {
            return Owned::Off;
        }
        if self.internal {
            return Owned::Internal;
        }
        let Tenure { holding, naming, spared, shown } = self.tenure;
        let (verdict, why) = self.verdict(holding, naming);
        if let Some(text) = naming.disputed.get(&self.head.received)
            && verdict != Verdict::Waived
        {
            return Owned::Disputed(text.clone());
        }
        if verdict == Verdict::Inconclusive && spared.contains(self.version) {
            return Owned::Spared;
        }
        let required = self.ownership.required(self.standing, self.pins);
        let is_parents = holding.is_through_parent() && verdict == Verdict::Held;
        let is_new = || holding.is_stale(self.now) && !shown.contains(self.version);
        let lacks = match (required, verdict) {
            (_, Verdict::Waived) => None,
            (_, Verdict::Refuted) => Some(Lack::Weaker),
            (Requirement::Unrefuted, _) => is_new().then_some(Lack::Stale),
            (Requirement::Declared, Verdict::Held) => Some(Lack::Weaker),
            (_, Verdict::Held) if is_parents && !is_exact(self.standing) => {
                Some(Lack::ThroughParent)
            }
            (_, Verdict::Held | Verdict::Declared) => is_new().then_some(Lack::Stale),
            (_, Verdict::None | Verdict::Inconclusive) => Some(Lack::Weaker),
        };
        Owned::Judged { verdict, required, why, lacks }
    }

    /// The verdict on this entry: that on its namespace, but for what its own repository declares and
    /// for an account that came after it.
    fn verdict(&self, holding: &Holding, naming: &Naming) -> (Verdict, String) {
        let (verdict, why) = holding.verdict(self.pins);
        if verdict == Verdict::Held
            && let Some(account) = holding.account()
            && self.pins.github.is_none()
            && let Some(created) = account.created_at.filter(|at| *at > self.head.published_at)
        {
            let why = format!(
                "the account {} was created {created}, after this was published",
                account.id
            );
            return (Verdict::Refuted, why);
        }
        let bound = self.pins.github.or(holding.pinned_account);
        if matches!(verdict, Verdict::Held | Verdict::None | Verdict::Inconclusive)
            && is_declared(naming, bound, self.head.received)
            && (verdict == Verdict::Held || self.pins.github.is_some())
        {
            return (Verdict::Declared, "its owner's repository holds its own server.json".into());
        }
        (verdict, why)
    }
}

/// Whether the account that is bound to the namespace declared this content.
fn is_declared(naming: &Naming, bound: Option<u64>, received: Digest) -> bool {
    bound.is_some() && naming.account == bound && naming.declared.contains(&received)
}
