use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::model::{Instant, Name};
use crate::store::{Snapshot, StoreError};
use crate::sync::{Change, Row, change};

pub(super) fn judge_row(
    item: &RawValue,
    now: Instant,
    snapshot: &Snapshot,
    upstream: &str,
) -> Result<Change, StoreError> {
    change(item, now, |identity| {
        match snapshot.head(upstream, identity.name.as_str(), identity.version.as_str()) {
            // What upstream sends takes the place of what cannot be read any more.
            Err(StoreError::Damaged(_)) => Ok(None),
            head => head,
        }
    })
}

pub(super) fn names(rows: &[Row]) -> BTreeSet<Name> {
    rows.iter().filter_map(|row| Name::parse(&row.key().0).ok()).collect()
}
