//! Letters in a real store.

use super::*;
use crate::alert::{AlertKind, Format, Letter, Observation, Receiver, Refusal, Whose};
use crate::model::Instant;

fn at(seconds: i64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn receiver(name: &str) -> Receiver {
    Receiver {
        name: name.into(),
        format: Format::Json,
        url: "sha256:0123".into(),
        secret: None,
        kinds: Vec::new(),
        give_up_after_seconds: 60,
    }
}

fn drift(name: &str, detail: &str) -> Observation {
    Observation::new(AlertKind::Drift, name, [detail.to_owned().into()])
}

fn enlisted(names: &[&str]) -> Store {
    let store = Store::ephemeral(at(0)).expect("a store");
    let receivers: Vec<Receiver> = names.iter().map(|it| receiver(it)).collect();
    store.enlist(&receivers, at(0)).expect("enlisted");
    store
}

fn observe(store: &Store, seen: Vec<Observation>, now: i64) {
    store.observe("official", seen, at(now)).expect("observed");
}

fn letters(store: &Store, receiver: &str) -> Vec<Letter> {
    store.snapshot().and_then(|it| it.letters_of(receiver)).expect("letters")
}

fn lost(store: &Store) -> Vec<(String, String)> {
    let undelivered = store.snapshot().and_then(|it| it.undelivered()).expect("letters");
    undelivered
        .into_iter()
        .map(|it| (it.receiver, it.letter.notice.alert.identity.subject))
        .collect()
}

fn gone() -> Result<(), Refusal> {
    Err(Refusal { why: "gone".into(), whose: Whose::Gone, retry_after: None })
}

#[test]
fn a_letter_is_stored_with_its_alert_for_everybody_and_goes_when_it_was_taken() {
    let store = enlisted(&["a", "b"]);
    observe(&store, vec![drift("x", "one")], 1);
    observe(&store, vec![drift("x", "one")], 2);
    assert_eq!((letters(&store, "a").len(), letters(&store, "b").len()), (1, 1));
    let letter = letters(&store, "a").remove(0);
    let next = store.handed_over(&receiver("a"), &letter, Ok(()), at(3)).expect("noted");
    assert_eq!(next, None);
    assert_eq!((letters(&store, "a").len(), letters(&store, "b").len()), (0, 1));
    let mailboxes = store.snapshot().and_then(|it| it.mailboxes()).expect("mailboxes");
    let taken: Vec<Option<Instant>> = mailboxes.iter().map(|it| it.reception.last_taken).collect();
    assert_eq!(taken, [Some(at(3)), None]);
}

#[test]
fn without_a_receiver_nothing_is_written_down() {
    let store = enlisted(&[]);
    observe(&store, vec![drift("x", "one")], 1);
    store.enlist(&[receiver("late")], at(2)).expect("enlisted");
    assert_eq!(letters(&store, "late"), []);
    observe(&store, vec![drift("x", "two")], 3);
    assert_eq!(letters(&store, "late").len(), 1);
}

#[test]
fn news_that_come_while_a_letter_is_on_its_way_are_not_lost() {
    let store = enlisted(&["a"]);
    observe(&store, vec![drift("x", "one")], 1);
    let sent = letters(&store, "a").remove(0);
    observe(&store, vec![drift("x", "two")], 2);
    store.handed_over(&receiver("a"), &sent, Ok(()), at(3)).expect("noted");
    let waiting = letters(&store, "a");
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].notice.alert.detail(), "two");
    assert_eq!((waiting[0].attempts, waiting[0].not_before), (0, at(3)));
}

#[test]
fn lanes_are_apart_and_the_one_that_may_be_tried_first_is_next() {
    let store = enlisted(&["a", "ab"]);
    observe(&store, vec![drift("x", "one"), drift("y", "one").about_served(true)], 1);
    let due = |served: bool| -> Vec<String> {
        let due = store.snapshot().and_then(|it| it.due_letters("a", served, at(5))).expect("read");
        due.into_iter().map(|letter| letter.notice.alert.identity.subject).collect()
    };
    assert_eq!((due(false), due(true)), (vec!["x".to_owned()], vec!["y".to_owned()]));
    let refusal = Refusal { why: "no".into(), whose: Whose::Letter, retry_after: None };
    let x = letters(&store, "a").into_iter().find(|it| it.notice.alert.identity.subject == "x");
    let x = x.expect("a letter");
    let again = store.handed_over(&receiver("a"), &x, Err(refusal), at(5)).expect("noted");
    assert_eq!(again, Some(at(6)));
    observe(&store, vec![drift("x", "one"), drift("z", "one")], 4);
    assert_eq!(due(false), ["z"], "the other one waits");
}

