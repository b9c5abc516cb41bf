//! Safety limits: bounds on what one sync run may change, and on what the runs of a day and of a week may change
//! together. A change set beyond them goes on hold for a person.
//!
//! They count names, and of one party no more than a cap, so that one busy publisher does not
//! exceed them; every share has a floor in absolute numbers, so that a small upstream does not either.
//! Only the kind of change that exceeded its limit goes on hold, unless the upstream as a whole looks
//! like another one.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::exceeded::{ExceededLimit, Measured, NamesMeasure, SafetyLimit};
use super::recent::{ChangeKind, NamesBefore, PARTY_CAP, PartyOf, RecentChanges, Window, capped};
use crate::model::{Name, Timestamp};

/// The bounds, with the reason for each default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SafetyLimits {
    /// Full syncs that must miss an entry before it is hidden: one can coincide with an outage.
    pub missing_syncs: u32,
    /// Time from hiding to purging: long enough to notice and fix an incident.
    pub purge_after: Duration,
    /// Percent of the names that may go missing at once. Upstream lost 157 of 20,000 in months.
    pub removed_percent: u64,
    /// Percent of the names that may be rewritten at once. Upstream rewrote 23 entries in a year.
    pub rewritten_percent: u64,
    /// Percent of the served names that upstream may delete at once. What is deleted may be harmful, so deletions within
    /// it apply at once, and only those beyond it wait.
    pub deleted_percent: u64,
    /// Percent of the stored rows that a full sync may lack.
    pub shrink_percent: u64,
    /// Percent of the names by which an upstream may grow in a day. The official registry doubled in a year.
    pub growth_percent: u64,
    /// New versions of one name in a run. The largest real name has 1,156 in all.
    pub name_growth: u64,
    /// New versions of one namespace in a run. All of upstream adds 600 to 850 a day.
    pub namespace_growth: u64,
    /// Maximum age of the newest update, relative to the newest one known.
    pub rewind: Duration,
    /// Time without any change after which the operator should investigate.
    pub frozen_after: Duration,
}

impl Default for SafetyLimits {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            missing_syncs: 3,
            purge_after: 30 * DAY,
            removed_percent: 5,
            rewritten_percent: 5,
            deleted_percent: 20,
            shrink_percent: 20,
            growth_percent: 20,
            name_growth: 500,
            namespace_growth: 2_000,
            rewind: DAY,
            frozen_after: 7 * DAY,
        }
    }
}

impl SafetyLimits {
    /// Returns the number of names that upstream may delete at once, of those that are served.
    #[must_use]
    pub fn deletions_of(&self, served: u64) -> u64 {
        (served * self.deleted_percent / 100).max(FLOOR_DELETED)
    }
}

/// Up to this many names, no share is exceeded.
pub(super) const FLOOR_NAMES: u64 = 20;
/// Up to this many deleted names, no share of deletions is exceeded.
pub(super) const FLOOR_DELETED: u64 = 4;
const FLOOR_ROWS: u64 = 100;
/// Up to this many new names, no share of growth is exceeded.
pub(super) const FLOOR_GROWTH: u64 = 100;

/// The changes that a run would make to what is stored.
#[derive(Debug, Clone)]
pub struct RunFacts {
    pub complete: bool,
    pub rows_before: u64,
    /// Those of them that the run saw. Other rows, and one row many times, make up for none.
    pub rows_seen: u64,
    pub newest_before: Option<Timestamp>,
    pub newest_seen: Option<Timestamp>,
    /// Stored names, by namespace.
    pub names: Names,
    /// Names with a version that would be hidden as missing.
    pub removed: Names,
    /// Names with published content that would change.
    pub rewritten: Names,
    /// Names of this upstream that are served.
    pub served: u64,
    /// Those of them with a served version that the upstream would delete, but for deletions that are on hold already.
    pub deleted: BTreeSet<Name>,
    /// The served names with a deletion that is on hold already.
    pub waiting: BTreeSet<Name>,
    /// The served names of which a served version would be hidden as missing.
    pub served_removed: BTreeSet<Name>,
    /// The served names of which a served version would be rewritten; a rule may hide them for it.
    pub served_rewritten: BTreeSet<Name>,
    /// New versions by name.
    pub added: BTreeMap<Name, u64>,
    /// Those names that had no version.
    pub new_names: BTreeSet<Name>,
    /// The changes of earlier runs.
    pub recent: RecentChanges,
    /// Returns the party of a namespace: sub-domains are free, so the names of all of them count together.
    pub party_of: PartyOf,
    /// The time of the run.
    pub now: Timestamp,
}

