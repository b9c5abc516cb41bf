//! Tests of the overlay format: accepted files, and findings for all others.

use rstest::rstest;

use super::*;
use crate::lint::{Finding, Source};
use crate::model::{Name, Timestamp, Version};

fn lint(yaml: &str) -> Vec<String> {
    let now = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
    let upstreams = ["official".to_owned(), "internal".to_owned()];
    let context = Context { terms: Terms::default(), now, upstreams: Some(&upstreams) };
    let findings = read(&[Source::new("x.yaml", yaml)], &context).findings;
    findings.iter().map(Finding::to_string).collect()
}

/// Returns a context with the usual terms, on the day of most fixtures.
pub(super) fn context() -> Context<'static> {
    let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
    Context { terms: Terms::default(), now, upstreams: None }
}

/// Reads a file as the set of its rules.
pub(super) fn set(yaml: &str) -> OverlaySet {
    read(&[Source::new("x.yaml", yaml)], &context()).into()
}

/// Checks that a rule, in which `DIG` stands for a digest, has the wanted finding and no other; none if it is empty.
fn assert_finding(fields: &str, wanted: &str) {
    const DIGEST: &str =
        "'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'";
    let findings = lint(&server(&fields.replace("DIG", DIGEST)));
    assert_eq!(findings.len(), usize::from(!wanted.is_empty()), "{findings:#?}");
    assert!(findings.iter().all(|found| found.contains(wanted)), "{findings:#?}");
}

fn server(fields: &str) -> String {
    format!("servers:\n  - {{{fields}}}\n")
}

#[rstest]
#[case::comments_only("# nothing yet\n".into())]
#[case::empty_lists("servers: []\nnamespaces: []\n".into())]
#[case::everything(server(
    "name: a.b/c, versions: '>=1.2, <2', upstream: official, tier: 1, classification: regulated, \
     owner: Payments, labels: [x], reason: why, approval: {state: approved, track: heavy, \
     reviewers: [alice], reviewed: 2026-05-01, expires: 2026-12-31, scope: read only}"
))]
#[case::review_at_a_moment(server(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-06-01T14:00:00+02:00}"
))]
#[case::digest(server(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01T10:00:00Z, \
     digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}"
))]
#[case::exact_version_with_expiry_only(server(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, expires: 2026-12-31}"
))]
#[case::urls_of_one_version(
    "servers:\n\
     - {name: a.b/c, versions: 1.0.0, allow: {url: 'http://x.corp/', reason: r, reviewer: a, expires: 2026-06-01}}\n\
     - {name: a.b/c, versions: 1.0.0, allow: {url: 'http://y.corp/', reason: r, reviewer: a, expires: 2026-07-01}}\n"
        .into()
)]
#[case::line_ends_of_another_system("servers:\r\n- name: a.b/c\r\n  tier: 1\r\n".into())]
#[case::mark_of_an_editor_at_the_start("\u{feff}servers:\n- name: a.b/c\n  tier: 1\n".into())]
#[case::denial_of_everything(server("name: '*', approval: {state: denied}"))]
#[case::review_on_a_day_that_began_in_the_east(server(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-06-02}"
))]
#[case::ranges_beside_each_other(
    "servers:\n- {name: a.b/c, versions: '<1', tier: 1}\n- {name: a.b/c, versions: '>=1', tier: 2}\n".into()
)]
#[case::same_value_twice(
    "servers:\n- {name: a.b/c, tier: 1}\n- {name: a.b/c, tier: 1, owner: x}\n".into()
)]
fn valid_overlay_has_no_findings(#[case] yaml: String) {
    assert_eq!(lint(&yaml), Vec::<String>::new());
}

