use serde::{Deserialize, Serialize};

use super::room::OutOfRoom;
use super::run::{SyncKind, SyncRun, UpstreamState};
use super::{Tally, short_id};
use crate::model::Timestamp;

/// The result of a finished sync run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    pub upstream: String,
    pub kind: SyncKind,
    pub dry_run: bool,
    pub pages: u64,
    /// The rows that were read.
    #[serde(default)]
    pub rows: u64,
    /// The rows by what was applied of them, or would be applied without limits in a dry run.
    #[serde(flatten)]
    pub tally: Tally,
    /// The safety limits that it exceeded, so that a part of it is on hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on_hold: Vec<String>,
    #[serde(default)]
    pub not_applied: NotApplied,
    /// When the next run has to be a full sync.
    #[serde(skip)]
    pub full_sync_at: Option<Timestamp>,
}

/// The changes that upstream sends and that were not applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotApplied {
    /// The changes on hold after the run, missing entries included.
    pub waiting: u64,
    /// The id of the change set on hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// The rows that a person discarded before, and that upstream sends again.
    pub discarded: u64,
    /// The limit that keeps content out, with the rows that the last run beyond it left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_room: Option<OutOfRoom>,
}

impl NotApplied {
    /// Returns what a run left, after which the upstream has this state.
    #[must_use]
    pub fn of(state: &UpstreamState, discarded: u64, out_of_room: Option<OutOfRoom>) -> Self {
        let set = state.on_hold.as_ref();
        Self {
            waiting: set.map_or(0, |set| set.rows),
            set: set.map(|set| short_id(set.shown)),
            discarded,
            out_of_room,
        }
    }
}

impl SyncRun {
    #[must_use]
    pub fn report(&self, upstream: &str, dry_run: bool) -> RunReport {
        RunReport {
            upstream: upstream.to_owned(),
            kind: self.kind,
            dry_run,
            pages: self.pages,
            rows: self.tally.rows(),
            tally: self.tally,
            on_hold: Vec::new(),
            not_applied: NotApplied::default(),
            full_sync_at: None,
        }
    }
}
