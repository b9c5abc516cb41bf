use super::handle::Mirror;
use crate::store::StoreError;
use crate::sync::{DecisionRequest, NotDecided};

impl Mirror {
    /// Applies a decision about a change set on hold, publishes the changes, and updates its alert. Returns the number
    /// of names that changed.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub(in crate::daemon) fn decide_hold(
        &self,
        upstream: &str,
        request: &DecisionRequest,
    ) -> Result<Result<usize, NotDecided>, StoreError> {
        let Some(definition) = self.definition(upstream) else {
            return Ok(Err(NotDecided::NothingOnHold { upstream: upstream.to_owned() }));
        };
        let (now, safety_limits) = (self.clock.now(), &definition.safety_limits);
        let touched = match self.store.decide_hold(upstream, request, safety_limits, now)? {
            Ok(touched) => touched,
            Err(why) => return Ok(Err(why)),
        };
        let count = touched.len();
        self.ports.touched(touched);
        self.report_upstream(&definition)?;
        Ok(Ok(count))
    }
}
