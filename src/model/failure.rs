use std::fmt;

use serde::{Deserialize, Serialize};

/// A limit beyond which new content of an upstream is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomLimit {
    /// The content of the upstream.
    Upstream,
    /// The content of all upstreams.
    All,
    /// The free room of the disk.
    Disk,
    /// The rows of the upstream in quarantine.
    Quarantine,
}

impl fmt::Display for RoomLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upstream => "`max_size` in `[limits]` of the upstream",
            Self::All => "`max_size` in `[store]`",
            Self::Disk => "`min_free` in `[store]`",
            Self::Quarantine => "on rows in quarantine",
        })
    }
}

/// The cause of a failed sync run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The upstream did not answer, or answered with an error.
    Fetch,
    /// The files of the upstream cannot be read.
    Files,
    /// A page cannot be decoded.
    Page,
    /// The pages do not form a finite list.
    Pagination,
    Store,
    /// A limit left new content out.
    Room,
    Stopped,
    Panic,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "the upstream did not answer, or answered with an error",
            Self::Files => "the files of the upstream cannot be read",
            Self::Page => "a page cannot be decoded",
            Self::Pagination => "the pages do not form a finite list",
            Self::Store => "the store cannot be read or written",
            Self::Room => "a limit left new content out",
            Self::Stopped => "the run was stopped",
            Self::Panic => "a bug in vidimus",
        })
    }
}
