//! Accepting a pass: what was staged becomes what is stored, or is held, in one transaction.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::held::held;
use super::staged::{clear, clear_seen, seen};
use super::state::{put_state, state_of};
use crate::model::{Instant, Name};
use crate::store::dirty::{mark_everything, mark_names};
use crate::store::entries::Live;
use crate::store::rows::after;
use crate::store::tables::{HELD, SEEN, STAGED};
use crate::store::{Store, StoreError, codec};
use crate::sync::{Held, Rails, Trip, UpstreamState};

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
            let UpstreamState { held: before, discarded, last_complete_walk, .. } =
                state_of(transaction, upstream)?;
            let replaces = complete || before.as_ref().is_none_or(|held| !held.complete);
            if replaces {
                clear(transaction, upstream, HELD)?;
            }
            let mut touched = self.move_staged(transaction, acceptance)?;
            if complete {
                touched.extend(self.count_absences(transaction, acceptance)?);
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
            mark_names(transaction, &touched)?;
            if last_complete_walk.is_none() && state.last_complete_walk.is_some() {
                // Names may belong to another upstream once this one is known completely.
                mark_everything(transaction)?;
            }
            put_state(transaction, upstream, &state)?;
            Ok(touched)
        })
    }

    fn move_staged(
        &self,
        transaction: &WriteTransaction,
        acceptance: &Acceptance<'_>,
    ) -> Result<BTreeSet<Name>, StoreError> {
        let Acceptance { upstream, rails, hold, now, .. } = *acceptance;
        let mut touched = BTreeSet::new();
        let mut staged = transaction.open_table(STAGED)?;
        let mut held = transaction.open_table(HELD)?;
        let mut live = Live::open(self, transaction, upstream, now)?;
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
        &self,
        transaction: &WriteTransaction,
        acceptance: &Acceptance<'_>,
    ) -> Result<BTreeSet<Name>, StoreError> {
        let Acceptance { upstream, rails, hold, now, .. } = *acceptance;
        let seen = seen(&transaction.open_table(SEEN)?, upstream)?;
        let mut live = Live::open(self, transaction, upstream, now)?;
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
        live.quarantine.retain_in(
            (upstream, "", "")..(end.as_str(), "", ""),
            |(_, name, version), _| {
                let stays = seen.contains(&codec::seen_key(name, version));
                if !stays {
                    // The name may be another upstream's now.
                    touched.extend(Name::parse(name));
                }
                stays
            },
        )?;
        Ok(touched)
    }
}
