use std::collections::BTreeSet;
use std::sync::Arc;

use super::allow::read_allow;
use super::approval::read_approval;
use super::conditions::read_conditions;
use super::conflict::contradictions;
use super::fields::{DOCUMENT, NAMESPACE, SERVER};
use super::later::OnDrift;
use super::lifecycle::{read_on_deprecated, read_successor};
use super::ownership::{OwnershipRule, read_ownership, twice};
use super::protection::{Protection, Selected, read_not_lookalike, read_protect};
use super::reading::{Context, FileContext, Reading};
use super::rule::{Classification, Rule};
use super::unmeetable::unmeetable;
use super::waive::read_waive;
use super::{NamePattern, VersionPattern};
use crate::lint::{Fields, Finding, Kind, Node, Reader, Source, bounded, nearest, parse_yaml};
use crate::model::NamespacePattern;

/// Reads overlay files into rules and findings. It takes at most n log n steps, and returns at most a
/// hundred findings for each file.
///
/// An error among the findings refuses the set. The rules that could be read are returned anyway,
/// since the denials among them still apply.
#[must_use]
pub fn read(sources: &[Arc<Source>], context: &Context<'_>) -> Reading {
    parse(sources, context).checked()
}

/// Reads overlay files, each by itself: it does not look for contradictions between rules.
#[must_use]
pub fn parse(sources: &[Arc<Source>], context: &Context<'_>) -> Reading {
    let mut reading = Reading::default();
    for source in sources {
        reading.add(parse_file(source, &FileContext::new(context)));
    }
    reading
}

/// Reads one file.
pub(super) fn parse_file(source: &Arc<Source>, context: &FileContext<'_>) -> Reading {
    let mut document = Document {
        reader: Reader::default(),
        context,
        read: BTreeSet::new(),
        rules: Vec::new(),
        internal: Vec::new(),
        ownership: Vec::new(),
        protection: Protection::default(),
    };
    let nodes = parse_yaml(source, &mut document.reader.findings);
    let broken = document.reader.findings.len();
    let is_broken = broken > 0;
    nodes.iter().for_each(|node| document.read(node, is_broken));
    if is_broken {
        // A rule cut off by a syntax error is not a finding of its own; the rules before it may deny.
        document.reader.findings.truncate(broken);
    }
    let Document { reader, rules, internal, ownership, protection, .. } = document;
    Reading { rules, internal, ownership, protection, findings: reader.findings }
}

impl Reading {
    /// Adds the findings about rules that contradict each other, and bounds all findings.
    #[must_use]
    pub fn checked(self) -> Self {
        let mut findings = self.findings;
        findings.extend(contradictions(&self.rules));
        findings.extend(unmeetable(&self.rules));
        findings.extend(twice(&self.ownership));
        Self { findings: bounded(findings), ..self }
    }
}

struct Document<'a> {
    reader: Reader,
    context: &'a FileContext<'a>,
    /// The items that were read, by offset.
    read: BTreeSet<usize>,
    rules: Vec<Rule>,
    internal: Vec<NamespacePattern>,
    ownership: Vec<OwnershipRule>,
    protection: Protection,
}

