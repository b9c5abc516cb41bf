//! Takes turns of the verification loop without a runtime, over invented answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use crate::daemon::Services;
use crate::daemon::mirror::Settling;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::screening::external_names;
use crate::daemon::verification::lookup::{Question, may_change_evaluations};
use crate::daemon::verification::state::{Context, Effect, Event, Found, LookupTask, State};
use crate::daemon::verification::stored::{records, touched};
use crate::model::Name;
use crate::ownership::Lookup;
use crate::store::{StoreError, VerificationRecords};

/// The loop; it starts over after a failure.
pub(in crate::daemon) struct VerificationDrive {
    services: Arc<Services>,
    policy: watch::Receiver<Arc<CurrentPolicy>>,
    running: Option<(State<()>, Arc<CurrentPolicy>)>,
}

impl VerificationDrive {
    pub(in crate::daemon) fn new(services: &Arc<Services>) -> Self {
        let policy = services.policy.subscribe();
        Self { services: Arc::clone(services), policy, running: None }
    }

    /// Handles everything that arrived, with the answer to each lookup from `answers`; returns true if
    /// anything did.
    ///
    /// # Errors
    /// When the loop ended; the next turn starts it again.
    pub(in crate::daemon) fn turn(
        &mut self,
        answers: &mut dyn FnMut(&str) -> Lookup,
    ) -> Result<bool, StoreError> {
        let turn = self.turn_once(answers);
        if turn.is_err() {
            self.running = None;
        }
        turn
    }

    fn turn_once(&mut self, answers: &mut dyn FnMut(&str) -> Lookup) -> Result<bool, StoreError> {
        if self.running.is_none() {
            self.services.verification.touched.take_now();
            let current = Arc::clone(&self.policy.borrow_and_update());
            let snapshot = self.services.store.snapshot()?;
            let names: Vec<Name> = external_names(&snapshot, &current.snapshot, &Settling::NONE)?
                .into_keys()
                .collect();
            let known = records(&snapshot, &names)?;
            self.running = Some((State::new(true), current));
            self.step(Event::Loaded(names, &known), answers);
        }
        let mut is_busy = false;
        if self.policy.has_changed().is_ok_and(|changed| changed) {
            let next = Arc::clone(&self.policy.borrow_and_update());
            let (_, current) = self.running.as_mut().expect("it runs");
            let before = std::mem::replace(current, next);
            self.step(Event::PolicyChanged { before: &before.set }, answers);
            is_busy = true;
        }
        let names = self.services.verification.touched.take_now();
        if !names.is_empty() {
            let (_, current) = self.running.as_ref().expect("it runs");
            let snapshot = self.services.store.snapshot()?;
            let (external, known) = touched(&snapshot, &current.snapshot, &names)?;
            drop(snapshot);
            self.step(Event::NamesTouched(external, &known), answers);
            is_busy = true;
        }
        is_busy |= self.step(Event::Tick, answers);
        Ok(is_busy)
    }

    /// Applies an event, and performs what follows from it; returns true if there was anything.
    fn step(&mut self, event: Event<'_, ()>, answers: &mut dyn FnMut(&str) -> Lookup) -> bool {
        let Self { services, running, .. } = self;
        let (state, current) = running.as_mut().expect("it runs");
        let resembling = Arc::clone(&services.verification.resembling.borrow());
        let mut effects = apply(state, event, services, current, &resembling);
        let is_busy = !effects.is_empty();
        while let Some(effect) = effects.pop() {
            match effect {
                Effect::LookupTask(task) => {
                    let namespace = task.namespace.clone();
                    let found = look_up(services, current, task, answers).ok();
                    let ended = Event::Ended { namespace, found };
                    effects.extend(apply(state, ended, services, current, &resembling));
                }
                Effect::Touch(names) => touch(services, names),
                Effect::Crowded(_) => {}
            }
        }
        is_busy
    }
}

fn apply(
    state: &mut State<()>,
    event: Event<'_, ()>,
    services: &Services,
    current: &CurrentPolicy,
    resembling: &BTreeSet<String>,
) -> Vec<Effect<()>> {
    let now = services.clock.now();
    let context = Context { overlays: &current.set, resembling, github_blocked: false, now };
    state.step(event, &context)
}

/// Takes the answer about a namespace, and stores the evidence, as `service` does.
fn look_up(
    services: &Services,
    current: &CurrentPolicy,
    task: LookupTask<()>,
    answers: &mut dyn FnMut(&str) -> Lookup,
) -> Result<Found, StoreError> {
    let LookupTask { namespace, priority, names, asked, .. } = task;
    let snapshot = services.store.snapshot()?;
    let question = Question::read(&snapshot, &current.snapshot, &namespace, &asked, priority)?;
    drop(snapshot);
    let now = services.clock.now();
    let losses = &services.verification.losses;
    let record = question.record(&answers(&question.namespace), losses, now);
    let verifications = vec![(question.namespace.clone(), record.clone())];
    let records = VerificationRecords { verifications, declarations: Vec::new() };
    let stored = services.store.store_verification(&records, now);
    let newest = question.newest;
    if may_change_evaluations(&question.before, &record, &question.pins, newest, now) {
        touch(services, names);
    }
    stored?;
    let is_silent = record.unclear > 0;
    Ok(Found { next_check: record.next_check, changed: false, is_silent, is_complete: true })
}

fn touch(services: &Services, names: Vec<Name>) {
    services.screening.touch(names.iter().cloned());
    services.publication.touched().touch(names);
}
