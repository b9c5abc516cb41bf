use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant as Deadline;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::Shared;
use super::content::Content;
use super::notes::Notes;
use super::pass::reason;
use super::pending::Touched;
use super::speakers::speakers_of;
use crate::catalog::{Candidate, Catalogue, Facts, Generation, Ledger, LedgerEntry, NameUpdate};
use crate::curation::{Decision, Gate, Policy, decide};
use crate::model::{Instant, Name};
use crate::overlay::OverlaySet;
use crate::store::{Snapshot, StoreError, StoredHead};

/// The only view there is yet; the ledger keeps one record for each.
pub const VIEW: &str = "default";
/// Walks touch names all the time; clients see them in steps of this.
const BETWEEN_GENERATIONS: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(5);
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Everything that deciding needs, in memory.
pub(super) struct Publisher {
    heads: BTreeMap<Name, Vec<StoredHead>>,
    ledger: Ledger,
    /// When the first approval of a name that is served ends.
    expiries: BTreeMap<Name, Instant>,
    notes: Notes,
    /// Whether names were served whose owner is not remembered yet.
    owners_owed: bool,
    catalogue: Arc<Catalogue>,
}

/// Publishes generations until it is stopped.
pub(super) async fn publish_loop(
    shared: Arc<Shared>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let mut publisher = Publisher::load(&shared)?;
    tokio::select! {
        () = shared.wait_until_known() => {}
        () = stop.cancelled() => return Ok(()),
    }
    shared.pending.touch_everything();
    let mut not_before = Deadline::now();
    loop {
        tokio::select! {
            () = shared.pending.wait() => {}
            () = until(publisher.next_expiry(), &shared) => {}
            () = stop.cancelled() => return Ok(()),
        }
        if !shared.pending.everything() {
            tokio::select! {
                () = tokio::time::sleep_until(not_before) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
        let (next, published) = publish_once(publisher, &shared, &stop).await?;
        publisher = next;
        not_before = Deadline::now() + if published { BETWEEN_GENERATIONS } else { Duration::ZERO };
    }
}

/// Publishes what is pending, on a thread that may block. When it fails, everything is pending
/// again and what is published stays.
async fn publish_once(
    mut publisher: Publisher,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
) -> Result<(Publisher, bool), StoreError> {
    let task = Arc::clone(shared);
    let worked = tokio::task::spawn_blocking(move || {
        let touched = task.pending.take();
        let outcome = publisher.publish(&task, touched);
        (publisher, outcome)
    });
    let (publisher, outcome) = match worked.await {
        Ok(worked) => worked,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    match outcome {
        Ok(published) => Ok((publisher, published)),
        Err(failure) => {
            error!(reason = %reason(&failure), "no generation could be published; the last one is served on");
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = stop.cancelled() => {}
            }
            shared.pending.touch_everything();
            Ok((Publisher::load(shared)?.serving(publisher.catalogue), false))
        }
    }
}

async fn until(expiry: Option<Instant>, shared: &Shared) {
    match expiry {
        None => std::future::pending().await,
        // Served up to and with that instant. A machine that sleeps stops the timer and not the
        // clock, so the clock is looked at now and then.
        Some(at) => {
            while shared.clock.now() <= at {
                let wait = at.plus(Instant::TICK).since(shared.clock.now());
                tokio::time::sleep(wait.min(LONGEST_SLEEP)).await;
            }
        }
    }
}

impl Publisher {
    pub(super) fn load(shared: &Shared) -> Result<Self, StoreError> {
        let snapshot = shared.store.snapshot()?;
        let mut heads: BTreeMap<Name, Vec<StoredHead>> = BTreeMap::new();
        for head in undamaged(snapshot.heads()?) {
            let head = head?;
            heads.entry(head.name.clone()).or_default().push(head);
        }
        let records: Result<Vec<LedgerEntry>, StoreError> =
            undamaged(snapshot.ledger(VIEW)?).collect();
        Ok(Self {
            heads,
            ledger: Ledger::new(records?),
            expiries: BTreeMap::new(),
            notes: Notes::default(),
            owners_owed: true,
            catalogue: Arc::default(),
        })
    }

    fn serving(self, catalogue: Arc<Catalogue>) -> Self {
        Self { catalogue, ..self }
    }

    fn next_expiry(&self) -> Option<Instant> {
        self.expiries.values().min().copied()
    }

    /// Builds and publishes the next generation; `false` when nothing changed for clients.
    fn publish(&mut self, shared: &Shared, mut touched: Touched) -> Result<bool, StoreError> {
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
        let begun = touched.names.clone();
        let names = self.affected(touched, &in_force.set, now);
        let speakers = shared.speakers();
        let policy = Policy { overlays: &in_force.set, speakers: &speakers, now };
        let mut updates = Vec::with_capacity(names.len());
        let mut owners = Vec::new();
        let namespace = &shared.settings.namespace;
        for name in names {
            if !begun.contains(&name) {
                self.notes.begin(&name);
            }
            let update = self.update(name, &policy, &snapshot, &mut owners)?;
            self.notes.look_at(&update, namespace);
            updates.push(update);
        }
        let Generation { catalogue: next, changes, unreadable } =
            self.catalogue.next(updates, &self.ledger, now, namespace);
        for (name, detail) in unreadable {
            self.notes.damaged(&name, &detail);
        }
        self.notes.tell(shared);
        if unsettled {
            owners.clear();
        }
        if !changes.is_empty() || !owners.is_empty() {
            shared.store.commit_ledger(VIEW, &changes, &owners, now)?;
        }
        self.owners_owed = unsettled;
        let first = shared.published().is_none();
        if changes.is_empty() && !first && next.len() == self.catalogue.len() {
            return Ok(false);
        }
        let changed = changes.len();
        changes.into_iter().for_each(|(key, record)| self.ledger.set(key, record));
        self.catalogue = Arc::new(next);
        shared.publish(Arc::clone(&self.catalogue));
        let (generation, visible) = (self.catalogue.generation, self.catalogue.len());
        info!(generation, visible, changed, "a generation was published");
        Ok(true)
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
            names.extend(self.ledger.names().cloned());
        }
        names
    }

    fn update(
        &mut self,
        name: Name,
        policy: &Policy<'_>,
        snapshot: &Snapshot,
        owners: &mut Vec<(Name, String)>,
    ) -> Result<NameUpdate, StoreError> {
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
            let decision = decide(&case);
            if decision == Decision::Hide(Gate::DigestAsPinned) {
                self.notes.differs_from_pin(stored, &Gate::DigestAsPinned.judge(&case));
            }
            if let Decision::Serve { until } = decision {
                first_end = Some(first_end.map_or(until, |earlier| earlier.min(until)));
                let facts = Facts::new(&stored.upstream, &standing);
                match content.entry(snapshot, stored) {
                    Ok(entry) => candidates.push(Candidate { entry, facts }),
                    Err(damage @ StoreError::Damaged { .. }) => {
                        self.notes.damaged(&name, &damage.to_string());
                    }
                    Err(failure) => return Err(failure),
                }
            }
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
        Ok(NameUpdate { name, candidates })
    }
}

/// Leaves damaged rows out, which `verify` names: one of them must not keep the rest from being
/// served, or from being hidden.
pub(super) fn undamaged<T>(
    rows: impl Iterator<Item = Result<T, StoreError>>,
) -> impl Iterator<Item = Result<T, StoreError>> {
    rows.filter(|row| !matches!(row, Err(StoreError::Damaged { .. })))
}
