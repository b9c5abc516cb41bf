//! The parts of a review that are decided from an evaluation: the versions that wait for a reviewer, the versions that a
//! review sheet shows, the six areas that a person has to check, and the digest of everything that a decision covers.

mod areas;
mod choice;
mod queue;
mod seen;
mod supposed;

pub use areas::{AreaFact, AreaReport};
pub use choice::{Choice, MAX_KEPT, MAX_SHOWN, Reference, ReferenceOrigin, TooManyVersions};
pub use queue::{Waiting, WaitingKind};
pub use seen::{AlertItems, Seen};
pub use supposed::IfApproved;
