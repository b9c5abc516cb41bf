use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use super::doubts::{Doubts, Watched};
use super::mirror::{Mirror, Ports};
use super::pending::Pending;
use super::runtime::Feed;
use super::verification::Verification;
use super::{Activity, Clock, HeldDecision, InForce, ProofReport, SyncOutcome};
use crate::catalog::Catalogue;
use crate::config::Settings;
use crate::curation::{Policy, Speaker};
use crate::model::Name;
use crate::overlay::{Changes, OverlaySet};
use crate::store::{Store, StoreError};

/// Reading what is protected takes a fraction of this; should it take longer, nobody waits for it.
const LONGEST_COMPARISON: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What the loops and the servers share. Readers of the catalogue take no lock.
#[derive(Debug)]
pub struct Shared {
    pub settings: Arc<Settings>,
    pub store: Arc<Store>,
    pub clock: Arc<Clock>,
    /// The store's random word, shown to clients.
    pub epoch: String,
    pub(super) mirror: Arc<Mirror>,
    pub(super) pending: Arc<Pending>,
    pub(super) verification: Verification,
    /// Names to compare with what is protected.
    pub(super) unseen: Feed,
    /// What names are compared with.
    watched: ArcSwapOption<Watched>,
    /// Names that are kept back because of what they resemble.
    pub(super) withheld: Feed,
    /// Counts the times when there was news for those.
    reconsidered: AtomicU64,
    published: ArcSwapOption<Published>,
    in_force: watch::Sender<Arc<InForce>>,
}

/// One generation of every view, swapped as one.
#[derive(Debug)]
pub struct Published {
    /// Counts from 1 since the process started.
    pub generation: u64,
    /// Entries that any view shows.
    pub visible: usize,
    /// Entries that changed with it, counted in each view.
    pub changed: usize,
    /// What deciding, writing and committing it took.
    pub took: Duration,
    views: BTreeMap<String, Arc<Catalogue>>,
}

impl Published {
    pub(super) fn new(
        generation: u64,
        views: BTreeMap<String, Arc<Catalogue>>,
        changed: usize,
        took: Duration,
    ) -> Self {
        let visible = match views.len() {
            0 | 1 => views.values().map(|catalogue| catalogue.len()).sum(),
            _ => {
                let shown = views.values().flat_map(|catalogue| catalogue.items());
                shown.map(|item| (&item.name, &item.version)).collect::<BTreeSet<_>>().len()
            }
        };
        Self { generation, visible, changed, took, views }
    }

    /// Whether any view shows any version of a name.
    #[must_use]
    pub(super) fn has(&self, name: &Name) -> bool {
        self.views.values().any(|catalogue| catalogue.has(name))
    }

    /// What a view shows; `None` when there is no such view.
    #[must_use]
    pub fn view(&self, name: &str) -> Option<&Arc<Catalogue>> {
        self.views.get(name)
    }
}

impl Shared {
    pub fn new(
        settings: Settings,
        store: Arc<Store>,
        clock: Arc<Clock>,
        in_force: InForce,
    ) -> Result<Arc<Self>, StoreError> {
        let epoch = store.snapshot()?.epoch()?;
        let settings = Arc::new(settings);
        let in_force = watch::Sender::new(Arc::new(in_force));
        let (verification, unseen) = (Verification::new(), Feed::default());
        let pending = Arc::new(Pending::default());
        let mirror = {
            let (verification, unseen) = (verification.clone(), unseen.clone());
            let (touched, redefined) = (Arc::clone(&pending), Arc::clone(&pending));
            let ports = Ports {
                touched: Box::new(move |names| {
                    verification.touch(names.iter().cloned());
                    unseen.touch(names.iter().cloned());
                    touched.touch(names);
                }),
                redefined: Box::new(move || redefined.touch_everything()),
            };
            let (settings, store) = (Arc::clone(&settings), Arc::clone(&store));
            Mirror::new(settings, store, Arc::clone(&clock), in_force.subscribe(), ports)?
        };
        Ok(Arc::new(Self {
            settings,
            store,
            clock,
            epoch,
            mirror,
            pending,
            verification,
            unseen,
            watched: ArcSwapOption::empty(),
            withheld: Feed::default(),
            reconsidered: AtomicU64::new(0),
            published: ArcSwapOption::empty(),
            in_force,
        }))
    }

    /// The generation that answers now, for as long as one request takes: without touching a counter
    /// that all threads share.
    pub fn answering(&self) -> arc_swap::Guard<Option<Arc<Published>>> {
        self.published.load()
    }

    /// The generation that answers now; `None` before the first.
    #[must_use]
    pub fn published(&self) -> Option<Arc<Published>> {
        self.published.load_full()
    }

