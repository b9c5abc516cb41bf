use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;

use super::{Judged, Lack, ScanResult, ScanResults, ScanState, Verdict, read_scan};
use crate::lint::{Finding, Source};
use crate::model::{Digest, Name, Timestamp, Version};

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
const DAY: Duration = Duration::from_hours(24);

fn text(more: &str) -> String {
    format!(
        "tool: {{name: mcp-scan, version: 0.4.2}}\n\
         subject: {{name: com.example/wiki, version: 1.2.0, digest: \"{DIGEST}\"}}\n\
         time: 2026-11-01T10:00:00Z\n{more}"
    )
}

fn read(text: &str) -> Result<Option<ScanResult>, Vec<String>> {
    let read = read_scan(&Source::new("x.yaml", text));
    read.map_err(|found| found.iter().map(Finding::to_string).collect())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

#[test]
fn result_has_the_whole_identity_of_its_subject_and_the_end_of_its_last_day() {
    let text = text("verdict: pass\nexpires: 2026-12-01\n");
    let result = read(&text).expect("a result").expect("a result");
    assert_eq!((result.tool.as_str(), result.tool_version.as_str()), ("mcp-scan", "0.4.2"));
    assert_eq!((result.name.as_str(), result.version.as_str()), ("com.example/wiki", "1.2.0"));
    assert_eq!(result.received.to_string(), DIGEST);
    assert_eq!(result.verdict, Verdict::Passed);
    assert_eq!(result.expires, at("2026-12-01T23:59:59.999999Z"));
    assert_eq!(result.digest, Digest::of(text.as_bytes()));
    assert_eq!(read("# nothing yet\n"), Ok(None));
}

#[rstest]
#[case("verdict: pas\nexpires: 2026-12-01\n", "x.yaml:4:10: `pas`; did you mean `pass`? ")]
#[case("verdict: pass\n", "x.yaml:1:1: a result without `expires`; ")]
#[case("verdict: pass\nexpires: 2026-10-01\n", "x.yaml:1:1: a result that ends at 2026-10-01")]
#[case("verdict: pass\nexpires: soon\n", "x.yaml:5:10: `soon`; a date such as 2026-12-01")]
#[case("verdict: pass\nexpires: 2026-12-01\nnote: x\n", "x.yaml:6:1: unknown key `note`; ")]
#[case("verdict: pass\nexpires: 2026-12-01\n---\na: b\n", "x.yaml:7:1: a second result; ")]
#[case(
    "verdict: pass\nexpires: 2026-12-01\nfindings: [{id: A, severity: bad}]\n",
    "x.yaml:6:30: `bad`; allowed: `critical`, "
)]
#[case(
    "verdict: pass\nexpires: 2026-12-01\nfindings: []\nsarif: {}\n",
    "x.yaml:7:8: `sarif` beside `findings`; "
)]
#[case("verdict: &a pass\nexpires: 2026-12-01\n", "x.yaml:4:13: an anchor (`&`); ")]
#[case("verdict: [\n", "x.yaml:4:10: this is not YAML: ")]
fn what_is_wrong_is_named_with_its_place(#[case] more: &str, #[case] begins: &str) {
    let found = read(&text(more)).expect_err("findings");
    assert!(found.iter().any(|finding| finding.starts_with(begins)), "{found:#?}");
}

#[rstest]
#[case("name: com.example/wiki", "name: com.example", "x.yaml:2:17: `com.example`; ")]
#[case("version: 1.2.0", "version: a/b", "x.yaml:2:44: `a/b`; ")]
#[case("sha256:0", "sha1:0", "`; a digest is `sha256:` and 64 ")]
#[case("version: 0.4.2", "version: 0 4", "x.yaml:1:33: `0 4`; 1 to 128 visible ")]
fn wrong_identity_is_refused(#[case] from: &str, #[case] to: &str, #[case] wanted: &str) {
    let text = text("verdict: pass\nexpires: 2026-12-01\n").replacen(from, to, 1);
    let found = read(&text).expect_err("findings");
    assert!(found[0].contains(wanted), "{found:#?}");
}

