use std::collections::BTreeSet;

use rstest::rstest;

use super::fixtures::{JANUARY, at, dossier, head, overlays, policy, row, similar, visible};
use crate::curation::{
    Authorities, Compared, Dossier, Gate, PolicySnapshot, Screening, ScreeningMatch, evaluate,
};
use crate::model::{Digest, Status, Timestamp};

const NOW: &str = "2026-06-01T12:00:00Z";

fn now() -> Timestamp {
    at(NOW)
}

fn approving(selector: &str) -> PolicySnapshot {
    let approval = "approval: {state: approved, reviewed: 2026-02-01}";
    policy(overlays(
        &format!(
            "namespaces: [{{name: com.stripe, protect: [stripe]}}]\nservers: [{{name: '{selector}', {approval}}}]"
        ),
        now(),
    ))
}

fn known() -> Dossier {
    dossier("com.example/tool", vec![row("official", "1.0.0", head(Status::Active, JANUARY))])
}

fn contents(dossier: &Dossier, policy: &PolicySnapshot) -> BTreeSet<Digest> {
    let rules = policy.overlays.rules_for(&dossier.name);
    let authorities = Authorities::of(dossier, policy, &rules);
    let contents = dossier.screened_contents(&authorities, &rules);
    contents.map(|(_, content)| content.screening_digest()).collect()
}

fn found(acknowledged: bool) -> ScreeningMatch {
    similar("stripe", acknowledged)
}

fn screening(
    dossier: &Dossier,
    policy: &PolicySnapshot,
    matches: Vec<ScreeningMatch>,
) -> Screening {
    let compared = Compared { contents: contents(dossier, policy), matches };
    Screening::of(policy.protection).with([(dossier.name.clone(), Some(compared))])
}

fn hidden_by(dossier: &Dossier, policy: &PolicySnapshot, screening: &Screening) -> Option<Gate> {
    let evaluation = evaluate(dossier, policy, screening, now());
    evaluation.entries[0].hidden_by().map(|(gate, _)| gate)
}

const WITHHELD: Option<Gate> = Some(Gate::NoOpenLookalikeAlert);

#[rstest]
#[case::exact_name_not_compared("com.example/tool", None, None)]
#[case::exact_name_with_an_open_match("com.example/tool", Some(vec![found(false)]), None)]
#[case::wildcard_not_compared("com.example/*", None, WITHHELD)]
#[case::wildcard_above_not_compared("com.*/*", None, WITHHELD)]
#[case::wildcard_without_a_match("com.example/*", Some(vec![]), None)]
#[case::wildcard_with_an_open_match("com.example/*", Some(vec![found(false)]), WITHHELD)]
#[case::wildcard_with_an_acknowledged_match("com.example/*", Some(vec![found(true)]), None)]
#[case::acknowledged_match_covers_no_other("com.example/*", Some(vec![found(true), found(false)]), WITHHELD)]
fn wildcard_admits_only_compared_names_without_open_match(
    #[case] selector: &str,
    #[case] matches: Option<Vec<ScreeningMatch>>,
    #[case] hidden: Option<Gate>,
) {
    let (policy, dossier) = (approving(selector), known());
    let screening = match matches {
        Some(matches) => screening(&dossier, &policy, matches),
        None => Screening::of(policy.protection),
    };
    assert_eq!(hidden_by(&dossier, &policy, &screening), hidden);
}

#[test]
fn changed_contents_or_protection_invalidate_a_comparison() {
    let (policy, mut dossier) = (approving("com.example/*"), known());
    let compared = screening(&dossier, &policy, Vec::new());
    assert_eq!(hidden_by(&dossier, &policy, &compared), None);
    let mut other = compared.clone();
    other.protection = Some(Digest::of(b"other"));
    assert_eq!(hidden_by(&dossier, &policy, &other), WITHHELD);
    dossier.rows[0].content.facts.as_mut().expect("kept").profile = Digest::of(b"new title");
    assert_eq!(hidden_by(&dossier, &policy, &compared), WITHHELD);
}

/// P25.
#[test]
fn content_that_was_not_compared_is_withheld_and_the_others_are_not() {
    let (policy, mut dossier) = (approving("com.example/*"), known());
    let compared = screening(&dossier, &policy, Vec::new());
    let mut other = row("official", "1.1.0", head(Status::Active, JANUARY));
    other.content.facts.as_mut().expect("kept").profile = Digest::of(b"another title");
    dossier.rows.push(other);
    let evaluation = evaluate(&dossier, &policy, &compared, now());
    let hidden = evaluation.entries.iter().map(|entry| entry.hidden_by().map(|(gate, _)| gate));
    assert_eq!(hidden.collect::<Vec<_>>(), [None, WITHHELD]);
}

#[test]
fn rewrite_that_an_approval_pins_is_a_content_to_compare() {
    let (first, pinned) = (Digest::of(b"received"), Digest::of(b"rewritten"));
    let mut rewritten = row("official", "1.0.0", head(Status::Active, JANUARY));
    let mut other = rewritten.content.clone();
    rewritten.content.head.received = first;
    other.head.received = pinned;
    other.facts.as_mut().expect("kept").profile = Digest::of(b"another title");
    rewritten.others.push(other.clone());
    let dossier = dossier("com.example/tool", vec![rewritten.clone()]);
    let with_pin = |digest: Digest| {
        policy(overlays(
            &format!(
                "servers: [{{name: com.example/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01, digest: '{digest}'}}}}]"
            ),
            now(),
        ))
    };
    let of_first = rewritten.content.screening_digest();
    let both = BTreeSet::from([of_first, other.screening_digest()]);
    assert_eq!(contents(&dossier, &with_pin(pinned)), both);
    assert_eq!(contents(&dossier, &with_pin(first)), BTreeSet::from([of_first]));
}

#[test]
fn visible_version_stays_served_and_new_version_is_withheld() {
    let (policy, mut dossier) = (approving("com.example/*"), known());
    dossier.rows.push(row("official", "1.1.0", head(Status::Active, JANUARY)));
    dossier.ledger.push(visible("1.0.0", now()));
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    assert!(evaluation.entries[0].is_served());
    assert!(!evaluation.entries[1].is_served());
}

/// P25.
#[test]
fn visible_version_of_another_upstream_is_compared_before_it_is_served() {
    let (policy, mut dossier) = (approving("com.example/*"), known());
    dossier.ledger.push(visible("1.0.0", now()));
    let is_served = |authority: &str| {
        let dossier = Dossier { authority: Some(authority.into()), ..dossier.clone() };
        let screening = Screening::default();
        evaluate(&dossier, &policy, &screening, now()).entries[0].is_served()
    };
    assert!(is_served("official") && !is_served("partner"));
}

#[test]
fn revision_grows_with_each_change_and_leaves_the_earlier_one_intact() {
    let (policy, dossier) = (approving("com.example/*"), known());
    let before = screening(&dossier, &policy, vec![found(false)]);
    let after = before.clone().with([(dossier.name.clone(), None)]);
    assert_eq!(after.revision, before.revision + 1);
    assert!(before.get(&dossier.name).is_some() && after.get(&dossier.name).is_none());
    assert_eq!(before.names().count(), 1);
}
