use proptest::prelude::*;

use super::*;
use crate::model::{Digest, Timestamp};
use crate::ownership::Package;

const HEX: &str = "54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";
const SLSA: &str = "https://slsa.dev/provenance/v1";
const NPM_PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";
const PYTHON_PUBLISH: &str = "https://docs.pypi.org/attestations/publish/v1";
const SOURCE: &str = "https://github.com/Acme/tool";
const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

fn digest(hex: &str) -> ArtefactDigest {
    ArtefactDigest::parse(&format!("sha256:{hex}")).expect("a digest")
}

fn time(hour: u32) -> Timestamp {
    Timestamp::parse("2026-11-30T00:00:00Z").expect("a time").plus(HOUR * hour)
}

/// The facts about one package, as a table changes them.
#[derive(Clone)]
struct Known {
    package: Package,
    version: String,
    artefact: Artefact,
    repository: Option<Repository>,
    holder: Option<Holder>,
}

impl Known {
    fn of(registry: &str, identifier: &str) -> Self {
        let file = (registry == "pypi").then(|| "acme_tool-1.0.tar.gz".to_owned());
        Self {
            package: Package::new(registry, identifier, None),
            version: "1.0".into(),
            artefact: Artefact { file, digests: vec![digest(HEX)] },
            repository: Repository::parse("https://github.com/acme/tool.git"),
            holder: Some(Holder { login: "acme".into(), id: Some(7) }),
        }
    }

    fn npm() -> Self {
        Self::of("npm", "@acme/tool")
    }

    fn judge(&self, attestations: Vec<Result<Finding, Refusal>>) -> Verdict {
        self.judge_evidence(&Evidence::Attestations(attestations))
    }

    fn judge_evidence(&self, evidence: &Evidence) -> Verdict {
        let Self { package, version, artefact, repository, holder } = self;
        let (repository, holder) = (repository.as_ref(), holder.as_ref());
        let registries = &["https://python.example", "https://npm.example/"];
        judge(evidence, &Expected { package, version, artefact, registries, repository, holder })
    }
}

fn workload() -> Workload {
    let workflow = format!("{SOURCE}/.github/workflows/release.yml@refs/heads/main");
    Workload {
        issuer: "https://token.actions.githubusercontent.com".into(),
        signer: workflow.clone(),
        repository: Some(SOURCE.into()),
        repository_id: Some("99".into()),
        owner_id: Some("7".into()),
        commit: Some("f0b49a04".into()),
        workflow: Some(workflow),
        runner: Some("github-hosted".into()),
    }
}

fn finding(subject: &str, predicate_type: &str, signer: Signer) -> Finding {
    Finding {
        attested: Attested {
            subjects: vec![Subject { name: subject.into(), digests: vec![digest(HEX)] }],
            predicate_type: predicate_type.into(),
            builder: Some("https://github.com/actions/runner/github-hosted".into()),
            repository: Some(SOURCE.into()),
            release: None,
        },
        signer,
        signed_at: time(0),
    }
}

fn provenance() -> Finding {
    let signer = Signer::Workload(Box::new(workload()));
    finding("pkg:npm/%40acme/tool@1.0", SLSA, signer)
}

/// Returns npm's provenance with another certificate.
fn certified(change: impl FnOnce(&mut Workload)) -> Finding {
    let mut workload = workload();
    change(&mut workload);
    Finding { signer: Signer::Workload(Box::new(workload)), ..provenance() }
}

/// Returns npm's provenance with other content.
fn attested(change: impl FnOnce(&mut Attested)) -> Finding {
    let mut finding = provenance();
    change(&mut finding.attested);
    finding
}

fn published() -> Finding {
    let signer = Signer::Registry("SHA256:key".into());
    let mut finding = finding("pkg:npm/%40acme/tool@1.0", NPM_PUBLISH, signer);
    finding.attested.release = Some(Release {
        name: "@acme/tool".into(),
        version: "1.0".into(),
        registry: "https://npm.example".into(),
    });
    finding
}

