use serde::{Deserialize, Serialize};

use super::verdict::{Build, Failure, Verdict};

/// A change in who builds a package, which a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "drift")]
pub enum Drift {
    /// It was verified, and has no provenance now.
    Unsigned,
    /// It was verified, and its attestation fails now; the verdict says why.
    Failed,
    Repository {
        before: String,
        now: String,
    },
    Workflow {
        before: String,
        now: String,
    },
    /// The workflow of another repository that builds for it is another one.
    Called {
        before: Option<String>,
        now: Option<String>,
    },
}

/// Compares a build that was verified with a later verdict. Something unavailable shows no change. A build of another
/// repository fails as such, since it is not that of the entry.
#[must_use]
pub fn drift(before: &Build, verdict: &Verdict) -> Option<Drift> {
    let now = match verdict {
        Verdict::Verified(now) => now,
        Verdict::Unsigned => return Some(Drift::Unsigned),
        Verdict::Failed { reason: Failure::OtherRepository { built_from, .. } } => {
            return Some(Drift::Repository { before: named(before), now: built_from.clone() });
        }
        Verdict::Failed { .. } => return Some(Drift::Failed),
        Verdict::Unavailable => return None,
    };
    if !is_same_repository(before, now) {
        return Some(Drift::Repository { before: named(before), now: named(now) });
    }
    if before.workflow != now.workflow {
        let (before, now) = (before.workflow.clone(), now.workflow.clone());
        return Some(Drift::Workflow { before, now });
    }
    (before.called != now.called)
        .then(|| Drift::Called { before: before.called.clone(), now: now.called.clone() })
}

fn named(build: &Build) -> String {
    match &build.repository_id {
        Some(id) => format!("{} (id {id})", build.repository),
        None => build.repository.clone(),
    }
}

/// Compares the ids, which stay when a repository is renamed and differ when it is created again.
fn is_same_repository(before: &Build, now: &Build) -> bool {
    match (&before.repository_id, &now.repository_id) {
        (Some(before), Some(now)) => before == now,
        _ => before.repository.eq_ignore_ascii_case(&now.repository),
    }
}
