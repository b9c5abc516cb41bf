use std::time::Duration;

use url::Url;

use super::fixtures::{JANUARY, at, dossier, head, overlays, policy, row};
use crate::artefact::{
    Algorithm, Checksum, FileAttestations, PackageLookup, PackageRecord, StatedFile,
};
use crate::curation::{ContentFacts, Dossier, PolicySnapshot, Screening, evaluate};
use crate::model::{Digest, Status, Timestamp};
use crate::ownership::PackageRegistries;
use crate::provenance::{
    ArtefactDigest, Attested, Drift, Evidence, Finding, Signer, Subject, Verdict, Workload,
};

const SOURCE: &str = "https://github.com/acme/tool";

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

fn with_registry() -> PolicySnapshot {
    let set = overlays("servers: []", now());
    let mut asked = PackageRegistries::default();
    asked.add("npm".into(), Url::parse("https://npm.example").expect("a URL"));
    policy(set).with_asked_registries(asked)
}

/// Returns the attestation of a version by a workflow of a repository with this owner.
fn built(version: &str, workflow: &str, owner: &str) -> Finding {
    let digest = ArtefactDigest::parse(checksum().as_str()).expect("a digest");
    let name = format!("pkg:npm/tool@{version}");
    let ran = format!("{SOURCE}/.github/workflows/{workflow}@refs/heads/main");
    let workload = Workload {
        issuer: "https://token.actions.githubusercontent.com".into(),
        signer: ran.clone(),
        repository: Some(SOURCE.into()),
        repository_id: Some("99".into()),
        owner_id: Some(owner.into()),
        commit: Some("f0b49a04".into()),
        workflow: Some(ran),
        runner: Some("github-hosted".into()),
    };
    Finding {
        attested: Attested {
            subjects: vec![Subject { name, digests: vec![digest] }],
            predicate_type: "https://slsa.dev/provenance/v1".into(),
            builder: Some("https://github.com/actions/runner".into()),
            ..Attested::default()
        },
        signer: Signer::Workload(Box::new(workload)),
        signed_at: now(),
    }
}

fn checksum() -> Checksum {
    Checksum::new(Algorithm::Sha256, &[1; 32]).expect("a checksum")
}

/// Returns the dossier of versions that were published one after the other, each with its attestations.
fn versions(name: &str, attested: &[(&str, Vec<Finding>)]) -> Dossier {
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    for (hour, (version, findings)) in (0..).zip(attested) {
        let facts = ContentFacts::of(&format!(
            r#"{{"name":"{name}","description":"d","version":"{version}","repository":{{"url":"{SOURCE}","source":"github"}},"packages":[{{"registryType":"npm","identifier":"tool","version":"{version}","transport":{{"type":"stdio"}}}}]}}"#
        ));
        let key = facts.packages[0].key(&with_registry()).expect("a key");
        let mut head = head(Status::Active, JANUARY);
        head.published_at = at(JANUARY).plus(Duration::from_hours(hour));
        let mut row = row("official", version, head);
        row.content.facts = Some(facts);
        rows.push(row);
        let file = StatedFile::new("tool.tgz", Some(checksum()));
        let found = FileAttestations {
            file: "tool.tgz".into(),
            checksum: checksum(),
            evidence: Evidence::Attestations(findings.iter().cloned().map(Ok).collect()),
            trust: Digest::of(b"trust"),
            problem: None,
        };
        let files = PackageLookup::Files(vec![file]);
        records
            .push((key.clone(), PackageRecord::default().after(&key, &files, vec![found], now())));
    }
    let mut dossier = dossier(name, rows);
    dossier.artefacts.extend(records);
    dossier
}

/// Returns the verdict and the drift of each version.
fn judged(dossier: &Dossier) -> Vec<(Verdict, Option<Drift>)> {
    let (policy, screening) = (with_registry(), Screening::default());
    let evaluation = evaluate(dossier, &policy, &screening, now());
    let packages = evaluation.entries.iter().flat_map(|entry| &entry.packages);
    let found = packages.map(|package| package.provenance.clone().expect("a verdict"));
    found.map(|found| (found.verdict, found.drift)).collect()
}

#[test]
fn version_is_compared_with_the_verified_one_before_it() {
    let found = judged(&versions(
        "com.example/tool",
        &[
            ("1.0.0", Vec::new()),
            ("1.0.1", vec![built("1.0.1", "release.yml", "7")]),
            ("1.0.2", vec![built("1.0.2", "release.yml", "7")]),
            ("1.0.3", Vec::new()),
            ("1.0.4", vec![built("1.0.4", "other.yml", "7")]),
            ("1.0.5", vec![built("1.0.5", "other.yml", "7")]),
        ],
    ));
    let words: Vec<_> = found.iter().map(|(verdict, _)| verdict.as_str()).collect();
    assert_eq!(words, ["unsigned", "verified", "verified", "unsigned", "verified", "verified"]);
    let path = |file: &str| format!(".github/workflows/{file}");
    let moved = Drift::Workflow { before: path("release.yml"), now: path("other.yml") };
    let drifts: Vec<_> = found.into_iter().map(|(_, drift)| drift).collect();
    assert_eq!(drifts, [None, None, None, Some(Drift::Unsigned), Some(moved), None]);
}

#[test]
fn only_the_account_of_the_namespace_verifies() {
    let of = |name: &str, owner: &str| {
        let mut dossier = versions(name, &[("1.0.0", vec![built("1.0.0", "release.yml", owner)])]);
        dossier.verification.pinned_account = Some(7);
        judged(&dossier).remove(0).0.as_str()
    };
    assert_eq!(of("io.github.acme/tool", "7"), "verified");
    assert_eq!(of("io.github.acme/tool", "8"), "failed", "the login was given to another account");
    assert_eq!(of("com.example/tool", "8"), "verified", "a domain is no account");
}
