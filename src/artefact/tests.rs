use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;
use url::Url;

use super::*;
use crate::model::{Digest, Timestamp};
use crate::provenance::{Evidence, Refusal};

const HEX: &str = "3b1f7c6a0e5d4c2b9a8877665544332211ffeeddccbbaa99887766554433221f";

fn at(hour: i64) -> Timestamp {
    Timestamp::from_micros(hour * 3_600_000_000)
}

fn key(kind: &str, identifier: &str, version: Option<&str>) -> PackageKey {
    let base = Url::parse("https://packages.example/").expect("a URL");
    PackageKey::new(kind, &base, identifier, version).expect("a key")
}

fn checksum(byte: u8) -> Checksum {
    Checksum::new(Algorithm::Sha256, &[byte; 32]).expect("a checksum")
}

fn file(name: &str, byte: u8) -> StatedFile {
    StatedFile::new(name, Some(checksum(byte)))
}

fn files(files: &[(&str, u8)]) -> PackageLookup {
    PackageLookup::Files(files.iter().map(|(name, byte)| file(name, *byte)).collect())
}

#[rstest]
#[case(&format!("sha256:{HEX}"), Some(&*format!("sha256:{HEX}")))]
#[case("sha256-Ox98ag5dTCuaiHdmVUQzIhH/7t3Mu6qZiHdmVUQzIh8=", Some(&*format!("sha256:{HEX}")))]
#[case("sha256-Ox98ag5dTCuaiHdmVUQzIhH/7t3Mu6qZiHdmVUQzIh8=?opt", Some(&*format!("sha256:{HEX}")))]
#[case(&format!("sha256:{}", HEX.to_uppercase()), None)]
#[case(&format!("sha1:{}", &HEX[..40]), None)]
#[case(&format!("sha512:{HEX}"), None)]
#[case(HEX, None)]
#[case("sha512-AAAA", None)]
#[case("md5-1B2M2Y8AsgTpgAmY7PhCfg==", None)]
#[case("", None)]
fn digests_of_files_have_one_form(#[case] text: &str, #[case] wanted: Option<&str>) {
    let read: Option<Checksum> = text.parse().ok();
    assert_eq!(read.as_ref().map(Checksum::as_str), wanted);
    if let Some(read) = read {
        assert_eq!(read.to_string().parse(), Ok(read));
    }
}

#[test]
fn strongest_usable_digest_of_an_integrity_counts() {
    let sha512 = Checksum::new(Algorithm::Sha512, &[7; 64]).expect("a checksum");
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode([7; 64])
    };
    let text = format!(
        "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha512-{encoded} sha256-Ox98ag5dTCuaiHdmVUQzIhH/7t3Mu6qZiHdmVUQzIh8="
    );
    assert_eq!(Checksum::of_integrity(&text), Some(sha512));
    assert_eq!(Checksum::of_integrity("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="), None);
}

#[test]
fn integrity_with_two_digests_of_the_strongest_algorithm_names_no_file() {
    use base64::Engine;
    let sha512 = |byte: u8| base64::engine::general_purpose::STANDARD.encode([byte; 64]);
    let (one, other) = (sha512(7), sha512(8));
    assert_eq!(Checksum::of_integrity(&format!("sha512-{one} sha512-{other}")), None);
    assert!(Checksum::of_integrity(&format!("sha512-{one} sha512-{one}")).is_some());
}

#[rstest]
#[case("npm", "@Scope/name", Some("1.2.3"), "npm https://packages.example @Scope/name 1.2.3")]
#[case("NPM", "name", None, "npm https://packages.example name")]
#[case("pypi", "Some_Tool", Some("1.0"), "pypi https://packages.example some-tool 1.0")]
#[case("oci", "user/image", Some("2"), "oci https://packages.example docker.io/user/image 2")]
#[case(
    "oci",
    "images.example/a/b:1",
    Some("2"),
    "oci https://packages.example images.example/a/b 1"
)]
#[case("oci", "images.example/a/b", None, "oci https://packages.example images.example/a/b latest")]
#[case(
    "mcpb",
    "https://files.example/a.mcpb",
    Some("1"),
    "mcpb https://packages.example https://files.example/a.mcpb"
)]
fn package_has_one_key_in_the_normal_form_of_its_ecosystem(
    #[case] kind: &str,
    #[case] identifier: &str,
    #[case] version: Option<&str>,
    #[case] wanted: &str,
) {
    let key = key(kind, identifier, version);
    assert_eq!(key.to_string(), wanted);
    assert_eq!(PackageKey::parse(wanted), Some(key));
}

