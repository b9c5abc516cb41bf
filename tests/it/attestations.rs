//! Attestations that real services signed, if `../shared/sigstore.tar.gz` is present: bundles of package registries, and
//! a set of cases by which implementations are compared.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use vidimus::attestation::{Form, Verifier, collect};
use vidimus::model::Digest;
use vidimus::ownership::Package;
use vidimus::provenance::{
    Artefact, ArtefactDigest, Build, Evidence, Expected, Failure, Holder, Refusal, Repository,
    Verdict, judge,
};

use crate::support::skip::skipped;

const NPM_2_0_0: &str = "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c";
const NPM_1_3_0: &str = "sha512:76176ffa33808b54602c7c35de5c6e9a4deb96066dba6533f50ac234f4f1f4c6b3527515dc17c06fbe2860030f410eee69ea20079bd3a2c6f3dcf3b329b10751";

/// Returns a folder with the unpacked material; says that the test is skipped if it is not present.
fn material() -> Option<(TempDir, PathBuf)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/sigstore.tar.gz");
    let Ok(packed) = fs::File::open(path) else {
        skipped("../shared/sigstore.tar.gz with real attestations is not present");
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
    archive.unpack(folder.path()).expect("an archive");
    let root = folder.path().join("sigstore");
    Some((folder, root))
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&read(path)).expect("JSON")
}

fn embedded() -> Verifier {
    Verifier::new(None, None).expect("the embedded trust")
}

/// Returns the digest of a file by SHA-256.
fn sha256(bytes: &[u8]) -> ArtefactDigest {
    ArtefactDigest::parse(&Digest::of(bytes).to_string()).expect("a digest")
}

fn sha512(bytes: &[u8]) -> ArtefactDigest {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, bytes);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    ArtefactDigest::parse(&format!("sha512:{hex}")).expect("a digest")
}

/// A package with one file, and what its entry says.
struct Known<'k> {
    registry: &'k str,
    urls: &'k [&'k str],
    name: &'k str,
    version: &'k str,
    file: Option<&'k str>,
    digests: Vec<ArtefactDigest>,
    repository: &'k str,
    holder: Option<Holder>,
}

impl Known<'_> {
    fn judge(&self, form: Form, document: &Value, verifier: &Verifier) -> Verdict {
        let document = document.to_string();
        let evidence = collect(form, &[document.as_bytes()], &self.digests, verifier);
        let package = Package::new(self.registry, self.name, None);
        let file = self.file.map(str::to_owned);
        let artefact = Artefact { file, digests: self.digests.clone() };
        let repository = Repository::parse(self.repository);
        let expected = Expected {
            package: &package,
            version: self.version,
            artefact: &artefact,
            registries: self.urls,
            repository: repository.as_ref(),
            holder: self.holder.as_ref(),
        };
        judge(&evidence, &expected)
    }
}

fn verified(verdict: Verdict) -> Build {
    match verdict {
        Verdict::Verified(build) => *build,
        other => panic!("{other}"),
    }
}

#[test]
fn provenance_verifies_the_package_of_its_repository_and_no_other() {
    let bundle: Value =
        serde_json::from_slice(include_bytes!("../fixtures/attestations/npm-provenance.json"))
            .expect("JSON");
    let document = json!({"attestations": [{"bundle": bundle}]});
    let known = || Known {
        registry: "npm",
        urls: &[],
        name: "sigstore",
        version: "2.0.0",
        file: None,
        digests: vec![ArtefactDigest::parse(NPM_2_0_0).expect("a digest")],
        repository: "https://github.com/sigstore/sigstore-js",
        holder: Some(Holder { login: "sigstore".into(), id: Some(71_096_353) }),
    };
    let judge = |known: Known<'_>| known.judge(Form::Npm, &document, &embedded());
    let build = verified(judge(known()));
    assert_eq!(build.commit, "f0b49a04e5a62250e0f60fb128004a73110fe311");
    assert_eq!(build.workflow, ".github/workflows/release.yml");
    let other = |why: &str, known: Known<'_>| {
        let verdict = judge(known).to_string();
        assert!(verdict.starts_with("failed: ") && verdict.contains(why), "{verdict}");
    };
    other("another package or version", Known { version: "2.0.1", ..known() });
    other("another package or version", Known { name: "@sigstore/sign", ..known() });
    other("another file", Known { digests: vec![sha512(b"other")], ..known() });
    other("names no repository", Known { repository: "https://example.org/x/y", ..known() });
    let similar = "https://github.com/slgstore/sigstore-js";
    other("the entry names", Known { repository: similar, ..known() });
    let stranger = Some(Holder { login: "sigstore".into(), id: Some(1) });
    other("the namespace belongs to", Known { holder: stranger, ..known() });
}