/// P16, P51.
#[rstest]
#[case(
    "servers: [{name: a.b/c, teir: 1}]",
    "x.yaml:1:25: unknown key `teir`; did you mean `tier`?"
)]
#[case("server: []", "x.yaml:1:1: unknown key `server`; did you mean `servers`?")]
#[case("[]", "x.yaml:1:1: a list; a mapping of `servers`, `namespaces`")]
#[case("servers:", "x.yaml:1:8: nothing (null); a list")]
#[case("namespaces: ~", "x.yaml:1:13: nothing (null); a list")]
#[case("servers: [{tier: 1}]", "x.yaml:1:11: an item without `name`")]
#[case(
    "servers: [{name: a.b/c, name: a.b/d}]",
    "the key `name` appears twice (against x.yaml:1:18)"
)]
#[case(
    "servers: [{name: a.b/c, tier: ~}]",
    "x.yaml:1:31: nothing (null); a whole number from 1 to 3"
)]
#[case("servers: [{name: a.b/c, tier: 4}]", "x.yaml:1:31: `4`; a whole number from 1 to 3")]
#[case(
    "servers: [{name: a.b/c, owner: ''}]",
    "x.yaml:1:32: an empty text; a text that is not empty"
)]
#[case("servers: [{name: a.b/c, labels: x}]", "x.yaml:1:33: `x`; a list")]
#[case(
    "servers: [{name: com.exam*/*, tier: 1}]",
    "x.yaml:1:18: `com.exam*/*`; a wildcard is allowed only after a dot or the slash"
)]
#[case(
    "servers: [{name: a.b, tier: 1}]",
    "x.yaml:1:18: `a.b`; a name is NAMESPACE/LEAF with exactly one slash, this one has 0; a selector is"
)]
#[case(
    "servers: [{name: a.b/c, versions: '^1', tier: 1}]",
    "x.yaml:1:35: `^1`; every comparator needs one of"
)]
#[case(
    "servers: [{name: a.b/c, versions: '>=2, <1', tier: 1}]",
    "x.yaml:1:35: `>=2, <1`; no release can match it"
)]
#[case(
    "servers: [{name: a.b/c, upstream: oficial, tier: 1}]",
    "x.yaml:1:35: no upstream `oficial`; did you mean `official`? Known: official, internal"
)]
#[case(
    "servers: [{name: a.b/c, classification: secret}]",
    "x.yaml:1:41: `secret`; allowed: `public`, `internal`, `confidential`, `regulated`"
)]
#[case(
    "servers: [{name: a.b/c, approval: {state: pending, conditions: {secrets: none}}}]",
    "x.yaml:1:52: unknown key `conditions`; allowed: `state`"
)]
#[case(
    "servers: [{name: a.b/c, audience: [x]}]",
    "x.yaml:1:25: `audience` is not enforced in this release"
)]
#[case(
    "servers: [{name: a.b/c, allow: {url: 'http://x.corp', reason: r, reviewer: a, expires: 2026-12-31}}]",
    "x.yaml:1:32: `allow` without one exact version; give an exact name and `versions`"
)]
#[case(
    "servers: [{name: a.b/*, versions: 1.0.0, allow: {url: 'http://x.corp', reason: r, reviewer: a, expires: 2026-12-31}}]",
    "x.yaml:1:49: `allow` without one exact version"
)]
#[case(
    "servers: [{name: a.b/c, versions: 1.0.0, allow: {url: 'http://x.corp', reason: r, expires: 2026-12-31}}]",
    "x.yaml:1:49: `allow` without `reviewer`; `url`, `reason`, `reviewer` and `expires`"
)]
#[case(
    "servers: [{name: a.b/c, versions: 1.0.0, allow: {url: 'http://x.corp', reason: r, reviewer: a}}]",
    "x.yaml:1:49: `allow` without `expires`"
)]
#[case(
    "servers: [{name: a.b/c, versions: 1.0.0, allow: {url: 'file:///x', reason: r, reviewer: a, expires: 2026-12-31}}]",
    "x.yaml:1:55: `file:///x`; an https or http URL, as the entry has it"
)]
#[case(
    "servers: [{name: a.b/c, versions: 1.0.0, allow: {url: 'http://x.corp', reason: r, reviewer: a, expires: 2026-05-01}}]",
    "x.yaml:1:49: the URL was allowed until 2026-05-01T23:59:59"
)]
#[case(
    "servers: [{name: a.b/c, not_lookalike: {target: x, reason: y}}]",
    "x.yaml:1:40: a `not_lookalike` without `reviewer`"
)]
#[case("namespaces: [{name: a.b.*, internal: yes}]", "x.yaml:1:38: `yes`; `true` or `false`")]
#[case(
    "namespaces: [{name: a.b, ownership: {}}]",
    "x.yaml:1:37: an `ownership` that sets nothing; pin `github` or `keys`"
)]
#[case(
    "namespaces: [{name: a.b, protect: yes}]",
    "x.yaml:1:35: `yes`; a list of brands and names, such as [stripe], or `true` for"
)]
#[case("namespaces: [{name: a.b, protect: [ab]}]", "x.yaml:1:36: `ab`; a brand or a server's name")]
#[case("namespaces: [{name: a.*.b}]", "x.yaml:1:21: `a.*.b`; a namespace is `com.example`")]
#[case(
    "servers: [{name: a.b/c, tier: 1}]\n---\nservers: [{name: a.b/c, tier: 2}]",
    "x.yaml:3:11: `a.b/c` has a different tier in another rule of equal rank (against x.yaml:1:11)"
)]
#[case(
    "servers: [{name: a.b/c, versions: '<2', tier: 1}, {name: a.b/c, versions: '>1.0.0', tier: 2}]",
    "`a.b/c@>1.0.0` has a different tier in another rule of equal rank"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {}}]",
    "x.yaml:1:37: a mapping that sets nothing; set a condition"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {packages: {}}}]",
    "x.yaml:1:48: a mapping that sets nothing"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {secret: none}}]",
    "x.yaml:1:38: unknown key `secret`; did you mean `secrets`?"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {secrets: nothing}}]",
    "x.yaml:1:47: `nothing`; `none`, or a list of the names of secrets"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {secrets: ['API KEY']}}]",
    "x.yaml:1:48: `API KEY`; a whole name, without white space and `*`"
)]
#[case("servers: [{name: a.b/c, conditions: {runtimes: npx}}]", "x.yaml:1:48: `npx`; a list")]
#[case(
    "servers: [{name: a.b/c, conditions: {packages: {types: [npn]}}}]",
    "x.yaml:1:57: `npn`; did you mean `npm`? Allowed: `npm`, `pypi`"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {packages: {registries: [npm.example]}}}]",
    "x.yaml:1:62: `npm.example`; an https or http URL"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {packages: {identifiers: ['*']}}}]",
    "x.yaml:1:63: `*`; an identifier without tag and digest, or its beginning"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {remotes: {hosts: ['https://a.example']}}}]",
    "x.yaml:1:56: `https://a.example`; a host such as"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {remotes: {hosts: ['a.*.example']}}}]",
    "x.yaml:1:56: `a.*.example`; a host such as"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {remotes: {hosts: ['*.10.0.0.1']}}}]",
    "x.yaml:1:56: `*.10.0.0.1`; a host such as"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {remotes: {transports: [http]}}}]",
    "x.yaml:1:61: `http`; allowed: `streamable-http`, `sse`"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {pinned_packages: false}}]",
    "x.yaml:1:55: `pinned_packages: false` lifts the condition of no other rule; `true`; for an exception use `waive`"
)]
#[case(
    "servers: [{name: a.b/c, conditions: {ownership: not-revoked}}]",
    "x.yaml:1:49: `not-revoked`; allowed: `verified`, `declared`"
)]
#[case(
    "servers: [{name: a.b/*, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-12-31}}]",
    "x.yaml:1:32: `waive` for `a.b/*`; a waiver stands on a rule that names one server"
)]
#[case(
    "servers: [{name: a.b/c, waive: {condition: secrets, reason: r, reviewer: a}}]",
    "x.yaml:1:32: `waive` without `expires`; `condition` or `advisory`, `reason`, `reviewer` and `expires`"
)]
#[case(
    "servers: [{name: a.b/c, waive: {condition: secret, reason: r, reviewer: a, expires: 2026-12-31}}]",
    "x.yaml:1:44: `secret`; did you mean `secrets`?"
)]
#[case(
    "servers: [{name: a.b/c, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-05-31}}]",
    "x.yaml:1:32: the waiver ended at 2026-05-31T23:59:59"
)]
#[case(
    "servers: [{name: a.b/c, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-02-30}}]",
    "x.yaml:1:86: `2026-02-30`; a date such as 2026-01-31"
)]
#[case(
    "servers: [{name: a.b/c, on_drift: stop}]",
    "x.yaml:1:35: `stop`; allowed: `keep`, `suspend`"
)]
#[case(
    "servers: [{name: a.b/c, on_deprecated: hide}]",
    "x.yaml:1:40: `hide`; `keep`, or a mapping such as `{hide_after: 30d}`"
)]
#[case(
    "servers: [{name: a.b/c, on_deprecated: {}}]",
    "x.yaml:1:40: `on_deprecated` without `hide_after`"
)]
#[case(
    "servers: [{name: a.b/c, on_deprecated: {hide_after: 30}}]",
    "x.yaml:1:53: `30`; a whole number and a unit"
)]
#[case("servers: [{name: a.b/c, successor: a.b/C.}]", "x.yaml:1:36: a server that succeeds itself")]
#[case(
    "servers: [{name: a.b/*, successor: a.b/d}]",
    "x.yaml:1:36: `successor` for `a.b/*`; a successor stands on a rule that names one server"
)]
#[case(
    "servers: [{name: a.b/c, successor: tool}]",
    "x.yaml:1:36: `tool`; a name is NAMESPACE/LEAF"
)]
#[case(
    "servers: [{name: a.b/c, successor: a.b/d}, {name: a.b/c, successor: a.b/e}]",
    "`a.b/c` has a different successor in another rule of equal rank"
)]
#[case("servers: [{name: a.b/c}]", "x.yaml:1:11: `a.b/c` is selected, but the rule sets nothing")]
fn invalid_overlay_is_rejected_with_its_place(#[case] yaml: &str, #[case] wanted: &str) {
    let findings = lint(yaml);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].contains(wanted), "{}", findings[0]);
}

