use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::account::Account;
use super::txt::Key;

/// The evidence that a namespace shows, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Shown {
    Keys {
        means: Means,
        /// The domain where they were found.
        at: String,
        /// True if that is above the claimed domain.
        parent: bool,
        keys: BTreeSet<Key>,
    },
    Account(Account),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    Dns,
    Http,
}
