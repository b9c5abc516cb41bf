//! The ground that every service stands on. It knows no service.
//!
//! - `clock`: the only clock. It never runs backwards, and never stands below what was stored.
//! - `blocking`: the gateway for work that blocks.
//! - `feed`: names to look at. They stay in the feed until a loop takes them, so a loop that is
//!   started again finds them; a process that ends loses them, and a start looks at everything.
//! - `alerts`: stores what a source observes, and logs what is new.
//! - `supervise` and `backoff`: start a loop again that failed, and keep its alert until it has
//!   recovered.

mod alerts;
mod backoff;
mod blocking;
mod clock;
mod feed;
mod supervise;

pub(super) use alerts::{observe, refutation};
pub(crate) use blocking::try_blocking;
pub(super) use blocking::{blocking, run_on_own_thread};
pub use clock::Clock;
pub(super) use feed::Feed;
pub(super) use supervise::{Supervisor, loop_source};
