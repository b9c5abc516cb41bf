use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::reading::{FLUSH_AFTER, Reading, ReadingError};
use crate::advisory::{Advisory, FeedState, MAX_PER_PACKAGE};
use crate::model::{Name, Timestamp};
use crate::remote::FeedContent;
use crate::store::Store;

struct Scene {
    folder: tempfile::TempDir,
    store: Store,
    touched: RefCell<Vec<BTreeSet<Name>>>,
    /// Questions that are answered before the reading has to stop.
    stops_after: Cell<usize>,
    moment: Cell<Instant>,
    /// The time that each document takes.
    step: Cell<Duration>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::ephemeral(Timestamp::MIN).expect("a store");
        let moment = Cell::new(Instant::now());
        let (touched, stops_after) = (RefCell::default(), Cell::new(usize::MAX));
        Self { folder, store, touched, stops_after, moment, step: Cell::default() }
    }

    fn put(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).expect("a file");
    }

    fn put_advisory(&self, file: &str, id: &str, ecosystem: &str, package: &str) {
        let affected = format!(r#"{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}}}}"#);
        self.put(file, &format!(r#"{{"id":"{id}","affected":[{affected}]}}"#));
    }

    fn remove(&self, file: &str) {
        std::fs::remove_file(self.folder.path().join(file)).expect("removed");
    }

    fn read(&self, before: &FeedState) -> Result<FeedState, ReadingError> {
        let content = content(self.folder.path());
        let reading = Reading {
            store: &self.store,
            feed: "feed",
            now: Timestamp::parse("2026-06-01T00:00:00Z").expect("a time"),
            touched: &|names| self.touched.borrow_mut().push(names),
            is_stopped: &|| {
                let left = self.stops_after.get();
                self.stops_after.set(left.saturating_sub(1));
                left == 0
            },
            moment: &|| {
                self.moment.set(self.moment.get() + self.step.get());
                self.moment.get()
            },
        };
        reading.read(&content, before)
    }

    fn stored(&self, id: &str) -> Option<Advisory> {
        let snapshot = self.store.snapshot().expect("a snapshot");
        snapshot.advisory_of("feed", id).expect("read")
    }

    fn has(&self, id: &str) -> bool {
        self.stored(id).is_some()
    }
}

fn content(path: &Path) -> FeedContent {
    let opened = FeedContent::open(path, None, SystemTime::UNIX_EPOCH).expect("open");
    opened.expect("it is not known").0
}

#[test]
fn documents_about_other_ecosystems_are_not_kept_and_a_second_one_with_an_id_is_reported() {
    let scene = Scene::new();
    scene.put_advisory("a.json", "A-1", "npm", "x");
    scene.put_advisory("b.json", "A-1", "npm", "y");
    scene.put_advisory("c.json", "C-1", "Debian", "x");
    scene.put("notes.txt", "no document");
    let state = scene.read(&FeedState::default()).expect("read");
    assert_eq!((state.advisories, state.unreadable.count), (1, 1));
    assert_eq!(state.unreadable.examples, ["b.json: another document has its id"]);
    assert!(scene.has("A-1") && !scene.has("C-1"));
}

#[test]
fn very_many_advisories_about_one_package_are_cut_and_do_not_displace_malicious_ones() {
    let scene = Scene::new();
    for number in 0..MAX_PER_PACKAGE + 20 {
        scene.put_advisory(&format!("a{number:05}.json"), &format!("A-{number}"), "npm", "x");
    }
    scene.put_advisory("z.json", "MAL-1", "npm", "x");
    let state = scene.read(&FeedState::default()).expect("read");
    assert_eq!(state.advisories, MAX_PER_PACKAGE as usize + 1);
    assert_eq!((state.unreadable.count, state.unreadable.examples.len()), (20, 10));
    assert!(state.unreadable.examples[0].contains("advisories about one package"));
    assert!(scene.has("MAL-1"));
}

#[test]
fn advisory_that_is_narrowed_finds_no_room_in_a_full_package() {
    let scene = Scene::new();
    let both = r#"{"id":"Z-1","affected":[{"package":{"ecosystem":"npm","name":"x"}},{"package":{"ecosystem":"npm","name":"y"}}]}"#;
    scene.put("z.json", both);
    let before = scene.read(&FeedState::default()).expect("read");
    for number in 0..MAX_PER_PACKAGE {
        scene.put_advisory(&format!("a{number:05}.json"), &format!("A-{number}"), "npm", "x");
    }
    scene.read(&before).expect("read");
    let affected = scene.stored("Z-1").expect("kept").affected;
    let packages: Vec<&str> = affected.iter().map(|affected| affected.package.as_str()).collect();
    assert_eq!(packages, ["y"]);
}

#[test]
fn reading_removes_only_at_its_end_and_only_what_no_document_may_be_about() {
    let scene = Scene::new();
    for id in ["A-1", "A-2", "A-3", "A-4"] {
        scene.put_advisory(&format!("{id}.json"), id, "npm", "x");
    }
    let before = scene.read(&FeedState::default()).expect("read");
    scene.stops_after.set(0);
    scene.remove("A-1.json");
    assert!(matches!(scene.read(&before), Err(ReadingError::Stopped)));
    assert!(scene.has("A-1"));
    scene.stops_after.set(usize::MAX);
    scene.put("A-2.json", "{");
    let state = scene.read(&before).expect("read");
    assert_eq!(state.advisories, 2);
    assert_eq!(["A-1", "A-2", "A-3"].map(|id| scene.has(id)), [false, true, true]);
}

#[test]
fn unreadable_document_without_the_name_of_an_advisory_lets_nothing_be_removed() {
    let scene = Scene::new();
    for id in ["A-1", "A-2", "A-3"] {
        scene.put_advisory(&format!("the-{id}.json"), id, "npm", "x");
    }
    let before = scene.read(&FeedState::default()).expect("read");
    scene.put("the-A-1.json", "{");
    let state = scene.read(&before).expect("read");
    assert_eq!((state.advisories, scene.has("A-1")), (2, true));
    scene.remove("the-A-1.json");
    scene.read(&state).expect("read");
    assert!(!scene.has("A-1"), "no document may be about it");
}

const TWO: &str =
    r#"{"package":{"ecosystem":"npm","name":"x"}},{"package":{"ecosystem":"npm","name":"y"}}"#;

#[test]
fn advisory_that_affects_less_is_stored_at_the_end_of_a_whole_reading_only() {
    let scene = Scene::new();
    let both = |id: &str, more: &str| format!(r#"{{"id":"{id}",{more}"affected":[{TWO}]}}"#);
    let put = |id: &str, text: String| scene.put(&format!("{id}.json"), &text);
    put("A-1", both("A-1", ""));
    put("A-2", both("A-2", ""));
    scene.put_advisory("A-3.json", "A-3", "npm", "x");
    let before = scene.read(&FeedState::default()).expect("read");
    scene.put_advisory("A-1.json", "A-1", "npm", "x");
    put("A-2", both("A-2", r#""withdrawn":"2026-01-01T00:00:00Z","#));
    put("A-3", both("A-3", ""));
    scene.put_advisory("A-4.json", "A-4", "npm", "x");
    let keys = |id: &str| scene.stored(id).map(|advisory| advisory.keys().count());
    let found = || ["A-1", "A-2", "A-3"].map(|id| keys(id).expect("it is stored"));
    // Each document is a commit of its own.
    scene.step.set(FLUSH_AFTER);
    scene.stops_after.set(6);
    assert!(matches!(scene.read(&before), Err(ReadingError::Stopped)));
    assert_eq!(found(), [2, 2, 2], "only what affects more is stored");
    scene.stops_after.set(usize::MAX);
    scene.read(&before).expect("read");
    assert_eq!(found(), [1, 0, 2]);
}

#[test]
fn withdrawal_that_is_announced_for_later_withdraws_nothing() {
    let scene = Scene::new();
    for (id, withdrawn) in [("A-1", "2026-01-01T00:00:00Z"), ("A-2", "2027-01-01T00:00:00Z")] {
        let text = format!(r#"{{"id":"{id}","withdrawn":"{withdrawn}","affected":[{TWO}]}}"#);
        scene.put(&format!("{id}.json"), &text);
    }
    scene.read(&FeedState::default()).expect("read");
    let keys = ["A-1", "A-2"].map(|id| scene.stored(id).expect("stored").keys().count());
    assert_eq!(keys, [0, 2]);
}

#[test]
fn slow_reading_stores_what_it_has_and_stops_between_two_documents() {
    let scene = Scene::new();
    for id in ["A-1", "A-2", "A-3"] {
        scene.put_advisory(&format!("{id}.json"), id, "npm", "x");
    }
    scene.step.set(FLUSH_AFTER);
    scene.stops_after.set(4);
    assert!(matches!(scene.read(&FeedState::default()), Err(ReadingError::Stopped)));
    assert_eq!(["A-1", "A-2", "A-3"].map(|id| scene.has(id)), [true, true, false]);
    assert_eq!(scene.touched.borrow().len(), 2);
}

#[test]
fn reading_that_fails_touches_what_it_stored() {
    let scene = Scene::new();
    let before = FeedState { advisories: 5, ..FeedState::default() };
    scene.put_advisory("a.json", "A-1", "npm", "x");
    for file in ["b.json", "c.json", "d.json", "e.json"] {
        scene.put(file, "{");
    }
    assert!(matches!(scene.read(&before), Err(ReadingError::Shrunk { found: 1, .. })));
    assert_eq!(scene.touched.borrow().len(), 2, "after its batch, and at the failure");
}

#[test]
fn package_that_an_advisory_repeats_counts_once_and_a_full_one_alone_is_left_out() {
    let scene = Scene::new();
    let repeated = vec![r#"{"package":{"ecosystem":"npm","name":"x"}}"#; 1_500].join(",");
    scene.put("a.json", &format!(r#"{{"id":"A-1","affected":[{repeated}]}}"#));
    let state = scene.read(&FeedState::default()).expect("read");
    assert_eq!((state.advisories, state.unreadable.count), (1, 0));
    for number in 0..MAX_PER_PACKAGE {
        scene.put_advisory(&format!("b{number:05}.json"), &format!("B-{number}"), "npm", "x");
    }
    scene.put("z.json", &format!(r#"{{"id":"Z-1","affected":[{TWO}]}}"#));
    let state = scene.read(&state).expect("read");
    assert_eq!(state.unreadable.count, 2);
    let keys: Vec<String> =
        scene.stored("Z-1").expect("stored").keys().map(|key| key.package).collect();
    assert_eq!(keys, ["y"]);
}

#[test]
fn feed_that_lost_more_than_half_adds_and_removes_nothing() {
    let scene = Scene::new();
    for id in ["A-1", "A-2", "A-3", "A-4", "A-5"] {
        scene.put_advisory(&format!("{id}.json"), id, "npm", "x");
    }
    let before = scene.read(&FeedState::default()).expect("read");
    for id in ["A-1", "A-2", "A-3", "A-4"] {
        scene.remove(&format!("{id}.json"));
    }
    scene.put_advisory("B-1.json", "B-1", "npm", "x");
    let shrunk = scene.read(&before).expect_err("shrunk");
    assert!(matches!(shrunk, ReadingError::Shrunk { before: 5, found: 2 }), "{shrunk}");
    assert!(scene.has("A-1") && !scene.has("B-1"));
}

#[test]
fn folder_has_a_mark_only_after_it_settled() {
    let scene = Scene::new();
    scene.put_advisory("a.json", "A-1", "npm", "x");
    #[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system")]
    let now = SystemTime::now();
    let open = |known: Option<&str>, now| {
        FeedContent::open(scene.folder.path(), known, now).expect("open")
    };
    let (_, mark) = open(None, now).expect("content");
    assert_eq!(mark, None, "it may be written again in the same tick of the clock");
    let later = now + std::time::Duration::from_secs(60);
    let (_, mark) = open(None, later).expect("content");
    assert!(mark.is_some() && open(mark.as_deref(), later).is_none());
    scene.put_advisory("b.json", "A-2", "npm", "x");
    assert!(open(mark.as_deref(), later).is_some());
}
