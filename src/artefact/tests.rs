use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;
use url::Url;

use super::*;
use crate::model::Timestamp;

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
    let first = PackageRecord::default().after(&key, &files(&[("a", 1)]), at(1));
    assert_eq!(first.changed().count(), 0);
    let same = first.clone().after(&key, &files(&[("a", 1)]), at(2));
    assert!(same.has_same_facts(&first));
    assert_eq!((same.files["a"].first, same.files["a"].last), (at(1), at(2)));
    let changed = same.after(&key, &files(&[("a", 2)]), at(3));
    assert!(!changed.has_same_facts(&first));
    assert_eq!(changed.files["a"].before(), Some(&checksum(1)));
    assert_eq!(changed.files["a"].digest, checksum(2));
    // The first digest again is another change, and no end of the first.
    let back = changed.after(&key, &files(&[("a", 1)]), at(4));
    assert_eq!(back.files["a"].before(), Some(&checksum(2)));
    assert_eq!(back.changed().count(), 1);
}

#[test]
fn added_file_changes_no_other_and_a_missing_one_stays_recorded() {
    let key = key("pypi", "name", Some("1.0"));
    let record = PackageRecord::default().after(&key, &files(&[("a", 1), ("b", 2)]), at(1));
    let record = record.after(&key, &files(&[("a", 1), ("c", 3)]), at(2));
    assert_eq!(record.files.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((record.changed().count(), record.files["b"].last), (0, at(1)));
    let again = record.after(&key, &files(&[("b", 9)]), at(3));
    assert_eq!(again.changed().map(|(name, _)| name).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn moved_tag_is_no_changed_file() {
    let key = key("oci", "images.example/a/b:1", None);
    let record = PackageRecord::default().after(&key, &files(&[("1", 1)]), at(1));
    assert_eq!(record.moved_at, None);
    let record = record.after(&key, &files(&[("1", 2)]), at(2));
    assert_eq!((record.moved_at, record.changed().count()), (Some(at(2)), 0));
    assert_eq!(record.files["1"].digest, checksum(2));
}

#[test]
fn other_algorithm_changes_nothing_and_is_a_failure_with_its_reason() {
    let key = key("npm", "name", Some("1.0.0"));
    let record = PackageRecord::default().after(&key, &files(&[("a", 1)]), at(1));
    let other = Checksum::new(Algorithm::Sha512, &[1; 64]);
    for (found, reason) in [(other, "sha512"), (None, "no digest")] {
        let observed = PackageLookup::Files(vec![StatedFile::new("a", found)]);
        let after = record.clone().after(&key, &observed, at(2));
        assert!(after.has_same_facts(&record));
        assert_eq!(after.failures, 1);
        assert!(after.problem.expect("a reason").contains(reason));
    }
}

#[test]
fn looks_are_weekly_and_failures_double_from_an_hour_to_a_day() {
    let key = key("npm", "name", Some("1.0.0"));
    let hours = |failures| {
        let wait = next_look(&key, failures, at(0)).since(at(0));
        wait.as_secs() / 3600
    };
    assert!((168..=202).contains(&hours(0)));
    let doubled: Vec<u64> = (1..=4).map(hours).collect();
    for (index, found) in doubled.into_iter().enumerate() {
        let least = 1 << index;
        assert!((least..=least * 6 / 5 + 1).contains(&found), "{index}: {found}");
    }
    assert!((24..=29).contains(&hours(9)) && (24..=29).contains(&hours(u32::MAX)));
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
            record = record.after(&key, observed, at(hour));
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
