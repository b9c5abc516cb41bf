use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use tracing::info;

use super::content::Content;
use super::notes::{Notes, Remarks};
use super::pending::Touched;
use super::shared::{Published, Shared};
use super::speakers::speakers_of;
use crate::catalog::{
    Candidate, Catalogue, Draft, Facts, Generation, Ledger, LedgerEntry, Loaded, NameUpdate,
    Served, Source, latest_of,
};
use crate::curation::{Decision, Gate, Policy, View, decide};
use crate::model::{Instant, Name};
use crate::overlay::{Changes, OverlaySet};
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
    /// When the first approval ends.
    first_end: Option<Instant>,
    /// The upstream that the name is served from, when that is news.
    owner: Option<String>,
    remarks: Remarks,
}

/// Names and the upstreams that they are served from by now.
type Owners = Vec<(Name, String)>;

/// A version that passed the gates.
struct Proposal<'h> {
    stored: &'h StoredHead,
    content: Content,
    facts: Facts,
    source: Source,
    published_at: Instant,
    until: Instant,
    /// For each view whether it belongs there.
    views: Vec<bool>,
    loaded: Option<Loaded>,
}

/// Names that are decided and written before the next ones.
const SHARE: usize = 4_000;
/// Threads that decide, and the names below which one does.
const THREADS: usize = 2;
const LEAST_SHARE: usize = 500;

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
        let (names, silent) = self.affected(touched, &in_force.set, now);
        for name in &silent {
            // Nothing is said of it any more, so nothing is to be told of it, and nothing ends.
            self.notes.begin(name);
            self.expiries.remove(name);
        }
        if names.is_empty() && self.owners_owed == unsettled && shared.published().is_some() {
            self.notes.tell(shared);
            return Ok(false);
        }
        let speakers = shared.speakers();
        let views = &shared.settings.views;
        let policy = Policy { overlays: &in_force.set, speakers: &speakers, views, now };
        names.iter().filter(|name| !looked_at.contains(*name)).for_each(|it| self.notes.begin(it));
        let (next, owners) = self.next(&names, &policy, shared, unsettled)?;
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

    /// The next catalogue of each view, and whose owner is news. Names are decided and written share by
    /// share, since what they are written from is several times what is written.
    fn next(
        &mut self,
        names: &[Name],
        policy: &Policy<'_>,
        shared: &Shared,
        unsettled: bool,
    ) -> Result<(Vec<Generation>, Owners), StoreError> {
        let namespace = &shared.settings.namespace;
        let mut owners = Vec::new();
        let mut drafts: Vec<Draft<'_>> = self
            .views
            .iter()
            .map(|it| it.catalogue.next(&it.ledger, policy.now, namespace))
            .collect();
        for share in names.chunks(SHARE) {
            let mut decided = self.decide_all(share, policy, shared)?;
            if !unsettled {
                owners.extend(decided.iter_mut().filter_map(Decided::take_owner));
            }
            for (index, draft) in drafts.iter_mut().enumerate() {
                draft.write(&decided.iter().map(|it| it.within(index)).collect::<Vec<_>>());
            }
            for it in &mut decided {
                self.notes.keep(&it.name, std::mem::take(&mut it.remarks));
                match it.first_end {
                    Some(end) => drop(self.expiries.insert(it.name.clone(), end)),
                    None => drop(self.expiries.remove(&it.name)),
                }
                self.notes.look_at(&it.in_any_view(), namespace);
            }
        }
        let next: Vec<Generation> = drafts.into_iter().map(Draft::finish).collect();
        for generation in &next {
            for (name, detail) in &generation.unreadable {
                self.notes.damaged(name, detail);
            }
        }
        Ok((next, owners))
    }

    fn catalogues(&self) -> BTreeMap<String, Arc<Catalogue>> {
        let views = self.views.iter();
        views.map(|it| (it.view.name.clone(), Arc::clone(&it.catalogue))).collect()
    }

    /// Decides about names, on two threads where there are many: each reads the store by itself.
    fn decide_all(
        &self,
        names: &[Name],
        policy: &Policy<'_>,
        shared: &Shared,
    ) -> Result<Vec<Decided>, StoreError> {
        let share = names.len().div_ceil(THREADS).max(LEAST_SHARE);
        let decide = |names: &[Name], snapshot: Snapshot| -> Result<Vec<Decided>, StoreError> {
            names.iter().map(|name| self.decide(name, policy, &snapshot)).collect()
        };
        std::thread::scope(|scope| {
            let mut others = Vec::new();
            for share in names.chunks(share).skip(1) {
                let snapshot = shared.store.snapshot()?;
                others.push(scope.spawn(move || decide(share, snapshot)));
            }
            let first = names.get(..share).unwrap_or(names);
            let mut decided = decide(first, shared.store.snapshot()?)?;
            for other in others {
                match other.join() {
                    Ok(other) => decided.extend(other?),
                    Err(panicked) => std::panic::resume_unwind(panicked),
                }
            }
            Ok(decided)
        })
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
    /// overlay speaks of and that were never served cannot be visible, and are left out (the second
    /// list), unless somebody may be after an internal one.
    fn affected(&self, touched: Touched, set: &OverlaySet, now: Instant) -> (Vec<Name>, Vec<Name>) {
        let ended = self.expiries.iter().filter(|(_, at)| **at < now).map(|(name, _)| name);
        let mut names: BTreeSet<Name> = touched.names;
        names.extend(ended.cloned());
        if touched.everything {
            names.extend(self.heads.keys().cloned());
        }
        for changes in &touched.overlays {
            match changes.exact() {
                Some(exact) => names.extend(exact),
                None => {
                    names.extend(self.heads.keys().filter(|name| changes.concern(name)).cloned());
                }
            }
        }
        // What was served is looked at even where nothing is said of it any more.
        let served = |name: &Name| self.views.iter().any(|it| it.catalogue.has(name));
        let speaks = |it: &Name| !set.about(it).is_silent() || set.is_internal(it) || served(it);
        let (mut names, silent): (BTreeSet<Name>, BTreeSet<Name>) =
            names.into_iter().partition(speaks);
        let wide = touched.overlays.iter().filter(|changes| changes.exact().is_none());
        let wide: Vec<&Changes> = wide.collect();
        if touched.everything || !wide.is_empty() {
            let concerned =
                |name: &&Name| touched.everything || wide.iter().any(|it| it.concern(name));
            for shelved in &self.views {
                names.extend(shelved.ledger.names().filter(concerned).cloned());
            }
        }
        (names.into_iter().collect(), silent.into_iter().collect())
    }

    fn decide(
        &self,
        name: &Name,
        policy: &Policy<'_>,
        snapshot: &Snapshot,
    ) -> Result<Decided, StoreError> {
        let about = policy.about(name);
        let heads = self.heads.get(name).map(Vec::as_slice).unwrap_or_default();
        let served_from = snapshot.served_from(name)?;
        let speakers = speakers_of(snapshot, policy, name, heads, served_from.as_deref())?;
        let mut remarks = Remarks::default();
        let mut proposals: Vec<Proposal<'_>> = Vec::new();
        for stored in heads {
            let standing = about.standing(&stored.version, &stored.upstream);
            let content = match Content::of(snapshot, stored, &standing) {
                Err(damage @ StoreError::Damaged { .. }) => {
                    remarks.damaged(name, &damage.to_string());
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
                        remarks.differs_from_pin(stored, &gate.judge(&case));
                    }
                    continue;
                }
            };
            let facts = Facts::new(&stored.upstream, &standing);
            let admits = |it: &Shelved| it.view.admits(name, &stored.upstream, &standing);
            let mut proposal = Proposal {
                stored,
                source: facts.source(&head),
                published_at: head.published_at,
                views: self.views.iter().map(admits).collect(),
                until,
                facts,
                content,
                loaded: None,
            };
            // What is served already was read before, and found readable.
            if self.is_known(&proposal) || proposal.load(snapshot, &mut remarks)? {
                proposals.push(proposal);
            }
        }
        self.load_where_latest_changes(&mut proposals, snapshot, &mut remarks)?;
        let first_end = proposals.iter().map(|proposal| proposal.until).min();
        let candidates: Vec<(Candidate, Vec<bool>)> =
            proposals.into_iter().map(Proposal::candidate).collect();
        remarks.spoken_for(&speakers, heads, !candidates.is_empty());
        let owner = speakers.owner().filter(|_| !candidates.is_empty());
        let owner = owner.filter(|owner| served_from.as_deref() != Some(*owner));
        let owner = owner.map(str::to_owned);
        Ok(Decided { name: name.clone(), candidates, first_end, owner, remarks })
    }
}

