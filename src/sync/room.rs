use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Timestamp};

/// The bytes of stored content of one upstream, if its file states none.
pub const MAX_UPSTREAM_SIZE: u64 = 4 << 30;

/// The limits on the disk that content of all upstreams takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskLimits {
    /// The bytes of stored content.
    pub max_size: u64,
    /// The bytes of the disk that new content leaves free.
    pub min_free: u64,
}

impl DiskLimits {
    /// The limits of a store that is not on a disk of its own.
    pub const NONE: Self = Self { max_size: u64::MAX, min_free: 0 };
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self { max_size: 10 << 30, min_free: 512 << 20 }
    }
}

/// A limit beyond which new content of an upstream is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomLimit {
    /// The content of the upstream.
    Upstream,
    /// The content of all upstreams.
    All,
    /// The free room of the disk.
    Disk,
}

/// The limit that left content of an upstream out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfRoom {
    pub limit: RoomLimit,
    /// The first time since content was last stored completely.
    pub since: Timestamp,
    /// The bytes that are used, or the free bytes of the disk.
    pub found: u64,
    pub allowed: u64,
}

impl OutOfRoom {
    /// Returns the bytes that were found, in words.
    #[must_use]
    pub fn found(&self) -> String {
        let bytes = Bytes(self.found);
        match self.limit {
            RoomLimit::Upstream => format!("{bytes} of content are stored"),
            RoomLimit::All => format!("{bytes} of content of all upstreams are stored"),
            RoomLimit::Disk => format!("{bytes} of the disk are free"),
        }
    }

    /// Returns the limit, in words, with its setting.
    #[must_use]
    pub fn allowed(&self) -> String {
        let bytes = Bytes(self.allowed);
        match self.limit {
            RoomLimit::Upstream => format!("{bytes} (`max_size` in `[limits]` of the upstream)"),
            RoomLimit::All => format!("{bytes} (`max_size` in `[store]`)"),
            RoomLimit::Disk => format!("at least {bytes} (`min_free` in `[store]`)"),
        }
    }
}