#[rstest]
#[case("state: maybe", "`maybe`; allowed: `approved`, `pending`, `suspended`, `denied`")]
#[case("state: aproved", "did you mean `approved`?")]
#[case("track: fast", "an approval without `state`")]
#[case("state: approved", "an approval of `a.b/c` without `reviewed`; give the date of the review")]
#[case("state: approved, reviewed: 2026-13-01", "`2026-13-01`; a date such as 2026-01-31")]
#[case("state: approved, reviewed: yesterday", "`yesterday`; a date such as 2026-01-31")]
#[case(
    "state: approved, reviewed: 2026-06-03",
    "`reviewed` is in the future; a day that has begun"
)]
#[case(
    "state: approved, reviewed: 2026-06-01T12:00:01Z",
    "the approval admits nothing before 2026-06-01T12:00:01Z"
)]
#[case(
    "state: approved, reviewed: 2026-05-01, expires: 2026-04-01",
    "`expires` is not after `reviewed`"
)]
#[case(
    "state: approved, reviewed: 2026-05-01, digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
    "`digest` without one exact version"
)]
#[case(
    "state: denied, expires: 2027-01-01",
    "`expires` beside state `denied`; only an approval has `expires`"
)]
#[case("state: approved, reviewed: 2026-05-01, reviewers: alice", "`alice`; a list")]
#[case(
    "state: approved, reviewed: 2026-05-01, audience: x",
    "`audience` is not enforced in this release"
)]
fn incomplete_or_impossible_approval_is_rejected(#[case] approval: &str, #[case] wanted: &str) {
    let findings = lint(&server(&format!("name: a.b/c, approval: {{{approval}}}")));
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].contains(wanted), "{}", findings[0]);
}

