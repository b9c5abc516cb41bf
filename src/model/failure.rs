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
    /// No complete answer of the upstream came.
    Fetch,
    /// The upstream demands a token, or refuses the one that it got.
    Denied,
    /// The upstream answered with the status of an error.
    Status,
    /// An answer has more bytes than are read.
    TooLarge,
    /// The files of the upstream cannot be read.
    Files,
    /// An answer is not a page of the list.
    Page,
    /// A page without a known cursor may not be the last one.
    PageEnd,
    /// The pages do not form a finite list.
    Pagination,
    /// The pages are of two stores, or of two histories of one.
    TwoStores,
    Store,
    /// A limit left new content out.
    Room,
    Stopped,
    Panic,
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "no complete answer of the upstream came",
            Self::Denied => "the upstream demands a token, or refuses the one that it got",
            Self::Status => "the upstream answered with an error",
            Self::TooLarge => "an answer of the upstream is too large",
            Self::Files => "the files of the upstream cannot be read",
            Self::Page => "an answer of the upstream is not a page of the list",
            Self::PageEnd => {
                "the list may go on after a page without a known cursor, and a part of a list is not taken for all of it"
            }
            Self::Pagination => "the pages do not form a finite list",
            Self::TwoStores => "the answers are of two stores or histories of the upstream",
            Self::Store => "the store cannot be read or written",
            Self::Room => "a limit left new content out",
            Self::Stopped => "the run was stopped",
            Self::Panic => "a bug in vidimus",
        })
    }
}
