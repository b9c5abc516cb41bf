//! Tests of the configuration files of operators.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rstest::rstest;

use super::*;
use crate::alert::AlertKind;
use crate::curation::{ProvenancePolicy, TypeDemands};
use crate::lint::{Field, FileFormat, Finding, Table, has_errors};
use crate::overlay::ProvenanceDemand;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn shown(findings: &[Finding], folder: &Path) -> Vec<String> {
    let prefix = format!("{}/", folder.display());
    findings.iter().map(|finding| finding.to_string().replace(&prefix, "")).collect()
}

const URL: &str = "kind = \"registry\"\nurl = \"https://registry.example\"\n";

#[test]
fn upstream_needs_only_kind_and_url() {
    let folder = folder(&[("one.toml", URL), ("README.md", "notes")]);
    let upstreams = read_upstreams(folder.path()).expect("good");
    assert_eq!(upstreams.len(), 1);
    let upstream = &upstreams[0];
    assert_eq!((upstream.id.as_str(), upstream.trust), ("one", Trust::External));
    assert_eq!(upstream.sync, SyncSettings::default());
    assert!(upstream.enabled);
}

#[rstest]
#[case("sync.interval = \"90s\"\nsync.page_size = 30", |sync: &SyncSettings| sync.interval.as_secs() == 90 && sync.page_size == 30)]
#[case("[sync]\nfull_sync = \"7d\"\noverlap = \"1h\"", |sync: &SyncSettings| sync.full_sync.as_secs() == 604_800 && sync.overlap.as_secs() == 3600)]
fn sync_schedule_can_be_set(#[case] text: &str, #[case] is_set: fn(&SyncSettings) -> bool) {
    let folder = folder(&[("one.toml", &format!("{URL}{text}\n"))]);
    let upstreams = read_upstreams(folder.path()).expect("good");
    assert!(is_set(&upstreams[0].sync), "{:?}", upstreams[0].sync);
}

#[rstest]
#[case("kind = \"registry\"", "one.toml:1:1: no `url`; `url` is required")]
#[case("url = \"https://x.example\"", "one.toml:1:1: no `kind`; `kind` is required")]
#[case(
    "kind = \"registry\"\nurl = \"ftp://x.example\"",
    "one.toml:2:7: `ftp://x.example`; the scheme `ftp` is not supported; use https"
)]
#[case(
    "kind = \"registry\"\nurl = \"http://x.example\"",
    "http lets anyone on the network path rewrite entries"
)]
#[case(
    "kind = \"registry\"\nurl = \"https://x.example/v0.1\"",
    "the root is needed; `/v0.1/servers` is appended to it"
)]
#[case(
    "kind = \"registry\"\nurl = \"https://me:secret@x.example\"",
    "a token goes into `token_file`"
)]
#[case("kind = \"files\"\npath = \"x\"\nurl = \"https://x.example\"", "`url` beside `path`")]
#[case(
    "kind = \"registry\"\nurl = \"https://x.example\"\nintervall = \"5m\"",
    "one.toml:3:1: unknown key `intervall`"
)]
#[case(
    "kind = \"registry\"\nurl = \"https://x.example\"\n[sync]\nintervall = \"5m\"",
    "one.toml:4:1: unknown key `intervall`; did you mean `interval`?"
)]
#[case(
    "kind = \"registry\"\nurl = \"https://x.example\"\n[sync]\ninterval = \"5\"",
    "one.toml:4:12: `5`; a whole number and a unit"
)]
#[case(
    "kind = \"registry\"\nurl = \"https://x.example\"\n[sync]\npage_size = 101",
    "one.toml:4:13: `101`; a whole number from 1 to 100"
)]
#[case(
    "kind = \"registry\"\nurl = \"https://x.example\"\ntrust = \"full\"",
    "`full`; allowed: `internal`, `external`"
)]
#[case(
    "kind = \"registry\"\nurl = \"https://x.example\"\n[namespaces]\nallow = [\"a*\"]",
    "`a*`; a namespace is `com.example`"
)]
#[case("kind = \"registry\nurl = 3", "one.toml:1:17: this is not TOML")]
fn invalid_upstream_is_rejected_with_its_place(#[case] text: &str, #[case] wanted: &str) {
    let folder = folder(&[("one.toml", text)]);
    let findings = shown(&read_upstreams(folder.path()).expect_err("refused"), folder.path());
    assert!(findings[0].contains(wanted), "{findings:#?}");
}

