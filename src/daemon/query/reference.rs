use serde::{Deserialize, Serialize};

use crate::curation::{
    Dossier, EntryEvaluation, Evaluation, Evidence, Gate, Outcome, reference_in,
};
use crate::model::Escaped;
use crate::overlay::Rule;

/// The reason why the reference of a rule is not the version to compare with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReferenceProblem {
    /// No upstream has the version with its digest, so no version is benign.
    Unknown { version: String },
    /// The review covers a greater version.
    NotGreatest { version: String, greatest: String, digest: String },
}

impl ReferenceProblem {
    /// Compares the reference of a rule with what an evaluation shows of its name.
    pub(super) fn of(rule: &Rule, dossier: &Dossier, evaluation: &Evaluation<'_>) -> Option<Self> {
        let reference = rule.approved()?.follow.as_ref()?.reference.as_ref()?;
        let version = reference.version.to_string();
        if reference_in(dossier, reference).is_none() {
            return Some(Self::Unknown { version });
        }
        let is_covered = |entry: &&EntryEvaluation<'_>| {
            let is_its =
                entry.rules.approval.is_some_and(|(decides, _)| std::ptr::eq(decides, rule));
            let mut gates = entry.gates();
            let is_reviewed = gates.any(|(gate, outcome)| {
                gate == Gate::Approved && matches!(outcome, Outcome::Passed(Evidence::Ruled { .. }))
            });
            is_its && is_reviewed
        };
        let covered = evaluation.entries.iter().filter(is_covered);
        let releases = covered.filter_map(|entry| {
            let semantic =
                entry.row.version.semantic().filter(|semantic| semantic.pre.is_empty())?;
            Some((semantic, entry))
        });
        let (greatest, entry) = releases.max_by(|left, right| left.0.cmp(&right.0))?;
        let is_less = reference.version.semantic().is_some_and(|reference| reference < greatest);
        is_less.then(|| Self::NotGreatest {
            version,
            greatest: entry.row.version.to_string(),
            digest: entry.head.received.to_string(),
        })
    }

    /// Returns what was found, and what to write.
    pub(super) fn advice(&self, selector: &str) -> (String, String) {
        let selector = Escaped(selector);
        match self {
            Self::Unknown { version } => (
                format!("no upstream has the reference {} of `{selector}` with its digest", Escaped(version)),
                "no later version is benign; `vidimus explain --verbose` shows versions with their digests"
                    .to_owned(),
            ),
            Self::NotGreatest { version, greatest, digest } => {
                let greatest = Escaped(greatest);
                let found = format!(
                    "the review of `{selector}` covers {greatest}, which is greater than its reference {}",
                    Escaped(version)
                );
                (found, format!("write `reference: {{version: {greatest}, digest: \"{digest}\"}}`"))
            }
        }
    }
}
