//! The services that keep a mirror: fetch, decide, commit, publish.
//!
//! ```text
//! overlay folder ─▶ policy ◀──definitions── mirror ◀── upstreams
//!                     │ snapshot              │ touched names
//!        ┌────────────┼────────────────┬──────┘ to the same three
//!        ▼            ▼                ▼
//!    screening ──▶ publish ◀───── verification ◀── DNS, GitHub, packages
//!       screening     │      touched names
//!       results       ▼
//!            catalogues, swapped as one ──▶ api
//! ```
//!
//! Services read and write the store; `notify` delivers what they report as alerts.
//!
//! - `policy`: the current overlays, upstream definitions and settings, as one watched snapshot.
//! - `mirror`: syncs each upstream, fetches the names that overlays list, and completes facts.
//! - `scans`: reads the results of scanners into the policy.
//! - `advisories`: reads advisories of feeds into the store, and those of the organisation into the policy.
//! - `verification`: verifies which namespaces belong to their publishers.
//! - `screening`: compares names of other parties with protected ones.
//! - `publish`: the only loop that builds generations. It evaluates the names that a change affects,
//!   commits the ledger's difference and swaps all views.
//! - `notify`: delivers notices about alerts to webhooks.
//! - `query`: answers lists, explanations and status from one snapshot of the store.
//! - `runtime`: what all of them use.
//!
//! `run` composes the services and starts their loops; `services` holds the handles that servers
//! and commands use. Each service owns its state and decides its next action in a pure step. It
//! reaches the others by handles, watched values and ports, which are functions passed in.
//!
//! # What is kept in memory
//! The published catalogues, names and ledgers, the current policy, the screening index with its
//! results, the verification queue. All of it is built from the store at each start; no
//! "in progress" flag outlives the process. Heads, bodies, dossiers and evaluations are not kept.
//!
//! # What a crash leaves
//! Only what was committed. A sync run resumes at its cursor; rows that were committed and not
//! published are marked, and the next start evaluates them; a ledger that was committed before its
//! generation was swapped leads to the same generation again.
//!
//! # A loop that fails
//! It restarts after a wait, with an alert; the others go on, and the API serves the last generation
//! meanwhile. Requests to it wait in its handle.

mod advisories;
mod artefacts;
mod effects;
mod error;
mod first_date;
mod looks;
mod mirror;
mod notify;
mod policy;
mod publish;
mod query;
mod run;
mod runtime;
mod scans;
mod screening;
mod services;
mod settings_file;
#[cfg(test)]
mod simulation_tests;
mod verification;

pub use advisories::{ReleaseRefused, lint_own, load_own, release_offline};
pub use artefacts::check_trust;
pub use error::DaemonError;
pub use first_date::ask_how_late_it_is;
pub use looks::{Look, Watch};
pub use mirror::{
    Activity, Observer, RunOptions, SyncFailure, SyncOutcome, open_source, retry_quarantine,
    run_sync,
};
pub use notify::open_webhooks;
pub use policy::{
    CurrentPolicy, LoadedOverlays, MAX_PROPOSAL_BYTES, MAX_SET_BYTES, OverlayFile, Proposal,
    ProposedChange, combine, last_good_overlays, load_folder, load_overlays, starter_warning,
};
pub use publish::Published;
pub use query::{
    AdvisoriesReport, AdvisoryReport, Cause, Concerned, Dates, Decided, Drift, EarlierDecision,
    EntryPackages, FeedAdvisoryReport, FeedReport, HiddenBy, History, HoldReport, KeptVersion,
    Listed, NoSheet, NotRecorded, OtherVersion, OwnReport, PackageCounts, PatternRelation,
    PatternReport, PatternRule, Plan, PlanAnswer, PlanError, PlannedEffect, PlannedEntry,
    PlannedGroup, PlannedView, QuarantineReport, QueueFilter, QueueItem, ReferenceDifference,
    Restriction, ReviewQueue, ReviewSheet, RuleEffect, ServedEntry, ServedThen, SheetAlert,
    ShowRequest, Shown, ShownVersion, Span, StatusReport, UpstreamReport, VersionDifference,
    WeakenedBy, WeakenedRule, WebhookReport, advisories, advisory, change_set_on_hold,
    changes_since, decided_before, explain_name, explain_pattern, history_of, is_anything_known,
    known_names, list, packages, quarantine, review_queue, review_sheet, rule_effects, served_at,
    show_entry, status, version_difference,
};
pub use run::{THREADS_OF_LOOPS, run};
pub(crate) use runtime::{Bounded, late, try_blocking};
pub use runtime::{
    Clock, ClockNotAccepted, ClockReport, Pressure, Shift, descriptors_within_reach,
    fitting_connections, raise_descriptors,
};
pub use scans::{lint_scans, load_scans};
pub use screening::{Lookalike, Screenings, lookalikes_of};
pub use services::Services;
pub use settings_file::SettingsFile;
pub use verification::{
    MentionedNamespace, NameReport, OwnershipReport, mentioned_namespaces, open_sources,
    verify_once,
};
