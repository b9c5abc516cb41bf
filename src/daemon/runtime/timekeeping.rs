use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::alerts::report_alerts;
use super::blocking::blocking;
use super::clock::{Clock, ClockNotAccepted, ClockReport};
use crate::alert::{AlertKind, Figure, ReportedAlert};
use crate::model::{Actor, Timestamp, reason};
use crate::store::{Store, StoreError};
use crate::sync::AcceptedClock;

/// The source and the subject of the alert.
const SOURCE: &str = "clock";
const SUBJECT: &str = "this machine";
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The interval at which the store is marked as in use: followers of an older copy learn what they missed to the minute.
const RECORD_EVERY: Duration = Duration::from_mins(1);

/// Marks the store as in use, keeps the time that was agreed with upstreams, and raises and resolves the alert about a
/// clock that left them, until `stop`. Reports how much of the time is not confirmed, and when that was
/// found.
///
/// # Errors
/// Never; a store that cannot be written is tried again.
pub(in crate::daemon) async fn keep_time(
    store: Arc<Store>,
    clock: Arc<Clock>,
    unconfirmed: impl Fn((Duration, Timestamp)),
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut recorded: Option<(Instant, bool)> = None;
    // An earlier process may have left an alert.
    let mut reported: Option<Option<u64>> = None;
    loop {
        let ending = stop.is_cancelled();
        // The acceptance of a clock ends when the clocks agree.
        let _ = clock.settle();
        unconfirmed(clock.unconfirmed());
        let ClockReport { distrusted, ahead_seconds, .. } = clock.report();
        let is_due = recorded.is_none_or(|(at, was_distrusted)| {
            ending || was_distrusted != distrusted || at.elapsed() >= RECORD_EVERY
        });
        if is_due {
            record(&store, &clock).await;
            recorded = Some((Instant::now(), distrusted));
        }
        if ending {
            return Ok(());
        }
        let minutes = distrusted.then_some(ahead_seconds.unsigned_abs() / 60);
        let is_new = reported.is_none_or(|reported| reported.is_some() != minutes.is_some());
        if is_new && report(&store, &clock, minutes).await {
            reported = Some(minutes);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn record(store: &Arc<Store>, clock: &Arc<Clock>) {
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    let recorded = move || store.record_use(clock.settle().as_ref(), clock.now());
    if let Err(error) = blocking(recorded).await {
        error!(reason = %reason(&error), "the use of the store could not be recorded in it");
    }
}

async fn report(store: &Arc<Store>, clock: &Arc<Clock>, minutes: Option<u64>) -> bool {
    let alert = minutes.map(|minutes| {
        let distrusted = ReportedAlert::new(AlertKind::ClockDistrusted, SUBJECT, []);
        ReportedAlert { figures: vec![Figure::MinutesApart { minutes }], ..distrusted }
    });
    let alerts: Vec<ReportedAlert> = alert.into_iter().collect();
    let (store, clock) = (Arc::clone(store), Arc::clone(clock));
    blocking(move || report_alerts(&store, &clock, SOURCE, alerts)).await
}

/// Accepts the clock of this machine as right if it shows the time that a person saw, resolves the alert about it, and
/// records who decided so. It blocks.
///
/// # Errors
/// When the store cannot be written; then the clock is accepted until the next start only.
pub(in crate::daemon) fn accept_clock(
    store: &Store,
    clock: &Clock,
    seen: Timestamp,
    by: &str,
    why: &str,
    actor: Actor,
) -> Result<Result<AcceptedClock, ClockNotAccepted>, StoreError> {
    let (accepted, record) = match clock.accept(seen, by, why, actor) {
        Ok(accepted) => accepted,
        Err(refused) => return Ok(Err(refused)),
    };
    info!(ahead_seconds = accepted.ahead, "the clock of this machine was accepted");
    store.accept_clock(&accepted, &record)?;
    report_alerts(store, clock, SOURCE, Vec::new());
    Ok(Ok(accepted))
}
