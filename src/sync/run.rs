use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backdated::{Backdated, BackdatedRun, remember};
use super::refused::{Refused, is_definite_refusal};
use super::room::OutOfRoom;
use super::source::{FetchFailure, FetchedPage};
use super::{ChangeSet, Epoch, EpochState, Tally};
use crate::model::{FailureClass, Status, Timestamp};

/// The rest of a first sync counts by its own dates for this long.
const OWN_DATES_COUNT_FOR: Duration = Duration::from_hours(24);
/// The age at which an interrupted run begins again.
const LONGEST_RUN: Duration = Duration::from_hours(24);
/// The failures in a row at one cursor after which a run begins again.
const MOST_FAILURES: u32 = 3;
/// A first sync takes minutes; this long after its first attempt nothing waits for its end, and its runs are judged.
pub const LONGEST_FIRST_SYNC: Duration = Duration::from_hours(3);

/// The stored state of an upstream between sync runs, and of a run between batches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpstreamState {
    /// The root URL that this state belongs to; another URL under the same id is another registry.
    #[serde(default)]
    pub url: Option<String>,
    /// True if the upstream belonged to the organisation when its last run began: its rows keep that trust when its file
    /// is removed.
    #[serde(default)]
    pub internal: bool,
    /// True if its file said `enabled = false` when it was last read: its rows stay withdrawn when the file is removed.
    #[serde(default)]
    pub withdrawn: bool,
    /// When the first sync run began, successful or not.
    #[serde(default)]
    pub first_attempt: Option<Timestamp>,
    /// When a sync run last began, successful or not.
    pub last_attempt: Option<Timestamp>,
    /// When a sync run was last accepted.
    pub last_success: Option<Timestamp>,
    /// When a full sync was first accepted: content that is new afterwards counts from its acceptance. It stays when
    /// the URL changes, so that no new definition lets old dates count.
    #[serde(default)]
    pub first_full_sync: Option<Timestamp>,
    /// When a full run first ended, also if a limit left something out of it.
    #[serde(default)]
    pub first_full_run: Option<Timestamp>,
    /// When a full sync was last accepted; until the first, batches are accepted as they come.
    pub last_full_sync: Option<Timestamp>,
    /// When a full sync last ended without being accepted completely: put on hold as a whole, or beyond a limit.
    #[serde(default)]
    pub last_full_run: Option<Timestamp>,
    pub last_failure: Option<Failure>,
    /// Start of the next incremental sync, in upstream's time.
    pub watermark: Option<Timestamp>,
    /// The newest `updatedAt` among accepted rows that upstream's own clock had reached.
    pub newest_updated_at: Option<Timestamp>,
    /// The newest `updatedAt` of an entry that is not deleted, in the last accepted full sync. An
    /// incremental sync of a mirror has later times, and so has a deletion there.
    #[serde(default)]
    pub newest_of_full_sync: Option<Timestamp>,
    /// The number of older states of the upstream that persons have released.
    #[serde(default)]
    pub released_rewinds: u64,
    #[serde(default)]
    pub epoch: EpochState,
    /// Seconds by which upstream's clock was ahead of ours at the first page of the last run.
    #[serde(default)]
    pub clock_ahead: Option<i64>,
    /// Rows of the last run with an `updatedAt` beyond upstream's own clock.
    #[serde(default)]
    pub from_future: u64,
    /// Names with more versions or bytes than are kept, as of the last full sync.
    #[serde(default)]
    pub over_limit: BTreeSet<String>,
    /// Namespaces of which rows found no room in quarantine, as of the last full sync: names there may belong to the
    /// upstream though no row says so.
    #[serde(default)]
    pub crowded: BTreeSet<String>,
    /// The runs of the last 30 days that brought backdated content, oldest first.
    #[serde(default)]
    pub backdated: Vec<BackdatedRun>,
    /// The refusals of incremental syncs.
    #[serde(default)]
    pub refused: Option<Refused>,
    /// The change set on hold.
    #[serde(default)]
    pub on_hold: Option<ChangeSet>,
    /// The bytes of its rows, changed in the commits that change the rows; `None` in a state of an earlier release.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// The limit that left content out since the last full sync that stored everything.
    #[serde(default)]
    pub out_of_room: Option<OutOfRoom>,
    /// True if the last run left content out that no limit names, since the reserve of the disk was used up.
    #[serde(default)]
    pub left_out: bool,
    /// The unfinished run; after a restart it resumes from its cursor.
    pub run: Option<SyncRun>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub at: Timestamp,
    pub class: FailureClass,
    /// The failure with its causes, for people.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncKind {
    /// Every row, deleted ones included.
    Full,
    /// Only the changes since the watermark.
    Incremental { since: Timestamp },
}

