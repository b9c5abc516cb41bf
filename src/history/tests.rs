use proptest::prelude::*;

use super::*;
use crate::lint::Source;
use crate::model::{Actor, Approved, Digest, Name, Timestamp, Version};
use crate::overlay::{Context, Rule, Terms, read};
use crate::ownership::Verdict;

fn rules(file: &str, yaml: &str) -> Vec<Rule> {
    let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
    let reading = read(
        &[Source::new(file, yaml)],
        &Context { terms: Terms::default(), now, upstreams: None },
    );
    assert_eq!(reading.findings, [], "no findings");
    reading.rules
}

const RULE: &str = "servers:\n- name: com.a/x\n  tier: 2\n  conditions: {secrets: none}\n  approval: {state: approved, reviewed: 2026-05-01, reviewers: [ada]}\n";

#[test]
fn digest_of_a_rule_depends_on_its_members_and_not_on_its_place() {
    let first = rules("a.yaml", RULE)[0].digest();
    let moved = format!("# a comment\n\n{RULE}");
    assert_eq!(rules("b.yaml", &moved)[0].digest(), first);
    for (before, after) in [
        ("tier: 2", "tier: 3"),
        ("[ada]", "[bob]"),
        ("2026-05-01", "2026-05-02"),
        ("secrets: none", "pinned_packages: true"),
        ("com.a/x", "com.a/y"),
    ] {
        let other = RULE.replace(before, after);
        assert_ne!(rules("a.yaml", &other)[0].digest(), first, "{after}");
    }
}

