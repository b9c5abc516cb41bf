//! The loop that proves owners.
//!
//! # What is kept
//! In the store: what was seen of each namespace and when it is due. In memory: the order of turns,
//! and what alerts there are to raise. A crash between an answer and its commit asks once more.
//!
//! # Whose turn
//! Namespaces that overlays speak of come first, each within a day; the others as far as a slow pace
//! allows. Domains are asked side by side, GitHub one question after another and only as fast as its
//! limits say. A turn that cannot be taken is put off, and counts as nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant as Deadline, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;
use super::alerts::observe;
use super::pass::reason;
use super::proof::{Answer, ProofReport, Question, decides_otherwise};
use super::titles::{OWNERSHIP, of_crowded, of_namespace, of_trouble};
use super::turns::{Lane, Turns, lane};
use crate::alert::Observation;
use crate::model::{Instant, Name, NamespacePattern};
use crate::overlay::OverlaySet;
use crate::ownership::{Claim, Holding, Urgency};
use crate::remote::Witnesses;
use crate::store::{Proofs, Snapshot, StoreError};

/// Domains that are asked about at the same time.
const SIDE_BY_SIDE: usize = 16;
/// Between two namespaces that nobody speaks of: 28,800 a day.
const REST_EVERY: Duration = Duration::from_secs(3);
/// How often it is looked whether somebody is due.
const TICK: Duration = Duration::from_secs(1);
/// How often all alerts are worked out anew: verdicts grow old by themselves.
const REVIEW_EVERY: Duration = Duration::from_hours(1);
/// How long a verdict on what overlays speak of holds, at most, after a restart.
const SPOKEN: Duration = Duration::from_hours(24);
/// A publisher who is busy is not looked at more often.
const AT_MOST_EVERY: Duration = Duration::from_mins(10);
/// What GitHub's limits put off.
const PUT_OFF: Duration = Duration::from_mins(5);

/// Somebody wants a namespace to be proven now.
#[derive(Debug)]
pub(super) struct ProveRequest {
    pub(super) namespace: String,
    pub(super) reply: oneshot::Sender<Result<ProofReport, String>>,
}

struct Prover {
    shared: Arc<Shared>,
    witnesses: Arc<Witnesses>,
    turns: Turns,
    asked: JoinSet<Result<Answer, StoreError>>,
    /// What the tasks are about.
    in_flight: HashMap<Id, (Lane, Urgency, String)>,
    /// When the next namespace that nobody speaks of may be asked about.
    rest_from: BTreeMap<Lane, Deadline>,
    /// Those that wait for a look under way to end.
    waiting: Vec<ProveRequest>,
    /// Namespaces that changed while they were looked at.
    again: BTreeSet<String>,
    /// What there is to say of each namespace.
    remarks: BTreeMap<String, Vec<Observation>>,
    crowded: Vec<Observation>,
}

/// Proves owners until it is stopped.
///
/// # Errors
/// When the store cannot be read at the start.
pub(super) async fn prove_loop(
    shared: Arc<Shared>,
    witnesses: Arc<Witnesses>,
    mut requests: mpsc::Receiver<ProveRequest>,
    stop: CancellationToken,
) -> Result<(), StoreError> {
    let enabled = shared.settings.ownership.policy.enabled;
    let mut prover = Prover {
        turns: Turns::default(),
        asked: JoinSet::new(),
        in_flight: HashMap::new(),
        rest_from: BTreeMap::new(),
        waiting: Vec::new(),
        again: BTreeSet::new(),
        remarks: BTreeMap::new(),
        crowded: Vec::new(),
        shared,
        witnesses,
    };
    let mut overlays_changed = prover.shared.overlays_changed();
    let mut set = prover.shared.in_force();
    let mut review = tokio::time::interval(REVIEW_EVERY);
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if enabled {
        prover.load()?;
    }
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(request) = requests.recv() => prover.request(request),
            Some(joined) = prover.asked.join_next_with_id() => match joined {
                Ok((id, Ok(answer))) => {
                    prover.in_flight.remove(&id);
                    prover.take_in(answer).await;
                }
                Ok((id, Err(error))) => prover.put_off(id, &reason(&error)),
                Err(panicked) => prover.put_off(panicked.id(), &panicked.to_string()),
            },
            _ = review.tick(), if enabled => prover.review()?,
            Ok(()) = overlays_changed.changed(), if enabled => {
                let next = prover.shared.in_force();
                prover.reorder(&set.set, &next.set)?;
                set = next;
            }
            _ = tick.tick(), if enabled => {
                prover.add_new()?;
                prover.start();
            }
        }
    }
}

