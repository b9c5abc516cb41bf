//! Evaluations in words, for people and for `--json`.

use serde::{Deserialize, Serialize};

use super::dossier::QuarantinedFacts;
use super::evaluation::EntryEvaluation;
use super::gates::{Gate, Outcome};
use super::package_report::PackageReport;
use super::policy::PolicySnapshot;
use super::scans::shown;
use super::state::EntryState;
use crate::model::Timestamp;
use crate::overlay::OverlaySet;
use crate::ownership::{CAVEAT, Claim, Key, Seen, VerificationRecord};

/// The reasons why the versions of one name are served or not.
#[derive(Debug, Serialize, Deserialize)]
pub struct Explanation {
    pub name: String,
    pub versions: Vec<VersionExplanation>,
    /// The verification record of the namespace; absent if ownership is not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<NamespaceReport>,
    /// The changes of versions that are not stored and that were not applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_applied: Vec<UnappliedChange>,
}

/// A change that an upstream sent and that was not applied: it waits for a person, or a person discarded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnappliedChange {
    pub upstream: String,
    pub version: String,
    /// The words of the upstream about the version, as far as they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    pub state: UnappliedState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum UnappliedState {
    OnHold,
    Discarded {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
        /// The person, while the decision is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

/// The verification record of a namespace, and the limits of that evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceReport {
    pub namespace: String,
    pub claim: String,
    pub verdict: String,
    pub why: String,
    pub evidence: Vec<String>,
    pub checked_at: Option<Timestamp>,
    /// The time when the verdict was last confirmed.
    pub concluded_at: Option<Timestamp>,
    pub next_check: Option<Timestamp>,
    /// True if the last lookup itself saw the evidence.
    #[serde(default)]
    pub confirmed: bool,
    /// The keys that are shown, or were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyReport>,
    /// The time since which another set of keys is shown than a person accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_changed: Option<Timestamp>,
    /// The namespace that was probably meant, for one that is written forwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
    pub caveat: String,
}

/// A key of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReport {
    pub key: String,
    /// True if the last lookup showed it.
    pub shown: bool,
    pub first: Option<Timestamp>,
    pub last: Timestamp,
}

impl NamespaceReport {
    /// Describes the verification record of a namespace, with the evidence from the packages of a name.
    #[must_use]
    pub fn new(
        namespace: &str,
        observed: &VerificationRecord,
        of_packages: &[String],
        overlays: &OverlaySet,
    ) -> Self {
        let pins = overlays.pins(namespace);
        let basis = observed.basis(pins);
        let is_confirmed = observed.shown_at.is_some() && observed.shown_at == observed.checked_at;
        let key = |(key, seen): (&Key, &Seen)| KeyReport {
            key: key.to_string(),
            shown: is_confirmed && observed.set().is_some_and(|keys| keys.contains(key)),
            first: seen.first,
            last: seen.last,
        };
        Self {
            namespace: namespace.to_owned(),
            claim: Claim::of(namespace, &overlays.shared_hosts()).to_string(),
            verdict: basis.verdict().to_string(),
            why: basis.to_string(),
            evidence: observed.evidence.iter().chain(of_packages).cloned().collect(),
            checked_at: observed.checked_at,
            concluded_at: observed.concluded_at,
            next_check: observed.next_check,
            confirmed: is_confirmed,
            keys: observed.keys_seen.iter().map(key).collect(),
            keys_changed: observed.open_change(pins).map(|change| change.since),
            did_you_mean: Claim::written_forwards(namespace),
            caveat: CAVEAT.to_owned(),
        }
    }

    /// Returns true if the last lookup itself saw that the namespace is verified, or an overlay waives that.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        match self.verdict.as_str() {
            "verified" => self.confirmed,
            verdict => verdict == "waived",
        }
    }
}

/// The status that an upstream gives to a version, if it is not active. Its message and its time are claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamStatus {
    pub status: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_changed_at: Option<String>,
}

/// Every gate's answer for one version.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionExplanation {
    pub version: String,
    pub upstream: String,
    pub served: bool,
    pub state: EntryState,
    /// The views that show the version.
    #[serde(default)]
    pub views: Vec<String>,
    pub tier: Option<u8>,
    pub classification: Option<String>,
    pub owner: Option<String>,
    pub labels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The digest of later content from upstream that no approval pins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewritten: Option<String>,
    /// The status that the upstream gives to it, if it is not active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<UpstreamStatus>,
    /// The change that its upstream sent and that was not applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_applied: Option<UnappliedChange>,
    /// Every condition that it does not meet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmet_conditions: Vec<String>,
    /// Every advisory that concerns it, the heaviest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<String>,
    /// The scan results about it, each with its use for this content; those that count come first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<String>,
    /// The server to use instead, as a rule says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// Its packages, with what is recorded of their files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<PackageReport>,
    pub gates: Vec<GateAnswer>,
}

/// One gate's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GateAnswer {
    pub gate: String,
    /// `pass`, `fail`, or `skipped` if an earlier gate left nothing to evaluate.
    pub outcome: String,
    pub evidence: String,
}

impl VersionExplanation {
    /// Describes an evaluation, every gate with its evidence.
    #[must_use]
    pub fn new(entry: &EntryEvaluation<'_>, policy: &PolicySnapshot) -> Self {
        let (row, rules) = (entry.row, &entry.rules);
        let views = entry.views.iter().map(|index| policy.views[*index].name.clone());
        let rewritten = entry.unadopted_content();
        Self {
            version: row.version.to_string(),
            upstream: row.upstream.to_string(),
            served: entry.is_served(),
            state: EntryState::of(entry),
            views: views.collect(),
            tier: rules.tier,
            classification: rules.classification.map(|classification| classification.to_string()),
            owner: rules.owner.map(str::to_owned),
            labels: rules.labels.to_vec(),
            digest: Some(entry.head.received.to_string()),
            rewritten: rewritten.map(|other| other.head.received.to_string()),
            upstream_status: None,
            not_applied: None,
            unmet_conditions: entry.unmet().iter().map(ToString::to_string).collect(),
            advisories: entry.concerns.iter().map(ToString::to_string).collect(),
            scans: shown(&entry.scans),
            successor: rules.successor.map(ToString::to_string),
            packages: entry.packages.iter().map(PackageReport::new).collect(),
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
            state: EntryState::Quarantined,
            views: Vec::new(),
            tier: None,
            classification: None,
            owner: None,
            labels: Vec::new(),
            digest: None,
            rewritten: None,
            upstream_status: None,
            not_applied: None,
            unmet_conditions: Vec::new(),
            advisories: Vec::new(),
            scans: Vec::new(),
            successor: None,
            packages: Vec::new(),
            gates: vec![GateAnswer::new(Gate::WellFormed, outcome)],
        }
    }
}

impl GateAnswer {
    /// Describes the gates that hide an entry.
    pub(super) fn failed_of(entry: &EntryEvaluation<'_>) -> Vec<Self> {
        let failed = entry.gates().filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        failed.map(|(gate, outcome)| Self::new(gate, outcome)).collect()
    }

    fn new(gate: Gate, outcome: &Outcome<'_>) -> Self {
        Self {
            gate: gate.to_string(),
            outcome: outcome.as_str().to_owned(),
            evidence: outcome.evidence().to_string(),
        }
    }
}
