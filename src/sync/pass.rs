use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Tally, Trip};
use crate::model::{FailureClass, Instant};

/// What the store remembers of an upstream between passes, and of a pass between batches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpstreamState {
    /// The root that all of this is about; another one under the same id is another registry.
    #[serde(default)]
    pub url: Option<String>,
    /// When a pass last began, successful or not.
    pub last_attempt: Option<Instant>,
    /// When a pass was last accepted.
    pub last_success: Option<Instant>,
    /// When a complete walk was last accepted; until the first, batches are accepted as they come.
    pub last_complete_walk: Option<Instant>,
    /// When a complete walk last ended, accepted or held whole.
    #[serde(default)]
    pub last_walk: Option<Instant>,
    pub last_failure: Option<Failure>,
    /// Where the next increment starts, in upstream's time.
    pub watermark: Option<Instant>,
    /// The newest `updatedAt` among accepted rows that upstream's own clock had reached.
    pub newest_updated_at: Option<Instant>,
    /// Seconds by which upstream's clock was ahead of ours at the first page of the last pass.
    #[serde(default)]
    pub clock_ahead: Option<i64>,
    /// Rows of the last pass whose `updatedAt` upstream's own clock had not reached.
    #[serde(default)]
    pub from_future: u64,
    /// Names with more versions or bytes than are kept, as of the last complete walk.
    #[serde(default)]
    pub over_limit: BTreeSet<String>,
    /// What a rail keeps back.
    #[serde(default)]
    pub held: Option<Held>,
    /// Ids of held sets that a person dropped: the same ones raise no alert again.
    #[serde(default)]
    pub discarded: Vec<String>,
    /// A pass that has begun and not ended; after a restart it goes on from its cursor.
    pub pass: Option<PassState>,
}

/// Changes that a rail keeps back until a person releases or discards exactly this set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    pub id: String,
    pub since: Instant,
    /// Rows and absences.
    pub rows: u64,
    /// Whether a complete walk brought it; an increment does not replace that.
    pub complete: bool,
    pub trips: Vec<Trip>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub at: Instant,
    pub class: FailureClass,
    /// The failure with its causes, for people.
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PassKind {
    /// Every row there is, deleted ones included.
    Complete,
    /// What changed since the watermark.
    Increment { since: Instant },
}

/// How far a pass has come; committed with the rows it covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassState {
    pub kind: PassKind,
    pub begun: Instant,
    /// The page to fetch next; `None` before the first.
    pub cursor: Option<String>,
    /// Upstream's time at the first page.
    pub upstream_time: Option<Instant>,
    /// Seconds by which that was ahead of our clock when the page came in.
    #[serde(default)]
    pub clock_ahead: Option<i64>,
    /// The newest `updatedAt` among its rows that upstream's clock had reached.
    pub newest_updated_at: Option<Instant>,
    /// Names with more versions or bytes than are kept.
    #[serde(default)]
    pub over_limit: BTreeSet<String>,
    /// Whether the last page was read, so that only acceptance is left.
    #[serde(default)]
    pub all_read: bool,
    /// Rows whose `updatedAt` upstream's own clock had not reached.
    #[serde(default)]
    pub from_future: u64,
    pub pages: u64,
    pub tally: Tally,
}

/// What a finished pass did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassReport {
    pub upstream: String,
    pub kind: PassKind,
    pub dry_run: bool,
    pub pages: u64,
    #[serde(flatten)]
    pub tally: Tally,
    /// The rails that it tripped, so that a part of it is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<String>,
}

impl UpstreamState {
    /// The state as it concerns the registry at `url`: a new one when the id stood for another.
    #[must_use]
    pub fn of_source(self, url: &str) -> Self {
        match &self.url {
            Some(known) if known != url => Self { url: Some(url.to_owned()), ..Self::default() },
            _ => Self { url: Some(url.to_owned()), ..self },
        }
    }