/// Distinct names, by namespace.
#[derive(Debug, Clone, Default)]
pub struct Names {
    by_namespace: BTreeMap<String, BTreeSet<Name>>,
    /// Worked out once: it looks up the party of each namespace, and each limit asks for it.
    weight: OnceCell<u64>,
}

impl Names {
    pub fn add(&mut self, name: &Name) {
        self.by_namespace.entry(name.namespace().to_owned()).or_default().insert(name.clone());
        self.weight.take();
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_namespace.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Name> {
        self.by_namespace.values().flatten()
    }

    fn len(&self) -> u64 {
        self.by_namespace.values().map(|names| names.len() as u64).sum()
    }

    /// Returns the number of names, counting at most the cap for each party.
    fn weight(&self, party_of: PartyOf) -> u64 {
        *self.weight.get_or_init(|| {
            let namespaces = self.by_namespace.iter();
            let counts = namespaces.map(|(namespace, names)| (&**namespace, names.len() as u64));
            capped(counts, PARTY_CAP, party_of)
        })
    }
}

/// Returns the safety limits that a run exceeds; with none of them the run is accepted.
#[must_use]
pub fn judge(facts: &RunFacts, safety_limits: &SafetyLimits) -> Vec<ExceededLimit> {
    let mut exceeded: Vec<ExceededLimit> =
        [facts.shrink(safety_limits), facts.rewind(safety_limits)].into_iter().flatten().collect();
    let holds_all = !exceeded.is_empty();
    exceeded.extend(share(
        (SafetyLimit::Removed, ChangeKind::Removed),
        (&facts.removed, &facts.names),
        (safety_limits.removed_percent, facts.party_of),
    ));
    exceeded.extend(share(
        (SafetyLimit::Rewritten, ChangeKind::Rewritten),
        (&facts.rewritten, &facts.names),
        (safety_limits.rewritten_percent, facts.party_of),
    ));
    exceeded.extend(facts.deletions(safety_limits, holds_all).exceeded);
    exceeded.extend(facts.growth(safety_limits));
    for found in facts.over_time(safety_limits, holds_all) {
        // The limit of one run says it already.
        if exceeded.iter().all(|known| known.limit != found.limit) {
            exceeded.push(found);
        }
    }
    exceeded
}

fn share(
    (limit, change): (SafetyLimit, ChangeKind),
    (changed, all): (&Names, &Names),
    (percent, party_of): (u64, PartyOf),
) -> Option<ExceededLimit> {
    let (waiting, total) = (changed.weight(party_of), all.weight(party_of));
    let allowed = (total * percent / 100).max(FLOOR_NAMES);
    (waiting > allowed).then(|| {
        let (window, applied) = (Window::Run, 0);
        let capped = waiting < changed.len() || total < all.len();
        let measure =
            NamesMeasure { change, window, applied, waiting, total, allowed, percent, capped };
        ExceededLimit::new(limit, Measured::Names(measure))
    })
}

impl RunFacts {
    /// Returns the facts of a run that changes nothing.
    #[must_use]
    pub fn none(now: Timestamp, recent: RecentChanges, party_of: PartyOf) -> Self {
        Self {
            complete: false,
            rows_before: 0,
            rows_seen: 0,
            newest_before: None,
            newest_seen: None,
            names: Names::default(),
            removed: Names::default(),
            rewritten: Names::default(),
            served: 0,
            deleted: BTreeSet::new(),
            waiting: BTreeSet::new(),
            served_removed: BTreeSet::new(),
            served_rewritten: BTreeSet::new(),
            added: BTreeMap::new(),
            new_names: BTreeSet::new(),
            recent,
            party_of,
            now,
        }
    }

