//! Entries as upstreams sent them: heads, contents, quarantine, and the heads of purged entries.

mod contents;
mod facts;
mod heads;
mod live;
mod purged;
mod quarantine;

pub use facts::FactsCursor;
pub(super) use facts::owe_facts;
pub use heads::StoredHead;
pub(super) use live::Live;
pub use purged::PurgedPruning;
pub use quarantine::QuarantinedRow;