    /// The pass to make next: the one that was interrupted, unless another kind is `wanted`;
    /// a complete walk when none was ever accepted or the last is too old; else an increment.
    #[must_use]
    pub fn next_pass(&self, now: Instant, full: bool, full_walk_every: Duration) -> PassState {
        let last = self.last_complete_walk.max(self.last_walk);
        let due = last.is_none_or(|last| now.since(last) >= full_walk_every);
        let kind = match self.watermark {
            Some(since) if !full && !due => PassKind::Increment { since },
            _ => PassKind::Complete,
        };
        match &self.pass {
            Some(pass) if pass.kind == kind => pass.clone(),
            _ => PassState::new(kind, now),
        }
    }

    /// The state after a pass of which something was held: the watermark stays, so that what is
    /// held is read again, and with all of it held nothing was accepted.
    #[must_use]
    pub fn partly_accepted(&self, accepted: Self, all_held: bool) -> Self {
        let last_walk = accepted.last_complete_walk.max(accepted.last_walk);
        match all_held {
            false => Self { watermark: self.watermark, ..accepted },
            true => Self { last_walk, last_failure: None, pass: None, ..self.clone() },
        }
    }

    /// Whether what is held is what a person has dropped before.
    #[must_use]
    pub fn is_discarded(&self) -> bool {
        self.held.as_ref().is_some_and(|held| self.discarded.contains(&held.id))
    }

    /// Drops the held set and remembers its id.
    pub fn discard(&mut self, id: &str) {
        const REMEMBERED: usize = 20;
        self.held = None;
        self.discarded.retain(|known| known != id);
        self.discarded.push(id.to_owned());
        let forgotten = self.discarded.len().saturating_sub(REMEMBERED);
        self.discarded.drain(..forgotten);
    }

    /// Whether rows are accepted batch by batch, and not staged until the pass is judged.
    #[must_use]
    pub const fn accepts_batches(&self) -> bool {
        self.last_complete_walk.is_none()
    }

    /// The state after `pass` was accepted.
    #[must_use]
    pub fn accepted(&self, pass: &PassState, now: Instant, overlap: Duration) -> Self {
        let start = pass.upstream_time.or(self.newest_updated_at).map(|at| at.minus(overlap));
        let watermark = match pass.kind {
            // A complete walk has seen everything: it heals whatever a wrong clock did before.
            PassKind::Complete => start,
            PassKind::Increment { .. } => self.watermark.max(start),
        };
        Self {
            url: self.url.clone(),
            clock_ahead: pass.clock_ahead,
            from_future: pass.from_future,
            over_limit: match pass.kind {
                PassKind::Complete => pass.over_limit.clone(),
                PassKind::Increment { .. } => &self.over_limit | &pass.over_limit,
            },
            held: self.held.clone(),
            discarded: self.discarded.clone(),
            last_attempt: self.last_attempt,
            last_success: Some(now),
            last_complete_walk: match pass.kind {
                PassKind::Complete => Some(now),
                PassKind::Increment { .. } => self.last_complete_walk,
            },
            last_walk: self.last_walk,
            last_failure: None,
            watermark,
            newest_updated_at: self.newest_updated_at.max(pass.newest_updated_at),
            pass: None,
        }
    }
}

impl PassState {
    #[must_use]
    pub fn new(kind: PassKind, now: Instant) -> Self {
        Self {
            kind,
            begun: now,
            cursor: None,
            upstream_time: None,
            clock_ahead: None,
            newest_updated_at: None,
            over_limit: BTreeSet::new(),
            all_read: false,
            from_future: 0,
            pages: 0,
            tally: Tally::default(),
        }
    }

    #[must_use]
    pub fn report(&self, upstream: &str, dry_run: bool) -> PassReport {
        PassReport {
            upstream: upstream.to_owned(),
            kind: self.kind,
            dry_run,
            pages: self.pages,
            tally: self.tally,
            held: Vec::new(),
        }
    }

    /// Takes note of upstream's time at the first page, which came in at `now`.
    pub fn saw_first_page(&mut self, date: Option<Instant>, now: Instant) {
        self.upstream_time = date;
        self.clock_ahead = date.map(|date| (date.as_micros() - now.as_micros()) / 1_000_000);
    }

