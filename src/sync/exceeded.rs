//! The safety limits that a run exceeded: figures as they are stored, and their words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::recent::{ChangeKind, PARTY_CAP, Window};
use crate::model::Timestamp;

/// A safety limit that was exceeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExceededLimit {
    pub limit: SafetyLimit,
    #[serde(flatten)]
    pub measure: Measure,
}

/// The kind of safety limit, which decides what goes on hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SafetyLimit {
    Removed,
    Rewritten,
    Deleted,
    /// New names.
    Growth,
    NameGrowth(String),
    NamespaceGrowth(String),
    /// Holds the whole run: far fewer rows than before.
    Shrink,
    /// Holds the whole run: an older state of the upstream.
    Rewind,
}

impl SafetyLimit {
    /// Returns true if nothing of the run may be accepted.
    #[must_use]
    pub const fn holds_all(&self) -> bool {
        matches!(self, Self::Shrink | Self::Rewind)
    }

    /// Returns the kinds of changes over time that begin again when a person releases what it kept back.
    #[must_use]
    pub const fn kinds(&self) -> &'static [ChangeKind] {
        use ChangeKind::{Added, Deleted, Removed, Rewritten, ServedRemoved, ServedRewritten};
        match self {
            Self::Removed => &[Removed, ServedRemoved],
            Self::Rewritten => &[Rewritten, ServedRewritten],
            Self::Deleted => &[Deleted],
            Self::Growth | Self::NameGrowth(_) | Self::NamespaceGrowth(_) => &[Added],
            Self::Shrink | Self::Rewind => {
                &[Removed, ServedRemoved, Rewritten, ServedRewritten, Deleted, Added]
            }
        }
    }

    /// Returns true if it limits what is new.
    #[must_use]
    pub const fn is_growth(&self) -> bool {
        matches!(self, Self::Growth | Self::NameGrowth(_) | Self::NamespaceGrowth(_))
    }
}

/// The figures of an exceeded limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Measure {
    Measured {
        measured: Measured,
    },
    /// A record of an earlier release has words only.
    Words {
        found: String,
        allowed: String,
    },
}

/// The value that a limit found, and the value that it allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Measured {
    /// Names that changed in one way.
    Names(NamesMeasure),
    /// New names of one namespace.
    NamespaceNames { window: Window, applied: u64, waiting: u64, allowed: u64 },
    /// New versions of one name or namespace in the run.
    Versions { added: u64, allowed: u64 },
    /// Rows of a full sync.
    Rows { seen: u64, stored: u64, allowed: u64, percent: u64 },
    /// The newest update of a full sync, and the newest one that is known.
    Rewind { seen: Timestamp, known: Timestamp, allowed_hours: u64 },
}

/// The figures of names that changed in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamesMeasure {
    pub change: ChangeKind,
    pub window: Window,
    /// Those that changed within the window; the part of the run that is within the limit is included.
    pub applied: u64,
    /// Those that wait.
    pub waiting: u64,
    /// The names at the start of the window.
    pub total: u64,
    pub allowed: u64,
    /// The share that is allowed; a greater floor may take its place.
    pub percent: u64,
    /// True if of some party not every name counts.
    pub capped: bool,
}

impl ExceededLimit {
    pub(super) const fn new(limit: SafetyLimit, measured: Measured) -> Self {
        Self { limit, measure: Measure::Measured { measured } }
    }

    /// Returns it with the number of names that wait now.
    #[must_use]
    pub fn with_waiting(mut self, names: u64) -> Self {
        if let Measure::Measured { measured: Measured::Names(measure) } = &mut self.measure {
            measure.waiting = names;
        }
        self
    }

    /// Returns the value that was found, in words.
    #[must_use]
    pub fn found(&self) -> String {
        let measured = match &self.measure {
            Measure::Words { found, .. } => return found.clone(),
            Measure::Measured { measured } => measured,
        };
        match measured {
            Measured::Names(measure) => measure.found(),
            Measured::NamespaceNames { applied: 0, waiting, .. } => {
                format!("{waiting} new names of `{}`", self.subject())
            }
            Measured::NamespaceNames { window, applied, waiting, .. } => format!(
                "{applied} new names of `{}` came{window}, and {waiting} more would",
                self.subject()
            ),
            Measured::Versions { added, .. } => {
                format!("{added} new versions of `{}` in one sync run", self.subject())
            }
            Measured::Rows { seen, stored, .. } => {
                format!("{seen} rows where {stored} are stored")
            }
            Measured::Rewind { seen, known, .. } => {
                format!("the newest update is of {seen}, and one of {known} is known")
            }
        }
    }

    /// Returns the value that is allowed, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        let measured = match &self.measure {
            Measure::Words { allowed, .. } => return allowed.clone(),
            Measure::Measured { measured } => measured,
        };
        match measured {
            Measured::Names(measure) => measure.allowed(),
            Measured::NamespaceNames { window, applied: 0, allowed, .. } => {
                format!("{allowed}{window}")
            }
            Measured::NamespaceNames { allowed, .. } => allowed.to_string(),
            Measured::Versions { allowed, .. } => allowed.to_string(),
            Measured::Rows { stored, allowed, percent, .. } => {
                // Rounded as the limit is.
                let by_share = stored - stored * percent / 100;
                let why = if *allowed < by_share {
                    "the floor".to_owned()
                } else {
                    format!("{percent} % fewer")
                };
                format!("{allowed}, {why}")
            }
            Measured::Rewind { allowed_hours, .. } => format!("{allowed_hours} hours older"),
        }
    }

    fn subject(&self) -> &str {
        match &self.limit {
            SafetyLimit::NameGrowth(subject) | SafetyLimit::NamespaceGrowth(subject) => subject,
            _ => "",
        }
    }
}

impl NamesMeasure {
    fn found(&self) -> String {
        let Self { change, window, applied, waiting, total, capped, .. } = self;
        let (names, done, would) = match change {
            ChangeKind::Removed => ("names", "went missing", "go missing"),
            ChangeKind::Rewritten => ("names", "were rewritten", "be rewritten"),
            ChangeKind::Deleted => ("served names", "were deleted", "be deleted"),
            ChangeKind::ServedRemoved => ("served names", "went missing", "go missing"),
            ChangeKind::ServedRewritten => ("served names", "were rewritten", "be rewritten"),
            ChangeKind::Added => ("names", "came", "come"),
        };
        let found = match (change, applied) {
            (ChangeKind::Added, 0) => format!("{waiting} new names where {total} were known"),
            (ChangeKind::Added, _) => format!(
                "{applied} new names came{window} where {total} were known, and {waiting} more would {would}"
            ),
            (_, 0) => format!("{waiting} of {total} {names} would {would}"),
            _ => format!(
                "{applied} of {total} {names} {done}{window}, and {waiting} more would {would}"
            ),
        };
        let capped =
            if *capped { format!(" (of one party {PARTY_CAP} count)") } else { String::new() };
        format!("{found}{capped}")
    }

    fn allowed(&self) -> String {
        let Self { applied, total, allowed, percent, .. } = self;
        // What was applied stands with its window.
        let window = if *applied == 0 { self.window } else { Window::Run };
        if *allowed > total * percent / 100 {
            format!("{allowed}{window}, the floor")
        } else {
            format!("{allowed}{window}, {percent} % of {total}")
        }
    }
}

impl fmt::Display for Window {
    /// Writes nothing for one run, of which every figure is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run => "",
            Self::Day => " within 24 hours",
            Self::Week => " within 7 days",
        })
    }
}

impl fmt::Display for ExceededLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; allowed: {}", self.found(), self.allowed())
    }
}
