//! Delivers notices about alerts to webhooks.
//!
//! What is to be delivered, and when, is in the store: a restart goes on where it was.

mod lane;
mod post;
mod webhooks;

pub(super) use post::Notify;
pub use webhooks::open_webhooks;
