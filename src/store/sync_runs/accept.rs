//! Accepts a sync run: its staged rows go live or on hold, in one transaction.

use std::collections::BTreeSet;

use redb::{ReadableTable, WriteTransaction};

use super::on_hold::on_hold;
use super::staged::{clear, clear_seen, seen};
use super::state::{put_state, state_of};
use crate::model::{Name, Timestamp};
use crate::store::dirty::{mark_everything, mark_names};
use crate::store::entries::Live;
use crate::store::rows::after;
use crate::store::tables::{ON_HOLD, SEEN, STAGED};
use crate::store::{Store, StoreError, codec};
use crate::sync::{ChangeSet, ExceededLimit, SafetyLimits, UpstreamState};

/// A finished sync run to accept, checked against the safety limits.
#[derive(Debug)]
pub struct Acceptance<'a> {
    pub upstream: &'a str,
    /// The upstream's state after the run.
    pub state: &'a UpstreamState,
    /// True if the run saw every row, so that absences count.
    pub complete: bool,
    pub safety_limits: &'a SafetyLimits,
    pub hold: &'a Hold,
    /// The state after the run if nothing is on hold.
    pub whole: &'a UpstreamState,
    pub now: Timestamp,
}

/// The part of a run that goes on hold.
#[derive(Debug, Default)]
pub struct Hold {
    pub exceeded: Vec<ExceededLimit>,
    pub all: bool,
    /// Staged rows, by name and version.
    pub rows: BTreeSet<(String, String)>,
    pub absences: bool,
}

impl Store {
    /// Accepts a run: moves its rows, counts absences, sets the state, and stores the change set on hold
    /// separately. A full sync replaces any change set on hold; an incremental sync replaces one of an
    /// incremental sync, and removes the rows that it supersedes from one of a full sync. Returns the
    /// names that changed.
    ///
    /// # Errors
    /// When the file cannot be written; then the run stays staged.
    pub fn accept(&self, acceptance: &Acceptance<'_>) -> Result<BTreeSet<Name>, StoreError> {
        let Acceptance { upstream, state, complete, hold, now, .. } = *acceptance;
        self.write(now, |transaction| {
            let UpstreamState { on_hold: before, discarded, last_full_sync, .. } =
                state_of(transaction, upstream)?;
            let replaces = complete || before.as_ref().is_none_or(|on_hold| !on_hold.complete);
            if replaces {
                clear(transaction, upstream, ON_HOLD)?;
            }
            let mut touched = self.move_staged(transaction, acceptance)?;
            if complete {
                touched.extend(self.count_absences(transaction, acceptance)?);
            }
            clear_seen(transaction, upstream)?;
            let on_hold = on_hold(transaction, upstream)?.map(|(id, rows)| ChangeSet {
                id,
                rows,
                complete: complete || !replaces,
                since: now,
                exceeded: if replaces { hold.exceeded.clone() } else { Vec::new() },
            });
            let on_hold = on_hold.map(|on_hold| match before {
                // The same set again keeps its time and its exceeded limits.
                Some(before) if before.id == on_hold.id => before,
                Some(before) if !replaces => {
                    ChangeSet { exceeded: before.exceeded, since: before.since, ..on_hold }
                }
                _ => on_hold,
            });
            // An exceeded limit without any rows or absences does not block acceptance.
            let state = if hold.all && on_hold.is_none() { acceptance.whole } else { state };
            let mut state = UpstreamState { on_hold, discarded, ..state.clone() };
            if state.is_discarded() {
                clear(transaction, upstream, ON_HOLD)?;
                state.on_hold = None;
                if !hold.all {
                    state.watermark = acceptance.whole.watermark;
                }
            }
            mark_names(transaction, &touched)?;
            if last_full_sync.is_none() && state.last_full_sync.is_some() {
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
        let Acceptance { upstream, safety_limits, hold, now, .. } = *acceptance;
        let mut touched = BTreeSet::new();
        let mut staged = transaction.open_table(STAGED)?;
        let mut on_hold = transaction.open_table(ON_HOLD)?;
        let mut live = Live::open(self, transaction, upstream, now)?;
        let range = (upstream, "", "")..(&*after(upstream), "", "");
        for row in staged.extract_from_if(range, |_, _| true)? {
            let (key, value) = row?;
            let (_, name, version) = key.value();
            if hold.all || hold.rows.contains(&(name.to_owned(), version.to_owned())) {
                on_hold.insert(key.value(), value.value())?;
                continue;
            }
            on_hold.remove(key.value())?;
            live.apply(name, version, value.value(), safety_limits)?;
            touched.extend(Name::parse(name));
        }
        Ok(touched)
    }

    /// Compares the stored entries with those that the full sync saw. Quarantined rows that it did not
    /// see are removed: upstream does not have them any more.
    fn count_absences(
        &self,
        transaction: &WriteTransaction,
        acceptance: &Acceptance<'_>,
    ) -> Result<BTreeSet<Name>, StoreError> {
        let Acceptance { upstream, safety_limits, hold, now, .. } = *acceptance;
        let seen = seen(&transaction.open_table(SEEN)?, upstream)?;
        let mut live = Live::open(self, transaction, upstream, now)?;
        let mut touched = BTreeSet::new();
        let (mut absent, mut present) = (Vec::new(), Vec::new());
        let end = after(upstream);
        for row in live.heads.range((upstream, "", "")..(end.as_str(), "", ""))? {
            let (key, _) = row?;
            let (_, name, version) = key.value();
            if !seen.contains(&codec::seen_key(name, version)) {
                absent.push((name.to_owned(), version.to_owned()));
            } else if live.absences.get(key.value())?.is_some() {
                present.push((name.to_owned(), version.to_owned()));
            }
        }
        for (name, version) in present {
            if live.present(&name, &version)? {
                touched.extend(Name::parse(&name));
            }
        }
        if hold.all || hold.absences {
            let mut on_hold = transaction.open_table(ON_HOLD)?;
            for (name, version) in &absent {
                on_hold.insert((upstream, name.as_str(), version.as_str()), codec::ABSENT)?;
            }
            return Ok(touched);
        }
        for (name, version) in absent {
            if live.missed(&name, &version, safety_limits)? {
                touched.extend(Name::parse(&name));
            }
        }
        live.quarantine.retain_in(
            (upstream, "", "")..(end.as_str(), "", ""),
            |(_, name, version), _| {
                let stays = seen.contains(&codec::seen_key(name, version));
                if !stays {
                    // Another upstream may have the authority for the name now.
                    touched.extend(Name::parse(name));
                }
                stays
            },
        )?;
        Ok(touched)
    }
}