impl Prover {
    fn load(&mut self) -> Result<(), StoreError> {
        // What comes while this is read is told again.
        self.shared.unproven();
        let snapshot = self.shared.store.snapshot()?;
        let speakers = self.shared.speakers();
        let is_internal = |id: &str| speakers.iter().any(|it| it.id == id && it.internal);
        let mut names: BTreeSet<Name> = BTreeSet::new();
        for head in super::publisher::undamaged(snapshot.heads()?) {
            let head = head?;
            if !is_internal(&head.upstream) {
                names.insert(head.name);
            }
        }
        drop(snapshot);
        let new = self.turns.add(names);
        self.plan(&new)?;
        self.review()
    }

    /// Names that came, or whose rows changed, since the last look.
    fn add_new(&mut self) -> Result<(), StoreError> {
        let names = self.shared.unproven();
        if names.is_empty() {
            return Ok(());
        }
        let snapshot = self.shared.store.snapshot()?;
        let speakers = self.shared.speakers();
        let is_internal = |id: &str| speakers.iter().any(|it| it.id == id && it.internal);
        let mut outside = Vec::new();
        for name in names {
            // Names of the organisation's own are nobody else's business.
            if snapshot.heads_of(&name)?.iter().any(|it| !is_internal(&it.upstream)) {
                outside.push(name);
            }
        }
        let set = self.shared.in_force();
        let spoken: BTreeSet<String> = outside
            .iter()
            .filter(|name| !set.set.about(name).is_silent())
            .map(|name| name.namespace().to_ascii_lowercase())
            .collect();
        let new = self.turns.add(outside);
        self.plan(&new)?;
        // What somebody waits for, or serves, has changed.
        for namespace in &spoken {
            let checked = snapshot.holding(namespace)?.and_then(|it| it.checked_at);
            let soon = self
                .shared
                .clock
                .now()
                .max(checked.map_or(Instant::MIN, |it| it.plus(AT_MOST_EVERY)));
            let in_flight = self.in_flight.values().any(|(.., other)| other == namespace);
            match self.turns.turn(namespace) {
                Some((lane, _, at)) => {
                    self.turns.set(namespace, lane, Urgency::Spoken, at.min(soon));
                }
                None if in_flight => drop(self.again.insert(namespace.clone())),
                None => {}
            }
        }
        if !new.is_empty() {
            self.crowded = of_crowded(&self.turns.crowded(&set.set.shared_hosts()));
        }
        Ok(())
    }

    /// Gives namespaces their turn: as it is stored, or at once. Overlays may have changed while nobody
    /// looked, so what they speak of waits no longer than it would have.
    fn plan(&mut self, namespaces: &[String]) -> Result<(), StoreError> {
        let (snapshot, in_force) = (self.shared.store.snapshot()?, self.shared.in_force());
        let (now, hosts) = (self.shared.clock.now(), in_force.set.shared_hosts());
        for namespace in namespaces {
            let (lane, urgency) =
                (lane(&Claim::of(namespace, &hosts)), self.urgency(namespace, &in_force.set));
            let stored = snapshot.holding(namespace)?;
            let due = stored.and_then(|it| match urgency {
                Urgency::Spoken => Some(it.next_check?.min(it.checked_at?.plus(SPOKEN))),
                Urgency::Rest => it.next_check,
            });
            self.turns.set(namespace, lane, urgency, due.unwrap_or(now));
        }
        Ok(())
    }

    fn urgency(&self, namespace: &str, set: &OverlaySet) -> Urgency {
        match self.turns.names(namespace).any(|name| !set.about(name).is_silent()) {
            true => Urgency::Spoken,
            false => Urgency::Rest,
        }
    }

    /// After an edit of overlays: who comes first may have changed, and whose owner is stated anew is due.
    fn reorder(&mut self, before: &OverlaySet, after: &OverlaySet) -> Result<(), StoreError> {
        let changes = crate::overlay::Changes::between(before, after);
        let restated: &[NamespacePattern] = changes.namespaces();
        let (hosts_before, hosts) = (before.shared_hosts(), after.shared_hosts());
        let now = self.shared.clock.now();
        let all: Vec<String> = self.turns.namespaces().cloned().collect();
        for namespace in all {
            let urgency = self.urgency(&namespace, after);
            let claim = Claim::of(&namespace, &hosts);
            let is_restated = restated.iter().any(|it| it.covers_namespace(&namespace))
                || claim != Claim::of(&namespace, &hosts_before);
            let Some((_, urgency_before, at)) = self.turns.turn(&namespace) else {
                // It is being looked at, as things stood before.
                self.again.extend(is_restated.then_some(namespace));
                continue;
            };
            // Somebody waits for a proof that was not due for days.
            let at = if is_restated || urgency < urgency_before { at.min(now) } else { at };
            self.turns.set(&namespace, lane(&claim), urgency, at);
        }
        self.review()
    }

