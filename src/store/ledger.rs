//! The ledger: the entries that were served, since when, and from which upstream.

use std::collections::{BTreeSet, HashSet};

use redb::ReadableTableMetadata;

use super::dirty::{Evaluated, settle};
use super::history::{NewEvents, append};
use super::rows::{RowRange, after, all_of, of_name};
use super::tables::{AUTHORITIES, LEDGER};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::curation::View;
use crate::history::{Cause, Change, EntryChange, Event};
use crate::model::{LedgerEntry, LedgerRecord, Name, Shown, Timestamp, Version};

/// The changes of a generation to the ledger of one view.
#[derive(Debug, Clone, Copy)]
pub struct ViewChanges<'a> {
    pub view: &'a str,
    pub changes: &'a [LedgerEntry],
}

impl Store {
    /// Commits the changes of a generation to the ledgers of its views, the upstream that each name is
    /// served from now, the names that were evaluated for it, and the events that tell of all this.
    ///
    /// # Errors
    /// When the file cannot be written; then the generation must not be published.
    pub fn commit_ledger(
        &self,
        views: &[ViewChanges<'_>],
        authorities: &[(Name, String)],
        evaluated: &Evaluated<'_>,
        new_events: NewEvents<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(now, |transaction| {
            let mut table = transaction.open_table(AUTHORITIES)?;
            for (name, upstream) in authorities {
                table.insert(name.as_str(), upstream.as_bytes())?;
            }
            let mut ledger = transaction.open_table(LEDGER)?;
            for ViewChanges { view, changes } in views {
                for ((name, version), record) in *changes {
                    let key = (*view, name.as_str(), version.as_str());
                    ledger.insert(key, codec::ledger(record).as_slice())?;
                }
            }
            append(transaction, new_events, now)?;
            settle(transaction, evaluated)
        })
    }

    /// Turns what views show that are not configured any more into tombstones: a view that is added again vouches
    /// for nothing that it showed once. Returns the number of entries.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn retire_views(&self, configured: &[View], now: Timestamp) -> Result<usize, StoreError> {
        let (retired, newest) = self.snapshot()?.shown_elsewhere(configured)?;
        if retired.is_empty() {
            return Ok(0);
        }
        let changed_at = newest.map_or(now, |newest| now.max(newest.plus(Timestamp::TICK)));
        // The counter of changes is ahead of a clock that was set back, and must not lead the clock.
        self.write(now, |transaction| {
            let mut ledger = transaction.open_table(LEDGER)?;
            for ((view, name, version), record) in &retired {
                let record = LedgerRecord { shown: Shown::Tombstone, changed_at, ..*record };
                let key = (view.as_str(), name.as_str(), version.as_str());
                ledger.insert(key, codec::ledger(&record).as_slice())?;
            }
            let events: Vec<Event> = retired
                .iter()
                .filter_map(|((view, name, version), record)| {
                    let (name, version) = codec::identity(name, version)?;
                    Some(Event { at: now, change: retired_from(view, name, version, record) })
                })
                .collect();
            append(transaction, NewEvents { events: &events, rules: &[] }, now)?;
            Ok(retired.len())
        })
    }
}

fn retired_from(view: &str, name: Name, version: Version, record: &LedgerRecord) -> Change {
    Change::Entry(EntryChange {
        view: view.into(),
        name,
        version,
        before: Some(record.approved),
        after: None,
        cause: Cause::View,
        hidden_by: None,
    })
}

/// View, name and version.
type ViewKey = (String, String, String);
/// Visible entries with their records, and the time of the newest change.
type ShownElsewhere = (Vec<(ViewKey, LedgerRecord)>, Option<Timestamp>);

impl Snapshot {
    /// Returns what other views than these show, and the time of their newest change: readers remember also that of a
    /// tombstone.
    fn shown_elsewhere(&self, configured: &[View]) -> Result<ShownElsewhere, StoreError> {
        let (mut shown, mut newest, mut from) = (Vec::new(), None, String::new());
        let ledger = self.tables.ledger()?;
        while let Some(first) = ledger.range((from.as_str(), "", "")..)?.next() {
            let view = first?.0.value().0.to_owned();
            if !configured.iter().any(|known| known.name == view) {
                for row in all_of(ledger, &view)? {
                    let (key, value) = row?;
                    let (view, name, version) = key.value();
                    let record = codec::read_ledger(value.value());
                    newest = newest.max(record.map(|record| record.changed_at));
                    let record = record.filter(|record| record.shown == Shown::Visible);
                    let key = (view.to_owned(), name.to_owned(), version.to_owned());
                    shown.extend(record.map(|record| (key, record)));
                }
            }
            from = after(&view);
        }
        Ok((shown, newest))
    }