impl SyncKind {
    /// Returns the kind as people read it.
    #[must_use]
    pub const fn words(&self) -> &'static str {
        match self {
            Self::Full => "full sync",
            Self::Incremental { .. } => "incremental sync",
        }
    }
}

/// The progress of a sync run; committed with the rows it covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRun {
    pub kind: SyncKind,
    pub begun: Timestamp,
    /// The page to fetch next; `None` before the first.
    pub cursor: Option<String>,
    /// The failures in a row at this cursor.
    #[serde(default)]
    failures: u32,
    /// Upstream's time at the first page.
    pub upstream_time: Option<Timestamp>,
    /// Upstream's time at the page that is being read: a run of a live registry sees rows that are newer than its first
    /// page.
    #[serde(skip)]
    page_time: Option<Timestamp>,
    /// Seconds by which its first page was ahead of our clock when it arrived.
    #[serde(default)]
    pub clock_ahead: Option<i64>,
    /// The epoch of its pages.
    #[serde(default)]
    pub epoch: Option<Epoch>,
    /// The newest `updatedAt` among its rows that upstream's clock had reached.
    pub newest_updated_at: Option<Timestamp>,
    /// The same among its rows that are not deleted.
    #[serde(default)]
    pub newest_not_deleted: Option<Timestamp>,
    /// Names with more versions or bytes than are kept.
    #[serde(default)]
    pub over_limit: BTreeSet<String>,
    /// Namespaces of which rows found no room in quarantine.
    #[serde(default)]
    pub crowded: BTreeSet<String>,
    /// The limit of the quarantine, if it left rows out. They were seen, so that the run counts as any other.
    #[serde(default)]
    pub quarantine_full: Option<OutOfRoom>,
    /// True if the last page was read, so that only acceptance is left.
    #[serde(default)]
    pub all_read: bool,
    /// True if new content was left out, since there was no room for it.
    #[serde(default)]
    pub left_out: bool,
    /// True if a part of the upstream could not be read: the run counts no absence.
    #[serde(default)]
    pub is_partial: bool,
    /// Rows with an `updatedAt` beyond upstream's own clock.
    #[serde(default)]
    pub from_future: u64,
    pub pages: u64,
    pub tally: Tally,
}

impl UpstreamState {
    /// Returns the state of the registry at `url`: a new one if the id belonged to another registry.
    #[must_use]
    pub fn of_source(self, url: &str) -> Self {
        match &self.url {
            Some(known) if known != url => Self {
                url: Some(url.to_owned()),
                internal: self.internal,
                first_full_sync: self.first_full_sync,
                first_full_run: self.first_full_run,
                ..Self::default()
            },
            _ => Self { url: Some(url.to_owned()), ..self },
        }
    }

