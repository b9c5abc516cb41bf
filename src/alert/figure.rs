use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// A figure that is shown beside the items; a change of it is stored, but reopens no alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Figure {
    MinutesApart {
        minutes: u64,
    },
    LongerThanMinutes {
        minutes: u64,
    },
    LongerThanDays {
        days: u64,
    },
    Rows {
        count: u64,
    },
    /// The rows that a limit left out in a sync run.
    LeftOut {
        rows: u64,
    },
    Lookups {
        count: u64,
    },
    /// When a key was seen.
    KeySeen {
        key: String,
        first: Option<Timestamp>,
        last: Timestamp,
    },
    /// The names that it affects: the first of them, and the number of all.
    Affected {
        names: Vec<String>,
        count: u64,
    },
    /// An overlay pins the owner.
    Pinned,
    /// The team that an overlay names as the owner.
    OverlayOwner {
        owner: String,
    },
    /// The file, line and column of a rule.
    Rule {
        place: String,
    },
    /// The reason of a failure, in words.
    Reason {
        text: String,
    },
    /// The value that a safety limit found, and the value that it allows.
    Limit {
        found: String,
        allowed: String,
    },
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut count = |before: &str, count: &u64, noun: &str| {
            write!(f, "{before}{count} {noun}{}", if *count == 1 { "" } else { "s" })
        };
        match self {
            Self::MinutesApart { minutes } => count("about ", minutes, "minute"),
            Self::LongerThanMinutes { minutes } => count("for more than ", minutes, "minute"),
            Self::LongerThanDays { days } => count("for more than ", days, "day"),
            Self::Rows { count: rows } => count("", rows, "row"),
            Self::LeftOut { rows: 1 } => {
                f.write_str("1 row was left out by the last run beyond it")
            }
            Self::LeftOut { rows } => {
                write!(f, "{rows} rows were left out by the last run beyond it")
            }
            Self::Lookups { count: lookups } => count("in ", lookups, "lookup"),
            Self::KeySeen { key, first: Some(first), last } => {
                write!(f, "{key} was seen from {first} to {last}")
            }
            Self::KeySeen { key, first: None, last } => write!(f, "{key} was seen last {last}"),
            Self::Affected { names, count } => {
                let more = count.saturating_sub(names.len() as u64);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                write!(f, "it affects {}{more}", names.join(", "))
            }
            Self::Pinned => f.write_str("an overlay pins the owner"),
            Self::OverlayOwner { owner } => write!(f, "owner: {owner}"),
            Self::Rule { place } => write!(f, "the rule is at {place}"),
            Self::Reason { text } => f.write_str(text),
            Self::Limit { found, allowed } => write!(f, "{found}; allowed: {allowed}"),
        }
    }
}
