//! Rails: bounds on what one pass may change. Beyond them the change is held for a person.
//!
//! They count names, and of one namespace no more than a cap, so that a busy publisher trips
//! nothing; every share has a floor in absolute numbers, so that a small upstream does not either.
//! A hold keeps back only the kind of change that tripped, unless the upstream as a whole looks
//! like another one.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Instant, Name};

/// The bounds, with why they are where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rails {
    /// Complete walks that must miss an entry before it is hidden: a walk can straddle a bad hour.
    pub missing_walks: u32,
    /// From hiding to purging: long enough for an incident to be noticed and mended.
    pub purge_after: Duration,
    /// Percent of the names that may go missing at once. Upstream lost 157 of 20,000 in months.
    pub removed_percent: u64,
    /// Percent of the names that may be rewritten at once. Upstream rewrote 23 entries in a year.
    pub rewritten_percent: u64,
    /// Percent of the served entries that upstream may delete at once.
    pub deleted_percent: u64,
    /// Percent of the rows that a complete walk may lack against what is stored.
    pub shrink_percent: u64,
    /// New versions of one name in a pass. The largest real one has 1,156 in all.
    pub name_growth: u64,
    /// New versions of one namespace in a pass. All of upstream adds 600 to 850 a day.
    pub namespace_growth: u64,
    /// How far the newest update may lie before the newest one known.
    pub rewind: Duration,
    /// How long an upstream may be silent before somebody should ask why.
    pub frozen_after: Duration,
}

impl Default for Rails {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            missing_walks: 3,
            purge_after: 30 * DAY,
            removed_percent: 5,
            rewritten_percent: 5,
            deleted_percent: 20,
            shrink_percent: 20,
            name_growth: 500,
            namespace_growth: 2_000,
            rewind: DAY,
            frozen_after: 7 * DAY,
        }
    }
}

/// Below this many names no share trips.
const FLOOR_NAMES: u64 = 20;
/// Below this many served entries no share of deletions trips.
const FLOOR_DELETED: u64 = 5;
const FLOOR_ROWS: u64 = 100;
/// Names of one namespace that count.
const NAMESPACE_CAP: u64 = 10;

/// What a pass would change, against what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PassFacts {
    pub complete: bool,
    pub rows_before: u64,
    pub rows_seen: u64,
    pub newest_before: Option<Instant>,
    pub newest_seen: Option<Instant>,
    /// Names that are stored, by namespace.
    pub names: Names,
    /// Names of which a version would be hidden as missing.
    pub removed: Names,
    /// Names of which published content would change.
    pub rewritten: Names,
    pub served: u64,
    /// Entries that are served now and would be deleted by upstream.
    pub deleted: u64,
    /// New versions by name.
    pub added: BTreeMap<Name, u64>,
}

/// Distinct names, counted by namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(BTreeMap<String, std::collections::BTreeSet<Name>>);

impl Names {
    pub fn add(&mut self, name: &Name) {
        self.0.entry(name.namespace().to_owned()).or_default().insert(name.clone());
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are when no namespace counts for more than the cap.
    fn weight(&self) -> u64 {
        self.0.values().map(|names| (names.len() as u64).min(NAMESPACE_CAP)).sum()
    }
}

/// A bound that was passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    pub rail: Rail,
    pub found: String,
    pub allowed: String,
}

/// Which bound, and so what is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rail {
    Removed,
    Rewritten,
    Deleted,
    NameGrowth(String),
    NamespaceGrowth(String),
    /// The whole pass: far fewer rows than before.
    Shrink,
    /// The whole pass: an older state of the upstream.
    Rewind,
}

impl Rail {
    /// Whether nothing of the pass may be accepted.
    #[must_use]
    pub const fn holds_all(&self) -> bool {
        matches!(self, Self::Shrink | Self::Rewind)
    }
}

impl fmt::Display for Trip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; allowed: {}", self.found, self.allowed)
    }
}

/// The rails that a pass trips; none means that it is accepted.
#[must_use]
pub fn judge(facts: &PassFacts, rails: &Rails) -> Vec<Trip> {
    let mut trips: Vec<Trip> = [
        facts.shrink(rails),
        facts.rewind(rails),
        share(
            "names would go missing",
            Rail::Removed,
            &facts.removed,
            &facts.names,
            rails.removed_percent,
        ),
        share(
            "names would be rewritten",
            Rail::Rewritten,
            &facts.rewritten,
            &facts.names,
            rails.rewritten_percent,
        ),
        facts.deletions(rails),
    ]
    .into_iter()
    .flatten()
    .collect();
    trips.extend(facts.growth(rails));
    trips
}

fn share(what: &str, rail: Rail, changed: &Names, all: &Names, percent: u64) -> Option<Trip> {
    let (changed, all) = (changed.weight(), all.weight());
    (changed > FLOOR_NAMES && changed * 100 > all * percent).then(|| Trip {
        rail,
        found: format!("{changed} of {all} {what}"),
        allowed: format!("{percent} %, or {FLOOR_NAMES} names"),
    })
}

impl PassFacts {
    fn shrink(&self, rails: &Rails) -> Option<Trip> {
        let lost = self.rows_before.saturating_sub(self.rows_seen);
        let trips = self.complete
            && lost > FLOOR_ROWS.min(self.rows_before / 2)
            && lost * 100 > self.rows_before * rails.shrink_percent;
        trips.then(|| Trip {
            rail: Rail::Shrink,
            found: format!("{} rows where {} are stored", self.rows_seen, self.rows_before),
            allowed: format!("{} % fewer", rails.shrink_percent),
        })
    }

