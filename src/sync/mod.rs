//! Decides how an upstream is followed: pure functions over pages, sync runs and changes.
//!
//! A *sync run* is one reading of an upstream: a *full sync*, or an *incremental sync* from the
//! watermark. The driver in `daemon` fetches and commits; this module decides what a page contains,
//! whether the next cursor may be followed, what a row changes, and where the next incremental sync
//! starts. It also defines the records that the store keeps ([`UpstreamState`], [`SyncRun`]).
//!
//! # Watermark
//! The watermark follows upstream's clock, never ours: the `Date` of the first page of the accepted
//! run (without one, the newest `updatedAt` known before the run), less an overlap. A row that
//! changes behind a moving cursor is newer than that, so the next incremental sync reads it again.

mod absence;
mod acceptance;
mod backdated;
mod change;
mod change_set;
mod clocks;
mod epoch;
mod exceeded;
mod files;
mod over_time;
mod page;
mod page_end;
mod pagination;
mod recent;
mod refused;
mod report;
mod rewrite;
mod room;
mod run;
mod safety_limits;
mod source;

pub use absence::{Absence, Miss};
pub use backdated::{Backdated, BackdatedRun};
pub use change::{Change, Kind, NameSize, OVER_LIMIT, Row, Tally, change};
pub use change_set::{
    ChangeOnHold, ChangeSet, DecisionRecord, DecisionRequest, DiscardNote, DiscardedChange, Effect,
    HoldDecision, HoldHistory, NotDecided, short_id, shown,
};
pub use clocks::{AcceptedClock, Agreement, ClockRecord, Clocks, MAX_SKEW, Reading, exceeds};
pub use epoch::{Epoch, EpochState};
pub use exceeded::{ExceededLimit, Measure, Measured, NamesMeasure, SafetyLimit};
pub use files::completed;
pub use page::{PageError, RawPage};
pub use page_end::{MemberPlace, SignOfMore};
pub use pagination::{MAX_ROWS, Pagination, PaginationError};
pub use recent::{ChangeKind, NamesBefore, PartyOf, RecentChanges, RunChanges, Window};
pub use refused::Refused;
pub use report::{NotApplied, RunReport};
pub use rewrite::{Arrival, FirstAcceptance, Placement, Rewrite, deleted, place, rewrite};
pub use room::{DiskLimits, MAX_QUARANTINED, MAX_UPSTREAM_SIZE, OutOfRoom};
pub use run::{Failure, LONGEST_FIRST_SYNC, SyncKind, SyncRun, UpstreamState};
pub use safety_limits::{Names, RunFacts, SafetyLimits, judge};
pub use source::{FetchFailure, FetchedPage, PageRequest, PageSource, PagingHeaders};
