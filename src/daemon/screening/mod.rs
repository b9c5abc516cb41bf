//! Compares names of other parties with what is protected, and raises alerts about lookalikes.
//!
//! # What is kept
//! In memory: the index of what is protected, the frequent names, and what each name resembles.
//! The [`Screening`](crate::curation::Screening) is the part of it that gates read, a watched
//! value.
//!
//! # How it changes
//! A name that comes or changes is compared within about a second. When something else is
//! protected, the screening starts empty: nothing counts as compared, a wildcard admits nothing
//! new, and what is visible stays, until everything was compared again. While an upstream may
//! still claim names for the first time it is not known which names are frequent: only names that
//! a wildcard may admit are compared, and no alert is raised.
//!
//! # What a crash leaves
//! Alerts and acknowledgements, which are stored. The rest is computed again at each start.
//!
//! # Who reads it
//! Publish follows the value and evaluates names that were withheld when something else is known
//! of them; `explain` and `list` use it, or compare by themselves where no daemon runs
//! (`offline`). Verification takes the names that resemble something, and looks them up before the
//! rest.
//!
//! # Why one publisher cannot vote
//! A leaf that many namespaces use is suppressed, so a publisher with many accounts could make a
//! name frequent. Names that are new do not count, and an alert that was raised does not end
//! because its subject became frequent.

mod alerts;
mod comparer;
mod external;
mod handle;
mod offline;
mod protected;
mod service;
mod state;

pub(super) use external::{external_names, is_external};
pub(super) use handle::ScreeningHandle;
pub use offline::{Lookalike, Screenings, lookalikes_of};
pub(super) use service::{Inputs, screen};
