use std::sync::Arc;

use proptest::prelude::*;
use rstest::rstest;

use super::fixtures::{JANUARY, at, dossier, head, overlays, policy, row, version};
use crate::curation::{ContentFacts, Dossier, Evidence, Gate, PolicySnapshot, Screening, evaluate};
use crate::lint::Source;
use crate::model::{Digest, Status, Timestamp};
use crate::ownership::PackageRegistries;
use crate::scan::{ScanResults, read_scan};

const NOW: &str = "2026-06-01T12:00:00Z";
const APPROVED: &str =
    "{name: com.example/tool, approval: {state: approved, reviewed: 2026-02-01}}";

fn entry(members: &str) -> Dossier {
    let server =
        format!(r#"{{"name":"com.example/tool","description":"d","version":"1.0.0"{members}}}"#);
    let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
    row.content.facts = Some(ContentFacts::of(&server));
    dossier("com.example/tool", vec![row])
}

fn package(kind: &str, identifier: &str, more: &str) -> Dossier {
    let stdio = if more.contains("transport") { "" } else { r#","transport":{"type":"stdio"}"# };
    entry(&format!(
        r#","packages":[{{"registryType":"{kind}","identifier":"{identifier}"{stdio}{more}}}]"#
    ))
}

fn remote(url: &str) -> Dossier {
    entry(&format!(r#","remotes":[{{"type":"sse","url":"{url}"}}]"#))
}

fn under(rules: &str) -> PolicySnapshot {
    let set = overlays(&format!("servers: [{APPROVED}, {rules}]"), at(NOW));
    let mut asked = PackageRegistries::default();
    asked.add("npm".into(), "https://npm.example".parse().expect("a URL"));
    policy(set).with_asked_registries(asked)
}

/// Returns the condition that hides the entry.
fn unmet(dossier: &Dossier, policy: &PolicySnapshot, now: Timestamp) -> Option<String> {
    let screening = Screening::default();
    let evaluation = evaluate(dossier, policy, &screening, now);
    match evaluation.entries[0].gates().find(|(gate, _)| *gate == Gate::ConditionsMet) {
        Some((_, outcome)) if outcome.is_passed() => None,
        Some((_, outcome)) => match outcome.evidence() {
            Evidence::Unmet { first, .. } => Some(first.condition.to_string()),
            other => panic!("{other:?}"),
        },
        None => panic!("the gate is missing"),
    }
}

#[rstest]
//     conditions                             package                         met
#[case("packages: {types: [npm]}", package("npm", "a", ""), true)]
#[case("packages: {types: [npm]}", package("pypi", "a", ""), false)]
#[case("packages: {types: [npm]}", package("NPM", "a", ""), false)]
#[case("packages: {types: []}", package("npm", "a", ""), false)]
#[case("packages: {types: []}", entry(""), true)]
#[case("packages: {registries: ['https://npm.example/']}", package("npm", "a", ""), true)]
#[case("packages: {registries: ['https://other.example']}", package("npm", "a", ""), false)]
#[case(
    "packages: {registries: ['https://other.example']}",
    package("npm", "a", r#","registryBaseUrl":"https://other.example/""#),
    true
)]
#[case(
    "packages: {registries: ['https://npm.example']}",
    package("npm", "a", r#","registryBaseUrl":"https://evil.example""#),
    false
)]
#[case("packages: {registries: ['https://pypi.example']}", package("pypi", "a", ""), false)]
#[case(
    "packages: {registries: ['https://images.example']}",
    package("oci", "images.example/a/b:1", ""),
    true
)]
#[case(
    "packages: {registries: ['https://images.example']}",
    package("oci", "evil.example/a/b:1", r#","registryBaseUrl":"https://images.example""#),
    false
)]
#[case("packages: {registries: ['https://docker.io']}", package("oci", "a/b:1", ""), true)]
#[case(
    "packages: {registries: ['https://files.example']}",
    package("mcpb", "https://files.example/x.mcpb", ""),
    true
)]
#[case(
    "packages: {registries: ['https://files.example']}",
    package("mcpb", "https://files.example.evil.example/x.mcpb", ""),
    false
)]
#[case("packages: {identifiers: [some-tool]}", package("pypi", "Some_Tool", ""), true)]
#[case("packages: {identifiers: [some-tool]}", package("npm", "Some_Tool", ""), false)]
#[case("packages: {identifiers: ['@a/*']}", package("npm", "@a/b", ""), true)]
#[case("packages: {identifiers: ['@a/*']}", package("npm", "@ab/b", ""), false)]
#[case("packages: {identifiers: ['some-*']}", package("pypi", "some_tool", ""), true)]
#[case(
    "packages: {identifiers: ['images.example/a/*']}",
    package("oci", "images.example/a/b:1", ""),
    true
)]
#[case(
    "packages: {identifiers: ['https://files.example/a/*']}",
    package("mcpb", "https://files.example/a/../b/x.mcpb", ""),
    false
)]
#[case("runtimes: [npx]", package("npm", "a", ""), true)]
#[case("runtimes: [npx]", package("npm", "a", r#","runtimeHint":"bunx""#), false)]
#[case("runtimes: [docker]", package("npm", "a", r#","runtimeHint":"docker""#), true)]
#[case("runtimes: [npx]", package("mcpb", "https://a.example/x.mcpb", ""), false)]
#[case("pinned_packages: true", package("npm", "a", r#","version":"1.0.0""#), true)]
#[case("pinned_packages: true", package("npm", "a", r#","version":"^1.0.0""#), false)]
#[case("pinned_packages: true", package("npm", "a", r#","version":"latest""#), false)]
#[case("pinned_packages: true", package("npm", "a", ""), false)]
#[case("pinned_packages: true", package("pypi", "a", r#","version":"1.0""#), true)]
#[case("pinned_packages: true", package("pypi", "a", r#","version":"1.*""#), false)]
#[case("pinned_packages: true", package("oci", "a/b:1", ""), false)]
#[case(
    "pinned_packages: true",
    package(
        "oci",
        "a/b@sha256:d9dc2f44f4f624bdc5fb5817abc74f6244dd40b2d03036380cd6253eff374ae5",
        ""
    ),
    true
)]
#[case("pinned_packages: true", package("oci", "a/b:1@sha256:d9dc", ""), false)]
#[case(
    "pinned_packages: true",
    package("mcpb", "https://a.example/x.mcpb", r#","version":"1.0.0""#),
    false
)]
#[case(
    "pinned_packages: true",
    package(
        "mcpb",
        "https://a.example/x.mcpb",
        r#","fileSha256":"d9dc2f44f4f624bdc5fb5817abc74f6244dd40b2d03036380cd6253eff374ae5""#
    ),
    true
)]
#[case("pinned_packages: true", package("maven", "a:b", r#","version":"1.0.0""#), false)]
#[case("pinned_packages: true", entry(r#","packages":[{"version":"1.0.0"}]"#), false)]
#[case(
    "packages: {registries: ['https://files.example/a']}",
    package("mcpb", "https://files.example/a/x.mcpb", ""),
    true
)]
#[case(
    "packages: {registries: ['https://files.example/a']}",
    package("mcpb", "https://files.example/b/x.mcpb", ""),
    false
)]
#[case(
    "packages: {registries: ['https://any.example']}",
    package("maven", "a:b", r#","registryBaseUrl":"https://any.example""#),
    false
)]
#[case("packages: {registries: ['https://npm.example']}", package("npm", "a", r#","runtimeArguments":[{"type":"named","name":"--registry","value":"https://evil.example"}]"#), false)]
#[case(
    "packages: {identifiers: ['@a/*']}",
    package(
        "npm",
        "@a/b",
        r#","runtimeArguments":[{"type":"named","name":"--package","value":"evil"}]"#
    ),
    false
)]
#[case(
    "packages: {identifiers: ['https://files.example/a/*']}",
    package("mcpb", "https://files.example/a/..%2fb/x.mcpb", ""),
    false
)]
#[case(
    "pinned_packages: true",
    package(
        "oci",
        "a/b",
        r#","version":"sha256:d9dc2f44f4f624bdc5fb5817abc74f6244dd40b2d03036380cd6253eff374ae5""#
    ),
    false
)]
#[case(
    "pinned_packages: true",
    package(
        "npm",
        "a",
        r#","version":"1.0.0","runtimeArguments":[{"type":"positional","value":"--package=evil"}]"#
    ),
    false
)]
#[case(
    "remotes: {hosts: [a.example]}",
    package(
        "npm",
        "a",
        r#","transport":{"type":"streamable-http","url":"https://evil.example/mcp"}"#
    ),
    false
)]
#[case(
    "remotes: {hosts: [a.example]}",
    package(
        "npm",
        "a",
        r#","transport":{"type":"streamable-http","url":"http://localhost:{port}/mcp"}"#
    ),
    true
)]
#[case(
    "remotes: {hosts: [a.example]}",
    package(
        "npm",
        "a",
        r#","transport":{"type":"streamable-http","url":"http://localhost:1@evil.example/mcp"}"#
    ),
    false
)]
#[case(
    "environment: []",
    package(
        "oci",
        "a/b",
        r#","runtimeArguments":[{"type":"named","name":"-e","value":"AWS_SECRET={k}"}]"#
    ),
    false
)]
fn package_is_judged_by_each_condition(
    #[case] conditions: &str,
    #[case] dossier: Dossier,
    #[case] is_met: bool,
) {
    let policy = under(&format!("{{name: '*', conditions: {{{conditions}}}}}"));
    assert_eq!(unmet(&dossier, &policy, at(NOW)).is_none(), is_met);
}

