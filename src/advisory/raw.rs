//! An advisory as it is written, before it is checked: feeds write JSON, the organisation writes YAML.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::cvss::base_score;
use super::ecosystem::{Ecosystem, EcosystemPackage};
use super::range::{Event, Range};
use super::record::{Advisory, Affected, Severity};
use crate::model::{Timestamp, is_hidden};

/// Far more than real advisories have; what exceeds a limit makes the advisory unreadable.
const MAX_AFFECTED: usize = 2_000;
const MAX_RANGES: usize = 500;
const MAX_EVENTS: usize = 200;
const MAX_VERSIONS: usize = 50_000;
const MAX_VERSION: usize = 128;
const MAX_PACKAGE: usize = 512;
const MAX_ID: usize = 128;
/// More aliases, and more faults, are left out.
const MAX_ALIASES: usize = 20;
const MAX_FAULTS: usize = 5;
/// Characters of the summary that are kept.
const MAX_SUMMARY: usize = 200;

#[derive(Debug, Default)]
pub(super) struct RawAdvisory {
    pub(super) id: String,
    pub(super) aliases: Vec<String>,
    pub(super) modified: Option<String>,
    pub(super) withdrawn: Option<String>,
    pub(super) summary: Option<String>,
    /// The severity in a word, as databases write it.
    pub(super) word: Option<String>,
    /// CVSS vectors.
    pub(super) vectors: Vec<String>,
    pub(super) affected: Vec<RawAffected>,
}

#[derive(Debug, Default)]
pub(super) struct RawAffected {
    pub(super) ecosystem: String,
    pub(super) package: String,
    pub(super) ranges: Vec<RawRange>,
    pub(super) versions: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct RawRange {
    pub(super) kind: String,
    pub(super) events: Vec<Event>,
}

impl RawAdvisory {
    /// Checks an advisory and leaves out what does not concern entries.
    ///
    /// # Errors
    /// The reason why nothing of it can be used.
    pub(super) fn checked(self) -> Result<Advisory, String> {
        let is_id = |id: &str| {
            id.starts_with(|first: char| first.is_ascii_alphanumeric())
                && id.len() <= MAX_ID
                && id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !is_id(&self.id) {
            return Err(format!(
                "an id has 1 to {MAX_ID} visible characters, the first a letter or digit"
            ));
        }
        self.check_numbers()?;
        let mut faults = Vec::new();
        let mut time = |what: &str, text: Option<&String>| {
            let parsed = text.map(|text| Timestamp::parse(text));
            if matches!(parsed, Some(Err(_))) {
                faults.push(format!("`{what}` is not a time"));
            }
            parsed.and_then(Result::ok)
        };
        let modified = time("modified", self.modified.as_ref());
        // One that cannot be read withdraws nothing.
        let withdrawn = time("withdrawn", self.withdrawn.as_ref());
        let severity = self.severity();
        let packages: BTreeSet<(&str, String)> =
            self.affected.iter().map(RawAffected::normal_form).collect();
        let packages = packages.len();
        let mut affected = Vec::new();
        for raw in self.affected {
            let Some(ecosystem) = Ecosystem::of_osv(&raw.ecosystem) else { continue };
            affected.extend(raw.checked(ecosystem, &mut faults)?);
        }
        faults.truncate(MAX_FAULTS);
        let aliases = self.aliases.into_iter().filter(|alias| is_id(alias)).take(MAX_ALIASES);
        Ok(Advisory {
            id: self.id.into(),
            aliases: aliases.map(SmolStr::from).collect(),
            modified,
            withdrawn,
            summary: self.summary.as_deref().map(first_line).unwrap_or_default(),
            severity,
            affected,
            packages,
            faults,
        })
    }

    fn check_numbers(&self) -> Result<(), String> {
        let Self { affected, .. } = self;
        let versions: usize = affected.iter().map(|affected| affected.versions.len()).sum();
        let events = |affected: &RawAffected| {
            affected.ranges.iter().map(|range| range.events.len()).max().unwrap_or_default()
        };
        let numbers = [
            ("packages", affected.len(), MAX_AFFECTED),
            ("versions", versions, MAX_VERSIONS),
            (
                "ranges of one package",
                affected.iter().map(|affected| affected.ranges.len()).max().unwrap_or_default(),
                MAX_RANGES,
            ),
            (
                "bounds of one range",
                affected.iter().map(events).max().unwrap_or_default(),
                MAX_EVENTS,
            ),
        ];
        match numbers.into_iter().find(|(_, found, most)| found > most) {
            Some((what, found, most)) => Err(format!("{found} {what}; at most {most}")),
            None => Ok(()),
        }
    }

    fn severity(&self) -> Severity {
        let stated = match self.word.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("low") => Some(Severity::Low),
            Some("moderate" | "medium") => Some(Severity::Medium),
            Some("high") => Some(Severity::High),
            Some("critical") => Some(Severity::Critical),
            _ => None,
        };
        let scores = self.vectors.iter().filter_map(|vector| base_score(vector));
        stated.or_else(|| scores.max().map(Severity::of_score)).unwrap_or(Severity::Unknown)
    }
}

impl RawAffected {
    /// Returns its package in the form in which two are compared.
    fn normal_form(&self) -> (&str, String) {
        match Ecosystem::of_osv(&self.ecosystem) {
            Some(ecosystem) => {
                (ecosystem.as_str(), EcosystemPackage::new(ecosystem, &self.package).package)
            }
            None => (&self.ecosystem, self.package.clone()),
        }
    }

    /// Checks the versions of one package; returns `None`, perhaps with a fault, if none of them can be compared.
    fn checked(
        self,
        ecosystem: Ecosystem,
        faults: &mut Vec<String>,
    ) -> Result<Option<Affected>, String> {
        let Self { package, ranges: raw, versions, .. } = self;
        if package.trim().is_empty() || package.len() > MAX_PACKAGE {
            return Err(format!("a package with a name of {} bytes", package.len()));
        }
        let bounds = raw.iter().flat_map(|range| &range.events).map(Event::version);
        let mut texts = versions.iter().map(String::as_str).chain(bounds);
        if texts.any(|version| version.len() > MAX_VERSION) {
            return Err(format!("a version of more than {MAX_VERSION} bytes"));
        }
        let is_whole = raw.is_empty() && versions.is_empty();
        let mut ranges = Vec::new();
        for range in raw {
            match range.kind.as_str() {
                // Commits of a repository, which say nothing of packages.
                "GIT" => continue,
                "SEMVER" | "ECOSYSTEM" => {}
                _ => {
                    faults.push(format!("a range of `{package}` of an unknown type"));
                    continue;
                }
            }
            match Range::new(ecosystem, range.events) {
                Ok(range) => ranges.push(range),
                // The enumerated versions are all that is compared there.
                Err(_) if !ecosystem.has_order() && !versions.is_empty() => {}
                Err(why) => faults.push(format!("a range of `{package}`: {why}")),
            }
        }
        if is_whole {
            ranges.push(Range::everything());
        }
        if ranges.is_empty() && versions.is_empty() {
            return Ok(None);
        }
        let package = EcosystemPackage::new(ecosystem, &package).package;
        let versions = versions.into_iter().map(SmolStr::from).collect();
        Ok(Some(Affected::new(ecosystem, package, ranges, versions)))
    }
}

/// Returns the first line of a text, shortened, without characters that a terminal obeys.
fn first_line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().filter(|character| !is_hidden(*character)).take(MAX_SUMMARY).collect()
}
