use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::task::Id;
use tokio::time::Instant as Deadline;
use tracing::{debug, warn};

use super::Shared;
use super::proof::{Answer, ProofReport, Question, decides_otherwise};
use super::prove::{AT_MOST_EVERY, PUT_OFF, Prover, REST_EVERY, SIDE_BY_SIDE};
use super::runtime::blocking;
use super::turns::{Lane, lane};
use crate::model::{Name, reason};
use crate::ownership::{Claim, Holding, Urgency};
use crate::store::{Proofs, StoreError};

/// Somebody wants a namespace to be proven now.
#[derive(Debug)]
pub(super) struct ProveRequest {
    pub(super) namespace: String,
    pub(super) reply: oneshot::Sender<Result<ProofReport, String>>,
}

impl Prover {
    /// Starts as many looks as may go on at the same time.
    pub(super) fn start(&mut self) {
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
    pub(super) async fn take_in(&mut self, answer: Answer) {
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
    pub(super) fn put_off(&mut self, task: Id, why: &str) {
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
        // The holding was kept as soon as it was seen.
        let mut kept = Ok(());
        if !answer.namings.is_empty() {
            let namings = answer.namings.clone();
            kept = keep_proofs(&self.shared, Proofs { holdings: Vec::new(), namings }).await;
        }
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
            self.shared.rejudge(names);
        }
        if let Err(error) = self.remark(namespace, holding, urgency) {
            warn!(namespace, reason = %reason(&error), "what there is to say of it cannot be read");
        }
    }

    /// Proves a namespace for somebody who waits.
    pub(super) fn request(&mut self, request: ProveRequest) {
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
        shared.rejudge(names);
    }
    Ok(())
}

async fn keep_proofs(shared: &Shared, proofs: Proofs) -> Result<(), StoreError> {
    let (store, now) = (Arc::clone(&shared.store), shared.clock.now());
    blocking(move || store.keep_proofs(&proofs, now)).await
}
