//! Takes turns of the screening loop without a runtime.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Inputs, Screener};
use crate::daemon::mirror::Settling;
use crate::daemon::policy::CurrentPolicy;
use crate::daemon::screening::state::Event;
use crate::store::StoreError;

/// The loop; it starts over after a failure.
pub(in crate::daemon) struct ScreeningDrive {
    inputs: Arc<Inputs>,
    policy: watch::Receiver<Arc<CurrentPolicy>>,
    settling: watch::Receiver<Settling>,
    generation: watch::Receiver<u64>,
    acknowledged: watch::Receiver<u64>,
    screener: Option<Screener>,
}

impl ScreeningDrive {
    pub(in crate::daemon) fn new(inputs: Inputs) -> Self {
        Self {
            policy: inputs.policy.clone(),
            settling: inputs.settling.clone(),
            generation: inputs.generation.clone(),
            acknowledged: inputs.handle.acknowledged.subscribe(),
            inputs: Arc::new(inputs),
            screener: None,
        }
    }

    /// Handles everything that arrived; returns true if anything did.
    ///
    /// # Errors
    /// When the loop ended; the next turn starts it again.
    pub(in crate::daemon) fn turn(&mut self) -> Result<bool, StoreError> {
        let turn = self.turn_once();
        if turn.is_err() {
            self.screener = None;
        }
        turn
    }

    fn turn_once(&mut self) -> Result<bool, StoreError> {
        let mut is_busy = false;
        if self.screener.is_none() {
            let mut screener = Screener::new(Arc::clone(&self.inputs));
            screener.forget();
            screener.handle(Event::Protection)?;
            self.settling.mark_changed();
            self.screener = Some(screener);
            is_busy = true;
        }
        let screener = self.screener.as_mut().expect("it runs");
        if self.policy.has_changed().is_ok_and(|changed| changed) {
            self.policy.borrow_and_update();
            screener.handle(Event::Protection)?;
            is_busy = true;
        }
        if self.settling.has_changed().is_ok_and(|changed| changed) {
            let is_known = self.settling.borrow_and_update().is_known();
            screener.handle(screener.awaited())?;
            screener.handle(Event::Settling { is_known })?;
            is_busy = true;
        }
        if self.generation.has_changed().is_ok_and(|changed| changed) {
            self.generation.borrow_and_update();
            let event = screener.generation_changed();
            screener.handle(event)?;
            is_busy = true;
        }
        if self.acknowledged.has_changed().is_ok_and(|changed| changed) {
            self.acknowledged.borrow_and_update();
            screener.handle(Event::Alerts)?;
            is_busy = true;
        }
        let touched = self.inputs.handle.touched.take_now();
        if !touched.is_empty() {
            let event = screener.touched(touched)?;
            screener.handle(event)?;
            is_busy = true;
        }
        let event = screener.tick();
        screener.handle(event)?;
        Ok(is_busy)
    }
}
