//! Deliveries in a real store.

use super::*;
use crate::alert::{AlertKind, Delivery, Format, Recipient, Refusal, RefusalScope, ReportedAlert};
use crate::model::{Actor, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn recipient(name: &str) -> Recipient {
    Recipient {
        name: name.into(),
        format: Format::Json,
        url: "sha256:0123".into(),
        secret: None,
        kinds: Vec::new(),
        give_up_after_seconds: 60,
    }
}

fn drift(name: &str, detail: &str) -> ReportedAlert {
    ReportedAlert::new(AlertKind::Drift, name, [detail.to_owned().into()])
}

fn enlisted(names: &[&str]) -> Store {
    let store = Store::ephemeral(at(0)).expect("a store");
    let recipients: Vec<Recipient> = names.iter().map(|name| recipient(name)).collect();
    store.enlist(&recipients, at(0)).expect("enlisted");
    store
}

fn update_alerts(store: &Store, seen: Vec<ReportedAlert>, now: i64) {
    store.update_alerts("official", seen, at(now)).expect("observed");
}

fn deliveries(store: &Store, recipient: &str) -> Vec<Delivery> {
    store.snapshot().and_then(|snapshot| snapshot.deliveries_of(recipient)).expect("deliveries")
}

fn lost(store: &Store) -> Vec<(String, String)> {
    let dead_letters =
        store.snapshot().and_then(|snapshot| snapshot.dead_letters()).expect("dead letters");
    dead_letters
        .into_iter()
        .map(|dead| (dead.recipient, dead.delivery.notice.alert.identity.subject))
        .collect()
}

fn gone() -> Result<(), Refusal> {
    Err(Refusal { why: "gone".into(), scope: RefusalScope::Gone, retry_after: None })
}

#[test]
fn delivery_is_stored_for_every_recipient_and_removed_when_accepted() {
    let store = enlisted(&["a", "b"]);
    update_alerts(&store, vec![drift("x", "one")], 1);
    update_alerts(&store, vec![drift("x", "one")], 2);
    assert_eq!((deliveries(&store, "a").len(), deliveries(&store, "b").len()), (1, 1));
    let delivery = deliveries(&store, "a").remove(0);
    let next = store.record_delivery(&recipient("a"), &delivery, Ok(()), at(3)).expect("recorded");
    assert_eq!(next, None);
    assert_eq!((deliveries(&store, "a").len(), deliveries(&store, "b").len()), (0, 1));
    let recipients =
        store.snapshot().and_then(|snapshot| snapshot.recipients()).expect("recipients");
    let taken: Vec<Option<Timestamp>> =
        recipients.iter().map(|status| status.history.last_delivered).collect();
    assert_eq!(taken, [Some(at(3)), None]);
}

#[test]
fn without_a_recipient_no_delivery_is_stored() {
    let store = enlisted(&[]);
    update_alerts(&store, vec![drift("x", "one")], 1);
    store.enlist(&[recipient("late")], at(2)).expect("enlisted");
    assert_eq!(deliveries(&store, "late"), []);
    update_alerts(&store, vec![drift("x", "two")], 3);
    assert_eq!(deliveries(&store, "late").len(), 1);
}

/// P54.
#[test]
fn update_during_a_delivery_is_not_lost() {
    let store = enlisted(&["a"]);
    update_alerts(&store, vec![drift("x", "one")], 1);
    let sent = deliveries(&store, "a").remove(0);
    update_alerts(&store, vec![drift("x", "two")], 2);
    store.record_delivery(&recipient("a"), &sent, Ok(()), at(3)).expect("recorded");
    let waiting = deliveries(&store, "a");
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].notice.alert.detail(), "two");
    assert_eq!((waiting[0].attempts, waiting[0].not_before), (0, at(3)));
}

#[test]
fn lanes_are_separate_and_only_due_deliveries_are_returned() {
    let store = enlisted(&["a", "ab"]);
    update_alerts(&store, vec![drift("x", "one"), drift("y", "one").of_served(true)], 1);
    let due = |served: bool| -> Vec<String> {
        let due = store
            .snapshot()
            .and_then(|snapshot| snapshot.due_deliveries("a", served, at(5)))
            .expect("read");
        due.into_iter().map(|delivery| delivery.notice.alert.identity.subject).collect()
    };
    assert_eq!((due(false), due(true)), (vec!["x".to_owned()], vec!["y".to_owned()]));
    let refusal = Refusal { why: "no".into(), scope: RefusalScope::Delivery, retry_after: None };
    let x = deliveries(&store, "a")
        .into_iter()
        .find(|delivery| delivery.notice.alert.identity.subject == "x");
    let x = x.expect("a delivery");
    let again = store.record_delivery(&recipient("a"), &x, Err(refusal), at(5)).expect("recorded");
    assert_eq!(again, Some(at(6)));
    update_alerts(&store, vec![drift("x", "one"), drift("z", "one")], 4);
    assert_eq!(due(false), ["z"], "the other one waits");
}

