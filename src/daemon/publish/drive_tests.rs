//! Takes turns of the publishing loop without a runtime.

use std::sync::Arc;
use std::time::Duration;

use super::handle::Publication;
use super::publisher::Publisher;
use super::service::{Inputs, marked_names};
use super::state::{Event, Moment, State, Step, Wake};
use crate::store::StoreError;

/// The loop.
pub(in crate::daemon) struct PublishDrive {
    publication: Arc<Publication>,
    inputs: Inputs,
    running: Option<(Publisher, State)>,
    /// The last failure of a publication in this turn.
    failure: Option<StoreError>,
}

/// The outcome of one turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Turn {
    /// Something arrived or was published.
    Busy,
    /// Nothing is left to do before this much time has passed since the process started.
    Until(Duration),
    Idle,
}

impl PublishDrive {
    pub(in crate::daemon) fn new(publication: Arc<Publication>, inputs: Inputs) -> Self {
        Self { publication, inputs, running: None, failure: None }
    }

    /// Handles everything that arrived; with `look` it reads the marks in the store too.
    ///
    /// # Errors
    /// When a publication failed, or the store cannot be read at the start.
    pub(in crate::daemon) fn turn(
        &mut self,
        elapsed: Duration,
        look: bool,
    ) -> Result<Turn, StoreError> {
        self.failure = None;
        let turn = self.turn_once(elapsed, look)?;
        self.failure.take().map_or(Ok(turn), Err)
    }

    fn turn_once(&mut self, elapsed: Duration, look: bool) -> Result<Turn, StoreError> {
        let mut events = Vec::new();
        if self.running.is_none() {
            let publisher = Publisher::load(&self.publication)?;
            let policy = Arc::clone(&self.inputs.policy.borrow_and_update().snapshot);
            let screening = Arc::clone(&self.inputs.screening.borrow_and_update());
            self.running = Some((publisher, State::new(policy, screening)));
            self.inputs.ready.mark_changed();
            self.inputs.settling.mark_changed();
        }
        let inputs = &mut self.inputs;
        if inputs.policy.has_changed().is_ok_and(|changed| changed) {
            events.push(Event::Policy(Arc::clone(&inputs.policy.borrow_and_update().snapshot)));
        }
        if inputs.screening.has_changed().is_ok_and(|changed| changed) {
            events.push(Event::Screening(Arc::clone(&inputs.screening.borrow_and_update())));
        }
        if inputs.settling.has_changed().is_ok_and(|changed| changed) {
            let unsynchronised = inputs.settling.borrow_and_update().unsynchronised.clone();
            events.push(Event::Unsynchronised(unsynchronised));
        }
        if inputs.ready.has_changed().is_ok_and(|changed| changed) {
            let is_ready = *inputs.ready.borrow_and_update();
            events.push(if is_ready { Event::Ready } else { Event::Tick });
        }
        let mut touched = self.publication.touched.take_now();
        if look {
            touched.extend(marked_names(&self.publication).unwrap_or_default());
        }
        if !touched.is_empty() {
            events.push(Event::Touched(touched));
        }
        let mut is_busy = !events.is_empty();
        events.push(Event::Tick);
        let mut wake = None;
        for event in events {
            wake = self.feed(event, elapsed, &mut is_busy);
        }
        Ok(match wake {
            _ if is_busy => Turn::Busy,
            Some(Wake::Elapsed(until)) => Turn::Until(until),
            Some(Wake::Clock(_)) | None => Turn::Idle,
        })
    }

    fn feed(&mut self, event: Event, elapsed: Duration, is_busy: &mut bool) -> Option<Wake> {
        let now = || self.publication.clock.now();
        let (publisher, state) = self.running.as_mut().expect("it runs");
        let mut step = state.step(event, Moment { now: now(), elapsed });
        loop {
            match step {
                Step::Wait(wake) => return wake,
                Step::Publish(work) => {
                    *is_busy = true;
                    let event = match publisher.publish(&work) {
                        Ok(committed) => Event::Committed(committed),
                        Err(error) => {
                            self.failure = Some(error);
                            Event::Failed
                        }
                    };
                    step = state.step(event, Moment { now: now(), elapsed });
                }
            }
        }
    }
}