#[test]
fn empty_or_absent_folder_of_upstreams_is_rejected() {
    let folder = folder(&[]);
    let findings = read_upstreams(folder.path()).expect_err("refused");
    assert!(findings[0].to_string().contains("no upstream file; at least one `*.toml`"));
    let findings = read_upstreams(&folder.path().join("gone")).expect_err("refused");
    assert!(findings[0].to_string().contains("the folder cannot be read"));
}

#[test]
fn equal_priorities_and_second_unlimited_external_upstream_are_rejected() {
    let folder = folder(&[("one.toml", URL), ("two.toml", URL)]);
    let findings = shown(&read_upstreams(folder.path()).expect_err("refused"), folder.path());
    assert_eq!(findings.len(), 2, "{findings:#?}");
    assert!(findings[0].contains("priority 100 is already used (against one.toml:1:1)"));
    assert!(
        findings[1]
            .contains("a second external upstream is authoritative for every namespace (against")
    );
}

#[test]
fn file_name_that_is_not_an_id_is_rejected() {
    let folder = folder(&[("One Two.toml", URL)]);
    let findings = shown(&read_upstreams(folder.path()).expect_err("refused"), folder.path());
    assert!(findings[0].contains("the file name `One Two` is not a valid id"), "{findings:#?}");
}

#[test]
fn overlays_are_sorted_by_path_and_documentation_is_skipped() {
    let folder = folder(&[("b.yaml", "b"), ("a/z.yaml", "a"), ("README.md", "x"), (".git/x", "y")]);
    let overlays = read_overlays(folder.path());
    assert_eq!(overlays.findings, []);
    let texts: Vec<&str> = overlays.sources.iter().map(|source| source.text.as_str()).collect();
    assert_eq!(texts, ["a", "b"]);
}

#[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// A file that is read again is another value.
#[test]
fn file_is_read_again_if_and_only_if_its_stamp_changed() {
    let folder = folder(&[("a.yaml", "a"), ("b.yaml", "b")]);
    let mut known = KnownFiles::new();
    let later = now() + Duration::from_secs(10);
    let before = read_changed_overlays(folder.path(), &mut known, later);
    let again = read_changed_overlays(folder.path(), &mut known, later);
    let same = |at: usize, read: &Folder| Arc::ptr_eq(&before.sources[at], &read.sources[at]);
    assert!(same(0, &again) && same(1, &again));
    fs::write(folder.path().join("c"), "B").expect("a file");
    fs::rename(folder.path().join("c"), folder.path().join("b.yaml")).expect("replaced");
    let after = read_changed_overlays(folder.path(), &mut known, later);
    assert!(same(0, &after), "only the replaced file is read");
    assert_eq!(after.sources[1].text, "B");
    fs::remove_file(folder.path().join("a.yaml")).expect("removed");
    assert_eq!(read_changed_overlays(folder.path(), &mut known, later).sources.len(), 1);
}

/// P26: a second write in the same tick of a file system's clock leaves the same stamp.
#[test]
fn file_that_was_just_written_is_read_again_although_its_stamp_is_known() {
    let folder = folder(&[("a.yaml", "a")]);
    let (mut known, now) = (KnownFiles::new(), now());
    let before = read_changed_overlays(folder.path(), &mut known, now);
    let again = read_changed_overlays(folder.path(), &mut known, now);
    assert!(!Arc::ptr_eq(&before.sources[0], &again.sources[0]));
}

