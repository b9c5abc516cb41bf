//! The effects of rules when an upstream changes or deprecates what it published.

use std::time::Duration;

use rstest::rstest;

use super::fixtures::{JANUARY, at, dossier, facts, head, overlays, policy, row};
use crate::curation::{ContentHead, Dossier, EntryState, Screening, evaluate};
use crate::model::{Digest, Head, Status, Timestamp};

const NOW: &str = "2026-06-01T12:00:00Z";

fn state(dossier: &Dossier, rules: &str, now: Timestamp) -> EntryState {
    let (policy, screening) = (policy(overlays(rules, at(NOW))), Screening::default());
    let evaluation = evaluate(dossier, &policy, &screening, now);
    EntryState::of(&evaluation.entries[0])
}

fn rewritten() -> Dossier {
    let first = Head { rewritten: true, ..head(Status::Active, JANUARY) };
    let other = Head { received: Digest::of(b"other"), ..first };
    let mut row = row("official", "1.0.0", first);
    row.others.push(ContentHead { head: other, facts: Some(facts()) });
    dossier("com.example/tool", vec![row])
}

#[rstest]
#[case("{name: com.example/tool, tier: 1}", None, EntryState::Served)]
#[case("{name: com.example/tool, on_drift: keep}", None, EntryState::Served)]
#[case("{name: com.example/tool, on_drift: suspend}", None, EntryState::Drifted)]
#[case("{name: '*', on_drift: suspend}", None, EntryState::Drifted)]
#[case(
    "{name: '*', on_drift: suspend}, {name: com.example/tool, on_drift: keep}",
    None,
    EntryState::Served
)]
#[case("{name: '*', on_drift: suspend}", Some(b"received".as_slice()), EntryState::Served)]
#[case("{name: '*', on_drift: suspend}", Some(b"other".as_slice()), EntryState::Served)]
#[case("{name: '*', on_drift: suspend}", Some(b"third".as_slice()), EntryState::DigestDiffers)]
fn drift_suspends_a_version_until_a_rule_pins_one_content(
    #[case] rule: &str,
    #[case] pinned: Option<&[u8]>,
    #[case] wanted: EntryState,
) {
    let pin = pinned.map(|content| format!(", digest: '{}'", Digest::of(content)));
    let pin = pin.unwrap_or_default();
    let rules = format!(
        "servers: [{{name: com.example/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01{pin}}}}}, {rule}]"
    );
    assert_eq!(state(&rewritten(), &rules, at(NOW)), wanted);
}

#[test]
fn content_that_drifted_and_was_changed_back_stays_suspended() {
    let mut dossier = rewritten();
    dossier.rows[0].others.clear();
    let rules = "servers: [{name: com.example/tool, on_drift: suspend, approval: {state: approved, reviewed: 2026-02-01}}]";
    assert_eq!(state(&dossier, rules, at(NOW)), EntryState::Drifted);
}

#[rstest]
//     rule                                   deprecated at                 last moment that it is served
#[case("tier: 1", Some("2026-05-20T00:00:00Z"), None)]
#[case("on_deprecated: keep", Some("2026-05-20T00:00:00Z"), None)]
#[case(
    "on_deprecated: {hide_after: 30d}",
    Some("2026-05-20T00:00:00Z"),
    Some("2026-06-19T00:00:00Z")
)]
// Nothing was recorded of it, so it counts from the first sight of the content.
#[case("on_deprecated: {hide_after: 200d}", None, Some("2026-08-03T00:00:00Z"))]
fn deprecated_version_is_hidden_after_the_time_that_a_rule_allows(
    #[case] rule: &str,
    #[case] status_since: Option<&str>,
    #[case] last: Option<&str>,
) {
    let rules = format!(
        "servers: [{{name: com.example/tool, {rule}, approval: {{state: approved, reviewed: 2026-02-01, expires: 2099-01-01}}}}]"
    );
    let deprecated =
        Head { status_since: status_since.map(at), ..head(Status::Deprecated, JANUARY) };
    let dossier = dossier("com.example/tool", vec![row("official", "1.0.0", deprecated)]);
    let (policy, screening) = (policy(overlays(&rules, at(NOW))), Screening::default());
    let now = evaluate(&dossier, &policy, &screening, at(NOW));
    assert_eq!(EntryState::of(&now.entries[0]), EntryState::Served);
    let Some(last) = last.map(at) else {
        assert_eq!(
            state(&dossier, &rules, at(NOW).plus(Duration::from_hours(24 * 3650))),
            EntryState::Served
        );
        return;
    };
    assert_eq!(now.holds_until, Some(last.plus(Timestamp::TICK)));
    assert_eq!(state(&dossier, &rules, last), EntryState::Served);
    assert_eq!(state(&dossier, &rules, last.plus(Timestamp::TICK)), EntryState::Deprecated);
}