#[rstest]
#[case("remotes: {hosts: [a.example]}", remote("https://a.example/mcp"), true)]
#[case("remotes: {hosts: [A.example.]}", remote("https://a.EXAMPLE.:8443/mcp"), true)]
#[case("remotes: {hosts: [a.example]}", remote("https://b.a.example/mcp"), false)]
#[case("remotes: {hosts: ['*.a.example']}", remote("https://b.a.example/mcp"), true)]
#[case("remotes: {hosts: ['*.a.example']}", remote("https://a.example/mcp"), false)]
#[case("remotes: {hosts: ['*.a.example']}", remote("https://evila.example/mcp"), false)]
#[case("remotes: {hosts: ['*.a.example']}", remote("https://{x}.a.example/mcp"), false)]
#[case("remotes: {hosts: [a.example]}", remote("https://a.example{x}/mcp"), false)]
#[case("remotes: {hosts: [a.example]}", remote("https://a.example/{x}/mcp"), true)]
#[case("remotes: {hosts: [a.example]}", remote("https://a.example@evil.example/mcp"), false)]
#[case("remotes: {hosts: [a.example]}", remote("https://evil.example\\\\@a.example/mcp"), false)]
#[case("remotes: {hosts: []}", entry(""), true)]
#[case("remotes: {transports: [sse]}", remote("https://a.example/mcp"), true)]
#[case("remotes: {transports: [streamable-http]}", remote("https://a.example/mcp"), false)]
#[case("secrets: none", entry(r#","remotes":[{"type":"sse","url":"https://a.example","headers":[{"name":"X","isSecret":true}]}]"#), false)]
#[case("secrets: [X]", entry(r#","remotes":[{"type":"sse","url":"https://a.example","headers":[{"name":"X","isSecret":true}]}]"#), true)]
#[case(
    "secrets: none",
    entry(r#","remotes":[{"type":"sse","url":"https://a.example","headers":[{"name":"X"}]}]"#),
    true
)]
#[case(
    "environment: [A]",
    package("npm", "a", r#","environmentVariables":[{"name":"A"},{"name":"B"}]"#),
    false
)]
#[case(
    "environment: [A, B]",
    package("npm", "a", r#","environmentVariables":[{"name":"A"},{"name":"B"}]"#),
    true
)]
#[case("environment: []", package("npm", "a", r#","environmentVariables":[{"name":"A"}]"#), false)]
// Ownership is not checked here, so no verdict is known.
#[case("ownership: verified", entry(""), false)]
fn remote_or_input_is_judged_by_each_condition(
    #[case] conditions: &str,
    #[case] dossier: Dossier,
    #[case] is_met: bool,
) {
    let policy = under(&format!("{{name: '*', conditions: {{{conditions}}}}}"));
    assert_eq!(unmet(&dossier, &policy, at(NOW)).is_none(), is_met);
}