    /// Takes note of a row's `updatedAt`; one beyond upstream's own clock moves nothing, nor does
    /// one beyond ours where upstream shows no clock.
    pub fn saw_update(&mut self, updated_at: Instant) {
        // A `Date` counts whole seconds, and what it leaves out is not the future.
        let reached = self.upstream_time.unwrap_or(self.begun).plus(Duration::from_secs(1));
        if updated_at <= reached {
            self.newest_updated_at = self.newest_updated_at.max(Some(updated_at));
        } else {
            self.from_future += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const OVERLAP: Duration = Duration::from_secs(600);

    fn at(text: &str) -> Instant {
        Instant::parse(text).expect("a time")
    }

    fn accepted(kind: PassKind, date: Option<&str>, state: &UpstreamState) -> UpstreamState {
        let mut pass = PassState::new(kind, at("2026-06-01T00:00:00Z"));
        pass.upstream_time = date.map(at);
        state.accepted(&pass, at("2026-06-01T01:00:00Z"), OVERLAP)
    }

    #[test]
    fn a_new_upstream_is_walked_and_then_followed() {
        let state = UpstreamState::default();
        let now = at("2026-06-01T00:00:00Z");
        assert_eq!(state.next_pass(now, false, DAY).kind, PassKind::Complete);
        let state = accepted(PassKind::Complete, Some("2026-06-01T00:00:05Z"), &state);
        let since = at("2026-05-31T23:50:05Z");
        assert_eq!(state.watermark, Some(since), "upstream's time, less the overlap");
        assert_eq!(
            state.next_pass(now.plus(OVERLAP), false, DAY).kind,
            PassKind::Increment { since }
        );
        assert_eq!(state.next_pass(now, true, DAY).kind, PassKind::Complete, "asked for");
        let tomorrow = at("2026-06-02T01:00:00Z");
        assert_eq!(state.next_pass(tomorrow, false, DAY).kind, PassKind::Complete, "due");
    }

    #[test]
    fn an_interrupted_pass_goes_on_from_its_cursor() {
        let now = at("2026-06-01T00:00:00Z");
        let mut pass = PassState::new(PassKind::Complete, now);
        pass.cursor = Some("a.b/c:1".into());
        let state = UpstreamState { pass: Some(pass.clone()), ..UpstreamState::default() };
        assert_eq!(state.next_pass(now.plus(DAY), false, DAY), pass);
    }

    #[test]
    fn without_a_date_the_newest_update_known_before_the_pass_is_the_watermark() {
        let known = UpstreamState {
            newest_updated_at: Some(at("2026-05-01T00:10:00Z")),
            ..UpstreamState::default()
        };
        let state = accepted(PassKind::Complete, None, &known);
        assert_eq!(state.watermark, Some(at("2026-05-01T00:00:00Z")));
        let nothing_known = accepted(PassKind::Complete, None, &UpstreamState::default());
        assert_eq!(nothing_known.watermark, None, "the next pass is a walk again");
    }

    #[test]
    fn an_update_from_the_future_moves_nothing() {
        let mut pass = PassState::new(PassKind::Complete, at("2026-06-01T00:00:00Z"));
        pass.upstream_time = Some(at("2026-06-01T00:00:00Z"));
        pass.saw_update(at("2026-05-30T00:00:00Z"));
        pass.saw_update(at("2099-01-01T00:00:00Z"));
        assert_eq!(pass.newest_updated_at, Some(at("2026-05-30T00:00:00Z")));
    }

    #[test]
    fn an_increment_never_moves_the_watermark_back_and_a_walk_heals_it() {
        let future = at("2030-01-01T00:00:00Z");
        let known = UpstreamState { watermark: Some(future), ..UpstreamState::default() };
        let date = Some("2026-05-01T00:10:00Z");
        let state = accepted(PassKind::Increment { since: future }, date, &known);
        assert_eq!(state.watermark, Some(future));
        let state = accepted(PassKind::Complete, date, &known);
        assert_eq!(state.watermark, Some(at("2026-05-01T00:00:00Z")));
    }

    #[test]
    fn another_registry_under_the_same_id_begins_anew() {
        let known = UpstreamState { watermark: Some(Instant::MIN), ..UpstreamState::default() };
        let first = known.clone().of_source("https://one.example/");
        assert_eq!(first.watermark, known.watermark, "a state of an older release");
        assert_eq!(first.clone().of_source("https://one.example/"), first);
        assert_eq!(first.of_source("https://two.example/").watermark, None);
    }
}
