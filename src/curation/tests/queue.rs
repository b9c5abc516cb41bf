//! The reasons for which versions wait for a reviewer, as a table.

use std::time::Duration;

use rstest::rstest;

use super::fixtures::{JANUARY, at, dossier, head, overlays, row, upstream, with};
use crate::curation::WaitingKind::{
    Cooldown, Drift, Ends, MaterialChange, NewName, NewerVersion, Pending,
};
use crate::curation::{
    Compared, ContentFacts, ContentHead, Dossier, DossierRow, OwnershipPolicy, Screening,
    WaitingKind, evaluate,
};
use crate::model::{Digest, Head, Status, Timestamp};
use crate::ownership::{Account, ForgeAnswer, Lookup, VerificationRecord};

const NAME: &str = "io.github.x/tool";
const DAYS_30: Duration = Duration::from_hours(30 * 24);

fn now() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

fn of(version: &str, published: &str, description: &str) -> DossierRow {
    let received = Digest::of(version.as_bytes());
    let head = Head { received, ..head(Status::Active, published) };
    let server =
        format!(r#"{{"name":"{NAME}","description":"d","version":"{version}"{description}}}"#);
    let content = ContentHead { head, facts: Some(ContentFacts::of(&server)) };
    DossierRow { content, ..row("official", version, head) }
}

/// Two versions: one of January, and one of the last hour.
fn two() -> Vec<DossierRow> {
    vec![of("1.0.0", JANUARY, ""), of("1.1.0", "2026-03-01T11:00:00Z", "")]
}

fn waiting(rules: &str, rows: Vec<DossierRow>, is_verified: bool) -> Vec<(WaitingKind, String)> {
    let rules = rules.replace("REFERENCE", &Digest::of(b"1.0.0").to_string());
    let set = overlays(&format!("servers: [{rules}]"), now());
    let policy = with(set, vec![upstream("official", 100, false)], OwnershipPolicy::default());
    let account = Account { login: "x".into(), id: 7, created_at: None };
    let answer = if is_verified { ForgeAnswer::Found(account) } else { ForgeAnswer::Absent };
    let lookup = Lookup::Account(answer);
    let looked_up = at("2026-03-01T11:30:00Z");
    let verification = VerificationRecord::default().after(&lookup, looked_up);
    let dossier = Dossier { verification, ..dossier(NAME, rows) };
    let contents = dossier.rows.iter().map(|row| row.content.screening_digest()).collect();
    let compared = Compared { contents, matches: Vec::new() };
    let screening = Screening::of(policy.protection).with([(dossier.name.clone(), Some(compared))]);
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let waiting = evaluation.waiting(DAYS_30, now());
    waiting.iter().map(|waiting| (waiting.kind, waiting.entry.row.version.to_string())).collect()
}

#[rstest]
#[case::nothing_is_approved("", &[])]
#[case::all_is_approved("{name: io.github.x/tool, approval: {state: approved, reviewed: '2026-03-01T12:00:00Z'}}", &[])]
#[case::published_after_the_review(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01}}",
    &[(NewerVersion, "1.1.0")]
)]
#[case::later_than_the_version_that_a_rule_names(
    "{name: io.github.x/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01}}",
    &[(NewerVersion, "1.1.0")]
)]
#[case::earlier_than_the_version_that_a_rule_names(
    "{name: io.github.x/tool, versions: 1.1.0, approval: {state: approved, reviewed: '2026-03-01T12:00:00Z'}}", &[]
)]
#[case::denied(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01}}, \
     {name: io.github.x/tool, versions: 1.1.0, approval: {state: denied}}", &[]
)]
#[case::followed_after_a_while(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01, follow: benign, \
     reference: {version: 1.0.0, digest: 'REFERENCE'}}}",
    &[(Cooldown, "1.1.0")]
)]
#[case::without_a_reference(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01, follow: benign}}",
    &[(NewerVersion, "1.1.0")]
)]
#[case::under_a_wildcard_beside_a_served_version(
    "{name: io.github.x/*, approval: {state: approved, reviewed: 2026-02-01}}",
    &[(NewerVersion, "1.1.0")]
)]
#[case::pending(
    "{name: io.github.x/tool, approval: {state: pending}}", &[(Pending, "1.1.0"), (Pending, "1.0.0")]
)]
#[case::expired(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-02-20}}",
    &[(NewerVersion, "1.1.0"), (Ends, "1.0.0")]
)]
#[case::ends_soon(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: '2026-03-01T12:00:00Z', expires: 2026-03-20}}",
    &[(Ends, "1.1.0"), (Ends, "1.0.0")]
)]
#[case::ends_later(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: '2026-03-01T12:00:00Z', expires: 2026-04-20}}", &[]
)]
fn versions_wait_for_a_reason(#[case] rules: &str, #[case] expected: &[(WaitingKind, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(kind, version)| (*kind, (*version).to_owned())).collect();
    assert_eq!(waiting(rules, two(), true), expected);
}

