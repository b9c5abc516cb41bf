//! Delivers notices about alerts to webhooks.
//!
//! # What is kept
//! In the store: receivers, what is still to be delivered and when, what was given up. In memory:
//! for each lane of a receiver what was read and is due, and how often it failed.
//!
//! # How it changes
//! A notice is stored in the transaction that changes its alert. Each receiver has two lanes, one
//! for what is served; `lane` decides purely what is next and how long a lane rests.
//!
//! # What a crash leaves
//! A notice goes when it was taken, so one that was taken and not noted is sent again under the
//! same id.
//!
//! # Who reads it
//! Nothing else: `status` and `alerts undelivered` read the store.

mod lane;
mod post;
mod webhooks;

pub(super) use post::Notify;
pub use webhooks::open_webhooks;
