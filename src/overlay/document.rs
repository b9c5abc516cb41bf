use std::sync::Arc;

use super::approval::read_approval;
use super::conflict::contradictions;
use super::ownership::{OwnershipStatement, read_ownership, twice};
use super::protection::{Protection, Selected, read_not_lookalike, read_protect};
use super::reading::{Context, Reading};
use super::statement::{Classification, Statement};
use super::{NamePattern, VersionPattern};
use crate::lint::{Fields, Finding, Kind, Node, Reader, Source, nearest, parse_yaml};
use crate::model::NamespacePattern;

const SERVER_KEYS: [&str; 10] = [
    "name",
    "versions",
    "upstream",
    "tier",
    "classification",
    "owner",
    "labels",
    "reason",
    "approval",
    "not_lookalike",
];
const SERVER_KEYS_LATER: [&str; 2] = ["conditions", "audience"];
const NAMESPACE_KEYS: [&str; 5] = ["name", "internal", "ownership", "protect", "not_lookalike"];

/// Reads overlay files into statements and findings.
///
/// With an error among the findings the set is refused; the statements are still what could be
/// read, since the denials among them apply all the same.
#[must_use]
pub fn read(sources: &[Arc<Source>], context: &Context<'_>) -> Reading {
    let mut document = Document {
        reader: Reader::default(),
        context,
        statements: Vec::new(),
        internal: Vec::new(),
        ownership: Vec::new(),
        protection: Protection::default(),
    };
    for source in sources {
        let before = document.reader.findings.len();
        let nodes = parse_yaml(source, &mut document.reader.findings);
        let broken = document.reader.findings.len();
        nodes.iter().for_each(|node| document.read(node));
        if broken > before {
            // What a syntax error cut off is no finding of its own; what was read may still deny.
            document.reader.findings.truncate(broken);
        }
    }
    let Document { reader, statements, internal, ownership, protection, .. } = document;
    let mut findings = reader.findings;
    findings.extend(contradictions(&statements));
    findings.extend(twice(&ownership));
    Reading { statements, internal, ownership, protection, findings }
}

struct Document<'a> {
    reader: Reader,
    context: &'a Context<'a>,
    statements: Vec<Statement>,
    internal: Vec<NamespacePattern>,
    ownership: Vec<OwnershipStatement>,
    protection: Protection,
}