/// P72.
#[test]
fn content_without_facts_meets_no_condition() {
    let mut dossier = entry("");
    dossier.rows[0].content.facts = None;
    let policy = under("{name: '*', conditions: {secrets: none}}");
    assert_eq!(unmet(&dossier, &policy, at(NOW)).as_deref(), Some("secrets"));
}

#[rstest]
#[case("name: com.example.*/*", true)]
#[case("name: com.EXAMPLE/Tool", true)]
#[case("name: com.example/tool, versions: '>=0.9'", true)]
#[case("name: com.example/tool, versions: v1.0.0", true)]
#[case("name: com.example/tool, versions: '>=2'", false)]
#[case("name: com.example/other", false)]
#[case("name: com.example/tool, upstream: other", false)]
fn condition_concerns_what_its_rule_cannot_exclude(#[case] selector: &str, #[case] concerns: bool) {
    let policy = under(&format!("{{{selector}, conditions: {{runtimes: []}}}}"));
    assert_eq!(unmet(&package("npm", "a", ""), &policy, at(NOW)).is_some(), concerns);
}

#[rstest]
#[case("pinned_packages", "2026-06-02", None)]
#[case("pinned_packages", "2026-05-31", Some("pinned_packages"))]
#[case("secrets", "2026-06-02", Some("pinned_packages"))]
#[case("packages", "2026-06-02", Some("pinned_packages"))]
fn waiver_lifts_one_condition_until_it_ends(
    #[case] condition: &str,
    #[case] expires: &str,
    #[case] found: Option<&str>,
) {
    let policy = under(&format!(
        "{{name: '*', conditions: {{pinned_packages: true}}}}, {{name: com.example/tool, \
         waive: {{condition: {condition}, reason: r, reviewer: alice, expires: {expires}}}}}"
    ));
    let dossier = package("npm", "a", "");
    assert_eq!(unmet(&dossier, &policy, at(NOW)).as_deref(), found);
    let screening = Screening::default();
    let holds_until = evaluate(&dossier, &policy, &screening, at(NOW)).holds_until;
    let end = at("2026-06-03T00:00:00Z");
    assert_eq!(holds_until == Some(end), expires == "2026-06-02");
    assert_eq!(unmet(&dossier, &policy, end).as_deref(), Some("pinned_packages"));
}

