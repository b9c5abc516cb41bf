use super::options::RunOptions;
use crate::model::{Name, Status};
use crate::store::{Hold, Snapshot, StagedKind, StoreError};
use crate::sync::{Absence, RunFacts, SafetyLimit, SyncKind, SyncRun, UpstreamState, judge};

/// The effect of a staged row.
struct Planned {
    name: String,
    version: String,
    what: What,
}

#[derive(PartialEq, Eq)]
enum What {
    Add,
    Rewrite,
    /// Delete something that is served now.
    DeleteServed,
    Other,
}

/// Checks the changes of a fully read sync run against the safety limits; returns those to put on hold.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn hold(
    snapshot: &Snapshot,
    options: &RunOptions,
    state: &UpstreamState,
    run: &SyncRun,
) -> Result<Hold, StoreError> {
    let RunOptions { upstream, safety_limits, .. } = options;
    let complete = run.kind == SyncKind::Full;
    if !complete && snapshot.staged_rows(upstream)?.next().is_none() {
        return Ok(Hold::default());
    }
    let planned = planned(snapshot, options)?;
    let facts = facts(snapshot, options, state, run, &planned)?;
    let exceeded = judge(&facts, safety_limits);
    let is_on_hold =
        |planned: &&Planned| exceeded.iter().any(|exceeded| planned.is_limited_by(&exceeded.limit));
    let rows = planned
        .iter()
        .filter(is_on_hold)
        .map(|planned| (planned.name.clone(), planned.version.clone()))
        .collect();
    let all = exceeded.iter().any(|exceeded| exceeded.limit.holds_all());
    let absences = exceeded.iter().any(|exceeded| exceeded.limit == SafetyLimit::Removed);
    Ok(Hold { exceeded, all, rows, absences })
}

impl Planned {
    fn is_limited_by(&self, limit: &SafetyLimit) -> bool {
        match limit {
            SafetyLimit::Rewritten => self.what == What::Rewrite,
            SafetyLimit::Deleted => self.what == What::DeleteServed,
            SafetyLimit::NameGrowth(name) => self.what == What::Add && self.name == *name,
            SafetyLimit::NamespaceGrowth(namespace) => {
                let own = self.name.split_once('/').map(|(namespace, _)| namespace);
                self.what == What::Add && own == Some(namespace)
            }
            SafetyLimit::Removed | SafetyLimit::Shrink | SafetyLimit::Rewind => false,
        }
    }
}

fn planned(snapshot: &Snapshot, options: &RunOptions) -> Result<Vec<Planned>, StoreError> {
    let RunOptions { upstream, views, .. } = options;
    let mut planned = Vec::new();
    for row in snapshot.staged_rows(upstream)? {
        let row = row?;
        let stored = match snapshot.head(upstream, &row.name, &row.version) {
            Err(StoreError::Damaged(_)) => None,
            stored => stored?,
        };
        let deletes = match &row.kind {
            StagedKind::Entry(head) => head.status == Status::Deleted,
            StagedKind::Deleted => true,
            StagedKind::Other => false,
        };
        let what = match (&row.kind, stored) {
            (_, Some(head))
                if deletes
                    && head.status != Status::Deleted
                    && snapshot.shows(views, &row.name, &row.version)? =>
            {
                What::DeleteServed
            }
            (StagedKind::Entry(_), None) => What::Add,
            (StagedKind::Entry(sent), Some(head)) if sent.received != head.received => {
                What::Rewrite
            }
            _ => What::Other,
        };
        planned.push(Planned { name: row.name, version: row.version, what });
    }
    Ok(planned)
}

fn facts(
    snapshot: &Snapshot,
    options: &RunOptions,
    state: &UpstreamState,
    run: &SyncRun,
    planned: &[Planned],
) -> Result<RunFacts, StoreError> {
    let mut facts = RunFacts {
        complete: run.kind == SyncKind::Full,
        rows_seen: run.tally.rows(),
        // An upstream without a clock, such as files, cannot be rewound.
        newest_before: run.upstream_time.and(state.newest_updated_at),
        newest_seen: run.newest_updated_at,
        ..RunFacts::default()
    };
    for planned in planned {
        let Ok(name) = Name::parse(&planned.name) else { continue };
        match planned.what {
            What::Add => *facts.added.entry(name).or_default() += 1,
            What::Rewrite => facts.rewritten.add(&name),
            What::DeleteServed => facts.deleted += 1,
            What::Other => {}
        }
    }
    if facts.deleted > 0 {
        facts.served = snapshot.count_shown(&options.views)?;
    }
    // An incremental sync that rewrites nothing needs no share of all names.
    if facts.complete || !facts.rewritten.is_empty() {
        count_names(snapshot, options, run, &mut facts)?;
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
        if facts.complete && !seen.contains(&head) {
            let before = snapshot.absence(&head)?;
            if Absence::again(before, safety_limits, run.begun).is_hidden() {
                facts.removed.add(&head.name);
            }
        }
    }
    Ok(())
}