impl Document<'_> {
    fn read(&mut self, node: &Node, is_broken: bool) {
        if node.kind == Kind::Null {
            // The file has only comments.
            return;
        }
        if is_broken && let Kind::Sequence(items) = &node.kind {
            // The rest of a list behind an error; most lists have rules.
            return items.iter().for_each(|item| self.rule(item));
        }
        let Some(fields) = self.reader.mapping(node, &DOCUMENT) else {
            return;
        };
        for servers in fields.all("servers") {
            for item in self.reader.items(servers) {
                self.rule(item);
            }
        }
        for namespaces in fields.all("namespaces") {
            for item in self.reader.items(namespaces) {
                self.namespace(item);
            }
        }
    }

    fn rule(&mut self, item: &Node) {
        if !self.read.insert(item.place.span.start) {
            // Behind an error, an item may be read a second time.
            return;
        }
        if let Some((rule, fields)) = self.server(item) {
            let others = self.of_repeated_keys(&rule, &fields);
            self.rules.push(rule);
            self.rules.extend(others);
        }
    }

    /// Returns the denials of a rule with keys that are written twice: it denies what any of their values selects.
    fn of_repeated_keys(&mut self, rule: &Rule, fields: &Fields<'_>) -> Vec<Rule> {
        let is_repeated = |key: &str| fields.all(key).nth(1).is_some();
        if !rule.hides() || !["name", "versions", "upstream"].into_iter().any(is_repeated) {
            return Vec::new();
        }
        let versions =
            if is_repeated("versions") { VersionPattern::Any } else { rule.versions.clone() };
        let upstream = rule.upstream.clone().filter(|_| !is_repeated("upstream"));
        let names =
            fields.all("name").filter_map(|node| self.reader.parsed(node, NamePattern::parse));
        let of_name = |name| Rule {
            name,
            versions: versions.clone(),
            upstream: upstream.clone(),
            ..rule.clone()
        };
        names.map(of_name).collect()
    }

    fn server<'n>(&mut self, node: &'n Node) -> Option<(Rule, Fields<'n>)> {
        let earlier = self.reader.findings.len();
        let fields = self.reader.mapping(node, &SERVER)?;
        let Some(name) = fields.get("name") else {
            self.reader.error(
                node,
                "an item without `name`",
                "give the name or pattern that the rule selects",
            );
            return None;
        };
        let name = self.reader.parsed(name, NamePattern::parse)?;
        let versions = match fields.get("versions") {
            Some(node) => {
                let versions = self.reader.parsed(node, VersionPattern::parse);
                if versions.as_ref().is_some_and(VersionPattern::looks_partial) {
                    let found =
                        "it is read as one exact version, but looks like a prefix of several";
                    let allowed = "a version as it is published, or a range, such as `>=1, <2`";
                    self.reader.findings.push(Finding::warning(&node.place, found, allowed));
                }
                versions
            }
            None => Some(VersionPattern::Any),
        };
        let readable = versions.is_some();
        let upstream = fields.get("upstream").and_then(|node| self.upstream(node));
        // The set is refused; a denial in it hides too much rather than nothing.
        let versions = versions.unwrap_or(VersionPattern::Any);
        let mut rule = Rule {
            tier: self.tier(&fields),
            classification: fields
                .get("classification")
                .and_then(|node| self.reader.word(node, &Classification::WORDS)),
            owner: self.optional_text(&fields, "owner"),
            labels: fields.get("labels").map(|node| self.labels(node)),
            reason: self.optional_text(&fields, "reason"),
            on_drift: fields
                .get("on_drift")
                .and_then(|node| self.reader.word(node, &OnDrift::WORDS)),
            on_deprecated: fields
                .get("on_deprecated")
                .and_then(|node| read_on_deprecated(&mut self.reader, node)),
            ..Rule::selecting(node.place.clone(), name, versions, upstream)
        };
        self.read_exceptions(&mut rule, &fields);
        let not_lookalike = fields.get("not_lookalike");
        if let Some(node) = not_lookalike {
            let rule =
                read_not_lookalike(&mut self.reader, node, Selected::Names(rule.name.clone()));
            self.protection.not_lookalikes.extend(rule);
        }
        for node in fields.all("approval") {
            let approval = read_approval(&mut self.reader, self.context, node, &rule);
            if !rule.hides() {
                rule.approval = approval;
            }
        }
        if fields.get("approval").is_none()
            && rule.is_empty()
            && not_lookalike.is_none()
            && self.reader.findings.len() == earlier
        {
            let finding = Finding::warning(
                &node.place,
                format!("`{}` is selected, but the rule sets nothing", rule.selector()),
                "give it an approval, conditions, or another key of `servers`",
            );
            self.reader.findings.push(finding);
        }
        (readable || rule.hides()).then_some((rule, fields))
    }

    /// Reads the parts of a rule that depend on what it selects.
    fn read_exceptions(&mut self, rule: &mut Rule, fields: &Fields<'_>) {
        let (reader, context) = (&mut self.reader, self.context);
        rule.allow = fields.get("allow").and_then(|node| read_allow(reader, context, node, rule));
        rule.conditions = fields.get("conditions").and_then(|node| read_conditions(reader, node));
        rule.waive = fields.get("waive").and_then(|node| read_waive(reader, context, node, rule));
        rule.successor =
            fields.get("successor").and_then(|node| read_successor(reader, node, rule));
    }

    fn namespace(&mut self, node: &Node) {
        let Some(fields) = self.reader.mapping(node, &NAMESPACE) else {
            return;
        };
        let Some(name) = fields.get("name") else {
            self.reader.error(node, "an item without `name`", "give the namespace");
            return;
        };
        let pattern = self.reader.parsed(name, NamespacePattern::parse);
        let internal: Vec<_> =
            fields.all("internal").filter_map(|node| self.reader.boolean(node)).collect();
        if internal.contains(&true) {
            self.internal.extend(pattern.clone());
        }
        let is_account =
            pattern.as_ref().is_some_and(|name| name.namespace().starts_with("io.github."));
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
            self.ownership.push(OwnershipRule { place, namespace, pins, shared_host });
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
        let Some(known) = self.context.upstreams() else {
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
            format!("{near}Known: {}", known.join(", ")),
        );
        // The set is refused; a denial in it hides entries of all upstreams.
        None
    }
}

impl Rule {
    fn is_empty(&self) -> bool {
        self.tier.is_none()
            && self.classification.is_none()
            && self.owner.is_none()
            && self.labels.is_none()
            && self.approval.is_none()
            && self.allow.is_none()
            && self.conditions.is_none()
            && self.waive.is_none()
            && self.on_drift.is_none()
            && self.on_deprecated.is_none()
            && self.successor.is_none()
    }
}
