use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};

use super::account::Account;
use super::txt::Key;

/// Reads keys, and leaves out what is none for this release: a record with one is not lost whole.
pub(super) fn valid_keys<'de, D: Deserializer<'de>>(source: D) -> Result<BTreeSet<Key>, D::Error> {
    let texts = Vec::<String>::deserialize(source)?;
    Ok(texts.iter().filter_map(|text| Key::parse(text).ok()).collect())
}

/// As [`valid_keys`], for the keys of each place.
pub(super) fn valid_places<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<BTreeMap<String, BTreeSet<Key>>, D::Error> {
    let places = BTreeMap::<String, Vec<String>>::deserialize(source)?;
    let valid =
        |texts: Vec<String>| texts.iter().filter_map(|text| Key::parse(text).ok()).collect();
    Ok(places.into_iter().map(|(place, texts)| (place, valid(texts))).collect())
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