    pub(super) fn publish(&self, published: Arc<Published>) {
        self.published.store(Some(published));
    }

    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }

    pub(super) fn enforce(&self, in_force: InForce) {
        let next = Arc::new(in_force);
        let before = self.in_force.send_replace(Arc::clone(&next));
        self.pending.touch_overlays(Changes::between(&before.set, &next.set));
    }

    /// Names of whose owners something else is known: they are decided about again, and compared.
    pub(super) fn rejudge(&self, names: Vec<Name>) {
        self.unseen.touch(names.iter().cloned());
        self.pending.touch(names);
    }

    /// Tells which names resemble something protected: their owners are looked up before the rest.
    pub(super) fn resemble(&self, names: &[&Name]) {
        self.verification.resembling(names);
    }

    /// Names are compared with this from now on.
    pub(super) fn watch(&self, watched: Watched) {
        self.watched.store(Some(Arc::new(watched)));
        self.reconsider();
    }

    /// Waits, not for long, until names can be compared: a list without those that wait for it would be a statement too.
    pub(super) async fn wait_until_compared(&self) {
        let begun = tokio::time::Instant::now();
        let is_ready =
            || self.watched.load().is_some() && !self.is_incomplete(&self.in_force().set);
        while begun.elapsed() < LONGEST_COMPARISON && !is_ready() {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Whether something that is protected has not been heard of yet, or has just come: then nobody can compare.
    fn is_incomplete(&self, overlays: &OverlaySet) -> bool {
        overlays.has_internal()
            && (self.awaits_internal() || self.unseen.any(|name| overlays.is_internal(name)))
    }

    /// Decides again about names that were kept back because of what they resemble: something of that is news.
    pub fn reconsider(&self) {
        self.reconsidered.fetch_add(1, Ordering::SeqCst);
        let names = self.withheld.take_now();
        if !names.is_empty() {
            self.pending.touch(names);
        }
    }

    /// Remembers names that were kept back by doubts of this age; had there been news since, nobody would ever come
    /// back to them.
    pub(super) fn withhold<'n>(&self, names: impl IntoIterator<Item = &'n Name>, age: u64) {
        self.withheld.touch(names.into_iter().cloned());
        if self.reconsidered.load(Ordering::SeqCst) != age {
            self.reconsider();
        }
    }

    /// The age of doubts that are taken up after this.
    pub(super) fn age_of_doubts(&self) -> u64 {
        self.reconsidered.load(Ordering::SeqCst)
    }

    /// What keeps names back that resemble something that these overlays protect.
    #[must_use]
    pub fn doubts(&self, overlays: &OverlaySet) -> Doubts {
        let has_cause = self.settings.withhold && overlays.protects_anything();
        let watched = self.watched.load_full().filter(|_| !self.is_incomplete(overlays));
        Doubts::watched(has_cause, watched)
    }

    /// Verifies a namespace now.
    ///
    /// # Errors
    /// Why it cannot be verified, in words.
    pub async fn prove(&self, namespace: &str) -> Result<ProofReport, String> {
        self.verification.verify(namespace).await
    }

    pub(super) fn overlays_changed(&self) -> watch::Receiver<Arc<InForce>> {
        self.in_force.subscribe()
    }

    pub(super) async fn wait_until_known(&self) {
        self.mirror.wait_until_known().await;
    }

    /// The upstreams there are, by id.
    #[must_use]
    pub fn upstream_ids(&self) -> Vec<String> {
        self.mirror.ids()
    }

    /// Runs something with the policy of this moment.
    pub fn with_policy<T>(&self, run: impl FnOnce(&Policy<'_>) -> T) -> T {
        let (in_force, speakers) = (self.in_force(), self.speakers());
        run(&in_force.policy(&self.settings, &speakers, self.clock.now()))
    }

    /// The upstreams as far as it matters for who may speak for a name.
    #[must_use]
    pub fn speakers(&self) -> Vec<Speaker> {
        self.mirror.speakers()
    }

    /// Asks every enabled upstream for a pass, or joins the one under way, and waits for all.
    pub async fn sync(&self, full: bool, dry_run: bool) -> Vec<(String, SyncOutcome)> {
        self.mirror.sync(full, dry_run).await
    }

    /// Applies a decision about a held set; see [`HeldDecision`].
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn decide_held(
        &self,
        upstream: &str,
        id: &str,
        decision: HeldDecision,
    ) -> Result<Option<usize>, StoreError> {
        self.mirror.decide_held(upstream, id, decision)
    }

    /// Whether an upstream that is followed has not been walked to its end yet.
    #[must_use]
    pub fn is_first_walk(&self) -> bool {
        self.mirror.is_first_walk()
    }

    pub(super) fn is_settling(&self) -> bool {
        self.mirror.is_settling()
    }

    pub(super) fn awaits_internal(&self) -> bool {
        self.mirror.awaits_internal()
    }

    /// A pass that is running now, and whose.
    #[must_use]
    pub fn activity(&self) -> Option<(String, Activity)> {
        self.mirror.activity()
    }
}