#[rstest]
#[case("name: '*', approval: {state: approved, reviewed: 2026-05-01}", "`*` approves every server")]
#[case("name: a.b/*, versions: 1.0.0, approval: {state: approved}", "without `reviewed`")]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved}",
    "an approval that never expires; give `reviewed` or `expires`"
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, digest: abc}",
    "`abc`; a digest is `sha256:` and 64"
)]
#[case("name: a.b/c, tier: 1, approval: approved", "`approved`; a mapping of `state`")]
fn approval_that_does_not_fit_its_selector_is_rejected(#[case] fields: &str, #[case] wanted: &str) {
    let findings = lint(&server(fields));
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].contains(wanted), "{}", findings[0]);
}

#[test]
fn all_findings_are_reported_at_once() {
    let findings =
        lint("servers:\n- {nmae: x}\n- {name: a.b/c, tier: 9}\n- {name: a.b/d, tier: x}\n");
    assert_eq!(findings.len(), 4, "{findings:#?}");
}

#[rstest]
#[case("reviewed: 2026-05-01", "2026-10-28T00:00:00.000000Z")]
#[case("reviewed: 2026-05-01T10:00:00Z", "2026-10-28T10:00:00.000000Z")]
#[case("reviewed: 2026-05-01, track: fast", "2027-05-01T00:00:00.000000Z")]
#[case("reviewed: 2026-05-01, track: heavy", "2026-07-30T00:00:00.000000Z")]
#[case("reviewed: 2026-05-01, expires: 2026-06-20", "2026-06-20T23:59:59.999999Z")]
#[case("reviewed: 2026-05-01, expires: 2026-06-20T08:00:00+02:00", "2026-06-20T06:00:00.000000Z")]
fn approval_expires_at_end_of_day_or_a_term_after_the_review(
    #[case] dates: &str,
    #[case] expires: &str,
) {
    let yaml = server(&format!("name: a.b/c, approval: {{state: approved, {dates}}}"));
    let context = context();
    let Reading { rules, findings, .. } = read(&[Source::new("x.yaml", yaml)], &context);
    assert_eq!(findings, []);
    let approval = rules[0].approval.as_ref().expect("an approval");
    assert_eq!(approval.expires.map(Timestamp::to_rfc3339).as_deref(), Some(expires));
}

