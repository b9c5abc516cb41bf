//! A disk in memory that loses power, fills up, and fails at an fsync.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// A disk; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<Platter>>);

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    /// The writes since the last fsync, undone by a loss of power.
    unsynced: Vec<Overwritten>,
    /// The number of fsyncs that succeed before one fails.
    fails_in: Option<usize>,
    /// True if the failing fsync writes nevertheless.
    keeps: bool,
    full: Option<Full>,
    is_off: bool,
}

/// The bytes that a write replaced.
#[derive(Debug)]
enum Overwritten {
    Bytes { at: usize, before: Vec<u8> },
    Len { before: usize, cut: Vec<u8> },
}

/// The writes that a full disk refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    Growth,
    Everything,
}

/// The fate of writes that no fsync followed, when the power fails.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unsynced {
    Lost,
    Kept,
}

impl Disk {
    fn lock(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one fsync fail, after so many that succeed.
    pub(super) fn fail_in(&self, syncs: usize, keeps: bool) {
        let mut platter = self.lock();
        (platter.fails_in, platter.keeps) = (Some(syncs), keeps);
    }

    pub(super) fn fill(&self, full: Full) {
        self.lock().full = Some(full);
    }

    /// Ends every fault.
    pub(super) fn mend(&self) {
        let mut platter = self.lock();
        (platter.full, platter.fails_in) = (None, None);
    }

    pub(super) fn has_fault(&self) -> bool {
        let platter = self.lock();
        platter.full.is_some() || platter.fails_in.is_some()
    }

    /// Ends the power: the process that used the disk writes nothing more.
    pub(super) fn turn_off(&self) {
        self.lock().is_off = true;
    }

    /// Returns the disk after the power came back.
    pub(super) fn restarted(&self, unsynced: Unsynced) -> Self {
        let mut platter = self.lock();
        if let Unsynced::Lost = unsynced {
            platter.undo();
        }
        let bytes = std::mem::take(&mut platter.bytes);
        Self(Arc::new(Mutex::new(Platter { bytes, ..Platter::default() })))
    }
}

impl Platter {
    fn accept(&self) -> io::Result<()> {
        match (self.is_off, self.full) {
            (true, _) => Err(io::Error::other("the power failed")),
            (false, Some(Full::Everything)) => Err(io::ErrorKind::StorageFull.into()),
            (false, _) => Ok(()),
        }
    }

    fn undo(&mut self) {
        while let Some(overwritten) = self.unsynced.pop() {
            match overwritten {
                Overwritten::Bytes { at, before } => {
                    self.bytes[at..at + before.len()].copy_from_slice(&before);
                }
                Overwritten::Len { before, cut } => {
                    self.bytes.truncate(before);
                    self.bytes.extend(cut);
                }
            }
        }
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
        platter.accept()?;
        let (len, before) = (usize::try_from(len).map_err(io::Error::other)?, platter.bytes.len());
        if platter.full.is_some() && len > before {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let cut = platter.bytes.get(len..).unwrap_or_default().to_vec();
        platter.unsynced.push(Overwritten::Len { before: before.min(len), cut });
        platter.bytes.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.lock();
        platter.accept()?;
        match platter.fails_in {
            Some(0) => {
                platter.fails_in = None;
                if platter.keeps {
                    platter.unsynced.clear();
                }
                return Err(io::Error::other("the fsync failed"));
            }
            Some(left) => platter.fails_in = Some(left - 1),
            None => {}
        }
        platter.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.lock();
        platter.accept()?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let before = platter.bytes[at..at + data.len()].to_vec();
        platter.unsynced.push(Overwritten::Bytes { at, before });
        platter.bytes[at..at + data.len()].copy_from_slice(data);
        Ok(())
    }
}
