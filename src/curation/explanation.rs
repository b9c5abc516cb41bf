//! Evaluations in words, for people and for `--json`.

use serde::{Deserialize, Serialize};

use super::dossier::QuarantinedFacts;
use super::evaluation::EntryEvaluation;
use super::gates::{Gate, Outcome};
use super::policy::PolicySnapshot;
use crate::model::Instant;
use crate::overlay::OverlaySet;
use crate::ownership::{CAVEAT, Claim, Holding};

/// Why the versions of one name are served or not.
#[derive(Debug, Serialize, Deserialize)]
pub struct Explanation {
    pub name: String,
    pub versions: Vec<VersionExplanation>,
    /// What is known of the namespace; absent where that is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<NamespaceReport>,
}

/// What was observed of a namespace, and what that does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceReport {
    pub namespace: String,
    pub claim: String,
    pub verdict: String,
    pub why: String,
    pub evidence: Vec<String>,
    pub checked_at: Option<Instant>,
    /// When the verdict was last confirmed.
    pub concluded_at: Option<Instant>,
    pub next_check: Option<Instant>,
    pub caveat: String,
}

impl NamespaceReport {
    /// Describes what was observed of a namespace, and what the packages of a name say.
    #[must_use]
    pub fn new(
        namespace: &str,
        observed: &Holding,
        of_packages: &[String],
        overlays: &OverlaySet,
    ) -> Self {
        let basis = observed.basis(overlays.pins(namespace));
        Self {
            namespace: namespace.to_owned(),
            claim: Claim::of(namespace, &overlays.shared_hosts()).to_string(),
            verdict: basis.verdict().to_string(),
            why: basis.to_string(),
            evidence: observed.evidence.iter().chain(of_packages).cloned().collect(),
            checked_at: observed.checked_at,
            concluded_at: observed.concluded_at,
            next_check: observed.next_check,
            caveat: CAVEAT.to_owned(),
        }
    }
}

/// Every gate's answer for one version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionExplanation {
    pub version: String,
    pub upstream: String,
    pub served: bool,
    /// The views that show it.
    #[serde(default)]
    pub views: Vec<String>,
    pub tier: Option<u8>,
    pub classification: Option<String>,
    pub owner: Option<String>,
    pub labels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The digest of other content that upstream sent since, and that no approval pins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewritten: Option<String>,
    pub gates: Vec<GateAnswer>,
}

/// One gate's answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct GateAnswer {
    pub gate: String,
    /// `pass`, `fail`, or `moot` when an earlier gate left nothing to judge.
    pub outcome: String,
    pub evidence: String,
}

impl VersionExplanation {
    /// Describes an evaluation, every gate with what it saw.
    #[must_use]
    pub fn new(entry: &EntryEvaluation<'_>, policy: &PolicySnapshot) -> Self {
        let (row, rules) = (entry.row, &entry.rules);
        let views = entry.views.iter().map(|index| policy.views[*index].name.clone());
        let is_first = entry.content == &row.content;
        let rewritten = row.others.last().filter(|_| is_first);
        Self {
            version: row.version.to_string(),
            upstream: row.upstream.to_string(),
            served: entry.is_served(),
            views: views.collect(),
            tier: rules.tier,
            classification: rules.classification.map(|classification| classification.to_string()),
            owner: rules.owner.map(str::to_owned),
            labels: rules.labels.to_vec(),
            digest: Some(entry.head.received.to_string()),
            rewritten: rewritten.map(|other| other.head.received.to_string()),
            gates: entry.gates().map(|(gate, outcome)| GateAnswer::new(gate, outcome)).collect(),
        }
    }

    /// Describes a row in quarantine with the outcome of the first gate.
    #[must_use]
    pub fn of_quarantined(row: &QuarantinedFacts, outcome: &Outcome<'_>) -> Self {
        Self {
            version: row.version.clone(),
            upstream: row.upstream.clone(),
            served: false,
            views: Vec::new(),
            tier: None,
            classification: None,
            owner: None,
            labels: Vec::new(),
            digest: None,
            rewritten: None,
            gates: vec![GateAnswer::new(Gate::WellFormed, outcome)],
        }
    }
}

impl GateAnswer {
    fn new(gate: Gate, outcome: &Outcome<'_>) -> Self {
        let word = match outcome {
            Outcome::Passed(_) => "pass",
            Outcome::Failed(_) => "fail",
            Outcome::Skipped(_) => "moot",
        };
        Self {
            gate: gate.to_string(),
            outcome: word.to_owned(),
            evidence: outcome.evidence().to_string(),
        }
    }
}