#[test]
fn denials_of_refused_set_are_readable() {
    let yaml = "servers:\n- {name: a.b/b, versions: '<2.x', approval: {state: denied}}\n- {name: a.b/x, versions: '<2.x', tier: 1}\n- {name: a.b/c, approval: {state: denied}, nonsense: 1}\n- {name: a.b/d, approval: {state: suspended}}\n- {name: \"a.b/e";
    let context = context();
    let Reading { rules, findings, .. } = read(&[Source::new("x.yaml", yaml)], &context);
    assert!(crate::lint::has_errors(&findings));
    let hidden: Vec<String> =
        rules.iter().filter(|rule| rule.hides()).map(Rule::selector).collect();
    assert_eq!(hidden, ["a.b/b", "a.b/c", "a.b/d"]);
    assert_eq!(rules.len(), 3, "a label with unreadable versions is dropped");
}

#[test]
fn rule_that_selects_nothing_is_a_warning() {
    let yaml = "servers:\n- {name: a.b/c, tier: 1}\n- {name: a.b/gone, tier: 1}\n- {name: x.y/*, tier: 1}\n- {name: a.*/*, tier: 1}\n- {name: '*', tier: 1}";
    let context = context();
    let Reading { rules, .. } = read(&[Source::new("x.yaml", yaml)], &context);
    let set = OverlaySet::new(rules, Vec::new());
    let mut coverage = Coverage::of(&set);
    coverage.see(&crate::model::Name::parse("a.b/c").expect("a name"));
    let warnings: Vec<String> = coverage.warnings().iter().map(Finding::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:#?}");
    assert!(warnings[0].contains("no upstream lists the server `a.b/gone`"));
    assert!(warnings[1].contains("the wildcard `x.y/*` matches nothing"));
}

fn lint_in_december(yaml: String) -> Vec<String> {
    let now = Timestamp::parse("2026-12-01T12:00:00Z").expect("a time");
    let upstreams = ["official".to_owned()];
    let context = Context { terms: Terms::default(), now, upstreams: Some(&upstreams) };
    let findings = read(&[Source::new("x.yaml", yaml)], &context).findings;
    findings.iter().map(Finding::to_string).collect()
}

#[test]
fn documented_examples_are_valid() {
    let format = file_format();
    for table in format.tables {
        let text = format.language.text(table, |field| field.example);
        assert_eq!(lint_in_december(text.clone()), [""; 0], "{text}");
    }
}

#[test]
fn documented_limits_are_those_of_the_reader() {
    let format = file_format();
    for table in format.tables {
        for field in table.fields.iter().filter(|field| !field.allowed.is_empty()) {
            if matches!(field.key, "versions" | "upstream") {
                // Any text can be a version, and the upstreams depend on the configuration.
                continue;
            }
            let bad = if field.kind.starts_with("list") { "['?']" } else { "'?'" };
            let text = format.language.text(table, |other| match other {
                other if other == field => bad,
                other if other.required => other.example,
                _ => "",
            });
            let findings = lint_in_december(text.clone());
            let is_named = |finding: &String| finding.contains(field.allowed);
            assert!(findings.iter().any(is_named), "{text}: {findings:#?}");
        }
    }
}

#[test]
fn documented_track_is_the_default_one() {
    let terms = Terms::default();
    assert_eq!(terms.of(None), terms.of(Some(Track::Standard)));
    let tables = file_format().tables;
    let track = tables.iter().flat_map(|table| table.fields).find(|field| field.key == "track");
    assert_eq!(track.map(|field| field.default), Some("standard"));
}

/// Panics unless the text has an error and denies `com.a/x@1.0.0`.
fn assert_denied_in_a_refused_set(text: &str) {
    let context = context();
    let reading = read(&[Source::new("x.yaml", text)], &context);
    assert!(crate::lint::has_errors(&reading.findings), "{:?}", reading.findings);
    let set = OverlaySet::from(reading);
    let rules = set.rules_for(&Name::parse("com.a/x").expect("a name"));
    let version = Version::parse("1.0.0").expect("a version");
    assert!(rules.hiding(&version, "one").is_some(), "{:?}", set.rules());
}

/// P26.
#[rstest::rstest]
#[case::two_lists(
    "servers: [{name: com.a/x, approval: {state: denied}}]\nservers: [{name: com.a/y, tier: 2}]"
)]
#[case::two_approvals(
    "servers:\n- {name: com.a/x, approval: {state: denied}, approval: {state: approved, reviewed: 2026-01-01}}"
)]
#[case::two_states(
    "servers:\n- {name: com.a/x, approval: {state: denied, state: approved, reviewed: 2026-01-01}}"
)]
#[case::two_names(
    "servers:\n- {name: com.a/x, approval: {state: denied}, name: com.a/y, approval: {state: denied}}"
)]
#[case::two_versions(
    "servers:\n- {name: com.a/x, versions: 1.0.0, versions: 2.0.0, approval: {state: denied}}"
)]
#[case::two_upstreams(
    "servers:\n- {name: com.a/x, upstream: one, upstream: two, approval: {state: denied}}"
)]
#[case::two_states_the_other_way(
    "servers:\n- {name: com.a/x, approval: {state: approved, reviewed: 2026-01-01, state: denied}}"
)]
fn denial_counts_where_a_key_is_written_twice(#[case] text: &str) {
    assert_denied_in_a_refused_set(text);
}