#[rstest]
#[case("x.yml", "x", "a file of another kind; only `*.yaml` and `*.md` belong here", true)]
#[case("x.json", "x", "a file of another kind", true)]
#[case("x.YAML.orig", "x", "a file of another kind", true)]
#[case("notes.txt", "x", "a file of another kind", false)]
#[case("CODEOWNERS", "x", "a file of another kind", false)]
#[case("map.png", "", "a file of another kind", false)]
#[case("x.yaml~", "x", "a hidden or backup file is not read", false)]
#[case("4913", "", "a hidden or backup file is not read", false)]
#[case(".x.yaml.swp", "x", "a hidden or backup file is not read", false)]
fn other_file_among_overlays_refuses_the_set_only_if_it_could_hold_policy(
    #[case] name: &str,
    #[case] text: &str,
    #[case] wanted: &str,
    #[case] refuses: bool,
) {
    let folder = folder(&[(name, text)]);
    let overlays = read_overlays(folder.path());
    assert_eq!((overlays.findings.len(), has_errors(&overlays.findings)), (1, refuses));
    assert!(overlays.findings[0].to_string().contains(wanted), "{}", overlays.findings[0]);
}

#[test]
fn huge_binary_and_linked_files_are_rejected() {
    let folder = folder(&[("big.yaml", &"x".repeat(2_000_000))]);
    fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe]).expect("a file");
    let outside = tempfile::NamedTempFile::new().expect("a file");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link.yaml")).expect("a link");
    std::os::unix::fs::symlink("nowhere", folder.path().join("lost.yaml")).expect("a link");
    let overlays = read_overlays(folder.path());
    let findings = shown(&overlays.findings, folder.path());
    assert_eq!(
        findings,
        [
            "big.yaml:1:1: a file of 2000000 bytes; at most 1048576 bytes; split it",
            "binary.yaml:1:1: the file is not UTF-8; save it as UTF-8",
            "link.yaml:1:1: a symbolic link out of the folder; keep reviewed files in one place",
            "lost.yaml:1:1: a broken symbolic link; remove it",
        ]
    );
    assert!(overlays.sources.is_empty());
}

/// Mounts files as Kubernetes does: the folder links to files through `..data`, which links to a folder of one version.
fn mount(folder: &Path, version: &str, files: &[(&str, &str)]) {
    let link = |target: &Path, at: &Path| std::os::unix::fs::symlink(target, at).expect("a link");
    fs::create_dir(folder.join(version)).expect("a folder");
    for (name, text) in files {
        fs::write(folder.join(version).join(name), text).expect("a file");
    }
    link(Path::new(version), &folder.join("..data_tmp"));
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).expect("swapped");
    for (name, _) in files.iter().filter(|(name, _)| !folder.join(name).is_symlink()) {
        link(&Path::new("..data").join(name), &folder.join(name));
    }
}

#[test]
fn mounted_files_that_are_swapped_as_one_are_all_read_again() {
    let folder = folder(&[]);
    let texts = |overlays: &Folder| -> Vec<String> {
        overlays.sources.iter().map(|source| source.text.clone()).collect()
    };
    let (mut known, later) = (KnownFiles::new(), now() + Duration::from_secs(10));
    mount(folder.path(), "..2026_01", &[("a.yaml", "a"), ("b.yaml", "b")]);
    let before = read_changed_overlays(folder.path(), &mut known, later);
    assert_eq!((before.findings.len(), texts(&before)), (0, vec!["a".into(), "b".into()]));
    let again = read_changed_overlays(folder.path(), &mut known, later);
    assert!(Arc::ptr_eq(&before.sources[0], &again.sources[0]), "its stamp is the same");
    mount(folder.path(), "..2026_02", &[("a.yaml", "A"), ("b.yaml", "B"), ("c.yaml", "C")]);
    fs::remove_dir_all(folder.path().join("..2026_01")).expect("removed");
    let after = read_changed_overlays(folder.path(), &mut known, later);
    assert_eq!(shown(&after.findings, folder.path()), [""; 0]);
    assert_eq!(texts(&after), ["A", "B", "C"]);
}

