//! Reading an upstream: its state, rows that are staged or held, and acceptance.

mod accept;
mod batch;
mod held;
mod staged;
mod state;

pub use accept::{Acceptance, Hold};
pub use batch::{Batch, Destination, Seen};
pub use staged::{SeenRows, StagedKind, StagedRow};