type Attestations = Vec<Result<Finding, Refusal>>;

/// Returns one word for a verdict.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Verified(_) => "verified",
        Verdict::Unsigned => "unsigned",
        Verdict::Unavailable => "unavailable",
        Verdict::Failed { reason } => match reason {
            Failure::Refused { .. } => "refused",
            Failure::Predicate { .. } => "predicate",
            Failure::OtherArtefact => "artefact",
            Failure::OtherPackage { .. } => "package",
            Failure::Signer { .. } => "signer",
            Failure::Issuer { .. } => "issuer",
            Failure::Builder { .. } => "builder",
            Failure::SelfHosted { .. } => "self-hosted",
            Failure::NoSource => "source",
            Failure::Contradiction { .. } => "contradiction",
            Failure::NoRepository { .. } => "no repository",
            Failure::OtherRepository { .. } => "repository",
            Failure::OtherOwner { .. } => "owner",
        },
    }
}

fn assert_verdicts(cases: impl IntoIterator<Item = (Known, Attestations, &'static str)>) {
    for (at, (known, attestations, expected)) in cases.into_iter().enumerate() {
        let verdict = known.judge(attestations);
        assert_eq!(word(&verdict), expected, "case {at}: {verdict}");
    }
}

/// Returns what is known of the npm package, with a change.
fn changed(change: impl FnOnce(&mut Known)) -> Known {
    let mut known = Known::npm();
    change(&mut known);
    known
}

/// Returns npm's publish attestation of another release.
fn released(change: impl Fn(&mut Release)) -> Finding {
    let mut finding = published();
    finding.attested.release.iter_mut().for_each(change);
    finding
}

/// Returns an attestation that the package's workflow signed.
fn signed(subject: &str, predicate_type: &str) -> Finding {
    finding(subject, predicate_type, Signer::Workload(Box::new(workload())))
}

fn build() -> Build {
    match Known::npm().judge(vec![Ok(provenance())]) {
        Verdict::Verified(build) => *build,
        other => panic!("{other}"),
    }
}

#[test]
fn verified_build_names_its_origin() {
    let expected = Build {
        repository: SOURCE.into(),
        repository_id: Some("99".into()),
        commit: "f0b49a04".into(),
        workflow: ".github/workflows/release.yml".into(),
        called: None,
        builder: "https://github.com/actions/runner/github-hosted".into(),
        signed_at: time(0),
    };
    assert_eq!(build(), expected);
    let verdict = Known::npm().judge(vec![Ok(published()), Ok(provenance())]);
    assert_eq!(verdict, Verdict::Verified(Box::new(expected)));
}

#[test]
fn file_name_and_version_bind_an_attestation() {
    let image = Known::of("oci", "ghcr.io/acme/tool:1");
    assert_verdicts([
        (Known::npm(), vec![], "unsigned"),
        (Known::npm(), vec![Ok(published())], "unsigned"),
        (image, vec![Ok(signed("", "https://spdx.dev/Document"))], "unsigned"),
        // The file, its name and its version.
        (Known::npm(), vec![Ok(attested(|other| other.subjects.clear()))], "artefact"),
        (changed(|known| known.artefact.digests.clear()), vec![Ok(provenance())], "artefact"),
        (changed(|known| known.version = "1.1".into()), vec![Ok(provenance())], "package"),
        (Known::of("npm", "@acme/tools"), vec![Ok(provenance())], "package"),
        (Known::npm(), vec![Ok(attested(|other| other.subjects[0].name.clear()))], "package"),
        (
            Known::npm(),
            vec![Ok(attested(|other| {
                let named = Subject { name: other.subjects[0].name.clone(), digests: vec![] };
                other.subjects[0].name = "pkg:npm/other@1.0".into();
                other.subjects.push(named);
            }))],
            "package",
        ),
    ]);
    assert_eq!(Known::npm().judge_evidence(&Evidence::Unavailable), Verdict::Unavailable);
}

#[test]
fn predicate_is_a_known_one_signed_by_whom_signs_such() {
    let mut unreleased = published();
    unreleased.attested.release = None;
    assert_verdicts([
        (
            Known::npm(),
            vec![Ok(signed("pkg:npm/%40acme/tool@1.0", "https://other.example"))],
            "predicate",
        ),
        (Known::npm(), vec![Ok(signed("pkg:npm/%40acme/tool@1.0", PYTHON_PUBLISH))], "predicate"),
        (Known::npm(), vec![Ok(signed("pkg:npm/%40acme/tool@1.0", NPM_PUBLISH))], "signer"),
        (
            Known::npm(),
            vec![Ok(Finding { signer: Signer::Registry("key".into()), ..provenance() })],
            "signer",
        ),
        (Known::of("mcpb", "tool"), vec![Ok(provenance())], "predicate"),
        // The registry's own attestation.
        (Known::npm(), vec![Ok(provenance()), Ok(published())], "verified"),
        (Known::npm(), vec![Ok(provenance()), Err(Refusal::UnknownKey)], "refused"),
        (Known::npm(), vec![Ok(provenance()), Ok(unreleased)], "package"),
        (
            Known::npm(),
            vec![Ok(provenance()), Ok(released(|other| other.name.push('x')))],
            "package",
        ),
        (
            Known::npm(),
            vec![Ok(provenance()), Ok(released(|other| other.version.push('1')))],
            "package",
        ),
        (
            Known::npm(),
            vec![Ok(provenance()), Ok(released(|other| other.registry.push('x')))],
            "package",
        ),
    ]);
}

#[test]
fn only_a_known_build_service_and_builder_verify() {
    assert_verdicts([
        (
            Known::npm(),
            vec![Ok(certified(|other| other.issuer = "https://github.com/login/oauth".into()))],
            "issuer",
        ),
        (
            Known::npm(),
            vec![Ok(certified(|other| other.issuer = "https://gitlab.com".into()))],
            "source",
        ),
        (
            Known::npm(),
            vec![Ok(certified(|other| other.runner = Some("self-hosted".into())))],
            "self-hosted",
        ),
        (Known::npm(), vec![Ok(certified(|other| other.runner = None))], "verified"),
        (Known::npm(), vec![Ok(certified(|other| other.repository = None))], "source"),
        (Known::npm(), vec![Ok(certified(|other| other.commit = None))], "source"),
        (
            Known::npm(),
            vec![Ok(certified(|other| {
                other.workflow = Some("https://github.com/other/x/y@z".into());
            }))],
            "source",
        ),
        (Known::npm(), vec![Ok(attested(|other| other.builder = None))], "builder"),
        (
            Known::npm(),
            vec![Ok(attested(|other| other.builder = Some("https://builder.example".into())))],
            "builder",
        ),
        (
            Known::npm(),
            vec![Ok(attested(|other| other.builder = Some(workload().signer)))],
            "verified",
        ),
        (Known::npm(), vec![Ok(attested(|other| other.repository = None))], "verified"),
        (
            Known::npm(),
            vec![Ok(attested(|other| other.repository = Some("https://github.com/a/b".into())))],
            "contradiction",
        ),
    ]);
}

#[test]
fn only_the_repository_of_the_entry_and_the_owner_of_the_namespace_verify() {
    assert_verdicts([
        (changed(|known| known.repository = None), vec![Ok(provenance())], "no repository"),
        (
            changed(|known| known.repository = Repository::parse("https://github.com/acme/too1")),
            vec![Ok(provenance())],
            "repository",
        ),
        (
            changed(|known| known.repository = Repository::parse("https://gitlab.com/acme/tool")),
            vec![Ok(provenance())],
            "repository",
        ),
        (Known::npm(), vec![Ok(certified(|other| other.owner_id = Some("8".into())))], "owner"),
        (Known::npm(), vec![Ok(certified(|other| other.owner_id = Some("x".into())))], "owner"),
        (Known::npm(), vec![Ok(certified(|other| other.owner_id = None))], "verified"),
        (changed(|known| known.holder = None), vec![Ok(provenance())], "verified"),
        (
            changed(|known| known.holder = Some(Holder { login: "renamed".into(), id: Some(7) })),
            vec![Ok(provenance())],
            "verified",
        ),
        (
            changed(|known| known.holder = Some(Holder { login: "other".into(), id: None })),
            vec![Ok(provenance())],
            "owner",
        ),
    ]);
}

#[test]
fn registry_that_checks_attestations_needs_all_and_an_image_one() {
    let python = Known::of("pypi", "acme-tool");
    let image = Known::of("oci", "ghcr.io/acme/tool:1");
    assert_verdicts([
        (python.clone(), vec![Ok(signed("acme_tool-1.0.tar.gz", PYTHON_PUBLISH))], "verified"),
        (python.clone(), vec![Ok(signed("acme_tool-1.0.zip", PYTHON_PUBLISH))], "package"),
        (python, vec![Ok(signed("acme_tool-1.0.tar.gz", NPM_PUBLISH))], "predicate"),
        (image.clone(), vec![Ok(signed("ghcr.io/acme/tool", SLSA))], "verified"),
        (image.clone(), vec![Ok(signed("", "https://sigstore.dev/cosign/sign/v1"))], "verified"),
        (image.clone(), vec![Ok(signed("ghcr.io/acme/other", SLSA))], "package"),
        (
            image.clone(),
            vec![Err(Refusal::UnknownKey), Ok(signed("ghcr.io/acme/tool", SLSA))],
            "verified",
        ),
        (image, vec![Err(Refusal::UnknownKey)], "refused"),
    ]);
}

/// A signature of an image says nothing of a build by itself: only the certificate of a workflow does.
#[test]
fn signature_of_an_image_verifies_only_with_the_source_of_its_workflow() {
    let image = || Known::of("oci", "ghcr.io/acme/tool:1");
    let by = |change: fn(&mut Workload)| {
        let mut workload = workload();
        change(&mut workload);
        let signer = Signer::Workload(Box::new(workload));
        vec![Ok(finding("", "https://sigstore.dev/cosign/sign/v1", signer))]
    };
    let of_key = finding("", "https://sigstore.dev/cosign/sign/v1", Signer::Registry("key".into()));
    assert_verdicts([
        (image(), by(|_| {}), "verified"),
        (image(), by(|other| other.repository = None), "source"),
        (image(), by(|other| other.commit = None), "source"),
        (image(), by(|other| other.workflow = None), "source"),
        (image(), by(|other| other.issuer = "https://accounts.example".into()), "issuer"),
        (image(), by(|other| other.owner_id = Some("8".into())), "owner"),
        (image(), vec![Ok(of_key)], "signer"),
        // Further bundles that are not read hide none that verifies.
        (image(), [by(|_| {}), vec![Err(Refusal::TooLarge)]].concat(), "verified"),
        (
            image(),
            [by(|other| other.commit = None), vec![Err(Refusal::TooLarge)]].concat(),
            "source",
        ),
    ]);
}

#[test]
fn build_on_gitlab_belongs_to_no_account_on_github() {
    let mut known = Known::npm();
    let source = "https://gitlab.com/acme/tool";
    known.repository = Repository::parse(source);
    let mut finding = certified(|other| {
        other.issuer = "https://gitlab.com".into();
        other.repository = Some(source.into());
        other.workflow = Some(format!("{source}//.gitlab-ci.yml@refs/heads/main"));
        other.signer = format!("{source}//.gitlab-ci.yml@refs/heads/main");
        other.runner = Some("gitlab-hosted".into());
    });
    finding.attested.repository = None;
    finding.attested.builder = Some(format!("{source}/-/runners/12"));
    let refused = known.judge(vec![Ok(finding.clone())]);
    assert!(matches!(refused, Verdict::Failed { reason: Failure::OtherOwner { .. } }), "{refused}");
    known.holder = None;
    let Verdict::Verified(build) = known.judge(vec![Ok(finding)]) else { panic!("not verified") };
    assert_eq!(build.workflow, ".gitlab-ci.yml");
}

#[test]
fn another_repository_or_workflow_after_a_verified_build_is_drift() {
    let before = build();
    let changed = |change: fn(&mut Build)| {
        let mut now = before.clone();
        change(&mut now);
        drift(&before, &Verdict::Verified(Box::new(now)))
    };
    assert_eq!(changed(|_| {}), None);
    assert_eq!(changed(|now| now.commit = "other".into()), None);
    // A repository that was renamed keeps its id, and one that was created again does not.
    assert_eq!(changed(|now| now.repository = "https://github.com/acme/new".into()), None);
    let recreated = changed(|now| now.repository_id = Some("100".into()));
    assert!(matches!(recreated, Some(Drift::Repository { .. })), "{recreated:?}");
    let moved = changed(|now| {
        (now.repository, now.repository_id) = ("https://github.com/acme/new".into(), None);
    });
    assert!(matches!(moved, Some(Drift::Repository { .. })), "{moved:?}");
    let workflow = changed(|now| now.workflow = ".github/workflows/test.yml".into());
    assert!(matches!(workflow, Some(Drift::Workflow { .. })), "{workflow:?}");
    let called = changed(|now| now.called = Some("https://github.com/evil/w/x.yml".into()));
    assert!(matches!(called, Some(Drift::Called { .. })), "{called:?}");
    assert_eq!(drift(&before, &Verdict::Unsigned), Some(Drift::Unsigned));
    assert_eq!(drift(&before, &Verdict::Unavailable), None);
    assert_eq!(drift(&before, &Verdict::Failed { reason: Failure::NoSource }), Some(Drift::Failed));
    let (expected, built_from) = (before.repository.clone(), "https://github.com/evil/x".into());
    let other = Verdict::Failed { reason: Failure::OtherRepository { expected, built_from } };
    let moved = drift(&before, &other);
    assert!(
        matches!(&moved, Some(Drift::Repository { now, .. }) if now == "https://github.com/evil/x"),
        "{moved:?}"
    );
}

#[test]
fn workflow_of_another_repository_is_named_beside_the_own_one() {
    let shared = "https://github.com/shared/flows/.github/workflows/build.yml@refs/tags/v1";
    let Verdict::Verified(build) =
        Known::npm().judge(vec![Ok(certified(|other| other.signer = shared.into()))])
    else {
        panic!("not verified")
    };
    assert_eq!(build.workflow, ".github/workflows/release.yml");
    assert_eq!(build.called.as_deref(), shared.split('@').next());
}

fn evidence(attestations: Attestations) -> Evidence {
    Evidence::Attestations(attestations)
}

#[test]
fn silence_changes_no_evidence_and_an_earlier_build_is_kept() {
    let trust = Digest::of(b"trust");
    let after = |before, found| AttestationRecord::after(before, found, trust);
    let built = evidence(vec![Ok(provenance())]);
    let none = evidence(Vec::new());
    let first = after(None, Evidence::Unavailable);
    let first = after(Some(first), built.clone());
    assert_eq!((&first.evidence, first.earlier.len()), (&built, 0));
    let same = after(Some(after(Some(first.clone()), Evidence::Unavailable)), built.clone());
    assert!(same.has_same_evidence(&first));
    let lost = after(Some(same), none.clone());
    assert_eq!((&lost.evidence, &lost.earlier), (&none, &vec![built.clone()]));
    let text = serde_json::to_string(&lost).expect("JSON");
    assert_eq!(serde_json::from_str::<AttestationRecord>(&text).expect("a record"), lost);
    // However often it changes, the first one stays.
    let mut record = lost;
    for commit in 0..10 {
        let found = certified(|other| other.commit = Some(commit.to_string()));
        record = after(Some(record), evidence(vec![Ok(found)]));
    }
    assert_eq!(record.earlier.len(), 4);
    assert_eq!(record.earlier[0], built);
}

#[test]
fn evidence_is_kept_within_a_limit_and_without_other_files() {
    let other = || Subject { name: "x".repeat(1_000), digests: vec![digest(&"0".repeat(64))] };
    let many = attested(|found| found.subjects.extend((0..100).map(|_| other())));
    assert_eq!(evidence(vec![Ok(many)]).kept(&[digest(HEX)]), evidence(vec![Ok(provenance())]));
    let long = certified(|found| found.signer = "x".repeat(64 * 1024));
    assert_eq!(
        evidence(vec![Ok(long)]).kept(&[digest(HEX)]),
        evidence(vec![Err(Refusal::TooLarge)])
    );
}

#[test]
fn least_that_is_known_of_a_file_is_the_verdict_on_the_package() {
    let verified = Verdict::Verified(Box::new(build()));
    let failed = Verdict::Failed { reason: Failure::NoSource };
    let of = |files: &[&Verdict]| Verdict::of_files(files.iter().copied().cloned());
    assert_eq!(of(&[&verified, &verified]), verified);
    assert_eq!(of(&[&verified, &Verdict::Unsigned]), Verdict::Unsigned);
    assert_eq!(of(&[&Verdict::Unavailable, &Verdict::Unsigned]), Verdict::Unavailable);
    assert_eq!(of(&[&Verdict::Unavailable, &failed, &verified]), failed);
    assert_eq!(of(&[]), Verdict::Unavailable);
}

#[test]
fn text_from_outside_is_bounded_and_escaped() {
    let finding =
        attested(|other| other.subjects[0].name = format!("\u{1b}[2J{}", "x".repeat(10_000)));
    let verdict = Known::npm().judge(vec![Ok(finding)]);
    let text = verdict.to_string();
    assert!(text.len() < 1_000 && !text.contains('\u{1b}'), "{text}");
}

fn texts() -> impl Strategy<Value = String> {
    let usual = ["pkg:npm/%40acme/tool@1.0", SLSA, PYTHON_PUBLISH, SOURCE, "@", "", "-.whl"];
    prop_oneof![any::<String>(), proptest::sample::select(usual.to_vec()).prop_map(str::to_owned)]
}

proptest! {
    #[test]
    fn reading_a_payload_never_panics(payload in any::<Vec<u8>>(), text in texts()) {
        let _ = Attested::read(&payload);
        let json = serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": text, "predicate": text,
            "subject": [{"name": text, "digest": {"sha256": text}}],
        });
        let read = Attested::read(json.to_string().as_bytes()).expect("an attestation");
        prop_assert_eq!(read.predicate_type, text);
    }

    #[test]
    fn judging_never_panics_and_other_texts_verify_nothing(
        subject in texts(), kind in texts(), source in texts(), workflow in texts(), registry in texts(),
    ) {
        let signer = Workload { repository: Some(source.clone()), workflow: Some(workflow), ..workload() };
        let finding = finding(&subject, &kind, Signer::Workload(Box::new(signer)));
        let mut known = Known::of(&registry, &subject);
        known.artefact.file = Some(subject);
        let verdict = known.judge(vec![Ok(finding)]);
        prop_assert!(verdict.to_string().len() < 4_000);
        if let Verdict::Verified(build) = verdict {
            prop_assert_eq!(Repository::parse(&build.repository), known.repository);
        }
    }
}
