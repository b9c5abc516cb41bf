use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::history::{Change, Event, RuleRecord, Served};
use crate::model::{Digest, Name, Timestamp, Version};
use crate::store::{NumberedEvent, Rows, Snapshot, StoreError};

/// Events in one answer; the newest are shown.
const MAX_EVENTS: usize = 10_000;

/// Events, the newest first, with the rules that they name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The time since which the history is complete.
    pub begins: Timestamp,
    pub events: Vec<Recorded>,
    /// Older events that are not shown.
    pub more: u64,
    pub rules: BTreeMap<Digest, RuleRecord>,
    /// Blocks of events that cannot be read.
    pub damaged: u64,
}

/// An event with its number.
#[derive(Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// Counted from 1.
    pub sequence: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// The entries that were visible at a time.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServedThen {
    pub at: Timestamp,
    pub entries: Vec<ServedEntry>,
    pub rules: BTreeMap<Digest, RuleRecord>,
    /// Blocks of events that cannot be read: then the answer may be wrong.
    pub damaged: u64,
}

/// An entry that was visible in a view, and the rule that approved it.
#[derive(Debug, Serialize, Deserialize)]
pub struct ServedEntry {
    pub view: SmolStr,
    pub name: Name,
    pub version: Version,
    pub received: Digest,
    pub rule: Digest,
}

/// The reason why there is no answer about a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRecorded {
    /// The history begins later.
    Before { begins: Timestamp },
    /// It has not come yet.
    Ahead { now: Timestamp },
}

impl std::fmt::Display for NotRecorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Before { begins } => {
                // The time is written in whole seconds, and is allowed itself.
                let begins = begins.plus(Duration::from_micros(999_999));
                write!(f, "the history begins at {begins}; this time and later ones are allowed")
            }
            Self::Ahead { now } => write!(f, "that time has not come: it is {now}"),
        }
    }
}

/// The part of the events that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// Only events with lower numbers.
    pub before: Option<u64>,
    /// The number of events; the newest are returned.
    pub most: usize,
}

impl Span {
    /// Returns the span of an answer that continues behind an earlier one, if there was one.
    #[must_use]
    pub fn of_answer(before: Option<u64>) -> Self {
        Self { before, most: MAX_EVENTS }
    }
}

/// Returns the newest events about a name and its namespace; with a version, those about other versions
/// are left out.
///
/// # Errors
/// When the store cannot be read, as for every function here.
pub fn history_of(
    snapshot: &Snapshot,
    name: &Name,
    version: Option<&str>,
    span: Span,
) -> Result<History, StoreError> {
    let is_asked = |event: &Event| match &event.change {
        Change::Entry(change) => version.is_none_or(|asked| asked == change.version.as_str()),
        _ => true,
    };
    let mut about_name = snapshot.events_about(name.as_str())?;
    let mut events = collect(&mut about_name, span, is_asked)?;
    let mut about_namespace = snapshot.events_about(name.namespace())?;
    events.extend(collect(&mut about_namespace, span, |_| true)?);
    events.sort_by_key(|recorded| std::cmp::Reverse(recorded.sequence));
    let damaged = about_name.damage().len() + about_namespace.damage().len();
    answer(snapshot, events, damaged, span)
}

/// Returns the newest events since a time, and until another one.
pub fn changes_since(
    snapshot: &Snapshot,
    since: Timestamp,
    until: Option<Timestamp>,
    span: Span,
    now: Timestamp,
) -> Result<Result<History, NotRecorded>, StoreError> {
    // Of a day in which the history began, what is recorded is asked for.
    if let Some(ahead @ NotRecorded::Ahead { .. }) = reason_against(snapshot, since, now)? {
        return Ok(Err(ahead));
    }
    let is_within = |at| at >= since && until.is_none_or(|until| at <= until);
    // What took effect at that very time is asked for too.
    let mut events = snapshot.events_since(since.minus(Timestamp::TICK))?;
    let found = collect(&mut events, span, |event| is_within(event.at))?;
    answer(snapshot, found, events.damage().len(), span).map(Ok)
}

/// Returns the entries that were visible at a time, in all views.
pub fn served_at(
    snapshot: &Snapshot,
    at: Timestamp,
    now: Timestamp,
) -> Result<Result<ServedThen, NotRecorded>, StoreError> {
    if let Some(reason) = reason_against(snapshot, at, now)? {
        return Ok(Err(reason));
    }
    let mut served: Served = snapshot.served()?;
    let mut events = snapshot.events_since(at)?;
    for event in events.by_ref() {
        served.undo(&event?.event, at);
    }
    let entries: Vec<ServedEntry> = served
        .0
        .into_iter()
        .map(|((view, name, version), approved)| ServedEntry {
            view,
            name,
            version,
            received: approved.received,
            rule: approved.rule,
        })
        .collect();
    let rules = rules_of(snapshot, entries.iter().map(|entry| entry.rule))?;
    Ok(Ok(ServedThen { at, entries, rules, damaged: events.damage().len() as u64 }))
}

fn reason_against(
    snapshot: &Snapshot,
    at: Timestamp,
    now: Timestamp,
) -> Result<Option<NotRecorded>, StoreError> {
    let begins = snapshot.history_begins()?;
    Ok(if at > now {
        Some(NotRecorded::Ahead { now })
    } else if at < begins {
        Some(NotRecorded::Before { begins })
    } else {
        None
    })
}

fn collect(
    events: &mut Rows<'_, NumberedEvent>,
    span: Span,
    is_asked: impl Fn(&Event) -> bool,
) -> Result<Vec<Recorded>, StoreError> {
    let mut found = Vec::new();
    for event in events {
        let NumberedEvent { sequence, event } = event?;
        if span.before.is_none_or(|before| sequence < before) && is_asked(&event) {
            found.push(Recorded { sequence, event });
        }
    }
    Ok(found)
}

fn answer(
    snapshot: &Snapshot,
    mut events: Vec<Recorded>,
    damaged: usize,
    span: Span,
) -> Result<History, StoreError> {
    let more = events.len().saturating_sub(span.most) as u64;
    events.truncate(span.most);
    let named = events.iter().flat_map(|recorded| recorded.event.rules().collect::<Vec<_>>());
    let rules = rules_of(snapshot, named)?;
    let begins = snapshot.history_begins()?;
    Ok(History { begins, events, more, rules, damaged: damaged as u64 })
}

fn rules_of(
    snapshot: &Snapshot,
    named: impl Iterator<Item = Digest>,
) -> Result<BTreeMap<Digest, RuleRecord>, StoreError> {
    let mut rules = BTreeMap::new();
    for digest in named {
        if !rules.contains_key(&digest)
            && let Some(record) = snapshot.rule(&digest)?
        {
            rules.insert(digest, record);
        }
    }
    Ok(rules)
}
