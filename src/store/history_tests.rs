use std::time::Duration;

use redb::ReadableTable;

use super::history::NewEvents;
use super::tests::NOW;
use super::*;
use crate::history::{Cause, Change, EntryChange, Event, VerdictChange};
use crate::model::{Approved, LedgerRecord, Name, Shown, Timestamp, Version};
use crate::ownership::Verdict;

const DAY: Duration = Duration::from_hours(24);

fn shown(name: &str, at: Timestamp) -> Event {
    let name = Name::parse(name).expect("a name");
    let version = Version::parse("1").expect("a version");
    let (before, after) = (None, Some(Approved::any()));
    let (view, cause, hidden_by) = ("default".into(), Cause::Policy, None);
    let change = EntryChange { view, name, version, before, after, cause, hidden_by };
    Event { at, change: Change::Entry(change) }
}

fn verdict(namespace: &str, at: Timestamp) -> Event {
    let (before, after) = (None, Verdict::Verified);
    let change = VerdictChange { namespace: namespace.into(), before, after };
    Event { at, change: Change::Verdict(change) }
}

/// Commits the events, and the visible entries that they show.
fn commit(store: &Store, events: &[Event], now: Timestamp) {
    let record = |event: &Event| {
        let Change::Entry(change) = &event.change else { return None };
        let digest = crate::model::Digest::of(b"x");
        let (shown, approved) = (Shown::Visible, Approved::any());
        let record = LedgerRecord { shown, changed_at: now, digest, published_at: now, approved };
        Some(((change.name.clone(), change.version.clone()), record))
    };
    let changes: Vec<_> = events.iter().filter_map(record).collect();
    let changes = [ViewChanges { view: "default", changes: &changes }];
    let happened = NewEvents { events, rules: &[] };
    store.commit_ledger(&changes, &[], &Evaluated::default(), happened, now).expect("committed");
}

fn names(events: Rows<'_, NumberedEvent>) -> Vec<(u64, String)> {
    let read = events.map(|event| event.expect("readable"));
    read.map(|read| (read.sequence, read.event.subject().expect("a subject"))).collect()
}

#[test]
fn events_are_numbered_and_found_by_time_name_and_namespace() {
    let store = Store::ephemeral(NOW).expect("a store");
    let day = |days: u32| NOW.plus(DAY * days);
    commit(&store, &[shown("com.a/x", day(1)), verdict("com.a", day(1))], day(1));
    commit(&store, &[], day(2));
    commit(&store, &[shown("com.A/y", day(3)), shown("com.a/X", day(3))], day(3));
    let snapshot = store.snapshot().expect("a snapshot");
    let pair = |sequence: u64, name: &str| (sequence, name.to_owned());
    let all = [pair(4, "com.a/x"), pair(3, "com.a/y"), pair(2, "com.a"), pair(1, "com.a/x")];
    assert_eq!(names(snapshot.events_since(NOW).expect("read")), all);
    assert_eq!(names(snapshot.events_since(day(1)).expect("read")), all[..2]);
    assert_eq!(names(snapshot.events_since(day(3)).expect("read")), []);
    let about = |subject: &str| names(snapshot.events_about(subject).expect("read"));
    assert_eq!(about("com.a/x"), [pair(4, "com.a/x"), pair(1, "com.a/x")]);
    assert_eq!(about("COM.A"), [pair(2, "com.a")]);
    assert_eq!(about("com.a/z"), []);
    assert_eq!(snapshot.history_begins().expect("read"), NOW);
}