impl Document<'_> {
    fn read(&mut self, node: &Node) {
        if node.kind == Kind::Null {
            // A file that holds nothing but comments.
            return;
        }
        let Some(fields) = self.reader.mapping(node, &["servers", "namespaces"], &[]) else {
            return;
        };
        if let Some(servers) = fields.get("servers") {
            for item in self.reader.list(servers) {
                let statement = self.server(item);
                self.statements.extend(statement);
            }
        }
        if let Some(namespaces) = fields.get("namespaces") {
            for item in self.reader.list(namespaces) {
                self.namespace(item);
            }
        }
    }

    fn server(&mut self, node: &Node) -> Option<Statement> {
        let earlier = self.reader.findings.len();
        let fields = self.reader.mapping(node, &SERVER_KEYS, &SERVER_KEYS_LATER)?;
        let Some(name) = fields.get("name") else {
            self.reader.error(node, "an entry without `name`", "name what it speaks of");
            return None;
        };
        let name = self.reader.parsed(name, NamePattern::parse)?;
        let versions = match fields.get("versions") {
            Some(node) => {
                let versions = self.reader.parsed(node, VersionPattern::parse);
                if versions.as_ref().is_some_and(VersionPattern::looks_partial) {
                    let found = "it is read as one exact version, and looks like a part of many";
                    let allowed = "a version as it is published, or a range, as `>=1, <2`";
                    self.reader.findings.push(Finding::warning(&node.place, found, allowed));
                }
                versions
            }
            None => Some(VersionPattern::Any),
        };
        let readable = versions.is_some();
        let upstream = fields.get("upstream").and_then(|node| self.upstream(node));
        let mut statement = Statement {
            place: node.place.clone(),
            name,
            // The set is refused; a denial among its statements hides more rather than nothing.
            versions: versions.unwrap_or(VersionPattern::Any),
            upstream,
            tier: self.tier(&fields),
            classification: fields
                .get("classification")
                .and_then(|node| self.reader.word(node, &Classification::WORDS)),
            owner: self.optional_text(&fields, "owner"),
            labels: fields.get("labels").map(|node| self.labels(node)),
            reason: self.optional_text(&fields, "reason"),
            approval: None,
        };
        let not_lookalike = fields.get("not_lookalike");
        if let Some(node) = not_lookalike {
            let rule =
                read_not_lookalike(&mut self.reader, node, Selected::Names(statement.name.clone()));
            self.protection.not_lookalikes.extend(rule);
        }
        if let Some(node) = fields.get("approval") {
            statement.approval = read_approval(&mut self.reader, self.context, node, &statement);
        } else if statement.says_nothing()
            && not_lookalike.is_none()
            && self.reader.findings.len() == earlier
        {
            let finding = Finding::warning(
                &node.place,
                format!("`{}` is named, and nothing is said of it", statement.selector()),
                "give it a tier, classification, owner, labels or approval",
            );
            self.reader.findings.push(finding);
        }
        (readable || statement.hides()).then_some(statement)
    }

    fn namespace(&mut self, node: &Node) {
        let Some(fields) = self.reader.mapping(node, &NAMESPACE_KEYS, &[]) else {
            return;
        };
        let Some(name) = fields.get("name") else {
            self.reader.error(node, "an entry without `name`", "name the namespace");
            return;
        };
        let pattern = self.reader.parsed(name, NamespacePattern::parse);
        if let Some(internal) = fields.get("internal")
            && self.reader.boolean(internal) == Some(true)
        {
            self.internal.extend(pattern.clone());
        }
        let is_account =
            pattern.as_ref().is_some_and(|it| it.namespace().starts_with("io.github."));
        if let (Some(node), Some(namespace)) = (fields.get("protect"), &pattern) {
            let protected = read_protect(&mut self.reader, node, namespace);
            self.protection.listed.extend(protected);
        }
        if let (Some(node), Some(namespace)) = (fields.get("not_lookalike"), &pattern) {
            let rule =
                read_not_lookalike(&mut self.reader, node, Selected::Namespace(namespace.clone()));
            self.protection.not_lookalikes.extend(rule);
        }
        let ownership = fields
            .get("ownership")
            .and_then(|node| read_ownership(&mut self.reader, node, is_account));
        if let (Some(namespace), Some((pins, shared_host))) = (pattern, ownership) {
            let place = node.place.clone();
            self.ownership.push(OwnershipStatement { place, namespace, pins, shared_host });
        }
    }

    fn tier(&mut self, fields: &Fields<'_>) -> Option<u8> {
        let tier = self.reader.integer(fields.get("tier")?, 1..=3)?;
        u8::try_from(tier).ok()
    }

    fn optional_text(&mut self, fields: &Fields<'_>, key: &str) -> Option<String> {
        self.reader.text(fields.get(key)?).map(str::to_owned)
    }

    fn labels(&mut self, node: &Node) -> Vec<String> {
        let mut labels = self.reader.texts(node);
        labels.sort();
        labels.dedup();
        labels
    }

    fn upstream(&mut self, node: &Node) -> Option<String> {
        let id = self.reader.text(node)?;
        let Some(known) = self.context.upstreams else {
            return Some(id.to_owned());
        };
        if known.iter().any(|known| known == id) {
            return Some(id.to_owned());
        }
        let near = match nearest(id, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`? "),
            None => String::new(),
        };
        self.reader.error(
            node,
            format!("no upstream `{id}`"),
            format!("{near}There are: {}", known.join(", ")),
        );
        // The set is refused, and a denial among its statements hides whatever the upstream.
        None
    }
}

impl Statement {
    fn says_nothing(&self) -> bool {
        self.tier.is_none()
            && self.classification.is_none()
            && self.owner.is_none()
            && self.labels.is_none()
            && self.approval.is_none()
    }
}
