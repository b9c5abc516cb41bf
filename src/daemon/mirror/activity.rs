use serde::{Deserialize, Serialize};

use crate::model::Timestamp;
use crate::sync::{SyncKind, SyncRun, Tally};

/// The progress of the sync run under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub kind: SyncKind,
    pub begun: Timestamp,
    pub pages: u64,
    pub rows: u64,
    #[serde(flatten)]
    pub tally: Tally,
}

impl Activity {
    #[must_use]
    pub fn of(run: &SyncRun) -> Self {
        let SyncRun { kind, begun, pages, tally, .. } = run;
        Self { kind: *kind, begun: *begun, pages: *pages, rows: tally.rows(), tally: *tally }
    }
}
