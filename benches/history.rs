//! Measures what the events of the history cost: a commit of a publication with them, and without them, in one run.
//!
//! `cargo bench --bench history -- [ROUNDS]`, 40 by default: a thousand entries become visible in each round, in two
//! stores on the disk by turns. The seconds of CPU are those of the thread that commits.

#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

#[path = "support/machine.rs"]
#[allow(dead_code, unreachable_pub, reason = "other benchmarks use the rest")]
mod machine;

use machine::thread_seconds;
use vidimus::history::{Cause, Change, EntryChange, Event};
use vidimus::model::{
    Approved, Digest, LedgerEntry, LedgerRecord, Name, Shown, Timestamp, Version,
};
use vidimus::store::{Evaluated, NewEvents, Store, ViewChanges};

const CHANGES: usize = 1_000;
const VIEW: &str = "default";

fn main() {
    let rounds = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(40_usize);
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let begin = Timestamp::parse("2026-11-20T00:00:00Z").expect("a time");
    let stores =
        folders.each_ref().map(|folder| Store::create(folder.path(), begin).expect("a store"));
    let mut seconds = [0.0; 2];
    for round in 0..rounds {
        let now = begin.plus(std::time::Duration::from_secs(round as u64 + 1));
        let records: Vec<LedgerEntry> =
            (0..CHANGES).map(|index| record(round, index, now)).collect();
        for (index, store) in stores.iter().enumerate() {
            let before = thread_seconds();
            let events: Vec<Event> = if index == 0 {
                Vec::new()
            } else {
                records.iter().map(|record| event(record, now)).collect()
            };
            let names: Vec<_> = records.iter().map(|((name, _), _)| (name.clone(), None)).collect();
            let evaluated = Evaluated { names: &names, ..Evaluated::default() };
            let views = [ViewChanges { view: VIEW, changes: &records }];
            let new_events = NewEvents { events: &events, rules: &[] };
            store.commit_ledger(&views, &[], &evaluated, new_events, now).expect("a commit");
            seconds[index] += thread_seconds() - before;
        }
    }
    let [without, with] = seconds.map(|total| total * 1_000.0 / rounds as f64);
    println!("a commit of {CHANGES} changes without events: {without:.2} ms of CPU");
    println!("with them: {with:.2} ms, {:.2} ms more", with - without);
}

/// Returns a record of an entry that becomes visible.
fn record(round: usize, index: usize, now: Timestamp) -> LedgerEntry {
    let name = Name::parse(&format!("io.github.user-{index}/server-{round}")).expect("a name");
    let version = Version::parse(&format!("{}.{}.0", index % 7, index % 31)).expect("a version");
    let digest = |text: String| Digest::of(text.as_bytes());
    let approved = Approved {
        received: digest(format!("{round} {index}")),
        rule: digest(format!("rule {}", index % 50)),
    };
    (
        (name, version),
        LedgerRecord {
            shown: Shown::Visible,
            changed_at: now,
            digest: digest(format!("item {round} {index}")),
            published_at: now,
            approved,
        },
    )
}

fn event(((name, version), record): &LedgerEntry, at: Timestamp) -> Event {
    let change = EntryChange {
        view: VIEW.into(),
        name: name.clone(),
        version: version.clone(),
        before: None,
        after: Some(record.approved),
        cause: Cause::Policy,
        hidden_by: None,
    };
    Event { at, change: Change::Entry(change) }
}
