//! The room that feeds of advisories take.
//!
//! The bytes of each feed are counted in the commit that changes them. A feed that would grow beyond its limit, or take
//! what the disk keeps free, is not read any further; what it has stays.

use redb::{ReadableTable, WriteTransaction};

use super::rows::after;
use super::tables::{ADVISORIES, META};
use super::{Store, StoreError};
use crate::model::{Bytes, RoomLimit};
use crate::sync::OutOfRoom;

/// The bytes of stored advisories of one feed.
pub(super) const MAX_FEED_SIZE: u64 = 1 << 30;

/// Key in `meta` of the bytes of the advisories of a feed.
fn key_of(feed: &str) -> String {
    format!("advisory bytes {feed}")
}

impl Store {
    /// Checks that the disk has room for advisories of this many bytes beside what it keeps free.
    pub(super) fn check_room_for_advisories(&self, bytes: u64) -> Result<(), StoreError> {
        let min_free = self.limits().min_free;
        let free = self.free_bytes().filter(|_| min_free > 0);
        let Some(free) = free.filter(|free| free.saturating_sub(min_free) < bytes) else {
            return Ok(());
        };
        let full = OutOfRoom::new(RoomLimit::Disk, free, min_free);
        Err(StoreError::NoFeedRoom { found: full.found(), allowed: full.allowed() })
    }
}

/// Returns the bytes of the advisories of a feed. Its table must not be open.
pub(super) fn feed_bytes(transaction: &WriteTransaction, feed: &str) -> Result<u64, StoreError> {
    let counted = transaction.open_table(META)?;
    let counted = counted.get(key_of(feed).as_str())?.map(|value| value.value().try_into());
    if let Some(Ok(bytes)) = counted {
        return Ok(u64::from_le_bytes(bytes));
    }
    let rows = transaction.open_table(ADVISORIES)?;
    let end = after(feed);
    let sizes =
        rows.range((feed, "")..(end.as_str(), ""))?.map(|row| Ok(row?.1.value().len() as u64));
    sizes.sum()
}

/// Keeps the bytes of the advisories of a feed after a change.
pub(super) fn keep_feed_bytes(
    transaction: &WriteTransaction,
    feed: &str,
    bytes: u64,
) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert(key_of(feed).as_str(), bytes.to_le_bytes().as_slice())?;
    Ok(())
}

/// Checks that a feed that grows stays within its limit.
pub(super) fn check_feed_bytes(before: u64, bytes: u64, limit: u64) -> Result<(), StoreError> {
    if bytes <= before || bytes <= limit {
        return Ok(());
    }
    let found = format!("{} of its advisories would be stored", Bytes(bytes));
    Err(StoreError::NoFeedRoom { found, allowed: Bytes(limit).to_string() })
}
