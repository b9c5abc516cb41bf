use serde::{Deserialize, Serialize};

use super::verdict::{Build, Verdict};

/// A change in who builds a package, which a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "drift")]
pub enum Drift {
    /// It was verified, and has no provenance now.
    Unsigned,
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

/// Compares a build that was verified with a later verdict. A failure is a verdict of its own, and something unavailable
/// shows no change.
#[must_use]
pub fn drift(before: &Build, verdict: &Verdict) -> Option<Drift> {
    let now = match verdict {
        Verdict::Verified(now) => now,
        Verdict::Unsigned => return Some(Drift::Unsigned),
        Verdict::Failed { .. } | Verdict::Unavailable => return None,
    };
    if !is_same_repository(before, now) {
        let text = |build: &Build| match &build.repository_id {
            Some(id) => format!("{} (id {id})", build.repository),
            None => build.repository.clone(),
        };
        return Some(Drift::Repository { before: text(before), now: text(now) });
    }
    if before.workflow != now.workflow {
        let (before, now) = (before.workflow.clone(), now.workflow.clone());
        return Some(Drift::Workflow { before, now });
    }
    (before.called != now.called)
        .then(|| Drift::Called { before: before.called.clone(), now: now.called.clone() })
}

/// Compares the ids, which stay when a repository is renamed and differ when it is created again.
fn is_same_repository(before: &Build, now: &Build) -> bool {
    match (&before.repository_id, &now.repository_id) {
        (Some(before), Some(now)) => before == now,
        _ => before.repository.eq_ignore_ascii_case(&now.repository),
    }
}
