use super::catalogue::{Catalogue, NameUpdate};
use super::ledger::Ledger;
use super::writer::{Writer, Written};
use crate::model::{Damage, LedgerEntry, Name, Timestamp};
use crate::threads::beside;

impl Catalogue {
    /// Starts the next generation: this one with the given names replaced.
    ///
    /// An unchanged item keeps its bytes and its timestamp. A version of an updated name that the ledger
    /// shows as visible, and that is not visible now, becomes a tombstone.
    ///
    /// A candidate that cannot be read, because the store was damaged or tampered with, is left out and
    /// reported: one bad record must not block the rest, above all a denial.
    #[must_use]
    pub fn next<'a>(&'a self, ledger: &'a Ledger, now: Timestamp, namespace: &'a str) -> Draft<'a> {
        let timestamp = ledger.next_timestamp(now);
        let writer = Writer { before: self, ledger, timestamp, namespace };
        Draft { writer, names: Vec::new(), written: Written::default(), is_changed: false }
    }
}

/// A generation that is being written in several batches of names, so that the sources of all names need
/// not be in memory together.
#[derive(Debug)]
pub struct Draft<'a> {
    writer: Writer<'a>,
    names: Vec<Name>,
    written: Written,
    is_changed: bool,
}

impl Draft<'_> {
    /// Writes all visible versions of these names. Each name comes once, in the order of names.
    pub fn write(&mut self, updates: &[NameUpdate<'_>]) {
        self.names.extend(updates.iter().map(|update| update.name.clone()));
        // Rendering is most of the work of a generation that changes everything.
        let share = updates.len().div_ceil(THREADS).max(LEAST_SHARE);
        let writer = &self.writer;
        let written = std::thread::scope(|scope| {
            let shares = updates.chunks(share).skip(1);
            let shares: Vec<_> =
                shares.map(|share| beside(scope, || writer.write(share))).collect();
            let mut written = writer.write(updates.get(..share).unwrap_or(updates));
            shares.into_iter().for_each(|share| written.extend(share.join()));
            written
        });
        self.is_changed |= !written.changes.is_empty();
        self.written.extend(written);
    }

    /// Takes the changes of the ledger, to commit before a reader sees the catalogue. If there are none,
    /// nothing changed for clients.
    pub fn take_changes(&mut self) -> Vec<LedgerEntry> {
        std::mem::take(&mut self.written.changes)
    }

    /// Takes the changes of the ledger that no client sees: another rule approves the same content.
    pub fn take_reapproved(&mut self) -> Vec<LedgerEntry> {
        std::mem::take(&mut self.written.reapproved)
    }

    /// Takes the names of candidates that were left out.
    pub fn take_unreadable(&mut self) -> Vec<(Name, Damage)> {
        std::mem::take(&mut self.written.unreadable)
    }

    /// Returns the catalogue of this generation.
    #[must_use]
    pub fn finish(self) -> Catalogue {
        let Self { writer: Writer { before, ledger, timestamp, .. }, names, written, is_changed } =
            self;
        Catalogue {
            visible: before.visible.next(written.visible, &names),
            tombstones: before.tombstones.next(written.tombstones, &names),
            pruned_until: before.pruned_until,
            changed_at: if is_changed { Some(timestamp) } else { ledger.newest() },
            lists: before.lists,
        }
    }
}

/// The threads that write a generation, and the number of names below which one thread is enough.
const THREADS: usize = 2;
const LEAST_SHARE: usize = 500;
