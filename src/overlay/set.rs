use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use super::ownership::{Owners, OwnershipRule};
use super::protection::Protection;
use super::{
    Allow, Approval, Classification, NamePattern, OnDeprecated, OnDrift, Reading, Rule, State,
    Waive,
};
use crate::model::{Digest, Name, NamespacePattern, Version};
use crate::ownership::{Pins, SharedHosts};

/// The rules of the current policy, indexed by what they select.
///
/// Finding the rules for an entry costs a few hash lookups, one for each label of its namespace,
/// independent of the number of rules.
#[derive(Debug, Default)]
pub struct OverlaySet {
    rules: Vec<Rule>,
    internal: Vec<NamespacePattern>,
    owners: Owners,
    protection: Protection,
    /// Rules by name pattern, case kept.
    by_pattern: HashMap<String, Vec<usize>>,
    /// Denials, suspensions and rules with conditions by the denial form of their name pattern.
    generous: HashMap<String, Vec<usize>>,
    /// Approvals by the ASCII-folded form of their name pattern.
    approved: HashMap<String, Vec<usize>>,
    /// True if the name pattern of an approval has an upper-case letter.
    has_upper_case: bool,
    /// Names with a successor, by the successor.
    predecessors: HashMap<Name, BTreeSet<Name>>,
}

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

impl EffectivePolicy<'_> {
    /// Returns the digest that the approval pins, if there is an approval.
    #[must_use]
    pub fn pin(&self) -> Option<Digest> {
        let (_, approval) = self.approval?;
        approval.digest.filter(|_| approval.state == State::Approved)
    }
}

impl OverlaySet {
    #[must_use]
    pub fn new(rules: Vec<Rule>, internal: Vec<NamespacePattern>) -> Self {
        let mut set = Self { rules, internal, ..Self::default() };
        for (index, rule) in set.rules.iter().enumerate() {
            set.by_pattern.entry(rule.name.to_string()).or_default().push(index);
            if rule.approved().is_some() {
                let pattern = rule.name.to_string();
                set.has_upper_case |= has_upper_case(&pattern);
                set.approved.entry(pattern.to_ascii_lowercase()).or_default().push(index);
            }
            if let (NamePattern::Exact(name), Some(successor)) = (&rule.name, &rule.successor) {
                set.predecessors.entry(successor.clone()).or_default().insert(name.clone());
            }
            if rule.is_generous() {
                set.generous.entry(rule.name.denial_form()).or_default().push(index);
            }
        }
        set
    }

    /// Returns this set with the denials and suspensions of a refused one on top: the refused set
    /// can only hide entries.
    #[must_use]
    pub fn with_denials_of(&self, refused: &Reading) -> Self {
        let denials = refused.rules.iter().filter(|rule| rule.hides()).map(|rule| {
            let approval = rule.approval.clone();
            Rule {
                tier: None,
                classification: None,
                owner: None,
                labels: None,
                allow: None,
                conditions: None,
                waive: None,
                on_drift: None,
                on_deprecated: None,
                successor: None,
                approval,
                ..rule.clone()
            }
        });
        let internal = self.internal.iter().chain(&refused.internal).cloned().collect();
        Self::new(self.rules.iter().cloned().chain(denials).collect(), internal)
            .with_owners(self.owners.rules().to_vec())
            .with_protection(self.protection.clone())
    }

    /// Returns this set with rules about lookalikes.
    #[must_use]
    pub fn with_protection(self, protection: Protection) -> Self {
        Self { protection, ..self }
    }

    pub(super) fn protection(&self) -> &Protection {
        &self.protection
    }

    /// Returns this set with ownership rules.
    #[must_use]
    pub fn with_owners(self, rules: Vec<OwnershipRule>) -> Self {
        Self { owners: Owners::new(rules), ..self }
    }

    /// Returns the ownership rule of a namespace.
    #[must_use]
    pub fn ownership_rule(&self, namespace: &str) -> Option<&OwnershipRule> {
        self.owners.rule(namespace)
    }

    /// Returns the ownership pins of a namespace.
    #[must_use]
    pub fn pins(&self, namespace: &str) -> &Pins {
        self.owners.pins(namespace)
    }

    #[must_use]
    pub fn ownership(&self) -> &[OwnershipRule] {
        self.owners.rules()
    }

    /// Returns the built-in shared hosts, and those that overlays add.
    #[must_use]
    pub fn shared_hosts(&self) -> SharedHosts {
        SharedHosts::with(self.owners.shared_hosts())
    }

