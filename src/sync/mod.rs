//! How an upstream is followed: pure decisions about pages, passes and changes.
//!
//! A *pass* is one reading of an upstream: a complete walk, or an increment from the watermark.
//! The driver in `daemon` fetches and commits; here it is decided what a page holds, whether the
//! next cursor may be followed, what a row changes, and where the next increment starts. The
//! records that the store keeps of it ([`UpstreamState`], [`PassState`]) are defined here too.
//!
//! # Watermark
//! It follows upstream's clock, never ours: the `Date` of the first page of the accepted pass
//! (without one, the newest `updatedAt` known before the pass), less an overlap. A row that
//! changes behind a moving cursor is newer than that, so the next increment reads it again.

mod absence;
mod change;
mod drift;
mod files;
mod page;
mod pass;
mod rails;
mod rewrite;
mod source;
mod walk;

pub use absence::{Absence, Miss};
pub use change::{Change, Kind, NameSize, OVER_LIMIT, Row, Tally, change};
pub use drift::changed_members;
pub use files::completed;
pub use page::{PageFault, RawPage};
pub use pass::{Failure, Held, PassKind, PassReport, PassState, UpstreamState};
pub use rails::{Names, PassFacts, Rail, Rails, Trip, judge};
pub use rewrite::{Arrival, NEVER_SENT, Placement, Rewrite, deleted, place, rewrite};
pub use source::{FetchFailure, FetchedPage, PageRequest, PageSource};
pub use walk::{MAX_ROWS, Walk, WalkFault};
