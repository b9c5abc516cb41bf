use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::Place;
use crate::model::Escaped;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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
        let (line, column) = self.place.line_and_column();
        let mut fields = serializer.serialize_struct("Finding", 7)?;
        fields.serialize_field("file", &self.place.source.file)?;
        fields.serialize_field("line", &line)?;
        fields.serialize_field("column", &column)?;
        fields.serialize_field("severity", &self.severity)?;
        fields.serialize_field("found", &self.found)?;
        fields.serialize_field("allowed", &self.allowed)?;
        fields.serialize_field("against", &self.other.as_ref().map(Place::to_string))?;
        fields.end()
    }
}
