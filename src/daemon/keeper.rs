use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant as Stopwatch};

use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::Clock;
use super::judgement::hold;
use super::pass::{Fetched, Observer, PassFailure, PassPlan};
use crate::model::{Instant, Name};
use crate::store::{Acceptance, Batch, Destination, Hold, Seen, Snapshot, Store, StoreError};
use crate::sync::{
    Change, Failure, Kind, NameSize, PassKind, PassReport, PassState, RawPage, Row, UpstreamState,
    change, completed,
};

/// A batch is committed when it has this many rows, or is this old. A crash repeats one batch.
const BATCH_ROWS: u64 = 2_000;
const BATCH_AGE: Duration = Duration::from_millis(500);

/// Judges the rows of a pass and commits them; runs where blocking is allowed.
pub(super) struct Keeper<O> {
    store: Arc<Store>,
    clock: Arc<Clock>,
    plan: PassPlan,
    /// The upstream as it was when the pass began.
    state: UpstreamState,
    pass: PassState,
    /// How much there is of the names that this pass adds to.
    sizes: BTreeMap<Name, NameSize>,
    /// What a complete walk saw since the last commit, by name and version.
    seen: Vec<(String, String)>,
    /// Judged and not committed yet, by name and version: what comes last in a pass counts.
    batch: BTreeMap<(String, String), Row>,
    observer: O,
}

impl<O: Observer> Keeper<O> {
    /// Goes on with the pass that was interrupted, or begins a new one.
    pub(super) fn begin(
        store: Arc<Store>,
        clock: Arc<Clock>,
        plan: PassPlan,
        observer: O,
    ) -> Result<Self, PassFailure> {
        let now = clock.now();
        let stored = store.snapshot()?.upstream(&plan.upstream)?.of_source(&plan.url);
        let next = stored.next_pass(now, plan.full, plan.full_walk);
        let resumed = stored.pass.as_ref() == Some(&next) && !plan.dry_run;
        let pass = if resumed { next } else { PassState::new(next.kind, now) };
        let state = UpstreamState { last_attempt: Some(now), pass: Some(pass.clone()), ..stored };
        if !resumed && !plan.dry_run {
            store.discard_staged(&plan.upstream, &state, now)?;
        }
        Ok(Self {
            store,
            clock,
            plan,
            state,
            pass,
            seen: Vec::new(),
            sizes: BTreeMap::new(),
            batch: BTreeMap::new(),
            observer,
        })
    }

    pub(super) fn pass(&self) -> &PassState {
        &self.pass
    }

    /// Keeps pages until there are no more of them.
    pub(super) fn keep(&mut self, mut pages: mpsc::Receiver<Fetched>) -> Result<(), PassFailure> {
        let (mut since, mut rows) = (Stopwatch::now(), 0);
        let mut snapshot = self.store.snapshot()?;
        while let Some(fetched) = pages.blocking_recv() {
            rows += self.judge(&snapshot, &fetched)?;
            self.pass.all_read = fetched.next_cursor.is_none();
            self.pass.cursor = fetched.next_cursor;
            self.observer.progress(&self.pass);
            if rows >= BATCH_ROWS || since.elapsed() >= BATCH_AGE {
                drop(snapshot);
                self.commit()?;
                (since, rows) = (Stopwatch::now(), 0);
                snapshot = self.store.snapshot()?;
            }
        }
        drop(snapshot);
        self.commit()
    }

    fn judge(&mut self, snapshot: &Snapshot, fetched: &Fetched) -> Result<u64, PassFailure> {
        if self.pass.pages == 0 {
            self.pass.upstream_time = fetched.page.date;
        }
        self.pass.pages += 1;
        let page = RawPage::read(&fetched.page.body)?;
        let now = self.clock.now();
        for item in &page.rows {
            let upstream = self.plan.upstream.as_str();
            let change = if self.plan.files {
                let item = completed(item, now, |name, version| {
                    snapshot.head(upstream, name.as_str(), version.as_str())
                })?;
                judge_row(&item, now, snapshot, upstream)?
            } else {
                judge_row(item, now, snapshot, upstream)?
            };
            let change = self.within_limits(change, snapshot)?;
            self.pass.tally.count(&change);
            self.take(change, snapshot)?;
        }
        Ok(page.rows.len() as u64)
    }

    /// Puts a version in quarantine that is one too many of its name.
    fn within_limits(&mut self, change: Change, snapshot: &Snapshot) -> Result<Change, StoreError> {
        let Change::Write { row: Row::Entry(entry), kind: Kind::Added } = &change else {
            return Ok(change);
        };
        if !self.sizes.contains_key(&entry.name) {
            let size = snapshot.size_of(&self.plan.upstream, &entry.name)?;
            self.sizes.insert(entry.name.clone(), size);
        }
        let size = self.sizes.entry(entry.name.clone()).or_default();
        Ok(match size.admit(entry) {
            Ok(()) => change,
            Err(row) => {
                self.pass.over_limit.insert(entry.name.to_string());
                Change::Write { row: Row::Quarantined(row), kind: Kind::Quarantined }
            }
        })
    }

