use std::collections::{BTreeSet, HashMap};

use super::fields::{OWNERSHIP, WAIVER};
use crate::lint::{Finding, Node, Place, Reader};
use crate::model::NamespacePattern;
use crate::ownership::{Key, Pins, Requirement, Waiver};

/// The `ownership` of one item of a `namespaces` list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnershipRule {
    pub place: Place,
    pub namespace: NamespacePattern,
    pub pins: Pins,
    /// True if unrelated publishers get names below it, so that its own record verifies none of them.
    pub shared_host: bool,
}

/// Ownership rules by namespace: the namespace itself before one above it.
#[derive(Debug, Default)]
pub(super) struct Owners {
    rules: Vec<OwnershipRule>,
    by_pattern: HashMap<String, usize>,
}

static NO_PINS: Pins = Pins { github: None, keys: BTreeSet::new(), waived: None, require: None };

impl Owners {
    pub(super) fn new(rules: Vec<OwnershipRule>) -> Self {
        let by_pattern =
            rules.iter().enumerate().map(|(index, rule)| (rule.namespace.to_string(), index));
        Self { by_pattern: by_pattern.collect(), rules }
    }

    pub(super) fn rules(&self) -> &[OwnershipRule] {
        &self.rules
    }

    pub(super) fn pins(&self, namespace: &str) -> &Pins {
        self.rule(namespace).map_or(&NO_PINS, |rule| &rule.pins)
    }

    pub(super) fn rule(&self, namespace: &str) -> Option<&OwnershipRule> {
        if self.rules.is_empty() {
            return None;
        }
        let folded = namespace.to_ascii_lowercase();
        let above = std::iter::successors(Some(folded.as_str()), |inner| {
            inner.rsplit_once('.').map(|(parent, _)| parent)
        });
        let patterns =
            std::iter::once(folded.clone()).chain(above.map(|parent| format!("{parent}.*")));
        let found = patterns.into_iter().find_map(|pattern| self.by_pattern.get(&pattern));
        found.map(|index| &self.rules[*index])
    }

    /// Returns the domains of shared hosts, in DNS order.
    pub(super) fn shared_hosts(&self) -> impl Iterator<Item = String> {
        self.rules.iter().filter(|rule| rule.shared_host).map(|rule| {
            let namespace = rule.namespace.namespace();
            namespace.split('.').rev().collect::<Vec<_>>().join(".")
        })
    }
}

/// Returns a finding for each namespace with a second `ownership`.
pub(super) fn twice(rules: &[OwnershipRule]) -> Vec<Finding> {
    let mut first: HashMap<String, &OwnershipRule> = HashMap::new();
    let mut findings = Vec::new();
    for rule in rules {
        let pattern = rule.namespace.to_string();
        if let Some(earlier) = first.get(&pattern) {
            let found = format!("the `ownership` of `{pattern}` is set twice");
            let finding = Finding::error(&rule.place, found, "set it once");
            findings.push(finding.against(&earlier.place));
        } else {
            first.insert(pattern, rule);
        }
    }
    findings
}

/// Reads the `ownership` of a namespace.
pub(super) fn read_ownership(
    reader: &mut Reader,
    node: &Node,
    is_account: bool,
) -> Option<(Pins, bool)> {
    let fields = reader.mapping(node, &OWNERSHIP)?;
    let keys = match fields.get("keys") {
        None => BTreeSet::new(),
        Some(node) => {
            let items = reader.list(node).iter();
            items.filter_map(|item| reader.parsed(item, Key::parse)).collect()
        }
    };
    if let Some(node) = fields.get("keys").filter(|_| is_account) {
        reader.error(
            node,
            "`keys` of a GitHub account",
            "an account has no keys; pin its id as `github`",
        );
    }
    let waived = fields.get("waived").and_then(|node| read_waiver(reader, node));
    let github = fields.get("github").and_then(|node| reader.integer(node, 1..=u64::MAX));
    let require = fields.get("require").and_then(|node| reader.word(node, &Requirement::WORDS));
    let shared_host = fields.get("shared_host").and_then(|node| reader.boolean(node));
    if fields.is_empty() {
        let allowed = "pin `github` or `keys`, or set `waived`, `require` or `shared_host`";
        reader.error(node, "an `ownership` that sets nothing", allowed);
    }
    let pins = Pins { github, keys, waived, require };
    Some((pins, shared_host == Some(true)))
}

fn read_waiver(reader: &mut Reader, node: &Node) -> Option<Waiver> {
    let fields = reader.mapping(node, &WAIVER)?;
    let mut needed = |key: &str| {
        let Some(node) = fields.get(key) else {
            let found = format!("a waiver without `{key}`");
            reader.error(node, found, "a waiver needs a `reason` and a `reviewer`");
            return None;
        };
        reader.text(node).map(str::to_owned)
    };
    let (reason, reviewer) = (needed("reason"), needed("reviewer"));
    Some(Waiver { reason: reason?, reviewer: reviewer? })
}