    /// Returns the number of names before the run.
    #[must_use]
    pub fn before(&self) -> NamesBefore {
        let (all, weight) = (self.names.len(), self.names.weight(self.party_of));
        NamesBefore { all, weight, served: self.served }
    }

    fn shrink(&self, safety_limits: &SafetyLimits) -> Option<ExceededLimit> {
        let lost = self.rows_before.saturating_sub(self.rows_seen);
        let floor = FLOOR_ROWS.min(self.rows_before / 2);
        let most = floor.max(self.rows_before * safety_limits.shrink_percent / 100);
        (self.complete && lost > most).then(|| {
            let measured = Measured::Rows {
                seen: self.rows_seen,
                stored: self.rows_before,
                allowed: self.rows_before - most,
                percent: safety_limits.shrink_percent,
            };
            ExceededLimit::new(SafetyLimit::Shrink, measured)
        })
    }

    fn rewind(&self, safety_limits: &SafetyLimits) -> Option<ExceededLimit> {
        let (known, seen) = (self.newest_before?, self.newest_seen?);
        (self.complete && known.since(seen) > safety_limits.rewind).then(|| {
            let allowed_hours = safety_limits.rewind.as_secs() / 3600;
            ExceededLimit::new(SafetyLimit::Rewind, Measured::Rewind { seen, known, allowed_hours })
        })
    }

