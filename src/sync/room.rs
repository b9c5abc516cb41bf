use serde::{Deserialize, Serialize};

use crate::model::{Bytes, Timestamp};

/// The bytes of stored content of one upstream, if its file states none.
pub const MAX_UPSTREAM_SIZE: u64 = 4 << 30;

/// The rows of one upstream that are kept in quarantine. One that sends more of them has another shape, or is broken.
pub const MAX_QUARANTINED: u64 = 50_000;

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
    /// The rows of the upstream in quarantine.
    Quarantine,
}

/// The limit that left content of an upstream out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfRoom {
    pub limit: RoomLimit,
    /// The first time since content was last stored completely.
    pub since: Timestamp,
    /// The bytes that are used, the free bytes of the disk, or the rows in quarantine.
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
            RoomLimit::Quarantine => format!("{} rows are in quarantine", self.found),
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
            RoomLimit::Quarantine => format!("{} rows", self.allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_named_with_its_setting_and_what_was_found() {
        for (limit, found, allowed, words) in [
            (
                RoomLimit::Upstream,
                5 << 30,
                4 << 30,
                "5 GiB of content are stored; 4 GiB (`max_size` in `[limits]` of the upstream)",
            ),
            (
                RoomLimit::All,
                11 << 30,
                10 << 30,
                "11 GiB of content of all upstreams are stored; 10 GiB (`max_size` in `[store]`)",
            ),
            (
                RoomLimit::Disk,
                100 << 20,
                512 << 20,
                "100 MiB of the disk are free; at least 512 MiB (`min_free` in `[store]`)",
            ),
            (RoomLimit::Quarantine, 50_000, 50_000, "50000 rows are in quarantine; 50000 rows"),
        ] {
            let reached = OutOfRoom { limit, since: Timestamp::MIN, found, allowed };
            assert_eq!(format!("{}; {}", reached.found(), reached.allowed()), words);
        }
    }
}