#[test]
fn every_failing_case_of_the_conformance_set_is_refused_and_no_other() {
    let Some((_folder, root)) = material() else { return };
    let cases = root.join("conformance/bundle-verify");
    let mut counts = (0, 0);
    // A signature of plain bytes says nothing of a package, and only a registry's keys are known.
    let (mut plain, mut managed) = (Vec::new(), Vec::new());
    let mut folders: Vec<PathBuf> = fs::read_dir(&cases)
        .expect("cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for case in folders {
        let name = case.file_name().expect("a name").to_string_lossy().into_owned();
        let artefact = Some(case.join("artifact")).filter(|path| path.exists());
        let artefact = read(&artefact.unwrap_or_else(|| cases.join("a.txt")));
        let digests = [sha256(&artefact), sha512(&artefact)];
        let trust = Some(case.join("trusted_root.json")).filter(|path| path.exists());
        let trust = trust.map(|path| read(&path));
        let bundle = read(&case.join("bundle.sigstore.json"));
        let found = Verifier::new(trust.as_deref(), None)
            .map_err(|_| Refusal::Certificate)
            .and_then(|verifier| verifier.verify(&bundle, &digests));
        if name.ends_with("_fail") {
            counts.0 += 1;
            assert!(!matches!(found, Ok(_) | Err(Refusal::NotAnAttestation)), "{name}: {found:?}");
            continue;
        }
        counts.1 += 1;
        match found {
            Ok(_) => {}
            Err(Refusal::NotAnAttestation) => plain.push(name),
            Err(Refusal::UnknownKey) => managed.push(name),
            Err(other) => panic!("{name}: {other:?}"),
        }
    }
    assert_eq!(counts, (49, 21));
    assert_eq!(managed, ["managed-key-and-trusted-root", "managed-key-happy-path"]);
    assert!(
        plain.iter().all(|name| !name.contains("dsse") && !name.contains("intoto")),
        "{plain:?}"
    );
}

/// Returns the registry that a publish attestation names.
fn stated_registry(bundle: &Value) -> String {
    let payload = bundle["dsseEnvelope"]["payload"].as_str().expect("text");
    let attested: Value =
        serde_json::from_slice(&STANDARD.decode(payload).expect("base64")).expect("JSON");
    attested["predicate"]["registry"].as_str().expect("a URL").to_owned()
}

