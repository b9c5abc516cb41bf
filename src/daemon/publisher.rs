use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use tracing::info;

use super::content::Content;
use super::notes::Notes;
use super::pending::Touched;
use super::shared::{Published, Shared};
use super::speakers::speakers_of;
use crate::catalog::{
    Candidate, Catalogue, Facts, Generation, Ledger, LedgerEntry, NameUpdate, Served,
};
use crate::curation::{Decision, Gate, Policy, View, decide};
use crate::model::{Instant, Name};
use crate::overlay::OverlaySet;
use crate::store::{Snapshot, StoreError, StoredHead, ViewChanges};

/// Everything that deciding needs, in memory.
pub(super) struct Publisher {
    heads: BTreeMap<Name, Vec<StoredHead>>,
    views: Vec<Shelved>,
    /// When the first approval of a name that is served ends.
    expiries: BTreeMap<Name, Instant>,
    notes: Notes,
    /// Whether names were served whose owner is not remembered yet.
    owners_owed: bool,
}

/// A view, what it showed, and what it shows now.
struct Shelved {
    view: View,
    ledger: Ledger,
    catalogue: Arc<Catalogue>,
}

/// What passed the gates of one name, and for each view whether it belongs there.
struct Decided {
    name: Name,
    candidates: Vec<(Candidate, Vec<bool>)>,
}

impl Publisher {
    pub(super) fn load(shared: &Shared) -> Result<Self, StoreError> {
        let snapshot = shared.store.snapshot()?;
        let mut heads: BTreeMap<Name, Vec<StoredHead>> = BTreeMap::new();
        for head in undamaged(snapshot.heads()?) {
            let head = head?;
            heads.entry(head.name.clone()).or_default().push(head);
        }
        let mut views = Vec::new();
        for view in &shared.settings.views {
            let records: Result<Vec<LedgerEntry>, StoreError> =
                undamaged(snapshot.ledger(&view.name)?).collect();
            let (ledger, catalogue) = (Ledger::new(records?), Arc::default());
            views.push(Shelved { view: view.clone(), ledger, catalogue });
        }
        Ok(Self {
            heads,
            views,
            expiries: BTreeMap::new(),
            notes: Notes::default(),
            owners_owed: true,
        })
    }

    /// Loaded anew, with the generation that another one had published.
    pub(super) fn anew(self, shared: &Shared) -> Result<Self, StoreError> {
        let mut next = Self::load(shared)?;
        for (next, before) in next.views.iter_mut().zip(self.views) {
            next.catalogue = before.catalogue;
        }
        Ok(next)
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.expiries.values().min().copied()
    }

