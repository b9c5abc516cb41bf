//! The history of what was decided and served: events, the rules that they name, and the state at an earlier time.
//!
//! An event says what changed, from what to what, and why. The state at an earlier time follows from the present one
//! and the events since then, which are undone one by one; so old events can be forgotten without losing what was
//! served since before them.

mod event;
mod rewind;
mod rule;

pub use event::{
    AcknowledgementChange, Cause, Change, ClockChange, Effect, EntryChange, Event, HoldChange,
    HoldStep, PolicyLoad, VerdictChange,
};
pub use rewind::{EntryKey, Served};
pub use rule::{RuleDigests, RuleRecord};

#[cfg(test)]
mod tests;
