use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::*;
use crate::provenance::{ArtefactDigest, Evidence, Finding, Refusal, Signer};

const NPM: &[u8] = include_bytes!("../../tests/fixtures/attestations/npm-provenance.json");
const CONDA: &[u8] = include_bytes!("../../tests/fixtures/attestations/conda.json");
const STAGING: &[u8] = include_bytes!("../../tests/fixtures/attestations/staging-rekor2.json");
const STAGING_ROOT: &[u8] = include_bytes!("../../tests/fixtures/attestations/staging_root.json");
const PERSON: &[u8] = include_bytes!("../../tests/fixtures/attestations/person.json");
const BLOB: &[u8] = include_bytes!("../../tests/fixtures/attestations/blob.json");
const WHEEL: &[u8] = include_bytes!("../../tests/fixtures/attestations/wheel.json");
const PRIVATE: &[u8] = include_bytes!("../../tests/fixtures/attestations/github-private.json");

const NPM_DIGEST: &str = "sha512:46d4e2f74c4877316640000a6fdf8a8b59f1e0847667973e9859f774dd31b8f1e0937813b777fb66a2ac67d50540fe34640966eee9fc2ccca387082b4c85cd3c";
const CONDA_DIGEST: &str =
    "sha256:54303491a8418fbed24344b513546182c29b43bf282ceb433af65e2299f9271f";
const PERSON_DIGEST: &str = "sha512:bbfd372fc9beeb777fe35d05bb10c0c70a9733d366a75fed7dd18866c7391de3ee7e88ba74dd47abf3e15c845e547fcf0e5c3da80854c751554224d3a6d4e55f";
const BLOB_DIGEST: &str = "sha256:e194b99df6639501325c5f44da79fe3a8efae6f239bd79443a19787e06fb1764";
const WHEEL_DIGEST: &str =
    "sha256:c4e92e9ecc828bef2aa7dba1de8ac983511f7532a0df11c770d39099a25cf201";
const PRIVATE_DIGEST: &str =
    "sha256:76f1fe8593bf227cca2c089e3c16dc95014a8d3e89c5dd220530469ca043c428";

fn digest(text: &str) -> ArtefactDigest {
    ArtefactDigest::parse(text).expect("a digest")
}

fn embedded() -> Verifier {
    Verifier::new(None, None).expect("the embedded trust")
}

fn verify(bundle: &[u8], of: &str) -> Result<Finding, Refusal> {
    embedded().verify(bundle, &[digest(of)])
}

/// Returns a bundle with one member changed.
fn changed(bundle: &[u8], pointer: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(bundle).expect("JSON");
    change(json.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is absent")));
    json.to_string().into_bytes()
}

/// Changes the last byte of something in base64.
fn flip(value: &mut Value) {
    let mut bytes = STANDARD.decode(value.as_str().expect("text")).expect("base64");
    *bytes.last_mut().expect("a byte") ^= 1;
    *value = json!(STANDARD.encode(bytes));
}

/// Replaces a text inside the payload.
fn rewrite(bundle: &[u8], from: &str, to: &str) -> Vec<u8> {
    changed(bundle, "/dsseEnvelope/payload", |value| {
        let bytes = STANDARD.decode(value.as_str().expect("text")).expect("base64");
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.contains(from), "{from} is absent");
        *value = json!(STANDARD.encode(text.replace(from, to)));
    })
}

#[test]
fn real_provenance_of_npm_verifies_and_names_its_build() {
    let finding = verify(NPM, NPM_DIGEST).expect("a finding");
    let Signer::Workload(workload) = &finding.signer else { panic!("{:?}", finding.signer) };
    assert_eq!(workload.owner_id.as_deref(), Some("71096353"));
    assert_eq!(
        workload.signer.split('@').next(),
        workload.workflow.as_deref().and_then(|ran| ran.split('@').next())
    );
    assert_eq!(finding.attested.subjects[0].name, "pkg:npm/sigstore@2.0.0");
    assert_eq!(finding.attested.subjects[0].digests, [digest(NPM_DIGEST)]);
    assert_eq!(finding.signed_at.to_string(), "2023-08-18T16:05:35Z");
}

