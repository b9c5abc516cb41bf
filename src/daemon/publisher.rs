use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant as Stopwatch;

use tracing::info;

use super::decided::{Decided, Desk, Shelved};
use super::doubts::Doubts;
use super::notes::Notes;
use super::pending::Touched;
use super::shared::{Published, Shared};
use crate::catalog::{Catalogue, Draft, Generation, Ledger, LedgerEntry};
use crate::curation::Policy;
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

/// Names and the upstreams that they are served from by now.
type Owners = Vec<(Name, String)>;

/// Names that are decided and written before the next ones.
const SHARE: usize = 4_000;
/// Threads that decide, and the names below which one does.
const THREADS: usize = 2;
const LEAST_SHARE: usize = 500;

impl Publisher {
    pub(super) fn load(shared: &Shared) -> Result<Self, StoreError> {
        let snapshot = shared.store.snapshot()?;
        let mut heads: BTreeMap<Name, Vec<StoredHead>> = BTreeMap::new();
        let mut group: Vec<StoredHead> = Vec::new();
        for head in undamaged(snapshot.heads()?) {
            let head = head?;
            if group.first().is_some_and(|it| it.name != head.name) {
                file(&mut heads, &mut group);
            }
            group.push(head);
        }
        file(&mut heads, &mut group);
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
        let names = self.take_up(touched, shared, &in_force.set, now)?;
        let first = shared.published().is_none();
        if names.is_empty() && self.owners_owed == unsettled && !first {
            self.notes.tell(shared);
            return Ok(false);
        }
        let (speakers, views) = (shared.speakers(), &shared.settings.views);
        let ownership = &shared.settings.ownership.policy;
        let policy = Policy { overlays: &in_force.set, speakers: &speakers, views, ownership, now };
        let (next, owners) = self.next(&names, &policy, shared, unsettled)?;
        self.notes.tell(shared);
        let changed = self.commit(&next, &owners, shared, now)?;
        self.owners_owed = unsettled;
        let same_size = |(shelved, next): (&Shelved, &Generation)| {
            shelved.catalogue.len() == next.catalogue.len()
        };
        if changed == 0 && !first && self.views.iter().zip(&next).all(same_size) {
            return Ok(false);
        }
        self.swap(next, shared, changed, begun);
        Ok(true)
    }

    /// Reads anew what was touched; returns the names to decide about, of which nothing is said yet.
    fn take_up(
        &mut self,
        mut touched: Touched,
        shared: &Shared,
        set: &OverlaySet,
        now: Instant,
    ) -> Result<Vec<Name>, StoreError> {
        let snapshot = shared.store.snapshot()?;
        if touched.everything {
            touched.names.extend(self.notes.names());
        }
        for name in &touched.names {
            self.notes.begin(name);
            self.reload(name, &snapshot)?;
        }
        let read = touched.names.clone();
        let (names, silent) = self.affected(touched, set, now);
        for name in &silent {
            // Nothing is said of it any more, so nothing is to be told of it, and nothing ends.
            self.notes.begin(name);
            self.expiries.remove(name);
        }
        names.iter().filter(|name| !read.contains(*name)).for_each(|it| self.notes.begin(it));
        Ok(names)
    }

    /// Commits what the ledgers have to learn first; returns how many entries change.
    fn commit(
        &self,
        next: &[Generation],
        owners: &Owners,
        shared: &Shared,
        now: Instant,
    ) -> Result<usize, StoreError> {
        let views = self.views.iter().zip(next);
        let changes = views.map(|(shelved, generation)| ViewChanges {
            view: &shelved.view.name,
            changes: &generation.changes,
        });
        let changes: Vec<ViewChanges<'_>> = changes.collect();
        let changed = changes.iter().map(|view| view.changes.len()).sum();
        if changed > 0 || !owners.is_empty() {
            shared.store.commit_ledger(&changes, owners, now)?;
        }
        Ok(changed)
    }

    /// Shows the generation to everybody, all views as one.
    fn swap(&mut self, next: Vec<Generation>, shared: &Shared, changed: usize, begun: Stopwatch) {
        for (shelved, Generation { catalogue, changes, .. }) in self.views.iter_mut().zip(next) {
            changes.into_iter().for_each(|(key, record)| shelved.ledger.set(key, record));
            shelved.catalogue = Arc::new(catalogue);
        }
        let views = self.views.iter();
        let views: BTreeMap<String, Arc<Catalogue>> =
            views.map(|it| (it.view.name.clone(), Arc::clone(&it.catalogue))).collect();
        let generation = shared.published().map_or(0, |it| it.generation) + 1;
        let published = Published::new(generation, views, changed, begun.elapsed());
        let (visible, took_ms) = (published.visible, published.took.as_millis());
        shared.publish(Arc::new(published));
        info!(generation, visible, changed, took_ms, "a generation was published");
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
        let (age, doubts) = (shared.age_of_doubts(), shared.doubts(policy.overlays));
        let mut drafts: Vec<Draft<'_>> = self
            .views
            .iter()
            .map(|it| it.catalogue.next(&it.ledger, policy.now, namespace))
            .collect();
        for share in names.chunks(SHARE) {
            let mut decided = self.decide_all(share, policy, shared, &doubts)?;
            if !unsettled {
                owners.extend(decided.iter_mut().filter_map(Decided::take_owner));
            }
            for (index, draft) in drafts.iter_mut().enumerate() {
                draft.write(&decided.iter().map(|it| it.within(index)).collect::<Vec<_>>());
            }
            shared.withhold(decided.iter().filter(|it| it.withheld).map(|it| &it.name), age);
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

    /// Decides about names, on two threads where there are many: each reads the store by itself.
    fn decide_all(
        &self,
        names: &[Name],
        policy: &Policy<'_>,
        shared: &Shared,
        doubts: &Doubts,
    ) -> Result<Vec<Decided>, StoreError> {
        let share = names.len().div_ceil(THREADS).max(LEAST_SHARE);
        let decide = |names: &[Name], snapshot: Snapshot| -> Result<Vec<Decided>, StoreError> {
            let desk = Desk { views: &self.views, policy, snapshot, doubts };
            let heads = |name: &Name| self.heads.get(name).map(Vec::as_slice).unwrap_or_default();
            names.iter().map(|name| desk.decide(name, heads(name))).collect()
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
}

/// Puts rows of one name to the others, without room for more: most names have one version.
fn file(heads: &mut BTreeMap<Name, Vec<StoredHead>>, group: &mut Vec<StoredHead>) {
    let Some(name) = group.first().map(|head| head.name.clone()) else { return };
    let known = heads.entry(name).or_default();
    known.reserve_exact(group.len());
    known.append(group);
}

/// Leaves damaged rows out, which `verify` names: one of them must not keep the rest from being
/// served, or from being hidden.
pub(super) fn undamaged<T>(
    rows: impl Iterator<Item = Result<T, StoreError>>,
) -> impl Iterator<Item = Result<T, StoreError>> {
    rows.filter(|row| !matches!(row, Err(StoreError::Damaged { .. })))
}