    fn rewind(&self, rails: &Rails) -> Option<Trip> {
        let (before, seen) = (self.newest_before?, self.newest_seen?);
        (self.complete && before.since(seen) > rails.rewind).then(|| Trip {
            rail: Rail::Rewind,
            found: format!("the newest update is of {seen}, and one of {before} is known"),
            allowed: format!("{} hours older", rails.rewind.as_secs() / 3600),
        })
    }

    fn deletions(&self, rails: &Rails) -> Option<Trip> {
        let percent = rails.deleted_percent;
        let trips = self.deleted >= FLOOR_DELETED && self.deleted * 100 > self.served * percent;
        trips.then(|| Trip {
            rail: Rail::Deleted,
            found: format!("{} of {} served entries would be deleted", self.deleted, self.served),
            allowed: format!("{percent} %, or {} entries", FLOOR_DELETED - 1),
        })
    }

    fn growth(&self, rails: &Rails) -> Vec<Trip> {
        let mut by_namespace: BTreeMap<&str, u64> = BTreeMap::new();
        let mut trips = Vec::new();
        for (name, added) in &self.added {
            *by_namespace.entry(name.namespace()).or_default() += added;
            if *added > rails.name_growth {
                trips.push(grown(
                    Rail::NameGrowth(name.to_string()),
                    *added,
                    name.as_str(),
                    rails.name_growth,
                ));
            }
        }
        for (namespace, added) in by_namespace {
            if added > rails.namespace_growth {
                let rail = Rail::NamespaceGrowth(namespace.to_owned());
                trips.push(grown(rail, added, namespace, rails.namespace_growth));
            }
        }
        trips
    }
}

fn grown(rail: Rail, added: u64, whose: &str, allowed: u64) -> Trip {
    Trip {
        rail,
        found: format!("{added} new versions of `{whose}`"),
        allowed: format!("{allowed} in one pass"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(namespaces: u64, each: u64) -> Names {
        let mut names = Names::default();
        for namespace in 0..namespaces {
            for leaf in 0..each {
                names.add(&Name::parse(&format!("n{namespace}.x/l{leaf}")).expect("a name"));
            }
        }
        names
    }

    fn facts() -> PassFacts {
        PassFacts {
            complete: true,
            rows_before: 1000,
            rows_seen: 1000,
            names: names(1000, 1),
            served: 100,
            ..PassFacts::default()
        }
    }

    #[rstest::rstest]
    #[case::as_before(facts(), &[])]
    #[case::five_percent_fewer_rows(PassFacts { rows_seen: 950, ..facts() }, &[])]
    #[case::sixty_percent_fewer_rows(PassFacts { rows_seen: 400, ..facts() }, &["400 rows where 1000 are stored; allowed: 20 % fewer"])]
    #[case::fewer_rows_in_an_increment(PassFacts { complete: false, rows_seen: 1, ..facts() }, &[])]
    #[case::a_small_upstream(PassFacts { rows_before: 10, rows_seen: 6, ..facts() }, &[])]
    #[case::a_small_upstream_that_is_emptied(PassFacts { rows_before: 10, rows_seen: 0, ..facts() }, &["0 rows where 10 are stored; allowed: 20 % fewer"])]
    #[case::some_names_missing(PassFacts { removed: names(50, 1), ..facts() }, &[])]
    #[case::many_names_missing(PassFacts { removed: names(51, 1), ..facts() }, &["51 of 1000 names would go missing; allowed: 5 %, or 20 names"])]
    #[case::one_namespace_missing(PassFacts { removed: names(1, 900), ..facts() }, &[])]
    #[case::many_names_rewritten(PassFacts { rewritten: names(60, 1), ..facts() }, &["60 of 1000 names would be rewritten; allowed: 5 %, or 20 names"])]
    #[case::a_fifth_of_the_served_deleted(PassFacts { deleted: 20, ..facts() }, &[])]
    #[case::more_of_the_served_deleted(PassFacts { deleted: 21, ..facts() }, &["21 of 100 served entries would be deleted; allowed: 20 %, or 4 entries"])]
    #[case::the_few_that_are_served_deleted(PassFacts { deleted: 4, served: 4, ..facts() }, &[])]
    fn a_pass_is_held_beyond_its_rails(#[case] facts: PassFacts, #[case] wanted: &[&str]) {
        let trips: Vec<String> =
            judge(&facts, &Rails::default()).iter().map(Trip::to_string).collect();
        assert_eq!(trips, wanted);
    }

    #[test]
    fn an_older_state_of_the_upstream_is_a_rewind() {
        let at = |hours: i64| Some(Instant::from_micros(hours * 3_600_000_000));
        let facts = |seen| PassFacts { newest_before: at(100), newest_seen: at(seen), ..facts() };
        assert_eq!(judge(&facts(77), &Rails::default()), []);
        let trips = judge(&facts(75), &Rails::default());
        assert_eq!(trips.iter().map(|trip| &trip.rail).collect::<Vec<_>>(), [&Rail::Rewind]);
    }

    #[test]
    fn a_name_or_a_namespace_that_explodes_is_held_by_itself() {
        let name = |text: &str| Name::parse(text).expect("a name");
        let added =
            BTreeMap::from([(name("a.b/c"), 501), (name("x.y/a"), 1100), (name("x.y/b"), 1000)]);
        let rails = Rails { name_growth: 1100, ..Rails::default() };
        let facts = PassFacts { added, ..facts() };
        let tripped = |rails: &Rails| -> Vec<Rail> {
            judge(&facts, rails).into_iter().map(|trip| trip.rail).collect()
        };
        assert_eq!(tripped(&rails), [Rail::NamespaceGrowth("x.y".into())]);
        let rails = Rails { namespace_growth: 9999, ..Rails::default() };
        let grown = ["a.b/c", "x.y/a", "x.y/b"].map(|name| Rail::NameGrowth(name.into()));
        assert_eq!(tripped(&rails), grown);
    }
}
