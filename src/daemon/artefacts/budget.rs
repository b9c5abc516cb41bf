use crate::artefact::{MAX_ATTESTED, PackageKey};
use crate::model::Timestamp;

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

/// The requests to package registries of one day in UTC.
#[derive(Debug)]
pub(super) struct Budget {
    most: u32,
    spent: u32,
    day: i64,
}

impl Budget {
    pub(super) const fn new(most: u32) -> Self {
        Self { most, spent: 0, day: 0 }
    }

    /// Counts the requests of a look, at any time of the day.
    pub(super) fn count(&mut self, key: &PackageKey, at: Timestamp) {
        self.begin(at);
        if day(at) == self.day {
            self.spent = self.spent.saturating_add(cost(key));
        }
    }

    /// Counts the requests of a look that begins now; returns false if there is no room for them today.
    pub(super) fn spend(&mut self, key: &PackageKey, now: Timestamp) -> bool {
        self.begin(now);
        let after = self.spent.saturating_add(cost(key));
        // A look that costs more than a whole day would never begin.
        let is_room = after <= self.most || self.spent == 0;
        if is_room {
            self.spent = after;
        }
        is_room
    }

    fn begin(&mut self, now: Timestamp) {
        if day(now) > self.day {
            (self.day, self.spent) = (day(now), 0);
        }
    }
}

const fn day(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(DAY)
}

/// Returns the requests of one look, without redirects: an image needs a challenge, a token and the manifest; a release
/// one for its files, and one for the attestations of each.
fn cost(key: &PackageKey) -> u32 {
    match key.kind() {
        "oci" => 3,
        "npm" if key.has_attestations() => 2,
        "pypi" if key.has_attestations() => 1 + MAX_ATTESTED,
        _ => 1,
    }
}
