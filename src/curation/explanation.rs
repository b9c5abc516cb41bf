use serde::{Deserialize, Serialize};

use super::gate::{Case, Gate, Outcome};
use super::tenure::Tenure;
use crate::model::{Escaped, Instant, Name, Quarantined, Version};
use crate::overlay::OverlaySet;
use crate::ownership::{CAVEAT, Claim};

/// Why the versions of one name are served or not.
#[derive(Debug, Serialize, Deserialize)]
pub struct Explanation {
    pub name: String,
    pub versions: Vec<VersionExplanation>,
    /// What is known of who owns the name; nothing where that is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<Title>,
}

/// What is known of who owns a name, and what that does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Title {
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

impl Title {
    #[must_use]
    pub fn new(namespace: &str, tenure: &Tenure, overlays: &OverlaySet) -> Self {
        let Tenure { holding, naming, .. } = tenure;
        let (verdict, why) = holding.verdict(overlays.pins(namespace));
        let evidence = holding.evidence.iter().chain(&naming.evidence).cloned();
        Self {
            namespace: namespace.to_owned(),
            claim: Claim::of(namespace, &overlays.shared_hosts()).to_string(),
            verdict: verdict.to_string(),
            why,
            evidence: evidence.collect(),
            checked_at: holding.checked_at,
            concluded_at: holding.concluded_at,
            next_check: holding.next_check,
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
    /// The digest of other content that upstream sent since, and that nobody has reviewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewritten: Option<String>,
    pub gates: Vec<GateAnswer>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct GateAnswer {
    pub gate: String,
    /// `pass`, `fail`, or `moot` when an earlier gate left nothing to judge.
    pub outcome: String,
    pub evidence: String,
}

/// Runs every gate over one entry and keeps what each saw.
#[must_use]
pub fn explain(version: &Version, upstream: &str, case: &Case<'_>) -> VersionExplanation {
    let gates: Vec<GateAnswer> =
        Gate::ALL.into_iter().map(|gate| answer(gate, &gate.judge(case))).collect();
    VersionExplanation {
        version: version.to_string(),
        upstream: upstream.to_owned(),
        served: gates.iter().all(|answer| answer.outcome == "pass"),
        views: Vec::new(),
        tier: case.standing.tier,
        classification: case.standing.classification.map(|it| it.to_string()),
        owner: case.standing.owner.map(str::to_owned),
        labels: case.standing.labels.to_vec(),
        digest: Some(case.head.received.to_string()),
        rewritten: None,
        gates,
    }
}

/// The explanation of a row in quarantine: the first gate says it all.
#[must_use]
pub fn explain_quarantined(row: &Quarantined, upstream: &str) -> VersionExplanation {
    VersionExplanation {
        version: row.version.clone(),
        upstream: upstream.to_owned(),
        served: false,
        views: Vec::new(),
        tier: None,
        classification: None,
        owner: None,
        labels: Vec::new(),
        digest: None,
        rewritten: None,
        gates: vec![GateAnswer {
            gate: Gate::WellFormed.to_string(),
            outcome: "fail".into(),
            evidence: format!("in quarantine: {}", Escaped(&row.reason)),
        }],
    }
}

impl Explanation {
    #[must_use]
    pub fn new(name: &Name, versions: Vec<VersionExplanation>, ownership: Option<Title>) -> Self {
        Self { name: name.to_string(), versions, ownership }
    }
}

fn answer(gate: Gate, outcome: &Outcome<'_>) -> GateAnswer {
    let (word, evidence) = match outcome {
        Outcome::Pass(evidence) => ("pass", evidence),
        Outcome::Fail(evidence) => ("fail", evidence),
        Outcome::Moot(evidence) => ("moot", evidence),
    };
    GateAnswer { gate: gate.to_string(), outcome: word.into(), evidence: evidence.to_string() }
}
