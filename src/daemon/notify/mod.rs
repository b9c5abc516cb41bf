//! Delivers notices about alerts to webhooks.
//!
//! # What is kept
//! In the store: recipients, pending deliveries with their due times, dead letters. In memory, for
//! each lane of a recipient: the due deliveries that were read, and the number of failures.
//!
//! # How it changes
//! A notice is stored in the transaction that changes its alert. Each recipient has two lanes, one
//! for what is served; `lane` is pure and decides which delivery is next and how long a lane rests.
//!
//! # What a crash leaves
//! A notice is removed once its delivery is recorded, so one that was delivered and not recorded is
//! sent again under the same id.
//!
//! # Readers
//! None: `status` and `alerts dead-letters` read the store.

mod deliver;
mod lane;
mod webhooks;

pub(super) use deliver::Notify;
pub use webhooks::open_webhooks;
