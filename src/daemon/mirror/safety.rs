use std::collections::BTreeSet;

use super::options::RunOptions;
use crate::model::{Head, Name, Status, Timestamp, TombstoneStub};
use crate::ownership::Claim;
use crate::store::{Hold, Snapshot, StagedKind, StagedRow, StoreError, missing_digest};
use crate::sync::{
    Absence, ChangeKind, ChangeSet, ExceededLimit, Kind, RecentChanges, RunChanges, RunFacts,
    SafetyLimit, SyncRun, Tally, UpstreamState, judge,
};

/// A sync run with what the safety limits say of it.
pub(super) struct CheckedRun {
    pub(super) hold: Hold,
    /// The changes that are not on hold.
    pub(super) changes: RunChanges,
    /// The rows that are applied, by their effect.
    pub(super) applied: Tally,
    /// The rows that a person discarded before.
    pub(super) discarded: u64,
}

/// The effect of a staged row.
struct Planned {
    name: String,
    version: String,
    what: What,
    /// The number that counts it among the rows of the run.
    counted: Option<Kind>,
}

/// The effects of all staged rows.
#[derive(Default)]
struct StagedEffects {
    rows: Vec<Planned>,
    /// Those that a person discarded before: their number, and the numbers that count them.
    discarded: (u64, Tally),
}

#[derive(PartialEq, Eq)]
enum What {
    /// Add a version of a name that is known.
    Add,
    /// Add a version of a new name.
    AddName,
    Rewrite,
    /// Delete something that is served now.
    DeleteServed,
    /// The same, while a person has not decided yet: it stays on hold, and the limits do not count it again.
    WaitOnHold,
    Other,
}

/// Checks the changes of a fully read sync run against the safety limits.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn hold(
    snapshot: &Snapshot,
    options: &RunOptions,
    state: &UpstreamState,
    run: &SyncRun,
    now: Timestamp,
) -> Result<CheckedRun, StoreError> {
    let RunOptions { upstream, safety_limits, .. } = options;
    let complete = run.sees_all();
    if !complete && snapshot.staged_rows(upstream)?.next().is_none() {
        let (hold, changes) = (Hold::default(), RunChanges::default());
        return Ok(CheckedRun { hold, changes, applied: run.tally, discarded: 0 });
    }
    let StagedEffects { rows: planned, discarded } = staged_effects(snapshot, options, state)?;
    let mut facts = facts(snapshot, options, state, run, &planned, now)?;
    let mut exceeded = judge(&facts, safety_limits);
    // A first sync that was beyond a limit of room is to bring the rest.
    let is_first = state.last_full_sync.is_none();
    exceeded.retain(|exceeded| !(is_first && exceeded.limit.is_growth()));
    if let Some(on_hold) = &state.on_hold
        && planned.iter().any(|planned| planned.what == What::WaitOnHold)
        && exceeded.iter().all(|exceeded| exceeded.limit != SafetyLimit::Deleted)
    {
        let deleted = |exceeded: &&ExceededLimit| exceeded.limit == SafetyLimit::Deleted;
        let before = on_hold.exceeded.iter().find(deleted).cloned();
        exceeded.extend(before.map(|before| before.with_waiting(facts.waiting.len() as u64)));
    }
    let growing: BTreeSet<String> =
        facts.growing(safety_limits).into_iter().map(str::to_owned).collect();
    // Those within the limit apply at once: a deletion may withdraw something harmful.
    let beyond = facts.deletions(safety_limits, false).beyond;
    let beyond: BTreeSet<String> = beyond.into_iter().map(ToString::to_string).collect();
    let is_on_hold = |planned: &&Planned| match planned.what {
        What::WaitOnHold => true,
        What::DeleteServed => beyond.contains(planned.name.as_str()),
        _ => exceeded.iter().any(|exceeded| planned.is_limited_by(&exceeded.limit, &growing)),
    };
    let rows = planned
        .iter()
        .filter(is_on_hold)
        .map(|planned| (planned.name.clone(), planned.version.clone()))
        .collect();
    let all = exceeded.iter().any(|exceeded| exceeded.limit.holds_all());
    let absences = exceeded.iter().any(|exceeded| exceeded.limit == SafetyLimit::Removed);
    let waiting = snapshot.changes_on_hold(upstream)?;
    let waiting = waiting.into_iter().map(|change| change.digest).collect();
    let mut applied = run.tally.without(&discarded.1);
    if all {
        applied = Tally { unchanged: applied.unchanged, ..Tally::default() };
    } else {
        let mut on_hold = Tally::default();
        let counted = planned.iter().filter(is_on_hold).filter_map(|planned| planned.counted);
        counted.for_each(|kind| on_hold.count_written(kind));
        applied = applied.without(&on_hold);
    }
    let mut changed = Vec::new();
    for planned in planned.iter().filter(|planned| !is_on_hold(planned)) {
        let Some((kind, name)) = planned.kind().zip(Name::parse(&planned.name).ok()) else {
            continue;
        };
        if kind == ChangeKind::Rewritten && facts.served_rewritten.contains(&name) {
            changed.push((ChangeKind::ServedRewritten, name.clone()));
        }
        // The rest of a first sync is no growth.
        if !(is_first && kind == ChangeKind::Added) {
            changed.push((kind, name));
        }
    }
    if !absences {
        let served = facts.served_removed.iter().map(|name| (ChangeKind::ServedRemoved, name));
        let removed = facts.removed.iter().map(|name| (ChangeKind::Removed, name));
        changed.extend(removed.chain(served).map(|(kind, name)| (kind, name.clone())));
    }
    if is_first {
        // Its names are those that later runs are compared with.
        facts.new_names.iter().for_each(|name| facts.names.add(name));
    }
    let changes = RunChanges { before: facts.before(), changed };
    let hold = Hold { exceeded, all, rows, absences, waiting };
    Ok(CheckedRun { hold, changes, applied, discarded: discarded.0 })
}

