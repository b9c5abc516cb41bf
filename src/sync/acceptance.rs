//! The state of an upstream after a run: accepted, partly on hold, or without the content that found no room.

use std::time::Duration;

use super::backdated::backdated_before;
use super::room::OutOfRoom;
use super::run::{SyncKind, SyncRun, UpstreamState};
use crate::model::Timestamp;

impl UpstreamState {
    /// Returns the state after `run` was accepted.
    #[must_use]
    pub fn accepted(&self, run: &SyncRun, now: Timestamp, overlap: Duration) -> Self {
        let start = run.upstream_time.or(self.newest_updated_at).map(|at| at.minus(overlap));
        let watermark = match run.kind {
            // A full sync has seen every row, so it corrects a watermark from a wrong clock.
            SyncKind::Full => start,
            // It asked for what came after a time that upstream has not reached: a clock was wrong, and a full sync follows.
            SyncKind::Incremental { since } if run.upstream_time.is_some_and(|at| at < since) => {
                None
            }
            SyncKind::Incremental { .. } => self.watermark.max(start),
        };
        Self {
            url: self.url.clone(),
            internal: self.internal,
            withdrawn: self.withdrawn,
            epoch: match run.kind {
                SyncKind::Full => self.epoch.after_full(run.begun, run.epoch.as_ref(), now),
                SyncKind::Incremental { .. } => self.epoch.after_incremental(run.epoch.as_ref()),
            },
            clock_ahead: run.clock_ahead,
            from_future: run.from_future,
            over_limit: match run.kind {
                SyncKind::Full => run.over_limit.clone(),
                SyncKind::Incremental { .. } => &self.over_limit | &run.over_limit,
            },
            crowded: match run.kind {
                SyncKind::Full => run.crowded.clone(),
                SyncKind::Incremental { .. } => &self.crowded | &run.crowded,
            },
            backdated: self.backdated.clone(),
            released_rewinds: self.released_rewinds,
            refused: match run.kind {
                SyncKind::Full => self.refused,
                SyncKind::Incremental { .. } => None,
            },
            on_hold: self.on_hold.clone(),
            bytes: self.bytes,
            out_of_room: match run.kind {
                SyncKind::Full => run.quarantine_full,
                SyncKind::Incremental { .. } => self.out_of_room.or(run.quarantine_full),
            },
            left_out: match run.kind {
                SyncKind::Full => false,
                SyncKind::Incremental { .. } => self.left_out,
            },
            first_attempt: self.first_attempt,
            last_attempt: self.last_attempt,
            last_success: Some(now),
            first_full_sync: self.first_full_sync.or(match run.kind {
                SyncKind::Full => Some(now),
                SyncKind::Incremental { .. } => None,
            }),
            last_full_sync: match run.kind {
                SyncKind::Full => Some(now),
                SyncKind::Incremental { .. } => self.last_full_sync,
            },
            first_full_run: self.first_full_run.or(match run.kind {
                SyncKind::Full => Some(now),
                SyncKind::Incremental { .. } => None,
            }),
            last_full_run: self.last_full_run,
            last_failure: None,
            watermark,
            newest_updated_at: self.newest_updated_at.max(run.newest_updated_at),
            newest_of_full_sync: match run.kind {
                SyncKind::Full => run.newest_not_deleted.or(self.newest_of_full_sync),
                SyncKind::Incremental { .. } => self.newest_of_full_sync,
            },
            run: None,
        }
    }

    /// Returns the state after a run with changes on hold. The watermark stays, so that these rows are
    /// read again; with all of the run on hold, nothing was accepted.
    #[must_use]
    pub fn partly_accepted(&self, accepted: Self, all_on_hold: bool) -> Self {
        let last_full_run = accepted.last_full_sync.max(accepted.last_full_run);
        if all_on_hold {
            let epoch = accepted.epoch;
            Self { last_full_run, epoch, last_failure: None, run: None, ..self.clone() }
        } else {
            Self { watermark: self.watermark, ..accepted }
        }
    }

    /// Returns the state after a run that a limit left content out of. It counts as any other, and a full sync brings
    /// what is still to come; until then a first sync has not ended. Without a limit the reserve of the disk was used up,
    /// and the run is repeated.
    #[must_use]
    pub fn without_content(&self, accepted: Self, limit: Option<OutOfRoom>) -> Self {
        let last_full_run = accepted.last_full_sync.max(accepted.last_full_run);
        let accepted = Self {
            last_success: self.last_success,
            first_full_sync: self.first_full_sync,
            last_full_sync: self.last_full_sync,
            out_of_room: limit,
            ..accepted
        };
        if limit.is_some() {
            return Self { last_full_run, ..accepted };
        }
        Self {
            left_out: true,
            watermark: self.watermark,
            newest_updated_at: self.newest_updated_at,
            newest_of_full_sync: self.newest_of_full_sync,
            epoch: self.epoch.clone(),
            ..accepted
        }
    }

    /// Returns the date before which new content is backdated. What a limit left out is no news when it comes.
    #[must_use]
    pub fn backdated_before(&self) -> Option<Timestamp> {
        let known = self.watermark.filter(|_| self.last_full_sync.is_some())?;
        backdated_before(Some(self.out_of_room.map_or(known, |limit| known.min(limit.since))))
    }
}