#[rstest]
#[case("npm", "a b", None)]
#[case("npm", "", None)]
#[case("npm", "name", Some("1 2"))]
#[case("npm", "name", Some("../x"))]
#[case("npm", "..", None)]
#[case("oci", "images.example/../x", None)]
#[case("npm", "n\u{e4}me", None)]
fn text_that_no_package_has_makes_no_key(
    #[case] kind: &str,
    #[case] identifier: &str,
    #[case] version: Option<&str>,
) {
    let base = Url::parse("https://packages.example").expect("a URL");
    assert_eq!(PackageKey::new(kind, &base, identifier, version), None);
    assert_eq!(PackageKey::new("npm", &base, &"x".repeat(2_000), None), None);
}

#[rstest]
#[case("npm", "name", Some("1.2.3"), true, None)]
#[case("npm", "name", Some("^1"), false, Some(Floating::Range))]
#[case("npm", "name", Some("next"), false, Some(Floating::Range))]
#[case("npm", "name", None, false, Some(Floating::NoVersion))]
#[case("npm", "name", Some("latest"), false, Some(Floating::Latest))]
#[case("pypi", "name", Some(">=1"), false, Some(Floating::Range))]
#[case("oci", "images.example/x:1", None, false, Some(Floating::Tag))]
#[case("oci", "images.example/x", Some("1"), false, Some(Floating::Tag))]
#[case("oci", "images.example/x:latest", Some("1"), false, Some(Floating::Latest))]
#[case("oci", "images.example/x", None, false, Some(Floating::Latest))]
#[case("oci", "images.example/x@sha256:ab", Some("latest"), true, None)]
#[case("mcpb", "https://a.example/x.mcpb", Some("1"), false, Some(Floating::NoDigest))]
#[case("maven", "a:b", Some("1.0"), false, None)]
#[case("maven", "a:b", Some("LATEST"), false, Some(Floating::Latest))]
#[case("maven", "a:b", None, false, Some(Floating::NoVersion))]
fn package_is_floating_by_what_its_entry_says(
    #[case] kind: &str,
    #[case] identifier: &str,
    #[case] version: Option<&str>,
    #[case] is_exact: bool,
    #[case] wanted: Option<Floating>,
) {
    assert_eq!(Floating::of(kind, identifier, version, is_exact), wanted);
}

#[test]
fn other_digest_of_the_same_file_is_kept_beside_the_one_before() {
    let key = key("npm", "name", Some("1.0.0"));
    let first = PackageRecord::default().after(&key, &files(&[("a", 1)]), Vec::new(), at(1));
    assert_eq!(first.changed().count(), 0);
    let same = first.clone().after(&key, &files(&[("a", 1)]), Vec::new(), at(2));
    assert!(same.has_same_facts(&first));
    assert_eq!((same.files["a"].first, same.files["a"].last), (at(1), at(2)));
    let changed = same.after(&key, &files(&[("a", 2)]), Vec::new(), at(3));
    assert!(!changed.has_same_facts(&first));
    assert_eq!(changed.files["a"].before(), Some(&checksum(1)));
    assert_eq!(changed.files["a"].digest, checksum(2));
    // The first digest again is another change, and no end of the first.
    let back = changed.after(&key, &files(&[("a", 1)]), Vec::new(), at(4));
    assert_eq!(back.files["a"].before(), Some(&checksum(2)));
    assert_eq!(back.changed().count(), 1);
}

