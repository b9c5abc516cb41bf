use super::NamePattern;
use super::conditions::Waive;
use super::later::{OnDeprecated, OnDrift};
use super::rule::{Allow, Approval, Classification, Rule, State};
use crate::model::{Digest, Name, Version};

/// The merged effect of all rules on one entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EffectivePolicy<'s> {
    pub tier: Option<u8>,
    pub classification: Option<Classification>,
    pub owner: Option<&'s str>,
    pub labels: &'s [String],
    /// The URLs that rules allow: those of all rules add up.
    pub allowed: Vec<&'s Allow>,
    /// The most specific rule with an approval, except denials and suspensions.
    pub approval: Option<EffectiveApproval<'s>>,
    /// The received digest that the approval pins for the version, if there is an approval.
    pub pin: Option<Digest>,
    /// The most specific denial or suspension.
    pub hidden_by: Option<&'s Rule>,
    /// Every rule with conditions that cannot exclude the entry.
    pub conditions: Vec<&'s Rule>,
    pub waivers: Vec<&'s Waive>,
    /// The rules that waive a condition or allow a URL, also where that ended.
    pub excepting: Vec<&'s Rule>,
    pub on_drift: Option<OnDrift>,
    pub on_deprecated: Option<OnDeprecated>,
    pub successor: Option<&'s Name>,
}

/// An approval and its rule.
pub type EffectiveApproval<'s> = (&'s Rule, &'s Approval);

/// The rules about one name, the most specific first.
#[derive(Debug)]
pub struct NameRules<'s> {
    pub(super) matching: Vec<&'s Rule>,
    /// Denials, suspensions and rules with conditions, in any spelling of the name.
    pub(super) generous: Vec<&'s Rule>,
}

impl<'s> NameRules<'s> {
    /// Returns the rules that select the name in its exact case.
    pub fn rules(&self) -> impl Iterator<Item = &'s Rule> {
        self.matching.iter().copied()
    }

    /// Returns every rule that may decide about a version of the name, also in another spelling, each once.
    pub fn all(&self) -> impl Iterator<Item = &'s Rule> {
        let is_new =
            |rule: &&&Rule| !self.matching.iter().any(|known| std::ptr::eq(*known, **rule));
        self.matching.iter().chain(self.generous.iter().filter(is_new)).copied()
    }

    /// Returns true if no rule mentions the name. A rule for `*` mentions names only with an approval, denial or
    /// suspension: its conditions and labels concern all names alike.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        let mut rules = self.matching.iter().chain(&self.generous);
        rules.all(|rule| rule.name == NamePattern::Any && rule.approval.is_none())
    }

    /// Returns true if an approval by wildcard may cover the name.
    #[must_use]
    pub fn may_be_approved_unnamed(&self) -> bool {
        self.matching.iter().any(|rule| !rule.name.is_exact() && rule.approved().is_some())
    }

    /// Returns true if content that no reviewer saw may be admitted: by a wildcard, or by an approval that follows later
    /// versions.
    #[must_use]
    pub fn may_admit_unseen(&self) -> bool {
        let follows =
            |rule: &&Rule| rule.approved().is_some_and(|approval| approval.follow.is_some());
        self.may_be_approved_unnamed() || self.matching.iter().any(follows)
    }

    /// Returns the most specific denial or suspension of one version from one upstream.
    #[must_use]
    pub fn hiding(&self, version: &Version, upstream: &str) -> Option<&'s Rule> {
        let semantic = version.semantic();
        self.generous
            .iter()
            .copied()
            .find(|rule| rule.hides() && rule.cannot_exclude(version, semantic.as_ref(), upstream))
    }

    /// Merges the rules about one version from one upstream.
    #[must_use]
    pub fn effective(&self, version: &Version, upstream: &str) -> EffectivePolicy<'s> {
        if self.matching.is_empty() && self.generous.is_empty() {
            return EffectivePolicy::default();
        }
        let semantic = version.semantic();
        let matching: Vec<&'s Rule> = self
            .matching
            .iter()
            .copied()
            .filter(|rule| rule.concerns(upstream))
            .filter(|rule| rule.selects_version(version, semantic.as_ref()))
            .collect();
        // A pending state selects generously. Nothing else of such a rule does: a fact may let an entry into a view.
        let selecting: Vec<&'s Rule> = matching
            .iter()
            .copied()
            .filter(|rule| rule.versions.admits(version, semantic.as_ref()))
            .collect();
        let rules = matching.iter().copied();
        let approval = rules
            .filter(|rule| !rule.hides())
            .find_map(|rule| Some((rule, rule.approval.as_ref()?)));
        let pinning = approval.filter(|(_, approval)| approval.state == State::Approved);
        EffectivePolicy {
            tier: selecting.iter().find_map(|rule| rule.tier),
            classification: selecting.iter().find_map(|rule| rule.classification),
            owner: selecting.iter().find_map(|rule| rule.owner.as_deref()),
            labels: selecting.iter().find_map(|rule| rule.labels.as_deref()).unwrap_or_default(),
            allowed: selecting.iter().filter_map(|rule| rule.allow.as_ref()).collect(),
            approval,
            pin: pinning.and_then(|(_, approval)| approval.pin_of(version)),
            hidden_by: self.hiding(version, upstream),
            conditions: self
                .generous
                .iter()
                .copied()
                .filter(|rule| rule.conditions.is_some())
                .filter(|rule| rule.cannot_exclude(version, semantic.as_ref(), upstream))
                .collect(),
            waivers: selecting.iter().filter_map(|rule| rule.waive.as_ref()).collect(),
            excepting: selecting
                .iter()
                .copied()
                .filter(|rule| rule.waive.is_some() || rule.allow.is_some())
                .collect(),
            on_drift: selecting.iter().find_map(|rule| rule.on_drift),
            on_deprecated: selecting.iter().find_map(|rule| rule.on_deprecated),
            successor: selecting.iter().find_map(|rule| rule.successor.as_ref()),
        }
    }
}

impl Rule {
    /// Returns true if the rule selects this version from this upstream of a name that it selects.
    #[must_use]
    pub fn selects(&self, version: &Version, upstream: &str) -> bool {
        self.concerns(upstream) && self.selects_version(version, version.semantic().as_ref())
    }

    /// Returns true if it selects every spelling of its names and versions: it can only hide.
    pub(super) fn is_generous(&self) -> bool {
        self.hides() || self.conditions.is_some()
    }

    /// Returns true if the rule cannot exclude the version, in whichever spelling.
    fn cannot_exclude(
        &self,
        version: &Version,
        semantic: Option<&semver::Version>,
        upstream: &str,
    ) -> bool {
        self.concerns(upstream) && self.versions.denies(version, semantic)
    }

    fn concerns(&self, upstream: &str) -> bool {
        self.upstream.as_deref().is_none_or(|only| only == upstream)
    }

    /// Returns true if the rule selects the version. An approval selects the versions it admits; a
    /// pending state selects all that it cannot exclude.
    fn selects_version(&self, version: &Version, semantic: Option<&semver::Version>) -> bool {
        match self.approval.as_ref().map(|approval| approval.state) {
            Some(State::Pending) => self.versions.may_hold(version, semantic),
            _ => self.versions.admits(version, semantic),
        }
    }
}
