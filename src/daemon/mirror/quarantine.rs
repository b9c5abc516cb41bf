use serde_json::value::RawValue;

use crate::daemon::runtime::Clock;
use crate::model::Entry;
use crate::store::{QuarantinedRow, Store, StoreError};
use crate::sync::OVER_LIMIT;

/// Rows let out in one transaction.
const BATCH: usize = 500;

/// Judges every row in quarantine anew, as a newer release may understand it; returns how many
/// left it. An entry that is stored already is not replaced: the next walk brings what upstream
/// has by now.
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
        if let Ok(Ok(entry)) = item.map(|item| Entry::judge(item, clock.now())) {
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
