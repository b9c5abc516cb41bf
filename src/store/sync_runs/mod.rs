//! Sync runs of an upstream: its state, rows that are staged or on hold, and acceptance.

mod accept;
mod batch;
mod on_hold;
mod recent;
mod room;
mod staged;
mod state;

pub use accept::{Acceptance, Hold};
pub use batch::{Batch, Destination, Seen};
pub use on_hold::missing_digest;
pub use staged::{SeenRows, StagedKind, StagedRow};