/// P26.
#[rstest::rstest]
#[case::behind_a_bracket("servers:\n- {name: [\n- {name: com.a/x, approval: {state: denied}}")]
#[case::behind_a_quote(
    "servers:\n- name: 'com.a/y\n- {name: com.a/x, approval: {state: denied}}\n- {name: com.a/z, tier: 1}"
)]
#[case::behind_a_colon(
    "servers:\n  - name: a: b\n  - name: com.a/x\n    approval: {state: denied}\n"
)]
#[case::between_two_errors(
    "servers:\n- {a: [\n- {name: com.a/x, approval: {state: denied}}\n- {b: [\n"
)]
#[case::in_another_document("a: [\n---\nservers: [{name: com.a/x, approval: {state: denied}}]\n")]
fn denial_counts_behind_a_syntax_error(#[case] text: &str) {
    assert_denied_in_a_refused_set(text);
}

#[rstest]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: all}",
    "x.yaml:2:77: `all`; allowed: `benign`"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign}",
    "x.yaml:2:77: `follow` without `reference`: no version is benign; the greatest version that the review covers"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, cooldown: 24h}",
    "x.yaml:2:79: `cooldown` without `follow`; `follow: benign` beside it"
)]
#[case(
    "name: a.b/*, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REF}",
    "x.yaml:2:77: `follow` for `a.b/*`; an approval of one name, for all of its versions or a range"
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REF}",
    "`follow` for `a.b/c@1.0.0`; an approval of one name"
)]
#[case(
    "name: a.b/c, versions: '>=2', approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REF}",
    "the reference `1.4.0` is outside of `>=2`; a version that the rule selects"
)]
#[case(
    "name: a.b/c, approval: {state: denied, follow: benign, reference: REF}",
    "`follow` beside state `denied`; only an approval has `follow`"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: {version: 1.4.0}}",
    "x.yaml:2:96: a `reference` without `digest`; `version` and `digest`"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: {version: 1.4, digest: DIG}}",
    "the reference `1.4`, beside which no version is benign; a semantic version that is not a pre-release"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: {version: 1.4.0-rc.1, digest: DIG}}",
    "the reference `1.4.0-rc.1`, beside which"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REF, cooldown: 3}",
    "`3`; a whole number and a unit"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REF, cooldown: 3d}",
    ""
)]
fn follow_stands_on_an_approval_of_one_name_with_a_reference(
    #[case] fields: &str,
    #[case] wanted: &str,
) {
    const DIGEST: &str =
        "'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'";
    let fields = fields.replace("REF", "{version: 1.4.0, digest: DIG}").replace("DIG", DIGEST);
    let findings = lint(&server(&fields));
    assert_eq!(findings.len(), usize::from(!wanted.is_empty()), "{findings:#?}");
    assert!(findings.iter().all(|found| found.contains(wanted)), "{findings:#?}");
}

