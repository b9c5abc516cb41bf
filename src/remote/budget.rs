use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// How many requests an upstream is sent in an hour, at most. They may come in one burst, as those
/// of a walk do; what is beyond waits, so that a loop of ours never becomes somebody's outage.
#[derive(Debug)]
pub(super) struct Budget {
    /// What one request costs of an hour.
    cost: Duration,
    /// When all that was spent is earned again.
    earned: Mutex<Instant>,
}

impl Budget {
    pub(super) fn per_hour(requests: u32) -> Self {
        Self { cost: HOUR / requests.max(1), earned: Mutex::new(Instant::now()) }
    }

    /// Waits until one more request is within the budget, and spends it.
    pub(super) async fn spend(&self) {
        let wait = {
            let mut earned = self.earned.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            *earned = (*earned).max(now) + self.cost;
            (*earned - now).saturating_sub(HOUR)
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_what_is_beyond_waits_for_its_share_of_the_hour() {
        let budget = Budget::per_hour(60);
        let begun = Instant::now();
        for _ in 0..60 {
            budget.spend().await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
        budget.spend().await;
        assert_eq!(begun.elapsed().as_secs(), 60);
    }
}
