use crate::overlay::EffectivePolicy;
use crate::ownership::{Pins, Requirement};

/// The verification of a namespace that is required before an entry is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnershipPolicy {
    /// If false, nothing is verified and nothing is required.
    pub enabled: bool,
    pub default: Demands,
    /// The demands of tiers 1 to 3, which replace the default.
    pub tiers: [Option<Demands>; 3],
}

/// The verdicts that approvals require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Demands {
    /// For an approval of an exact name, which a reviewer has seen.
    pub exact: Requirement,
    /// For an approval by wildcard.
    pub wildcard: Requirement,
}

impl Default for Demands {
    fn default() -> Self {
        Self { exact: Requirement::NotRevoked, wildcard: Requirement::Verified }
    }
}

impl Default for OwnershipPolicy {
    fn default() -> Self {
        Self { enabled: true, default: Demands::default(), tiers: [None; 3] }
    }
}

impl OwnershipPolicy {
    /// Returns the requirement for an entry: of its namespace, else of its tier, else the default.
    #[must_use]
    pub fn required(&self, rules: &EffectivePolicy<'_>, pins: &Pins) -> Requirement {
        let demands = self.demands(rules);
        let by_name = if spells_name_out(rules) { demands.exact } else { demands.wildcard };
        pins.require.unwrap_or(by_name)
    }

    /// Returns the requirement that an entry would have with an approval of its exact name.
    pub(super) fn required_of_exact(
        &self,
        rules: &EffectivePolicy<'_>,
        pins: &Pins,
    ) -> Requirement {
        pins.require.unwrap_or(self.demands(rules).exact)
    }

    fn demands(&self, rules: &EffectivePolicy<'_>) -> Demands {
        let tier = rules.tier.and_then(|tier| usize::from(tier).checked_sub(1));
        let by_tier = tier.and_then(|tier| self.tiers.get(tier).copied().flatten());
        by_tier.unwrap_or(self.default)
    }
}

/// Returns true if the approval selects the exact name.
pub(super) fn spells_name_out(approval: &EffectivePolicy<'_>) -> bool {
    approval.approval.is_some_and(|(rule, _)| rule.name.is_exact())
}
