use crate::artefact::{MAX_ATTESTED, MAX_BUNDLES, PackageKey};
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

/// Returns the requests of one look, without redirects: an image needs a challenge, a token and the manifest; then the same
/// for the list of its referrers, which may be under a tag, and two for each bundle. A release needs one for its files, and
/// one for the attestations of each.
fn cost(key: &PackageKey) -> u32 {
    match key.kind() {
        "oci" => 3 + 4 + 2 * MAX_BUNDLES,
        "npm" if key.has_attestations() => 2,
        "pypi" if key.has_attestations() => 1 + MAX_ATTESTED,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    /// The documentation states these numbers.
    #[rstest::rstest]
    #[case("npm", "tool", Some("1.0.0"), 2)]
    #[case("npm", "tool", Some("latest"), 1)]
    #[case("pypi", "tool", Some("1.0"), 5)]
    #[case("oci", "images.example/tool:1.0", None, 23)]
    #[case("mcpb", "https://files.example/tool.mcpb", None, 1)]
    fn look_counts_as_all_of_its_requests(
        #[case] kind: &str,
        #[case] identifier: &str,
        #[case] version: Option<&str>,
        #[case] requests: u32,
    ) {
        let base = Url::parse("https://packages.example").expect("a URL");
        let key = PackageKey::new(kind, &base, identifier, version).expect("a key");
        assert_eq!(cost(&key), requests);
    }
}
