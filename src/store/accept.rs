//! Accepting a pass: what was staged becomes what is stored, or is held, in one transaction.

use std::collections::{BTreeSet, HashSet};

use redb::{ReadableTable, WriteTransaction};

use super::codec::{self, SeenKey};
use super::live::Live;
use super::tables::{HELD, SEEN, STAGED};
use super::write::{after, put_state, state_of};
use super::{Store, StoreError};
use crate::model::{Digest, Instant, Name};
use crate::sync::{Held, Rail, Rails, Trip, UpstreamState};

/// A pass that was judged.
#[derive(Debug)]
pub struct Acceptance<'a> {
    pub upstream: &'a str,
    /// The upstream's state after it.
    pub state: &'a UpstreamState,
    /// Whether it saw every row there is, so that absence means something.
    pub complete: bool,
    pub rails: &'a Rails,
    pub hold: &'a Hold,
    /// The same state when nothing of it were held.
    pub whole: &'a UpstreamState,
    pub now: Instant,
}

/// What of a pass is held.
#[derive(Debug, Default)]
pub struct Hold {
    pub trips: Vec<Trip>,
    pub all: bool,
    /// Staged rows, by name and version.
    pub rows: BTreeSet<(String, String)>,
    pub absences: bool,
}

impl Store {
    /// Accepts a judged pass: moves its rows, counts absences, sets the state, and keeps what is
    /// held apart. A complete walk replaces the held set whole; an increment replaces that of an
    /// increment, and takes rows that it overtakes out of that of a walk. Returns the names that
    /// were touched.
    ///
    /// # Errors
    /// When the file cannot be written; then the pass stays staged.
    pub fn accept(&self, acceptance: &Acceptance<'_>) -> Result<BTreeSet<Name>, StoreError> {
        let Acceptance { upstream, state, complete, hold, now, .. } = *acceptance;
        self.write(now, |transaction| {
            let UpstreamState { held: before, discarded, .. } = state_of(transaction, upstream)?;
            let replaces = complete || before.as_ref().is_none_or(|held| !held.complete);
            if replaces {
                clear(transaction, upstream, HELD)?;
            }
            let mut touched = move_staged(transaction, acceptance)?;
            if complete {
                touched.extend(count_absences(transaction, acceptance)?);
            }
            clear_seen(transaction, upstream)?;
            let held = held(transaction, upstream)?.map(|(id, rows)| Held {
                id,
                rows,
                complete: if replaces { complete } else { true },
                since: now,
                trips: if replaces { hold.trips.clone() } else { Vec::new() },
            });
            let held = held.map(|held| match before {
                // The same set again is no news.
                Some(before) if before.id == held.id => before,
                Some(before) if !replaces => {
                    Held { trips: before.trips, since: before.since, ..held }
                }
                _ => held,
            });
            // A rail that finds nothing to keep back holds nobody up.
            let state = if hold.all && held.is_none() { acceptance.whole } else { state };
            let mut state = UpstreamState { held, discarded, ..state.clone() };
            if state.is_discarded() {
                clear(transaction, upstream, HELD)?;
                state.held = None;
                if !hold.all {
                    state.watermark = acceptance.whole.watermark;
                }
            }
            put_state(transaction, upstream, &state)?;
            Ok(touched)
        })
    }

    /// Accepts exactly the held set of this id; `None` when another one is held, or none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn release_held(
        &self,
        upstream: &str,
        id: &str,
        rails: &Rails,
        now: Instant,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.decide_held(upstream, id, now, |transaction, state| {
            let mut live = Live::open(transaction, upstream, now)?;
            let mut touched = BTreeSet::new();
            // Somebody has looked at the absences: they need no further walks to count.
            let rails = &Rails { missing_walks: 1, ..rails.clone() };
            let mut table = transaction.open_table(HELD)?;
            let range = (upstream, "", "")..(&*after(upstream), "", "");
            for row in table.extract_from_if(range, |_, _| true)? {
                let (key, value) = row?;
                let (_, name, version) = key.value();
                live.apply(name, version, value.value(), rails)?;
                touched.extend(Name::parse(name));
            }
            // An older state of the upstream that was released is the state from now on.
            let held = state.held.take();
            if held.is_some_and(|held| held.trips.iter().any(|trip| trip.rail == Rail::Rewind)) {
                state.newest_updated_at = None;
            }
            Ok(touched)
        })
    }

    /// Drops exactly the held set of this id and remembers it; `None` when another one is held.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn discard_held(
        &self,
        upstream: &str,
        id: &str,
        now: Instant,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.decide_held(upstream, id, now, |transaction, state| {
            clear(transaction, upstream, HELD)?;
            state.discard(id);
            Ok(BTreeSet::new())
        })
    }

    fn decide_held(
        &self,
        upstream: &str,
        id: &str,
        now: Instant,
        decide: impl FnOnce(&WriteTransaction, &mut UpstreamState) -> Result<BTreeSet<Name>, StoreError>,
    ) -> Result<Option<BTreeSet<Name>>, StoreError> {
        self.write(now, |transaction| {
            let mut state = state_of(transaction, upstream)?;
            if state.held.as_ref().is_none_or(|held| held.id != id) {
                return Ok(None);
            }
            let touched = decide(transaction, &mut state)?;
            put_state(transaction, upstream, &state)?;
            Ok(Some(touched))
        })
    }
}

