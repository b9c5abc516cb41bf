//! Reads a document of a feed: JSON of OSV 1.x. Members that are not needed are not read.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::range::Event;
use super::raw::{RawAdvisory, RawAffected, RawRange};
use super::record::Advisory;

/// The limit on one document.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The reason why a document of a feed cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    schema_version: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    modified: Option<Cow<'a, str>>,
    #[serde(borrow)]
    withdrawn: Option<Cow<'a, str>>,
    aliases: Option<Vec<String>>,
    summary: Option<String>,
    details: Option<String>,
    severity: Option<Vec<Score>>,
    #[serde(borrow)]
    affected: Option<Vec<AffectedMember<'a>>>,
    #[serde(borrow)]
    database_specific: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Score {
    score: Option<String>,
}

#[derive(Deserialize)]
struct AffectedMember<'a> {
    #[serde(borrow)]
    package: Option<PackageMember<'a>>,
    severity: Option<Vec<Score>>,
    #[serde(borrow)]
    ranges: Option<Vec<RangeMember<'a>>>,
    versions: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct PackageMember<'a> {
    #[serde(borrow)]
    ecosystem: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct RangeMember<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    events: Option<Vec<EventMember>>,
}

#[derive(Deserialize)]
struct EventMember {
    introduced: Option<SmolStr>,
    fixed: Option<SmolStr>,
    last_affected: Option<SmolStr>,
    /// The end of the branch that was analysed.
    limit: Option<SmolStr>,
}

/// Reads one document.
///
/// # Errors
/// The reason why nothing of it can be used.
pub fn read_osv(json: &[u8]) -> Result<Advisory, Unreadable> {
    if json.len() > MAX_BYTES {
        return Err(Unreadable(format!("{} bytes; at most {MAX_BYTES}", json.len())));
    }
    let document: Document<'_> =
        serde_json::from_slice(json).map_err(|error| Unreadable(error.to_string()))?;
    if let Some(version) = &document.schema_version
        && !version.starts_with("1.")
    {
        return Err(Unreadable("its `schema_version` is not 1.x".to_owned()));
    }
    raw(document).checked().map_err(Unreadable)
}

fn raw(document: Document<'_>) -> RawAdvisory {
    let mut vectors: Vec<String> = vectors(document.severity);
    let mut affected = Vec::new();
    for member in document.affected.unwrap_or_default() {
        vectors.extend(self::vectors(member.severity));
        // Without a package there are only commits.
        let Some(package) = member.package else { continue };
        let ranges = member.ranges.unwrap_or_default().into_iter();
        affected.push(RawAffected {
            ecosystem: package.ecosystem.into_owned(),
            package: package.name.into_owned(),
            ranges: ranges.map(range).collect(),
            versions: member.versions.unwrap_or_default(),
        });
    }
    RawAdvisory {
        id: document.id.into_owned(),
        aliases: document.aliases.unwrap_or_default(),
        modified: document.modified.map(Cow::into_owned),
        withdrawn: document.withdrawn.map(Cow::into_owned),
        summary: document.summary.filter(|text| !text.trim().is_empty()).or(document.details),
        word: document.database_specific.and_then(severity_word),
        vectors,
        affected,
    }
}

fn vectors(scores: Option<Vec<Score>>) -> Vec<String> {
    scores.into_iter().flatten().filter_map(|score| score.score).collect()
}

fn range(member: RangeMember<'_>) -> RawRange {
    let events = member.events.unwrap_or_default().into_iter().flat_map(|event| {
        let limit = event.limit.filter(|limit| limit != "*");
        let bounds = [
            event.introduced.map(Event::Introduced),
            event.fixed.or(limit).map(Event::Fixed),
            event.last_affected.map(Event::LastAffected),
        ];
        bounds.into_iter().flatten()
    });
    RawRange { kind: member.kind.into_owned(), events: events.collect() }
}

/// Returns the severity that a database states beside the scores; whatever else it states is not read.
fn severity_word(specific: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Member {
        Word(String),
        Other(IgnoredAny),
    }
    #[derive(Deserialize)]
    struct Specific {
        severity: Option<Member>,
    }
    match serde_json::from_str::<Specific>(specific.get()).ok()?.severity? {
        Member::Word(word) => Some(word),
        Member::Other(_) => None,
    }
}