#[test]
fn dead_letter_is_kept_until_redelivered_or_superseded() {
    let store = enlisted(&["a", "b"]);
    let give_up = |name: &str, now: i64| {
        let delivery = deliveries(&store, name).remove(0);
        store.record_delivery(&recipient(name), &delivery, gone(), at(now)).expect("recorded");
    };
    update_alerts(&store, vec![drift("x", "one")], 1);
    give_up("a", 2);
    give_up("b", 2);
    assert_eq!(lost(&store), [("a".into(), "x".into()), ("b".into(), "x".into())]);
    assert_eq!(store.redeliver(Some("b"), &Actor::LocalUser(1), at(3)).expect("moved"), Some(1));
    assert_eq!(store.redeliver(Some("c"), &Actor::LocalUser(1), at(3)).expect("moved"), None);
    assert_eq!(lost(&store), [("a".into(), "x".into())]);
    let again = deliveries(&store, "b").remove(0);
    assert_eq!((again.attempts, again.redelivered_by), (0, Some(Actor::LocalUser(1))));
    // The recipient comes back, and receives the current state.
    update_alerts(&store, vec![drift("x", "two")], 4);
    let delivery = deliveries(&store, "a").remove(0);
    store.record_delivery(&recipient("a"), &delivery, Ok(()), at(5)).expect("recorded");
    assert_eq!(lost(&store), []);
}

#[test]
fn old_dead_letters_are_removed() {
    let store = enlisted(&["a"]);
    update_alerts(&store, vec![drift("x", "one")], 1);
    let delivery = deliveries(&store, "a").remove(0);
    store.record_delivery(&recipient("a"), &delivery, gone(), at(2)).expect("recorded");
    assert_eq!(lost(&store), [("a".into(), "x".into())]);
    update_alerts(&store, vec![drift("x", "two")], 100 * 24 * 3_600);
    assert_eq!(lost(&store), []);
    assert_eq!(deliveries(&store, "a").len(), 1);
    assert!(store.snapshot().expect("a snapshot").verify().expect("read").is_sound());
}

#[test]
fn deliveries_of_a_removed_recipient_become_dead_letters_until_it_returns() {
    let store = enlisted(&["a", "b"]);
    update_alerts(&store, vec![drift("x", "one")], 1);
    store.enlist(&[recipient("b")], at(3)).expect("enlisted");
    assert_eq!(lost(&store), [("a".into(), "x".into())]);
    assert_eq!(store.redeliver(Some("a"), &Actor::LocalUser(1), at(4)).expect("read"), None);
    assert_eq!(
        store.redeliver(None, &Actor::LocalUser(1), at(4)).expect("read"),
        Some(0),
        "the recipient is not configured"
    );
    assert_eq!(lost(&store).len(), 1);
    let delivery = deliveries(&store, "b").remove(0);
    let stranger =
        store.record_delivery(&recipient("a"), &delivery, gone(), at(4)).expect("recorded");
    assert_eq!(stranger, None, "a removed recipient gets no retry");
    store.enlist(&[recipient("a"), recipient("b")], at(5)).expect("enlisted");
    assert_eq!(store.redeliver(Some("a"), &Actor::LocalUser(1), at(6)).expect("moved"), Some(1));
    assert_eq!(deliveries(&store, "a").len(), 1);
}

#[test]
fn gone_recipient_gets_no_more_deliveries() {
    let store = enlisted(&["a", "b"]);
    update_alerts(&store, vec![drift("x", "one"), drift("y", "one")], 1);
    let delivery = deliveries(&store, "a").remove(0);
    store.record_delivery(&recipient("a"), &delivery, gone(), at(2)).expect("recorded");
    assert_eq!(deliveries(&store, "a"), []);
    assert_eq!(lost(&store).len(), 2);
    assert_eq!(deliveries(&store, "b").len(), 2);
    assert_eq!(store.redeliver(None, &Actor::LocalUser(1), at(3)).expect("moved"), Some(2));
    assert_eq!((deliveries(&store, "a").len(), lost(&store)), (2, vec![]));
}

#[test]
fn worse_news_goes_before_the_recovery_of_the_same_event() {
    let store = enlisted(&["a"]);
    update_alerts(&store, vec![drift("a-missing", "one")], 1);
    let first = deliveries(&store, "a").remove(0);
    store.record_delivery(&recipient("a"), &first, Ok(()), at(2)).expect("recorded");
    update_alerts(&store, vec![drift("z-revoked", "one")], 3);
    let due = store.snapshot().and_then(|snapshot| snapshot.due_deliveries("a", false, at(4)));
    let due: Vec<String> = due
        .expect("read")
        .into_iter()
        .map(|delivery| delivery.notice.alert.identity.subject)
        .collect();
    assert_eq!(due, ["z-revoked", "a-missing"]);
}

#[test]
fn recovery_waits_for_worse_news_about_its_namespace_that_has_to_be_tried_again() {
    let store = enlisted(&["a"]);
    let about = |kind: &str| drift(kind, "one").of_namespace("com.example");
    update_alerts(&store, vec![about("missing"), drift("other", "one")], 1);
    for delivery in deliveries(&store, "a") {
        store.record_delivery(&recipient("a"), &delivery, Ok(()), at(2)).expect("recorded");
    }
    update_alerts(&store, vec![about("revoked")], 3);
    let subject = |delivery: &Delivery| delivery.notice.alert.identity.subject.clone();
    let mut waiting = deliveries(&store, "a").into_iter();
    let worse = waiting.find(|delivery| subject(delivery) == "revoked").expect("a delivery");
    let busy = Refusal { why: "busy".into(), scope: RefusalScope::Recipient, retry_after: None };
    store.record_delivery(&recipient("a"), &worse, Err(busy), at(4)).expect("recorded");
    let due = store.snapshot().and_then(|snapshot| snapshot.due_deliveries("a", false, at(4)));
    let due: Vec<String> = due.expect("read").iter().map(subject).collect();
    assert_eq!(due, ["other"], "the recovery of another namespace waits for nothing");
}