    fn take(&mut self, change: Change, snapshot: &Snapshot) -> Result<(), StoreError> {
        let row = match change {
            Change::Write { row, .. } => {
                self.seen.push(row.key());
                row
            }
            Change::Unchanged(identity, head) => {
                self.pass.saw_update(head.updated_at);
                let key = (identity.name.to_string(), identity.version.to_string());
                self.seen.push(key.clone());
                let overtaken = self.batch.remove(&key).is_some();
                let (name, version) = key;
                if !overtaken && !snapshot.is_unsettled(&self.plan.upstream, &name, &version)? {
                    return Ok(());
                }
                Row::Settled { name, version }
            }
        };
        if let Row::Entry(entry) = &row {
            self.pass.saw_update(entry.head.updated_at);
        }
        self.batch.insert(row.key(), row);
        Ok(())
    }

    fn commit(&mut self) -> Result<(), PassFailure> {
        let rows: Vec<Row> = std::mem::take(&mut self.batch).into_values().collect();
        let seen = std::mem::take(&mut self.seen);
        let seen = Seen { seq: self.pass.pages, keys: &seen };
        if self.plan.dry_run {
            return Ok(());
        }
        let live = self.state.accepts_batches();
        let state = UpstreamState { pass: Some(self.pass.clone()), ..self.state.clone() };
        self.store.commit(&Batch {
            upstream: &self.plan.upstream,
            rows: &rows,
            destination: if live { Destination::Live } else { Destination::Staged },
            state: Some(&state),
            // An empty note would take the place of the last page's, which has the same number.
            seen: (self.pass.kind == PassKind::Complete && !seen.keys.is_empty()).then_some(seen),
            now: self.clock.now(),
        })?;
        if live {
            self.observer.touched(names(&rows));
        }
        Ok(())
    }

    /// Accepts the pass when all went well, and else notes why not.
    pub(super) fn conclude(
        self,
        outcome: Result<(), PassFailure>,
    ) -> Result<PassReport, PassFailure> {
        let outcome = outcome.and_then(|()| self.accept());
        if let Err(failure) = &outcome
            && !self.plan.dry_run
        {
            self.note(failure)?;
        }
        outcome
    }

    /// Judges the pass, unless it is the first of its upstream, and accepts what is not held.
    fn accept(&self) -> Result<PassReport, PassFailure> {
        let mut report = self.pass.report(&self.plan.upstream, self.plan.dry_run);
        if self.plan.dry_run {
            return Ok(report);
        }
        let (now, rails, upstream) = (self.clock.now(), &self.plan.rails, &self.plan.upstream);
        let hold = match self.state.accepts_batches() {
            true => Hold::default(),
            false => hold(&self.store.snapshot()?, upstream, &self.state, &self.pass, rails)?,
        };
        let state = self.state.accepted(&self.pass, now, self.plan.overlap);
        let state = match hold.trips.is_empty() {
            true => state,
            false => self.state.partly_accepted(state, hold.all),
        };
        let complete = self.pass.kind == PassKind::Complete;
        let touched = self.store.accept(&Acceptance {
            upstream,
            state: &state,
            complete,
            rails,
            hold: &hold,
            now,
        })?;
        self.observer.touched(touched);
        report.held = hold.trips.iter().map(ToString::to_string).collect();
        Ok(report)
    }

    fn note(&self, failure: &PassFailure) -> Result<(), StoreError> {
        let now = self.clock.now();
        // Whatever was committed is the truth; the state in memory may be ahead of it.
        let mut state = self.store.snapshot()?.upstream(&self.plan.upstream)?;
        if !failure.keeps_cursor() {
            state.pass = None;
        }
        if !matches!(failure, PassFailure::Stopped) {
            state.last_failure = Some(Failure { at: now, reason: failure.reason() });
        }
        self.store.commit(&Batch {
            upstream: &self.plan.upstream,
            rows: &[],
            destination: Destination::Live,
            state: Some(&state),
            seen: None,
            now,
        })
    }
}

pub(super) fn judge_row(
    item: &RawValue,
    now: Instant,
    snapshot: &Snapshot,
    upstream: &str,
) -> Result<Change, StoreError> {
    change(item, now, |identity| {
        match snapshot.head(upstream, identity.name.as_str(), identity.version.as_str()) {
            // What upstream sends takes the place of what cannot be read any more.
            Err(StoreError::Damaged { .. }) => Ok(None),
            head => head,
        }
    })
}

pub(super) fn names(rows: &[Row]) -> BTreeSet<Name> {
    rows.iter().filter_map(|row| Name::parse(&row.key().0).ok()).collect()
}