/// A rule whose approval is left pending selects generously, and lifts nothing by that.
#[test]
fn waiver_beside_a_pending_state_covers_no_more_versions() {
    let rules = "{name: '*', conditions: {runtimes: []}}, {name: com.example/tool, versions: '>=1, <2', \
                 approval: {state: pending}, waive: {condition: runtimes, reason: r, reviewer: a, expires: 2027-01-01}}";
    let policy = under(rules);
    let mut dossier = package("npm", "a", "");
    assert_eq!(unmet(&dossier, &policy, at(NOW)), None);
    dossier.rows[0].version = version("1.0.0-rc.1");
    assert_eq!(unmet(&dossier, &policy, at(NOW)).as_deref(), Some("runtimes"));
}

#[test]
fn unmet_condition_names_its_rule_the_condition_and_the_value() {
    let policy = under("{name: '*', conditions: {packages: {types: [pypi, oci]}}}");
    let dossier = package("npm", "left-pad", "");
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &policy, &screening, at(NOW));
    let (gate, evidence) = evaluation.entries[0].hidden_by().expect("hidden");
    assert_eq!(gate, Gate::ConditionsMet);
    assert_eq!(
        evidence.to_string(),
        "the package left-pad has `npm`; the condition `packages.types` of `*` at x.yaml:1:88 allows oci, pypi"
    );
}

/// Returns results with the verdict `pass` about the entry, each of a tool and a day.
fn scans(results: &[(&str, &str)]) -> Arc<ScanResults> {
    let received = Digest::of(b"received");
    let read = results.iter().map(|(tool, day)| {
        let text = format!(
            "tool: {{name: {tool}, version: 1}}\nsubject: {{name: com.example/tool, version: 1.0.0, \
             digest: '{received}'}}\nverdict: pass\ntime: {day}T12:00:00Z\nexpires: 2026-06-10\n"
        );
        let read = read_scan(&Source::new(format!("{tool}-{day}.yaml"), text));
        Arc::new(read.expect("no findings").expect("a result"))
    });
    Arc::new(ScanResults::new(read))
}

