//! A disk of tests that stops to answer.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

/// A disk whose commits wait from the moment that it is stuck, until the sender is dropped.
#[derive(Debug, Clone)]
pub(crate) struct StuckDisk {
    memory: Arc<InMemoryBackend>,
    is_stuck: Arc<AtomicBool>,
    waiting: Arc<AtomicUsize>,
    freed: Arc<Mutex<Receiver<()>>>,
}

impl StuckDisk {
    pub(crate) fn new() -> (Self, Sender<()>) {
        let (free, freed) = channel();
        let (memory, is_stuck, waiting) = (Arc::default(), Arc::default(), Arc::default());
        (Self { memory, is_stuck, waiting, freed: Arc::new(Mutex::new(freed)) }, free)
    }

    pub(crate) fn stick(&self) {
        self.is_stuck.store(true, Ordering::SeqCst);
    }

    /// Returns the number of commits that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

impl StorageBackend for StuckDisk {
    fn len(&self) -> io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.is_stuck.load(Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
            let _ = self.freed.lock().map(|freed| freed.recv());
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.memory.write(offset, data)
    }
}