#[test]
fn version_that_changes_more_than_listed_members_is_a_material_change() {
    let rules = "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01, follow: benign, \
                 reference: {version: 1.0.0, digest: 'REFERENCE'}}}";
    let remote = r#","remotes":[{"type":"sse","url":"https://a.example"}]"#;
    let rows = vec![of("1.0.0", JANUARY, ""), of("1.1.0", "2026-03-01T11:00:00Z", remote)];
    assert_eq!(waiting(rules, rows, true), [(MaterialChange, "1.1.0".to_owned())]);
}

#[test]
fn name_that_only_a_wildcard_approves_waits_for_its_owner() {
    let rules = "{name: io.github.x/*, approval: {state: approved, reviewed: 2026-02-01}}";
    let rows = vec![of("1.0.0", JANUARY, "")];
    assert_eq!(waiting(rules, rows.clone(), false), [(NewName, "1.0.0".to_owned())]);
    assert_eq!(waiting(rules, rows, true), []);
}

#[rstest]
#[case::undecided("", &[Drift])]
#[case::decided_by_a_pin(", digest: 'REFERENCE'", &[])]
fn rewritten_version_waits_until_a_rule_pins_a_content(
    #[case] pin: &str,
    #[case] expected: &[WaitingKind],
) {
    let rules = format!(
        "{{name: io.github.x/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01{pin}}}}}"
    );
    let mut rewritten = of("1.0.0", JANUARY, "");
    let mut other = rewritten.content.clone();
    other.head.received = Digest::of(b"other");
    rewritten.others.push(other);
    let kinds: Vec<_> =
        waiting(&rules, vec![rewritten], true).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, expected);
}

#[test]
fn lesser_version_waits_if_it_came_after_the_approved_one() {
    let rules = "{name: io.github.x/tool, versions: 1.1.0, approval: {state: approved, reviewed: '2026-03-01T12:00:00Z'}}";
    let rows =
        |published| vec![of("1.0.1", published, ""), of("1.1.0", "2026-02-01T00:00:00Z", "")];
    let waits = [(NewerVersion, "1.0.1".to_owned())];
    assert_eq!(waiting(rules, rows("2026-02-20T00:00:00Z"), true), waits);
    assert_eq!(waiting(rules, rows(JANUARY), true), []);
}

#[test]
fn version_that_is_gone_upstream_does_not_wait() {
    let rules = "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01}}";
    let mut rows = two();
    rows[1].content.head.status = Status::Deleted;
    assert_eq!(waiting(rules, rows, true), []);
}

#[test]
fn each_kind_has_the_word_that_it_is_serialized_as() {
    for (word, kind) in WaitingKind::WORDS {
        assert_eq!(serde_json::to_string(&kind).expect("JSON"), format!("\"{word}\""));
        assert_eq!((kind.as_str(), WaitingKind::from_word(word)), (word, Some(kind)));
    }
}