/// P75.
#[test]
fn events_are_pruned_after_400_days_and_what_is_served_since_before_them_is_still_known() {
    let store = Store::ephemeral(NOW).expect("a store");
    let day = |days: u32| NOW.plus(DAY * days);
    commit(&store, &[shown("com.a/x", day(1))], day(1));
    commit(&store, &[shown("com.a/y", day(10))], day(10));
    store.prune_history(day(400)).expect("pruned");
    let begins = |store: &Store| store.snapshot().and_then(|read| read.history_begins());
    assert_eq!(begins(&store).expect("read"), NOW, "nothing is older than 400 days");
    store.prune_history(day(402)).expect("pruned");
    assert_eq!(begins(&store).expect("read"), day(1));
    let snapshot = store.snapshot().expect("a snapshot");
    let left = names(snapshot.events_since(NOW).expect("read"));
    assert_eq!(left, [(2, "com.a/y".to_owned())]);
    assert_eq!(names(snapshot.events_about("com.a/x").expect("read")), []);
    let mut then = snapshot.served().expect("read");
    for event in snapshot.events_since(day(5)).expect("read") {
        then.undo(&event.expect("readable").event, day(5));
    }
    let names: Vec<String> = then.0.keys().map(|(_, name, _)| name.to_string()).collect();
    assert_eq!(names, ["com.a/x"], "it is visible since before the history begins");
    drop(snapshot);
    store.prune_history(day(900)).expect("pruned");
    commit(&store, &[shown("com.a/z", day(900))], day(900));
    let snapshot = store.snapshot().expect("a snapshot");
    let last = names_first(&snapshot);
    assert_eq!(last, (3, "com.a/z".to_owned()), "numbers are never used again");
}

fn names_first(snapshot: &Snapshot) -> (u64, String) {
    names(snapshot.events_since(NOW).expect("read")).remove(0)
}

#[test]
fn damaged_block_is_left_out_and_reported() {
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, &[shown("com.a/x", NOW)], NOW.plus(DAY));
    commit(&store, &[shown("com.a/y", NOW)], NOW.plus(DAY * 2));
    let cut = |transaction: &redb::WriteTransaction| {
        let mut blocks = transaction.open_table(tables::EVENTS)?;
        let value = blocks.get(1)?.map(|value| value.value().to_vec()).unwrap_or_default();
        blocks.insert(1, &value[..value.len() - 1])?;
        Ok(())
    };
    store.write(NOW, cut).expect("damaged");
    let snapshot = store.snapshot().expect("a snapshot");
    let mut events = snapshot.events_since(NOW).expect("read");
    let read: Vec<u64> = events.by_ref().map(|event| event.expect("read").sequence).collect();
    assert_eq!((read.as_slice(), events.damage().len()), ([2].as_slice(), 1));
    let verified = snapshot.verify().expect("verified");
    assert!(verified.problems.iter().any(|problem| problem.contains("events")), "{verified:?}");
}

/// The bound of the issue of the history: 100 bytes for an event, in a publication of a thousand.
#[rstest::rstest]
#[case::one_rule(1, 100)]
#[case::a_rule_each(1_000, 100)]
fn event_of_a_publication_costs_at_most_100_bytes(#[case] rules: u32, #[case] most: usize) {
    let digest = |text: String| crate::model::Digest::of(text.as_bytes());
    let event = |number: u32| {
        let name =
            format!("io.github.user-{:x}/server-{number}", number.wrapping_mul(2_654_435_761));
        let Event { at, change } = shown(&name, NOW);
        let Change::Entry(change) = change else { panic!("an entry") };
        let received = digest(format!("content {number}"));
        let after = Some(Approved { received, rule: digest(format!("rule {}", number % rules)) });
        let version = Version::parse(&format!("{}.{}.0", number % 7, number % 31)).expect("one");
        Event { at, change: Change::Entry(EntryChange { version, after, ..change }) }
    };
    let events: Vec<Event> = (0..1_000).map(event).collect();
    let store = Store::ephemeral(NOW).expect("a store");
    commit(&store, &events, NOW);
    let snapshot = store.snapshot().expect("a snapshot");
    let mut bytes = 0;
    for table in [snapshot.tables.events(), snapshot.tables.event_subjects()] {
        for row in table.expect("a table").iter().expect("read") {
            bytes += size_of::<u64>() + row.expect("a row").1.value().len();
        }
    }
    assert!(bytes <= most * events.len(), "{bytes} bytes for {} events", events.len());
}
