//! Compares what two overlay sets serve of everything that is stored.
//!
//! Both sets are evaluated over one snapshot of the store, with one time and the same comparisons with protected names, so
//! that nothing but the sets makes a difference. Only the names that the difference concerns are evaluated.

mod cause;
mod compare;
mod report;
#[cfg(test)]
mod tests;
mod weakened;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use cause::Cause;
pub use report::{Plan, PlannedEffect, PlannedEntry, PlannedGroup, PlannedView};
pub use weakened::{Restriction, WeakenedBy, WeakenedRule};

use self::compare::Comparison;
use self::report::Tally;
use self::weakened::Affected;
use super::rules::{RuleEffect, rule_effects_while};
use crate::config::Settings;
use crate::curation::PolicySnapshot;
use crate::daemon::policy::{CurrentPolicy, Proposal, ProposedChange};
use crate::lint::{Finding, FindingReport};
use crate::model::Timestamp;
use crate::store::{Snapshot, StoreError};

/// Entries that are listed of each group; the others are counted.
const MAX_ENTRIES: usize = 50;

/// Findings that are listed of a set that is refused, errors before warnings.
const MAX_FINDINGS: usize = 1_000;

/// The plan of a proposal with its warnings, or the findings for which it would be refused.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlanAnswer {
    pub findings: Vec<FindingReport>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

/// The reason why there is no plan.
#[derive(Debug, Error)]
pub enum PlanError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the plan was cancelled before it was complete")]
    Cancelled,
}

impl PlanAnswer {
    /// Judges a proposal, and plans it if it would be loaded. The time that takes grows with rules times names, so that
    /// `is_cancelled` is asked before each name.
    ///
    /// # Errors
    /// When the store cannot be read, or the plan is cancelled.
    pub fn of(
        proposal: Proposal,
        settings: &Settings,
        current: &CurrentPolicy,
        snapshot: &Snapshot,
        now: Timestamp,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Self, PlanError> {
        match proposal.judge(settings, current, now) {
            Ok(ProposedChange { before, after, warnings }) => {
                let plan = plan(snapshot, &before, &after, now, is_cancelled)?;
                Ok(Self { findings: reported(&warnings), plan: Some(plan) })
            }
            Err(mut findings) => {
                findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
                Ok(Self { findings: reported(&findings), plan: None })
            }
        }
    }
}

fn reported(findings: &[Finding]) -> Vec<FindingReport> {
    findings.iter().take(MAX_FINDINGS).map(FindingReport::from).collect()
}

/// Plans the change from one policy to another with other overlays.
///
/// # Errors
/// When the store cannot be read, or the plan is cancelled.
fn plan(
    snapshot: &Snapshot,
    before: &PolicySnapshot,
    after: &PolicySnapshot,
    now: Timestamp,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Plan, PlanError> {
    plan_listing(snapshot, before, after, now, MAX_ENTRIES, is_cancelled)
}

/// Does the same, and lists this number of entries of each group.
pub(in crate::daemon) fn plan_listing(
    snapshot: &Snapshot,
    before: &PolicySnapshot,
    after: &PolicySnapshot,
    now: Timestamp,
    max_entries: usize,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Plan, PlanError> {
    let goes_on = || if is_cancelled() { Err(PlanError::Cancelled) } else { Ok(()) };
    goes_on()?;
    let comparison = Comparison::new(snapshot, before, after, now);
    let mut affected = Affected::default();
    let mut tally = Tally::new(after.view_names().collect(), max_entries);
    for name in comparison.names()? {
        goes_on()?;
        let found = comparison.compare(&name)?;
        if !found.is_empty() {
            let causes = found.iter().map(|found| &found.cause);
            affected.add(&name, causes, [&before.overlays, &after.overlays]);
        }
        tally.add(&name, &found);
    }
    let is_altered = |rule: &_| comparison.alters(rule);
    let screenings = comparison.screenings();
    let effects = rule_effects_while(snapshot, after, screenings, now, is_altered, goes_on)?;
    let hides =
        |effect: &RuleEffect| effect.approves > effect.serves || effect.surprise().is_some();
    let stays_hidden = effects.into_iter().filter(hides).collect();
    Ok(tally.plan(comparison.weakened(&affected), stays_hidden))
}
