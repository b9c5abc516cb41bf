use std::fmt;

use serde::{Deserialize, Serialize};

use crate::curation::content::{EntryContent, InputContent, PackageContent, RemoteContent};
use crate::curation::facts::InputPlace;
use crate::model::{Digest, Head};
use crate::overlay::Area;
use crate::ownership::host;

/// Facts of one area that a sheet lists; a publisher could state thousands.
const MAX_FACTS: usize = 50;

/// One area with what the data already answers, and what a person has to find out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaReport {
    pub area: Area,
    pub facts: Vec<AreaFact>,
    /// The number of facts that are not listed.
    pub more: usize,
    /// The question that the data leaves open.
    pub ask: String,
}

/// Something that the data says about an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum AreaFact {
    /// A value that the user has to give, or that the entry sets.
    Input {
        place: InputPlace,
        name: String,
        secret: bool,
        required: bool,
    },
    NoSecret,
    NoInput,
    Package {
        registry_type: String,
        identifier: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        exact: bool,
    },
    Runtime {
        hint: String,
    },
    Remote {
        transport: String,
        url: String,
    },
    RemoteHost {
        host: String,
    },
    /// A package registry; without an address the usual one of its type.
    Registry {
        registry_type: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// The upstream sends other content under the same version now.
    Rewritten {
        version: String,
        received: Digest,
    },
    /// It changed the content and sends the first one again, or the version was purged and came back with other content.
    RewrittenBefore {
        version: String,
    },
    NeverRewritten {
        version: String,
    },
    /// The data answers nothing.
    Nothing,
}

/// Returns what a person has to find out.
const fn question(area: Area) -> &'static str {
    match area {
        Area::Authentication => {
            "Which identity do the credentials have, who issues and revokes them, and how long do they live?"
        }
        Area::Scoping => {
            "Which data and systems can the server reach with these values, and can they be narrowed?"
        }
        Area::ToolSurface => {
            "Which tools does it offer, and which of them write, delete, execute or spend?"
        }
        Area::Logging => {
            "What does it log, where do the logs go, and do they hold secrets or personal data?"
        }
        Area::Drift => {
            "How does the publisher release and sign, and is what a client installs the content that you read?"
        }
        Area::DataFlow => {
            "Which data leaves to these hosts, who processes it there, and under which agreement?"
        }
    }
}

/// A version with what its areas are read from.
type Version<'v> = (&'v str, &'v EntryContent, Head, Option<Digest>);

