use serde::{Deserialize, Serialize};

use crate::model::Instant;
use crate::sync::{PassKind, PassState, Tally};

/// How far a running pass has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    pub kind: PassKind,
    pub begun: Instant,
    pub pages: u64,
    pub rows: u64,
    #[serde(flatten)]
    pub tally: Tally,
}

impl Activity {
    pub(super) fn of(pass: &PassState) -> Self {
        let PassState { kind, begun, pages, tally, .. } = pass;
        Self { kind: *kind, begun: *begun, pages: *pages, rows: tally.rows(), tally: *tally }
    }
}
