use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

use super::reading::{Reading, ReadingError};
use crate::advisory::{FeedState, MAX_PER_PACKAGE};
use crate::model::{Name, Timestamp};
use crate::remote::FeedContent;
use crate::store::Store;

struct Scene {
    folder: tempfile::TempDir,
    store: Store,
    touched: RefCell<Vec<BTreeSet<Name>>>,
    is_stopped: Cell<bool>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::ephemeral(Timestamp::MIN).expect("a store");
        Self { folder, store, touched: RefCell::default(), is_stopped: Cell::new(false) }
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
            now: Timestamp::MIN,
            touched: &|names| self.touched.borrow_mut().push(names),
            is_stopped: &|| self.is_stopped.get(),
        };
        reading.read(&content, before)
    }

    fn has(&self, id: &str) -> bool {
        let snapshot = self.store.snapshot().expect("a snapshot");
        snapshot.advisory_of("feed", id).expect("read").is_some()
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
fn reading_removes_only_at_its_end_and_only_what_no_document_may_be_about() {
    let scene = Scene::new();
    for id in ["A-1", "A-2", "A-3", "A-4"] {
        scene.put_advisory(&format!("{id}.json"), id, "npm", "x");
    }
    let before = scene.read(&FeedState::default()).expect("read");
    scene.is_stopped.set(true);
    scene.remove("A-1.json");
    assert!(matches!(scene.read(&before), Err(ReadingError::Stopped)));
    assert!(scene.has("A-1"));
    scene.is_stopped.set(false);
    scene.put("A-2.json", "{");
    let state = scene.read(&before).expect("read");
    assert_eq!(state.advisories, 2);
    assert_eq!(["A-1", "A-2", "A-3"].map(|id| scene.has(id)), [false, true, true]);
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
