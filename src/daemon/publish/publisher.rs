use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::candidates::{Evaluator, Leaving, NameEvaluation};
use super::generation::Published;
use super::handle::Publication;
use super::history::{Generation, GenerationEvents};
use super::newness::Newness;
use super::open_alerts::OpenAlerts;
use super::state::{Committed, Selection, Work};
use super::view::ViewState;
use crate::catalog::{Catalogue, Draft, Ledger};
use crate::curation::{Gate, PolicyDifference, PolicySnapshot};
use crate::history::RuleDigests;
use crate::model::{Escaped, LedgerEntry, Name, Shown, Version};
use crate::overlay::OverlaySet;
use crate::store::{Evaluated, NewEvents, Snapshot, StoreError, ViewChanges};
use crate::threads::beside;

/// Builds generations: evaluates names, renders changed entries, commits the ledger's difference and
/// swaps all views as one.
pub(super) struct Publisher {
    publication: Arc<Publication>,
    /// Every stored name.
    names: BTreeSet<Name>,
    views: Vec<ViewState>,
    open_alerts: OpenAlerts,
    /// True if the published generation matches the ledgers. After a load or a failed commit it may be
    /// older: a commit can have succeeded without its generation.
    is_current: bool,
    /// The names with changes in a commit that reported an error: it is unknown if the store has them.
    uncertain: BTreeSet<Name>,
}

/// Names that are evaluated and rendered together: the input of rendering is several times the size of
/// its output.
const SHARE: usize = 4_000;
/// Threads that evaluate.
const THREADS: usize = 2;
/// Entries that leave with one generation and are logged by name; the others are counted.
const MAX_LOGGED: usize = 1_000;
/// Up to this number of names, one thread evaluates.
const LEAST_SHARE: usize = 500;

