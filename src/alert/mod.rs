//! What a person should look at: raised once, updated while it lasts, closed when it is over.
//!
//! An alert is a condition, not an event. Whoever watches something (a *source*, such as one
//! upstream or the overlays) says at each look all that is the case now, and [`reconcile`] turns
//! that into the alerts to store. So an alert cannot be forgotten open, and a restart raises
//! nothing twice.
//!
//! # Identity
//! (source, kind, subject, suspect namespace). What else changes is detail of the same alert.
//!
//! # Flood
//! One publisher must not be able to bury an alert under many: at most [`MAX_OPEN`] of a source
//! are open for one suspect namespace; the rest is one alert that counts them. Alerts about what is
//! served now have a lane of their own and are never counted away.
//!
//! # Telling
//! What is worth telling of a change is a [`Notice`]; on its way to one receiver it is a [`Letter`], which is stored
//! with the alert and goes when it was taken.

mod letter;
mod notice;
mod reconcile;
mod record;

pub use letter::{Fate, Letter, RECEIVERS, Receiver, Reception, Refusal, Whose};
pub use notice::{Change, Format, Notice};
pub use reconcile::{MAX_OPEN, reconcile};
pub use record::{Alert, KINDS, Observation, State, id};

#[cfg(test)]
mod letter_tests;
#[cfg(test)]
mod tests;