/// Accepts all of a first sync, and counts the names that it stored, for the limits over time of later runs.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn counted(
    snapshot: &Snapshot,
    options: &RunOptions,
    _: &UpstreamState,
    run: &SyncRun,
    now: Timestamp,
) -> Result<CheckedRun, StoreError> {
    let mut facts = RunFacts::none(now, RecentChanges::default(), Claim::party_of);
    count_names(snapshot, options, run, &mut facts)?;
    let changes = RunChanges { before: facts.before(), changed: Vec::new() };
    Ok(CheckedRun { hold: Hold::default(), changes, applied: run.tally, discarded: 0 })
}

impl Planned {
    fn adds(&self) -> bool {
        matches!(self.what, What::Add | What::AddName)
    }

    /// Returns the kind of change that the limits over time count.
    fn kind(&self) -> Option<ChangeKind> {
        match self.what {
            What::AddName => Some(ChangeKind::Added),
            What::Rewrite => Some(ChangeKind::Rewritten),
            What::DeleteServed => Some(ChangeKind::Deleted),
            What::Add | What::WaitOnHold | What::Other => None,
        }
    }

    fn namespace(&self) -> Option<&str> {
        self.name.split_once('/').map(|(namespace, _)| namespace)
    }

    /// Returns true if a limit keeps it back; `growing` has the namespaces whose new names the limit of growth keeps back.
    fn is_limited_by(&self, limit: &SafetyLimit, growing: &BTreeSet<String>) -> bool {
        match limit {
            SafetyLimit::Rewritten => self.what == What::Rewrite,
            SafetyLimit::Growth => {
                let is_growing = |namespace| growing.contains(namespace);
                self.what == What::AddName && self.namespace().is_some_and(is_growing)
            }
            SafetyLimit::NameGrowth(name) => self.adds() && self.name == *name,
            SafetyLimit::NamespaceGrowth(namespace) => {
                self.adds() && self.namespace() == Some(namespace)
            }
            SafetyLimit::Removed
            | SafetyLimit::Deleted
            | SafetyLimit::Shrink
            | SafetyLimit::Rewind => false,
        }
    }
}

fn staged_effects(
    snapshot: &Snapshot,
    options: &RunOptions,
    state: &UpstreamState,
) -> Result<StagedEffects, StoreError> {
    let RunOptions { upstream, .. } = options;
    let waits = state.on_hold.as_ref().is_some_and(ChangeSet::has_deletions);
    let mut effects = StagedEffects::default();
    for row in snapshot.staged_rows(upstream)? {
        let row = row?;
        let stored = match snapshot.head(upstream, &row.name, &row.version) {
            Err(StoreError::Damaged(_)) => None,
            stored => stored?,
        };
        let counted = counted_as(&row.kind, stored.as_ref());
        if snapshot.is_discarded(upstream, &row.name, &row.version, || row.digest)? {
            let (count, by_kind) = &mut effects.discarded;
            *count += 1;
            counted.into_iter().for_each(|kind| by_kind.count_written(kind));
            continue;
        }
        let what = match effect(snapshot, options, &row, stored)? {
            What::DeleteServed
                if waits
                    && snapshot.change_on_hold(upstream, &row.name, &row.version)?
                        == Some(row.digest) =>
            {
                What::WaitOnHold
            }
            what => what,
        };
        effects.rows.push(Planned { name: row.name, version: row.version, what, counted });
    }
    Ok(effects)
}

/// Returns the number that a row counts to, as when it was received.
fn counted_as(kind: &StagedKind, stored: Option<&Head>) -> Option<Kind> {
    match kind {
        StagedKind::Entry(sent) => Some(Kind::of(sent.status, stored.map(|head| head.status))),
        StagedKind::Deleted => Some(Kind::Deleted),
        StagedKind::Other => None,
    }
}

