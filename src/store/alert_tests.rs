//! Alerts in a real store.

use super::*;
use crate::alert::{Alert, AlertKind, NotAcknowledged, ReportedAlert, UnresolvedId};
use crate::model::{Actor, Digest, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn drift(items: &[&str]) -> ReportedAlert {
    let items = items.iter().map(|item| (*item).to_owned().into());
    ReportedAlert::new(AlertKind::Drift, "x", items)
}

fn update_alerts(store: &Store, seen: Vec<ReportedAlert>, now: i64) {
    store.update_alerts("official", seen, at(now)).expect("observed");
}

fn stored(store: &Store) -> Alert {
    store.snapshot().and_then(|snapshot| snapshot.alerts()).expect("alerts").remove(0)
}

fn acknowledge(store: &Store, id: &str, seen: Digest) -> Result<Alert, NotAcknowledged> {
    store
        .acknowledge(id, seen, "alice", "known", Actor::LocalUser(1), at(9))
        .expect("read and written")
}

/// P23.
#[test]
fn only_the_digest_of_the_current_evidence_acknowledges() {
    let store = Store::ephemeral(at(0)).expect("a store");
    update_alerts(&store, vec![drift(&["a", "b"])], 1);
    let (key, before) = (stored(&store).identity.key(), stored(&store).shown());
    update_alerts(&store, vec![drift(&["b", "c"])], 2);
    let late = acknowledge(&store, &key, before).expect_err("the alert changed");
    let message = late.to_string();
    assert!(message.contains("list it again with `vidimus alerts`, since `--seen` is not the digest of what the alert shows now; since then 1 added: c; 1 removed: a"), "{message}");
    assert!(stored(&store).is_open(), "nothing was written");
    let never = acknowledge(&store, &key, Digest::of(b"x")).expect_err("an unknown digest");
    assert!(never.to_string().contains("it matches no remembered state"), "{never}");
    let seen = acknowledge(&store, &key[..8], stored(&store).shown()).expect("acknowledged");
    assert_eq!(stored(&store), seen);
    assert!(!seen.is_open());
    // A person who acknowledged the alert is shown only new evidence.
    update_alerts(&store, vec![drift(&["b", "c", "d"])], 3);
    let alert = stored(&store);
    let unseen: Vec<String> = alert
        .evidence
        .iter()
        .filter(|item| !alert.has_seen(item))
        .map(ToString::to_string)
        .collect();
    assert_eq!(unseen, ["d"]);
}

#[test]
fn id_resolves_only_to_an_unresolved_alert() {
    let store = Store::ephemeral(at(0)).expect("a store");
    update_alerts(&store, vec![drift(&["a"])], 1);
    let (key, shown) = (stored(&store).identity.key(), stored(&store).shown());
    let unresolved = |id: &str| match acknowledge(&store, id, shown) {
        Err(NotAcknowledged::Unresolved(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(unresolved(&key[..7]), UnresolvedId::NotAnId);
    assert_eq!(unresolved(&"0".repeat(64)), UnresolvedId::Unknown);
    update_alerts(&store, vec![], 2);
    assert_eq!(unresolved(&key), UnresolvedId::Unknown, "it is resolved");
}

/// P46.
#[test]
fn alert_is_read_by_its_whole_identity() {
    let store = Store::ephemeral(at(0)).expect("a store");
    update_alerts(&store, vec![drift(&["a"]), drift(&["a"]).of_namespace("com.example")], 1);
    let snapshot = store.snapshot().expect("a snapshot");
    for alert in snapshot.alerts().expect("alerts") {
        assert_eq!(snapshot.alert(&alert.identity).expect("read"), Some(alert));
    }
    assert_eq!(snapshot.alerts().expect("alerts").len(), 2);
}
