use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use smol_str::SmolStr;

use super::demand::ProvenanceDemand;
use super::fields::{CONDITIONS, HOST, IDENTIFIER, PACKAGES, REGISTRY, REMOTES, SECRETS};
use super::scans::{ScanDemand, read_scan_demand};
use crate::lint::{Fields, Kind, Node, Place, Reader, nearest};
use crate::model::Timestamp;
use crate::ownership::Requirement;

/// The demands of one rule on every entry that it cannot exclude.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Conditions {
    /// The allowed values, by condition; an empty list allows nothing.
    pub lists: BTreeMap<Condition, BTreeSet<String>>,
    pub pinned_packages: bool,
    /// The verdict on the namespace: verified or declared.
    pub ownership: Option<Requirement>,
    /// The results of scanners that a content needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanDemand>,
    /// The verdict on who built each package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<ProvenanceDemand>,
}

/// A condition that a rule can set, and that a waiver can lift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    PackageTypes,
    PackageRegistries,
    PackageIdentifiers,
    RemoteHosts,
    RemoteTransports,
    Secrets,
    Environment,
    Runtimes,
    PinnedPackages,
    Ownership,
    Scan,
    /// The gate `provenance` judges it, together with the settings.
    Provenance,
}

impl Conditions {
    /// Returns the conditions that are set.
    #[must_use]
    pub fn set(&self) -> Vec<Condition> {
        let pinned = self.pinned_packages.then_some(Condition::PinnedPackages);
        let ownership = self.ownership.map(|_| Condition::Ownership);
        let scan = self.scan.as_ref().map(|_| Condition::Scan);
        let provenance = self.provenance.map(|_| Condition::Provenance);
        let single = pinned.into_iter().chain(ownership).chain(scan).chain(provenance);
        self.lists.keys().copied().chain(single).collect()
    }
}

impl Condition {
    pub const WORDS: [(&str, Self); 12] = [
        ("packages.types", Self::PackageTypes),
        ("packages.registries", Self::PackageRegistries),
        ("packages.identifiers", Self::PackageIdentifiers),
        ("remotes.hosts", Self::RemoteHosts),
        ("remotes.transports", Self::RemoteTransports),
        ("secrets", Self::Secrets),
        ("environment", Self::Environment),
        ("runtimes", Self::Runtimes),
        ("pinned_packages", Self::PinnedPackages),
        ("ownership", Self::Ownership),
        ("scan", Self::Scan),
        ("provenance", Self::Provenance),
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A condition that entries do not have to meet, until the waiver ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Waive {
    #[serde(skip)]
    pub place: Place,
    pub condition: WaivedCondition,
    /// The last moment at which it is waived.
    pub expires: Timestamp,
}

/// The conditions, or the advisory, that one waiver covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaivedCondition {
    One(Condition),
    /// Every condition about packages.
    Packages,
    /// Every condition about remotes.
    Remotes,
    /// The advisory with this id.
    Advisory(SmolStr),
}

impl WaivedCondition {
    /// Returns true if the waiver covers a condition.
    #[must_use]
    pub fn covers(&self, condition: Condition) -> bool {
        match self {
            Self::One(one) => *one == condition,
            Self::Packages => condition.as_str().starts_with("packages."),
            Self::Remotes => condition.as_str().starts_with("remotes."),
            Self::Advisory(_) => false,
        }
    }

    /// Returns true if the waiver covers the advisory with this id.
    #[must_use]
    pub fn covers_advisory(&self, id: &str) -> bool {
        matches!(self, Self::Advisory(waived) if waived == id)
    }
}

impl fmt::Display for WaivedCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(condition) => write!(f, "{condition}"),
            Self::Packages => f.write_str("packages"),
            Self::Remotes => f.write_str("remotes"),
            Self::Advisory(id) => write!(f, "advisory {id}"),
        }
    }
}

/// The types of packages that clients can run.
pub const PACKAGE_TYPES: [&str; 7] = ["npm", "pypi", "nuget", "oci", "mcpb", "cargo", "go"];
/// The transports of remotes.
const TRANSPORTS: [&str; 2] = ["streamable-http", "sse"];