#[test]
fn json_is_read_too_and_findings_are_counted_by_severity() {
    let json = serde_json::json!({
        "tool": {"name": "mcp-scan", "version": "0.4.2"},
        "subject": {"name": "com.example/wiki", "version": "1.2.0", "digest": DIGEST},
        "verdict": "fail",
        "time": "2026-11-01T10:00:00Z",
        "expires": "2026-12-01T00:00:00Z",
        "findings": [
            {"id": "A", "severity": "low", "message": "a \"quoted\" path a\\/b\n\u{1F600}"},
            {"id": "B", "severity": "critical"},
            {"id": "B", "severity": "low"},
        ],
    });
    for text in [json.to_string(), serde_json::to_string_pretty(&json).expect("JSON")] {
        let result = read(&text).expect("a result").expect("a result");
        assert_eq!(result.counts, [("critical", 1), ("low", 2)]);
        let shown = result.to_string();
        assert!(shown.starts_with("mcp-scan 0.4.2 of 2026-11-01"), "{shown}");
        assert!(shown.ends_with(": fail (1 critical, 2 low), x.yaml"), "{shown}");
    }
}

/// Many programs write JSON in ASCII, escape what need not be, and indent with tabs.
#[rstest]
#[case::tabs("\t", "\n", "text")]
#[case::surrogates(" ", "", r"\ud83d\ude00")]
#[case::escapes(" ", "", r#"\u00e9 \/ \b\f\n\r\t\\ \""#)]
fn json_is_read_as_programs_write_it(#[case] indent: &str, #[case] end: &str, #[case] text: &str) {
    let members = [
        r#""tool":{"name":"mcp-scan","version":"0.4.2"}"#.to_owned(),
        format!(r#""subject":{{"name":"com.example/wiki","version":"1.2.0","digest":"{DIGEST}"}}"#),
        r#""verdict":"pass","time":"2026-11-01T10:00:00Z","expires":"2026-12-01""#.to_owned(),
        format!(r#""findings":[{end}{indent}{{"id":"A","severity":"low","message":"{text}"}}]"#),
    ];
    let members = members.join(&format!(",{end}{indent}"));
    let json = format!("{{{end}{indent}{members}{end}}}{end}");
    serde_json::from_str::<serde_json::Value>(&json).expect("JSON");
    assert_eq!(read(&json).map(|result| result.is_some()), Ok(true));
}

fn with_sarif(sarif: &serde_json::Value) -> Result<Option<ScanResult>, Vec<String>> {
    read(&text(&format!("verdict: fail\nexpires: 2026-12-01\nsarif: {sarif}\n")))
}

#[test]
fn results_of_a_sarif_log_are_counted_by_level_with_the_default_of_their_rule() {
    let sarif = serde_json::json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "mcp-scan",
                "version": "0.4.2",
                "rules": [{"id": "R1", "defaultConfiguration": {"level": "error"}}],
            }},
            "results": [
                {"ruleId": "R1", "message": {"text": "x"}},
                {"ruleId": "R2", "message": {"text": "x"}},
                {"ruleId": "R1", "level": "note", "message": {"text": "x"}},
                {"ruleId": "R1", "kind": "informational", "message": {"text": "x"}},
            ],
        }],
    });
    let result = with_sarif(&sarif).expect("a result").expect("a result");
    assert_eq!(result.counts, [("error", 1), ("warning", 1), ("note", 1), ("none", 1)]);
}

