use serde::{Deserialize, Serialize};

use super::artefacts::EntryPackage;
use super::provenance::PackageProvenance;
use crate::artefact::{Floating, PackageKey, PackageRecord};
use crate::model::Timestamp;

/// A package of an entry with what is recorded of its files, for people and for `--json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageReport {
    pub kind: String,
    pub identifier: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The URL of the registry that was asked; absent if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The reason why the entry does not name one content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floating: Option<Floating>,
    /// Absent if attestations were not looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<ProvenanceReport>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artefacts: Vec<ArtefactReport>,
    /// The number of further files that are not recorded.
    #[serde(default)]
    pub more: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look: Option<Timestamp>,
    /// The reason why the last look gave no usable answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The verdict on who built a package, as data and in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenanceReport {
    #[serde(flatten)]
    pub found: PackageProvenance,
    pub why: String,
}

/// A recorded file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtefactReport {
    pub file: String,
    pub digest: String,
    pub first: Timestamp,
    pub last: Timestamp,
    /// The digest that it had before, or that the entry states, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
}

impl PackageReport {
    /// Describes a package of an entry.
    #[must_use]
    pub fn new(package: &EntryPackage<'_>) -> Self {
        let facts = package.facts;
        let mut report = match package.recorded {
            Some((key, record)) => Self::of_record(key, record),
            None => Self::unrecorded(facts.registry.as_str(), &facts.identifier),
        };
        for change in package.changes() {
            let mut files = report.artefacts.iter_mut();
            if let Some(file) = files.find(|file| file.file == change.file) {
                file.before = Some(change.before.to_owned());
            }
        }
        report.identifier.clone_from(&facts.identifier);
        report.version = facts.version.as_ref().map(ToString::to_string);
        let provenance = package.provenance.as_ref().map(ProvenanceReport::of);
        Self { floating: package.floating, provenance, ..report }
    }

    /// Describes a record, whichever entries name the package.
    #[must_use]
    pub fn of_record(key: &PackageKey, record: &PackageRecord) -> Self {
        let artefacts = record.files.iter().map(|(name, file)| ArtefactReport {
            file: name.clone(),
            digest: file.digest.to_string(),
            first: file.first,
            last: file.last,
            before: file.before().map(ToString::to_string),
            platforms: file.platforms.clone(),
        });
        Self {
            version: key.version().map(str::to_owned),
            registry: key.base().map(String::from),
            artefacts: artefacts.collect(),
            more: record.more,
            moved_at: record.moved_at,
            looked_at: record.looked_at,
            next_look: record.next_look,
            problem: record.problem.clone(),
            ..Self::unrecorded(key.kind(), key.identifier())
        }
    }

    fn unrecorded(kind: &str, identifier: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            identifier: identifier.to_owned(),
            version: None,
            registry: None,
            floating: None,
            provenance: None,
            artefacts: Vec::new(),
            more: 0,
            moved_at: None,
            looked_at: None,
            next_look: None,
            problem: None,
        }
    }
}

impl ProvenanceReport {
    fn of(found: &PackageProvenance) -> Self {
        let verdict = &found.verdict;
        let why = match &found.drift {
            Some(drift) => format!("{drift}; {verdict}"),
            None => verdict.to_string(),
        };
        Self { found: found.clone(), why }
    }
}