#[test]
fn added_file_changes_no_other_and_a_missing_one_stays_recorded() {
    let key = key("pypi", "name", Some("1.0"));
    let record =
        PackageRecord::default().after(&key, &files(&[("a", 1), ("b", 2)]), Vec::new(), at(1));
    let record = record.after(&key, &files(&[("a", 1), ("c", 3)]), Vec::new(), at(2));
    assert_eq!(record.files.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((record.changed().count(), record.files["b"].last), (0, at(1)));
    let again = record.after(&key, &files(&[("b", 9)]), Vec::new(), at(3));
    assert_eq!(again.changed().map(|(name, _)| name).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn moved_tag_is_no_changed_file() {
    let key = key("oci", "images.example/a/b:1", None);
    let record = PackageRecord::default().after(&key, &files(&[("1", 1)]), Vec::new(), at(1));
    assert_eq!(record.moved_at, None);
    let record = record.after(&key, &files(&[("1", 2)]), Vec::new(), at(2));
    assert_eq!((record.moved_at, record.changed().count()), (Some(at(2)), 0));
    assert_eq!(record.files["1"].digest, checksum(2));
}

#[test]
fn content_that_a_tag_is_moved_to_has_no_attestations_until_they_are_looked_for() {
    let key = key("oci", "images.example/a/b:1", None);
    let look = |record: PackageRecord, byte: u8, evidence, hour| {
        let (trust, problem) = (Digest::of(b"trust"), None);
        let checksum = checksum(byte);
        let found = FileAttestations { file: "1".into(), checksum, evidence, trust, problem };
        record.after(&key, &files(&[("1", byte)]), vec![found], at(hour))
    };
    let refused = || Evidence::Attestations(vec![Err(Refusal::Signature)]);
    let record = look(PackageRecord::default(), 1, refused(), 1);
    assert_eq!(record.signatures(), Some(Signatures::Refused));
    let moved = look(record.clone(), 2, Evidence::Unavailable, 2);
    assert_eq!(moved.signatures(), None);
    let absent = look(moved, 2, Evidence::Attestations(Vec::new()), 3);
    assert_eq!(absent.signatures(), Some(Signatures::Absent));
    // Evidence about the content before is not taken for that of this one.
    let (trust, problem) = (Digest::of(b"trust"), None);
    let (checksum, evidence) = (checksum(1), refused());
    let late = FileAttestations { file: "1".into(), checksum, evidence, trust, problem };
    let late = absent.after(&key, &files(&[("1", 2)]), vec![late], at(4));
    assert_eq!(late.signatures(), Some(Signatures::Absent));
}

#[test]
fn other_algorithm_changes_nothing_and_is_a_failure_with_its_reason() {
    let key = key("npm", "name", Some("1.0.0"));
    let record = PackageRecord::default().after(&key, &files(&[("a", 1)]), Vec::new(), at(1));
    let other = Checksum::new(Algorithm::Sha512, &[1; 64]);
    for (found, reason) in [(other, "sha512"), (None, "no digest")] {
        let observed = PackageLookup::Files(vec![StatedFile::new("a", found)]);
        let after = record.clone().after(&key, &observed, Vec::new(), at(2));
        assert!(after.has_same_facts(&record));
        assert_eq!(after.failures, 1);
        assert!(after.problem.expect("a reason").contains(reason));
    }
}

/// P79: the time without an answer counts from the first failure, and only a definite answer ends it.
#[test]
fn silence_counts_from_its_first_look_until_a_definite_answer() {
    let key = key("npm", "name", Some("1.0.0"));
    let of = |found| vec![attested("a", 1, found)];
    let (good, silent) = (|| files(&[("a", 1)]), || PackageLookup::Unclear("none".into()));
    let looks = [
        (good(), of(Ok(Vec::new())), [None, None]),
        (silent(), Vec::new(), [Some(2), None]),
        (PackageLookup::Absent, Vec::new(), [Some(2), None]),
        (good(), of(Err("none")), [None, Some(4)]),
        (good(), of(Err("none")), [None, Some(4)]),
        (silent(), Vec::new(), [Some(6), Some(4)]),
        (PackageLookup::Files(vec![StatedFile::new("a", None)]), Vec::new(), [Some(6), Some(4)]),
        (good(), of(Ok(Vec::new())), [None, None]),
    ];
    let mut record = PackageRecord::default();
    for (hour, (observed, attested, wanted)) in (1..).zip(looks) {
        record = record.after(&key, &observed, attested, at(hour));
        assert_eq!(record.unanswered(), wanted.map(|hour| hour.map(at)), "{hour}");
    }
}

#[test]
fn looks_are_weekly_and_failures_double_from_an_hour_to_a_day() {
    let key = key("npm", "name", Some("1.0.0"));
    let hours = |failures| {
        let wait = next_look(&key, failures, at(0)).since(at(0));
        wait.as_secs() / 3600
    };
    assert!((134..=168).contains(&hours(0)), "within a week");
    let doubled: Vec<u64> = (1..=4).map(hours).collect();
    for (index, found) in doubled.into_iter().enumerate() {
        let most = 1 << index;
        assert!((most * 4 / 5..=most).contains(&found), "{index}: {found}");
    }
    assert!((19..=24).contains(&hours(9)) && (19..=24).contains(&hours(u32::MAX)));
}

fn lookups() -> impl Strategy<Value = PackageLookup> {
    let file = (0..80_u8, 0..4_u8).prop_map(|(name, byte)| {
        let checksum = (byte > 0).then(|| checksum(byte));
        StatedFile::new(format!("f{name}"), checksum)
    });
    prop_oneof![
        3 => vec(file, 0..90).prop_map(PackageLookup::Files),
        1 => Just(PackageLookup::Absent),
        1 => Just(PackageLookup::Unclear("no answer".into())),
    ]
}

proptest! {
    /// P77: an unclear answer changes no digest, and no digest is forgotten while its file is recorded.
    #[test]
    fn only_digests_change_a_record_and_it_stays_bounded(
        looks in vec(lookups(), 1..12),
        is_tag in any::<bool>(),
    ) {
        let key = if is_tag { key("oci", "images.example/a", None) } else { key("pypi", "a", Some("1")) };
        let mut record = PackageRecord::default();
        for (hour, observed) in (0_i64..).zip(&looks) {
            let before = record.clone();
            record = record.after(&key, observed, Vec::new(), at(hour));
            prop_assert!(record.files.len() <= MAX_FILES);
            prop_assert!(record.files.values().all(|file| file.earlier.len() <= 8));
            prop_assert!(record.next_look > Some(at(hour)));
            if !matches!(observed, PackageLookup::Files(_)) {
                prop_assert!(record.has_same_facts(&before));
                prop_assert_eq!(record.failures, before.failures + 1);
            }
            if is_tag {
                prop_assert_eq!(record.changed().count(), 0);
            } else {
                for (name, known) in &before.files {
                    let now = &record.files[name];
                    prop_assert!(now.digest == known.digest || now.before().is_some());
                }
            }
        }
    }
}

fn attested(name: &str, byte: u8, found: Result<Vec<Refusal>, &str>) -> FileAttestations {
    let attestations =
        |refusals: Vec<Refusal>| Evidence::Attestations(refusals.into_iter().map(Err).collect());
    FileAttestations {
        file: name.into(),
        checksum: checksum(byte),
        problem: found.as_ref().err().map(|why| (*why).to_owned()),
        evidence: found.map_or(Evidence::Unavailable, attestations),
        trust: Digest::of(b"trust"),
    }
}

#[test]
fn attestations_belong_to_the_digest_of_their_file() {
    let key = key("npm", "tool", Some("1.0.0"));
    let look = |record: PackageRecord, byte, of, found, hour| {
        record.after(&key, &files(&[("a", byte)]), vec![attested("a", of, found)], at(hour))
    };
    let evidence = |record: &PackageRecord| {
        record.files["a"].attestations.as_ref().map(|kept| kept.evidence.clone())
    };
    let refused = Some(Evidence::Attestations(vec![Err(Refusal::Signature)]));
    let first = look(PackageRecord::default(), 1, 1, Ok(vec![Refusal::Signature]), 0);
    assert_eq!(evidence(&first), refused);
    assert_eq!(first.next_look_under(Digest::of(b"trust")), first.next_look);
    assert_eq!(first.next_look_under(Digest::of(b"other")), Some(at(0)), "at once");
    // No answer changes nothing, and is tried again like any other, later each time.
    let silent = look(look(first.clone(), 1, 1, Err("HTTP 503"), 1), 1, 1, Err("HTTP 503"), 2);
    assert!(silent.has_same_facts(&first));
    assert_eq!((silent.failures, silent.problem.as_deref()), (2, Some("attestations: HTTP 503")));
    let none = look(silent.clone(), 1, 1, Ok(Vec::new()), 3);
    assert!(!none.has_same_facts(&silent));
    assert_eq!((none.failures, none.problem.as_deref()), (0, None));
    // Those of another digest say nothing of the file, and another file has none of the one before.
    assert_eq!(evidence(&look(first.clone(), 1, 2, Ok(Vec::new()), 4)), refused);
    assert_eq!(evidence(&look(first, 2, 1, Ok(Vec::new()), 4)), None);
}

#[test]
fn few_files_of_an_exact_version_are_asked_for_attestations() {
    let names = |kind, version, files: &[StatedFile]| -> Vec<String> {
        let key = key(kind, "tool", version);
        attested_files(&key, files).into_iter().map(|file| file.name.clone()).collect()
    };
    let weak = StatedFile::new("weak", Checksum::new(Algorithm::Sha384, &[1; 48]));
    let wheels = [
        "c-linux.whl",
        "a-linux.whl",
        "b-linux.whl",
        "tool-1.0-py3-none-any.whl",
        "tool-1.0.tar.gz",
    ];
    let stated: Vec<_> = wheels.map(|name| file(name, 1)).into_iter().chain([weak]).collect();
    let wanted = ["tool-1.0-py3-none-any.whl", "tool-1.0.tar.gz", "a-linux.whl", "b-linux.whl"];
    assert_eq!(names("pypi", Some("1.0"), &stated), wanted);
    assert_eq!(names("pypi", None, &stated), [""; 0]);
    assert_eq!(names("npm", Some("latest"), &stated), [""; 0]);
    assert_eq!(names("npm", Some("1.0.0"), &stated[..1]), ["c-linux.whl"]);
    // An attestation names the digest of an image, whichever tag that has.
    assert_eq!(names("oci", Some("1.0"), &stated[..1]), ["c-linux.whl"]);
    assert_eq!(names("mcpb", None, &stated[..1]), [""; 0]);
}

#[test]
fn files_of_the_last_answer_are_counted_with_those_whose_attestations_were_looked_for() {
    let key = key("pypi", "tool", Some("1.0"));
    let checked = |names: &[&str]| -> Vec<FileAttestations> {
        names.iter().map(|name| attested(name, 1, Ok(Vec::new()))).collect()
    };
    let both = files(&[("a.whl", 1), ("b.whl", 1)]);
    let record = PackageRecord::default().after(&key, &both, checked(&["a.whl", "b.whl"]), at(0));
    assert_eq!(record.checked(), [2, 2]);
    let added = files(&[("a.whl", 1), ("b.whl", 1), ("c.whl", 1)]);
    let later = record.clone().after(&key, &added, checked(&["a.whl", "b.whl"]), at(1));
    assert_eq!(later.checked(), [2, 3]);
    // Silence changes nothing of that.
    let silent = later.after(&key, &PackageLookup::Unclear("502".into()), Vec::new(), at(2));
    assert_eq!(silent.checked(), [2, 3]);
    // What the registry does not list any more is no file that a client gets.
    let removed = silent.after(&key, &both, Vec::new(), at(3));
    assert_eq!(removed.checked(), [2, 2]);
    let bare = PackageLookup::Files(vec![
        file("a.whl", 1),
        file("b.whl", 1),
        StatedFile::new("c.zip", None),
        StatedFile::new("", Some(checksum(1))),
    ]);
    assert_eq!(removed.clone().after(&key, &bare, Vec::new(), at(4)).checked(), [2, 4]);
    let changed = files(&[("a.whl", 2), ("b.whl", 1)]);
    assert!(!removed.is_changed_without_evidence());
    let changed = removed.after(&key, &changed, Vec::new(), at(5));
    assert_eq!(changed.checked(), [1, 2]);
    assert!(changed.is_changed_without_evidence());
    let definite = attested("a.whl", 2, Ok(Vec::new()));
    let same = files(&[("a.whl", 2), ("b.whl", 1)]);
    assert!(!changed.after(&key, &same, vec![definite], at(6)).is_changed_without_evidence());
}