impl Publisher {
    /// Loads names and ledgers. The first publication renders everything that is served: alerts about
    /// single names are derived from rendered entries, and an earlier publisher may have failed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn load(publication: &Arc<Publication>) -> Result<Self, StoreError> {
        let snapshot = publication.store.snapshot()?;
        let mut views = Vec::new();
        for view in &publication.settings.views {
            let records: Result<Vec<LedgerEntry>, StoreError> =
                snapshot.ledger(&view.name)?.collect();
            let ledger = Ledger::new(records?);
            let mut catalogue = Catalogue::listing(view.lists);
            if let Some(until) = snapshot.pruned_until(&view.name)? {
                catalogue = catalogue.forgetting(until);
            }
            let catalogue = Arc::new(catalogue);
            views.push(ViewState { name: view.name.clone(), ledger, catalogue });
        }
        let mut names = snapshot.names()?;
        names.append(&mut snapshot.quarantined_names()?);
        Ok(Self {
            publication: Arc::clone(publication),
            names,
            views,
            open_alerts: OpenAlerts::default(),
            is_current: false,
            uncertain: BTreeSet::new(),
        })
    }

    /// Builds and publishes the next generation, in one read transaction. What leaves a view is hidden before the
    /// commit, and its tombstones are shown after it.
    ///
    /// # Errors
    /// When the store cannot be read or written; then the published generation stays, without what had to be hidden.
    /// The next call reads again what the commit may have written.
    pub(super) fn publish(&mut self, work: &Work) -> Result<Committed, StoreError> {
        let begun = Instant::now();
        let snapshot = self.publication.store.snapshot()?;
        self.resolve(&snapshot)?;
        self.forget(&snapshot)?;
        let (names, silent) = self.select(work, &snapshot)?;
        let Self { publication, views, open_alerts, .. } = self;
        let namespace = &publication.settings.namespace;
        // What ends may end by a later time than the one that is stored.
        let at = work.now.min(publication.clock.now());
        let mut drafts: Vec<Draft<'_>> =
            views.iter().map(|view| view.catalogue.next(&view.ledger, at, namespace)).collect();
        let mut committed =
            Committed { everything: work.selection.is_everything(), ..Committed::default() };
        let rules = RuleDigests::of(work.policy.overlays.rules());
        let mut authorities = Vec::new();
        let mut leaving = Vec::new();
        let mut awaited = BTreeMap::new();
        for share in names.chunks(SHARE) {
            let evaluator = Evaluator { views, work, snapshot: &snapshot, rules: &rules };
            for mut evaluated in write_share(&evaluator, share, &mut drafts)? {
                authorities.extend(evaluated.take_authority());
                open_alerts.keep(&evaluated.name, std::mem::take(&mut evaluated.alerts));
                open_alerts.look_at(&evaluated.in_any_view(), namespace);
                let versions = std::mem::take(&mut evaluated.leaving);
                awaited
                    .extend(evaluated.awaited.take().map(|found| (evaluated.name.clone(), found)));
                leaving.extend(versions.into_iter().map(|left| (evaluated.name.clone(), left)));
                committed.add(evaluated.name, evaluated.holds_until, evaluated.is_withheld);
            }
        }
        let selected: Vec<Name> = names.iter().chain(&silent).cloned().collect();
        committed.add_silent(silent);
        let newness = Newness::read(&snapshot, &work.policy, work.now)?;
        let as_of = snapshot.ingest_mark()?;
        drop(snapshot);
        let unreadable = drafts.iter_mut().flat_map(Draft::take_unreadable);
        unreadable.for_each(|(name, damage)| open_alerts.damaged(&name, &damage));
        let changes: Vec<Vec<LedgerEntry>> = drafts.iter_mut().map(Draft::take_changes).collect();
        let reapproved: Vec<Vec<LedgerEntry>> =
            drafts.iter_mut().map(Draft::take_reapproved).collect();
        let is_hidden = publication.hide(&new_tombstones(views, &changes));
        if is_hidden {
            log_leaving(&leaving);
        }
        let generation = Generation { work, at, views, leaving: &leaving, rules: &rules };
        let GenerationEvents { events, rules } =
            generation.events(publication, &changes, &reapproved);
        let is_changed = changes.iter().any(|changes| !changes.is_empty());
        let changed = changes.iter().map(Vec::len).sum();
        let records: Vec<Vec<LedgerEntry>> = changes
            .into_iter()
            .zip(reapproved)
            .map(|(changes, reapproved)| changes.into_iter().chain(reapproved).collect())
            .collect();
        // The ledgers have to be committed before any reader sees what they show. Finishing the catalogues takes about
        // as long.
        let next = std::thread::scope(|scope| {
            let commit = || {
                let Committed { everything, holds_until, .. } = &committed;
                let evaluated = Evaluated { as_of, everything: *everything, names: holds_until };
                let of_views: Vec<ViewChanges<'_>> = views
                    .iter()
                    .zip(&records)
                    .map(|(view, changes)| ViewChanges { view: &view.name, changes })
                    .collect();
                let new_events = NewEvents { events: &events, rules: &rules };
                let store = &publication.store;
                store.commit_ledger(&of_views, &authorities, &evaluated, new_events, at)
            };
            let committing = beside(scope, commit);
            let next: Vec<Catalogue> = drafts.into_iter().map(Draft::finish).collect();
            committing.join().map(|()| next)
        });
        let next = match next {
            Ok(next) => next,
            Err(error) => {
                let changed = records.into_iter().flatten().map(|((name, _), _)| name);
                self.uncertain.extend(changed);
                self.is_current = false;
                return Err(error);
            }
        };
        self.publication.waiting().settle(committed.everything, selected.iter(), awaited);
        self.publication.set_newness(newness);
        for (view, records) in self.views.iter_mut().zip(records) {
            records.into_iter().for_each(|(key, record)| view.ledger.set(key, record));
        }
        let is_same_size =
            self.views.iter().zip(&next).all(|(view, next)| view.catalogue.len() == next.len());
        let shown = self.views.iter().map(|view| (view.name.as_str(), &view.catalogue));
        if is_changed || !self.is_current || !is_same_size || !self.publication.shows(shown) {
            self.swap(next, changed, &work.policy, begun);
            committed.is_published = true;
            if !is_hidden {
                log_leaving(&leaving);
            }
        }
        self.publication.evaluated.touch(names);
        // A decision takes effect before it is reported.
        self.open_alerts.report(&self.publication);
        Ok(committed)
    }

    /// Reads the ledgers of names again that a commit with an unknown outcome may have changed.
    fn resolve(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        for name in &self.uncertain {
            for view in &mut self.views {
                for entry in snapshot.ledger_of(&view.name, name)? {
                    let (version, record) = entry?;
                    view.ledger.set((name.clone(), version), record);
                }
            }
        }
        self.uncertain.clear();
        Ok(())
    }

    /// Removes the tombstones that the store has removed. The generation without them knows that it lacks them.
    fn forget(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        for view in &mut self.views {
            let pruned = snapshot.pruned_until(&view.name)?;
            if let Some(until) = pruned.filter(|_| pruned > view.catalogue.pruned_until()) {
                view.ledger.forget(until);
                view.catalogue = Arc::new(view.catalogue.forgetting(until));
                self.is_current = false;
            }
        }
        Ok(())
    }

    /// Returns the names to evaluate, and those to skip: a name that no rule concerns and no view shows
    /// cannot become visible. Internal names are always evaluated: another party may try to take one.
    fn select(
        &mut self,
        work: &Work,
        snapshot: &Snapshot,
    ) -> Result<(Vec<Name>, Vec<Name>), StoreError> {
        let Selection { names, difference, .. } = &work.selection;
        let mut names = names.clone();
        if work.selection.is_everything() {
            // This publication settles their marks, and nothing else may have reported them.
            names.append(&mut snapshot.dirty_names()?.names);
        }
        for name in &names {
            if snapshot.has_rows_of(name)? || snapshot.has_quarantined(name)? {
                self.names.insert(name.clone());
            } else {
                self.names.remove(name);
            }
        }
        let mut selected = names;
        match difference {
            None => {}
            Some(PolicyDifference::Names(changes)) if changes.exact().is_some() => {
                selected.extend(changes.exact().into_iter().flatten());
            }
            Some(difference) => {
                let concerned = |name: &&Name| difference.concerns(name);
                selected.extend(self.names.iter().filter(concerned).cloned());
                for view in &self.views {
                    selected.extend(view.ledger.names().filter(concerned).cloned());
                }
                selected
                    .extend(self.open_alerts.names().into_iter().filter(|name| concerned(&name)));
            }
        }
        let set = &work.policy.overlays;
        if difference.is_some() {
            selected.extend(self.open_alerts.respelled().cloned());
        }
        let followed: Vec<Name> =
            selected.iter().flat_map(|name| set.predecessors(name)).cloned().collect();
        selected.extend(followed);
        selected.iter().for_each(|name| self.open_alerts.begin(name));
        Ok(selected.into_iter().partition(|name| self.is_selected(name, set)))
    }

    fn is_selected(&self, name: &Name, set: &OverlaySet) -> bool {
        let was_served = |view: &ViewState| view.ledger.of_name(name).next().is_some();
        !set.rules_for(name).is_silent()
            || set.is_internal(name)
            || !set.approved_in_other_case(name).is_empty()
            || self.views.iter().any(was_served)
    }

    /// Shows the generation to every reader, all views as one.
    fn swap(
        &mut self,
        next: Vec<Catalogue>,
        changed: usize,
        policy: &PolicySnapshot,
        begun: Instant,
    ) {
        for (view, catalogue) in self.views.iter_mut().zip(next) {
            view.catalogue = Arc::new(catalogue);
        }
        let views = self.views.iter();
        let views = views.map(|view| (view.name.clone(), Arc::clone(&view.catalogue))).collect();
        let published = self.publication.swap(views, policy, changed, begun.elapsed());
        self.is_current = true;
        let Published { generation, visible, took, .. } = &*published;
        let took_ms = took.as_millis();
        info!(generation, visible, changed, took_ms, "a generation was published");
    }
}

