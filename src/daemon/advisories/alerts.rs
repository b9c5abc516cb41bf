use std::collections::BTreeMap;

use crate::advisory::{FeedState, OwnAdvisories};
use crate::alert::{AlertKind, Evidence, Figure, ReportedAlert};
use crate::config::AdvisoryFeed;
use crate::daemon::runtime::{Clock, report_alerts, unreadable_files};
use crate::lint::Finding;
use crate::model::Timestamp;
use crate::store::Store;

const FEEDS: &str = "advisory-feeds";
const OWN: &str = "own-advisories";

/// Raises or resolves the alerts about feeds.
pub(super) fn report_feeds(
    store: &Store,
    clock: &Clock,
    configured: &[AdvisoryFeed],
    states: &BTreeMap<String, FeedState>,
) {
    let now = clock.now();
    let alerts: Vec<ReportedAlert> = configured
        .iter()
        .filter_map(|feed| Some((feed, states.get(&feed.name)?)))
        .flat_map(|(feed, state)| of_feed(feed, state, now))
        .collect();
    report_alerts(store, clock, FEEDS, alerts);
}

fn of_feed(feed: &AdvisoryFeed, state: &FeedState, now: Timestamp) -> Vec<ReportedAlert> {
    let mut alerts = Vec::new();
    let failure = state.failure.iter();
    let reason = failure.clone().map(|failure| Figure::Reason { text: failure.reason.clone() });
    let last = state.read_at.or(state.since);
    let is_stale = last.is_some_and(|last| now.since(last) > feed.stale_after);
    // A place that is written wrongly is not found in days.
    let is_unknown = state.read_at.is_none();
    let is_urgent = failure.clone().any(|failure| failure.shrunk || failure.no_room || is_unknown);
    if is_stale || is_urgent {
        let alert = ReportedAlert::new(AlertKind::AdvisoriesStale, feed.name.as_str(), []);
        alerts.push(ReportedAlert { figures: reason.collect(), ..alert });
    }
    let unreadable = &state.unreadable;
    if unreadable.count > 0 {
        let items = unreadable.examples.iter().cloned().map(Evidence::from);
        let alert = ReportedAlert::new(AlertKind::AdvisoriesUnreadable, feed.name.as_str(), items);
        let count = Figure::Rows { count: unreadable.count as u64 };
        alerts.push(ReportedAlert { figures: vec![count], ..alert });
    } else if state.read_at.is_some() && state.advisories == 0 {
        let item = "it has no advisory about a package that servers can name".to_owned();
        let items = [Evidence::from(item)];
        alerts.push(ReportedAlert::new(AlertKind::AdvisoriesUnreadable, feed.name.as_str(), items));
    }
    alerts
}

/// Raises or resolves the alerts about the advisories of the organisation.
pub(super) fn report_own(store: &Store, clock: &Clock, own: &OwnAdvisories, findings: &[Finding]) {
    let unreadable = unreadable_files(AlertKind::AdvisoriesUnreadable, "advisories", findings);
    let on_hold = own.advisories.iter().filter(|advisory| own.is_on_hold(advisory));
    let on_hold = on_hold.filter_map(|advisory| own.holds.get(&advisory.digest)).map(|hold| {
        let id = hold.id.to_string();
        let item = Evidence::AdvisoryOnHold { advisory: id.clone(), digest: hold.digest };
        let found = format!("it would hide {} of {} served names", hold.hidden, hold.served);
        let limit = Figure::Limit { found, allowed: "20 %, or 4 names".to_owned() };
        let alert = ReportedAlert::new(AlertKind::AdvisoryOnHold, id, [item]);
        ReportedAlert { figures: vec![limit], ..alert }
    });
    report_alerts(store, clock, OWN, unreadable.into_iter().chain(on_hold).collect::<Vec<_>>());
}
