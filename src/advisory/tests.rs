use proptest::prelude::*;

use super::*;
use crate::lint::Source;
use crate::model::Name;

fn osv(json: &str) -> Advisory {
    read_osv(json.as_bytes()).unwrap_or_else(|why| panic!("{why}: {json}"))
}

/// Returns an advisory with one range.
fn ranged(ecosystem: &str, events: &str) -> Advisory {
    osv(&format!(
        r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"left-pad"}},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]}}"#
    ))
}

fn effect(
    advisory: &Advisory,
    kind: &str,
    name: &str,
    version: Option<&str>,
) -> Option<(Effect, Match)> {
    advisory.effect_on(&EcosystemPackage::of_entry(kind, name).expect("a kind"), name, version)
}

#[rstest::rstest]
// npm, by semantic versions.
#[case("npm", "npm", r#"{"introduced":"0"},{"fixed":"1.3.2"}"#, &["0.0.1", "1.3.1", "1.3.2-rc.1"], &["1.3.2", "1.3.10", "2.0.0"])]
#[case("npm", "npm", r#"{"introduced":"1.2"},{"last_affected":"1.3.0"}"#, &["1.2.0", "1.3.0"], &["1.1.9", "1.3.1", "1.2.0-rc"])]
#[case("npm", "npm", r#"{"fixed":"1.0.0"},{"introduced":"0"},{"introduced":"2.0.0"},{"fixed":"2.1.0"}"#, &["0.9.0", "2.0.0", "2.0.9"], &["1.0.0", "1.9.9", "2.1.0"])]
#[case("npm", "npm", r#"{"introduced":"0"},{"fixed":"1.0.0"},{"introduced":"1.0.0"},{"fixed":"2.0.0"}"#, &["0.1.0", "1.0.0"], &["2.0.0"])]
#[case("npm", "npm", r#"{"introduced":"0"}"#, &["0.0.1", "99.0.0", "latest"], &[])]
#[case("crates.io", "cargo", r#"{"introduced":"0.9.0"},{"fixed":"0.10.0"}"#, &["0.9.9"], &["0.10.0", "0.8.0"])]
#[case("Go", "go", r#"{"introduced":"0"},{"fixed":"1.4.0"}"#, &["v1.3.9", "v1.4.0-20260101000000-abcdef123456"], &["v1.4.0"])]
// PyPI, by PEP 440.
#[case("PyPI", "pypi", r#"{"introduced":"0"},{"fixed":"2.0"}"#, &["1.9", "1.10", "2.0rc1", "2.0.dev3", "v1.0"], &["2.0", "2.0.0", "2.0.post1", "1!0.1"])]
#[case("PyPI", "pypi", r#"{"introduced":"1.0"},{"last_affected":"1.0.2"}"#, &["1.0", "1.0.2", "1.0.1.post3"], &["1.0rc1", "1.0.3"])]
// Bounds that are needless.
#[case("npm", "npm", r#"{"introduced":"0"},{"last_affected":"1.2.0"},{"fixed":"1.3.0"}"#, &["1.2.0"], &["1.2.1", "1.3.0"])]
#[case("npm", "npm", r#"{"introduced":"1.0.0"},{"introduced":"1.1.0"},{"fixed":"1.3.0"},{"fixed":"1.4.0"},{"introduced":"2.0.0"}"#, &["1.0.0", "1.2.9", "2.0.0"], &["0.9.0", "1.3.0"])]
#[case("npm", "npm", r#"{"introduced":"1.0.0"},{"fixed":"1.0.0"},{"introduced":"2.0.0"},{"fixed":"3.0.0"}"#, &["2.0.0"], &["1.0.0", "3.0.0"])]
// No rule: every version, or none.
#[case("NuGet", "nuget", r#"{"introduced":"0"}"#, &["1.0", "1.2.3.4"], &[])]
fn ranges_follow_the_rules_of_the_ecosystem(
    #[case] ecosystem: &str,
    #[case] kind: &str,
    #[case] events: &str,
    #[case] inside: &[&str],
    #[case] outside: &[&str],
) {
    let advisory = ranged(ecosystem, events);
    assert_eq!(advisory.faults, [""; 0]);
    for version in inside {
        let found = effect(&advisory, kind, "left-pad", Some(version));
        assert_eq!(found, Some((Effect::Alert, Match::Certain)), "{version}");
    }
    for version in outside {
        assert_eq!(effect(&advisory, kind, "left-pad", Some(version)), None, "{version}");
    }
}

