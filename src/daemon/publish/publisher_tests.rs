//! A commit fails, succeeds without its generation, or has an unknown outcome. What is shown follows the commits, except
//! that what hides does not wait for them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::Publication;
use super::evaluator_tests::{
    denying_work, denying_work_of, fetch, now, send, send_official, send_with, work,
};
use super::publisher::Publisher;
use super::service::marked_names;
use super::state::Work;
use crate::alert::AlertKind;
use crate::config::Settings;
use crate::daemon::runtime::Clock;
use crate::history::Change;
use crate::model::{Name, OFFICIAL_META, Quarantined, Shown, Timestamp};
use crate::store::{Batch, Destination, Store};
use crate::sync::Row;

/// A disk that stops taking writes, or that reports an error although it has written.
#[derive(Debug, Clone)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    is_full: Arc<AtomicBool>,
    /// The fsyncs before the one that reports an error.
    syncs_left: Arc<AtomicUsize>,
}

impl Disk {
    fn new() -> Self {
        Self {
            memory: Arc::new(InMemoryBackend::new()),
            is_full: Arc::default(),
            syncs_left: Arc::new(AtomicUsize::new(usize::MAX)),
        }
    }

    fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

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
        self.memory.sync_data()?;
        match self.syncs_left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(io::Error::other("an error after the write")),
            _ => Ok(()),
        }
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
    let disk = Disk::new();
    let publication = publication(Store::on_backend(disk.clone(), now()).expect("a store"));
    let mut publisher = Publisher::load(&publication).expect("loaded");
    publisher.publish(&work()).expect("published");
    let before = published(&publication);
    assert_eq!(before, Some((1, String::new())));
    send(&publication.store, "first");
    let mut publisher = Publisher::load(&publication).expect("loaded");
    disk.set_full(true);
    publisher.publish(&work()).expect_err("the disk is full");
    assert_eq!(published(&publication), before);
}

/// Returns the only tombstone, as its version and the time of its change.
fn tombstone(publication: &Publication) -> Option<Timestamp> {
    let published = publication.published().expect("a generation");
    let catalogue = published.view("default").expect("a view");
    catalogue.version("com.example/tool", "1.0.0", true).map(|item| item.changed_at)
}

/// P26.
#[test]
fn denied_entry_is_hidden_on_a_full_disk_and_its_tombstone_follows_the_commit() {
    let disk = Disk::new();
    let publication = publication(Store::on_backend(disk.clone(), now()).expect("a store"));
    send(&publication.store, "first");
    let mut publisher = Publisher::load(&publication).expect("loaded");
    publisher.publish(&work()).expect("published");
    let shown_since = tombstone(&publication).expect("the entry is visible");
    disk.set_full(true);
    publisher.publish(&denying_work()).expect_err("the disk is full");
    assert_eq!(published(&publication).expect("a generation").1, "", "the entry is hidden");
    assert_eq!(tombstone(&publication), None, "readers of changes do not see it yet");
    assert!(publication.store.write_failure().is_some());
    disk.set_full(false);
    publisher.publish(&denying_work()).expect("published");
    let gone_since = tombstone(&publication).expect("readers of changes see it");
    assert!(gone_since > shown_since);
    assert_eq!(publication.store.write_failure(), None);
    publisher.publish(&work()).expect("published");
    assert!(published(&publication).expect("a generation").1.contains("first"));
}

/// P75: a denial that was taken back before anything could be written is recorded with its time.
#[test]
fn denial_that_was_enforced_on_a_full_disk_and_taken_back_is_recorded() {
    let disk = Disk::new();
    let store = Store::on_backend(disk.clone(), now()).expect("a store");
    let micros = Arc::new(AtomicI64::new(now().as_micros()));
    let clock = Clock::manual(now(), Arc::clone(&micros));
    let settings = Arc::new(Settings::default());
    let publication = Arc::new(Publication::new(settings, Arc::new(store), Arc::new(clock)));
    send(&publication.store, "first");
    let mut publisher = Publisher::load(&publication).expect("loaded");
    publisher.publish(&work()).expect("published");
    disk.set_full(true);
    publication.enforce(denying_work().policy);
    let hidden_at = publication.hidden_at().into_values().next().expect("it is hidden");
    publisher.publish(&denying_work()).expect_err("the disk is full");
    publication.enforce(work().policy);
    disk.set_full(false);
    micros.fetch_add(1, Ordering::Relaxed);
    publisher.publish(&Work { now: hidden_at.plus(Timestamp::TICK), ..work() }).expect("published");
    assert!(published(&publication).expect("a generation").1.contains("first"));
    assert!(publication.hidden_at().is_empty());
    let snapshot = publication.store.snapshot().expect("a snapshot");
    let events = snapshot.events_about("com.example/tool").expect("read");
    let found: Vec<(bool, bool, Timestamp)> = events
        .map(|read| read.expect("readable").event)
        .filter_map(|event| match event.change {
            Change::Entry(change) => {
                Some((change.before.is_some(), change.after.is_some(), event.at))
            }
            _ => None,
        })
        .collect();
    let shown_at = hidden_at.plus(Timestamp::TICK);
    let wanted = [(false, true, shown_at), (true, false, hidden_at), (false, true, now())];
    assert_eq!(found, wanted, "the newest first");
    publisher.publish(&work()).expect("published");
    let again = publication.store.snapshot().expect("a snapshot");
    let count = again.events_about("com.example/tool").expect("read").count();
    assert_eq!(count, wanted.len(), "it is recorded once");
}

