//! An answer of a package registry with attestations, a bundle, or the payload of one.
//!
//! No bundle verifies a package of a repository that did not build it, whatever its payload says.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vidimus::attestation::{Form, Verifier, collect};
use vidimus::model::Timestamp;
use vidimus::ownership::Package;
use vidimus::provenance::{
    Artefact, ArtefactDigest, Attested, Evidence, Expected, Finding, Repository, Signer, Verdict,
    Workload, judge,
};

static VERIFIER: LazyLock<Verifier> =
    LazyLock::new(|| Verifier::new(None, None).expect("the embedded trust"));
const DIGEST: &str = "sha256:54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";

fuzz_target!(|input: &[u8]| {
    let digests = vec![ArtefactDigest::parse(DIGEST).expect("a digest")];
    let mut all = [Form::Npm, Form::Python, Form::Bundle]
        .map(|form| collect(form, &[input], &digests, &VERIFIER))
        .to_vec();
    if let Some(attested) = Attested::read(input) {
        let workload = Workload {
            issuer: "https://token.actions.githubusercontent.com".into(),
            signer: "https://github.com/a/b/w.yml@main".into(),
            repository: Some("https://github.com/a/b".into()),
            commit: Some("1".into()),
            workflow: Some("https://github.com/a/b/w.yml@main".into()),
            ..Workload::default()
        };
        let signer = Signer::Workload(Box::new(workload));
        let finding = Finding { attested, signer, signed_at: Timestamp::from_micros(7) };
        all.push(Evidence::Attestations(vec![Ok(finding)]));
    }
    let other = Repository::parse("https://github.com/other/repository");
    let artefact = Artefact { file: None, digests };
    for registry in ["npm", "pypi", "oci", "mcpb"] {
        let package = Package::new(registry, "sigstore", None);
        let expected = Expected {
            package: &package,
            version: "2.0.0",
            artefact: &artefact,
            registries: &[],
            repository: other.as_ref(),
            holder: None,
        };
        for evidence in &all {
            let verdict = judge(evidence, &expected);
            assert!(!matches!(verdict, Verdict::Verified(_)), "{verdict}");
        }
    }
});
