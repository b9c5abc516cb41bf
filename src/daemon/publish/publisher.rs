use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use tracing::info;

use super::candidates::{Decided, Evaluator};
use super::generation::Published;
use super::handle::Publication;
use super::notes::Notes;
use super::state::{Committed, Selection, Work};
use super::view::ViewState;
use crate::catalog::{Catalogue, Draft, Generation, Ledger};
use crate::curation::PolicyDifference;
use crate::model::{Instant, LedgerEntry, Name};
use crate::overlay::OverlaySet;
use crate::store::{Evaluated, Snapshot, StoreError, ViewChanges};

/// Builds generations: evaluates names, renders what changed, commits the ledger's difference and swaps
/// all views as one.
pub(super) struct Publisher {
    publication: Arc<Publication>,
    /// Every name that is stored.
    names: BTreeSet<Name>,
    views: Vec<ViewState>,
    notes: Notes,
}

/// Names and the upstreams that they are served from now.
type Authorities = Vec<(Name, String)>;

/// Names that are evaluated and rendered before the next ones: what they are rendered from is several
/// times what is rendered.
const SHARE: usize = 4_000;
/// Threads that evaluate, and the names below which one does.
const THREADS: usize = 2;
const LEAST_SHARE: usize = 500;

impl Publisher {
    /// Loads names and ledgers, and goes on from the catalogues that are published, if any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn load(publication: &Arc<Publication>) -> Result<Self, StoreError> {
        let snapshot = publication.store.snapshot()?;
        let mut views = Vec::new();
        for view in &publication.settings.views {
            let records: Result<Vec<LedgerEntry>, StoreError> =
                snapshot.ledger(&view.name)?.collect();
            let published = publication.published();
            let catalogue = published.and_then(|published| published.view(&view.name).cloned());
            let (ledger, catalogue) = (Ledger::new(records?), catalogue.unwrap_or_default());
            views.push(ViewState { name: view.name.clone(), ledger, catalogue });
        }
        Ok(Self {
            publication: Arc::clone(publication),
            names: snapshot.names()?,
            views,
            notes: Notes::default(),
        })
    }

    /// Builds and publishes the next generation, in one read transaction.
    ///
    /// # Errors
    /// When the store cannot be read or written; then what is published stays.
    pub(super) fn publish(&mut self, work: &Work) -> Result<Committed, StoreError> {
        let begun = Stopwatch::now();
        let snapshot = self.publication.store.snapshot()?;
        let is_first = self.publication.published().is_none();
        let (names, silent) = self.select(work, &snapshot)?;
        let mut committed =
            Committed { everything: work.selection.is_everything(), ..Committed::default() };
        let (next, authorities) = self.evaluate_all(&names, work, &snapshot, &mut committed)?;
        if committed.everything {
            // Only ends are listed: all other names hold for good.
            committed.holds_until.retain(|(_, until)| until.is_some());
        } else {
            committed.holds_until.extend(silent.into_iter().map(|name| (name, None)));
        }
        let as_of = snapshot.ingest_mark()?;
        drop(snapshot);
        self.notes.report(&self.publication);
        let Committed { everything, holds_until, .. } = &committed;
        let evaluated = Evaluated { as_of, everything: *everything, names: holds_until };
        let changed = self.commit(&next, &authorities, &evaluated, work.now)?;
        let is_same_size = self
            .views
            .iter()
            .zip(&next)
            .all(|(view, next)| view.catalogue.len() == next.catalogue.len());
        if changed > 0 || is_first || !is_same_size {
            self.swap(next, changed, begun);
            committed.is_published = true;
        }
        Ok(committed)
    }

    /// The names to evaluate, and those that are not worth it: what no rule concerns and no view shows
    /// cannot become visible. Internal names are evaluated always: another party may be after one.
    fn select(
        &mut self,
        work: &Work,
        snapshot: &Snapshot,
    ) -> Result<(Vec<Name>, Vec<Name>), StoreError> {
        let Selection { names, difference } = &work.selection;
        for name in names {
            if snapshot.has_rows_of(name)? {
                self.names.insert(name.clone());
            } else {
                self.names.remove(name);
            }
        }
        let mut selected: BTreeSet<Name> = names.clone();
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
                selected.extend(self.notes.names().into_iter().filter(|it| concerned(&it)));
            }
        }
        selected.iter().for_each(|name| self.notes.begin(name));
        let set = &work.policy.overlays;
        Ok(selected.into_iter().partition(|name| self.is_selected(name, set)))
    }

    fn is_selected(&self, name: &Name, set: &OverlaySet) -> bool {
        let was_served = |view: &ViewState| view.ledger.of_name(name).next().is_some();
        !set.about(name).is_silent() || set.is_internal(name) || self.views.iter().any(was_served)
    }

    /// Evaluates names share by share, and renders what belongs into each view.
    fn evaluate_all(
        &mut self,
        names: &[Name],
        work: &Work,
        snapshot: &Snapshot,
        committed: &mut Committed,
    ) -> Result<(Vec<Generation>, Authorities), StoreError> {
        let namespace = &self.publication.settings.namespace;
        let mut authorities = Vec::new();
        let mut drafts: Vec<Draft<'_>> = self
            .views
            .iter()
            .map(|view| view.catalogue.next(&view.ledger, work.now, namespace))
            .collect();
        for share in names.chunks(SHARE) {
            let evaluator = Evaluator { views: &self.views, work, snapshot };
            let mut decided = decide_all(&evaluator, share)?;
            if !work.is_settling {
                authorities.extend(decided.iter_mut().filter_map(Decided::take_authority));
            }
            for (index, draft) in drafts.iter_mut().enumerate() {
                draft.write(&decided.iter().map(|name| name.within(index)).collect::<Vec<_>>());
            }
            for decided in &mut decided {
                let name = decided.name.clone();
                self.notes.keep(&name, std::mem::take(&mut decided.remarks));
                self.notes.look_at(&decided.in_any_view(), namespace);
                if decided.is_withheld {
                    committed.withheld.insert(name.clone());
                }
                committed.holds_until.push((name, decided.holds_until));
            }
        }
        let next: Vec<Generation> = drafts.into_iter().map(Draft::finish).collect();
        for generation in &next {
            for (name, detail) in &generation.unreadable {
                self.notes.damaged(name, detail);
            }
        }
        Ok((next, authorities))
    }

    /// Commits what the ledgers have to learn before any reader sees the generation, and what was
    /// evaluated for it; returns how many entries change.
    fn commit(
        &self,
        next: &[Generation],
        authorities: &Authorities,
        evaluated: &Evaluated<'_>,
        now: Instant,
    ) -> Result<usize, StoreError> {
        let views = self.views.iter().zip(next);
        let changes = views.map(|(view, generation)| ViewChanges {
            view: &view.name,
            changes: &generation.changes,
        });
        let changes: Vec<ViewChanges<'_>> = changes.collect();
        self.publication.store.commit_ledger(&changes, authorities, evaluated, now)?;
        Ok(changes.iter().map(|view| view.changes.len()).sum())
    }

    /// Shows the generation to every reader, all views as one.
    fn swap(&mut self, next: Vec<Generation>, changed: usize, begun: Stopwatch) {
        for (view, Generation { catalogue, changes, .. }) in self.views.iter_mut().zip(next) {
            changes.into_iter().for_each(|(key, record)| view.ledger.set(key, record));
            view.catalogue = Arc::new(catalogue);
        }
        let views = self.views.iter();
        let views: BTreeMap<String, Arc<Catalogue>> =
            views.map(|view| (view.name.clone(), Arc::clone(&view.catalogue))).collect();
        let generation = self.publication.published().map_or(0, |it| it.generation) + 1;
        let published = Published::new(generation, views, changed, begun.elapsed());
        let (visible, took_ms) = (published.visible, published.took.as_millis());
        self.publication.swap(published);
        info!(generation, visible, changed, took_ms, "a generation was published");
    }
}

/// Evaluates names, on two threads where there are many; both read one snapshot.
fn decide_all(evaluator: &Evaluator<'_>, names: &[Name]) -> Result<Vec<Decided>, StoreError> {
    let share = names.len().div_ceil(THREADS).max(LEAST_SHARE);
    let decide = |names: &[Name]| -> Result<Vec<Decided>, StoreError> {
        names.iter().map(|name| evaluator.decide(name)).collect()
    };
    std::thread::scope(|scope| {
        let others: Vec<_> =
            names.chunks(share).skip(1).map(|share| scope.spawn(move || decide(share))).collect();
        let mut decided = decide(names.get(..share).unwrap_or(names))?;
        for other in others {
            match other.join() {
                Ok(other) => decided.extend(other?),
                Err(panicked) => std::panic::resume_unwind(panicked),
            }
        }
        Ok(decided)
    })
}