fn effect(
    snapshot: &Snapshot,
    options: &RunOptions,
    row: &StagedRow,
    stored: Option<Head>,
) -> Result<What, StoreError> {
    let upstream = &options.upstream;
    let deletes = match &row.kind {
        StagedKind::Entry(head) => head.status == Status::Deleted,
        StagedKind::Deleted => true,
        StagedKind::Other => false,
    };
    Ok(match (&row.kind, stored) {
        (_, Some(head))
            if deletes
                && head.status != Status::Deleted
                && is_shown(snapshot, options, &row.name, &row.version)? =>
        {
            What::DeleteServed
        }
        (StagedKind::Entry(_), None) if is_new(snapshot, upstream, &row.name)? => What::AddName,
        (StagedKind::Entry(_), None) => What::Add,
        // A tombstone is no content, neither before nor behind.
        (StagedKind::Entry(sent), Some(head))
            if sent.received != head.received
                && !head.contentless
                && !(deletes && is_stub(row, sent)) =>
        {
            What::Rewrite
        }
        _ => What::Other,
    })
}

/// Returns true if nothing of the name is stored; the rows that are judged are only staged.
fn is_new(snapshot: &Snapshot, upstream: &str, name: &str) -> Result<bool, StoreError> {
    let Ok(name) = Name::parse(name) else { return Ok(false) };
    match snapshot.has_rows_in(upstream, &name) {
        Err(StoreError::Damaged(_)) => Ok(false),
        known => Ok(!known?),
    }
}

fn is_stub(row: &StagedRow, sent: &Head) -> bool {
    TombstoneStub::new(&row.name, &row.version).received() == sent.received
}

/// Returns true if a view shows the version, from this upstream.
fn is_shown(
    snapshot: &Snapshot,
    options: &RunOptions,
    name: &str,
    version: &str,
) -> Result<bool, StoreError> {
    let RunOptions { upstream, views, .. } = options;
    Ok(snapshot.shows(views, name, version)? && is_served_from(snapshot, upstream, name)?)
}

/// Returns false if the name is served from another upstream.
fn is_served_from(snapshot: &Snapshot, upstream: &str, name: &str) -> Result<bool, StoreError> {
    let Ok(name) = Name::parse(name) else { return Ok(false) };
    Ok(snapshot.served_from(&name)?.is_none_or(|from| from == *upstream))
}

fn facts(
    snapshot: &Snapshot,
    options: &RunOptions,
    state: &UpstreamState,
    run: &SyncRun,
    planned: &[Planned],
    now: Timestamp,
) -> Result<RunFacts, StoreError> {
    let mut facts = RunFacts {
        complete: run.sees_all(),
        // An upstream without a clock, such as files, cannot be rewound.
        newest_before: run.upstream_time.and(state.newest_of_full_sync),
        newest_seen: run.newest_updated_at,
        ..RunFacts::none(now, snapshot.recent_changes(&options.upstream)?, Claim::party_of)
    };
    for planned in planned {
        let Ok(name) = Name::parse(&planned.name) else { continue };
        match planned.what {
            What::Add => *facts.added.entry(name).or_default() += 1,
            What::AddName => {
                *facts.added.entry(name.clone()).or_default() += 1;
                facts.new_names.insert(name);
            }
            What::Rewrite => {
                facts.rewritten.add(&name);
                if is_shown(snapshot, options, &planned.name, &planned.version)? {
                    facts.served_rewritten.insert(name);
                }
            }
            What::DeleteServed => {
                facts.deleted.insert(name);
            }
            What::WaitOnHold => {
                facts.waiting.insert(name);
            }
            What::Other => {}
        }
    }
    // An incremental sync that rewrites nothing needs no present number of names: that of the last full sync is near it.
    let needs_names = !facts.new_names.is_empty() && !facts.recent.has_counted();
    if facts.complete || !facts.rewritten.is_empty() || needs_names {
        count_names(snapshot, options, run, &mut facts)?;
    }
    let RunFacts { deleted, served_removed, served_rewritten, .. } = &facts;
    if [deleted, served_removed, served_rewritten].iter().any(|names| !names.is_empty()) {
        facts.served = snapshot.count_names_shown(&options.views, &options.upstream)?;
    }
    Ok(facts)
}

/// Counts the stored rows, and those of them that a full sync did not see.
fn count_names(
    snapshot: &Snapshot,
    options: &RunOptions,
    run: &SyncRun,
    facts: &mut RunFacts,
) -> Result<(), StoreError> {
    let RunOptions { upstream, safety_limits, .. } = options;
    let seen = snapshot.seen(upstream)?;
    for head in snapshot.heads_of_upstream(upstream)? {
        let head = match head {
            Err(StoreError::Damaged(_)) => continue,
            head => head?,
        };
        // A row that is already missing is not expected, and not lost again.
        if head.head.missing {
            continue;
        }
        facts.rows_before += 1;
        facts.names.add(&head.name);
        if seen.contains(&head) {
            facts.rows_seen += 1;
        } else if facts.complete {
            let (name, version) = (head.name.as_str(), head.version.as_str());
            if snapshot.is_discarded(upstream, name, version, || missing_digest(name, version))? {
                continue;
            }
            let before = snapshot.absence(&head)?;
            if Absence::again(before, safety_limits, run.begun).is_hidden() {
                facts.removed.add(&head.name);
                if is_shown(snapshot, options, name, version)? {
                    facts.served_removed.insert(head.name.clone());
                }
            }
        }
    }
    Ok(())
}
