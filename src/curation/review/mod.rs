//! The parts of a review sheet that are decided from an evaluation: the versions that it shows, the six areas that a
//! person has to check, and the digest of everything that a decision covers.

mod areas;
mod choice;
mod seen;

pub use areas::{Area, AreaFact, AreaReport};
pub use choice::{Choice, MAX_KEPT, MAX_SHOWN, Reference, ReferenceOrigin, TooManyVersions};
pub use seen::{AlertItems, Seen};