#[rstest]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, contents: {1.0.0: DIG, v1.0.0: DIG}}",
    ""
)]
#[case(
    "name: a.b/c, versions: '>=1', approval: {state: approved, reviewed: 2026-05-01, contents: {1.10: DIG}}",
    "`1.10` is outside of `>=1`; versions that the rule selects"
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, contents: {1.0.0: DIG}}",
    ""
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, contents: {1.0.0+1: DIG}}",
    "`1.0.0+1` is outside of `1.0.0`"
)]
#[case(
    "name: a.b/*, approval: {state: approved, reviewed: 2026-05-01, contents: {1.0.0: DIG}}",
    "`contents` for `a.b/*`; an approval of one exact name"
)]
#[case(
    "name: a.b/c, approval: {state: pending, contents: {1.0.0: DIG}}",
    "`contents` beside state `pending`; only an approval has `contents`"
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, digest: DIG, contents: {1.0.0: DIG}}",
    "`contents` beside `digest`; one of them"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, contents: {1.0.0: DIG, 1.0.0: DIG}}",
    "the version `1.0.0` appears twice"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, contents: {1.0.0: 'sha256:3b1f'}}",
    "a digest is `sha256:` and 64"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, contents: {}}",
    "an empty mapping; 1 to 256 versions"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, contents: [1.0.0]}",
    "a list; 1 to 256 versions"
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, contents: {1.0 0: DIG}}",
    "`1.0 0`; "
)]
fn contents_list_versions_that_the_rule_selects_with_full_digests(
    #[case] fields: &str,
    #[case] wanted: &str,
) {
    assert_finding(fields, wanted);
}