    /// Returns the next run: the interrupted one, unless another kind is due or it is older than a day: a registry may
    /// have forgotten its cursor. A full sync is due if it
    /// is requested, none was ever accepted, the last is too old, it is the second one after another
    /// epoch, or the registry refuses incremental syncs; otherwise an incremental sync is.
    #[must_use]
    pub fn next_run(&self, now: Timestamp, full: bool, full_sync_every: Duration) -> SyncRun {
        let last = self.last_full_sync.max(self.last_full_run);
        let due = last.is_none_or(|last| now.since(last) >= full_sync_every)
            || self.epoch.second_at().is_some_and(|at| now >= at)
            || self.refused.is_some_and(|refused| refused.is_final(now, full_sync_every));
        let kind = match self.watermark {
            Some(since) if !full && !due => SyncKind::Incremental { since },
            _ => SyncKind::Full,
        };
        match &self.run {
            Some(run) if run.kind == kind && now.since(run.begun) < LONGEST_RUN => run.clone(),
            _ => SyncRun::new(kind, now),
        }
    }

    /// Counts a failure of the run that was under way at its present cursor, which may be the cause; after a few in a row
    /// the run begins again. That there was no connection says nothing of a cursor.
    pub fn count_failure(&mut self) {
        let Some(run) = self.run.as_mut().filter(|run| run.cursor.is_some()) else { return };
        run.failures += 1;
        if run.failures >= MOST_FAILURES {
            self.run = None;
        }
    }

    /// Makes a released older state of the upstream the current one; `newest` is its newest update. A state that is older
    /// still is none that the person saw.
    pub fn release_rewind(&mut self, newest: Option<Timestamp>) {
        self.newest_updated_at = newest;
        self.newest_of_full_sync = newest;
        self.released_rewinds += 1;
    }

    /// Remembers a refusal of the first page of the run that was under way.
    pub fn remember_refusal(&mut self, failure: &FetchFailure, now: Timestamp) {
        let is_first_page = |run: &SyncRun| {
            run.cursor.is_none() && matches!(run.kind, SyncKind::Incremental { .. })
        };
        if self.run.as_ref().is_some_and(is_first_page) && is_definite_refusal(failure) {
            self.refused = Some(Refused::again(self.refused, now));
        }
    }

    /// Keeps what a person decided in the stored state since this one was read: a sync run was under way.
    pub fn keep_decisions(&mut self, stored: &Self) {
        if stored.released_rewinds > self.released_rewinds {
            self.release_rewind(stored.newest_of_full_sync);
            self.released_rewinds = stored.released_rewinds;
        }
    }

    /// Remembers the backdated content of a run that is accepted now.
    pub fn remember_backdated(&mut self, found: Vec<Backdated>, now: Timestamp) {
        remember(&mut self.backdated, found, now);
    }

    /// Returns true if the rows of a run that begins now are accepted batch by batch, and not staged until it has ended: in
    /// the first full sync, whatever it left out. One that failed after rows of it were stored, or that never ends, does
    /// not keep the safety limits off.
    #[must_use]
    pub fn accepts_batches(&self, now: Timestamp, has_rows: bool) -> bool {
        let is_late = self.first_attempt.is_some_and(|at| now.since(at) >= LONGEST_FIRST_SYNC);
        let goes_on = !has_rows || !(is_late || self.last_failure.is_some());
        self.last_full_sync.is_none() && self.last_full_run.is_none() && goes_on
    }

    /// Returns true if content that comes now counts by the date that it states. What a first sync left out does so for a
    /// day: after that nothing tells it from what was published meanwhile.
    #[must_use]
    pub fn is_in_first_sync(&self, now: Timestamp) -> bool {
        let is_recent = |ended: Timestamp| now.since(ended) < OWN_DATES_COUNT_FOR;
        self.first_full_sync.is_none() && self.first_full_run.is_none_or(is_recent)
    }

    /// Returns true if everything that the upstream lists was stored once, and nothing was left out since.
    #[must_use]
    pub fn is_synchronised(&self) -> bool {
        let leaves_out = self.left_out || self.run.as_ref().is_some_and(|run| run.left_out);
        self.last_full_sync.is_some() && self.out_of_room.is_none() && !leaves_out
    }
}

