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

/// A tag is moved without a broken promise, and who builds the image is compared all the same.
#[test]
fn image_under_a_moved_tag_is_compared_with_the_build_before() {
    let name = "com.example/tool";
    let mut asked = PackageRegistries::default();
    asked.add("oci".into(), Url::parse("https://images.example").expect("a URL"));
    let policy = policy(overlays("servers: []", now())).with_asked_registries(asked);
    let facts = ContentFacts::of(&format!(
        r#"{{"name":"{name}","description":"d","version":"1.0.0","repository":{{"url":"{SOURCE}","source":"github"}},"packages":[{{"registryType":"oci","identifier":"images.example/tool:1","transport":{{"type":"stdio"}}}}]}}"#
    ));
    let key = facts.packages[0].key(&policy).expect("a key");
    let content = |byte: u8| Checksum::new(Algorithm::Sha256, &[byte; 32]).expect("a checksum");
    let signed = |byte: u8, workflow: &str| {
        let mut finding = built("1", workflow, "7");
        let digest = content(byte).digest().expect("a digest");
        finding.attested.subjects =
            vec![Subject { name: "images.example/tool".into(), digests: vec![digest] }];
        finding
    };
    let looks = |looks: Vec<(u8, Evidence)>| {
        let mut record = PackageRecord::default();
        for (byte, evidence) in looks {
            let stated = StatedFile::new("1", Some(content(byte)));
            let (file, checksum, problem) = ("1".into(), content(byte), None);
            let trust = Digest::of(b"trust");
            let found = FileAttestations { file, checksum, evidence, trust, problem };
            record = record.after(&key, &PackageLookup::Files(vec![stated]), vec![found], now());
        }
        let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
        row.content.facts = Some(facts.clone());
        let mut dossier = dossier(name, vec![row]);
        dossier.artefacts.insert(key.clone(), record);
        let screening = Screening::default();
        let evaluation = evaluate(&dossier, &policy, &screening, now());
        let found = evaluation.entries[0].packages[0].provenance.clone().expect("a verdict");
        (found.verdict.as_str(), found.drift)
    };
    let of =
        |findings: Vec<Finding>| Evidence::Attestations(findings.into_iter().map(Ok).collect());
    let first = || (1, of(vec![signed(1, "release.yml")]));
    assert_eq!(looks(vec![first()]), ("verified", None));
    assert_eq!(looks(vec![first(), (2, of(vec![signed(2, "release.yml")]))]), ("verified", None));
    assert_eq!(looks(vec![first(), (2, Evidence::Unavailable)]), ("unavailable", None));
    let lost = looks(vec![first(), (2, of(Vec::new()))]);
    assert_eq!(lost, ("unsigned", Some(Drift::Unsigned)));
    let other = looks(vec![first(), (2, Evidence::Unavailable), (2, of(vec![signed(2, "x.yml")]))]);
    assert!(matches!(other, ("verified", Some(Drift::Workflow { .. }))), "{other:?}");
    // The attestation of the content before says nothing of this one.
    let stale = looks(vec![first(), (2, of(vec![signed(1, "release.yml")]))]);
    assert_eq!(stale, ("failed", None));
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