impl AreaReport {
    /// Reads the six areas from versions: each with its content, its head, and the digest of the content that the
    /// upstream sends now, if it is another one.
    #[must_use]
    pub fn all(versions: &[Version<'_>]) -> Vec<Self> {
        Area::WORDS.map(|(_, area)| Self::of(area, versions)).into()
    }

    fn of(area: Area, versions: &[Version<'_>]) -> Self {
        let mut facts: Vec<AreaFact> = Vec::new();
        for found in versions.iter().flat_map(|version| read(area, version)) {
            if !facts.contains(&found) {
                facts.push(found);
            }
        }
        if facts.is_empty() {
            facts.push(match area {
                Area::Authentication => AreaFact::NoSecret,
                Area::Scoping => AreaFact::NoInput,
                _ => AreaFact::Nothing,
            });
        }
        let more = facts.len().saturating_sub(MAX_FACTS);
        facts.truncate(MAX_FACTS);
        Self { area, facts, more, ask: question(area).to_owned() }
    }
}

fn read(area: Area, (version, content, head, now): &Version<'_>) -> Vec<AreaFact> {
    match area {
        Area::Authentication => inputs(content, is_credential),
        Area::Scoping => inputs(content, |input| !is_credential(input)),
        Area::ToolSurface => tool_surface(content),
        Area::Logging => Vec::new(),
        Area::Drift => {
            let version = (*version).to_owned();
            vec![match now {
                Some(received) => AreaFact::Rewritten { version, received: *received },
                None if head.is_rewritten() => AreaFact::RewrittenBefore { version },
                None => AreaFact::NeverRewritten { version },
            }]
        }
        Area::DataFlow => data_flow(content),
    }
}

/// Returns true for a secret and for a header: both show the server who asks.
fn is_credential(input: &InputContent) -> bool {
    input.secret || input.place == InputPlace::Header
}

fn inputs(content: &EntryContent, is_meant: impl Fn(&InputContent) -> bool) -> Vec<AreaFact> {
    let of_packages = content
        .packages
        .iter()
        .flat_map(|package| package.inputs.iter().chain(&package.transport.inputs));
    let of_remotes = content.remotes.iter().flat_map(|remote| &remote.inputs);
    let meant = of_packages.chain(of_remotes).filter(|input| is_meant(input));
    meant
        .map(|input| AreaFact::Input {
            place: input.place,
            name: input.name.clone(),
            secret: input.secret,
            required: input.required,
        })
        .collect()
}

fn tool_surface(content: &EntryContent) -> Vec<AreaFact> {
    let of_package = |package: &PackageContent| {
        let fact = AreaFact::Package {
            registry_type: package.registry_type.clone(),
            identifier: package.identifier.clone(),
            version: package.version.clone(),
            exact: package.exact,
        };
        let runtime = package.runtime_hint.clone().map(|hint| AreaFact::Runtime { hint });
        std::iter::once(fact).chain(runtime)
    };
    let of_remote = |remote: &RemoteContent| AreaFact::Remote {
        transport: remote.transport.clone(),
        url: remote.url.clone().unwrap_or_default(),
    };
    let packages = content.packages.iter().flat_map(of_package);
    packages.chain(content.remotes.iter().map(of_remote)).collect()
}

fn data_flow(content: &EntryContent) -> Vec<AreaFact> {
    let transports = content.packages.iter().map(|package| &package.transport);
    let urls = content.remotes.iter().chain(transports).filter_map(|remote| remote.url.as_deref());
    // A host that cannot be read is shown as the whole address.
    let hosts =
        urls.map(|url| AreaFact::RemoteHost { host: host(url).unwrap_or_else(|| url.to_owned()) });
    let registries = content.packages.iter().map(|package| AreaFact::Registry {
        registry_type: package.registry_type.clone(),
        address: package.registry_base_url.clone(),
    });
    hosts.chain(registries).collect()
}

impl fmt::Display for AreaFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { place, name, secret, required } => {
                let secret = if *secret { " secret" } else { "" };
                let name = if name.is_empty() { "(without a name)" } else { name };
                let required = if *required { ", required" } else { "" };
                write!(f, "it asks for the {}{secret} {name}{required}", place.as_str())
            }
            Self::NoSecret => f.write_str("it asks for no secret and no header"),
            Self::NoInput => f.write_str("it asks for no value that limits what it reaches"),
            Self::Package { registry_type, identifier, version, exact } => {
                write!(f, "the package {registry_type} {identifier}")?;
                if let Some(version) = version {
                    write!(f, " {version}")?;
                }
                f.write_str(if *exact {
                    " is exact"
                } else {
                    " is not exact: it may name other content later"
                })
            }
            Self::Runtime { hint } => write!(f, "clients run it with {hint}"),
            Self::Remote { transport, url } if url.is_empty() => {
                write!(f, "a {transport} remote without an address")
            }
            Self::Remote { transport, url } => {
                write!(
                    f,
                    "the {transport} remote {url}: its tools can change without a new version"
                )
            }
            Self::RemoteHost { host } => write!(f, "clients send requests to {host}"),
            Self::Registry { registry_type, address: None } => {
                write!(f, "clients download from the usual {registry_type} registry")
            }
            Self::Registry { registry_type, address: Some(address) } => {
                write!(f, "clients download {registry_type} packages from {address}")
            }
            Self::Rewritten { version, received } => {
                write!(
                    f,
                    "the upstream changed {version} after its publication, and sends {received} now"
                )
            }
            Self::RewrittenBefore { version } => {
                write!(f, "the upstream changed {version} after its publication")
            }
            Self::NeverRewritten { version } => {
                write!(f, "the content of {version} did not change since it was first received")
            }
            Self::Nothing => f.write_str("the data says nothing about it"),
        }
    }
}