fn move_staged(
    transaction: &WriteTransaction,
    acceptance: &Acceptance<'_>,
) -> Result<BTreeSet<Name>, StoreError> {
    let Acceptance { upstream, rails, hold, now, .. } = *acceptance;
    let mut touched = BTreeSet::new();
    let mut staged = transaction.open_table(STAGED)?;
    let mut held = transaction.open_table(HELD)?;
    let mut live = Live::open(transaction, upstream, now)?;
    let range = (upstream, "", "")..(&*after(upstream), "", "");
    for row in staged.extract_from_if(range, |_, _| true)? {
        let (key, value) = row?;
        let (_, name, version) = key.value();
        if hold.all || hold.rows.contains(&(name.to_owned(), version.to_owned())) {
            held.insert(key.value(), value.value())?;
            continue;
        }
        held.remove(key.value())?;
        live.apply(name, version, value.value(), rails)?;
        touched.extend(Name::parse(name));
    }
    Ok(touched)
}

/// Compares what is stored with what the walk saw. Rows in quarantine that it did not see are
/// forgotten: there is nothing behind them any more.
fn count_absences(
    transaction: &WriteTransaction,
    acceptance: &Acceptance<'_>,
) -> Result<BTreeSet<Name>, StoreError> {
    let Acceptance { upstream, rails, hold, now, .. } = *acceptance;
    let seen = seen(&transaction.open_table(SEEN)?, upstream)?;
    let mut live = Live::open(transaction, upstream, now)?;
    let mut touched = BTreeSet::new();
    let (mut absent, mut present) = (Vec::new(), Vec::new());
    let end = after(upstream);
    for row in live.heads.range((upstream, "", "")..(end.as_str(), "", ""))? {
        let (key, _) = row?;
        let (_, name, version) = key.value();
        match seen.contains(&codec::seen_key(name, version)) {
            true if live.absences.get(key.value())?.is_some() => {
                present.push((name.to_owned(), version.to_owned()));
            }
            true => {}
            false => absent.push((name.to_owned(), version.to_owned())),
        }
    }
    for (name, version) in present {
        if live.present(&name, &version)? {
            touched.extend(Name::parse(&name));
        }
    }
    if hold.all || hold.absences {
        let mut held = transaction.open_table(HELD)?;
        for (name, version) in &absent {
            held.insert((upstream, name.as_str(), version.as_str()), codec::ABSENT)?;
        }
        return Ok(touched);
    }
    for (name, version) in absent {
        if live.missed(&name, &version, rails)? {
            touched.extend(Name::parse(&name));
        }
    }
    live.quarantine
        .retain_in((upstream, "", "")..(end.as_str(), "", ""), |(_, name, version), _| {
            seen.contains(&codec::seen_key(name, version))
        })?;
    Ok(touched)
}

/// What the walk saw, as its batches noted it.
pub(super) fn seen(
    table: &impl ReadableTable<(&'static str, u64), &'static [u8]>,
    upstream: &str,
) -> Result<HashSet<SeenKey>, StoreError> {
    let mut seen = HashSet::new();
    for row in table.range((upstream, 0)..=(upstream, u64::MAX))? {
        seen.extend(codec::read_seen(row?.1.value()));
    }
    Ok(seen)
}

fn clear_seen(transaction: &WriteTransaction, upstream: &str) -> Result<(), StoreError> {
    let mut table = transaction.open_table(SEEN)?;
    table.retain_in((upstream, 0)..=(upstream, u64::MAX), |_, _| false)?;
    Ok(())
}

/// Forgets what a pass that is given up has noted.
pub(super) fn clear_pass(transaction: &WriteTransaction, upstream: &str) -> Result<(), StoreError> {
    clear(transaction, upstream, STAGED)?;
    clear_seen(transaction, upstream)
}

fn clear(
    transaction: &WriteTransaction,
    upstream: &str,
    rows: super::tables::Rows,
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(rows)?;
    let end = after(upstream);
    table.retain_in((upstream, "", "")..(end.as_str(), "", ""), |_, _| false)?;
    Ok(())
}

/// Id and size of what is held: twelve hexadecimal digits over keys and what each row was sent as.
fn held(
    transaction: &WriteTransaction,
    upstream: &str,
) -> Result<Option<(String, u64)>, StoreError> {
    let table = transaction.open_table(HELD)?;
    let end = after(upstream);
    let (mut identity, mut rows) = (Vec::new(), 0);
    for row in table.range((upstream, "", "")..(end.as_str(), "", ""))? {
        let (key, value) = row?;
        let (_, name, version) = key.value();
        rows += 1;
        for part in [name.as_bytes(), version.as_bytes(), codec::staged_identity(value.value())] {
            identity.extend(Digest::of(part).as_bytes());
        }
    }
    let id = Digest::of(&identity).short(12);
    Ok((rows > 0).then_some((id, rows)))
}
