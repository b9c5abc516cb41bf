//! A decision about a change set covers exactly what was shown.

use super::*;
use crate::model::{Actor, Timestamp, remember};

fn change(name: &str, text: &str) -> ChangeOnHold {
    let effect = Effect::Entry { content: Digest::of(text.as_bytes()), status: "deleted".into() };
    let digest = Digest::of_parts([name.as_bytes(), text.as_bytes()]);
    ChangeOnHold { name: name.into(), version: "1".into(), effect, digest }
}

fn request(seen: Digest, only: Option<&str>) -> DecisionRequest {
    DecisionRequest {
        decision: HoldDecision::Release,
        id: short_id(seen),
        seen,
        only: only.map(str::to_owned),
        by: "me".into(),
        reason: "seen".into(),
        actor: Actor::LocalUser(1),
    }
}

/// P23.
#[test]
fn decision_about_changes_that_arrived_later_is_refused_with_the_difference() {
    let before = [change("a.b/c", "x"), change("a.b/d", "x")];
    let now = [change("a.b/c", "x"), change("a.b/d", "other"), change("a.b/e", "x")];
    let seen = shown("up", &before);
    let history =
        HoldHistory { earlier: remember(&[], seen, &before, &now), ..HoldHistory::default() };
    let covered = history.covered("up", &now, &request(shown("up", &now), None));
    assert_eq!(covered.map(|covered| covered.len()), Ok(3));
    let Err(NotDecided::MovedOn { difference: Some(difference), .. }) =
        history.covered("up", &now, &request(seen, None))
    else {
        panic!("the set moved on")
    };
    assert_eq!(difference.added, now[1..]);
    assert_eq!(difference.removed, before[1..]);
    // The changes to another name do not matter.
    let part = shown("up", &before[..1]);
    let covered = history.covered("up", &now, &request(part, Some("a.b/c")));
    assert_eq!(covered.map(|covered| covered.len()), Ok(1));
    let part = shown("up", &before[1..]);
    let refused = history.covered("up", &now, &request(part, Some("a.b/d"))).expect_err("moved");
    assert!(refused.to_string().contains("1 added: a.b/d@1"), "{refused}");
}

/// P46.
#[test]
fn digest_of_the_same_beginning_or_of_another_upstream_decides_nothing() {
    let now = [change("a.b/c", "x")];
    let seen = shown("up", &now);
    let mut bytes = *seen.as_bytes();
    bytes[31] ^= 1;
    let history = HoldHistory::default();
    for other in [Digest::from_bytes(bytes), shown("other", &now)] {
        let request = DecisionRequest { id: short_id(seen), ..request(other, None) };
        let refused = history.covered("up", &now, &request);
        assert!(
            matches!(refused, Err(NotDecided::MovedOn { difference: None, .. })),
            "{refused:?}"
        );
    }
    for id in ["", "0123456", "0123456G", &"0".repeat(65)] {
        let request = DecisionRequest { id: id.into(), ..request(seen, None) };
        assert_eq!(history.covered("up", &now, &request), Err(NotDecided::NotAnId), "{id}");
    }
    let request = DecisionRequest { id: "00000000".into(), ..request(seen, None) };
    assert!(history.covered("up", &now, &request).is_err(), "the id is of another set");
}

/// The list of a hundred changes cut the command off that says how to go on.
#[test]
fn refusal_of_an_old_digest_begins_with_the_command_and_names_three_changes() {
    let before = [change("a.b/c", "x")];
    let now: Vec<_> = (10..40).map(|name| change(&format!("a.b/c{name}"), "x")).collect();
    let seen = shown("up", &before);
    let earlier = remember(&[], seen, &before, &now);
    let history = HoldHistory { earlier, ..HoldHistory::default() };
    let refused = history.covered("up", &now, &request(seen, None)).expect_err("moved");
    let text = refused.to_string();
    assert!(text.find("`vidimus sync --show up`").is_some_and(|at| at < 60), "{text}");
    let digest = Digest::of(b"x").short(12);
    let first = format!("30 added: a.b/c10@1 is deleted ({digest}), a.b/c11@1");
    assert!(text.contains(&first) && text.contains("and 27 more; 1 removed: a.b/c@1"), "{text}");
    assert!(text.len() < 500, "{text}");
}

#[test]
fn second_decision_about_the_same_changes_names_the_first() {
    let seen = shown("up", &[change("a.b/c", "x")]);
    let mut history = HoldHistory::default();
    history.record(DecisionRecord {
        decision: HoldDecision::Discard,
        at: Timestamp::from_micros(0),
        by: "alice".into(),
        reason: "an outage".into(),
        actor: Actor::LocalUser(1),
        shown: seen,
        only: None,
        rows: 1,
    });
    let refused = history.covered("up", &[], &request(seen, None)).expect_err("decided");
    assert!(refused.to_string().contains("alice decided about these changes before"), "{refused}");
    let unknown = history.covered("up", &[], &request(shown("up", &[]), None));
    assert_eq!(unknown, Err(NotDecided::NothingOnHold { upstream: "up".into() }));
}