#[rstest::rstest]
#[case("npm", r#"{"introduced":"2.0.0"},{"fixed":"1.0.0"}"#)]
#[case("npm", r#"{"introduced":"1.0.0"},{"fixed":"1.0.0"}"#)]
#[case("npm", r#"{"fixed":"1.0.0"}"#)]
#[case("npm", r#"{"introduced":"one"}"#)]
#[case("PyPI", r#"{"introduced":"0"},{"fixed":"first"}"#)]
#[case("NuGet", r#"{"introduced":"0"},{"fixed":"1.0"}"#)]
#[case("npm", "")]
fn impossible_range_is_a_fault_and_enumerated_versions_still_count(
    #[case] ecosystem: &str,
    #[case] events: &str,
) {
    let advisory = ranged(ecosystem, events);
    assert_eq!(advisory.affected, []);
    assert_eq!(advisory.faults.len(), 1, "{:?}", advisory.faults);
    let enumerated = osv(&format!(
        r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"x"}},"versions":["1.0.0"],"ranges":[{{"type":"SEMVER","events":[{events}]}}]}}]}}"#
    ));
    let kind = if ecosystem == "PyPI" { "pypi" } else { &ecosystem.to_lowercase() };
    assert!(effect(&enumerated, kind, "x", Some("1.0.0")).is_some());
    assert_eq!(effect(&enumerated, kind, "x", Some("1.0.1")), None);
}

#[rstest::rstest]
#[case("npm", "npm", "1.0.0", &["1.0.0", "1.0.0+build"], &["1.0.1", "1.0.0-rc"])]
#[case("PyPI", "pypi", "1.0", &["1.0", "1.0.0", "v1"], &["1.0.1"])]
#[case("NuGet", "nuget", "1.0.0-Beta", &["1.0.0-beta", "1.0-beta", "01.0.0.0-BETA+x"], &["1.0.0"])]
#[case("MCPB", "mcpb", "1.0", &["1.0"], &["1.0.0"])]
fn enumerated_version_is_compared_as_its_ecosystem_does(
    #[case] ecosystem: &str,
    #[case] kind: &str,
    #[case] listed: &str,
    #[case] same: &[&str],
    #[case] others: &[&str],
) {
    let advisory = osv(&format!(
        r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"x"}},"versions":["{listed}"]}}]}}"#
    ));
    for version in same {
        assert!(effect(&advisory, kind, "x", Some(version)).is_some(), "{version}");
    }
    for version in others {
        assert_eq!(effect(&advisory, kind, "x", Some(version)), None, "{version}");
    }
}

#[test]
fn package_is_compared_in_its_normal_form_and_an_image_by_its_tag() {
    let of = |ecosystem: &str, name: &str, version: &str| {
        osv(&format!(
            r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{name}"}},"versions":["{version}"]}}]}}"#
        ))
    };
    let python = of("PyPI", "Zope.Interface", "1.0");
    assert!(effect(&python, "pypi", "zope_interface", Some("1.0")).is_some());
    // npm distinguishes letter case.
    assert_eq!(effect(&of("npm", "JSONStream", "1.0.0"), "npm", "jsonstream", Some("1.0.0")), None);
    let image = of("OCI", "docker.io/example/wiki", "2.1");
    assert!(effect(&image, "oci", "example/wiki:2.1", None).is_some());
    assert_eq!(effect(&image, "oci", "example/wiki:2.2", None), None);
}

