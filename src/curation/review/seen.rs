use std::collections::BTreeSet;

use serde::Serialize;

use super::choice::Choice;
use crate::curation::artefacts::EntryPackage;
use crate::curation::concern::Concern;
use crate::curation::dossier::Dossier;
use crate::curation::evaluation::EntryEvaluation;
use crate::curation::policy::PolicySnapshot;
use crate::curation::provenance::PackageProvenance;
use crate::curation::screening::Compared;
use crate::lookalike::Signal;
use crate::model::{Digest, Status};
use crate::overlay::{Rule, VersionPattern};
use crate::ownership::OwnershipFacts;
use crate::provenance::Verdict;

/// The first part of everything that the digest is computed from. The number grows when the form changes, so that no
/// digest of an earlier form is taken for one of this form.
const DOMAIN: &[u8] = b"vidimus review sheet 4";

/// The items of an open alert that concern a name, by digest, with the digest of the identity of the alert.
pub type AlertItems = (Digest, BTreeSet<Digest>);

/// Everything on a review sheet that a decision covers.
///
/// Deliberately absent: ages, the times of lookups, and every text that is written for people. They may change
/// without a difference in what a person decides about.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'s, 'a> {
    pub choice: &'s Choice<'s, 'a>,
    pub asked: Option<&'s VersionPattern>,
    pub dossier: &'a Dossier,
    pub policy: &'a PolicySnapshot,
    pub compared: Option<&'s Compared>,
    pub alerts: &'s BTreeSet<AlertItems>,
}

/// The form of which the digest is computed, as canonical JSON.
#[derive(Serialize)]
struct Bound<'s> {
    name: &'s str,
    asked: Option<String>,
    shown: Vec<BoundVersion<'s>>,
    kept: Vec<(&'s str, &'s str, Digest)>,
    kept_too_many: bool,
    /// Absent if ownership is not checked.
    ownership: Option<BoundOwnership<'s>>,
    resemblances: BTreeSet<(&'s str, bool, BTreeSet<&'s Signal>)>,
    alerts: &'s BTreeSet<AlertItems>,
    /// The digest of each rule, in the order of the digests: a rule may move to another file.
    rules: BTreeSet<Digest>,
}

#[derive(Serialize)]
struct BoundVersion<'s> {
    upstream: &'s str,
    version: &'s str,
    received: Digest,
    sent: Digest,
    status: Status,
    missing: bool,
    replaced: bool,
    /// The content that the upstream sends now, if it is another one.
    rewritten: Option<(Digest, Digest)>,
    gates: Vec<(&'static str, &'static str, &'static str)>,
    /// The names of the views that show it: who reads it is a part of the decision.
    views: BTreeSet<&'s str>,
    claims: BoundClaims,
    /// The advisories that concern it.
    advisories: BTreeSet<&'s str>,
    /// The digests of the files of the scan results about it, wherever they stand.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    scans: BTreeSet<Digest>,
    /// The definite verdicts on who built its packages, in their order.
    provenance: Vec<Option<&'s PackageProvenance>>,
}

/// The findings about a content: its repository declares it, a package names another server, its packages answered.
#[derive(Serialize)]
struct BoundClaims {
    declared: bool,
    disputed: bool,
    answered: bool,
}

#[derive(Serialize)]
struct BoundOwnership<'s> {
    namespace: OwnershipFacts<'s>,
    declared_by: Option<u64>,
}

impl Seen<'_, '_> {
    /// Returns the digest of the sheet: of a domain and of the canonical JSON (RFC 8785) of what the decision covers.
    ///
    /// # Panics
    /// Never: strings, words, flags and small numbers are all that is bound, and each has a canonical form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let canonical = serde_json_canonicalizer::to_vec(&self.bound());
        let canonical = canonical.expect("strings, words and numbers have a canonical form");
        Digest::of_parts([DOMAIN, canonical.as_slice()])
    }

    fn bound(&self) -> Bound<'_> {
        let Dossier { name, verification, claims, .. } = self.dossier;
        let overlays = &self.policy.overlays;
        let ownership = self.policy.ownership.enabled.then(|| BoundOwnership {
            namespace: verification.facts(overlays.pins(name.namespace())),
            declared_by: claims.account,
        });
        let kept = self.choice.kept.iter().map(|entry| {
            let row = entry.row;
            (row.upstream.as_str(), row.version.as_str(), entry.head.received)
        });
        let matches = self.compared.iter().flat_map(|compared| &compared.matches);
        Bound {
            name: name.as_str(),
            asked: self.asked.map(ToString::to_string),
            shown: self.choice.shown.iter().map(|entry| self.version(entry)).collect(),
            kept: kept.collect(),
            kept_too_many: self.choice.kept_too_many,
            ownership,
            resemblances: matches
                .map(|found| {
                    let signals = found.found.signals.iter().collect();
                    (found.found.target.as_str(), found.acknowledged, signals)
                })
                .collect(),
            alerts: self.alerts,
            rules: overlays.rules_for(name).all().map(Rule::digest).collect(),
        }
    }

    fn version<'s>(&'s self, entry: &'s EntryEvaluation<'_>) -> BoundVersion<'s> {
        let (head, claims) = (entry.head, &self.dossier.claims);
        let other = entry.unadopted_content();
        BoundVersion {
            upstream: &entry.row.upstream,
            version: entry.row.version.as_str(),
            received: head.received,
            sent: head.sent,
            status: head.status,
            missing: head.missing,
            replaced: head.replaced,
            rewritten: other.map(|other| (other.head.received, other.head.sent)),
            gates: entry
                .gates()
                .map(|(gate, outcome)| (gate.as_str(), outcome.as_str(), outcome.evidence().kind()))
                .collect(),
            views: entry.views.iter().map(|view| self.policy.views[*view].name.as_str()).collect(),
            claims: BoundClaims {
                declared: claims.declared.contains(&head.received),
                disputed: claims.disputed.contains_key(&head.received),
                answered: claims.answered.contains(&head.received),
            },
            provenance: entry.packages.iter().map(definite).collect(),
            advisories: entry.concerns.iter().map(Concern::id).collect(),
            scans: entry.scans.iter().map(|judged| judged.result.digest).collect(),
        }
    }
}

/// Returns the verdict on a package, if it is definite: a registry that fails changes no digest.
fn definite<'s>(package: &'s EntryPackage<'_>) -> Option<&'s PackageProvenance> {
    package.provenance.as_ref().filter(|found| found.verdict != Verdict::Unavailable)
}
