use serde::{Deserialize, Serialize};

use crate::model::{Bytes, RoomLimit, Timestamp};

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

/// The limit that left content of an upstream out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfRoom {
    pub limit: RoomLimit,
    /// The first time since content was last stored completely.
    pub since: Timestamp,
    /// The bytes that are used, the free bytes of the disk, or the rows in quarantine.
    pub found: u64,
    pub allowed: u64,
    /// The rows that the last run beyond it left out.
    #[serde(default)]
    pub rows: u64,
    /// The bytes that the smallest of them takes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u64>,
}

impl OutOfRoom {
    #[must_use]
    pub const fn new(limit: RoomLimit, found: u64, allowed: u64) -> Self {
        Self { limit, since: Timestamp::MIN, found, allowed, rows: 0, needed: None }
    }

    /// Returns true if the limit was changed, or a sixteenth of it became free, since it left content out.
    #[must_use]
    pub fn is_lifted(&self, found: u64, allowed: u64) -> bool {
        let is_wider = |before: u64, now: u64| match self.limit {
            RoomLimit::Disk => now < before,
            _ => now > before,
        };
        let before = self.room(self.found, self.allowed);
        is_wider(self.allowed, allowed)
            || self.room(found, allowed) > before.saturating_add(self.allowed / 16)
    }

    /// Returns the bytes that are left.
    const fn room(&self, found: u64, allowed: u64) -> u64 {
        match self.limit {
            RoomLimit::Disk => found.saturating_sub(allowed),
            _ => allowed.saturating_sub(found),
        }
    }

    /// Returns it with the bytes that are stored now: those of the upstream, and those of all.
    #[must_use]
    pub fn with_stored(self, of_upstream: u64, of_all: u64) -> Self {
        let found = match self.limit {
            RoomLimit::Upstream => of_upstream,
            RoomLimit::All => of_all,
            RoomLimit::Disk | RoomLimit::Quarantine => self.found,
        };
        Self { found, ..self }
    }

    /// Returns the bytes that were found, and those that a row would need, in words.
    #[must_use]
    pub fn found(&self) -> String {
        let bytes = Bytes(self.found);
        let found = match self.limit {
            RoomLimit::Upstream => format!("{bytes} of content are stored"),
            RoomLimit::All => format!("{bytes} of content of all upstreams are stored"),
            RoomLimit::Disk => format!("{bytes} of the disk are free"),
            RoomLimit::Quarantine => format!("{} rows are in quarantine", self.found),
        };
        let needed = self.needed.map(|needed| {
            let (needed, left) = (Bytes(needed), Bytes(self.room(self.found, self.allowed)));
            format!(
                ", and the smallest row that was left out needs up to {needed} where {left} are left"
            )
        });
        found + &needed.unwrap_or_default()
    }

    /// Returns the number of rows that the last run beyond the limit left out, in words.
    #[must_use]
    pub fn left_out(&self) -> String {
        match self.rows {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        }
    }

    /// Returns the limit, in words, with its setting.
    #[must_use]
    pub fn allowed(&self) -> String {
        let bytes = Bytes(self.allowed);
        match self.limit {
            RoomLimit::Upstream | RoomLimit::All => format!("{bytes} ({})", self.limit),
            RoomLimit::Disk => format!("at least {bytes} ({})", self.limit),
            RoomLimit::Quarantine => format!("{} rows", self.allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::same(RoomLimit::Upstream, 1_600, 1_600, false)]
    #[case::little_was_deleted(RoomLimit::Upstream, 1_500, 1_600, false)]
    #[case::much_was_deleted(RoomLimit::Upstream, 1_499, 1_600, true)]
    #[case::raised(RoomLimit::All, 1_600, 1_700, true)]
    #[case::lowered(RoomLimit::All, 1_600, 1_500, false)]
    #[case::disk_with_a_little_room(RoomLimit::Disk, 1_700, 1_600, false)]
    #[case::disk_with_room(RoomLimit::Disk, 1_701, 1_600, true)]
    #[case::disk_with_another_limit(RoomLimit::Disk, 1_600, 0, true)]
    #[case::disk_with_a_stricter_limit(RoomLimit::Disk, 1_600, 2_000, false)]
    fn limit_is_lifted_by_a_setting_or_by_room(
        #[case] limit: RoomLimit,
        #[case] found: u64,
        #[case] allowed: u64,
        #[case] wanted: bool,
    ) {
        let reached = OutOfRoom::new(limit, 1_600, 1_600);
        assert_eq!(reached.is_lifted(found, allowed), wanted);
    }

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
            let reached = OutOfRoom::new(limit, found, allowed);
            assert_eq!(format!("{}; {}", reached.found(), reached.allowed()), words);
        }
    }

    /// Less is stored than allowed, and still a row was left out: the figures have to say why.
    #[test]
    fn figures_are_those_after_the_run_with_what_the_next_row_needs() {
        let before = OutOfRoom::new(RoomLimit::Upstream, 0, 1024);
        let reached = OutOfRoom { needed: Some(400), rows: 1, ..before }.with_stored(912, 5_000);
        let words = "912 bytes of content are stored, and the smallest row that was left out needs up to 400 bytes where 112 bytes are left";
        assert_eq!((reached.found().as_str(), reached.left_out().as_str()), (words, "1 row"));
        let all = OutOfRoom::new(RoomLimit::All, 0, 1024).with_stored(912, 5_000);
        assert_eq!(all.found, 5_000);
        let disk = OutOfRoom::new(RoomLimit::Disk, 7, 1024).with_stored(912, 5_000);
        assert_eq!(disk.found, 7);
    }
}