/// An error in any fsync of the commit leaves its outcome unknown; reading decides.
#[rstest::rstest]
#[case::written_nothing(0)]
#[case::written_everything(1)]
fn commit_of_unknown_outcome_ends_with_what_the_ledger_has(#[case] syncs: usize) {
    for hides in [true, false] {
        let disk = Disk::new();
        let publication = publication(Store::on_backend(disk.clone(), now()).expect("a store"));
        send(&publication.store, "first");
        let mut publisher = Publisher::load(&publication).expect("loaded");
        publisher.publish(&work()).expect("published");
        let next = if hides {
            denying_work()
        } else {
            send_with(&publication.store, r#""description":"first""#, "deprecated");
            work()
        };
        disk.syncs_left.store(syncs, Ordering::Relaxed);
        publisher.publish(&next).expect_err("an fsync fails");
        if hides {
            assert_eq!(published(&publication).expect("a generation").1, "");
        }
        publisher.publish(&next).expect("published");
        let (_, body) = published(&publication).expect("a generation");
        assert_eq!(body.contains("deprecated"), !hides, "{body}");
        let snapshot = publication.store.snapshot().expect("a snapshot");
        let ledger: Vec<_> = snapshot.ledger("default").expect("a ledger").collect();
        let [Ok((_, record))] = ledger.as_slice() else { panic!("one record: {ledger:?}") };
        assert_eq!(Some(record.changed_at), tombstone(&publication));
        assert_eq!(record.shown == Shown::Tombstone, hides);
    }
}

/// P26.
#[rstest::rstest]
#[case::of_every_upstream(denying_work())]
#[case::of_its_upstream(denying_work_of("up"))]
fn denial_hides_while_a_publication_under_an_earlier_policy_is_under_way(#[case] denial: Work) {
    let publication = publication(Store::ephemeral(now()).expect("a store"));
    send(&publication.store, "first");
    let mut publisher = Publisher::load(&publication).expect("loaded");
    publisher.publish(&work()).expect("published");
    publication.enforce(denial.policy);
    assert_eq!(published(&publication).expect("a generation").1, "", "it waits for nothing");
    // The publication that was under way ends.
    publisher.publish(&work()).expect("published");
    assert_eq!(published(&publication).expect("a generation").1, "");
    publisher.publish(&denying_work()).expect("published");
    assert!(tombstone(&publication).is_some());
    // The denial is withdrawn before it was published.
    publisher.publish(&work()).expect("published");
    publication.enforce(denying_work().policy);
    publication.enforce(work().policy);
    publisher.publish(&work()).expect("published");
    assert!(published(&publication).expect("a generation").1.contains("first"));
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

/// A rewrite keeps its first content. A warning of upstream must not be lost with the other content.
#[test]
fn rewritten_entry_is_served_with_the_newest_status_message_and_dates() {
    let publication = publication(Store::ephemeral(now()).expect("a store"));
    send(&publication.store, "first");
    let mut publisher = Publisher::load(&publication).expect("loaded");
    publisher.publish(&work()).expect("published");
    let deprecated = |message: &str| {
        format!(
            r#""status":"deprecated","statusMessage":"{message}","statusChangedAt":"2026-02-02T00:00:00Z","publishedAt":"2026-02-01T00:00:00Z","updatedAt":"2026-02-03T00:00:00Z""#
        )
    };
    let mut served = |description: &str, message: &str| {
        let members = format!(r#""description":"{description}""#);
        send_official(&publication.store, &members, &deprecated(message));
        publisher.publish(&work()).expect("published");
        let (_, body) = published(&publication).expect("a generation");
        let body: serde_json::Value = serde_json::from_str(&body).expect("one item");
        assert_eq!(body["server"]["description"], "first", "{body}");
        body["_meta"][OFFICIAL_META].clone()
    };
    let block = served("second", "CVE-2026-1");
    assert_eq!(block["status"], "deprecated");
    assert_eq!(block["statusMessage"], "CVE-2026-1");
    assert_eq!(block["statusChangedAt"], "2026-02-02T00:00:00Z");
    assert_eq!(block["publishedAt"], "2026-02-01T00:00:00Z");
    // The same other content again, a third one, and the first one.
    for description in ["second", "third", "second", "first"] {
        let message = format!("after {description}");
        assert_eq!(served(description, &message)["statusMessage"], message);
    }
}

#[test]
fn served_entry_whose_row_became_unreadable_stays_and_raises_an_alert() {
    let publication = publication(Store::ephemeral(now()).expect("a store"));
    let open_kinds = || {
        Publisher::load(&publication).expect("loaded").publish(&work()).expect("published");
        let alerts = publication.store.snapshot().expect("a snapshot").alerts().expect("alerts");
        let lasting = alerts.into_iter().filter(|alert| !alert.is_resolved());
        let (_, body) = published(&publication).expect("a generation");
        assert!(body.contains("first"), "{body}");
        lasting.map(|alert| alert.identity.kind).collect::<Vec<_>>()
    };
    send(&publication.store, "first");
    assert_eq!(open_kinds(), []);
    let (name, version) = ("com.example/tool".to_owned(), "1.0.0".to_owned());
    let row = Quarantined { name, version, reason: "why".into(), item: "[7]".into() };
    publication
        .store
        .commit(&Batch::of("up", &[Row::Quarantined(row)], Destination::Live, now()))
        .expect("committed");
    assert_eq!(open_kinds(), [AlertKind::UnreadableRow]);
    send_with(&publication.store, r#""description":"first""#, "deprecated");
    assert_eq!(open_kinds(), [AlertKind::StatusChanged]);
}

/// Returns another publication over the same store, without readers.
fn publication_of(publication: &Publication) -> Arc<Publication> {
    let Publication { settings, store, clock, .. } = publication;
    let (settings, store, clock) = (Arc::clone(settings), Arc::clone(store), Arc::clone(clock));
    Arc::new(Publication::new(settings, store, clock))
}