#[rstest::rstest]
// One package, every version.
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]"#, Some("1.0.0"), Some((Effect::Hide, Match::Certain)))]
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]"#, None, Some((Effect::Hide, Match::Certain)))]
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"}}]"#, Some("1.0.0"), Some((Effect::Hide, Match::Certain)))]
// Exact versions, also of several packages.
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"]},{"package":{"ecosystem":"npm","name":"y"},"versions":["2.0.0"]}]"#, Some("1.0.0"), Some((Effect::Hide, Match::Certain)))]
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"]}]"#, Some("1.0.1"), None)]
// Not known which version.
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"]}]"#, Some("latest"), Some((Effect::Alert, Match::Possible)))]
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"]}]"#, None, Some((Effect::Alert, Match::Possible)))]
// A listed version is definite also beside a range, and in several packages.
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"],"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]},{"package":{"ecosystem":"npm","name":"y"}}]"#, Some("1.0.0"), Some((Effect::Hide, Match::Certain)))]
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"},"versions":["1.0.0"],"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]},{"package":{"ecosystem":"npm","name":"y"}}]"#, Some("1.0.1"), Some((Effect::Alert, Match::Certain)))]
// Several packages in ranges.
#[case(r#"[{"package":{"ecosystem":"npm","name":"x"}},{"package":{"ecosystem":"Maven","name":"y"}}]"#, Some("1.0.0"), Some((Effect::Alert, Match::Certain)))]
fn malicious_package_is_hidden_by_one_package_or_exact_versions(
    #[case] affected: &str,
    #[case] version: Option<&str>,
    #[case] wanted: Option<(Effect, Match)>,
) {
    let of = |id: &str, more: &str| osv(&format!(r#"{{"id":"{id}",{more}"affected":{affected}}}"#));
    assert_eq!(effect(&of("MAL-2026-1", ""), "npm", "x", version), wanted);
    let alert = wanted.map(|(_, matched)| (Effect::Alert, matched));
    assert_eq!(effect(&of("GHSA-1", ""), "npm", "x", version), alert, "not a report of malice");
    let withdrawn = of("MAL-2026-1", r#""withdrawn":"2026-11-01T00:00:00Z","#);
    assert_eq!(effect(&withdrawn, "npm", "x", version), None);
    assert_eq!(withdrawn.keys().count(), 0);
}

#[test]
fn spellings_of_one_package_are_one() {
    let key = |url: &str| EcosystemPackage::of_entry("mcpb", url).expect("a type");
    let bundle = key("https://files.example/a.mcpb");
    assert_eq!(key("HTTPS://Files.example:443/x/../a.mcpb#part"), bundle);
    assert_ne!(key("https://files.example/b.mcpb"), bundle);
    let advisory = osv(
        r#"{"id":"MAL-1","affected":[{"package":{"ecosystem":"PyPI","name":"Ex_x"}},{"package":{"ecosystem":"PyPI","name":"ex-x"}}]}"#,
    );
    let found = effect(&advisory, "pypi", "ex.x", Some("1.0"));
    assert_eq!(found, Some((Effect::Hide, Match::Certain)));
}

#[rstest::rstest]
#[case(&["1.0"], "example/x:1.0", Some(Match::Certain))]
#[case(&["1.0"], "example/x:2.0", None)]
#[case(&["1.0"], "registry.example:5000/example/x:1.0@sha256:aa", None)]
#[case(&["1.0"], "example/x:1.0@sha256:aa", Some(Match::Certain))]
// The tag may be that of a listed one.
#[case(&["1.0"], "example/x:latest", Some(Match::Possible))]
#[case(&["1.0"], "example/x", Some(Match::Possible))]
#[case(&["1.0"], "example/x@sha256:aa", Some(Match::Possible))]
#[case(&["sha256:aa"], "example/x:2.0", Some(Match::Possible))]
#[case(&["sha256:aa"], "example/x:2.0@sha256:bb", None)]
#[case(&["sha256:aa"], "example/x:2.0@sha256:aa", Some(Match::Certain))]
fn image_is_known_by_its_digest_or_by_its_tag_where_only_tags_are_listed(
    #[case] listed: &[&str],
    #[case] identifier: &str,
    #[case] wanted: Option<Match>,
) {
    let advisory = osv(&format!(
        r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"OCI","name":"example/x"}},"versions":{listed:?}}}]}}"#
    ));
    let found = effect(&advisory, "oci", identifier, None);
    assert_eq!(found.map(|(_, matched)| matched), wanted);
}

