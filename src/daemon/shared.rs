use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{mpsc, oneshot, watch};

use super::doubts::{Doubts, Watched};
use super::enquiry::ProveRequest;
use super::pending::Pending;
use super::runtime::Feed;
use super::proof::ProofReport;
use super::report::Activity;
use super::{Clock, InForce};
use crate::catalog::Catalogue;
use crate::config::{Settings, Upstream};
use crate::curation::{Policy, Speaker};
use crate::model::{Instant, Name};
use crate::overlay::{Changes, OverlaySet};
use crate::store::{Store, StoreError};
use crate::sync::PassReport;

/// Reading what is protected takes a fraction of this; should it take longer, nobody waits for it.
const LONGEST_COMPARISON: Duration = Duration::from_secs(5);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Several upstreams are often one host, or one proxy.
const BETWEEN_STARTS: Duration = Duration::from_millis(250);

/// What the loops and the servers share. Readers of the catalogue take no lock.
#[derive(Debug)]
pub struct Shared {
    pub settings: Settings,
    pub store: Arc<Store>,
    pub clock: Arc<Clock>,
    /// The store's random word, shown to clients.
    pub epoch: String,
    pub(super) pending: Pending,
    /// Names that came, for whoever proves their owners.
    pub(super) unproven: Feed,
    /// The same, for whoever compares them.
    pub(super) unseen: Feed,
    /// Namespaces with a name that resembles something protected.
    resembling: ArcSwap<BTreeSet<String>>,
    /// What names are compared with.
    watched: ArcSwapOption<Watched>,
    /// Names that are kept back because of what they resemble.
    pub(super) withheld: Feed,
    /// Counts the times when there was news for those.
    reconsidered: AtomicU64,
    /// Where proofs are asked for.
    prove: OnceLock<mpsc::Sender<ProveRequest>>,
    published: ArcSwapOption<Published>,
    in_force: ArcSwap<InForce>,
    overlays_changed: watch::Sender<()>,
    upstreams: Mutex<BTreeMap<String, Runtime>>,
    /// When the last pass began: no two begin together.
    last_start: tokio::sync::Mutex<Option<tokio::time::Instant>>,
    /// What was heard of the upstreams so far: whether a first generation may be published.
    heard: watch::Sender<KnownSoFar>,
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

/// What is true of an upstream only as long as the process lives.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) definition: Upstream,
    pub(super) activity: Option<Activity>,
    pub(super) next_attempt: Option<Instant>,
    pub(super) requests: mpsc::Sender<SyncRequest>,
}

/// News of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answered with something: a page, a name, or that it does not know a name.
    Answer,
    /// Every name that overlays spell out was asked for once, or had its time.
    NamesAttempted,
    WholeWalk,
}

/// An empty list and a 404 are statements. We make none before an upstream has made one, nor before
/// the names that overlays spell out had their attempt at each of them.
#[derive(Debug, Default)]
struct KnownSoFar {
    answered: bool,
    done: BTreeSet<String>,
    enough: bool,
}

/// Somebody wants a pass, or the result of the one under way.
#[derive(Debug)]
pub struct SyncRequest {
    pub full: bool,
    pub dry_run: bool,
    pub reply: oneshot::Sender<SyncOutcome>,
}

/// What a pass did, or why it was not accepted.
pub type SyncOutcome = Result<PassReport, String>;

