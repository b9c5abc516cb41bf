use rstest::rstest;
use url::Url;

use super::fixtures::{JANUARY, at, dossier, head, overlays, policy, row};
use crate::artefact::{
    Algorithm, Checksum, Floating, PackageKey, PackageLookup, PackageRecord, StatedFile,
};
use crate::curation::{ContentFacts, Dossier, PackageUrls, PolicySnapshot, Screening, evaluate};
use crate::model::{Status, Timestamp};
use crate::ownership::PackageRegistries;

const NPM: &str = "https://npm.example";

fn checksum(byte: u8) -> Checksum {
    Checksum::new(Algorithm::Sha256, &[byte; 32]).expect("a checksum")
}

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

/// Returns a policy with registries, and an approval with these further members.
fn with_registries(more: &str) -> PolicySnapshot {
    let set = overlays(
        &format!(
            "servers: [{{name: com.example/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01{more}}}}}]"
        ),
        now(),
    );
    let mut asked = PackageRegistries::default();
    asked.add("npm".into(), Url::parse(NPM).expect("a URL"));
    asked.add("oci".into(), Url::parse("https://images.example").expect("a URL"));
    let mut urls = PackageUrls::default();
    urls.set("npm", vec!["https://mirror.example/npm".into()]);
    urls.set("mcpb", vec!["https://files.example/releases".into()]);
    policy(set).with_asked_registries(asked).with_package_urls(urls)
}

/// Returns the dossier of an entry with one package, of which these digests were seen one after the other.
fn with_package(package: &str, file: &str, seen: &[u8]) -> Dossier {
    let facts = ContentFacts::of(&format!(
        r#"{{"name":"com.example/tool","description":"d","version":"1.0.0","packages":[{package}]}}"#
    ));
    let key = facts.packages[0].key(&with_registries(""));
    let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
    row.content.facts = Some(facts);
    let mut dossier = dossier("com.example/tool", vec![row]);
    if let Some(key) = key.filter(|_| !seen.is_empty()) {
        let record = seen.iter().fold(PackageRecord::default(), |record, byte| {
            let file = StatedFile::new(file, Some(checksum(*byte)));
            record.after(&key, &PackageLookup::Files(vec![file]), Vec::new(), now())
        });
        dossier.artefacts.insert(key, record);
    }
    dossier
}

const TARBALL: &str =
    r#"{"registryType":"npm","identifier":"tool","version":"1.0.0","transport":{"type":"stdio"}}"#;

#[rstest]
//                pins                                     seen      evidence that hides, in words
#[case::no_pin("", &[1, 2], None)]
#[case::pinned(", artefacts: {tool-1.0.0.tgz: 'ONE'}", &[1], None)]
#[case::pinned_by_package(", artefacts: {tool: 'ONE'}", &[1], None)]
#[case::differs(", artefacts: {tool-1.0.0.tgz: 'ONE'}", &[1, 2], Some("its registry states"))]
#[case::differs_by_package(", artefacts: {tool: 'ONE'}", &[2], Some("its registry states"))]
#[case::accepted(", artefacts: {tool: 'TWO'}", &[1, 2], None)]
#[case::nothing_recorded(", artefacts: {tool: 'ONE'}", &[], Some("not known yet"))]
#[case::other_file(", artefacts: {other.tgz: 'ONE'}", &[1], Some("not known yet"))]
#[case::one_of_two(", artefacts: {tool: 'ONE', other.tgz: 'ONE'}", &[1], Some("not known yet"))]
fn pin_of_an_artefact_shows_only_the_recorded_digest(
    #[case] pins: &str,
    #[case] seen: &[u8],
    #[case] wanted: Option<&str>,
) {
    let pins = pins.replace("ONE", checksum(1).as_str()).replace("TWO", checksum(2).as_str());
    let (policy, screening) = (with_registries(&pins), Screening::default());
    let dossier = with_package(TARBALL, "tool-1.0.0.tgz", seen);
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let found =
        evaluation.entries[0].hidden_by().map(|(gate, evidence)| format!("{gate}: {evidence}"));
    match (&found, wanted) {
        (None, None) => {}
        (Some(found), Some(wanted)) => {
            assert!(found.starts_with("digest matches pin: ") && found.contains(wanted), "{found}");
        }
        _ => panic!("{found:?}, not {wanted:?}"),
    }
}

