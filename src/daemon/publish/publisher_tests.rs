//! A commit fails, or succeeds without its generation. The published state follows the commits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::Publication;
use super::evaluator_tests::{fetch, now, send, send_with, work};
use super::publisher::Publisher;
use super::service::marked_names;
use crate::alert::AlertKind;
use crate::config::Settings;
use crate::daemon::runtime::Clock;
use crate::model::Name;
use crate::store::Store;

/// A disk that stops taking writes.
#[derive(Debug)]
struct Disk {
    memory: InMemoryBackend,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn accept(&self) -> io::Result<()> {
        let is_full = self.is_full.load(Ordering::Relaxed);
        if is_full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.accept()?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.accept()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.accept()?;
        self.memory.write(offset, data)
    }
}

fn publication(store: Store) -> Arc<Publication> {
    let clock = Arc::new(Clock::starting_at(now()));
    Arc::new(Publication::new(Arc::new(Settings::default()), Arc::new(store), clock))
}

fn published(publication: &Publication) -> Option<(u64, String)> {
    let published = publication.published()?;
    let catalogue = published.view("default").expect("a view");
    let bodies: Vec<_> = catalogue.items().map(|item| item.json.to_vec()).collect();
    Some((published.generation, String::from_utf8(bodies.concat()).expect("JSON")))
}

#[test]
fn failed_commit_shows_nothing() {
    let is_full = Arc::new(AtomicBool::new(false));
    let disk = Disk { memory: InMemoryBackend::new(), is_full: Arc::clone(&is_full) };
    let publication = publication(Store::on_backend(disk, now()).expect("a store"));
    let mut publisher = Publisher::load(&publication).expect("loaded");
    publisher.publish(&work()).expect("published");
    let before = published(&publication);
    assert_eq!(before, Some((1, String::new())));
    send(&publication.store, "first");
    let mut publisher = Publisher::load(&publication).expect("loaded");
    is_full.store(true, Ordering::Relaxed);
    publisher.publish(&work()).expect_err("the disk is full");
    assert_eq!(published(&publication), before);
}

#[test]
fn commit_without_its_generation_is_shown_after_the_next_load() {
    let publication = publication(Store::ephemeral(now()).expect("a store"));
    send(&publication.store, "first");
    let mut publisher = Publisher::load(&publication).expect("loaded");
    publisher.publish(&work()).expect("published");
    let (generation, _) = published(&publication).expect("a generation");
    // The commit of this change succeeds, and its generation is not swapped.
    send_with(&publication.store, r#""description":"first""#, "deprecated");
    let other = publication_of(&publication);
    Publisher::load(&other).expect("loaded").publish(&work()).expect("committed");
    let mut restarted = Publisher::load(&publication).expect("loaded");
    restarted.publish(&work()).expect("published");
    let (next, body) = published(&publication).expect("a generation");
    assert_eq!(next, generation + 1);
    assert!(body.contains("deprecated"), "{body}");
}

#[test]
fn marked_name_is_published_without_being_touched() {
    let publication = publication(Store::ephemeral(now()).expect("a store"));
    let mut publisher = Publisher::load(&publication).expect("loaded");
    // The commit succeeds, and reports an error: its names are marked, and not touched.
    fetch(&publication.store, "first");
    let marked = marked_names(&publication).expect("read");
    assert_eq!(marked.iter().map(Name::as_str).collect::<Vec<_>>(), ["com.example/tool"]);
    publisher.publish(&work()).expect("published");
    assert!(published(&publication).expect("a generation").1.contains("first"));
    assert_eq!(marked_names(&publication).expect("read"), [].into());
}

#[test]
fn alert_about_a_served_entry_survives_a_reload() {
    let publication = publication(Store::ephemeral(now()).expect("a store"));
    let forged = r#""description":"x","_meta":{"local.vidimus/curation":{"tier":1}}"#;
    send_with(&publication.store, forged, "active");
    for _ in 0..2 {
        Publisher::load(&publication).expect("loaded").publish(&work()).expect("published");
        let alerts = publication.store.snapshot().expect("a snapshot").alerts().expect("alerts");
        let lasting = alerts.iter().filter(|alert| !alert.is_resolved());
        let kinds: Vec<AlertKind> = lasting.map(|alert| alert.identity.kind).collect();
        assert_eq!(kinds, [AlertKind::ForgedMetadata]);
    }
}

/// Returns another publication over the same store, without readers.
fn publication_of(publication: &Publication) -> Arc<Publication> {
    let Publication { settings, store, clock, .. } = publication;
    let (settings, store, clock) = (Arc::clone(settings), Arc::clone(store), Arc::clone(clock));
    Arc::new(Publication::new(settings, store, clock))
}
