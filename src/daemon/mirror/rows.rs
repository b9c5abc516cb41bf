use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};
use crate::sync::{Change, Row, change};

pub(super) fn classify_row(
    item: &RawValue,
    now: Timestamp,
    snapshot: &Snapshot,
    upstream: &str,
) -> Result<Change, StoreError> {
    change(item, now, |identity| {
        match snapshot.head(upstream, identity.name.as_str(), identity.version.as_str()) {
            // The upstream's row replaces one that cannot be read.
            Err(StoreError::Damaged(_)) => Ok(None),
            head => head,
        }
    })
}

pub(super) fn names(rows: &[Row]) -> BTreeSet<Name> {
    rows.iter().filter_map(|row| Name::parse(&row.key().0).ok()).collect()
}
