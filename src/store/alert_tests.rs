//! Alerts in a real store.

use super::*;
use crate::alert::{Alert, AlertKind, NotAcknowledged, Observation, UnresolvedId};
use crate::model::{Digest, Instant};

fn at(seconds: i64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn drift(items: &[&str]) -> Observation {
    let items = items.iter().map(|item| (*item).to_owned().into());
    Observation::new(AlertKind::Drift, "x", items)
}

fn observe(store: &Store, seen: Vec<Observation>, now: i64) {
    store.observe("official", seen, at(now)).expect("observed");
}

fn stored(store: &Store) -> Alert {
    store.snapshot().and_then(|snapshot| snapshot.alerts()).expect("alerts").remove(0)
}

fn acknowledge(store: &Store, id: &str, seen: Digest) -> Result<Alert, NotAcknowledged> {
    store.acknowledge(id, seen, "alice", "known", at(9)).expect("read and written")
}

#[test]
fn only_the_digest_of_what_is_shown_now_acknowledges() {
    let store = Store::ephemeral(at(0)).expect("a store");
    observe(&store, vec![drift(&["a", "b"])], 1);
    let (key, before) = (stored(&store).identity.key(), stored(&store).shown());
    observe(&store, vec![drift(&["b", "c"])], 2);
    let late = acknowledge(&store, &key, before).expect_err("it moved on");
    let told = late.to_string();
    assert!(told.contains("1 came: c; 1 went: a; look at it again"), "{told}");
    assert!(stored(&store).is_open(), "nothing was written");
    let never = acknowledge(&store, &key, Digest::of(b"x")).expect_err("nothing shows that");
    assert!(never.to_string().contains("it is of no state that is remembered"), "{never}");
    let seen = acknowledge(&store, &key[..8], stored(&store).shown()).expect("acknowledged");
    assert_eq!(stored(&store), seen);
    assert!(!seen.is_open());
    // A person who acknowledged this is shown only what is new.
    observe(&store, vec![drift(&["b", "c", "d"])], 3);
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
fn an_id_stands_for_one_alert_that_lasts() {
    let store = Store::ephemeral(at(0)).expect("a store");
    observe(&store, vec![drift(&["a"])], 1);
    let (key, shown) = (stored(&store).identity.key(), stored(&store).shown());
    let unresolved = |id: &str| match acknowledge(&store, id, shown) {
        Err(NotAcknowledged::Unresolved(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(unresolved(&key[..7]), UnresolvedId::Malformed);
    assert_eq!(unresolved(&"0".repeat(64)), UnresolvedId::Unknown);
    observe(&store, vec![], 2);
    assert_eq!(unresolved(&key), UnresolvedId::Unknown, "it is over");
}

#[test]
fn an_alert_is_read_by_its_whole_identity() {
    let store = Store::ephemeral(at(0)).expect("a store");
    observe(&store, vec![drift(&["a"]), drift(&["a"]).of_namespace("com.example")], 1);
    let snapshot = store.snapshot().expect("a snapshot");
    for alert in snapshot.alerts().expect("alerts") {
        assert_eq!(snapshot.alert(&alert.identity).expect("read"), Some(alert));
    }
    assert_eq!(snapshot.alerts().expect("alerts").len(), 2);
}