    fn growth(&self, safety_limits: &SafetyLimits) -> Vec<ExceededLimit> {
        let mut by_namespace: BTreeMap<&str, u64> = BTreeMap::new();
        let mut exceeded = Vec::new();
        for (name, added) in &self.added {
            *by_namespace.entry(name.namespace()).or_default() += added;
            if *added > safety_limits.name_growth {
                let measured =
                    Measured::Versions { added: *added, allowed: safety_limits.name_growth };
                let limit = SafetyLimit::NameGrowth(name.to_string());
                exceeded.push(ExceededLimit::new(limit, measured));
            }
        }
        for (namespace, added) in by_namespace {
            let allowed = safety_limits.namespace_growth;
            if added > allowed {
                let limit = SafetyLimit::NamespaceGrowth(namespace.to_owned());
                exceeded.push(ExceededLimit::new(limit, Measured::Versions { added, allowed }));
            }
        }
        exceeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::ChangeKind;

    fn names(namespaces: u64, each: u64) -> Names {
        let mut names = Names::default();
        for namespace in 0..namespaces {
            for leaf in 0..each {
                names.add(&Name::parse(&format!("n{namespace}.x/l{leaf}")).expect("a name"));
            }
        }
        names
    }

    const NOW: Timestamp = Timestamp::from_micros(0);

    /// Returns names in namespaces of their own.
    fn some(count: u64) -> BTreeSet<Name> {
        names(count, 1).iter().cloned().collect()
    }

    fn facts() -> RunFacts {
        RunFacts {
            complete: true,
            rows_before: 1000,
            rows_seen: 1000,
            names: names(1000, 1),
            served: 100,
            ..RunFacts::none(NOW, RecentChanges::default(), str::to_owned)
        }
    }

    /// P40.
    #[rstest::rstest]
    #[case::unchanged(facts(), &[])]
    #[case::five_percent_fewer_rows(RunFacts { rows_seen: 950, ..facts() }, &[])]
    #[case::sixty_percent_fewer_rows(RunFacts { rows_seen: 400, ..facts() }, &["400 rows where 1000 are stored; allowed: 800, 20 % fewer"])]
    #[case::fewer_rows_in_an_incremental_sync(RunFacts { complete: false, rows_seen: 1, ..facts() }, &[])]
    #[case::a_small_upstream(RunFacts { rows_before: 10, rows_seen: 6, ..facts() }, &[])]
    #[case::a_small_upstream_that_is_emptied(RunFacts { rows_before: 10, rows_seen: 0, ..facts() }, &["0 rows where 10 are stored; allowed: 5, the floor"])]
    #[case::some_names_missing(RunFacts { removed: names(50, 1), ..facts() }, &[])]
    #[case::many_names_missing(RunFacts { removed: names(51, 1), ..facts() }, &["51 of 1000 names would go missing; allowed: 50, 5 % of 1000"])]
    #[case::one_namespace_missing(RunFacts { removed: names(1, 900), ..facts() }, &[])]
    #[case::many_names_rewritten(RunFacts { rewritten: names(60, 1), ..facts() }, &["60 of 1000 names would be rewritten; allowed: 50, 5 % of 1000"])]
    #[case::a_fifth_of_the_served_deleted(RunFacts { deleted: some(20), ..facts() }, &[])]
    #[case::more_of_the_served_deleted(RunFacts { deleted: some(21), ..facts() }, &["20 of 100 served names were deleted within 24 hours, and 1 more would be deleted; allowed: 20, 20 % of 100"])]
    #[case::the_few_that_are_served_deleted(RunFacts { deleted: some(4), served: 4, ..facts() }, &[])]
    fn run_beyond_a_safety_limit_is_reported(#[case] facts: RunFacts, #[case] wanted: &[&str]) {
        let exceeded: Vec<String> =
            judge(&facts, &SafetyLimits::default()).iter().map(ExceededLimit::to_string).collect();
        assert_eq!(exceeded, wanted);
    }

    /// Eight runs of three percent each remove a quarter of all names.
    #[rstest::rstest]
    #[case::removed(ChangeKind::Removed, 30, Some((1, "30 of 1000 names went missing within 24 hours, and 30 more would go missing; allowed: 50, 5 % of 1000")))]
    #[case::deleted(ChangeKind::Deleted, 8, Some((2, "20 of 100 served names were deleted within 24 hours, and 4 more would be deleted; allowed: 20, 20 % of 100")))]
    #[case::added(ChangeKind::Added, 90, Some((2, "180 new names came within 24 hours where 1000 were known, and 90 more would come; allowed: 200, 20 % of 1000")))]
    #[case::few(ChangeKind::Removed, 2, None)]
    #[case::deleted_of_one_namespace(ChangeKind::Deleted, -8, Some((2, "20 of 100 served names were deleted within 24 hours, and 4 more would be deleted; allowed: 20, 20 % of 100")))]
    #[case::served_of_one_namespace_removed(ChangeKind::ServedRemoved, -8, Some((2, "16 of 100 served names went missing within 24 hours, and 8 more would go missing; allowed: 20, 20 % of 100")))]
    #[case::served_of_one_namespace_rewritten(ChangeKind::ServedRewritten, -8, Some((2, "16 of 100 served names were rewritten within 24 hours, and 8 more would be rewritten; allowed: 20, 20 % of 100")))]
    #[case::added_to_one_namespace(ChangeKind::Added, -90, Some((2, "180 new names came within 24 hours where 1000 were known, and 90 more would come; allowed: 200, 20 % of 1000")))]
    #[case::many_added_to_one_namespace(ChangeKind::Added, -1_500, Some((1, "1500 new names of `one.x` came within 24 hours, and 1500 more would; allowed: 2000")))]
    fn many_small_runs_exceed_the_limit_of_a_day_together(
        #[case] kind: ChangeKind,
        // Below zero, those of one namespace.
        #[case] each: i64,
        #[case] wanted: Option<(u64, &str)>,
    ) {
        let all = names(if each < -1_000 { 100_000 } else { 1_000 }, 1);
        let mut recent = RecentChanges::default();
        let mut found = None;
        for run in 0..8 {
            let now = NOW.plus(Duration::from_secs(3600 * run));
            let changed = |index: u64| {
                let own = format!("r{run}i{index}");
                let text = if each < 0 { format!("one.x/{own}") } else { format!("{own}.x/l") };
                Name::parse(&text).expect("a name")
            };
            let changed: Vec<Name> = (0..each.unsigned_abs()).map(changed).collect();
            let names = all.clone();
            let mut facts = RunFacts { recent: recent.clone(), now, names, ..facts() };
            match kind {
                ChangeKind::Removed => changed.iter().for_each(|name| facts.removed.add(name)),
                ChangeKind::Rewritten => changed.iter().for_each(|name| facts.rewritten.add(name)),
                ChangeKind::Deleted => facts.deleted.extend(changed.clone()),
                ChangeKind::Added => facts.new_names.extend(changed.clone()),
                ChangeKind::ServedRemoved => facts.served_removed.extend(changed.clone()),
                ChangeKind::ServedRewritten => facts.served_rewritten.extend(changed.clone()),
            }
            if let Some(exceeded) = judge(&facts, &SafetyLimits::default()).first() {
                found = Some((run, exceeded.to_string()));
                break;
            }
            recent.add(now, facts.before(), changed.into_iter().map(|name| (kind, name)));
        }
        assert_eq!(found, wanted.map(|(run, text)| (run, text.to_owned())));
    }

    #[test]
    fn slow_changes_exceed_the_limit_of_a_week_and_deletions_within_it_still_apply() {
        let day = Duration::from_secs(24 * 3600);
        let mut recent = RecentChanges::default();
        for run in 0..3_u32 {
            let names =
                (0..12).map(|index| Name::parse(&format!("d{run}i{index}.x/l")).expect("a name"));
            recent.add(
                NOW.plus(day * run),
                facts().before(),
                names.map(|name| (ChangeKind::Deleted, name)),
            );
        }
        let facts = RunFacts { recent, now: NOW.plus(day * 3), deleted: some(12), ..facts() };
        let safety_limits = SafetyLimits::default();
        let beyond = facts.deletions(&safety_limits, false).beyond;
        assert_eq!(beyond.len(), 8, "40 of 100, and 36 were deleted");
        let exceeded: Vec<String> =
            judge(&facts, &safety_limits).iter().map(ToString::to_string).collect();
        assert_eq!(
            exceeded,
            [
                "40 of 100 served names were deleted within 7 days, and 8 more would be deleted; allowed: 40, 40 % of 100"
            ]
        );
    }

    #[test]
    fn older_state_of_the_upstream_is_a_rewind() {
        let at = |hours: i64| Some(Timestamp::from_micros(hours * 3_600_000_000));
        let facts = |seen| RunFacts { newest_before: at(100), newest_seen: at(seen), ..facts() };
        assert_eq!(judge(&facts(77), &SafetyLimits::default()), []);
        let exceeded = judge(&facts(75), &SafetyLimits::default());
        assert_eq!(
            exceeded.iter().map(|exceeded| &exceeded.limit).collect::<Vec<_>>(),
            [&SafetyLimit::Rewind]
        );
    }

    /// P41.
    #[test]
    fn growth_of_a_name_or_namespace_exceeds_only_its_own_limit() {
        let name = |text: &str| Name::parse(text).expect("a name");
        let added =
            BTreeMap::from([(name("a.b/c"), 501), (name("x.y/a"), 1100), (name("x.y/b"), 1000)]);
        let safety_limits = SafetyLimits { name_growth: 1100, ..SafetyLimits::default() };
        let facts = RunFacts { added, ..facts() };
        let exceeded = |safety_limits: &SafetyLimits| -> Vec<SafetyLimit> {
            judge(&facts, safety_limits).into_iter().map(|exceeded| exceeded.limit).collect()
        };
        assert_eq!(exceeded(&safety_limits), [SafetyLimit::NamespaceGrowth("x.y".into())]);
        let safety_limits = SafetyLimits { namespace_growth: 9999, ..SafetyLimits::default() };
        let grown = ["a.b/c", "x.y/a", "x.y/b"].map(|name| SafetyLimit::NameGrowth(name.into()));
        assert_eq!(exceeded(&safety_limits), grown);
    }

    /// Thirty of 46 are deleted, then three more: the figures have to add up for who decides.
    #[test]
    fn figures_of_deletions_add_up_to_what_was_applied_and_what_waits() {
        let first = RunFacts { deleted: some(30), served: 46, ..facts() };
        let reason = |facts: &RunFacts| {
            let exceeded = judge(facts, &SafetyLimits::default());
            exceeded.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            reason(&first),
            "9 of 46 served names were deleted within 24 hours, and 21 more would be deleted; allowed: 9, 20 % of 46"
        );
        let beyond: BTreeSet<Name> =
            first.deletions(&SafetyLimits::default(), false).beyond.into_iter().cloned().collect();
        let within = first.deleted.difference(&beyond).cloned();
        let mut recent = RecentChanges::default();
        recent.add(NOW, first.before(), within.map(|name| (ChangeKind::Deleted, name)));
        let other = |index| Name::parse(&format!("m{index}.x/l")).expect("a name");
        let three: BTreeSet<Name> = (0..3).map(other).collect();
        let again: BTreeSet<Name> = beyond.first().into_iter().cloned().collect();
        let second = RunFacts { recent, waiting: beyond, deleted: three, served: 37, ..facts() };
        assert_eq!(
            reason(&second),
            "9 of 46 served names were deleted within 24 hours, and 24 more would be deleted; allowed: 9, 20 % of 46"
        );
        // Another version of a name that waits is no other name.
        assert!(reason(&RunFacts { deleted: again, ..second }).contains("and 21 more would"));
        // Nothing is applied of a run that is on hold as a whole.
        let whole = RunFacts { rows_seen: 10, ..first };
        assert!(
            reason(&whole).ends_with(
                "30 of 46 served names would be deleted; allowed: 9 within 24 hours, 20 % of 46"
            ),
            "{}",
            reason(&whole)
        );
    }

    #[test]
    fn new_names_are_compared_with_those_that_were_known_and_only_the_limit_that_applies_is_named()
    {
        let facts = RunFacts { names: names(6, 1), new_names: some(150), ..facts() };
        let exceeded = judge(&facts, &SafetyLimits::default());
        assert_eq!(
            exceeded.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["150 new names where 6 were known; allowed: 100 within 24 hours, the floor"]
        );
    }

    /// A name counts once: the deletion of its next version needs no further room.
    #[test]
    fn another_version_of_a_deleted_name_does_not_wait() {
        let mut recent = RecentChanges::default();
        let deleted = some(20).into_iter().map(|name| (ChangeKind::Deleted, name));
        recent.add(NOW, facts().before(), deleted);
        let again = RunFacts { recent, deleted: some(20), ..facts() };
        assert!(again.deletions(&SafetyLimits::default(), false).beyond.is_empty());
        assert_eq!(judge(&again, &SafetyLimits::default()), []);
    }

    #[test]
    fn exceeded_limit_of_an_earlier_release_keeps_its_words() {
        let text = r#"{"limit":"deleted","found":"30 of 46","allowed":"20 %"}"#;
        let old: ExceededLimit = serde_json::from_str(text).expect("read");
        assert_eq!(old.clone().with_waiting(7).to_string(), "30 of 46; allowed: 20 %");
        for exceeded in judge(
            &RunFacts { deleted: some(30), rows_seen: 1, new_names: some(900), ..facts() },
            &SafetyLimits::default(),
        ) {
            let text = serde_json::to_string(&exceeded).expect("written");
            assert_eq!(serde_json::from_str::<ExceededLimit>(&text).expect("read"), exceeded);
        }
    }
}
