use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::account::Account;
use super::txt::Key;

/// Reads keys, and leaves out what is none for this release: a record with one is not lost whole.
pub(super) fn valid_keys<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeSet<Key>, D::Error> {
    let texts = Vec::<String>::deserialize(source)?;
    Ok(texts.iter().filter_map(|text| Key::parse(text).ok()).collect())
}

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
        #[serde(deserialize_with = "valid_keys")]
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
