use super::plan::PassPlan;
use crate::model::{Name, Status};
use crate::store::{Hold, Snapshot, StagedKind, StoreError};
use crate::sync::{Absence, PassFacts, PassKind, PassState, Rail, UpstreamState, judge};

/// What a staged row would do.
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

/// Judges a pass whose pages were all read, by what it would change, and says what is held.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn hold(
    snapshot: &Snapshot,
    plan: &PassPlan,
    state: &UpstreamState,
    pass: &PassState,
) -> Result<Hold, StoreError> {
    let PassPlan { upstream, rails, .. } = plan;
    let complete = pass.kind == PassKind::Complete;
    if !complete && snapshot.staged_rows(upstream)?.next().is_none() {
        return Ok(Hold::default());
    }
    let planned = planned(snapshot, plan)?;
    let facts = facts(snapshot, plan, state, pass, &planned)?;
    let trips = judge(&facts, rails);
    let is_held = |planned: &&Planned| trips.iter().any(|trip| planned.is_held_by(&trip.rail));
    let rows = planned
        .iter()
        .filter(is_held)
        .map(|planned| (planned.name.clone(), planned.version.clone()))
        .collect();
    let all = trips.iter().any(|trip| trip.rail.holds_all());
    let absences = trips.iter().any(|trip| trip.rail == Rail::Removed);
    Ok(Hold { trips, all, rows, absences })
}

impl Planned {
    fn is_held_by(&self, rail: &Rail) -> bool {
        match rail {
            Rail::Rewritten => self.what == What::Rewrite,
            Rail::Deleted => self.what == What::DeleteServed,
            Rail::NameGrowth(name) => self.what == What::Add && self.name == *name,
            Rail::NamespaceGrowth(namespace) => {
                let own = self.name.split_once('/').map(|(namespace, _)| namespace);
                self.what == What::Add && own == Some(namespace)
            }
            Rail::Removed | Rail::Shrink | Rail::Rewind => false,
        }
    }
}

fn planned(snapshot: &Snapshot, plan: &PassPlan) -> Result<Vec<Planned>, StoreError> {
    let PassPlan { upstream, views, .. } = plan;
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
    plan: &PassPlan,
    state: &UpstreamState,
    pass: &PassState,
    planned: &[Planned],
) -> Result<PassFacts, StoreError> {
    let mut facts = PassFacts {
        complete: pass.kind == PassKind::Complete,
        rows_seen: pass.tally.rows(),
        // Without a clock of its own, as files have none, an upstream cannot be rewound.
        newest_before: pass.upstream_time.and(state.newest_updated_at),
        newest_seen: pass.newest_updated_at,
        ..PassFacts::default()
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
        facts.served = snapshot.count_shown(&plan.views)?;
    }
    // An increment that rewrites nothing needs no share of all names.
    if facts.complete || !facts.rewritten.is_empty() {
        count_names(snapshot, plan, pass, &mut facts)?;
    }
    Ok(facts)
}

/// Counts what is stored, and what of it a complete walk did not see.
fn count_names(
    snapshot: &Snapshot,
    plan: &PassPlan,
    pass: &PassState,
    facts: &mut PassFacts,
) -> Result<(), StoreError> {
    let PassPlan { upstream, rails, .. } = plan;
    let seen = snapshot.seen(upstream)?;
    for head in snapshot.heads_of_upstream(upstream)? {
        let head = match head {
            Err(StoreError::Damaged(_)) => continue,
            head => head?,
        };
        // One that is missing already is not expected, and not lost again.
        if head.head.missing {
            continue;
        }
        facts.rows_before += 1;
        facts.names.add(&head.name);
        if facts.complete && !seen.contains(&head) {
            let before = snapshot.absence(&head)?;
            if Absence::again(before, rails, pass.begun).is_hidden() {
                facts.removed.add(&head.name);
            }
        }
    }
    Ok(())
}