#[rstest]
#[case("scan: {tools: [a], verdict: pass}", &[("a", "2026-05-01")], None)]
#[case("scan: {tools: [a, b], verdict: pass}", &[("a", "2026-05-01")], Some("the tool b has no result"))]
#[case("scan: {tools: [a], max_age: 30d, verdict: pass}", &[("a", "2026-05-01")], Some("which is too old"))]
#[case("scan: {tools: [a], max_age: 30d, verdict: pass}", &[("a", "2026-05-02")], None)]
#[case("scan: {tools: [a], verdict: pass}", &[("a", "2026-06-02")], Some("dated ahead"))]
#[case("scan: {tools: [a], verdict: pass}", &[], Some("the tool a has no result about this version; the condition `scan` of `*` at "))]
fn demanded_scan_results_have_to_be_there(
    #[case] demand: &str,
    #[case] results: &[(&str, &str)],
    #[case] wanted: Option<&str>,
) {
    let policy = under(&format!("{{name: '*', conditions: {{{demand}}}}}"));
    let policy = policy.with_scans(scans(results));
    let (dossier, screening) = (entry(""), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, at(NOW));
    let first = evaluation.entries[0].unmet().first().map(ToString::to_string);
    assert_eq!(first.is_some(), wanted.is_some(), "{first:?}");
    assert!(first.is_none_or(|found| found.contains(wanted.unwrap_or_default())), "{wanted:?}");
}

/// P80.
#[test]
fn entry_ends_with_the_first_of_its_results_unless_a_waiver_lasts_longer() {
    let demand = "{name: '*', conditions: {scan: {tools: [a, b], max_age: 30d, verdict: pass}}}";
    let results = [("a", "2026-05-20"), ("b", "2026-05-05")];
    let ends = |rules: &str| {
        let policy = under(rules).with_scans(scans(&results));
        let (dossier, screening) = (entry(""), Screening::default());
        let evaluation = evaluate(&dossier, &policy, &screening, at(NOW));
        assert!(evaluation.entries[0].is_served());
        (evaluation.entries[0].ends(at(NOW)), evaluation.holds_until)
    };
    let aged = at("2026-06-04T12:00:00Z");
    assert_eq!(ends(demand), (Some(aged), Some(aged.plus(Timestamp::TICK))));
    let waived = "{name: com.example/tool, waive: {condition: scan, reason: r, reviewer: a, expires: 2026-06-07}}";
    let end = at("2026-06-07T23:59:59.999999Z");
    assert_eq!(ends(&format!("{demand}, {waived}")).0, Some(end));
}

/// Rules with conditions, with what of the entry each of them allows.
fn any_conditions() -> impl Strategy<Value = Vec<String>> {
    let conditions = prop_oneof![
        Just("packages: {types: [npm]}"),
        Just("packages: {types: [pypi, npm]}"),
        Just("packages: {identifiers: ['a*']}"),
        Just("runtimes: [docker]"),
        Just("pinned_packages: true"),
        Just("secrets: none"),
        Just("environment: [A]"),
        Just("ownership: verified"),
        Just("scan: {tools: [a], verdict: pass}"),
        Just("scan: {tools: [b], max_age: 1d, verdict: pass}"),
        Just("provenance: required"),
    ];
    let name = prop_oneof![Just("'*'"), Just("com.example/*"), Just("com.example/tool")];
    let rule = (name, conditions)
        .prop_map(|(name, conditions)| format!("{{name: {name}, conditions: {{{conditions}}}}}"));
    prop::collection::vec(rule, 1..5)
}

proptest! {
    /// P72.
    #[test]
    fn condition_that_is_added_never_shows_more_whatever_the_order(
        rules in any_conditions(),
        exact in any::<bool>(),
    ) {
        let version = if exact { r#","version":"1.0.0","environmentVariables":[{"name":"A"}]"# } else { "" };
        let dossier = package("npm", "a", version);
        let met = |rules: &[String]| {
            let policy = under(&rules.join(", ")).with_scans(scans(&[("a", "2026-05-31"), ("b", "2026-05-20")]));
            unmet(&dossier, &policy, at(NOW)).is_none()
        };
        let reversed: Vec<String> = rules.iter().rev().cloned().collect();
        prop_assert_eq!(met(&rules), met(&reversed));
        for fewer in 1..rules.len() {
            prop_assert!(met(&rules[..fewer]) || !met(&rules), "{:?}", rules);
        }
        let each = rules.iter().all(|rule| met(std::slice::from_ref(rule)));
        prop_assert_eq!(each, met(&rules));
    }
}