#[rstest::rstest]
#[case("", "EOF")]
#[case("[]", "invalid")]
#[case("<html>", "expected value")]
#[case(r#"{"affected":[]}"#, "missing field `id`")]
#[case(r#"{"id":"a b"}"#, "an id has")]
#[case(r#"{"id":"X","id":"Y"}"#, "duplicate field")]
#[case(r#"{"id":"X","schema_version":"2.0.0"}"#, "schema_version")]
#[case(
    r#"{"id":"X","affected":[{"package":{"ecosystem":"npm","name":""}}]}"#,
    "a package with a name of 0 bytes"
)]
#[case(r#"{"id":"X","affected":{"package":1}}"#, "invalid type")]
fn broken_document_is_unreadable_with_a_reason(#[case] json: &str, #[case] why: &str) {
    let Unreadable(found) = read_osv(json.as_bytes()).expect_err("unreadable");
    assert!(found.contains(why), "{found}");
}

#[test]
fn numbers_beyond_the_limits_are_unreadable() {
    let many = |count: usize, item: &str| vec![item; count].join(",");
    let affected = |inner: String| {
        format!(
            r#"{{"id":"X","affected":[{{"package":{{"ecosystem":"npm","name":"x"}},{inner}}}]}}"#
        )
    };
    let package = r#"{"package":{"ecosystem":"npm","name":"x"}}"#;
    for (json, why) in [
        (affected(format!(r#""versions":[{}]"#, many(60_000, r#""1.0.0""#))), "60000 versions"),
        (
            affected(format!(r#""versions":[{}]"#, many(1_000_000, r#""1""#))),
            "bytes; at most 1048576",
        ),
        (affected(format!(r#""ranges":[{}]"#, many(600, r#"{"type":"GIT"}"#))), "600 ranges"),
        (
            affected(format!(
                r#""ranges":[{{"type":"SEMVER","events":[{}]}}]"#,
                many(300, r#"{"introduced":"1.0.0"}"#)
            )),
            "300 bounds",
        ),
        (format!(r#"{{"id":"X","affected":[{}]}}"#, many(3_000, package)), "3000 packages"),
        (affected(format!(r#""versions":["{}"]"#, "1".repeat(200))), "a version of more than"),
    ] {
        let Unreadable(found) = read_osv(json.as_bytes()).expect_err(why);
        assert!(found.contains(why), "{found}");
    }
}

#[test]
fn severity_is_the_stated_word_or_the_score() {
    let of = |more: &str| osv(&format!(r#"{{"id":"X",{more}"affected":[]}}"#)).severity;
    assert_eq!(of(""), Severity::Unknown);
    assert_eq!(of(r#""database_specific":{"severity":"MODERATE","x":[1]},"#), Severity::Medium);
    assert_eq!(of(r#""database_specific":{"severity":7},"#), Severity::Unknown);
    assert_eq!(of(r#""database_specific":[],"#), Severity::Unknown);
    let vector = r#""severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"#;
    assert_eq!(of(vector), Severity::Critical);
}

#[test]
fn summary_is_one_short_line_without_hidden_characters() {
    let text = format!("red \\u001b[31m{}\\nsecond line", "x".repeat(300));
    let advisory = osv(&format!(r#"{{"id":"X","summary":"{text}"}}"#));
    assert!(advisory.summary.starts_with("red [31mxxx"), "{}", advisory.summary);
    assert_eq!(advisory.summary.chars().count(), 200);
}

proptest! {
    /// One advisory never hides more than four names, or more than a fifth of what is served, without a person.
    #[test]
    fn advisory_that_hides_much_waits_for_a_person(hidden in 0..400_usize, served in 0..400_usize) {
        let hidden = hidden.min(served);
        let is_much = hidden > 4 && hidden * 5 > served;
        prop_assert_eq!(must_hold(hidden, served), is_much);
    }

    #[test]
    fn document_of_any_content_is_read_or_refused_and_affects_what_it_lists(
        id in "(MAL|GHSA|)-[0-9]{1,3}",
        ecosystem in prop::sample::select(vec!["npm", "PyPI", "NuGet", "Go", "crates.io", "OCI", "Debian:12"]),
        package in "[@a-zA-Z0-9._/-]{0,8}",
        versions in prop::collection::vec("[0-9v!.a-z+-]{1,8}", 0..4),
        events in prop::collection::vec(
            (prop::sample::select(vec!["introduced", "fixed", "last_affected", "limit"]), "[0-9*.a-z-]{1,6}"),
            0..5,
        ),
        withdrawn in prop::option::of(prop::sample::select(vec!["2026-01-01T00:00:00Z", "soon"])),
    ) {
        let events: Vec<_> =
            events.iter().map(|(kind, version)| serde_json::json!({*kind: version})).collect();
        let json = serde_json::json!({
            "id": id, "withdrawn": withdrawn,
            "affected": [{
                "package": {"ecosystem": ecosystem, "name": package},
                "versions": versions,
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }],
        });
        let Ok(advisory) = read_osv(json.to_string().as_bytes()) else { return Ok(()) };
        prop_assert!(advisory.covers(&advisory));
        prop_assert_eq!(advisory.withdrawn.is_some(), withdrawn == Some("2026-01-01T00:00:00Z"));
        let kept: Advisory =
            serde_json::from_str(&serde_json::to_string(&advisory).expect("JSON")).expect("read");
        for affected in advisory.affected.iter().filter(|_| advisory.withdrawn.is_none()) {
            for version in &versions {
                let found = advisory.effect_of(affected, &package, Some(version));
                prop_assert!(matches!(found, Some((_, Match::Certain))), "{} {:?}", version, found);
                prop_assert_eq!(found, kept.effect_on(&affected.key(), &package, Some(version)));
            }
        }
    }

    #[test]
    fn reading_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_osv(&bytes);
    }

    #[test]
    fn comparing_any_texts_does_not_panic(
        bounds in prop::collection::vec("[0-9v!.a-z+-]{0,9}", 0..5),
        other in "[0-9v!.a-z+-]{0,9}",
        listed in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let listed = listed.filter(|_| !bounds.is_empty()).map(|index| index.get(&bounds));
        let version = listed.unwrap_or(&other);
        for ecosystem in [Ecosystem::Npm, Ecosystem::Pypi, Ecosystem::Nuget, Ecosystem::Go] {
            let events = bounds.iter().enumerate().map(|(index, bound)| match index % 3 {
                0 => Event::Introduced(bound.into()),
                1 => Event::Fixed(bound.into()),
                _ => Event::LastAffected(bound.into()),
            });
            let ranges = Range::new(ecosystem, events.collect()).into_iter().collect();
            let versions = bounds.iter().map(Into::into).collect();
            let affected = Affected::new(ecosystem, "x".into(), ranges, versions);
            let found = affected.compare(&[version]);
            if bounds.contains(version) {
                prop_assert_eq!(found, Some(Match::Certain));
            }
        }
    }
}

fn own(text: &str) -> (Vec<OwnAdvisory>, Vec<String>) {
    let (read, findings) = read_own(&[Source::new("a.yaml", text)]);
    (read, findings.iter().map(ToString::to_string).collect())
}

#[test]
fn own_advisory_names_packages_servers_hosts_and_repositories() {
    let (read, findings) = own(
        "id: EX-1\nsummary: taken over\naffected:\n  - package: {ecosystem: npm, name: x}\n    ranges:\n      - type: SEMVER\n        events: [{introduced: \"0\"}, {fixed: 1.2.0}]\nvidimus:\n  action: hide\n  servers: [com.example/wiki, net.example.*/*]\n  hosts: [Mcp.Example.com, \"*.example.net\"]\n  repositories: [\"https://github.com/Example/Wiki.git\"]\n---\nid: EX-2\nvidimus: {hosts: [x.example]}\n",
    );
    assert_eq!(findings, [""; 0]);
    let [first, second] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!((first.action, second.action), (Action::Hide, Action::Alert));
    let name = |text: &str| Name::parse(text).expect("a name");
    for text in ["com.example/wiki", "com.example/Wiki", "net.example/x", "net.example.team/x"] {
        assert!(first.selects(&name(text)), "{text}");
    }
    assert!(!first.selects(&name("net.examples/x")) && !second.selects(&name("com.example/wiki")));
    assert!(first.names_host("mcp.example.com:8443") && !first.names_host("example.com:8443"));
    assert!(first.names_host("mcp.example.com") && first.names_host("a.example.net."));
    assert!(!first.names_host("example.net") && !first.names_host("evilexample.net"));
    assert!(first.names_repository("git+https://www.github.com/example/wiki/"));
    for url in [
        "https://GitHub.com//example/%77iki/tree/main/servers",
        "git@github.com:example/wiki.git",
        "ssh://git@github.com/Example/Wiki",
        "https://github.com./example/wiki.git?x#y",
    ] {
        assert!(first.names_repository(url), "{url}");
    }
    assert!(!first.names_repository("https://github.com/example/wiki2"));
    assert!(!first.names_repository("https://github.com/example"));
    assert!(effect(&first.advisory, "npm", "x", Some("1.1.0")).is_some());
}

#[rstest::rstest]
#[case(
    "id: MAL-1\naffected: [{package: {ecosystem: npm, name: x}}]\nvidimus: {action: hide}\n",
    true
)]
#[case(
    "id: EX-1\naffected: [{package: {ecosystem: npm, name: x}}]\nvidimus: {action: hide}\n",
    false
)]
#[case(
    "id: MAL-1\naffected: [{package: {ecosystem: npm, name: x}}]\nvidimus: {action: hide, servers: [a.b/c]}\n",
    false
)]
#[case(
    "id: MAL-1\naffected: [{package: {ecosystem: npm, name: x}, versions: [1.0.0]}, {package: {ecosystem: npm, name: y}, versions: [1.0.0]}]\n",
    true
)]
#[case(
    "id: MAL-1\naffected: [{package: {ecosystem: npm, name: x}}, {package: {ecosystem: npm, name: y}}]\n",
    false
)]
fn report_of_malicious_code_in_one_package_or_listed_versions_is_definite(
    #[case] text: &str,
    #[case] is_definite: bool,
) {
    let (read, findings) = own(text);
    assert_eq!(findings, [""; 0]);
    assert_eq!(read[0].is_definite_report(), is_definite);
}

#[rstest::rstest]
#[case("id: X\n", "a.yaml:1:1: an advisory that concerns nothing")]
#[case("vidimus: {servers: [a.b/c]}\n", "a.yaml:1:1: an advisory without an `id`")]
#[case("id: X\nseverty: high\n", "a.yaml:2:1: unknown key `severty`; did you mean `severity`?")]
#[case(
    "id: X\nvidimus: {action: hid, servers: [a.b/c]}\n",
    "a.yaml:2:19: `hid`; did you mean `hide`?"
)]
#[case(
    "id: X\naffected: [{package: {ecosystem: pypi, name: x}}]\n",
    "a.yaml:2:34: `pypi`; did you mean `PyPI`?"
)]
#[case(
    "id: X\naffected: [{package: {ecosystem: npm, name: x}, ranges: [{type: SEMVER, events: [{introduced: 2.0.0}, {fixed: 1.0.0}]}]}]\n",
    "a.yaml:1:1: a range of `x`: it ends at 1.0.0 before it begins"
)]
#[case("id: X\nvidimus: {hosts: [\"a*b\"]}\n", "a.yaml:2:19: `a*b`; a host")]
#[case(
    "id: X\nvidimus: {servers: [a.b/c]}\n---\nid: X\nvidimus: {servers: [a.b/d]}\n",
    "the id `X` again"
)]
fn mistake_in_an_own_advisory_is_refused_with_its_place(#[case] text: &str, #[case] wanted: &str) {
    let (_, findings) = own(text);
    assert!(findings.iter().any(|found| found.contains(wanted)), "{findings:#?}");
}

#[test]
fn file_with_a_mistake_leaves_the_others_in_effect() {
    let good = |id: &str| format!("id: {id}\nvidimus: {{servers: [a.b/c]}}\n");
    let sources = [
        Source::new("a.yaml", good("A")),
        Source::new("b.yaml", "id: [\n"),
        Source::new("c.yaml", good("C")),
    ];
    let (read, findings) = read_own(&sources);
    let ids: Vec<&str> = read.iter().map(|own| own.advisory.id.as_str()).collect();
    assert_eq!(ids, ["A", "C"]);
    assert!(!findings.is_empty());
}
