use std::fmt;

use serde::{Deserialize, Serialize};

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
