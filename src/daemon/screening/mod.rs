//! Compares names of other parties with what is protected, and raises alerts about lookalikes.
//!
//! # State
//! In memory: the screening index, the frequent names, the matches of each name, and the names that were not compared
//! completely. The [`Screening`](crate::curation::Screening) is the part that gates read, a watched value.
//!
//! # Changes
//! A new or changed name is compared within about a second. When the protected subjects change,
//! the screening starts empty: no name counts as compared, a wildcard admits nothing new, and
//! visible entries stay visible, until all names were compared again. While an upstream may still
//! claim names for the first time, its names do not count as frequent. Of names that only such
//! upstreams list, those that a wildcard may admit are compared, and no alert is raised; the names
//! of other upstreams are compared and reported.
//!
//! # What was not compared
//! A content that is damaged or exceeds a limit does not count as compared, so a wildcard does not
//! admit it. No alert ends because of such a name: what is stored about it stays.
//!
//! # After a crash
//! Alerts and acknowledgements are stored. The rest is computed at each start.
//!
//! # Readers
//! Publish follows the value, and evaluates withheld names again when their screening changes;
//! `explain` and `list` use it, or compare by themselves where no daemon runs (`offline`).
//! Verification takes the names that resemble something, and looks them up before the rest.
//!
//! # Why one publisher cannot make a name frequent
//! A leaf that many namespaces use is suppressed, so a publisher with many accounts could make a
//! name frequent. So names do not count before they were known for a while, whatever date they
//! state, and a raised alert is not resolved because its subject became frequent.

mod alerts;
mod comparer;
mod external;
mod handle;
mod offline;
mod protected;
mod service;
mod state;

#[cfg(test)]
mod service_tests;

pub(super) use external::{external_names, is_external};
pub(super) use handle::ScreeningHandle;
pub use offline::{Lookalike, Screenings, lookalikes_of};
#[cfg(test)]
pub(super) use service::drive_tests::ScreeningDrive;
pub(super) use service::{Inputs, screen};