#[test]
fn mounted_files_that_lead_out_of_the_folder_are_rejected() {
    let (folder, outside) = (folder(&[]), folder(&[("a.yaml", "a")]));
    mount(folder.path(), "..2026_01", &[("b.yaml", "b")]);
    let link = |target: &Path, at: &str| {
        std::os::unix::fs::symlink(target, folder.path().join(at)).expect("a link");
    };
    link(outside.path(), "..2026_01/out");
    link(Path::new("..data/out/a.yaml"), "a.yaml");
    link(Path::new("..data"), "all");
    let overlays = read_overlays(folder.path());
    assert_eq!(
        shown(&overlays.findings, folder.path()),
        [
            "a.yaml:1:1: a symbolic link out of the folder; keep reviewed files in one place",
            "all:1:1: a symbolic link to a folder is not followed; put the files here",
        ]
    );
    assert_eq!(overlays.sources.len(), 1);
}

fn settings(text: &str, given: Locations) -> Result<Settings, Vec<String>> {
    let folder = folder(&[("vidimus.toml", text)]);
    Settings::load(&folder.path().join("vidimus.toml"), false, given)
        .map_err(|findings| shown(&findings, folder.path()))
}

#[test]
fn given_locations_override_the_file_and_the_file_the_defaults() {
    let given = Locations { data: Some("/given".into()), ..Locations::default() };
    let text = "data = \"/file\"\noverlays = \"policy\"\nnamespace = \"com.example.registry\"\n\
                contact = \" Platform security \"\nrequest_url = \"mailto:mcp@example.com\"\n\
                ops_hosts = [\"ops.example\"]\n[tracks]\nfast = 30\n[egress]\nproxy = \"http://p:1\"\n";
    let settings = settings(text, given).expect("good");
    assert_eq!(settings.data, Path::new("/given"));
    assert_eq!(settings.overlays, Path::new("policy"));
    assert_eq!(settings.upstreams, Path::new("upstreams"));
    assert_eq!(settings.namespace, "com.example.registry");
    assert_eq!(settings.public.contact.name.as_deref(), Some("Platform security"));
    assert_eq!(settings.public.contact.request_url.as_deref(), Some("mailto:mcp@example.com"));
    assert_eq!(settings.terms.fast.as_secs(), 30 * 86_400);
    assert_eq!(settings.egress.proxy.map(|url| url.to_string()).as_deref(), Some("http://p:1/"));
}

#[rstest]
#[case("dta = \"x\"", "vidimus.toml:1:1: unknown key `dta`; did you mean `data`?")]
#[case(
    "listen = \"8080\"",
    "vidimus.toml:1:10: `8080`; an address and a port, such as 127.0.0.1:8080"
)]
#[case("namespace = \"a b\"", "a reverse-DNS namespace, such as com.example.registry")]
#[case("[tracks]\nfast = 0", "vidimus.toml:2:8: `0`; a whole number from 1 to 3660")]
#[case(
    "[egress]\nproxy = \"nothing\"",
    "vidimus.toml:2:9: `nothing`; a URL with its scheme, such as http://proxy.example:3128"
)]
#[case("data = [", "this is not TOML")]
#[case(
    "contact = \"a\\u202eb\"",
    "the name or address of a team: one line of at most 200 characters"
)]
#[case(
    "request_url = \"http://portal.example\"",
    "an https or mailto URL of at most 2000 characters"
)]
#[case("request_url = \"https://user:secret@portal.example\"", "an https or mailto URL")]
#[case("request_url = \"mailto:nowhere\"", "an https or mailto URL")]
#[case("request_url = \"javascript:alert(1)\"", "an https or mailto URL")]
#[case("[provenance]\nrequire = {cargo = \"required\"}", "vidimus.toml:2:12: unknown key `cargo`")]
#[case(
    "[provenance.tiers.1]\nnpm = \"optional\"",
    "vidimus.toml:2:7: `optional`; allowed: `when_available`, `required`"
)]
#[case("[provenance.tiers.4]\nnpm = \"required\"", "unknown key `4`")]
#[case("[[advisory_feeds]]\nname = \"npm\"", "a feed without `from`")]
#[case(
    "[[advisory_feeds]]\nname = \"npm\"\nfrom = \"http://osv.example/all.zip\"",
    "an https URL of an archive, or the path of an archive or a folder"
)]
#[case(
    "[[advisory_feeds]]\nname = \"a\"\nfrom = \"x\"\n[[advisory_feeds]]\nname = \"a\"\nfrom = \"y\"",
    "the feed `a` appears twice"
)]
fn invalid_configuration_is_rejected_with_its_place(#[case] text: &str, #[case] wanted: &str) {
    let findings = settings(text, Locations::default()).expect_err("refused");
    assert!(findings[0].contains(wanted), "{findings:#?}");
}

