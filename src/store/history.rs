//! The history: events in the order of their commits, the rules that they name, and an index of their subjects.
//!
//! Events are written in the transaction that they tell of, some thousand in one block: a block costs one row, and
//! events of one publication share most of their text. The index has four bytes for each subject of a block; other
//! subjects with the same four bytes are sorted out when the block is read.

use std::collections::BTreeSet;
use std::time::Duration;

use redb::{ReadableTable, WriteTransaction};

use super::meta::HISTORY_KEY;
use super::tables::{EVENT_SUBJECTS, EVENTS, LEDGER, META, RULES};
use super::{Rows, Snapshot, Store, StoreError, codec};
use crate::history::{Event, RuleRecord, Served};
use crate::model::{Digest, Shown, Timestamp};

/// The time for which events are kept.
const KEPT: Duration = Duration::from_hours(400 * 24);
/// Events in one block: enough to share their texts, and few enough to be read for one of them.
const MAX_IN_BLOCK: usize = 2_000;

/// The events of a commit, with the rules that they name.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewEvents<'a> {
    pub events: &'a [Event],
    pub rules: &'a [(Digest, RuleRecord)],
}

/// An event with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberedEvent {
    /// Counted from 1.
    pub sequence: u64,
    pub event: Event,
}

/// Appends events in the transaction that makes them true.
pub(super) fn append(
    transaction: &WriteTransaction,
    new_events: NewEvents<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if new_events.events.is_empty() {
        return Ok(());
    }
    let mut blocks = transaction.open_table(EVENTS)?;
    let mut subjects = transaction.open_table(EVENT_SUBJECTS)?;
    let mut last = blocks.last()?.map_or(0, |(last, _)| last.value());
    for events in new_events.events.chunks(MAX_IN_BLOCK) {
        last += events.len() as u64;
        blocks.insert(last, codec::block(events, now)?.as_slice())?;
        let found: BTreeSet<[u8; 4]> =
            events.iter().filter_map(Event::subject).map(|subject| short(&subject)).collect();
        let found: Vec<u8> = found.into_iter().flatten().collect();
        subjects.insert(last, found.as_slice())?;
    }
    let mut rules = transaction.open_table(RULES)?;
    for (digest, record) in new_events.rules {
        if rules.get(digest.as_bytes())?.is_none() {
            rules.insert(digest.as_bytes(), codec::json(record)?.as_slice())?;
        }
    }
    Ok(())
}

/// Returns the bytes that stand for a subject in the index.
fn short(subject: &str) -> [u8; 4] {
    crc32fast::hash(subject.as_bytes()).to_be_bytes()
}

impl Store {
    /// Removes events that are older than 400 days, and the rules that only they named.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn prune_history(&self, now: Timestamp) -> Result<(), StoreError> {
        let oldest = now.minus(KEPT);
        let Some((last, begins)) = self.snapshot()?.last_block_before(oldest)? else {
            return Ok(());
        };
        self.write(now, |transaction| {
            let mut blocks = transaction.open_table(EVENTS)?;
            blocks.retain_in(..=last, |_, _| false)?;
            transaction.open_table(EVENT_SUBJECTS)?.retain_in(..=last, |_, _| false)?;
            let begins = begins.as_micros().to_le_bytes();
            transaction.open_table(META)?.insert(HISTORY_KEY, begins.as_slice())?;
            let mut named = BTreeSet::new();
            for block in blocks.iter()? {
                let block = codec::read_block(block?.1.value());
                let events = block.iter().flat_map(|block| &block.events);
                named.extend(events.flat_map(|event| event.rules().collect::<Vec<_>>()));
            }
            for record in transaction.open_table(LEDGER)?.iter()? {
                let record = codec::read_ledger(record?.1.value());
                named.extend(record.map(|record| record.approved.rule));
            }
            let is_named = |digest: [u8; 32]| named.contains(&Digest::from_bytes(digest));
            transaction.open_table(RULES)?.retain(|digest, _| is_named(digest))?;
            Ok(())
        })
    }
}

impl Snapshot {
    /// Returns the time since which the history is complete.
    ///
    /// # Errors
    /// When the file cannot be read, as for every method here.
    pub fn history_begins(&self) -> Result<Timestamp, StoreError> {
        let begins = self.tables.meta()?.get(HISTORY_KEY)?;
        let micros = begins.and_then(|value| value.value().try_into().ok().map(i64::from_le_bytes));
        Ok(micros.map_or(Timestamp::from_micros(i64::MAX), Timestamp::from_micros))
    }