#[rstest]
#[case(
    r#"{"version": "2.0.0", "runs": [{"tool": {"driver": {"name": "mcp-scan"}}}]}"#,
    "a log without `version: 2.1.0`"
)]
#[case(r#"{"version": "2.1.0", "runs": []}"#, "a log without `runs`")]
#[case(r#"{"version": "2.1.0", "runs": [{}]}"#, "a run without `tool.driver`")]
#[case(
    r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "other"}}}]}"#,
    "a run of `other`"
)]
#[case(
    r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "mcp-scan", "version": "1"}}}]}"#,
    "a run of the version `1`"
)]
#[case(r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "mcp-scan"}}, "results": [{"level": "bad"}]}]}"#, "`bad`")]
#[case(
    r#"{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "mcp-scan"}}, "results": {}}]}"#,
    "a mapping"
)]
#[case(r#"{"version": "2.1.0", "runs": [], "runs": []}"#, "the key `runs` appears twice")]
#[case("[]", "a log without `version: 2.1.0`")]
fn log_of_another_tool_or_form_is_refused(#[case] sarif: &str, #[case] wanted: &str) {
    let found = read(&text(&format!("verdict: fail\nexpires: 2026-12-01\nsarif: {sarif}\n")));
    let found = found.expect_err("findings");
    assert!(found[0].contains(wanted), "{found:#?}");
}

/// A result by day of November, verdict and last day.
fn result(file: &str, day: u64, verdict: Verdict, until: u64) -> ScanResult {
    let begin = at("2026-11-01T00:00:00Z");
    let days = |days: u64| begin.plus(DAY * u32::try_from(days).expect("few days"));
    ScanResult {
        file: file.to_owned(),
        digest: Digest::of(file.as_bytes()),
        tool: "mcp-scan".into(),
        tool_version: "1".into(),
        name: Name::parse("com.example/wiki").expect("a name"),
        version: Version::parse("1.2.0").expect("a version"),
        received: Digest::of(b"content"),
        verdict,
        counts: Vec::new(),
        time: days(day),
        expires: days(until),
    }
}

fn demand(results: &[ScanResult], max_age: Option<Duration>, day: u32) -> Result<Timestamp, Lack> {
    let all = ScanResults::new(results.iter().cloned().map(Arc::new));
    let now = at("2026-11-01T00:00:00Z").plus(DAY * day);
    let first = result("", 0, Verdict::Passed, 0);
    let about = all.about(&first.name, &first.version, first.received, now);
    Judged::demand(&about, "mcp-scan", max_age, now)
}

/// P80.
#[test]
fn result_counts_for_the_content_whose_digest_it_names_and_for_no_other() {
    let passed = result("a", 1, Verdict::Passed, 20);
    let end = Ok(passed.expires);
    assert_eq!(demand(std::slice::from_ref(&passed), None, 2), end);
    let other = Digest::of(b"other");
    let of_other = ScanResult { received: other, ..passed.clone() };
    assert_eq!(demand(&[of_other], None, 2), Err(Lack::OtherContent(other)));
    let version = Version::parse("1.2.1").expect("a version");
    assert_eq!(demand(&[ScanResult { version, ..passed.clone() }], None, 2), Err(Lack::Absent));
    for name in ["com.example/other", "com.example/Wiki"] {
        let name = Name::parse(name).expect("a name");
        assert_eq!(demand(&[ScanResult { name, ..passed.clone() }], None, 2), Err(Lack::Absent));
    }
    let tool = "MCP-scan".into();
    assert_eq!(demand(&[ScanResult { tool, ..passed }], None, 2), Err(Lack::Absent));
}

#[test]
fn latest_result_of_a_tool_decides_also_after_it_ended() {
    use Verdict::{Failed, Inconclusive, Passed};
    let old = result("a", 1, Passed, 30);
    let later = |verdict, until| [old.clone(), result("b", 5, verdict, until)];
    assert_eq!(demand(&later(Failed, 20), None, 4), Ok(old.expires), "it is dated ahead");
    assert_eq!(demand(&later(Failed, 20), None, 6), Err(Lack::Verdict(Failed)));
    let ended = result("b", 5, Failed, 20).expires;
    assert_eq!(demand(&later(Failed, 20), None, 25), Err(Lack::Ended(ended)));
    assert_eq!(demand(&later(Inconclusive, 20), None, 6), Err(Lack::Verdict(Inconclusive)));
    let twice = [result("a", 5, Failed, 20), result("b", 5, Passed, 20)];
    assert_eq!(demand(&twice, None, 6), Err(Lack::Verdict(Failed)), "the worse of two");
    let back = [result("a", 5, Failed, 20), result("b", 6, Passed, 20)];
    assert_eq!(demand(&back, None, 7), Ok(back[1].expires));
}

