//! Answers questions about the store and the daemon: lists, explanations, status.
//!
//! It has no state. Every function reads one snapshot of the store, and takes policy, screening and
//! time as arguments: from the services where a daemon runs, from files and a comparison on demand
//! where a command opens the store itself. Decisions are not made here: [`evaluate`] makes them for
//! both.
//!
//! [`evaluate`]: crate::curation::evaluate

mod advisories;
mod entry;
mod explain;
mod history;
mod hold;
mod inventory;
mod list;
mod packages;
mod pattern;
mod plan;
mod queue;
mod reference;
mod remedy;
mod review_sheet;
mod rules;
mod show;
mod status;
mod store;

pub use advisories::{
    AdvisoriesReport, AdvisoryReport, Concerned, FeedAdvisoryReport, FeedReport, OwnReport,
    advisories, advisory,
};
pub use entry::{Dates, Drift};
pub use explain::explain_name;
pub use history::{
    History, NotRecorded, ServedEntry, ServedThen, Span, changes_since, history_of, served_at,
};
pub use hold::{Decided, HoldReport, change_set_on_hold, decided_before};
pub use inventory::{QuarantineReport, is_anything_known, known_names, quarantine};
pub use list::{Listed, list};
pub use packages::{EntryPackages, PackageCounts, packages};
pub use pattern::{HiddenBy, PatternRelation, PatternReport, PatternRule, explain_pattern};
#[cfg(test)]
pub(super) use plan::plan_listing;
pub use plan::{
    Cause, Plan, PlanAnswer, PlanError, PlannedEffect, PlannedEntry, PlannedGroup, PlannedView,
    Restriction, WeakenedBy, WeakenedRule,
};
pub use queue::{QueueFilter, QueueItem, ReviewQueue, review_queue};
pub use review_sheet::{
    EarlierDecision, KeptVersion, NoSheet, ReferenceDifference, ReviewSheet, SheetAlert,
    ShownVersion, review_sheet,
};
pub use rules::{RuleEffect, rule_effects};
pub use show::{
    OtherVersion, ShowRequest, Shown, VersionDifference, show_entry, version_difference,
};
pub use status::{StatusReport, UpstreamReport, WebhookReport, status};
pub(super) use store::store_alert;
