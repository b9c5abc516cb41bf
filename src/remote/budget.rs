use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// The largest number of requests that an upstream receives in an hour. They may come in one burst, as
/// those of a full sync do; further requests wait, so that a loop of ours never causes an outage.
#[derive(Debug)]
pub(super) struct Budget {
    /// The share of an hour that one request costs.
    cost: Duration,
    /// When everything spent is available again.
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
    async fn burst_is_free_and_further_requests_wait_for_their_share_of_the_hour() {
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
