use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::model::{Timestamp, reason};

/// The failure of a write, kept in memory: the store cannot keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteFailure {
    /// The time of the first of the writes that have failed since the last success.
    pub since: Timestamp,
    /// The failure with its causes, for people.
    pub reason: String,
}

/// Knows if the last write succeeded.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<WriteFailure>>);

impl Health {
    /// Records the outcome of a write. A damaged row is not a failure to write.
    pub(super) fn record<T>(&self, written: &Result<T, StoreError>, now: Timestamp) {
        let mut failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *failure = match written {
            Err(error) if error.is_of_file() => {
                let since = failure.as_ref().map_or(now, |failure| failure.since);
                Some(WriteFailure { since, reason: reason(error) })
            }
            Err(_) => return,
            Ok(_) => None,
        };
    }

    pub(super) fn failure(&self) -> Option<WriteFailure> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_lasts_from_the_first_failed_write_to_the_next_success() {
        let health = Health::default();
        let at = Timestamp::from_micros;
        health.record(&Err::<(), _>(StoreError::Closed), at(1));
        health.record(&Err::<(), _>(StoreError::damaged("a row", "x")), at(2));
        health.record(&Err::<(), _>(StoreError::Closed), at(3));
        assert_eq!(health.failure().map(|failure| failure.since), Some(at(1)));
        health.record(&Ok(()), at(4));
        assert_eq!(health.failure(), None);
    }
}