#[test]
fn npm_release_verifies_with_the_attestation_of_its_registry() {
    let Some((_folder, root)) = material() else { return };
    let (provenance, published) = (
        json_of(&root.join("npm/sigstore-go.bundle-provenance.json")),
        json_of(&root.join("npm/sigstore-go.bundle-publish.json")),
    );
    let tarball = read(&root.join("npm/sigstore-1.3.0.tgz"));
    assert_eq!(sha512(&tarball).to_string(), NPM_1_3_0);
    let document = |published: &Value| {
        let of = |bundle: &Value| json!({"predicateType": "any", "bundle": bundle});
        json!({"attestations": [of(published), of(&provenance)]})
    };
    let url = stated_registry(&published);
    let known = Known {
        registry: "npm",
        urls: &[&url],
        name: "sigstore",
        version: "1.3.0",
        file: None,
        digests: vec![sha512(&tarball)],
        repository: "https://github.com/sigstore/sigstore-js",
        holder: Some(Holder { login: "sigstore".into(), id: Some(71_096_353) }),
    };
    let build = verified(known.judge(Form::Npm, &document(&published), &embedded()));
    assert_eq!(build.commit, "dae8bd8eb433a4147b4655c00fe73e0f22bc0fb1");
    assert_eq!(build.builder, "https://github.com/actions/runner");
    let only_published = json!({"attestations": [{"bundle": published}]});
    assert_eq!(known.judge(Form::Npm, &only_published, &embedded()), Verdict::Unsigned);

    let refused = |verdict: Verdict| match verdict {
        Verdict::Failed { reason: Failure::Refused { refusal } } => refusal,
        other => panic!("{other}"),
    };
    // Keys of the registry: another one, one that had ended, and none of that name.
    let keys = json_of(&root.join("npm/npm-registry-keys.json"));
    let with = |change: fn(&mut Value)| {
        let mut keys = keys.clone();
        keys["keys"].as_array_mut().expect("keys").iter_mut().for_each(change);
        Verifier::new(None, Some(keys.to_string().as_bytes())).expect("trust")
    };
    let verifiers = [
        (Refusal::UnknownKey, with(|key| key["keyId"] = json!("SHA256:other"))),
        (
            Refusal::UnknownKey,
            with(|key| key["publicKey"]["validFor"]["end"] = json!("2023-01-01T00:00:00.000Z")),
        ),
        (
            Refusal::UnknownKey,
            with(|key| key["publicKey"]["validFor"]["start"] = json!("2025-01-01T00:00:00.000Z")),
        ),
        (
            Refusal::Signature,
            with(|key| {
                let other = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEY6Ya7W++7aUPzvMTrezH6Ycx3c+HOKYCcNGybJZSCJq/fd7Qa8uuAKtdIkUQtQiEKERhAmE5lMMJhP8OkDOa2g==";
                key["publicKey"]["rawBytes"] = json!(other);
            }),
        ),
    ];
    for (expected, verifier) in verifiers {
        assert_eq!(refused(known.judge(Form::Npm, &document(&published), &verifier)), expected);
    }
    let mut edited = published.clone();
    let payload = &mut edited["dsseEnvelope"]["payload"];
    let text = STANDARD.decode(payload.as_str().expect("text")).expect("base64");
    let text = String::from_utf8(text).expect("text").replace(&url, "https://other.example");
    *payload = json!(STANDARD.encode(text));
    let refusal = refused(known.judge(Form::Npm, &document(&edited), &embedded()));
    assert_eq!(refusal, Refusal::Signature);

    let others = [
        Known { version: "1.3.1", digests: known.digests.clone(), holder: None, ..known },
        Known { name: "sigstor", digests: known.digests.clone(), holder: None, ..known },
        Known {
            urls: &["https://other.example"],
            digests: known.digests.clone(),
            holder: None,
            ..known
        },
    ];
    for other in others {
        let verdict = other.judge(Form::Npm, &document(&published), &embedded());
        let is_other = matches!(verdict, Verdict::Failed { reason: Failure::OtherPackage { .. } });
        assert!(is_other, "{verdict}");
    }
}

