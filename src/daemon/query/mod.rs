//! Answers questions about the store and the daemon: lists, explanations, status.
//!
//! It keeps nothing. Every function reads one snapshot of the store, and takes policy, screening
//! and time as arguments: from the services where a daemon runs, from files and a comparison on
//! demand where a command opens the store itself. A decision is never assembled here: [`evaluate`]
//! makes it for both.
//!
//! [`evaluate`]: crate::curation::evaluate

mod explain;
mod inventory;
mod list;
mod status;

pub use explain::explain_name;
pub use inventory::{QuarantineReport, known_names, quarantine};
pub use list::{Listed, list};
pub use status::{StatusReport, UpstreamReport, WebhookReport, status};
