//! After any history of an upstream, the mirror equals a model of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::support::registry::Row;
use crate::support::source::{Source, minute, sync};
use proptest::prelude::*;
use vidimus::daemon::Clock;
use vidimus::store::Store;

const MISSING_SYNCS: u32 = 3;
const OVERLAP: i64 = 1;

/// An event at the upstream or in the mirror.
#[derive(Debug, Clone, Copy)]
enum Event {
    Publish(usize),
    Deprecate(usize),
    Delete(usize),
    Vanish(usize),
    /// A vanished entry comes back unchanged.
    Return(usize),
    /// Other content, without a new `updatedAt`.
    Rewrite(usize),
    Sync {
        full: bool,
    },
    Restart,
    /// The upstream's clock moves by so many minutes, forward or back.
    Clock(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let key = 0..6_usize;
    prop_oneof![
        3 => key.clone().prop_map(Event::Publish),
        1 => key.clone().prop_map(Event::Deprecate),
        1 => key.clone().prop_map(Event::Delete),
        1 => key.clone().prop_map(Event::Vanish),
        1 => key.clone().prop_map(Event::Return),
        1 => key.prop_map(Event::Rewrite),
        3 => any::<bool>().prop_map(|full| Event::Sync { full }),
        1 => Just(Event::Restart),
        1 => (-5..20_i64).prop_map(Event::Clock),
    ]
}

/// The expected state of an entry in the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    content: String,
    others: BTreeSet<String>,
    /// The upstream's current content.
    current: String,
    status: String,
    absent: u32,
}

/// The mirror's rules, implemented a second time as simply as possible.
#[derive(Debug, Default)]
struct Model {
    kept: BTreeMap<(String, String), Kept>,
    /// Entries that were deleted in every row that was received: no content of them is known.
    contentless: BTreeSet<(String, String)>,
    had_full_sync: bool,
    watermark: Option<i64>,
}

impl Model {
    fn sync(&mut self, source: &Source, full: bool) {
        let registry = source.lock();
        let since = match (self.had_full_sync && !full, self.watermark) {
            (true, Some(watermark)) => Some(watermark),
            _ => None,
        };
        for (key, row) in &registry.rows {
            let sent = since.is_none_or(|since| row.updated_at > minute(since).to_string());
            if !sent {
                continue;
            }
            let is_deleted = row.status == "deleted";
            if !self.kept.contains_key(key) && is_deleted {
                self.contentless.insert(key.clone());
            }
            let kept = self.kept.entry(key.clone()).or_insert_with(|| Kept {
                content: row.description.clone(),
                others: BTreeSet::new(),
                current: row.description.clone(),
                status: row.status.clone(),
                absent: 0,
            });
            // An unchanged row in an incremental sync does not end an absence.
            let unchanged = kept.status == row.status && kept.current == row.description;
            kept.status.clone_from(&row.status);
            kept.current.clone_from(&row.description);
            if self.contentless.contains(key) {
                kept.content.clone_from(&row.description);
                if !is_deleted {
                    self.contentless.remove(key);
                }
            }
            if kept.content != row.description {
                kept.others.insert(row.description.clone());
            }
            if since.is_none() || !unchanged {
                kept.absent = 0;
            }
        }
        if since.is_none() {
            for (key, kept) in &mut self.kept {
                if !registry.rows.contains_key(key) {
                    kept.absent += 1;
                }
            }
        }
        let start = registry.now - OVERLAP;
        self.watermark = match since {
            None => Some(start),
            // Upstream has not reached it: a clock was wrong, and a full sync follows.
            Some(before) if registry.now < before => None,
            Some(before) => Some(before.max(start)),
        };
        self.had_full_sync = true;
    }
}

fn key(index: usize) -> (String, String) {
    (format!("com.n{}/tool", index / 2), format!("1.{}.0", index % 2))
}

fn apply(source: &Source, gone: &mut BTreeMap<(String, String), Row>, event: Event) {
    let mut registry = source.lock();
    let now = minute(registry.now).to_string();
    match event {
        Event::Publish(index) => {
            let (name, version) = key(index);
            if !registry.rows.contains_key(&key(index)) && !gone.contains_key(&key(index)) {
                registry.rows.insert(key(index), Row::new(&name, &version).published(&now));
            }
        }
        Event::Deprecate(index) | Event::Delete(index) => {
            let status = if matches!(event, Event::Delete(_)) { "deleted" } else { "deprecated" };
            if let Some(row) = registry.rows.remove(&key(index)) {
                registry.rows.insert(key(index), row.status(status, &now));
            }
        }
        Event::Vanish(index) => {
            gone.extend(registry.rows.remove(&key(index)).map(|row| (key(index), row)));
        }
        Event::Return(index) => {
            let back = gone.remove(&key(index));
            registry.rows.extend(back.map(|row| (key(index), row)));
        }
        Event::Rewrite(index) => {
            if let Some(row) = registry.rows.remove(&key(index)) {
                let other = if row.description == "other" { "another" } else { "other" };
                registry.rows.insert(key(index), row.described(other));
            }
        }
        Event::Clock(minutes) => registry.now = (registry.now + minutes).max(0),
        Event::Sync { .. } | Event::Restart => {}
    }
}

fn mirrored(store: &Store) -> BTreeMap<(String, String), Kept> {
    let snapshot = store.snapshot().expect("a snapshot");
    assert!(snapshot.verify().expect("verified").is_sound());
    let description = |server: &str| -> String {
        let server: serde_json::Value = serde_json::from_str(server).expect("JSON");
        server["description"].as_str().expect("a text").to_owned()
    };
    let mut mirrored = BTreeMap::new();
    for stored in snapshot.heads().expect("heads") {
        let stored = stored.expect("a head");
        let entry = snapshot.entry(&stored).expect("an entry");
        let others = snapshot.others(&stored).expect("read");
        let last = others.last().filter(|other| other.head.sent == stored.head.sent);
        let current = last.map(|other| description(&other.server));
        let others: Vec<String> = others.iter().map(|other| description(&other.server)).collect();
        let content = description(&entry.server);
        let absent = snapshot.absence(&stored).expect("read").map_or(0, |absence| absence.missed);
        assert_eq!(stored.head.missing, absent >= MISSING_SYNCS, "{stored:?}");
        let kept = Kept {
            current: current.unwrap_or_else(|| content.clone()),
            others: others.into_iter().collect(),
            content,
            status: stored.head.status.to_string(),
            absent,
        };
        mirrored.insert((stored.name.to_string(), stored.version.to_string()), kept);
    }
    mirrored
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mirror_equals_the_model_after_any_history(
        events in prop::collection::vec(event(), 1..40),
    ) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let folder = crate::support::folder::folder();
        let open = || Arc::new(Store::create(folder.path(), Clock::system()).expect("a store"));
        let mut store = open();
        let (source, mut gone, mut model) = (Source::default(), BTreeMap::new(), Model::default());
        source.lock().now = 5;
        for event in &events {
            apply(&source, &mut gone, *event);
            match event {
                Event::Sync { full } => {
                    runtime.block_on(sync(&store, &source, *full)).expect("a sync run");
                    model.sync(&source, *full);
                    prop_assert_eq!(&mirrored(&store), &model.kept);
                }
                Event::Restart => {
                    drop(store);
                    store = open();
                }
                _ => {}
            }
        }
    }
}