#[test]
fn demands_of_a_tier_are_those_of_all_with_its_own() {
    let text = "[provenance]\nrequire = {npm = \"required\", pypi = \"when_available\"}\n\
                [provenance.tiers.2]\nnpm = \"when_available\"\n";
    let settings = settings(text, Locations::default()).expect("good");
    let policy = settings.ownership.provenance.policy;
    let default = TypeDemands::default()
        .with("npm", ProvenanceDemand::Required)
        .with("pypi", ProvenanceDemand::WhenAvailable);
    let second = default.with("npm", ProvenanceDemand::WhenAvailable);
    assert_eq!(policy, ProvenancePolicy { default, tiers: [None, Some(second), None] });
}

#[test]
fn absent_file_is_an_error_only_if_named() {
    let absent = Path::new("/nonexistent/vidimus.toml");
    let default = Settings { file: absent.to_owned(), ..Settings::default() };
    assert_eq!(Settings::load(absent, false, Locations::default()), Ok(default));
    assert!(Settings::load(absent, true, Locations::default()).is_err());
}

#[test]
fn included_upstreams_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let upstreams = read_upstreams(&root.join("upstreams")).expect("good");
    assert_eq!(upstreams[0].id, "official");
}

const HOOK: &str = "[[webhooks]]\nname = \"a\"\nurl_file = \"u\"\nsecret_variable = \"S\"\n";

#[test]
fn webhook_names_location_of_its_url_and_secret() {
    let text = format!(
        "{HOOK}kinds = [\"drift\", \"lookalike\"]\ntimeout = \"2s\"\n[lookalikes]\nwithhold = false\n"
    );
    let settings = settings(&text, Locations::default()).expect("good");
    assert!(!settings.withhold);
    let webhook = &settings.webhooks[0];
    assert_eq!(webhook.url, Hidden::File("u".into()));
    assert_eq!(webhook.secret, Some(Hidden::Variable("S".into())));
    assert_eq!(webhook.kinds, [AlertKind::Drift, AlertKind::Lookalike]);
    assert_eq!((webhook.timeout.as_secs(), webhook.give_up_after.as_secs()), (2, 24 * 3_600));
}

#[rstest]
#[case("[[webhooks]]\nurl_file = \"u\"\nsecret_file = \"s\"", "a webhook without a `name`")]
#[case(
    "[[webhooks]]\nname = \"a\"\nsecret_file = \"s\"",
    "a webhook without a URL; set `url_file` or `url_variable`"
)]
#[case("[[webhooks]]\nname = \"a\"\nurl_file = \"u\"", "a webhook without a secret")]
#[case(
    "[[webhooks]]\nname = \"A b\"\nurl_file = \"u\"\nsecret_file = \"s\"",
    "lower-case letters, digits and '-'"
)]
#[case("[[webhooks]]\nname = \"a\"\nurl = \"https://x.example\"", "`url`")]
#[case(&format!("{HOOK}url_variable = \"U\"\n"), "both `url_file` and `url_variable`; set only one of them")]
#[case(&format!("{HOOK}kinds = [\"lookalikes\"]\n"), "`lookalikes`; did you mean `lookalike`? Allowed: `advisories-stale`, ")]
#[case(
    "[[webhooks]]\nname = \"a\"\nurl_file = \"u\"\nsecret_variable = \"whsec_abc\"",
    "an invalid name of a webhook's variable; capital letters"
)]
#[case(&format!("{HOOK}{HOOK}"), "the webhook `a` appears twice")]
#[case(&format!("{HOOK}format = \"xml\"\n"), "`xml`")]
fn webhook_that_cannot_be_trusted_is_rejected(#[case] text: &str, #[case] wanted: &str) {
    let findings = settings(text, Locations::default()).expect_err("refused");
    assert!(findings[0].contains(wanted), "{findings:#?}");
}

