use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use super::ownership::{Owners, OwnershipStatement};
use super::protection::Protection;
use super::{Approval, Classification, NamePattern, Reading, State, Statement};
use crate::model::{Digest, Name, NamespacePattern, Version};
use crate::ownership::{Pins, SharedHosts};

/// Statements in force, ready to be asked about an entry.
///
/// Looking an entry up costs a few hash lookups, one for each label of its namespace, whatever
/// the number of statements.
#[derive(Debug, Default)]
pub struct OverlaySet {
    statements: Vec<Statement>,
    internal: Vec<NamespacePattern>,
    owners: Owners,
    protection: Protection,
    /// Statements by what they select, case kept.
    by_pattern: HashMap<String, Vec<usize>>,
    /// Denials and suspensions by what they select, ASCII-folded.
    hiding: HashMap<String, Vec<usize>>,
}

/// What all statements together say of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing<'s> {
    pub tier: Option<u8>,
    pub classification: Option<Classification>,
    pub owner: Option<&'s str>,
    pub labels: &'s [String],
    /// The most specific statement with an approval, denials and suspensions left aside.
    pub ruling: Option<Ruling<'s>>,
    /// The most specific denial or suspension.
    pub hidden_by: Option<&'s Statement>,
}

/// An approval and the statement it stands in.
pub type Ruling<'s> = (&'s Statement, &'s Approval);

impl Standing<'_> {
    /// The digest that the approval pins, if there is an approval.
    #[must_use]
    pub fn pin(&self) -> Option<Digest> {
        let (_, approval) = self.ruling?;
        approval.digest.filter(|_| approval.state == State::Approved)
    }
}

impl OverlaySet {
    #[must_use]
    pub fn new(statements: Vec<Statement>, internal: Vec<NamespacePattern>) -> Self {
        let mut set = Self { statements, internal, ..Self::default() };
        for (index, statement) in set.statements.iter().enumerate() {
            set.by_pattern.entry(statement.name.to_string()).or_default().push(index);
            if statement.hides() {
                let folded = statement.name.to_string().to_ascii_lowercase();
                set.hiding.entry(folded).or_default().push(index);
            }
        }
        set
    }

    /// This set with the denials and suspensions of a refused one on top: it can hide, and
    /// nothing else.
    #[must_use]
    pub fn with_denials_of(&self, refused: &Reading) -> Self {
        let denials =
            refused.statements.iter().filter(|statement| statement.hides()).map(|statement| {
                let approval = statement.approval.clone();
                Statement {
                    tier: None,
                    classification: None,
                    owner: None,
                    labels: None,
                    approval,
                    ..statement.clone()
                }
            });
        let internal = self.internal.iter().chain(&refused.internal).cloned().collect();
        Self::new(self.statements.iter().cloned().chain(denials).collect(), internal)
            .with_owners(self.owners.statements().to_vec())
            .with_protection(self.protection.clone())
    }

    /// This set with what is said of lookalikes.
    #[must_use]
    pub fn with_protection(self, protection: Protection) -> Self {
        Self { protection, ..self }
    }

    pub(super) fn protection(&self) -> &Protection {
        &self.protection
    }

    /// This set with what is said of owners.
    #[must_use]
    pub fn with_owners(self, statements: Vec<OwnershipStatement>) -> Self {
        Self { owners: Owners::new(statements), ..self }
    }

    /// What is said of who owns a namespace.
    #[must_use]
    pub fn pins(&self, namespace: &str) -> &Pins {
        self.owners.pins(namespace)
    }

    #[must_use]
    pub fn ownership(&self) -> &[OwnershipStatement] {
        self.owners.statements()
    }

    /// The shared hosts that are known, and those that are named here.
    #[must_use]
    pub fn shared_hosts(&self) -> SharedHosts {
        SharedHosts::with(self.owners.shared_hosts())
    }

    pub(super) fn shared_host_names(&self) -> impl Iterator<Item = String> {
        self.owners.shared_hosts()
    }

    pub(super) fn internal(&self) -> &[NamespacePattern] {
        &self.internal
    }

    /// Everything that statements select by, as it is written.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.by_pattern.keys().map(String::as_str)
    }

    pub(super) fn of_pattern(&self, pattern: &str) -> Vec<&Statement> {
        let found = self.by_pattern.get(pattern).into_iter().flatten();
        found.map(|index| &self.statements[*index]).collect()
    }

    /// Whether a name lies in a namespace that only internal upstreams may speak for.
    #[must_use]
    pub fn is_internal(&self, name: &Name) -> bool {
        self.internal.iter().any(|pattern| pattern.covers(name))
    }

    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Names that an approving or pending statement spells out: worth fetching by themselves.
    #[must_use]
    pub fn exact_names(&self) -> BTreeSet<Name> {
        self.statements
            .iter()
            .filter(|statement| !statement.hides())
            .filter_map(|statement| match &statement.name {
                NamePattern::Exact(name) => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    /// Everything that is said of a name, for any of its versions.
    #[must_use]
    pub fn about(&self, name: &Name) -> About<'_> {
        let find = |index: &HashMap<String, Vec<usize>>, name: &str| {
            let mut found: Vec<&Statement> = patterns_of(name)
                .filter_map(|pattern| index.get(&pattern))
                .flatten()
                .map(|index| &self.statements[*index])
                .collect();
            found.sort_by_key(|statement| std::cmp::Reverse(statement.rank()));
            found
        };
        About {
            speaking: find(&self.by_pattern, name.as_str()),
            hiding: find(&self.hiding, &name.folded()),
        }
    }
}

/// What is said; the indexes follow from it.
impl Hash for OverlaySet {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (&self.statements, &self.internal, self.owners.statements(), &self.protection).hash(hasher);
    }
}