impl Shared {
    pub fn new(
        settings: Settings,
        store: Arc<Store>,
        clock: Arc<Clock>,
        in_force: InForce,
    ) -> Result<Arc<Self>, StoreError> {
        let snapshot = store.snapshot()?;
        let (epoch, enough) = (snapshot.epoch()?, snapshot.is_known()?);
        Ok(Arc::new(Self {
            settings,
            store,
            clock,
            epoch,
            pending: Pending::default(),
            unproven: Feed::default(),
            unseen: Feed::default(),
            resembling: ArcSwap::default(),
            watched: ArcSwapOption::empty(),
            withheld: Feed::default(),
            reconsidered: AtomicU64::new(0),
            prove: OnceLock::new(),
            published: ArcSwapOption::empty(),
            in_force: ArcSwap::from_pointee(in_force),
            overlays_changed: watch::Sender::new(()),
            upstreams: Mutex::default(),
            last_start: tokio::sync::Mutex::default(),
            heard: watch::Sender::new(KnownSoFar { enough, ..KnownSoFar::default() }),
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
        self.in_force.load_full()
    }

    pub(super) fn enforce(&self, in_force: InForce) {
        let next = Arc::new(in_force);
        let before = self.in_force.swap(Arc::clone(&next));
        self.overlays_changed.send_replace(());
        self.pending.touch_overlays(Changes::between(&before.set, &next.set));
    }

    /// Names whose rows changed: they are decided about again, and their owners may be news.
    pub(super) fn touch(&self, names: impl IntoIterator<Item = Name>) {
        let names: Vec<Name> = names.into_iter().collect();
        self.unproven.touch(names.iter().cloned());
        self.unseen.touch(names.iter().cloned());
        self.pending.touch(names);
    }

    /// Names of whose owners something else is known: they are decided about again, and compared.
    pub(super) fn rejudge(&self, names: Vec<Name>) {
        self.unseen.touch(names.iter().cloned());
        self.pending.touch(names);
    }

    pub(super) fn resembling(&self) -> Arc<BTreeSet<String>> {
        self.resembling.load_full()
    }

    /// Says which names resemble something protected: whose they are is asked before the rest.
    pub(super) fn resemble(&self, names: &[&Name]) {
        let of = |name: &&Name| name.namespace().to_ascii_lowercase();
        let before = self.resembling.swap(Arc::new(names.iter().map(of).collect()));
        let new = names.iter().filter(|name| !before.contains(&of(name)));
        self.unproven.touch(new.map(|name| (*name).clone()));
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

    pub(super) fn take_proofs(&self, requests: mpsc::Sender<ProveRequest>) {
        // The loops of one daemon are started once.
        let _ = self.prove.set(requests);
    }

    /// Proves a namespace now.
    ///
    /// # Errors
    /// Why it cannot be proven, in words.
    pub async fn prove(&self, namespace: &str) -> Result<ProofReport, String> {
        let stopped = || "the daemon is stopping".to_owned();
        let (reply, answer) = oneshot::channel();
        let request = ProveRequest { namespace: namespace.to_owned(), reply };
        let prove = self.prove.get().ok_or_else(stopped)?;
        prove.send(request).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    pub(super) fn overlays_changed(&self) -> watch::Receiver<()> {
        self.overlays_changed.subscribe()
    }

    /// Takes note of what was heard of an upstream, which may be enough for a first generation.
    pub(super) fn hear(&self, upstream: &str, heard: Heard) {
        let enabled = self.speakers().into_iter().filter(|speaker| speaker.enabled);
        let expected: Vec<String> = enabled.map(|speaker| speaker.id).collect();
        self.heard.send_if_modified(|known| {
            let before = known.enough;
            known.answered |= matches!(heard, Heard::Answer | Heard::WholeWalk);
            if matches!(heard, Heard::NamesAttempted | Heard::WholeWalk) {
                known.done.insert(upstream.to_owned());
            }
            known.enough |= known.answered && expected.iter().all(|id| known.done.contains(id));
            known.enough != before
        });
    }

    /// There is no upstream to hear from, so nothing more will be known.
    pub(super) fn hear_nobody(&self) {
        self.heard.send_modify(|known| known.enough = true);
    }

    pub(super) async fn wait_until_known(&self) {
        // The sender is a field of this very value, so it is not dropped meanwhile.
        let _ = self.heard.subscribe().wait_for(|known| known.enough).await;
    }

    pub(super) fn upstreams(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Runtime>> {
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The upstreams there are, by id.
    #[must_use]
    pub fn upstream_ids(&self) -> Vec<String> {
        self.upstreams().keys().cloned().collect()
    }

    /// Runs something with the policy of this moment.
    pub fn with_policy<T>(&self, run: impl FnOnce(&Policy<'_>) -> T) -> T {
        let (in_force, speakers) = (self.in_force(), self.speakers());
        let policy = Policy {
            overlays: &in_force.set,
            speakers: &speakers,
            views: &self.settings.views,
            ownership: &self.settings.ownership.policy,
            now: self.clock.now(),
        };
        run(&policy)
    }

    /// The upstreams as far as it matters for who may speak for a name.
    #[must_use]
    pub fn speakers(&self) -> Vec<Speaker> {
        self.upstreams().values().map(|it| it.definition.speaker()).collect()
    }

    pub(super) fn update(&self, upstream: &str, change: impl FnOnce(&mut Runtime)) {
        if let Some(runtime) = self.upstreams().get_mut(upstream) {
            change(runtime);
        }
    }

    /// Waits until a pass may begin without beginning together with another one.
    pub(super) async fn turn(&self) {
        let mut last = self.last_start.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + BETWEEN_STARTS).await;
        }
        *last = Some(tokio::time::Instant::now());
    }

    /// Asks every enabled upstream for a pass, or joins the one under way, and waits for all.
    pub async fn sync(&self, full: bool, dry_run: bool) -> Vec<(String, SyncOutcome)> {
        let requests: Vec<(String, mpsc::Sender<SyncRequest>)> = {
            let upstreams = self.upstreams();
            let enabled = upstreams.values().filter(|it| it.definition.enabled);
            enabled.map(|it| (it.definition.id.clone(), it.requests.clone())).collect()
        };
        let mut outcomes = Vec::new();
        let mut replies = Vec::new();
        for (id, sender) in requests {
            let (reply, answer) = oneshot::channel();
            let sent = sender.send(SyncRequest { full, dry_run, reply }).await;
            replies.push((id, sent.is_ok().then_some(answer)));
        }
        for (id, answer) in replies {
            let outcome = match answer {
                Some(answer) => answer.await.ok(),
                None => None,
            };
            let stopped = || Err("the daemon is stopping".to_owned());
            outcomes.push((id, outcome.unwrap_or_else(stopped)));
        }
        outcomes
    }
}
