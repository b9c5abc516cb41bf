use std::collections::{BTreeSet, HashMap};

use crate::lint::{Finding, Node, Place, Reader};
use crate::model::NamespacePattern;
use crate::ownership::{Key, Pins, Requirement, Waiver};

const KEYS: [&str; 5] = ["github", "keys", "waived", "require", "shared_host"];

/// What an item of a `namespaces` list says of who owns the namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OwnershipStatement {
    pub place: Place,
    pub namespace: NamespacePattern,
    pub pins: Pins,
    /// Whether strangers get names below it, so that its own record proves none of them.
    pub shared_host: bool,
}

/// Statements about owners, found by namespace: a namespace itself before one above it.
#[derive(Debug, Default)]
pub(super) struct Owners {
    statements: Vec<OwnershipStatement>,
    by_pattern: HashMap<String, usize>,
}

static NOTHING: Pins = Pins { github: None, keys: BTreeSet::new(), waived: None, require: None };

impl Owners {
    pub(super) fn new(statements: Vec<OwnershipStatement>) -> Self {
        let by_pattern =
            statements.iter().enumerate().map(|(index, it)| (it.namespace.to_string(), index));
        Self { by_pattern: by_pattern.collect(), statements }
    }

    pub(super) fn statements(&self) -> &[OwnershipStatement] {
        &self.statements
    }

    pub(super) fn pins(&self, namespace: &str) -> &Pins {
        if self.statements.is_empty() {
            return &NOTHING;
        }
        let folded = namespace.to_ascii_lowercase();
        let above = std::iter::successors(Some(folded.as_str()), |inner| {
            inner.rsplit_once('.').map(|(parent, _)| parent)
        });
        let patterns = std::iter::once(folded.clone()).chain(above.map(|it| format!("{it}.*")));
        let found = patterns.into_iter().find_map(|pattern| self.by_pattern.get(&pattern));
        found.map_or(&NOTHING, |index| &self.statements[*index].pins)
    }

    /// Domains that are shared hosts, as domains are written.
    pub(super) fn shared_hosts(&self) -> impl Iterator<Item = String> {
        self.statements.iter().filter(|it| it.shared_host).map(|it| {
            let namespace = it.namespace.namespace();
            namespace.split('.').rev().collect::<Vec<_>>().join(".")
        })
    }
}

/// The same namespace twice, each with an owner.
pub(super) fn twice(statements: &[OwnershipStatement]) -> Vec<Finding> {
    let mut first: HashMap<String, &OwnershipStatement> = HashMap::new();
    let mut findings = Vec::new();
    for statement in statements {
        let pattern = statement.namespace.to_string();
        if let Some(earlier) = first.get(&pattern) {
            let found = format!("the owner of `{pattern}` is stated twice");
            let finding = Finding::error(&statement.place, found, "say it once");
            findings.push(finding.against(&earlier.place));
        } else {
            first.insert(pattern, statement);
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
    let fields = reader.mapping(node, &KEYS, &[])?;
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
            "an account shows no keys; pin its id as `github`",
        );
    }
    let waived = fields.get("waived").and_then(|node| read_waiver(reader, node));
    let github = fields.get("github").and_then(|node| reader.integer(node, 1..=u64::MAX));
    let require = fields.get("require").and_then(|node| reader.word(node, &Requirement::WORDS));
    let shared_host = fields.get("shared_host").and_then(|node| reader.boolean(node));
    if KEYS.iter().all(|key| fields.get(key).is_none()) {
        let allowed = "pin `github` or `keys`, or say `waived`, `require` or `shared_host`";
        reader.error(node, "an `ownership` that says nothing", allowed);
    }
    let pins = Pins { github, keys, waived, require };
    Some((pins, shared_host == Some(true)))
}

fn read_waiver(reader: &mut Reader, node: &Node) -> Option<Waiver> {
    let fields = reader.mapping(node, &["reason", "reviewer"], &[])?;
    let mut needed = |key: &str| {
        let Some(node) = fields.get(key) else {
            let found = format!("a waiver without `{key}`");
            reader.error(node, found, "who does without a proof, and why");
            return None;
        };
        reader.text(node).map(str::to_owned)
    };
    let (reason, reviewer) = (needed("reason"), needed("reviewer"));
    Some(Waiver { reason: reason?, reviewer: reviewer? })
}
