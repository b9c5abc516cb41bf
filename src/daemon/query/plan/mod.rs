//! Compares what two overlay sets serve of everything that is stored.
//!
//! Both sets are evaluated over one snapshot of the store, with one time and the same comparisons with protected names, so
//! that nothing but the sets makes a difference. Only the names that the difference concerns are evaluated.

mod cause;
mod compare;
mod report;

pub use cause::Cause;
pub use report::{Plan, PlannedEffect, PlannedEntry, PlannedGroup, PlannedView};

use self::compare::Comparison;
use self::report::Tally;
use super::rules::{RuleEffect, rule_effects};
use crate::curation::PolicySnapshot;
use crate::model::Timestamp;
use crate::store::{Snapshot, StoreError};

/// Entries that are listed of each group; the others are counted.
const MAX_ENTRIES: usize = 50;

/// Plans the change from one policy to another with other overlays.
///
/// # Errors
/// When the store cannot be read.
pub fn plan(
    snapshot: &Snapshot,
    before: &PolicySnapshot,
    after: &PolicySnapshot,
    now: Timestamp,
) -> Result<Plan, StoreError> {
    plan_listing(snapshot, before, after, now, MAX_ENTRIES)
}

/// Does the same, and lists this number of entries of each group.
pub(in crate::daemon) fn plan_listing(
    snapshot: &Snapshot,
    before: &PolicySnapshot,
    after: &PolicySnapshot,
    now: Timestamp,
    max_entries: usize,
) -> Result<Plan, StoreError> {
    let comparison = Comparison::new(snapshot, before, after, now);
    let mut tally = Tally::new(after.view_names().collect(), max_entries);
    for name in comparison.names()? {
        tally.add(&name, &comparison.compare(&name)?);
    }
    let is_altered = |rule: &_| comparison.alters(rule);
    let effects = rule_effects(snapshot, after, comparison.screenings(), now, is_altered)?;
    let hides =
        |effect: &RuleEffect| effect.approves > effect.serves || effect.surprise().is_some();
    Ok(tally.plan(effects.into_iter().filter(hides).collect()))
}