/// Returns the entries that leave each view.
fn new_tombstones<'v>(
    views: &'v [ViewState],
    changes: &[Vec<LedgerEntry>],
) -> BTreeMap<&'v str, BTreeSet<(Name, Version)>> {
    let of_view = |(view, changes): (&'v ViewState, &Vec<LedgerEntry>)| {
        let gone = changes.iter().filter(|(_, record)| record.shown == Shown::Tombstone);
        (view.name.as_str(), gone.map(|(key, _)| key.clone()).collect())
    };
    views.iter().zip(changes).map(of_view).collect()
}

/// Logs what left every view, after it has left: a decision takes effect before it is logged.
fn log_leaving(leaving: &[(Name, Leaving)]) {
    for (name, Leaving { version, gate, .. }) in leaving.iter().take(MAX_LOGGED) {
        let gate = gate.map_or("no upstream lists it", Gate::as_str);
        info!(%name, version = %Escaped(version.as_str()), gate, "an entry is no longer served");
    }
    if let Some(more) = leaving.len().checked_sub(MAX_LOGGED).filter(|more| *more > 0) {
        info!(more, "more entries are no longer served");
    }
}

/// Evaluates names, and writes the entries that each view shows.
fn write_share(
    evaluator: &Evaluator<'_>,
    names: &[Name],
    drafts: &mut [Draft<'_>],
) -> Result<Vec<NameEvaluation>, StoreError> {
    let evaluated = evaluate_names(evaluator, names)?;
    for (index, draft) in drafts.iter_mut().enumerate() {
        draft.write(&evaluated.iter().map(|name| name.within(index)).collect::<Vec<_>>());
    }
    Ok(evaluated)
}

/// Evaluates names, on two threads where there are many; both read one snapshot.
fn evaluate_names(
    evaluator: &Evaluator<'_>,
    names: &[Name],
) -> Result<Vec<NameEvaluation>, StoreError> {
    let share = names.len().div_ceil(THREADS).max(LEAST_SHARE);
    let evaluate_name = |names: &[Name]| -> Result<Vec<NameEvaluation>, StoreError> {
        names.iter().map(|name| evaluator.evaluate_name(name)).collect()
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = names
            .chunks(share)
            .skip(1)
            .map(|share| beside(scope, move || evaluate_name(share)))
            .collect();
        let mut evaluated = evaluate_name(names.get(..share).unwrap_or(names))?;
        for other in others {
            evaluated.extend(other.join()?);
        }
        Ok(evaluated)
    })
}