    pub(super) fn shared_host_names(&self) -> impl Iterator<Item = String> {
        self.owners.shared_hosts()
    }

    /// Returns true if the other set has the same rules and internal namespaces.
    #[must_use]
    pub fn has_same_rules(&self, other: &Self) -> bool {
        (&self.rules, &self.internal) == (&other.rules, &other.internal)
    }

    /// Returns true if any of these namespaces is not marked as internal here.
    #[must_use]
    pub fn lacks_internal(&self, namespaces: &[NamespacePattern]) -> bool {
        namespaces.iter().any(|namespace| !self.internal.contains(namespace))
    }

    pub(super) fn internal(&self) -> &[NamespacePattern] {
        &self.internal
    }

    /// Returns the name patterns of all rules, as they are written.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.by_pattern.keys().map(String::as_str)
    }

    pub(super) fn of_pattern(&self, pattern: &str) -> Vec<&Rule> {
        let found = self.by_pattern.get(pattern).into_iter().flatten();
        found.map(|index| &self.rules[*index]).collect()
    }

    /// Returns true if only internal upstreams can be authoritative for the namespace of a name.
    #[must_use]
    pub fn is_internal(&self, name: &Name) -> bool {
        self.internal.iter().any(|pattern| pattern.covers(name))
    }

    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Returns the names that an approved or pending rule spells out: worth a separate fetch.
    #[must_use]
    pub fn exact_names(&self) -> BTreeSet<Name> {
        self.rules
            .iter()
            .filter(|rule| !rule.hides())
            .filter_map(|rule| match &rule.name {
                NamePattern::Exact(name) => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    /// Returns the approvals that select the name in other letter case, if none selects it as it is.
    #[must_use]
    pub fn approved_in_other_case(&self, name: &Name) -> Vec<&Rule> {
        if !self.has_upper_case && !has_upper_case(name.as_str()) {
            return Vec::new();
        }
        let folded = name.folded();
        let patterns = patterns_of(&folded).filter_map(|pattern| self.approved.get(&pattern));
        let rules: Vec<&Rule> = patterns.flatten().map(|index| &self.rules[*index]).collect();
        if rules.iter().any(|rule| rule.name.covers(name)) { Vec::new() } else { rules }
    }

    /// Returns the names to which a rule gives this one as a successor.
    pub fn predecessors(&self, name: &Name) -> impl Iterator<Item = &Name> {
        self.predecessors.get(name).into_iter().flatten()
    }

    /// Returns all rules about a name, for any of its versions.
    #[must_use]
    pub fn rules_for(&self, name: &Name) -> NameRules<'_> {
        let find = |index: &HashMap<String, Vec<usize>>, name: &str| {
            let mut found: Vec<&Rule> = patterns_of(name)
                .filter_map(|pattern| index.get(&pattern))
                .flatten()
                .map(|index| &self.rules[*index])
                .collect();
            found.sort_by_key(|rule| std::cmp::Reverse(rule.rank()));
            found
        };
        NameRules {
            matching: find(&self.by_pattern, name.as_str()),
            generous: find(&self.generous, &name.denial_form()),
        }
    }
}

/// Hashes the rules only; the indexes follow from them.
impl Hash for OverlaySet {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.rules, &self.internal, self.owners.rules(), &self.protection).hash(hasher);
    }
}

/// The rules about one name, the most specific first.
#[derive(Debug)]
pub struct NameRules<'s> {
    matching: Vec<&'s Rule>,
    /// Denials, suspensions and rules with conditions, in any spelling of the name.
    generous: Vec<&'s Rule>,
}

impl From<Reading> for OverlaySet {
    fn from(reading: Reading) -> Self {
        Self::new(reading.rules, reading.internal)
            .with_owners(reading.ownership)
            .with_protection(reading.protection)
    }
}

