use crate::overlay::{EffectivePolicy, ProvenanceDemand, Rule};
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
        of_tier(&self.tiers, rules).unwrap_or(self.default)
    }
}

/// The provenance of packages that the settings demand before an entry is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ProvenancePolicy {
    pub default: TypeDemands,
    /// The demands of tiers 1 to 3, which replace the default.
    pub tiers: [Option<TypeDemands>; 3],
}

/// Demands by the type of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TypeDemands([Option<ProvenanceDemand>; 3]);

/// A demand on a package, and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demanded<'a> {
    pub demand: ProvenanceDemand,
    /// The rule that sets it as a condition; `None` if the settings do.
    pub rule: Option<&'a Rule>,
}

impl TypeDemands {
    /// The types of packages that have attestations.
    pub const TYPES: [&str; 3] = ["npm", "pypi", "oci"];

    /// Returns the demands with another one for a type.
    #[must_use]
    pub fn with(mut self, kind: &str, demand: ProvenanceDemand) -> Self {
        let known = Self::TYPES.iter().zip(&mut self.0);
        known.filter(|(known, _)| **known == kind).for_each(|(_, item)| *item = Some(demand));
        self
    }

    fn of(self, kind: &str) -> Option<ProvenanceDemand> {
        let mut known = Self::TYPES.iter().zip(&self.0);
        known.find(|(known, _)| known.eq_ignore_ascii_case(kind)).and_then(|(_, demand)| *demand)
    }
}

impl ProvenancePolicy {
    /// Returns the strictest demand on a package of this type: of the rules about an entry, and of the settings.
    #[must_use]
    pub fn demanded<'a>(&self, kind: &str, rules: &EffectivePolicy<'a>) -> Option<Demanded<'a>> {
        let of_rules = rules.conditions.iter().copied().filter_map(|rule| {
            let demand = rule.conditions.as_ref()?.provenance?;
            Some(Demanded { demand, rule: Some(rule) })
        });
        let of_settings = of_tier(&self.tiers, rules).unwrap_or(self.default).of(kind);
        let of_settings = of_settings.map(|demand| Demanded { demand, rule: None });
        let stricter = |known: Demanded<'a>, next: Demanded<'a>| {
            if next.demand > known.demand { next } else { known }
        };
        of_rules.chain(of_settings).reduce(stricter)
    }
}

/// Returns what applies to the tier of an entry.
fn of_tier<T: Copy>(tiers: &[Option<T>; 3], rules: &EffectivePolicy<'_>) -> Option<T> {
    let tier = rules.tier.and_then(|tier| usize::from(tier).checked_sub(1))?;
    tiers.get(tier).copied().flatten()
}

/// Returns true if the approval selects the exact name.
pub(super) fn spells_name_out(approval: &EffectivePolicy<'_>) -> bool {
    approval.approval.is_some_and(|(rule, _)| rule.name.is_exact())
}
