use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use url::Url;

use super::fields::{
    GITHUB, OWNERSHIP, OWNERSHIP_TIER, OWNERSHIP_TIERS, PACKAGE_REGISTRY, PACKAGES, PROVENANCE,
    PROVENANCE_REQUIRE, PROVENANCE_TIER, PROVENANCE_TIERS,
};
use super::upstream::root_url;
use crate::curation::{Demands, OwnershipPolicy, ProvenancePolicy, TypeDemands};
use crate::lint::{Fields, Node, Reader};
use crate::overlay::ProvenanceDemand;
use crate::ownership::{PackageRegistries, Requirement};

/// The settings for the verification of owners.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnershipSettings {
    pub policy: OwnershipPolicy,
    /// The system's resolvers, when empty.
    pub resolvers: Vec<SocketAddr>,
    pub github: Github,
    /// The package registries that are asked.
    pub packages: PackageRegistries,
    pub artefacts: ArtefactSettings,
    pub provenance: ProvenanceSettings,
}

/// The demands on the provenance of packages, and the files that replace the embedded trust in attestations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProvenanceSettings {
    pub policy: ProvenancePolicy,
    pub trusted_root: Option<PathBuf>,
    pub npm_keys: Option<PathBuf>,
}

/// The settings for the record of the files of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArtefactSettings {
    /// The requests to package registries in one day, without redirects.
    pub daily_requests: u32,
    /// True if bundles are downloaded from listed places.
    pub bundles: bool,
}

impl Default for ArtefactSettings {
    fn default() -> Self {
        Self { daily_requests: 5_000, bundles: false }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github {
    pub url: Url,
    /// A token without any scope is sufficient; without one GitHub answers 60 requests an hour.
    pub token_file: Option<PathBuf>,
}

const DNS: u16 = 53;

impl Default for Github {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a constant")]
        let url = Url::parse("https://api.github.com").expect("a URL");
        Self { url, token_file: None }
    }
}

impl OwnershipSettings {
    pub(super) fn take(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        if let Some(node) = fields.get("ownership") {
            self.ownership(reader, node);
        }
        if let Some(node) = fields.get("github")
            && let Some(github) = reader.mapping(node, &GITHUB)
        {
            let url = github.get("url").and_then(|node| reader.parsed(node, service_url));
            self.github.url = url.unwrap_or_else(|| self.github.url.clone());
            let file = github.get("token_file").and_then(|node| reader.text(node));
            self.github.token_file = file.map(PathBuf::from);
        }
        if let Some(node) = fields.get("provenance")
            && let Some(provenance) = reader.mapping(node, &PROVENANCE)
        {
            let mut path =
                |key| provenance.get(key).and_then(|node| reader.text(node)).map(PathBuf::from);
            self.provenance.trusted_root = path("trusted_root");
            self.provenance.npm_keys = path("npm_keys");
            self.demand_provenance(reader, &provenance);
        }
        if let Some(node) = fields.get("packages")
            && let Some(packages) = reader.mapping(node, &PACKAGES)
        {
            let artefacts = &mut self.artefacts;
            let requests = packages.get("daily_requests");
            let requests = requests.and_then(|node| reader.integer(node, 1..=1_000_000));
            let requests = requests.and_then(|requests| u32::try_from(requests).ok());
            artefacts.daily_requests = requests.unwrap_or(artefacts.daily_requests);
            let bundles = packages.get("bundles").and_then(|node| reader.boolean(node));
            artefacts.bundles = bundles.unwrap_or(artefacts.bundles);
            for kind in ["npm", "pypi", "oci"] {
                let Some(node) = packages.get(kind) else { continue };
                let Some(package) = reader.mapping(node, &PACKAGE_REGISTRY) else { continue };
                let Some(url) = package.get("url") else {
                    reader.error(
                        node,
                        "a package registry without `url`",
                        "give the URL of the registry",
                    );
                    continue;
                };
                let url = reader.parsed(url, service_url);
                if let Some(url) = url {
                    self.packages.add(kind.to_owned(), url);
                }
            }
        }
    }

    fn demand_provenance(&mut self, reader: &mut Reader, fields: &Fields<'_>) {
        let policy = &mut self.provenance.policy;
        let require = fields.get("require");
        if let Some(require) = require.and_then(|node| reader.mapping(node, &PROVENANCE_REQUIRE)) {
            policy.default = type_demands(reader, &require, policy.default);
        }
        if let Some(node) = fields.get("tiers")
            && let Some(tiers) = reader.mapping(node, &PROVENANCE_TIERS)
        {
            for (item, tier) in policy.tiers.iter_mut().zip(PROVENANCE_TIERS.keys()) {
                let Some(node) = tiers.get(tier) else { continue };
                let Some(fields) = reader.mapping(node, &PROVENANCE_TIER) else { continue };
                *item = Some(type_demands(reader, &fields, policy.default));
            }
        }
    }

    fn ownership(&mut self, reader: &mut Reader, node: &Node) {
        let Some(fields) = reader.mapping(node, &OWNERSHIP) else { return };
        let policy = &mut self.policy;
        let enabled = fields.get("enabled").and_then(|node| reader.boolean(node));
        policy.enabled = enabled.unwrap_or(policy.enabled);
        policy.default = demands(reader, &fields, policy.default);
        if let Some(node) = fields.get("tiers")
            && let Some(tiers) = reader.mapping(node, &OWNERSHIP_TIERS)
        {
            for (item, tier) in policy.tiers.iter_mut().zip(OWNERSHIP_TIERS.keys()) {
                let Some(node) = tiers.get(tier) else { continue };
                let Some(fields) = reader.mapping(node, &OWNERSHIP_TIER) else {
                    continue;
                };
                *item = Some(demands(reader, &fields, policy.default));
            }
        }
        if let Some(node) = fields.get("resolvers") {
            let items = reader.list(node).iter();
            for item in items {
                let Some(address) = reader.parsed(item, resolver) else { continue };
                if self.resolvers.contains(&address) {
                    // The same resolver twice would count as two that agree.
                    reader.error(
                        item,
                        format!("the resolver {address} appears twice"),
                        "list it once",
                    );
                } else {
                    self.resolvers.push(address);
                }
            }
        }
    }
}

fn demands(reader: &mut Reader, fields: &Fields<'_>, before: Demands) -> Demands {
    let mut word = |key| fields.get(key).and_then(|node| reader.word(node, &Requirement::WORDS));
    let (exact, wildcard) = (word("exact"), word("wildcard"));
    Demands { exact: exact.unwrap_or(before.exact), wildcard: wildcard.unwrap_or(before.wildcard) }
}

fn type_demands(reader: &mut Reader, fields: &Fields<'_>, before: TypeDemands) -> TypeDemands {
    TypeDemands::TYPES.iter().fold(before, |demands, kind| {
        let node = fields.get(kind);
        let demand = node.and_then(|node| reader.word(node, &ProvenanceDemand::WORDS));
        demand.map_or(demands, |demand| demands.with(kind, demand))
    })
}

fn resolver(text: &str) -> Result<SocketAddr, &'static str> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS));
    address
        .or_else(|_| text.parse())
        .map_err(|_| "an IP address, with a port if it is not 53; not a host name")
}

/// Reads a URL that must be secure: it receives a token, and its answers decide.
fn service_url(text: &str) -> Result<Url, &'static str> {
    root_url(text, false)
        .map_err(|_| "an https URL without user, query and fragment; http on loopback only")
}