    /// Returns the last block that was committed before a time, if there is any, with the time of its commit. The last
    /// block of all stays: the number of the next event follows from it.
    fn last_block_before(&self, oldest: Timestamp) -> Result<Option<(u64, Timestamp)>, StoreError> {
        let mut found = None;
        let events = self.tables.events()?;
        let newest = events.last()?.map(|(last, _)| last.value());
        for block in events.iter()? {
            let (last, value) = block?;
            if Some(last.value()) == newest {
                break;
            }
            match codec::block_header(value.value()) {
                Some((committed_at, _)) if committed_at >= oldest => break,
                Some((committed_at, _)) => found = Some((last.value(), committed_at)),
                // Its time is unknown: that of the next block decides.
                None => {}
            }
        }
        Ok(found)
    }

    /// Returns the events that were committed after a time, the newest first.
    pub fn events_since(&self, after: Timestamp) -> Result<Rows<'_, NumberedEvent>, StoreError> {
        let blocks = self.tables.events()?.iter()?.rev();
        let since = blocks.take_while(move |block| {
            let Ok((_, value)) = block else { return true };
            let header = codec::block_header(value.value());
            header.is_none_or(|(committed_at, _)| committed_at > after)
        });
        Ok(Rows::new(since.flat_map(|block| match block {
            Ok((last, value)) => events_of(last.value(), value.value()),
            Err(error) => vec![Err(error.into())],
        })))
    }

    /// Returns the events about a name or a namespace, whatever its case, the newest first.
    pub fn events_about(&self, subject: &str) -> Result<Rows<'_, NumberedEvent>, StoreError> {
        let subject = subject.to_ascii_lowercase();
        let wanted = short(&subject);
        let blocks = self.tables.event_subjects()?.iter()?.rev();
        let events = self.tables.events()?;
        let found = blocks.flat_map(move |block| {
            let read = || -> Result<Vec<Result<NumberedEvent, StoreError>>, StoreError> {
                let (last, subjects) = block?;
                let (subjects, _) = subjects.value().as_chunks::<4>();
                if subjects.binary_search(&wanted).is_err() {
                    return Ok(Vec::new());
                }
                let Some(value) = events.get(last.value())? else { return Ok(Vec::new()) };
                Ok(events_of(last.value(), value.value()))
            };
            read().unwrap_or_else(|error| vec![Err(error)])
        });
        let is_about = move |event: &Event| event.subject().is_some_and(|found| found == subject);
        Ok(Rows::new(found.filter(move |event| {
            event.as_ref().map_or(true, |numbered| is_about(&numbered.event))
        })))
    }

    /// Returns the rule with this digest; `None` if no event named it.
    pub fn rule(&self, digest: &Digest) -> Result<Option<RuleRecord>, StoreError> {
        let found = self.tables.rules()?.get(digest.as_bytes())?;
        found
            .map(|value| codec::read_json(value.value(), "a rule", &digest.to_string()))
            .transpose()
    }

    /// Returns the visible entries of all views.
    pub fn served(&self) -> Result<Served, StoreError> {
        let mut served = Served::default();
        for row in self.tables.ledger()?.iter()? {
            let (key, value) = row?;
            let (view, name, version) = key.value();
            let record = codec::identity(name, version).zip(codec::read_ledger(value.value()));
            if let Some(((name, version), record)) = record
                && record.shown == Shown::Visible
            {
                served.0.insert((view.into(), name, version), record.approved);
            }
        }
        Ok(served)
    }
}

/// Returns the events of a block, the newest first.
fn events_of(last: u64, value: &[u8]) -> Vec<Result<NumberedEvent, StoreError>> {
    let Some(block) = codec::read_block(value) else {
        return vec![Err(StoreError::damaged("a block of events", last.to_string()))];
    };
    let first = (last + 1).saturating_sub(block.events.len() as u64);
    let numbered = (first..).zip(block.events);
    let mut events: Vec<_> =
        numbered.map(|(sequence, event)| Ok(NumberedEvent { sequence, event })).collect();
    events.reverse();
    events
}
