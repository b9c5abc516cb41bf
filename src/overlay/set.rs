use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use super::effective::NameRules;
use super::ownership::{Owners, OwnershipRule};
use super::protection::Protection;
use super::{NamePattern, Reading, Rule};
use crate::model::{Name, NamespacePattern};
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
            let Rule { place, name, versions, upstream, reason, approval, .. } = rule.clone();
            Rule { reason, approval, ..Rule::selecting(place, name, versions, upstream) }
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

    /// Returns true if a rule concerns names of a namespace, and not all names alike.
    #[must_use]
    pub fn concerns(&self, namespace: &str) -> bool {
        self.ownership_rule(namespace).is_some()
            || self.rules.iter().any(|rule| rule.name.concerns(namespace))
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
            // Of two that hide the same, the denial is named, whatever the order of the files.
            found.sort_by_key(|rule| std::cmp::Reverse((rule.rank(), rule.denies())));
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

impl From<Reading> for OverlaySet {
    fn from(reading: Reading) -> Self {
        Self::new(reading.rules, reading.internal)
            .with_owners(reading.ownership)
            .with_protection(reading.protection)
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
    use crate::model::Version;
    use crate::overlay::read;
    use crate::overlay::tests::context;

    fn set(yaml: &str) -> OverlaySet {
        reading(yaml).into()
    }

    fn reading(yaml: &str) -> Reading {
        let context = context();
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
        Some(2),
        Some("example"),
        "a b",
        Some("com.example/tool@>=1, <2"),
        None
    )]
    #[case(
        "com.example/tool",
        "auto",
        "official",
        Some(2),
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
