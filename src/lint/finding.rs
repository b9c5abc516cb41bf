use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::{Place, Source};
use crate::model::Escaped;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Deserves attention; the file is used.
    Warning,
    /// The file and the set that it belongs to are refused.
    Error,
}

/// A problem in a file: what was found, where, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub place: Place,
    pub severity: Severity,
    pub found: String,
    /// The allowed values, or the action to take.
    pub allowed: String,
    /// The other place that this one contradicts.
    pub other: Option<Place>,
}

impl Finding {
    #[must_use]
    pub fn error(place: &Place, found: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            severity: Severity::Error,
            found: found.into(),
            allowed: allowed.into(),
            other: None,
        }
    }

    #[must_use]
    pub fn warning(place: &Place, found: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, found, allowed) }
    }

    #[must_use]
    pub fn against(self, other: &Place) -> Self {
        Self { other: Some(other.clone()), ..self }
    }
}

/// Returns true if any of the findings refuses the set.
#[must_use]
pub fn has_errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// The findings that are kept for one file: a person corrects the first ones, and checks again.
const MAX_PER_FILE: usize = 100;

/// Returns at most 100 findings for each file, errors first where some are left out, and one item for
/// the others of that file.
#[must_use]
pub fn bounded(findings: Vec<Finding>) -> Vec<Finding> {
    let mut files: Vec<Vec<Finding>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for finding in findings {
        let file = *known.entry(finding.place.source.file.clone()).or_insert(files.len());
        if file == files.len() {
            files.push(Vec::new());
        }
        files[file].push(finding);
    }
    let bounded = files.into_iter().flat_map(|mut file| {
        if file.len() > MAX_PER_FILE {
            file.sort_by_key(|finding| Reverse(finding.severity));
            let left_out = file.split_off(MAX_PER_FILE);
            let noun = if left_out.len() == 1 { "finding" } else { "findings" };
            let place = left_out[0].place.source.start();
            let found = format!("{} more {noun} in this file", left_out.len());
            let more = Finding::error(&place, found, "correct the others first, and check again");
            file.push(Finding { severity: left_out[0].severity, ..more });
        }
        file
    });
    bounded.collect()
}

/// One line: `file:line:column: found; allowed`.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, Escaped(&self.found))?;
        if let Some(other) = &self.other {
            write!(f, " (against {other})")?;
        }
        if !self.allowed.is_empty() {
            write!(f, "; {}", Escaped(&self.allowed))?;
        }
        Ok(())
    }
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FindingReport::from(self).serialize(serializer)
    }
}

/// Returns the first finding, and the number of the others.
#[must_use]
pub fn summarize(findings: &[Finding]) -> String {
    let first = findings.first().map(ToString::to_string).unwrap_or_default();
    match findings.len() {
        0 | 1 => first,
        count => format!("{first}; and {} more, which `vidimus check` lists", count - 1),
    }
}

/// A finding as it is sent to a process that may have the files too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingReport {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub severity: Severity,
    pub found: String,
    pub allowed: String,
    /// The other place that this one contradicts.
    pub against: Option<String>,
}

impl From<&Finding> for FindingReport {
    fn from(finding: &Finding) -> Self {
        let (line, column) = finding.place.line_and_column();
        Self {
            file: finding.place.source.file.clone(),
            line,
            column,
            severity: finding.severity,
            found: finding.found.clone(),
            allowed: finding.allowed.clone(),
            against: finding.other.as_ref().map(Place::to_string),
        }
    }
}

impl FindingReport {
    /// Returns the finding with its place in one of these files, or else at the beginning of its own.
    #[must_use]
    pub fn in_files(self, files: &[Arc<Source>]) -> Finding {
        let Self { file, line, column, severity, found, allowed, against } = self;
        let place = match files.iter().find(|source| source.file == file) {
            Some(source) => source.place_at(line, column),
            None => Source::new(file, "").start(),
        };
        let found = against.map(|other| format!("{found} (against {other})")).unwrap_or(found);
        Finding { place, severity, found, allowed, other: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_beyond_a_hundred_of_one_file_are_counted_and_errors_are_kept() {
        let (full, other) = (Source::new("full.yaml", ""), Source::new("other.yaml", ""));
        let mut findings = vec![Finding::warning(&full.start(), "warning", ""); 150];
        findings.push(Finding::error(&full.start(), "error", ""));
        findings.push(Finding::warning(&other.start(), "warning", ""));
        let bounded = bounded(findings);
        assert_eq!(bounded.len(), 102);
        assert_eq!(bounded[0].found, "error");
        assert_eq!(bounded[100].found, "51 more findings in this file");
        assert_eq!(bounded[101].place.source.file, "other.yaml");
    }
}