#[test]
fn files_of_pypi_verify_by_the_provenance_that_it_serves() {
    let Some((_folder, root)) = material() else { return };
    let path = |name: &str| root.join("pypi").join(name);
    let document = |name: &str| {
        let attestation = json_of(&path(name));
        json!({"version": 1, "attestation_bundles": [{"attestations": [attestation]}]})
    };
    let known = |name, version, file, repository| Known {
        registry: "pypi",
        urls: &[],
        name,
        version,
        file: Some(file),
        digests: vec![sha256(&read(&path(file)))],
        repository,
        holder: None,
    };
    let file = "pypi_attestations-0.0.19.tar.gz";
    let repository = "https://github.com/trailofbits/pypi-attestations";
    let attestations = known("pypi_attestations", "0.0.19", file, repository);
    let served = json_of(&path("pypi_attestations-0.0.19.tar.gz.provenance"));
    let build = verified(attestations.judge(Form::Python, &served, &embedded()));
    assert_eq!(build.builder, "github-hosted");
    assert_eq!(build.workflow, ".github/workflows/release.yml");
    let slsa = document("pypi_attestations-0.0.19.tar.gz.slsa.attestation");
    let build = verified(attestations.judge(Form::Python, &slsa, &embedded()));
    assert_eq!(
        build.builder,
        format!("{repository}/.github/workflows/release.yml@refs/tags/v0.0.19")
    );
    let models = known(
        "pypi-attestation-models",
        "0.0.4a2",
        "pypi_attestation_models-0.0.4a2.tar.gz",
        "https://github.com/trailofbits/pypi-attestation-models",
    );
    let one = document("pypi_attestation_models-0.0.4a2.tar.gz.attestation");
    verified(models.judge(Form::Python, &one, &embedded()));
    let gitlab = known(
        "gitlab-oidc-project",
        "0.0.3",
        "gitlab_oidc_project-0.0.3.tar.gz",
        "https://gitlab.com/facutuesca/gitlab-oidc-project",
    );
    let one = document("gitlab_oidc_project-0.0.3.tar.gz.publish.attestation");
    let build = verified(gitlab.judge(Form::Python, &one, &embedded()));
    assert_eq!(
        (build.workflow.as_str(), build.builder.as_str()),
        (".gitlab-ci.yml", "gitlab-hosted")
    );

    // A person signed it, under another root.
    let staging = known("rfc8785", "0.1.2", "rfc8785-0.1.2-py3-none-any.whl", repository);
    let one = document("rfc8785-0.1.2-py3-none-any.whl.publish.attestation");
    let verdict = staging.judge(Form::Python, &one, &embedded());
    let is_refused = matches!(verdict, Verdict::Failed { reason: Failure::Refused { .. } });
    assert!(is_refused, "{verdict}");
    let root = read(&root.join("roots/trusted_root.staging.crate-0.15.1.json"));
    let verifier = Verifier::new(Some(&root), None).expect("trust");
    let verdict = staging.judge(Form::Python, &one, &verifier);
    assert!(matches!(verdict, Verdict::Failed { reason: Failure::Issuer { .. } }), "{verdict}");
}

#[test]
fn embedded_trust_is_what_package_registries_distribute() {
    let Some((_folder, root)) = material() else { return };
    let public = [
        "roots/trusted_root.public-good.pypi-sigstore-4.5.1.json",
        "roots/npm-sigstore-tuf-5.0.1.tuf-repo-cdn.sigstore.dev.trusted_root.json",
    ];
    let mut files = fs::read_dir(root.join("roots"))
        .expect("a folder")
        .map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let is_keys =
        |file: &String| file.starts_with("npm-sigstore-tuf") && file.ends_with("keys.json");
    let keys = Path::new("roots").join(files.find(is_keys).expect("the keys of a registry"));
    for name in public {
        let (root, keys) = (read(&root.join(name)), read(&root.join(&keys)));
        let verifier = Verifier::new(Some(&root), Some(&keys)).expect("trust");
        assert_eq!(verifier.trust(), embedded().trust(), "{name}");
    }
    // The instance for private repositories has no public log, so its root admits nothing here.
    let private = read(&root.join("roots/trusted_root.github.crate-0.15.1.json"));
    assert!(Verifier::new(Some(&private), None).is_err());
    let evidence = collect(Form::Bundle, &[], &[], &embedded());
    assert_eq!(evidence, Evidence::Attestations(vec![]));
}