#[test]
fn result_that_is_older_than_a_rule_allows_or_dated_ahead_is_none() {
    let passed = [result("a", 1, Verdict::Passed, 20)];
    let aged = passed[0].time.plus(DAY * 3);
    assert_eq!(demand(&passed, Some(DAY * 3), 4), Ok(aged), "its last moment");
    assert_eq!(demand(&passed, Some(DAY * 3), 5), Err(Lack::TooOld(passed[0].time)));
    assert_eq!(demand(&passed, None, 0), Err(Lack::Ahead(passed[0].time)));
    assert_eq!(demand(&passed, None, 21), Err(Lack::Ended(passed[0].expires)));
    assert_eq!(demand(&[], None, 1), Err(Lack::Absent));
}

#[test]
fn results_are_shown_with_their_use_for_the_content() {
    let of_other =
        ScanResult { received: Digest::of(b"other"), ..result("void", 3, Verdict::Passed, 30) };
    let results = [
        result("late", 9, Verdict::Passed, 30),
        result("old", 1, Verdict::Passed, 30),
        result("now", 2, Verdict::Failed, 30),
        of_other,
    ];
    let all = ScanResults::new(results.iter().cloned().map(Arc::new));
    let (first, now) = (&results[0], at("2026-11-05T00:00:00Z"));
    let about = all.about(&first.name, &first.version, first.received, now);
    let states: Vec<(&str, ScanState)> =
        about.iter().map(|judged| (judged.result.file.as_str(), judged.state)).collect();
    assert_eq!(
        states,
        [
            ("late", ScanState::Ahead),
            ("old", ScanState::Superseded),
            ("now", ScanState::Counts),
            ("void", ScanState::OtherContent),
        ]
    );
    let void = about[3].to_string();
    assert!(void.contains("void: it is about another content, sha256:"), "{void}");
}

fn any_result() -> impl Strategy<Value = ScanResult> {
    let verdict =
        prop_oneof![Just(Verdict::Passed), Just(Verdict::Inconclusive), Just(Verdict::Failed)];
    ("[a-c]", 0..20_u64, verdict, 0..20_u64, any::<bool>()).prop_map(
        |(file, day, verdict, days, is_other)| {
            let result = result(&file, day, verdict, day + days);
            let received = if is_other { Digest::of(b"other") } else { result.received };
            ScanResult { received, ..result }
        },
    )
}

proptest! {
    /// P80.
    #[test]
    fn result_that_is_added_shows_nothing_unless_it_passed_for_the_content(
        results in prop::collection::vec(any_result(), 0..5),
        added in any_result(),
        day in 0..40_u32,
    ) {
        let before = demand(&results, None, day);
        let mut more = results;
        more.push(added.clone());
        let is_shown = demand(&more, None, day).is_ok();
        let is_for_it = added.received == Digest::of(b"content") && added.verdict == Verdict::Passed;
        prop_assert!(!is_shown || before.is_ok() || is_for_it);
    }

    #[test]
    fn time_alone_shows_nothing_that_no_result_ahead_shows(
        results in prop::collection::vec(any_result(), 0..5),
        day in 0..40_u32,
        later in 0..40_u32,
    ) {
        let begin = at("2026-11-01T00:00:00Z");
        let known: Vec<ScanResult> =
            results.into_iter().filter(|result| result.time <= begin.plus(DAY * day)).collect();
        let is_shown = demand(&known, None, day).is_ok();
        prop_assert!(is_shown || demand(&known, None, day + later).is_err());
    }
}