    /// Builds and publishes the next generation; `false` when nothing changed for clients.
    pub(super) fn publish(
        &mut self,
        shared: &Shared,
        mut touched: Touched,
    ) -> Result<bool, StoreError> {
        let begun = Stopwatch::now();
        let (in_force, now) = (shared.in_force(), shared.clock.now());
        // As long as an upstream was not walked to its end, nobody knows what it will claim, and
        // who owns what is remembered only afterwards.
        let unsettled = shared.is_settling();
        touched.everything |= self.owners_owed && !unsettled;
        let snapshot = shared.store.snapshot()?;
        if touched.everything {
            touched.names.extend(self.notes.names());
        }
        for name in &touched.names {
            self.notes.begin(name);
            self.reload(name, &snapshot)?;
        }
        let looked_at = touched.names.clone();
        let names = self.affected(touched, &in_force.set, now);
        let speakers = shared.speakers();
        let views = &shared.settings.views;
        let policy = Policy { overlays: &in_force.set, speakers: &speakers, views, now };
        let (mut decided, mut owners) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            if !looked_at.contains(&name) {
                self.notes.begin(&name);
            }
            decided.push(self.decide(name, &policy, &snapshot, &mut owners)?);
        }
        if unsettled {
            owners.clear();
        }
        self.look_at(&decided, &shared.settings.namespace);
        let next = self.next(&decided, now, &shared.settings.namespace);
        self.notes.tell(shared);
        let changed: usize = next.iter().map(|generation| generation.changes.len()).sum();
        if changed > 0 || !owners.is_empty() {
            let changes = self.views.iter().zip(&next).map(|(shelved, generation)| ViewChanges {
                view: &shelved.view.name,
                changes: &generation.changes,
            });
            shared.store.commit_ledger(&changes.collect::<Vec<_>>(), &owners, now)?;
        }
        self.owners_owed = unsettled;
        let first = shared.published().is_none();
        let same_size = |(shelved, next): (&Shelved, &Generation)| {
            shelved.catalogue.len() == next.catalogue.len()
        };
        if changed == 0 && !first && self.views.iter().zip(&next).all(same_size) {
            return Ok(false);
        }
        for (shelved, generation) in self.views.iter_mut().zip(next) {
            generation
                .changes
                .into_iter()
                .for_each(|(key, record)| shelved.ledger.set(key, record));
            shelved.catalogue = Arc::new(generation.catalogue);
        }
        let generation = shared.published().map_or(0, |it| it.generation) + 1;
        let published = Published::new(generation, self.catalogues(), changed, begun.elapsed());
        let (visible, took_ms) = (published.visible, published.took.as_millis());
        shared.publish(Arc::new(published));
        info!(generation, visible, changed, took_ms, "a generation was published");
        Ok(true)
    }

    /// The next catalogue of each view; whoever is left out of it is noted.
    fn next(&mut self, decided: &[Decided], now: Instant, namespace: &str) -> Vec<Generation> {
        let mut next = Vec::with_capacity(self.views.len());
        for (index, shelved) in self.views.iter().enumerate() {
            let updates = decided.iter().map(|it| it.within(index)).collect();
            let generation = shelved.catalogue.next(updates, &shelved.ledger, now, namespace);
            for (name, detail) in &generation.unreadable {
                self.notes.damaged(name, detail);
            }
            next.push(generation);
        }
        next
    }

    fn catalogues(&self) -> BTreeMap<String, Arc<Catalogue>> {
        let views = self.views.iter();
        views.map(|it| (it.view.name.clone(), Arc::clone(&it.catalogue))).collect()
    }

    fn look_at(&mut self, decided: &[Decided], namespace: &str) {
        for Decided { name, candidates } in decided {
            let shown = candidates.iter().filter(|(_, views)| views.contains(&true));
            let shown: Vec<&Candidate> = shown.map(|(candidate, _)| candidate).collect();
            self.notes.look_at(&NameUpdate { name, candidates: shown }, namespace);
        }
    }

    fn reload(&mut self, name: &Name, snapshot: &Snapshot) -> Result<(), StoreError> {
        let heads = match snapshot.heads_of(name) {
            Err(damage @ StoreError::Damaged { .. }) => {
                self.notes.damaged(name, &damage.to_string());
                Vec::new()
            }
            heads => heads?,
        };
        match heads.is_empty() {
            true => self.heads.remove(name),
            false => self.heads.insert(name.clone(), heads),
        };
        Ok(())
    }

    /// The names to look at: those touched, and those whose approval has ended. Names that no
    /// overlay speaks of and that were never served cannot be visible, and are left out, unless
    /// somebody may be after an internal one.
    fn affected(&self, touched: Touched, set: &OverlaySet, now: Instant) -> BTreeSet<Name> {
        let ended = self.expiries.iter().filter(|(_, at)| **at < now).map(|(name, _)| name);
        let mut names: BTreeSet<Name> = touched.names;
        names.extend(ended.cloned());
        if touched.everything {
            names.extend(self.heads.keys().cloned());
        }
        names.retain(|name| !set.about(name).is_silent() || set.is_internal(name));
        if touched.everything {
            for shelved in &self.views {
                names.extend(shelved.ledger.names().cloned());
            }
        }
        names
    }

    fn decide(
        &mut self,
        name: Name,
        policy: &Policy<'_>,
        snapshot: &Snapshot,
        owners: &mut Vec<(Name, String)>,
    ) -> Result<Decided, StoreError> {
        let about = policy.about(&name);
        let heads = self.heads.get(&name).map(Vec::as_slice).unwrap_or_default();
        let served_from = snapshot.served_from(&name)?;
        let speakers = speakers_of(snapshot, policy, &name, heads, served_from.as_deref())?;
        let mut candidates = Vec::new();
        let mut first_end: Option<Instant> = None;
        for stored in heads {
            let standing = about.standing(&stored.version, &stored.upstream);
            let content = match Content::of(snapshot, stored, &standing) {
                Err(damage @ StoreError::Damaged { .. }) => {
                    self.notes.damaged(&name, &damage.to_string());
                    continue;
                }
                content => content?,
            };
            let head = content.head;
            let case = policy.case(&speakers, &stored.upstream, &stored.version, &head, &standing);
            let until = match decide(&case) {
                Decision::Serve { until } => until,
                Decision::Hide(gate) => {
                    if gate == Gate::DigestAsPinned {
                        self.notes.differs_from_pin(stored, &gate.judge(&case));
                    }
                    continue;
                }
            };
            let entry = match content.entry(snapshot, stored) {
                Err(damage @ StoreError::Damaged { .. }) => {
                    self.notes.damaged(&name, &damage.to_string());
                    continue;
                }
                entry => entry?,
            };
            let served = match Served::of(&entry.server) {
                Ok(served) => served,
                Err(flaw) => {
                    self.notes.unreadable(stored, &flaw);
                    continue;
                }
            };
            first_end = Some(first_end.map_or(until, |earlier| earlier.min(until)));
            let facts = Facts::new(&stored.upstream, &standing);
            let admits = |it: &Shelved| it.view.admits(&name, &stored.upstream, &standing);
            let views = self.views.iter().map(admits).collect();
            candidates.push((Candidate { entry, served, facts }, views));
        }
        self.notes.spoken_for(&speakers, heads, !candidates.is_empty());
        let owner = speakers.owner().filter(|_| !candidates.is_empty());
        if let Some(owner) = owner
            && served_from.as_deref() != Some(owner)
        {
            owners.push((name.clone(), owner.to_owned()));
        }
        match first_end {
            Some(end) => self.expiries.insert(name.clone(), end),
            None => self.expiries.remove(&name),
        };
        Ok(Decided { name, candidates })
    }
}

impl Decided {
    /// What of it belongs into the view of this index.
    fn within(&self, view: usize) -> NameUpdate<'_> {
        let admitted = self.candidates.iter().filter(|(_, views)| views[view]);
        let candidates = admitted.map(|(candidate, _)| candidate).collect();
        NameUpdate { name: &self.name, candidates }
    }
}

/// Leaves damaged rows out, which `verify` names: one of them must not keep the rest from being
/// served, or from being hidden.
pub(super) fn undamaged<T>(
    rows: impl Iterator<Item = Result<T, StoreError>>,
) -> impl Iterator<Item = Result<T, StoreError>> {
    rows.filter(|row| !matches!(row, Err(StoreError::Damaged { .. })))
}
