use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::current::CurrentPolicy;
use crate::alert::{AlertKind, Evidence, Figure, ReportedAlert};
use crate::daemon::runtime::{Clock, blocking, report_alerts};
use crate::model::Timestamp;
use crate::overlay::{NamePattern, OverlaySet};
use crate::store::{Store, StoreError};

/// The source of alerts about what ends.
const EXPIRY: &str = "expiry";
/// Thresholds are whole days, so a minute more does not matter; a machine that sleeps stops timers.
const LOOK_EVERY: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Raises and resolves alerts about parts of rules that end within any of `days`, until `stop`.
///
/// # Errors
/// Never: an alert that cannot be stored is tried again.
pub(in crate::daemon) async fn watch_expiry(
    store: Arc<Store>,
    clock: Arc<Clock>,
    mut policy: watch::Receiver<Arc<CurrentPolicy>>,
    days: Vec<u64>,
    is_served: impl Fn(&NamePattern) -> bool,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut stored: Option<Vec<ReportedAlert>> = None;
    loop {
        let set = Arc::clone(&policy.borrow_and_update().set);
        let alerts = expiring(&set, &days, &is_served, clock.latest());
        if stored.as_ref() != Some(&alerts) {
            let (store, clock, reported) = (Arc::clone(&store), Arc::clone(&clock), alerts.clone());
            let is_stored = blocking(move || report_alerts(&store, &clock, EXPIRY, reported)).await;
            stored = is_stored.then_some(alerts);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Ok(()) = policy.changed() => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}

/// Returns one alert for each part of a rule that ends within any of `days`, with an item for each of them.
fn expiring(
    set: &OverlaySet,
    days: &[u64],
    is_served: impl Fn(&NamePattern) -> bool,
    now: Timestamp,
) -> Vec<ReportedAlert> {
    let mut alerts = Vec::new();
    for ending in set.endings().filter(|ending| now <= ending.until) {
        let left = ending.until.since(now);
        let is_near = |days: &&u64| u32::try_from(**days).is_ok_and(|days| left <= DAY * days);
        let what = ending.what.to_string();
        let item = |days: &u64| Evidence::Ends {
            what: what.clone(),
            until: ending.until,
            within_days: *days,
        };
        let items: BTreeSet<Evidence> = days.iter().filter(is_near).map(item).collect();
        if items.is_empty() {
            continue;
        }
        let owner = set.owner_of(ending.rule);
        let owner = owner.map(|owner| Figure::OverlayOwner { owner: owner.to_owned() });
        let place = Figure::Rule { place: ending.rule.place.to_string() };
        let figures: Vec<Figure> = owner.into_iter().chain([place]).collect();
        let alert = ReportedAlert::new(AlertKind::Expiring, ending.subject(), items);
        alerts.push(ReportedAlert { figures, ..alert }.of_served(is_served(&ending.rule.name)));
    }
    alerts.sort();
    alerts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::overlay::{Context, Terms, read};

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn set(servers: &str) -> OverlaySet {
        let context =
            Context { terms: Terms::default(), now: at("2026-01-01T00:00:00Z"), upstreams: None };
        read(&[Source::new("x.yaml", format!("servers: [{servers}]"))], &context).into()
    }

    /// P74.
    #[rstest::rstest]
    #[case("2026-10-31T23:59:59Z", &[])]
    #[case("2026-11-01T23:59:59.999999Z", &[30])]
    #[case("2026-11-25T12:00:00Z", &[7, 30])]
    #[case("2026-12-01T12:00:00Z", &[1, 7, 30])]
    #[case("2026-12-02T00:00:00Z", &[])]
    fn each_threshold_before_the_end_is_an_item_of_one_alert(
        #[case] now: &str,
        #[case] days: &[u64],
    ) {
        let set = set(
            "{name: com.a/x, owner: wiki, approval: {state: approved, reviewed: 2026-09-01, expires: 2026-12-01}}, \
             {name: com.a/*, tier: 1}",
        );
        let alerts = expiring(&set, &[30, 7, 1], |_| true, at(now));
        let within: Vec<u64> = alerts
            .iter()
            .flat_map(|alert| &alert.evidence)
            .map(|item| match item {
                Evidence::Ends { within_days, .. } => *within_days,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(within, days);
        for alert in &alerts {
            assert_eq!(alert.identity.subject, "com.a/x");
            let owner = Figure::OverlayOwner { owner: "wiki".into() };
            assert_eq!(alert.figures, [owner, Figure::Rule { place: "x.yaml:1:11".into() }]);
        }
    }

    #[test]
    fn waivers_and_allowed_urls_end_under_names_of_their_own() {
        let set = set(
            "{name: com.a/x, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-12-01}}, \
             {name: com.a/x, versions: 1.0.0, allow: {url: 'https://10.0.0.1', reason: r, reviewer: a, expires: 2026-12-01}}",
        );
        let alerts = expiring(&set, &[30], |_| true, at("2026-11-20T00:00:00Z"));
        let subjects: Vec<&str> =
            alerts.iter().map(|alert| alert.identity.subject.as_str()).collect();
        let wanted = [
            "com.a/x (the waiver of `secrets`)",
            "com.a/x@1.0.0 (the allowed URL https://10.0.0.1)",
        ];
        assert_eq!(subjects, wanted);
    }
}