#[rstest]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, artefacts: {x.tgz: DIG, '@a/b': DIG}}",
    ""
)]
#[case(
    "name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, artefacts: {x.tgz: DIG}}",
    "`artefacts` without one exact version; give an exact name and `versions`"
)]
#[case(
    "name: a.b/*, approval: {state: approved, reviewed: 2026-05-01, artefacts: {x.tgz: DIG}}",
    "`artefacts` without one exact version"
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: denied, artefacts: {x.tgz: DIG}}",
    "`artefacts` beside state `denied`; only an approval has `artefacts`"
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, artefacts: {x.tgz: 'sha1:ab'}}",
    "the digest of a file is `sha256:`"
)]
#[case(
    "name: a.b/c, versions: 1.0.0, approval: {state: approved, reviewed: 2026-05-01, artefacts: {}}",
    "an empty mapping"
)]
fn artefacts_pin_files_of_one_version_by_usable_digests(
    #[case] fields: &str,
    #[case] wanted: &str,
) {
    assert_finding(fields, wanted);
}

#[test]
fn contents_list_at_most_256_versions() {
    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let listing = |count: usize| {
        let contents: String = (0..count).map(|at| format!("1.0.{at}: '{DIGEST}', ")).collect();
        lint(&server(&format!(
            "name: a.b/c, approval: {{state: approved, reviewed: 2026-05-01, contents: {{{contents}}}}}"
        )))
    };
    assert_eq!(listing(256), Vec::<String>::new());
    let findings = listing(257);
    assert!(findings[0].contains("`contents` of 257 versions; 1 to 256 versions"), "{findings:?}");
}

#[rstest]
#[case("{authentication: {answer: ok}, data_flow: {answer: concern, note: abroad}}", "")]
#[case("{logging: {answer: na}}", "`concern` or `na` without `note`; say why in `note`")]
#[case("{logging: {note: none}}", "a check without `answer`; `ok`, `concern` or `na`")]
#[case("{logging: {answer: yes}}", "`yes`; allowed: `ok`, `concern`, `na`")]
#[case("{loging: {answer: ok}}", "unknown key `loging`; did you mean `logging`?")]
#[case("{logging: ok}", "`ok`; a mapping of `answer`, `note`")]
#[case("{}", "a `checklist` without an area")]
fn checklist_has_an_answer_for_each_area_with_a_note_unless_it_is_ok(
    #[case] checklist: &str,
    #[case] wanted: &str,
) {
    let fields = format!(
        "name: a.b/c, approval: {{state: approved, reviewed: 2026-05-01, checklist: {checklist}}}"
    );
    let findings = lint(&server(&fields));
    assert_eq!(findings.len(), usize::from(!wanted.is_empty()), "{findings:#?}");
    assert!(findings.iter().all(|found| found.contains(wanted)), "{findings:#?}");
}

#[test]
fn rules_with_other_contents_contradict_each_other_and_equal_ones_do_not() {
    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let rule = |version: &str| {
        format!(
            "  - {{name: a.b/c, approval: {{state: approved, reviewed: 2026-05-01, contents: {{{version}: '{DIGEST}'}}}}}}\n"
        )
    };
    let two = |left: &str, right: &str| lint(&format!("servers:\n{}{}", rule(left), rule(right)));
    assert_eq!(two("1.0.0", "1.0.0"), Vec::<String>::new());
    assert!(two("1.0.0", "v1.0.0")[0].contains("different approval"));
}