/// The statements about one name, the most specific first.
#[derive(Debug)]
pub struct About<'s> {
    speaking: Vec<&'s Statement>,
    hiding: Vec<&'s Statement>,
}

impl From<Reading> for OverlaySet {
    fn from(reading: Reading) -> Self {
        Self::new(reading.statements, reading.internal)
            .with_owners(reading.ownership)
            .with_protection(reading.protection)
    }
}

impl<'s> About<'s> {
    /// The statements that speak of the name in its own case.
    pub fn statements(&self) -> impl Iterator<Item = &'s Statement> {
        self.speaking.iter().copied()
    }

    /// Whether nothing at all is said of the name.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.speaking.is_empty() && self.hiding.is_empty()
    }

    /// Whether an approval may cover it that does not spell its name out.
    #[must_use]
    pub fn may_be_approved_unnamed(&self) -> bool {
        let approves = |it: &Statement| {
            it.approval.as_ref().is_some_and(|approval| approval.state == State::Approved)
        };
        self.speaking.iter().any(|it| !it.name.is_exact() && approves(it))
    }

    /// Merges what is said of one version from one upstream.
    #[must_use]
    pub fn standing(&self, version: &Version, upstream: &str) -> Standing<'s> {
        if self.is_silent() {
            return Standing::default();
        }
        let semantic = version.semantic();
        let speaking: Vec<&'s Statement> = self
            .speaking
            .iter()
            .copied()
            .filter(|statement| statement.concerns(upstream))
            .filter(|statement| statement.speaks_of(version, semantic.as_ref()))
            .collect();
        let said = speaking.iter().copied();
        Standing {
            tier: said.clone().find_map(|statement| statement.tier),
            classification: said.clone().find_map(|statement| statement.classification),
            owner: said.clone().find_map(|statement| statement.owner.as_deref()),
            labels: said.clone().find_map(|it| it.labels.as_deref()).unwrap_or_default(),
            ruling: said
                .filter(|statement| !statement.hides())
                .find_map(|statement| Some((statement, statement.approval.as_ref()?))),
            hidden_by: self.hiding.iter().copied().find(|statement| {
                statement.concerns(upstream)
                    && statement.versions.may_hold(version, semantic.as_ref())
            }),
        }
    }
}

impl Statement {
    fn concerns(&self, upstream: &str) -> bool {
        self.upstream.as_deref().is_none_or(|only| only == upstream)
    }

    /// An approval speaks of the versions it admits; a pending state holds back whatever it cannot
    /// rule out, as a denial does.
    fn speaks_of(&self, version: &Version, semantic: Option<&semver::Version>) -> bool {
        match self.approval.as_ref().map(|approval| approval.state) {
            Some(State::Pending) => self.versions.may_hold(version, semantic),
            _ => self.versions.admits(version, semantic),
        }
    }
}

/// Every pattern that matches a name, as it is written.
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
    use crate::model::Instant;
    use crate::overlay::{Context, Terms, read};

    fn set(yaml: &str) -> OverlaySet {
        reading(yaml).into()
    }

    fn reading(yaml: &str) -> Reading {
        let now = Instant::parse("2026-06-01T00:00:00Z").expect("a time");
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

    #[rstest::rstest]
    //     name                 version  upstream    tier     owner            labels       ruling                        hidden by
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
    fn fields_come_from_the_most_specific_statement_and_denials_from_any(
        #[case] name: &str,
        #[case] version: &str,
        #[case] upstream: &str,
        #[case] tier: Option<u8>,
        #[case] owner: Option<&str>,
        #[case] labels: &str,
        #[case] ruling: Option<&str>,
        #[case] hidden_by: Option<&str>,
    ) {
        let set = set(RULES);
        let name = Name::parse(name).expect("a name");
        let standing =
            set.about(&name).standing(&Version::parse(version).expect("usable"), upstream);
        assert_eq!(standing.tier, tier);
        assert_eq!(standing.owner, owner);
        assert_eq!(standing.labels.join(" "), labels);
        assert_eq!(standing.ruling.map(|(statement, _)| statement.selector()).as_deref(), ruling);
        assert_eq!(standing.hidden_by.map(Statement::selector).as_deref(), hidden_by);
    }

    #[test]
    fn a_refused_set_can_only_hide() {
        let good = set(
            "servers: [{name: a.b/c, tier: 1, approval: {state: approved, reviewed: 2026-01-01}}]",
        );
        let refused = reading(
            "servers: [{name: a.b/*, tier: 3, approval: {state: denied}}, {name: x.y/z, approval: {state: approved, reviewed: 2026-01-01}}]",
        );
        let both = good.with_denials_of(&refused);
        let standing = |name: &str| {
            let name = Name::parse(name).expect("a name");
            let version = Version::parse("1").expect("usable");
            let about = both.about(&name);
            let standing = about.standing(&version, "official");
            (standing.tier, standing.ruling.is_some(), standing.hidden_by.is_some())
        };
        assert_eq!(standing("a.b/c"), (Some(1), true, true));
        assert_eq!(standing("a.b/d"), (None, false, true));
        assert_eq!(standing("x.y/z"), (None, false, false), "a new approval waits");
    }

    #[test]
    fn exact_names_are_those_that_may_be_served() {
        let names = set(RULES).exact_names();
        let names: Vec<&str> = names.iter().map(Name::as_str).collect();
        assert_eq!(names, ["com.example/tool"]);
    }
}