impl SyncRun {
    #[must_use]
    pub fn new(kind: SyncKind, now: Timestamp) -> Self {
        Self {
            kind,
            begun: now,
            cursor: None,
            failures: 0,
            upstream_time: None,
            page_time: None,
            clock_ahead: None,
            epoch: None,
            newest_updated_at: None,
            newest_not_deleted: None,
            over_limit: BTreeSet::new(),
            crowded: BTreeSet::new(),
            quarantine_full: None,
            all_read: false,
            left_out: false,
            is_partial: false,
            from_future: 0,
            pages: 0,
            tally: Tally::default(),
        }
    }

    /// Returns true if every row was asked for and could be read, so that what was not seen is absent.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.kind == SyncKind::Full && !self.is_partial
    }

    /// Moves to the page after one that was read; `None` if that was the last.
    pub fn advance(&mut self, next_cursor: Option<String>) {
        self.all_read = next_cursor.is_none();
        self.cursor = next_cursor;
        self.failures = 0;
    }

    /// Records the upstream's time of a page, which arrived at `now`. Call it before the page is counted.
    pub fn saw_page(&mut self, page: &FetchedPage, now: Timestamp) {
        self.page_time = page.listed_at();
        if self.pages == 0 {
            self.upstream_time = page.listed_at();
            let ahead = |date: Timestamp| (date.as_micros() - now.as_micros()) / 1_000_000;
            self.clock_ahead = page.present().map(ahead);
        }
    }

    /// Records a row's `updatedAt`. One beyond upstream's own clock moves nothing, nor does one beyond
    /// ours where upstream shows no clock.
    pub fn saw_update(&mut self, updated_at: Timestamp, status: Status) {
        // A `Date` has whole seconds; the fraction that it drops is not the future.
        let present = self.page_time.or(self.upstream_time).unwrap_or(self.begun);
        let reached = present.plus(Duration::from_secs(1));
        if updated_at <= reached {
            self.newest_updated_at = self.newest_updated_at.max(Some(updated_at));
            if status != Status::Deleted {
                self.newest_not_deleted = self.newest_not_deleted.max(Some(updated_at));
            }
        } else {
            self.from_future += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RoomLimit;
    use crate::sync::PagingHeaders;

    const DAY: Duration = Duration::from_secs(86_400);
    const OVERLAP: Duration = Duration::from_secs(600);

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn accepted(kind: SyncKind, date: Option<&str>, state: &UpstreamState) -> UpstreamState {
        let mut run = SyncRun::new(kind, at("2026-06-01T00:00:00Z"));
        run.upstream_time = date.map(at);
        state.accepted(&run, at("2026-06-01T01:00:00Z"), OVERLAP)
    }

    fn page(date: &str, age: u64) -> FetchedPage {
        FetchedPage {
            body: bytes::Bytes::new(),
            date: Some(at(date)),
            age: Duration::from_secs(age),
            epoch: None,
            resync: false,
            paging: PagingHeaders::default(),
            is_partial: false,
        }
    }

    fn limit(since: &str) -> OutOfRoom {
        OutOfRoom { since: at(since), ..OutOfRoom::new(RoomLimit::Upstream, 9, 9) }
    }

    /// A cache answers with its own `Date`, and with the time that the page spent there.
    #[test]
    fn page_of_a_cache_is_as_old_as_its_age_says() {
        let now = at("2026-06-01T02:00:00Z");
        let mut run = SyncRun::new(SyncKind::Full, now);
        run.saw_page(&page("2026-06-01T02:00:00Z", 3_600), now);
        assert_eq!((run.upstream_time, run.clock_ahead), (Some(at("2026-06-01T01:00:00Z")), None));
        run.saw_update(at("2026-06-01T01:30:00Z"), Status::Active);
        assert_eq!(run.from_future, 1, "the page cannot know of it");
        let state = UpstreamState::default().accepted(&run, now, OVERLAP);
        assert_eq!(state.watermark, Some(at("2026-06-01T00:50:00Z")), "changes since are not lost");
        run = SyncRun::new(SyncKind::Full, now);
        run.saw_page(&page("2026-06-01T02:00:05Z", 30), now);
        assert_eq!(run.clock_ahead, Some(5));
    }

    #[test]
    fn first_sync_beyond_a_limit_has_not_ended_and_later_runs_are_judged_all_the_same() {
        let new = UpstreamState::default();
        let whole = accepted(SyncKind::Full, Some("2026-06-01T00:00:00Z"), &new);
        let state = new.without_content(whole, Some(limit("2026-06-01T00:30:00Z")));
        assert_eq!((state.first_full_sync, state.last_full_sync), (None, None));
        assert!(
            !state.accepts_batches(at("2026-06-01T01:00:00Z"), true) && !state.is_synchronised()
        );
        let ended = state.first_full_run.expect("a first run");
        assert!(state.is_in_first_sync(ended.plus(Duration::from_hours(23))));
        assert!(!state.is_in_first_sync(ended.plus(Duration::from_hours(24))), "dates are claims");
        assert_eq!(state.backdated_before(), None);
        let soon = at("2026-06-01T01:05:00Z");
        let incremental = state.next_run(soon, false, DAY).kind;
        assert!(matches!(incremental, SyncKind::Incremental { .. }), "no full sync each time");
        let later = accepted(incremental, Some("2026-06-01T01:00:00Z"), &state);
        assert_eq!(later.out_of_room, state.out_of_room, "it does not bring what was left out");
        let whole = accepted(SyncKind::Full, Some("2026-06-02T00:00:00Z"), &later);
        assert!(whole.is_synchronised() && whole.first_full_sync.is_some());
    }

    #[test]
    fn first_sync_that_fails_or_never_ends_is_judged_once_it_stored_rows() {
        let begun = UpstreamState {
            first_attempt: Some(at("2026-06-01T00:00:00Z")),
            ..UpstreamState::default()
        };
        let failure =
            Failure { at: Timestamp::MIN, class: FailureClass::Pagination, reason: "x".into() };
        let failed = UpstreamState { last_failure: Some(failure), ..begun.clone() };
        let (soon, late) = (at("2026-06-01T02:59:00Z"), at("2026-06-01T03:00:00Z"));
        assert!(begun.accepts_batches(soon, true) && failed.accepts_batches(late, false));
        assert!(!begun.accepts_batches(late, true) && !failed.accepts_batches(soon, true));
    }

    #[test]
    fn run_beyond_a_limit_counts_as_any_other_but_for_what_is_still_to_come() {
        let full =
            accepted(SyncKind::Full, Some("2026-05-30T00:00:00Z"), &UpstreamState::default());
        let before = UpstreamState { last_full_sync: Some(at("2026-05-30T00:00:00Z")), ..full };
        let due = before.next_run(at("2026-06-01T01:00:00Z"), false, DAY);
        assert_eq!(due.kind, SyncKind::Full);
        let whole = accepted(SyncKind::Full, Some("2026-06-01T00:00:00Z"), &before);
        let state = before.without_content(whole, Some(limit("2026-06-01T00:30:00Z")));
        assert_eq!(state.watermark, Some(at("2026-05-31T23:50:00Z")));
        assert_eq!(state.last_full_sync, before.last_full_sync);
        assert!(!state.is_synchronised(), "names that were left out belong to no other upstream");
        let next = state.next_run(at("2026-06-01T02:00:00Z"), false, DAY).kind;
        assert!(matches!(next, SyncKind::Incremental { .. }), "{next:?}");
        let tomorrow = state.next_run(at("2026-06-02T01:00:00Z"), false, DAY).kind;
        assert_eq!(tomorrow, SyncKind::Full);
        let months_later = UpstreamState { watermark: Some(at("2026-09-01T00:00:00Z")), ..state };
        assert_eq!(months_later.backdated_before(), Some(at("2026-05-31T23:30:00Z")));
    }

    #[test]
    fn new_upstream_gets_a_full_sync_and_then_incremental_ones() {
        let state = UpstreamState::default();
        let now = at("2026-06-01T00:00:00Z");
        assert_eq!(state.next_run(now, false, DAY).kind, SyncKind::Full);
        let state = accepted(SyncKind::Full, Some("2026-06-01T00:00:05Z"), &state);
        let since = at("2026-05-31T23:50:05Z");
        assert_eq!(state.watermark, Some(since), "upstream's time, less the overlap");
        assert_eq!(
            state.next_run(now.plus(OVERLAP), false, DAY).kind,
            SyncKind::Incremental { since }
        );
        assert_eq!(state.next_run(now, true, DAY).kind, SyncKind::Full, "requested");
        let tomorrow = at("2026-06-02T01:00:00Z");
        assert_eq!(state.next_run(tomorrow, false, DAY).kind, SyncKind::Full, "due");
    }

    #[test]
    fn watermark_ahead_of_upstreams_present_time_is_dropped_and_a_full_sync_follows() {
        let full =
            accepted(SyncKind::Full, Some("2027-06-01T00:00:00Z"), &UpstreamState::default());
        let now = at("2026-06-01T02:00:00Z");
        let SyncKind::Incremental { since } = full.next_run(now, false, DAY).kind else {
            panic!("not due")
        };
        let kind = SyncKind::Incremental { since };
        let next = accepted(kind, Some("2026-06-01T02:00:00Z"), &full);
        assert_eq!((next.watermark, next.next_run(now, false, DAY).kind), (None, SyncKind::Full));
        let unknown = accepted(kind, None, &full);
        assert_eq!(unknown.watermark, full.watermark, "without a date nothing is known");
    }

    #[test]
    fn row_that_is_newer_than_the_first_page_is_not_of_the_future() {
        let mut run = SyncRun::new(SyncKind::Full, at("2026-06-01T00:00:00Z"));
        run.saw_page(&page("2026-06-01T00:00:00Z", 0), at("2026-06-01T00:00:00Z"));
        run.pages = 1;
        run.saw_page(&page("2026-06-01T00:00:30Z", 0), at("2026-06-01T00:00:30Z"));
        run.saw_update(at("2026-06-01T00:00:29Z"), Status::Active);
        assert_eq!((run.from_future, run.newest_updated_at), (0, Some(at("2026-06-01T00:00:29Z"))));
        assert_eq!(run.upstream_time, Some(at("2026-06-01T00:00:00Z")));
        run.saw_update(at("2026-06-01T00:01:00Z"), Status::Active);
        assert_eq!(run.from_future, 1);
    }

    #[test]
    fn interrupted_run_resumes_from_its_cursor() {
        let now = at("2026-06-01T00:00:00Z");
        let mut run = SyncRun::new(SyncKind::Full, now);
        run.cursor = Some("a.b/c:1".into());
        let state = UpstreamState { run: Some(run.clone()), ..UpstreamState::default() };
        let almost = now.plus(Duration::from_secs(LONGEST_RUN.as_secs() - 1));
        assert_eq!(state.next_run(almost, false, DAY), run);
        let late = now.plus(LONGEST_RUN);
        assert_eq!(state.next_run(late, false, DAY), SyncRun::new(SyncKind::Full, late));
    }

    /// A registry that forgot its cursors was asked for the same one for ever.
    #[test]
    fn run_begins_again_after_three_failures_in_a_row_at_one_cursor() {
        let mut run = SyncRun::new(SyncKind::Full, at("2026-06-01T00:00:00Z"));
        let mut state = UpstreamState { run: Some(run.clone()), ..UpstreamState::default() };
        for _ in 0..5 {
            state.count_failure();
            assert_eq!(state.run.as_ref(), Some(&run), "there is no cursor");
        }
        run.advance(Some("a".into()));
        state.run = Some(run);
        state.count_failure();
        state.count_failure();
        let mut run = state.run.clone().expect("two are few");
        run.advance(Some("b".into()));
        state.run = Some(run);
        state.count_failure();
        state.count_failure();
        assert!(state.run.is_some(), "others were at another cursor");
        state.count_failure();
        assert_eq!(state.run, None);
    }

    #[test]
    fn without_a_date_the_newest_update_known_before_the_run_is_the_watermark() {
        let known = UpstreamState {
            newest_updated_at: Some(at("2026-05-01T00:10:00Z")),
            ..UpstreamState::default()
        };
        let state = accepted(SyncKind::Full, None, &known);
        assert_eq!(state.watermark, Some(at("2026-05-01T00:00:00Z")));
        let nothing_known = accepted(SyncKind::Full, None, &UpstreamState::default());
        assert_eq!(nothing_known.watermark, None, "the next run is a full sync again");
    }

    /// P38.
    #[test]
    fn update_from_the_future_moves_nothing() {
        let mut run = SyncRun::new(SyncKind::Full, at("2026-06-01T00:00:00Z"));
        run.upstream_time = Some(at("2026-06-01T00:00:00Z"));
        run.saw_update(at("2026-05-30T00:00:00Z"), Status::Active);
        run.saw_update(at("2099-01-01T00:00:00Z"), Status::Active);
        assert_eq!(run.newest_updated_at, Some(at("2026-05-30T00:00:00Z")));
    }

    /// A mirror says in an incremental sync when it changed an entry, and in a full one when upstream did.
    #[test]
    fn neither_incremental_sync_nor_deletion_raises_what_a_full_sync_is_compared_with() {
        let synced = |state: &UpstreamState, kind, updates: &[(&str, Status)]| {
            let mut run = SyncRun::new(kind, at("2026-06-01T00:00:00Z"));
            updates.iter().for_each(|(updated_at, status)| run.saw_update(at(updated_at), *status));
            state.accepted(&run, at("2026-06-01T01:00:00Z"), OVERLAP)
        };
        let (old, new) = ("2026-02-01T00:00:00Z", "2026-05-30T00:00:00Z");
        let updates = [(old, Status::Active), (new, Status::Deleted)];
        let state = synced(&UpstreamState::default(), SyncKind::Full, &updates);
        let incremental = SyncKind::Incremental { since: at(old) };
        let state = synced(&state, incremental, &[(new, Status::Active)]);
        assert_eq!(state.newest_of_full_sync, Some(at(old)));
        assert_eq!(state.newest_updated_at, Some(at(new)));
    }

    /// P3.
    #[test]
    fn incremental_sync_never_moves_the_watermark_back_and_full_sync_does() {
        let since = at("2026-05-01T00:05:00Z");
        let known = UpstreamState { watermark: Some(since), ..UpstreamState::default() };
        let date = Some("2026-05-01T00:10:00Z");
        let state = accepted(SyncKind::Incremental { since }, date, &known);
        assert_eq!(state.watermark, Some(since));
        let state = accepted(SyncKind::Full, date, &known);
        assert_eq!(state.watermark, Some(at("2026-05-01T00:00:00Z")));
    }

    #[test]
    fn another_registry_under_the_same_id_starts_with_a_new_state() {
        let known = UpstreamState {
            watermark: Some(Timestamp::MIN),
            first_full_sync: Some(Timestamp::MIN),
            ..UpstreamState::default()
        };
        let first = known.clone().of_source("https://one.example/");
        assert_eq!(first.watermark, known.watermark, "a state of an older release");
        assert_eq!(first.clone().of_source("https://one.example/"), first);
        let second = first.of_source("https://two.example/");
        assert_eq!(second.watermark, None);
        assert_eq!(second.first_full_sync, known.first_full_sync, "old dates count nothing");
    }
}
