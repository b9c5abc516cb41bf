//! Building blocks for every service. This module does not depend on any service.
//!
//! - `clock`: the only clock. It never runs backwards, and is never below the newest stored timestamp. `timekeeping` keeps
//!   in the store which time was agreed with upstreams, and raises the alert about a clock that left them.
//! - `blocking`: the gateway for work that blocks.
//! - `feed`: names to process. They stay in the feed until a loop takes them, so a restarted loop
//!   finds them; a process that ends loses them, and the next start processes every name.
//! - `alerts`: stores the alerts that a source reports, and logs the changes.
//! - `text_folder`: looks at a folder of files that each stand by themselves, and keeps the last valid text of each.
//! - `descriptors` and `pressure`: the limit of open files, and what listeners notice when connections use it up.
//! - `supervise` and `backoff`: restart a failed loop, and keep its alert until it has recovered.

mod alerts;
mod backoff;
mod blocking;
mod bounded;
mod clock;
mod descriptors;
mod feed;
mod pressure;
mod supervise;
mod text_folder;
mod timekeeping;

pub(super) use alerts::{report_alerts, revocation};
pub(super) use backoff::wait_after;
pub(crate) use blocking::try_blocking;
pub(super) use blocking::{blocking, run_on_own_thread, start_threads};
pub(crate) use bounded::{Bounded, late};
pub use clock::{Clock, ClockNotAccepted, ClockReport, Shift};
pub use descriptors::{descriptors_within_reach, fitting_connections, raise_descriptors};
pub(super) use feed::Feed;
pub use pressure::Pressure;
pub(super) use pressure::report_pressure;
pub(super) use supervise::{Supervisor, loop_source};
pub(super) use text_folder::{
    files_with_errors, is_absent, readable, unreadable_files, watch_folder,
};
pub(super) use timekeeping::accept_clock;
pub(super) use timekeeping::keep_time;