impl<'s> NameRules<'s> {
    /// Returns the rules that select the name in its exact case.
    pub fn rules(&self) -> impl Iterator<Item = &'s Rule> {
        self.matching.iter().copied()
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
        // A pending state selects generously. What lets an entry through is not taken from such a rule.
        let selecting: Vec<&'s Rule> = matching
            .iter()
            .copied()
            .filter(|rule| rule.versions.admits(version, semantic.as_ref()))
            .collect();
        let rules = matching.iter().copied();
        EffectivePolicy {
            tier: rules.clone().find_map(|rule| rule.tier),
            classification: rules.clone().find_map(|rule| rule.classification),
            owner: rules.clone().find_map(|rule| rule.owner.as_deref()),
            labels: rules.clone().find_map(|rule| rule.labels.as_deref()).unwrap_or_default(),
            allowed: selecting.iter().filter_map(|rule| rule.allow.as_ref()).collect(),
            approval: rules
                .filter(|rule| !rule.hides())
                .find_map(|rule| Some((rule, rule.approval.as_ref()?))),
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

fn has_upper_case(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Returns every pattern that matches a name, as it is written.
pub(super) fn patterns_of(name: &str) -> impl Iterator<Item = String> {
    let namespace = name.split_once('/').map_or("", |(namespace, _)| namespace);
    let covering = std::iter::successors(Some(namespace), |inner| {
        inner.rsplit_once('.').map(|(parent, _)| parent)
    });
    [name.to_owned(), format!("{namespace}/*"), NamePattern::Any.to_string()]
        .into_iter()
        .chain(covering.map(|above| format!("{above}.*/*")))
}

#[cfg(test)]
#[allow(clippy::too_many_arguments, reason = "tables of expectations")]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::model::Timestamp;
    use crate::overlay::{Context, Terms, read};

    fn set(yaml: &str) -> OverlaySet {
        reading(yaml).into()
    }

    fn reading(yaml: &str) -> Reading {
        let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
        let reading = read(&[Source::new("x.yaml", yaml)], &context);
        assert_eq!(reading.findings, [], "{}", reading.findings[0]);
        reading
    }

    const RULES: &str = "
servers:
  - {name: '*', tier: 3, labels: [all]}
  - {name: com.*/*, classification: public, owner: com}
  - {name: com.example.*/*, tier: 2, approval: {state: approved, reviewed: 2026-01-01}}
  - {name: com.example/*, owner: example}
  - {name: com.example/tool, labels: [b, a]}
  - {name: com.example/tool, versions: '>=1, <2', tier: 1, approval: {state: pending}}
  - {name: com.example/tool, versions: 1.5.0, approval: {state: approved, reviewed: 2026-02-02}}
  - {name: com.example/tool, upstream: other, tier: 3}
  - {name: com.example/BAD, approval: {state: denied}}
  - {name: com.example.evil/*, versions: '<2', approval: {state: suspended}}
";

    /// P48.
    #[rstest::rstest]
    //     name                 version  upstream    tier     owner            labels       approval                      hidden by
    #[case("org.other/x", "1.0.0", "official", Some(3), None, "all", None, None)]
    #[case("com.other/x", "1.0.0", "official", Some(3), Some("com"), "all", None, None)]
    #[case(
        "com.example.sub/x",
        "1.0.0",
        "official",
        Some(2),
        Some("com"),
        "all",
        Some("com.example.*/*"),
        None
    )]
    #[case(
        "com.example/x",
        "1.0.0",
        "official",
        Some(2),
        Some("example"),
        "all",
        Some("com.example.*/*"),
        None
    )]
    #[case("com.examples/x", "1.0.0", "official", Some(3), Some("com"), "all", None, None)]
    #[case(
        "com.example/tool",
        "3.0.0",
        "official",
        Some(2),
        Some("example"),
        "a b",
        Some("com.example.*/*"),
        None
    )]
    #[case(
        "com.example/tool",
        "3.0.0",
        "other",
        Some(3),
        Some("example"),
        "a b",
        Some("com.example.*/*"),
        None
    )]
    #[case(
        "com.example/tool",
        "1.4.0",
        "official",
        Some(1),
        Some("example"),
        "a b",
        Some("com.example/tool@>=1, <2"),
        None
    )]
    #[case(
        "com.example/tool",
        "1.4.0-rc.1",
        "official",
        Some(1),
        Some("example"),
        "a b",
        Some("com.example/tool@>=1, <2"),
        None
    )]
    #[case(
        "com.example/tool",
        "auto",
        "official",
        Some(1),
        Some("example"),
        "a b",
        Some("com.example/tool@>=1, <2"),
        None
    )]
    #[case(
        "com.example/tool",
        "1.5.0",
        "official",
        Some(1),
        Some("example"),
        "a b",
        Some("com.example/tool@1.5.0"),
        None
    )]
    #[case(
        "com.example/bad",
        "1.0.0",
        "official",
        Some(2),
        Some("example"),
        "all",
        Some("com.example.*/*"),
        Some("com.example/BAD")
    )]
    #[case(
        "com.example.evil/x",
        "auto",
        "official",
        Some(2),
        Some("com"),
        "all",
        Some("com.example.*/*"),
        Some("com.example.evil/*@<2")
    )]
    #[case(
        "com.Example.evil/x",
        "1.0.0",
        "official",
        Some(3),
        Some("com"),
        "all",
        None,
        Some("com.example.evil/*@<2")
    )]
    #[case(
        "com.example.evil/x",
        "2.0.0",
        "official",
        Some(2),
        Some("com"),
        "all",
        Some("com.example.*/*"),
        None
    )]
    fn field_comes_from_most_specific_rule_and_denial_from_any(
        #[case] name: &str,
        #[case] version: &str,
        #[case] upstream: &str,
        #[case] tier: Option<u8>,
        #[case] owner: Option<&str>,
        #[case] labels: &str,
        #[case] approval: Option<&str>,
        #[case] hidden_by: Option<&str>,
    ) {
        let set = set(RULES);
        let name = Name::parse(name).expect("a name");
        let effective =
            set.rules_for(&name).effective(&Version::parse(version).expect("usable"), upstream);
        assert_eq!(effective.tier, tier);
        assert_eq!(effective.owner, owner);
        assert_eq!(effective.labels.join(" "), labels);
        assert_eq!(effective.approval.map(|(rule, _)| rule.selector()).as_deref(), approval);
        assert_eq!(effective.hidden_by.map(Rule::selector).as_deref(), hidden_by);
    }

    /// P47.
    #[test]
    fn refused_set_can_only_hide() {
        let good = set(
            "servers: [{name: a.b/c, tier: 1, approval: {state: approved, reviewed: 2026-01-01}}]",
        );
        let refused = reading(
            "servers: [{name: a.b/*, tier: 3, approval: {state: denied}}, {name: a.b/c, versions: 1.0.0, approval: {state: denied}, allow: {url: 'http://x.corp', reason: r, reviewer: a, expires: 2026-12-31}}, {name: x.y/z, approval: {state: approved, reviewed: 2026-01-01}}]",
        );
        let both = good.with_denials_of(&refused);
        let effective = |name: &str| {
            let name = Name::parse(name).expect("a name");
            let version = Version::parse("1.0.0").expect("usable");
            let about = both.rules_for(&name);
            let effective = about.effective(&version, "official");
            assert!(effective.allowed.is_empty(), "a URL waits too");
            (effective.tier, effective.approval.is_some(), effective.hidden_by.is_some())
        };
        assert_eq!(effective("a.b/c"), (Some(1), true, true));
        assert_eq!(effective("a.b/d"), (None, false, true));
        assert_eq!(effective("x.y/z"), (None, false, false), "a new approval waits");
    }

    /// P48.
    #[rstest::rstest]
    #[case("com.example/bad", "1.2.3", true)]
    #[case("com.example/bad.", "1.2.3+1", true)]
    #[case("com.example./.Bad", "v1.2.3", true)]
    #[case("com.example/bad", "1.2.3-rc.1", false)]
    #[case("com.example/bad_", "1.2.3", false)]
    #[case("com.evil./x", "1", true)]
    #[case("com.evil.sub./x", "1", true)]
    #[case("com.evils/x", "1", false)]
    fn denial_is_not_evaded_by_another_spelling(
        #[case] name: &str,
        #[case] version: &str,
        #[case] is_hidden: bool,
    ) {
        let set = set(
            "servers: [{name: com.Example/bad, versions: 1.2.3, approval: {state: denied}}, {name: com.evil.*/*, approval: {state: suspended}}]",
        );
        for set in [&set, &OverlaySet::default().with_denials_of(&set_as_reading(&set))] {
            let name = Name::parse(name).expect("a name");
            let version = Version::parse(version).expect("usable");
            let rules = set.rules_for(&name);
            assert_eq!(rules.effective(&version, "official").hidden_by.is_some(), is_hidden);
        }
    }

    fn set_as_reading(set: &OverlaySet) -> Reading {
        Reading { rules: set.rules().to_vec(), ..Reading::default() }
    }

    #[test]
    fn exact_names_exclude_denied_ones() {
        let names = set(RULES).exact_names();
        let names: Vec<&str> = names.iter().map(Name::as_str).collect();
        assert_eq!(names, ["com.example/tool"]);
    }
}
