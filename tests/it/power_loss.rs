//! Power loss: the storage freezes after the n-th fsync, for every n of a full sync and of the acceptance of a
//! later sync run.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::support::registry::Row;
use crate::support::source::{Source, contents, sync};
use redb::StorageBackend;
use vidimus::model::Timestamp;
use vidimus::store::Store;

const NOW: Timestamp = Timestamp::from_micros(1);

/// A disk that can lose power.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    /// The bytes as of the last fsync.
    synced: Vec<u8>,
    syncs: usize,
    /// The number of fsyncs after which the next one fails.
    fails_after: Option<usize>,
    /// The largest size in bytes.
    capacity: Option<usize>,
    dead: bool,
}

/// The fate of writes that no fsync followed.
#[derive(Debug, Clone, Copy)]
enum Unsynced {
    Lost,
    Kept,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn fail_after(&self, syncs: Option<usize>) {
        let mut platter = self.lock();
        platter.fails_after = syncs.map(|syncs| platter.syncs + syncs);
    }

    /// Returns the disk after the power came back.
    fn restored(&self, unsynced: Unsynced) -> Self {
        let platter = self.lock();
        let bytes = match unsynced {
            Unsynced::Lost => platter.synced.clone(),
            Unsynced::Kept => platter.bytes.clone(),
        };
        let synced = bytes.clone();
        Self(Arc::new(Mutex::new(Platter { bytes, synced, ..Platter::default() })))
    }

    fn store(&self) -> Option<Arc<Store>> {
        Store::on_backend(self.clone(), NOW).ok().map(Arc::new)
    }
}

impl Platter {
    fn alive(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the power failed")) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.lock();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let wanted = platter.bytes.get(start..start + out.len());
        out.copy_from_slice(wanted.ok_or_else(|| io::Error::other("read behind the end"))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.lock();
        platter.alive()?;
        let len = usize::try_from(len).map_err(io::Error::other)?;
        if platter.capacity.is_some_and(|capacity| len > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        platter.bytes.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.lock();
        platter.alive()?;
        if platter.fails_after.is_some_and(|last| platter.syncs >= last) {
            platter.dead = true;
            return platter.alive();
        }
        platter.syncs += 1;
        platter.synced = Vec::from(platter.bytes.as_slice());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.lock();
        platter.alive()?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        platter.bytes[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}

fn source() -> Source {
    let source = Source::default();
    let mut registry = source.lock();
    for index in 0..17 {
        let row = Row::new(&format!("com.n{index:02}/tool"), "1.0.0");
        registry.rows.insert(row.key(), row);
    }
    let bad = Row::raw(
        "com.n99/bad",
        "1",
        r#"{"server":{"name":"com.n99/bad","version":"1","a":1,"a":2},"_meta":{}}"#,
    );
    registry.rows.insert(bad.key(), bad);
    registry.now = 10;
    drop(registry);
    source
}

/// Changes the upstream: a new row, a rewritten one, a deleted one, a missing one.
fn changed(source: &Source) {
    let mut registry = source.lock();
    registry.now = 20;
    let at = crate::support::source::minute(15).to_string();
    for row in [
        Row::new("com.n00/tool", "2.0.0").published(&at),
        Row::new("com.n01/tool", "1.0.0").described("other").status("active", &at),
        Row::new("com.n02/tool", "1.0.0").status("deleted", &at),
    ] {
        registry.rows.insert(row.key(), row);
    }
    registry.rows.remove(&("com.n03/tool".to_owned(), "1.0.0".to_owned()));
}

/// P2, P57.
#[tokio::test(flavor = "multi_thread")]
async fn full_sync_that_freezes_at_any_fsync_resumes_to_the_same_store() {
    let source = source();
    let undisturbed = Disk::default();
    let store = undisturbed.store().expect("a store");
    let before = undisturbed.lock().syncs;
    sync(&store, &source, false).await.expect("a sync run");
    let syncs = undisturbed.lock().syncs - before;
    let wanted = contents(&store);
    assert!(syncs >= 3, "{syncs} syncs");
    for unsynced in [Unsynced::Lost, Unsynced::Kept] {
        for frozen_after in 0..syncs {
            let disk = Disk::default();
            let store = disk.store().expect("a store");
            disk.fail_after(Some(frozen_after));
            assert!(sync(&store, &source, false).await.is_err(), "frozen after {frozen_after}");
            drop(store);
            let store = disk.restored(unsynced).store().expect("opens after the crash");
            sync(&store, &source, false).await.expect("a sync run");
            assert_eq!(contents(&store), wanted, "{unsynced:?} after {frozen_after}");
        }
    }
}

/// P37, P57.
#[tokio::test(flavor = "multi_thread")]
async fn acceptance_that_freezes_at_any_fsync_is_atomic() {
    let synced = Disk::default();
    {
        let source = source();
        let store = synced.store().expect("a store");
        sync(&store, &source, false).await.expect("a sync run");
    }
    let source = source();
    changed(&source);
    let (before, wanted, syncs) = {
        let disk = synced.restored(Unsynced::Lost);
        let store = disk.store().expect("a store");
        let (before, begun) = (contents(&store), disk.lock().syncs);
        sync(&store, &source, true).await.expect("a sync run");
        let after = contents(&store);
        (before, after, disk.lock().syncs - begun)
    };
    assert_ne!(before, wanted);
    for unsynced in [Unsynced::Lost, Unsynced::Kept] {
        for frozen_after in 0..syncs {
            let disk = synced.restored(Unsynced::Lost);
            let store = disk.store().expect("a store");
            disk.fail_after(Some(frozen_after));
            assert!(sync(&store, &source, true).await.is_err());
            drop(store);
            let store = disk.restored(unsynced).store().expect("opens after the crash");
            let now = contents(&store);
            assert!(now == before || now == wanted, "half of a sync run after {frozen_after}");
            sync(&store, &source, true).await.expect("a sync run");
            let state =
                store.snapshot().expect("a snapshot").upstream("official").expect("a state");
            assert!(state.run.is_none());
            // One more full sync misses the missing entry; nothing else may differ.
            assert_eq!(contents(&store), wanted, "{unsynced:?} after {frozen_after}");
        }
    }
}

/// P57: a full disk fails the sync run. The stored rows stay intact, and with more room the mirror ends like an
/// undisturbed one.
#[tokio::test(flavor = "multi_thread")]
async fn full_disk_fails_the_sync_run_and_loses_nothing() {
    let source = source();
    {
        let mut registry = source.lock();
        for index in 0..3_000 {
            let row = Row::new(&format!("com.many/tool-{index:04}"), "1.0.0");
            registry.rows.insert(row.key(), row);
        }
    }
    let undisturbed = Disk::default();
    let store = undisturbed.store().expect("a store");
    sync(&store, &source, false).await.expect("a sync run");
    let wanted = contents(&store);
    let disk = Disk::default();
    let store = disk.store().expect("a store");
    let full = disk.lock().bytes.len();
    disk.lock().capacity = Some(full);
    let failure = sync(&store, &source, false).await.expect_err("no room");
    assert!(failure.reason().contains("cannot be read or written"), "{}", failure.reason());
    drop(store);
    let store = disk.restored(Unsynced::Kept).store().expect("opens");
    assert!(store.snapshot().expect("a snapshot").verify().expect("verified").is_sound());
    sync(&store, &source, false).await.expect("a sync run");
    assert_eq!(contents(&store), wanted);
}