/// A key with a list of allowed values, and the parser of one value.
type ListKey = (&'static str, Condition, fn(&str) -> Result<String, String>);

const PACKAGE_LISTS: [ListKey; 3] = [
    ("types", Condition::PackageTypes, |text| one_of(text, &PACKAGE_TYPES)),
    ("registries", Condition::PackageRegistries, registry),
    ("identifiers", Condition::PackageIdentifiers, identifier),
];
const REMOTE_LISTS: [ListKey; 2] = [
    ("hosts", Condition::RemoteHosts, host),
    ("transports", Condition::RemoteTransports, |text| one_of(text, &TRANSPORTS)),
];
const LISTS: [ListKey; 2] =
    [("environment", Condition::Environment, word), ("runtimes", Condition::Runtimes, word)];

/// Reads the `conditions` of a rule.
pub(super) fn read_conditions(reader: &mut Reader, node: &Node) -> Option<Conditions> {
    let fields = reader.mapping(node, &CONDITIONS)?;
    let mut lists = BTreeMap::new();
    let mut read_lists = |reader: &mut Reader, fields: &Fields<'_>, keys: &[ListKey]| {
        for (key, condition, parse) in keys {
            let allowed = fields.get(key).map(|node| read_list(reader, node, parse));
            lists.extend(allowed.map(|allowed| (*condition, allowed)));
        }
    };
    for (key, table, keys) in [
        ("packages", &PACKAGES, PACKAGE_LISTS.as_slice()),
        ("remotes", &REMOTES, REMOTE_LISTS.as_slice()),
    ] {
        let inner = fields.get(key).and_then(|node| reader.mapping(node, table));
        if let Some(inner) = inner.filter(|inner| is_set(reader, inner)) {
            read_lists(reader, &inner, keys);
        }
    }
    read_lists(reader, &fields, &LISTS);
    if let Some(node) = fields.get("secrets") {
        lists.insert(Condition::Secrets, secrets(reader, node));
    }
    let pinned_packages = fields.get("pinned_packages").and_then(|node| {
        let is_set = reader.boolean(node)?;
        if !is_set {
            reader.error(
                node,
                "`pinned_packages: false` lifts the condition of no other rule",
                "`true`; for an exception use `waive`",
            );
        }
        Some(is_set)
    });
    let words = &[("verified", Requirement::Verified), ("declared", Requirement::Declared)];
    let ownership = fields.get("ownership").and_then(|node| reader.word(node, words));
    let scan = fields.get("scan").and_then(|node| read_scan_demand(reader, node));
    let provenance =
        fields.get("provenance").and_then(|node| reader.word(node, &ProvenanceDemand::WORDS));
    is_set(reader, &fields);
    let pinned_packages = pinned_packages == Some(true);
    Some(Conditions { lists, pinned_packages, ownership, scan, provenance })
}

/// Returns true if a mapping has an allowed key; one without any key is a finding.
fn is_set(reader: &mut Reader, fields: &Fields<'_>) -> bool {
    if matches!(&fields.node.kind, Kind::Mapping(pairs) if pairs.is_empty()) {
        reader.error(
            fields.node,
            "a mapping that sets nothing",
            "set a condition, or leave the key out",
        );
    }
    !fields.is_empty()
}

/// Reads a list of texts, which may be empty: then it allows nothing.
fn read_list(
    reader: &mut Reader,
    node: &Node,
    parse: impl Fn(&str) -> Result<String, String>,
) -> BTreeSet<String> {
    let items = reader.items(node).iter();
    items.filter_map(|item| reader.parsed(item, &parse)).collect()
}

fn secrets(reader: &mut Reader, node: &Node) -> BTreeSet<String> {
    if matches!(node.kind, Kind::Scalar { .. }) {
        let none = |text: &str| match text {
            "none" => Ok(()),
            _ => Err(SECRETS),
        };
        reader.parsed(node, none);
        return BTreeSet::new();
    }
    read_list(reader, node, word)
}

fn one_of(text: &str, known: &[&str]) -> Result<String, String> {
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    let listed = known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    Err(match nearest(text, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? Allowed: {listed}"),
        None => format!("allowed: {listed}"),
    })
}

/// Reads a name or program, which is compared as it is written.
fn word(text: &str) -> Result<String, String> {
    if text.contains(|found: char| found.is_whitespace() || found == '*') {
        return Err("a whole name, without white space and `*`".to_owned());
    }
    Ok(text.to_owned())
}

/// Returns the URL of a registry in the form in which two are compared: without a slash at its end.
#[must_use]
pub fn registry_form(text: &str) -> Option<String> {
    Some(url::Url::parse(text).ok()?.as_str().trim_end_matches('/').to_owned())
}

fn registry(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|_| REGISTRY)?;
    let is_plain = matches!(url.scheme(), "https" | "http")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    is_plain.then(|| registry_form(text)).flatten().ok_or_else(|| REGISTRY.to_owned())
}

fn identifier(text: &str) -> Result<String, String> {
    let fixed = text.strip_suffix('*').unwrap_or(text);
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@%+=,".contains(&byte);
    // A tag or a digest is not part of what is compared.
    let last = fixed.rsplit('/').next().unwrap_or_default();
    let is_tagged = last.contains(':') || last.get(1..).is_some_and(|rest| rest.contains('@'));
    if fixed.is_empty() || is_tagged || !fixed.bytes().all(is_usual) {
        return Err(IDENTIFIER.to_owned());
    }
    Ok(text.to_owned())
}

fn host(text: &str) -> Result<String, String> {
    let domain = text.strip_prefix("*.").unwrap_or(text);
    if domain.contains('*') {
        return Err(HOST.to_owned());
    }
    let parsed = url::Host::parse(domain).map_err(|_| HOST)?;
    let is_pattern = domain.len() < text.len();
    match parsed {
        // An address has nothing below it.
        url::Host::Ipv4(_) | url::Host::Ipv6(_) if is_pattern => Err(HOST.to_owned()),
        parsed => {
            let host = parsed.to_string();
            let host = host.trim_end_matches('.');
            Ok(if is_pattern { format!("*.{host}") } else { host.to_owned() })
        }
    }
}
