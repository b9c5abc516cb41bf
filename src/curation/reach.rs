use super::policy::PolicySnapshot;
use super::safe::SafetyRule;
use crate::model::Timestamp;
use crate::overlay::EffectivePolicy;

/// The URLs beyond public https that an entry may name, by decision of the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Reach<'a> {
    /// True for an upstream of the organisation: private hosts, http and any package registry.
    is_internal: bool,
    /// The URLs that rules for exactly this version allow now.
    allowed: Vec<&'a str>,
}

impl<'a> Reach<'a> {
    /// Returns the reach of an entry of this upstream under these rules.
    #[must_use]
    pub fn of(
        policy: &PolicySnapshot,
        upstream: &str,
        rules: &EffectivePolicy<'a>,
        now: Timestamp,
    ) -> Self {
        let allowed = rules.allowed.iter().filter(|allow| now <= allow.expires);
        Self {
            is_internal: policy.is_internal(upstream),
            allowed: allowed.map(|allow| allow.url.as_str()).collect(),
        }
    }

    /// Returns the reach of entries of the organisation's own upstreams.
    #[must_use]
    pub const fn internal() -> Self {
        Self { is_internal: true, allowed: Vec::new() }
    }

    /// Returns true if a text may break a rule.
    #[must_use]
    pub fn admits(&self, rule: &SafetyRule, found: &str) -> bool {
        rule.is_waivable() && (self.is_internal || self.allowed.contains(&found))
    }
}
