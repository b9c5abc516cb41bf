use serde_json::value::RawValue;

use crate::daemon::runtime::Clock;
use crate::model::Entry;
use crate::store::{QuarantinedRow, Store, StoreError};
use crate::sync::OVER_LIMIT;

/// Rows released in one transaction.
const BATCH: usize = 500;

/// Validates every row in quarantine again, since a newer release may accept it; returns the number of
/// released rows. A stored entry is not replaced: the next full sync brings the upstream's current
/// content.
///
/// # Errors
/// When the store cannot be read or written.
pub fn retry_quarantine(store: &Store, clock: &Clock) -> Result<usize, StoreError> {
    let snapshot = store.snapshot()?;
    let mut released: Vec<(QuarantinedRow, Entry)> = Vec::new();
    let mut count = 0;
    for row in snapshot.quarantined()? {
        let row = row?;
        if row.row.reason.starts_with(OVER_LIMIT) {
            continue;
        }
        let item: Result<&RawValue, _> = serde_json::from_str(&row.row.item);
        if let Ok(Ok(entry)) = item.map(|item| Entry::read(item, clock.now())) {
            released.push((row, entry));
            count += 1;
        }
        if released.len() >= BATCH {
            store.release(&std::mem::take(&mut released), clock.now())?;
        }
    }
    if !released.is_empty() {
        store.release(&released, clock.now())?;
    }
    Ok(count)
}