#[test]
fn other_real_bundles_verify_under_their_root_only() {
    let finding = verify(CONDA, CONDA_DIGEST).expect("a finding");
    assert_eq!(finding.attested.subjects[0].name, "signed-package-2.1.0-hb0f4dca_0.conda");
    let staging = Verifier::new(Some(STAGING_ROOT), None).expect("the staging root");
    assert_ne!(staging.trust(), embedded().trust());
    let digests = [digest(CONDA_DIGEST)];
    assert!(staging.verify(STAGING, &digests).is_ok());
    assert_eq!(embedded().verify(STAGING, &digests), Err(Refusal::UnknownLog));
    assert_eq!(staging.verify(CONDA, &digests), Err(Refusal::UnknownLog));
    // Signed, but by a person, over plain bytes, and without a public log.
    assert!(verify(PERSON, PERSON_DIGEST).is_ok());
    assert_eq!(verify(BLOB, BLOB_DIGEST), Err(Refusal::NotAnAttestation));
    assert_eq!(verify(WHEEL, WHEEL_DIGEST), Err(Refusal::NotAnAttestation));
    assert_eq!(verify(PRIVATE, PRIVATE_DIGEST), Err(Refusal::Unreadable));
}

/// A bundle with a change, and why it is refused.
type Variant = (&'static str, Refusal, Vec<u8>);

/// A real bundle that is tampered with: its digest, and a text with another that replaces it.
struct Sample {
    bundle: &'static [u8],
    digest: &'static str,
    name: [&'static str; 2],
    /// A certificate of another signer that was valid too.
    certificate: Value,
}

fn samples() -> [Sample; 2] {
    let material = |bundle: &[u8]| -> Value {
        let json: Value = serde_json::from_slice(bundle).expect("JSON");
        json["verificationMaterial"].clone()
    };
    [
        Sample {
            bundle: NPM,
            digest: NPM_DIGEST,
            name: ["sigstore@2.0.0", "sigstore@2.0.1"],
            certificate: material(CONDA)["certificate"].clone(),
        },
        Sample {
            bundle: CONDA,
            digest: CONDA_DIGEST,
            name: ["2.1.0", "2.1.1"],
            certificate: material(NPM)["x509CertificateChain"]["certificates"][0].clone(),
        },
    ]
}

impl Sample {
    fn with(&self, pointer: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        changed(self.bundle, pointer, change)
    }

    /// Returns the variants whose envelope or certificate is another one.
    fn signatures(&self) -> Vec<Variant> {
        let [name, other_name] = self.name;
        let [kind, other_kind] = ["predicateType\":\"https://s", "predicateType\":\"https://t"];
        let signatures = "/dsseEnvelope/signatures";
        let twice = |list: &mut Value| *list = json!(vec![list[0].clone(); 2]);
        let other_certificate = |material: &mut Value| {
            if let Some(chain) = material.get_mut("x509CertificateChain") {
                chain["certificates"][0] = self.certificate.clone();
            } else {
                material["certificate"] = self.certificate.clone();
            }
        };
        let payload_type = "/dsseEnvelope/payloadType";
        vec![
            ("name", Refusal::Signature, rewrite(self.bundle, name, other_name)),
            ("predicate type", Refusal::Signature, rewrite(self.bundle, kind, other_kind)),
            (
                "payload type",
                Refusal::Unreadable,
                self.with(payload_type, |kind| *kind = json!("text/plain")),
            ),
            ("signature", Refusal::Signature, self.with(&format!("{signatures}/0/sig"), flip)),
            ("two signatures", Refusal::Unreadable, self.with(signatures, twice)),
            ("no signature", Refusal::Unreadable, self.with(signatures, |list| *list = json!([]))),
            (
                "certificate",
                Refusal::Certificate,
                self.with("/verificationMaterial", other_certificate),
            ),
            (
                "version of the form",
                Refusal::Unreadable,
                self.with("/mediaType", |kind| *kind = json!("other")),
            ),
        ]
    }

    /// Returns the variants whose entry in the log is another one.
    fn log_entries(&self) -> Vec<Variant> {
        let entries = "/verificationMaterial/tlogEntries";
        let with = |member: &str, change: &dyn Fn(&mut Value)| {
            self.with(&format!("{entries}/0/{member}"), change)
        };
        let later = |time: &mut Value| {
            let seconds: i64 = time.as_str().expect("text").parse().expect("a number");
            *time = json!((seconds + 1).to_string());
        };
        let other_note = |note: &mut Value| {
            *note = json!(note.as_str().expect("text").replace("rekor", "other"));
        };
        let many = |list: &mut Value| *list = json!(vec![list[0].clone(); 9]);
        let promise = "inclusionPromise/signedEntryTimestamp";
        vec![
            ("time", Refusal::Log, with("integratedTime", &later)),
            ("index", Refusal::Log, with("logIndex", &|index| *index = json!("1"))),
            ("body", Refusal::Log, with("canonicalizedBody", &flip)),
            ("promise", Refusal::Log, with(promise, &flip)),
            ("root", Refusal::Unreadable, with("inclusionProof/rootHash", &flip)),
            ("checkpoint", Refusal::Log, with("inclusionProof/checkpoint/envelope", &other_note)),
            ("other log", Refusal::UnknownLog, with("logId/keyId", &flip)),
            ("no entry", Refusal::Unreadable, self.with(entries, |list| *list = json!([]))),
            ("many entries", Refusal::TooLarge, self.with(entries, many)),
        ]
    }
}

#[test]
fn every_tampered_variant_is_refused() {
    for sample in samples() {
        let Sample { bundle, digest: of, .. } = sample;
        assert!(verify(bundle, of).is_ok());
        for (what, refusal, variant) in [sample.signatures(), sample.log_entries()].concat() {
            assert_eq!(verify(&variant, of), Err(refusal), "{what}");
        }
        let (algorithm, hex) = of.split_once(':').expect("a digest");
        let other = format!("0{}", &hex[1..]);
        let edited = rewrite(bundle, hex, &other);
        assert_eq!(verify(&edited, &format!("{algorithm}:{other}")), Err(Refusal::Signature));
        assert_eq!(verify(&edited, of), Err(Refusal::OtherArtefact));
        assert_eq!(verify(bundle, WHEEL_DIGEST), Err(Refusal::OtherArtefact));
        assert_eq!(embedded().verify(bundle, &[]), Err(Refusal::OtherArtefact));
    }
}

#[test]
fn size_and_number_are_refused_before_anything_is_parsed() {
    let digests = [digest(NPM_DIGEST)];
    let large = vec![b' '; 100 * 1024 * 1024];
    let verifier = embedded();
    assert_eq!(verifier.verify(&large, &digests), Err(Refusal::TooLarge));
    let refused = Evidence::Attestations(vec![Err(Refusal::TooLarge)]);
    for form in [Form::Npm, Form::Python, Form::Bundle] {
        assert_eq!(collect(form, &[&large], &digests, &verifier), refused);
    }
    let bundle: Value = serde_json::from_slice(NPM).expect("JSON");
    let document = |count| {
        let one = json!({"predicateType": "any", "bundle": bundle});
        json!({"attestations": vec![one; count]}).to_string()
    };
    assert_eq!(collect(Form::Npm, &[document(17).as_bytes()], &digests, &verifier), refused);
    assert_eq!(collect(Form::Bundle, &[NPM; 17], &digests, &verifier), refused);
    let two = collect(Form::Npm, &[document(2).as_bytes()], &digests, &verifier);
    let Evidence::Attestations(two) = two else { panic!("unavailable") };
    assert!(two.len() == 2 && two.iter().all(Result::is_ok), "{two:?}");
}

#[test]
fn answer_of_another_shape_is_no_answer() {
    let (digests, verifier) = ([digest(NPM_DIGEST)], embedded());
    let answers =
        ["<!doctype html><title>200</title>", "", "[]", "null", "{}", "{\"error\":\"x\"}"];
    for answer in answers {
        for form in [Form::Npm, Form::Python] {
            let evidence = collect(form, &[answer.as_bytes()], &digests, &verifier);
            assert_eq!(evidence, Evidence::Unavailable, "{form:?}: {answer}");
        }
    }
    // The bytes of a bundle have the digest that the registry stated.
    let refused = Evidence::Attestations(vec![Err(Refusal::Unreadable)]);
    for bundle in answers {
        let evidence = collect(Form::Bundle, &[bundle.as_bytes()], &digests, &verifier);
        assert_eq!(evidence, refused, "{bundle}");
    }
    let none = Evidence::Attestations(vec![]);
    assert_eq!(collect(Form::Npm, &[b"{\"attestations\":[]}"], &digests, &verifier), none);
    assert_eq!(collect(Form::Bundle, &[], &digests, &verifier), none);
}

#[test]
fn attestation_of_pypi_is_the_bundle_with_the_same_content() {
    let bundle: Value = serde_json::from_slice(CONDA).expect("JSON");
    let (material, envelope) = (&bundle["verificationMaterial"], &bundle["dsseEnvelope"]);
    let document = |version: u64| {
        let attestation = json!({
            "version": version,
            "verification_material": {
                "certificate": material["certificate"]["rawBytes"],
                "transparency_entries": material["tlogEntries"],
            },
            "envelope": {
                "statement": envelope["payload"],
                "signature": envelope["signatures"][0]["sig"],
            },
        });
        let publisher = json!({"publisher": {"kind": "GitHub"}, "attestations": [attestation]});
        json!({"version": 1, "attestation_bundles": [publisher]}).to_string()
    };
    let (digests, verifier) = ([digest(CONDA_DIGEST)], embedded());
    let expected = Evidence::Attestations(vec![verifier.verify(CONDA, &digests)]);
    assert_eq!(collect(Form::Python, &[document(1).as_bytes()], &digests, &verifier), expected);
    assert_eq!(collect(Form::Bundle, &[CONDA], &digests, &verifier), expected);
    let refused = Evidence::Attestations(vec![Err(Refusal::Unreadable)]);
    assert_eq!(collect(Form::Python, &[document(2).as_bytes()], &digests, &verifier), refused);
}

#[test]
fn trust_that_admits_nothing_is_refused() {
    let root: Value = serde_json::from_slice(STAGING_ROOT).expect("JSON");
    let without = |member: &str| {
        let mut root = root.clone();
        root[member] = json!([]);
        root.to_string()
    };
    let texts = ["", "{}", "<html>", &without("tlogs"), &without("certificateAuthorities")];
    for text in texts {
        let refused = Verifier::new(Some(text.as_bytes()), None);
        assert!(matches!(refused, Err(BadTrust::Root)), "{text}");
    }
    for text in ["", "{}", "{\"keys\":[]}"] {
        let refused = Verifier::new(None, Some(text.as_bytes()));
        assert!(matches!(refused, Err(BadTrust::Keys)), "{text}");
    }
    let large = vec![b' '; 2 * 1024 * 1024];
    assert!(matches!(Verifier::new(Some(&large), None), Err(BadTrust::TooLarge)));
}

/// Returns the texts in a JSON value.
fn texts(value: &mut Value) -> Vec<&mut Value> {
    match value {
        Value::String(_) => vec![value],
        Value::Array(items) => items.iter_mut().flat_map(texts).collect(),
        Value::Object(members) => members.values_mut().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// A change of one text of a bundle.
#[derive(Debug, Clone)]
enum Edit {
    /// Another byte in what it encodes, at a share of its length.
    Byte(Index, u8),
    /// The end of what it encodes is absent.
    Cut(Index),
    Text(String),
}

impl Edit {
    fn apply(&self, text: &str) -> String {
        let bytes = || STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty());
        match (self, bytes()) {
            (Self::Byte(at, value), Some(mut bytes)) => {
                let at = at.index(bytes.len());
                bytes[at] = *value;
                STANDARD.encode(bytes)
            }
            (Self::Cut(at), Some(bytes)) => STANDARD.encode(&bytes[..at.index(bytes.len())]),
            (Self::Text(other), _) => other.clone(),
            (Self::Byte(at, _) | Self::Cut(at), None) => {
                text.chars().take(at.index(text.len() + 1)).collect()
            }
        }
    }
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<(Index, u8)>().prop_map(|(at, value)| Edit::Byte(at, value)),
        any::<Index>().prop_map(Edit::Cut),
        any::<String>().prop_map(Edit::Text),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_without_a_panic(bytes: Vec<u8>, at: Index, value: u8) {
        let (digests, verifier) = ([digest(NPM_DIGEST)], embedded());
        prop_assert!(verifier.verify(&bytes, &digests).is_err());
        let mut near = NPM.to_vec();
        let at = at.index(near.len());
        near[at] = value;
        for form in [Form::Npm, Form::Python, Form::Bundle] {
            let _ = collect(form, &[&bytes, &near], &digests, &verifier);
        }
    }

    #[test]
    fn changed_bundle_is_refused_or_says_the_same(which in 0..3_usize, at: Index, edit in edits()) {
        let staging = || Verifier::new(Some(STAGING_ROOT), None).expect("the staging root");
        let (bundle, of, verifier) = match which {
            0 => (NPM, NPM_DIGEST, embedded()),
            1 => (CONDA, CONDA_DIGEST, embedded()),
            _ => (STAGING, CONDA_DIGEST, staging()),
        };
        let digests = [digest(of)];
        let mut json: Value = serde_json::from_slice(bundle).expect("JSON");
        let mut texts = texts(&mut json);
        let at = at.index(texts.len());
        let edited = edit.apply(texts[at].as_str().unwrap_or_default());
        *texts[at] = json!(edited);
        if let Ok(found) = verifier.verify(json.to_string().as_bytes(), &digests) {
            prop_assert_eq!(Ok(found), verifier.verify(bundle, &digests));
        }
    }
}