#[test]
fn record_of_a_rule_has_its_reviewers_file_and_line() {
    let rules = rules("a.yaml", RULE);
    let digests = RuleDigests::of(&rules);
    assert_eq!(digests.records(|_| true), [], "only the rules that were asked for");
    let digest = digests.digest(&rules[0]);
    let records = digests.records(|found| *found == digest);
    let [(found, record)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(*found, digest);
    assert_eq!(
        (record.selector.as_str(), record.file.as_str(), record.line),
        ("com.a/x", "a.yaml", 2)
    );
    assert_eq!(record.reviewers(), ["ada"]);
    assert_eq!(record.overlay, Digest::of(RULE.as_bytes()));
    assert_eq!(record.rule["tier"], 2);
}

fn approved(received: u8, rule: u8) -> Approved {
    Approved { received: Digest::of(&[received]), rule: Digest::of(&[rule]) }
}

fn entry(before: Option<Approved>, after: Option<Approved>) -> EntryChange {
    let name = Name::parse("com.a/x").expect("a name");
    let version = Version::parse("1.0.0").expect("a version");
    let (cause, hidden_by) = (Cause::Gate("approved".into()), None);
    EntryChange { view: "default".into(), name, version, before, after, cause, hidden_by }
}

#[rstest::rstest]
#[case(None, Some(approved(1, 1)), Effect::Shown)]
#[case(Some(approved(1, 1)), None, Effect::Hidden)]
#[case(Some(approved(1, 1)), Some(approved(2, 2)), Effect::Replaced)]
#[case(Some(approved(1, 1)), Some(approved(1, 2)), Effect::Reapproved)]
#[case(Some(approved(1, 1)), Some(approved(1, 1)), Effect::Described)]
fn effect_follows_from_what_was_approved(
    #[case] before: Option<Approved>,
    #[case] after: Option<Approved>,
    #[case] effect: Effect,
) {
    assert_eq!(entry(before, after).effect(), effect);
}

/// Stored events are read for 400 days, so their encoding may only grow.
#[test]
fn encoding_of_every_kind_of_event_is_that_of_earlier_releases() {
    let hidden =
        EntryChange { hidden_by: Some(Digest::of(b"denial")), ..entry(Some(approved(1, 1)), None) };
    let mut changes = vec![Change::Entry(hidden)];
    for cause in [
        Cause::Start,
        Cause::Policy,
        Cause::Data,
        Cause::Screening,
        Cause::Time,
        Cause::View,
        Cause::NotListed,
        Cause::Unrecorded,
    ] {
        changes.push(Change::Entry(EntryChange { cause, ..entry(None, Some(approved(2, 3))) }));
    }
    for after in [
        Verdict::Declared,
        Verdict::Verified,
        Verdict::Unverified,
        Verdict::Revoked,
        Verdict::Inconclusive,
        Verdict::Waived,
    ] {
        let (namespace, before) = ("com.a".into(), Some(Verdict::Verified));
        changes.push(Change::Verdict(VerdictChange { namespace, before, after }));
    }
    changes.push(Change::Acknowledgement(AcknowledgementChange {
        alert: "3fa9".into(),
        kind: "lookalike".into(),
        subject: "com.a/x".into(),
        seen: Some(Digest::of(b"seen")),
        by: Some("ada".into()),
        reason: Some("known".into()),
        actor: Actor::LocalUser(7),
    }));
    for step in [HoldStep::Placed, HoldStep::Released, HoldStep::Discarded] {
        changes.push(Change::Hold(HoldChange {
            upstream: "official".into(),
            step,
            shown: Digest::of(b"set"),
            rows: 9,
            by: None,
            reason: None,
            actor: Some(Actor::DataFolder),
        }));
    }
    let overlays = Digest::of(b"files");
    changes.push(Change::Policy(PolicyLoad { files: 3, overlays, ended: 1, denying: 2 }));
    let at = Timestamp::from_micros(1_000_000);
    let events: Vec<Event> = changes.into_iter().map(|change| Event { at, change }).collect();
    let encoded = postcard::to_allocvec(&events).expect("encoded");
    assert_eq!(postcard::from_bytes::<Vec<Event>>(&encoded).as_ref(), Ok(&events));
    assert_eq!(Digest::of(&encoded).to_string(), ENCODED);
    let json = serde_json::to_string(&events).expect("JSON");
    assert_eq!(serde_json::from_str::<Vec<Event>>(&json).expect("events"), events);
    let (by, reason) = ("ada".into(), "checked".into());
    let clock = Change::Clock(ClockChange { ahead: -900, by, reason, actor: Actor::DataFolder });
    let encoded = postcard::to_allocvec(&Event { at, change: clock }).expect("encoded");
    assert_eq!(Digest::of(&encoded).to_string(), ENCODED_CLOCK);
}

const ENCODED_CLOCK: &str =
    "sha256:918ad90f34e7cd26e9e8501a458fab6b5b27ef2737114a99adbccbaae5998e14";
const ENCODED: &str = "sha256:48499153d446ddc32976fd2304522218f44b091eed431de8166ebe854c33c34f";

/// A version, its approval from then on, if any, and the time until the next step.
type StepOfOneVersion = (usize, Option<(u8, u8)>, u8);

fn steps() -> impl Strategy<Value = Vec<StepOfOneVersion>> {
    prop::collection::vec((0..3_usize, prop::option::of((0..3_u8, 0..3_u8)), 0..3_u8), 0..40)
}

proptest! {
    #[test]
    fn state_at_any_time_follows_from_the_present_and_the_events_since(steps in steps()) {
        let versions = ["1", "2", "3"].map(|text| Version::parse(text).expect("a version"));
        let mut now = Served::default();
        let (mut events, mut states, mut at) = (Vec::new(), Vec::new(), Timestamp::from_micros(5));
        states.push((Timestamp::from_micros(4), now.clone()));
        for (index, after, later) in steps {
            let change = entry(None, None);
            let version = versions[index].clone();
            let key = (change.view.clone(), change.name.clone(), version.clone());
            let after = after.map(|(received, rule)| approved(received, rule));
            let before = now.0.get(&key).copied();
            if before == after {
                continue;
            }
            match after {
                Some(after) => now.0.insert(key, after),
                None => now.0.remove(&key),
            };
            let change = Change::Entry(EntryChange { version, before, after, ..change });
            events.push(Event { at, change });
            // Several may happen at one time: then the state after the last of them counts.
            states.retain(|(known, _)| *known != at);
            states.push((at, now.clone()));
            at = at.plus(std::time::Duration::from_micros(u64::from(later)));
        }
        for (at, state) in states {
            let mut then = now.clone();
            events.iter().rev().for_each(|event| then.undo(event, at));
            prop_assert_eq!(then, state, "at {:?}", at);
        }
    }
}