    /// Starts as many looks as may go on at the same time.
    fn start(&mut self) {
        let now = self.shared.clock.now();
        loop {
            let flying =
                |lane: Lane| self.in_flight.values().filter(|(other, ..)| *other == lane).count();
            let rest =
                |lane: &Lane| self.rest_from.get(lane).is_none_or(|from| Deadline::now() >= *from);
            let free: Vec<Lane> = [(Lane::Domains, SIDE_BY_SIDE), (Lane::GitHub, 1)]
                .into_iter()
                .filter(|(lane, most)| flying(*lane) < *most)
                .map(|(lane, _)| lane)
                .collect();
            let free: Vec<(Lane, bool)> =
                free.into_iter().map(|lane| (lane, rest(&lane))).collect();
            let taken = free.into_iter().find_map(|(lane, rest)| {
                let (namespace, urgency) = self.turns.take(lane, rest, now)?;
                Some((lane, namespace, urgency))
            });
            let Some((lane, namespace, urgency)) = taken else { return };
            if urgency == Urgency::Rest {
                self.rest_from.insert(lane, Deadline::now() + REST_EVERY);
            }
            if lane == Lane::GitHub && self.witnesses.is_github_blocked() {
                self.turns.set(&namespace, lane, urgency, now.plus(PUT_OFF));
                continue;
            }
            self.ask(&namespace, lane, urgency);
        }
    }

    fn ask(&mut self, namespace: &str, lane: Lane, urgency: Urgency) {
        let asking = self.asking(namespace, urgency, false);
        let task = self.asked.spawn(asking);
        self.in_flight.insert(task.id(), (lane, urgency, namespace.to_owned()));
    }

    /// Reads what there is to ask, where that may block, and asks. Names matter when overlays speak of
    /// them; all do when a person asks.
    fn asking(
        &self,
        namespace: &str,
        urgency: Urgency,
        all: bool,
    ) -> impl Future<Output = Result<Answer, StoreError>> + Send + use<> {
        let set = self.shared.in_force();
        let matters = |name: &&Name| all || !set.set.about(name).is_silent();
        let about: Vec<Name> = self.turns.names(namespace).cloned().collect();
        let names: Vec<Name> = about.iter().filter(matters).cloned().collect();
        let (witnesses, shared) = (Arc::clone(&self.witnesses), Arc::clone(&self.shared));
        let namespace = namespace.to_owned();
        async move {
            let reader = Arc::clone(&shared);
            let read = move || {
                let snapshot = reader.store.snapshot()?;
                reader.with_policy(|policy| {
                    Question::read(&snapshot, policy, &namespace, &names, urgency)
                })
            };
            let question: Result<Question, StoreError> = blocking(read).await;
            let question = question?;
            let holding = question.look(&witnesses, || shared.clock.now()).await;
            keep_holding(&shared, &question, &holding, about).await?;
            let now = || shared.clock.now();
            Ok(question.look_at_names(&witnesses, holding, now).await)
        }
    }

    /// Keeps an answer, and has decided anew what it may change.
    async fn take_in(&mut self, answer: Answer) {
        self.keep(&answer).await;
        self.tell();
        self.go_on();
    }

    /// Starts what waited for a look to end.
    fn go_on(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().for_each(|request| self.request(request));
        self.start();
    }

    /// Whatever a stranger sent that a task could not stand, the others go on.
    fn put_off(&mut self, task: Id, why: &str) {
        if let Some((lane, urgency, namespace)) = self.in_flight.remove(&task) {
            warn!(namespace, reason = why, "a proof cannot be made; it is tried again later");
            self.turns.set(&namespace, lane, urgency, self.shared.clock.now().plus(PUT_OFF));
        }
        self.go_on();
    }

    async fn keep(&mut self, answer: &Answer) {
        let Answer { namespace, holding, changed, .. } = answer;
        debug!(namespace, evidence = ?holding.evidence, "a namespace was looked at");
        let now = self.shared.clock.now();
        let kept = keep_proofs(&self.shared, answer.proofs()).await;
        let set = self.shared.in_force();
        let urgency = self.urgency(namespace, &set.set);
        let next = match &kept {
            Ok(()) if self.again.remove(namespace) => now.plus(AT_MOST_EVERY),
            Ok(()) => holding.next_check.unwrap_or(now),
            Err(error) => {
                warn!(namespace, reason = %reason(error), "a proof cannot be kept; it is made again");
                now.plus(PUT_OFF)
            }
        };
        let names: Vec<Name> = self.turns.names(namespace).cloned().collect();
        if !names.is_empty() {
            // Somebody may have asked about a namespace that nobody lists.
            let lane = lane(&Claim::of(namespace, &set.set.shared_hosts()));
            self.turns.set(namespace, lane, urgency, next);
        }
        if kept.is_ok() && *changed {
            self.shared.pending.touch(names);
        }
        if let Err(error) = self.remark(namespace, holding, urgency) {
            warn!(namespace, reason = %reason(&error), "what there is to say of it cannot be read");
        }
    }

