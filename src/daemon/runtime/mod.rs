//! The ground that every service stands on: the clock, the gateway for blocking work, feeds of
//! names, alerts, and the supervision of loops. It knows no service.

mod alerts;
mod backoff;
mod blocking;
mod clock;
mod feed;
mod supervise;

pub(super) use alerts::observe;
pub(crate) use blocking::try_blocking;
pub(super) use blocking::{blocking, run_on_own_thread};
pub use clock::Clock;
pub(super) use feed::Feed;
pub(super) use supervise::{Supervisor, loop_source};