#[test]
fn what_is_given_up_is_kept_until_it_is_sent_again_or_newer_news_are_taken() {
    let store = enlisted(&["a", "b"]);
    let give_up = |name: &str, now: i64| {
        let letter = letters(&store, name).remove(0);
        store.handed_over(&receiver(name), &letter, gone(), at(now)).expect("noted");
    };
    observe(&store, vec![drift("x", "one")], 1);
    give_up("a", 2);
    give_up("b", 2);
    assert_eq!(lost(&store), [("a".into(), "x".into()), ("b".into(), "x".into())]);
    assert_eq!(store.redeliver(Some("b"), at(3)).expect("moved"), Some(1));
    assert_eq!(store.redeliver(Some("c"), at(3)).expect("moved"), None);
    assert_eq!(lost(&store), [("a".into(), "x".into())]);
    assert_eq!(letters(&store, "b")[0].attempts, 0);
    // The receiver comes back, and hears what is the case now.
    observe(&store, vec![drift("x", "two")], 4);
    let letter = letters(&store, "a").remove(0);
    store.handed_over(&receiver("a"), &letter, Ok(()), at(5)).expect("noted");
    assert_eq!(lost(&store), []);
}

#[test]
fn what_was_given_up_long_ago_is_forgotten() {
    let store = enlisted(&["a"]);
    observe(&store, vec![drift("x", "one")], 1);
    let letter = letters(&store, "a").remove(0);
    store.handed_over(&receiver("a"), &letter, gone(), at(2)).expect("noted");
    assert_eq!(lost(&store), [("a".into(), "x".into())]);
    observe(&store, vec![drift("x", "two")], 100 * 24 * 3_600);
    assert_eq!(lost(&store), []);
    assert_eq!(letters(&store, "a").len(), 1);
    assert!(store.snapshot().expect("a snapshot").verify().expect("read").is_sound());
}

#[test]
fn what_waits_for_a_receiver_that_leaves_is_given_up_and_sent_when_it_comes_back() {
    let store = enlisted(&["a", "b"]);
    observe(&store, vec![drift("x", "one")], 1);
    store.enlist(&[receiver("b")], at(3)).expect("enlisted");
    assert_eq!(lost(&store), [("a".into(), "x".into())]);
    assert_eq!(store.redeliver(Some("a"), at(4)).expect("read"), None);
    assert_eq!(store.redeliver(None, at(4)).expect("read"), Some(0), "nobody would take it");
    assert_eq!(lost(&store).len(), 1);
    let letter = letters(&store, "b").remove(0);
    let stranger = store.handed_over(&receiver("a"), &letter, gone(), at(4)).expect("noted");
    assert_eq!(stranger, None, "whoever left is told nothing");
    store.enlist(&[receiver("a"), receiver("b")], at(5)).expect("enlisted");
    assert_eq!(store.redeliver(Some("a"), at(6)).expect("moved"), Some(1));
    assert_eq!(letters(&store, "a").len(), 1);
}

#[test]
fn whoever_is_gone_is_told_nothing_more_of_what_waits() {
    let store = enlisted(&["a", "b"]);
    observe(&store, vec![drift("x", "one"), drift("y", "one")], 1);
    let letter = letters(&store, "a").remove(0);
    store.handed_over(&receiver("a"), &letter, gone(), at(2)).expect("noted");
    assert_eq!(letters(&store, "a"), []);
    assert_eq!(lost(&store).len(), 2);
    assert_eq!(letters(&store, "b").len(), 2);
    assert_eq!(store.redeliver(None, at(3)).expect("moved"), Some(2));
    assert_eq!((letters(&store, "a").len(), lost(&store)), (2, vec![]));
}
