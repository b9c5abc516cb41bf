use crate::overlay::Standing;
use crate::ownership::{Pins, Requirement};

/// What must be verified of a namespace before an entry is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnershipPolicy {
    /// Without it nothing is verified, and nothing is required.
    pub enabled: bool,
    pub default: Demands,
    /// For tiers 1 to 3, what they require instead.
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
    /// Returns what an entry needs: as its namespace demands, else its tier, else the default.
    #[must_use]
    pub fn required(&self, rules: &Standing<'_>, pins: &Pins) -> Requirement {
        let tier = rules.tier.and_then(|tier| usize::from(tier).checked_sub(1));
        let by_tier = tier.and_then(|tier| self.tiers.get(tier).copied().flatten());
        let demands = by_tier.unwrap_or(self.default);
        let by_name = if spells_name_out(rules) { demands.exact } else { demands.wildcard };
        pins.require.unwrap_or(by_name)
    }
}

/// Whether the approval spells the name out.
pub(super) fn spells_name_out(approval: &Standing<'_>) -> bool {
    approval.ruling.is_some_and(|(rule, _)| rule.name.is_exact())
}