#[test]
fn hidden_value_is_one_line_and_displayed_as_fingerprint() {
    let folder = folder(&[("good", " secret\n"), ("empty", "\n"), ("two", "a\nb\n")]);
    let read = |name: &str| Hidden::File(folder.path().join(name)).read();
    let secret = read("good").expect("a secret");
    assert_eq!(secret.reveal(), "secret");
    assert_eq!(format!("{secret:?}"), "sha256:2bb80d537b1d");
    assert!(
        read("empty")
            .expect_err("empty")
            .to_string()
            .ends_with("exactly one line of visible characters without blanks")
    );
    assert!(read("two").is_err());
    assert!(read("absent").is_err());
    let variable = |name: &str| Hidden::Variable(name.to_owned()).read();
    assert_eq!(variable("CARGO_PKG_NAME").expect("cargo sets it").reveal(), "vidimus");
    let unset = variable("VIDIMUS_IS_NOT_SET").expect_err("unset").to_string();
    assert_eq!(unset, "the environment variable VIDIMUS_IS_NOT_SET is not set");
}

const BAD: &str = "\"?\"";
const BAD_LIST: &str = "[\"?\"]";

/// Reads a text as a file of this format and returns the findings.
fn findings_of(format: &FileFormat, text: &str) -> Vec<String> {
    if format.name == "vidimus.toml" {
        return settings(text, Locations::default()).err().unwrap_or_default();
    }
    let folder = folder(&[("one.toml", text)]);
    read_upstream(&folder.path().join("one.toml"))
        .err()
        .map(|findings| shown(&findings, folder.path()))
        .unwrap_or_default()
}

/// Returns the tables of a file that have a value, written one after the other.
fn written(format: &FileFormat, value: impl Fn(&Table, &Field) -> &'static str) -> String {
    let has_value =
        |table: &&&Table| table.fields.iter().any(|field| !value(table, field).is_empty());
    let tables = format.tables.iter().filter(has_value);
    tables.map(|table| format.language.text(table, |field| value(table, field))).collect()
}

#[test]
fn documented_examples_are_valid() {
    for format in file_formats() {
        let text = written(&format, |_, field| field.example);
        assert_eq!(findings_of(&format, &text), [""; 0], "{text}");
    }
}

#[test]
fn documented_defaults_are_in_effect() {
    let [vidimus, upstreams] = file_formats();
    let default = |table: &Table, field: &Field| {
        if table.opening.starts_with("[[") { "" } else { field.default }
    };
    let read = settings(&written(&vidimus, default), Locations::default()).expect("valid");
    assert!(read.ops_listen_named, "a file that writes the default names the address");
    let read = Settings {
        file: "vidimus.toml".into(),
        ops_listen_named: false,
        reading: super::reading::Reading::default(),
        ..read
    };
    assert_eq!(read, Settings::default());

    let folder = folder(&[
        ("bare.toml", URL),
        ("full.toml", &format!("{URL}{}", written(&upstreams, default))),
    ]);
    let read = |name: &str| read_upstream(&folder.path().join(name)).expect("valid");
    assert_eq!(Upstream { id: "bare".into(), ..read("full.toml") }, read("bare.toml"));

    let webhook = vidimus.tables.iter().find(|table| table.heading == "[[webhooks]]");
    let defaults = vidimus.language.text(webhook.expect("a table"), |field| field.default);
    let full = format!("{HOOK}{}", defaults.replace("[[webhooks]]\n", ""));
    let read = |text: &str| settings(text, Locations::default()).expect("valid").webhooks;
    assert_eq!(read(&full), read(HOOK));
}

#[test]
fn documented_limits_are_those_of_the_reader() {
    for format in file_formats() {
        for table in format.tables {
            for field in table.fields.iter().filter(|field| !field.allowed.is_empty()) {
                if (format.name, field.key) == ("Upstream files", "url") {
                    // Its finding says which part of the URL is wrong.
                    continue;
                }
                let bad = if field.kind.starts_with("list") { BAD_LIST } else { BAD };
                let value = |other: &Field| match other {
                    other if other == field => bad,
                    other if other.required || other.key == "url" => other.example,
                    _ => "",
                };
                let base = if table.opening.is_empty() { "" } else { URL };
                let base = if format.name == "vidimus.toml" { "" } else { base };
                let text = format!("{base}{}", format.language.text(table, value));
                let findings = findings_of(&format, &text);
                let is_named = |finding: &String| finding.contains(field.allowed);
                assert!(findings.iter().any(is_named), "{text}: {findings:#?}");
            }
        }
    }
}

