use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Timestamp};

/// A row may become visible some time after the date that the upstream gives it.
const GRACE: Duration = Duration::from_hours(1);
/// The time for which a run with backdated content is remembered.
const KEPT: Duration = Duration::from_hours(24 * 30);
/// Runs that are remembered one by one; further content is counted with the newest.
const MAX_RUNS: usize = 60;
/// Versions of all these runs that are listed; the others are counted. They stand in the state of the upstream, which
/// each batch writes.
const MAX_LISTED: usize = 500;

/// Content that an upstream dates back: it is new here, and older than what was read before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backdated {
    pub name: String,
    pub version: String,
    pub received: Digest,
    pub published: Timestamp,
}

/// The backdated content of one sync run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackdatedRun {
    /// When the run was accepted.
    pub at: Timestamp,
    /// The number of versions, listed or not.
    pub count: u64,
    pub items: Vec<Backdated>,
}

/// Returns the date before which new content is backdated, if a run was accepted before.
#[must_use]
pub(super) fn backdated_before(watermark: Option<Timestamp>) -> Option<Timestamp> {
    watermark.map(|watermark| watermark.minus(GRACE))
}

/// Remembers what a run brought, within limits.
pub(super) fn remember(runs: &mut Vec<BackdatedRun>, found: Vec<Backdated>, now: Timestamp) {
    runs.retain(|run| now.since(run.at) < KEPT);
    if found.is_empty() {
        return;
    }
    if runs.len() < MAX_RUNS {
        runs.push(BackdatedRun { at: now, count: 0, items: Vec::new() });
    }
    let listed: usize = runs.iter().map(|run| run.items.len()).sum();
    if let Some(run) = runs.last_mut() {
        run.count += found.len() as u64;
        let room = MAX_LISTED.saturating_sub(listed);
        run.items.extend(found.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(count: usize) -> Vec<Backdated> {
        let item = |index| Backdated {
            name: "a.b/c".into(),
            version: format!("1.0.{index}"),
            received: Digest::of(b"x"),
            published: Timestamp::MIN,
        };
        (0..count).map(item).collect()
    }

    #[test]
    fn every_backdated_version_of_thirty_days_is_listed_or_counted() {
        let day = |count: u64| Timestamp::from_micros(0).plus(Duration::from_hours(24 * count));
        let mut runs = Vec::new();
        for at in 0..12 {
            remember(&mut runs, found(45), day(at));
        }
        let sizes: Vec<(u64, usize)> =
            runs.iter().map(|run| (run.count, run.items.len())).collect();
        assert_eq!(sizes[..11], [(45, 45); 11], "each run has its own");
        assert_eq!(sizes[11..], [(45, 5)], "the rest is counted");
        remember(&mut runs, Vec::new(), day(31));
        assert_eq!(runs.len(), 10, "older ones are forgotten");
    }
}
