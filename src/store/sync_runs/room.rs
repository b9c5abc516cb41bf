//! The room that is left for new content of an upstream.
//!
//! A row without room is left out, and its run says so. A deletion or a deprecation of what is stored needs no room: it is
//! stored without the content that it came with.

use std::borrow::Cow;

use redb::WriteTransaction;

use crate::model::{Entry, Head, Quarantined, RoomLimit, Status, Timestamp, TombstoneStub};
use crate::store::usage::{Growth, bytes_of, count, used, used_by_others};
use crate::store::{Snapshot, Store, StoreError};
use crate::sync::{OutOfRoom, Row as SentRow, deleted};

/// The room for new content of one upstream, as a transaction begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Room {
    left: u64,
    /// The limit that ends the room; `None` where the reserve of disk space does.
    limit: Option<OutOfRoom>,
}

impl Room {
    pub(in crate::store) const UNLIMITED: Self = Self { left: u64::MAX, limit: None };
    /// The room after the reserve of disk space was used up.
    pub(in crate::store) const NONE: Self = Self { left: 0, limit: None };

    /// Returns the row as it may be written: whole if it has room, without its content if it hides what is stored, else
    /// not at all.
    pub(in crate::store) fn admit<'r>(
        &self,
        row: &'r SentRow,
        growth: &Growth,
        stored: impl Fn() -> Result<Option<Head>, StoreError>,
    ) -> Result<Option<Cow<'r, SentRow>>, StoreError> {
        if growth.grown().saturating_add(most_bytes(row)) <= self.left {
            return Ok(Some(Cow::Borrowed(row)));
        }
        let is_stored = || Ok::<_, StoreError>(stored()?.is_some_and(|head| !head.contentless));
        Ok(match row {
            SentRow::Settled { .. } => Some(Cow::Borrowed(row)),
            // The content is stored, and only says now that it should not be used.
            SentRow::Entry(entry)
                if entry.head.status == Status::Deprecated
                    && stored()?.is_some_and(|known| {
                        known.received == entry.head.received && known.status != entry.head.status
                    }) =>
            {
                let (server, meta) = Default::default();
                Some(Cow::Owned(SentRow::Entry(Entry { server, meta, ..entry.clone() })))
            }
            SentRow::Entry(entry) if entry.head.status == Status::Deleted && is_stored()? => {
                let stub = TombstoneStub::new(entry.name.as_str(), entry.version.as_str());
                let mut stubbed = entry.clone();
                // With room for it, the row counts as changed, and is stored whole.
                stubbed.head = deleted(Head { received: stub.received(), ..entry.head });
                stubbed.server = stub.json().into();
                stubbed.meta = "{}".into();
                Some(Cow::Owned(SentRow::Entry(stubbed)))
            }
            SentRow::Deleted(row) if is_stored()? => {
                Some(Cow::Owned(SentRow::Deleted(Quarantined { item: "{}".into(), ..row.clone() })))
            }
            SentRow::Entry(_) | SentRow::Quarantined(_) | SentRow::Deleted(_) => None,
        })
    }

    /// Returns the limit that left content out; `before` is what the state has of the last one.
    pub(in crate::store) fn left_out(
        &self,
        before: Option<OutOfRoom>,
        now: Timestamp,
    ) -> Option<OutOfRoom> {
        let since = before.map_or(now, |before| before.since);
        self.limit.map(|limit| OutOfRoom { since, ..limit }).or(before)
    }
}

/// The rows of a batch that found no room.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::store) struct LeftOut {
    pub(in crate::store) rows: u64,
    /// The bytes that the smallest of them takes at most.
    pub(in crate::store) needed: Option<u64>,
}

impl LeftOut {
    pub(in crate::store) fn add(&mut self, row: &SentRow) {
        let needed = most_bytes(row);
        self.rows += 1;
        self.needed = Some(self.needed.map_or(needed, |least| least.min(needed)));
    }
}

/// The bytes that the key of a row takes at most, and those that surround its texts in the file.
const MOST_AROUND: usize = 64 + 200 + 255 + 128;

/// Returns the bytes that a row takes at most: packing makes it smaller.
fn most_bytes(row: &SentRow) -> u64 {
    let value = match row {
        SentRow::Entry(entry) => entry.server.len() + entry.meta.len(),
        SentRow::Quarantined(row) | SentRow::Deleted(row) => row.item.len() + row.reason.len(),
        SentRow::Settled { .. } => 0,
    };
    bytes_of(("", "", ""), value + MOST_AROUND)
}

impl Store {
    /// Returns true if a limit that left content of an upstream out may not do so now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_lifted(
        &self,
        snapshot: &Snapshot,
        limit: &OutOfRoom,
        (upstream, max_size): (&str, u64),
    ) -> Result<bool, StoreError> {
        let limits = self.limits();
        let (found, allowed) = match limit.limit {
            RoomLimit::Upstream => (snapshot.upstream(upstream)?.bytes.unwrap_or(0), max_size),
            RoomLimit::All => (snapshot.bytes_of_upstreams()?, limits.max_size),
            RoomLimit::Disk => (self.free_bytes().unwrap_or(0), limits.min_free),
            RoomLimit::Quarantine => return Ok(false),
        };
        Ok(limit.is_lifted(found, allowed))
    }

    /// Returns the room for new content of an upstream. No counted table may be open.
    pub(in crate::store) fn room(
        &self,
        transaction: &WriteTransaction,
        upstream: &str,
        max_size: u64,
    ) -> Result<Room, StoreError> {
        let used = used(transaction, upstream)?;
        let used = used.map_or_else(|| count(transaction, upstream), Ok)?;
        let of_all = used.saturating_add(used_by_others(transaction, upstream)?);
        let limits = self.limits();
        // Without a limit the disk itself is the limit, and the reserve what is left then.
        let free = self.free_bytes().filter(|_| limits.min_free > 0);
        let limit = |limit, found, allowed| Some(OutOfRoom::new(limit, found, allowed));
        let rooms = [
            Room {
                left: max_size.saturating_sub(used),
                limit: limit(RoomLimit::Upstream, used, max_size),
            },
            Room {
                left: limits.max_size.saturating_sub(of_all),
                limit: limit(RoomLimit::All, of_all, limits.max_size),
            },
            Room {
                left: free.map_or(u64::MAX, |free| free.saturating_sub(limits.min_free)),
                limit: limit(RoomLimit::Disk, free.unwrap_or_default(), limits.min_free),
            },
        ];
        Ok(rooms.into_iter().min_by_key(|room| room.left).unwrap_or(Room::UNLIMITED))
    }
}