#[test]
fn evidence_is_yaml_and_json_and_a_folder_that_is_too_large_is_unreadable_as_a_whole() {
    let read = |folder: &tempfile::TempDir| {
        super::read_evidence(
            folder.path(),
            &mut super::KnownFiles::new(),
            std::time::SystemTime::UNIX_EPOCH,
        )
    };
    let few =
        folder(&[("a/x.json", "{}"), ("y.yaml", "# y"), ("README.md", "notes"), ("z.yml", "# z")]);
    let found = read(&few);
    let files: Vec<&str> = found.sources.iter().map(|source| source.text.as_str()).collect();
    assert_eq!(files, ["{}", "# y"]);
    assert_eq!(
        shown(&found.findings, few.path()),
        ["z.yml:1:1: a file of another kind; only `*.yaml` and `*.json` and `*.md` belong here"]
    );
    let large = "#".repeat(1024 * 1024);
    let names: Vec<String> = (0..33).map(|index| format!("{index:02}.yaml")).collect();
    let files: Vec<(&str, &str)> =
        names.iter().map(|name| (name.as_str(), large.as_str())).collect();
    assert_eq!(read(&folder(&files[..32])).findings, []);
    let all = folder(&files);
    let found = read(&all);
    assert_eq!(found.sources, []);
    assert_eq!(found.findings.len(), 1, "{:?}", found.findings);
    assert_eq!(found.findings[0].place.source.file, all.path().to_string_lossy());
}

#[test]
fn place_of_a_value_and_keys_that_differ_are_those_of_the_file() {
    let text = "listen = \"127.0.0.1:1\"\n[tls]\ncert_file = \"a\"\nkey_file = \"b\"\n";
    let others = [
        ("# above\n", text, ""),
        ("", &text.replace("\"b\"", "\"c\""), "tls"),
        ("data = \"x\"\n", &text.replace(":1", ":2"), "data, listen"),
        ("", "[[views]]\nname = \"a\"\n", "listen, tls, views"),
    ];
    let folder = folder(&[("vidimus.toml", text)]);
    let file = folder.path().join("vidimus.toml");
    let load = |given| Settings::load(&file, true, given).expect("good");
    let settings = load(Locations::default());
    let place =
        |key: &str| settings.place(key).to_string().replace(&file.display().to_string(), "");
    for (key, wanted) in
        [("listen", ":1:10"), ("tls.key_file", ":4:12"), ("data", ":1:1"), ("tls.other", ":1:1")]
    {
        assert_eq!(place(key), wanted, "{key}");
    }
    assert!(settings.origin("listen", "--listen").starts_with("`listen` at "));
    assert_eq!(settings.origin("data", "--data"), "--data");
    let given = load(Locations { listen: Some(settings.listen), ..Locations::default() });
    assert_eq!(given.origin("listen", "--listen"), "--listen");
    for (before, after, wanted) in others {
        fs::write(&file, format!("{before}{after}")).expect("written");
        let other = load(Locations::default());
        let keys = settings.reading.different(&other.reading);
        assert_eq!(keys.into_iter().collect::<Vec<_>>().join(", "), wanted);
    }
}

/// P90.
#[test]
fn settings_of_more_than_a_mebibyte_are_refused_and_not_cut() {
    let folder = folder(&[("vidimus.toml", &format!("{}\nlistne = 1\n", "#".repeat(1024 * 1024)))]);
    let refused = Settings::load(&folder.path().join("vidimus.toml"), true, Locations::default());
    let refused = shown(&refused.expect_err("too long"), folder.path());
    assert!(refused[0].contains("it has more than 1 MiB"), "{refused:?}");
}