    /// Returns the upstream that a name was served from last.
    pub fn served_from(&self, name: &Name) -> Result<Option<String>, StoreError> {
        let upstream = self.tables.authorities()?.get(name.as_str())?;
        Ok(upstream.map(|upstream| String::from_utf8_lossy(upstream.value()).into_owned()))
    }

    /// Returns the ledger of a view.
    pub fn ledger(&self, view: &str) -> Result<Rows<'_, LedgerEntry>, StoreError> {
        Ok(ledger_entries(all_of(self.tables.ledger()?, view)?))
    }

    /// Returns the versions of a name that a view shows, or showed.
    pub fn ledger_of(
        &self,
        view: &str,
        name: &Name,
    ) -> Result<Rows<'_, (Version, LedgerRecord)>, StoreError> {
        Ok(Rows::new(of_name(self.tables.ledger()?, view, name)?.map(|row| {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            let record = Version::parse(version).ok().zip(codec::read_ledger(value.value()));
            record.ok_or_else(|| StoreError::damaged("the ledger", format!("{name}@{version}")))
        })))
    }

    /// Returns true if any of these views shows the entry.
    pub fn shows(&self, views: &[View], name: &str, version: &str) -> Result<bool, StoreError> {
        for View { name: view, .. } in views {
            let record = self.tables.ledger()?.get((view.as_str(), name, version))?;
            if record.is_some_and(|record| is_visible(record.value())) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns true if any of these views shows any version of the name.
    pub fn shows_any(&self, views: &[View], name: &Name) -> Result<bool, StoreError> {
        for View { name: view, .. } in views {
            for entry in self.ledger_of(view, name)? {
                let (_, record) = entry?;
                if record.shown == Shown::Visible {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Returns true if any of these views shows the entry, or showed it.
    pub fn has_shown(&self, views: &[View], name: &str, version: &str) -> Result<bool, StoreError> {
        for View { name: view, .. } in views {
            if self.tables.ledger()?.get((view.as_str(), name, version))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the number of names that these views show and that this upstream has, without those that are served from
    /// another one.
    pub fn count_names_shown(&self, views: &[View], upstream: &str) -> Result<u64, StoreError> {
        let mut shown = BTreeSet::new();
        for View { name: view, .. } in views {
            for row in self.ledger(view)? {
                let ((name, _), record) = row?;
                if record.shown == Shown::Visible {
                    shown.insert(name);
                }
            }
        }
        let mut count = 0;
        for name in shown {
            let is_own = self.served_from(&name)?.is_none_or(|from| from == upstream);
            count += u64::from(is_own && self.has_rows_in(upstream, &name)?);
        }
        Ok(count)
    }

    /// Returns the number of entries that these views show, each counted once.
    pub fn count_shown(&self, views: &[View]) -> Result<u64, StoreError> {
        let mut shown = HashSet::new();
        for View { name: view, .. } in views {
            for row in all_of(self.tables.ledger()?, view)? {
                let (key, value) = row?;
                if is_visible(value.value()) {
                    let (_, name, version) = key.value();
                    shown.insert(codec::seen_key(name, version));
                }
            }
        }
        Ok(shown.len() as u64)
    }

    /// Returns true if the store has enough for a generation: something was served before, or a full
    /// sync of an upstream was accepted.
    pub fn is_known(&self) -> Result<bool, StoreError> {
        if !self.tables.ledger()?.is_empty()? {
            return Ok(true);
        }
        for upstream in self.known_upstreams()? {
            if self.upstream(upstream)?.last_full_sync.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn ledger_entries<'a>(rows: RowRange) -> Rows<'a, LedgerEntry> {
    Rows::new(rows.map(|row| {
        let (key, value) = row?;
        let (_, name, version) = key.value();
        let record = codec::read_ledger(value.value());
        codec::identity(name, version)
            .zip(record)
            .ok_or_else(|| StoreError::damaged("the ledger", format!("{name}@{version}")))
    }))
}

fn is_visible(record: &[u8]) -> bool {
    codec::read_ledger(record).is_some_and(|record| record.shown == Shown::Visible)
}