    fn remark(
        &mut self,
        namespace: &str,
        holding: &Holding,
        urgency: Urgency,
    ) -> Result<(), StoreError> {
        let seen = match urgency {
            Urgency::Rest => Vec::new(),
            Urgency::Spoken => self.said_of(&self.shared.store.snapshot()?, namespace, holding)?,
        };
        match seen.is_empty() {
            true => drop(self.remarks.remove(namespace)),
            false => drop(self.remarks.insert(namespace.to_owned(), seen)),
        }
        Ok(())
    }

    fn said_of(
        &self,
        snapshot: &Snapshot,
        namespace: &str,
        holding: &Holding,
    ) -> Result<Vec<Observation>, StoreError> {
        let (set, now) = (self.shared.in_force(), self.shared.clock.now());
        let mut namings = Vec::new();
        for name in self.turns.names(namespace) {
            namings.extend(snapshot.naming(name)?.map(|naming| (name.clone(), naming)));
        }
        let (pins, served) = (set.set.pins(namespace), self.is_served(namespace));
        Ok(of_namespace(namespace, holding, pins, &namings, served, now))
    }

    fn is_served(&self, namespace: &str) -> bool {
        self.shared
            .published()
            .is_some_and(|published| self.turns.names(namespace).any(|name| published.has(name)))
    }

    /// Works out anew what there is to say of every namespace that overlays speak of.
    fn review(&mut self) -> Result<(), StoreError> {
        let snapshot = self.shared.store.snapshot()?;
        let in_force = self.shared.in_force();
        let mut remarks = BTreeMap::new();
        for (namespace, holding) in snapshot.holdings()? {
            if self.urgency(&namespace, &in_force.set) == Urgency::Spoken {
                let seen = self.said_of(&snapshot, &namespace, &holding)?;
                remarks.insert(namespace, seen);
            }
        }
        self.remarks = remarks;
        self.crowded = of_crowded(&self.turns.crowded(&in_force.set.shared_hosts()));
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        let trouble = of_trouble(&self.witnesses.trouble());
        let said = self.remarks.values().flatten().chain(&self.crowded).cloned();
        let all: Vec<Observation> = said.chain(trouble).collect();
        observe(&self.shared.store, &self.shared.clock, OWNERSHIP, all);
    }

    /// Proves a namespace for somebody who waits.
    fn request(&mut self, request: ProveRequest) {
        let folded = request.namespace.to_ascii_lowercase();
        if self.in_flight.values().any(|(.., other)| *other == folded) {
            // One look after another: each goes on from what the one before remembers.
            self.waiting.push(request);
            return;
        }
        let ProveRequest { namespace, reply } = request;
        self.witnesses.forget_answers();
        // Names may have come a moment ago.
        if let Err(error) = self.add_new() {
            return drop(reply.send(Err(reason(&error))));
        }
        let lane = lane(&Claim::of(&namespace, &self.shared.in_force().set.shared_hosts()));
        let about = (lane, Urgency::Spoken, namespace.to_ascii_lowercase());
        let (asking, shared) =
            (self.asking(&namespace, Urgency::Spoken, true), Arc::clone(&self.shared));
        let task = self.asked.spawn(async move {
            let answer = asking.await;
            let report = match &answer {
                Ok(answer) => Ok(shared.with_policy(|policy| answer.report(policy, &namespace))),
                Err(error) => Err(reason(error)),
            };
            // Whoever asked may have gone.
            let _ = reply.send(report);
            answer
        });
        self.in_flight.insert(task.id(), about);
    }
}

/// Keeps what was seen of a namespace as soon as it was, whatever its repositories and packages take; and has
/// its names decided about when that may change anything, by what is pinned now.
async fn keep_holding(
    shared: &Shared,
    question: &Question,
    holding: &Holding,
    names: Vec<Name>,
) -> Result<(), StoreError> {
    let holdings = vec![(question.namespace.clone(), holding.clone())];
    keep_proofs(shared, Proofs { holdings, namings: Vec::new() }).await?;
    let set = shared.in_force();
    let pins = set.set.pins(&question.namespace);
    let now = shared.clock.now();
    if *pins != question.pins || decides_otherwise(&question.before, holding, pins, now) {
        shared.pending.touch(names);
    }
    Ok(())
}

async fn keep_proofs(shared: &Shared, proofs: Proofs) -> Result<(), StoreError> {
    let (store, now) = (Arc::clone(&shared.store), shared.clock.now());
    blocking(move || store.keep_proofs(&proofs, now)).await
}

/// Uses the store where blocking is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