impl Publisher {
    /// Whether every view that shows it has an item of the same source already.
    fn is_known(&self, proposal: &Proposal<'_>) -> bool {
        let StoredHead { name, version, .. } = proposal.stored;
        let shows = self.views.iter().zip(&proposal.views).filter(|(_, shows)| **shows);
        shows
            .map(|(it, _)| it.catalogue.keeps(name, version, &proposal.source))
            .all(|it| it.is_some())
    }

    /// Reads those that are served already, but become the latest of a view or cease to be it.
    fn load_where_latest_changes(
        &self,
        proposals: &mut [Proposal<'_>],
        snapshot: &Snapshot,
        remarks: &mut Remarks,
    ) -> Result<(), StoreError> {
        for (view, shelved) in self.views.iter().enumerate() {
            let admitted: Vec<usize> =
                (0..proposals.len()).filter(|index| proposals[*index].views[view]).collect();
            let versions = admitted
                .iter()
                .map(|index| (&proposals[*index].stored.version, proposals[*index].published_at));
            let latest = latest_of(versions).map(|position| admitted[position]);
            for index in admitted {
                let proposal = &mut proposals[index];
                let StoredHead { name, version, .. } = proposal.stored;
                let kept = shelved.catalogue.keeps(name, version, &proposal.source);
                if kept != Some(latest == Some(index)) && proposal.loaded.is_none() {
                    // It was readable when it was first served; damage since then is remarked.
                    proposal.load(snapshot, remarks)?;
                }
            }
        }
        Ok(())
    }
}

impl Proposal<'_> {
    /// Reads the entry; `false`, with a remark, when it cannot be served after all.
    fn load(&mut self, snapshot: &Snapshot, remarks: &mut Remarks) -> Result<bool, StoreError> {
        let entry = match self.content.entry(snapshot, self.stored) {
            Err(damage @ StoreError::Damaged { .. }) => {
                remarks.damaged(&self.stored.name, &damage.to_string());
                return Ok(false);
            }
            entry => entry?,
        };
        match Served::of(&entry.server) {
            Ok(served) => {
                self.loaded = Some(Loaded { entry, served, facts: self.facts.clone() });
                Ok(true)
            }
            Err(flaw) => {
                remarks.unreadable(self.stored, &flaw);
                Ok(false)
            }
        }
    }

    fn candidate(self) -> (Candidate, Vec<bool>) {
        let Self { stored, source, published_at, loaded, views, .. } = self;
        let version = stored.version.clone();
        (Candidate { version, published_at, source, loaded }, views)
    }
}

impl Decided {
    fn take_owner(&mut self) -> Option<(Name, String)> {
        self.owner.take().map(|owner| (self.name.clone(), owner))
    }

    fn in_any_view(&self) -> NameUpdate<'_> {
        let shown = self.candidates.iter().filter(|(_, views)| views.contains(&true));
        NameUpdate { name: &self.name, candidates: shown.map(|(candidate, _)| candidate).collect() }
    }

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