#[rstest]
//             seen     pins                        changes without a pin of them
#[case(&[1], &[], &[])]
#[case(&[1, 2], &[], &[(1, 2)])]
#[case(&[1, 2, 1], &[], &[(2, 1)])]
#[case(&[1, 2], &[("tool", 2)], &[])]
#[case(&[1, 2], &[("tool-1.0.0.tgz", 1)], &[(1, 2)])]
#[case(&[2], &[("tool", 1)], &[(1, 2)])]
#[case(&[1, 2], &[("other", 2)], &[(1, 2)])]
fn pin_accepts_exactly_the_digest_that_a_file_has_now(
    #[case] seen: &[u8],
    #[case] pins: &[(&str, u8)],
    #[case] wanted: &[(u8, u8)],
) {
    let (policy, screening) = (with_registries(""), Screening::default());
    let dossier = with_package(TARBALL, "tool-1.0.0.tgz", seen);
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let pins = pins.iter().map(|(pin, byte)| ((*pin).to_owned(), checksum(*byte))).collect();
    let found: Vec<_> = evaluation.entries[0].packages[0].unaccepted(&pins).collect();
    let found: Vec<_> =
        found.iter().map(|change| (change.before.to_owned(), change.now.clone())).collect();
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(before, now)| (checksum(*before).to_string(), checksum(*now)))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn bundle_that_is_not_the_stated_file_is_a_change() {
    let stated = checksum(1);
    let digits = stated.as_str().trim_start_matches("sha256:");
    let url = "https://files.example/releases/a.mcpb";
    let package = format!(
        r#"{{"registryType":"mcpb","identifier":"{url}","fileSha256":"{digits}","transport":{{"type":"stdio"}}}}"#
    );
    let (policy, screening) = (with_registries(""), Screening::default());
    for (seen, count) in [(1, 0), (2, 1)] {
        let dossier = with_package(&package, url, &[seen]);
        let evaluation = evaluate(&dossier, &policy, &screening, now());
        assert_eq!(evaluation.entries[0].packages[0].changes().count(), count);
    }
}

#[rstest]
#[case::asked("npm", "tool", None, Some(NPM))]
#[case::own_listed(
    "npm",
    "tool",
    Some("https://mirror.example/npm/"),
    Some("https://mirror.example/npm")
)]
#[case::own_not_listed("npm", "tool", Some("https://evil.example"), None)]
#[case::own_below_a_listed_one("npm", "tool", Some("https://mirror.example/npm/x"), None)]
#[case::no_registry("pypi", "tool", None, None)]
#[case::image("oci", "images.example/a/b:1", None, Some("https://images.example"))]
#[case::other_image("oci", "elsewhere.example/a/b:1", None, None)]
#[case::bundle(
    "mcpb",
    "https://files.example/releases/a.mcpb",
    None,
    Some("https://files.example/releases")
)]
#[case::bundle_elsewhere("mcpb", "https://files.example/a.mcpb", None, None)]
#[case::bundle_that_leads_out("mcpb", "https://files.example/releases/../a.mcpb", None, None)]
#[case::bundle_with_a_longer_host(
    "mcpb",
    "https://files.example.evil.example/releases/a",
    None,
    None
)]
#[case::unknown("maven", "a:b", None, None)]
fn only_listed_registries_are_asked(
    #[case] kind: &str,
    #[case] identifier: &str,
    #[case] own: Option<&str>,
    #[case] wanted: Option<&str>,
) {
    let own = own.map(|url| format!(r#","registryBaseUrl":"{url}""#)).unwrap_or_default();
    let facts = ContentFacts::of(&format!(
        r#"{{"name":"a.b/c","version":"1","packages":[{{"registryType":"{kind}","identifier":"{identifier}","version":"1.0.0"{own}}}]}}"#
    ));
    let key = facts.packages[0].key(&with_registries(""));
    let base = key.as_ref().and_then(PackageKey::base).map(String::from);
    assert_eq!(base.as_deref().map(|url| url.trim_end_matches('/')), wanted);
}

#[test]
fn moved_tag_is_floating_as_such() {
    let package = r#"{"registryType":"oci","identifier":"images.example/a/b:1","transport":{"type":"stdio"}}"#;
    let (policy, screening) = (with_registries(""), Screening::default());
    for (seen, wanted) in [([1, 1], Floating::Tag), ([1, 2], Floating::MovedTag)] {
        let dossier = with_package(package, "1", &seen);
        let evaluation = evaluate(&dossier, &policy, &screening, now());
        let found = &evaluation.entries[0].packages[0];
        assert_eq!((found.floating, found.changes().count()), (Some(wanted), 0));
    }
}
