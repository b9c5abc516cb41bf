use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::alerts::report_alerts;
use super::blocking::blocking;
use super::clock::Clock;
use crate::alert::{AlertKind, ReportedAlert};
use crate::store::{Store, StoreError};

/// The causes of alerts that listeners notice. They only set a flag: an alert must not delay a connection.
#[derive(Debug, Default)]
pub struct Pressure {
    is_crowded: AtomicBool,
    is_refused: AtomicBool,
}

/// The source of these alerts, and the subject of each.
const CONNECTIONS: &str = "connections";
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time that an alert stays open after its cause was noticed last, so that a load that comes and goes raises one.
const LASTS: Duration = Duration::from_secs(60);

impl Pressure {
    /// Notes that more than three quarters of the connections are open.
    pub(crate) fn crowd(&self) {
        self.is_crowded.store(true, Ordering::Relaxed);
    }

    /// Notes the reason why a connection was not accepted, if the system gave what it needs to no connection.
    pub(crate) fn refuse(&self, error: &io::Error) {
        let errno = Errno::from_io_error(error);
        let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if errno.is_some_and(|errno| exhausted.contains(&errno)) {
            self.is_refused.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the kinds of alert whose cause was noticed since the last call.
    fn take(&self) -> Vec<AlertKind> {
        let crowded = self.is_crowded.swap(false, Ordering::Relaxed);
        let refused = self.is_refused.swap(false, Ordering::Relaxed);
        let crowded = crowded.then_some(AlertKind::ConnectionsCrowded);
        crowded.into_iter().chain(refused.then_some(AlertKind::DescriptorsExhausted)).collect()
    }
}

/// Raises and resolves the alerts about connections, until `stop`.
///
/// # Errors
/// Never; a store that cannot be written is tried again.
pub(in crate::daemon) async fn report_pressure(
    store: Arc<Store>,
    clock: Arc<Clock>,
    pressure: Arc<Pressure>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut noticed: Vec<(AlertKind, Instant)> = Vec::new();
    // An earlier process may have left alerts.
    let mut reported: Option<Vec<AlertKind>> = None;
    loop {
        let now = Instant::now();
        let found = pressure.take();
        noticed.retain(|(kind, at)| !found.contains(kind) && now.duration_since(*at) < LASTS);
        noticed.extend(found.into_iter().map(|kind| (kind, now)));
        let mut open: Vec<AlertKind> = noticed.iter().map(|(kind, _)| *kind).collect();
        open.sort_unstable();
        if reported.as_ref() != Some(&open) {
            let (store, clock, kinds) = (Arc::clone(&store), Arc::clone(&clock), open.clone());
            let alerts = move || {
                let alert = |kind| ReportedAlert::new(kind, CONNECTIONS, []);
                let alerts: Vec<ReportedAlert> = kinds.into_iter().map(alert).collect();
                report_alerts(&store, &clock, CONNECTIONS, alerts)
            };
            reported = blocking(alerts).await.then_some(open);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_refused_for_want_of_descriptors_raises_one_alert_and_a_reset_raises_none() {
        let pressure = Pressure::default();
        pressure.refuse(&Errno::CONNABORTED.into());
        assert_eq!(pressure.take(), []);
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            pressure.refuse(&errno.into());
            assert_eq!(pressure.take(), [AlertKind::DescriptorsExhausted], "{errno}");
        }
        pressure.refuse(&Errno::MFILE.into());
        pressure.refuse(&Errno::MFILE.into());
        pressure.crowd();
        let both = [AlertKind::ConnectionsCrowded, AlertKind::DescriptorsExhausted];
        assert_eq!(pressure.take(), both);
        assert_eq!(pressure.take(), []);
    }
}
