use serde_json::value::RawValue;

use super::cause::Cause;
use super::{Plan, PlannedEffect, WeakenedRule, plan};
use crate::curation::tests::fixtures;
use crate::curation::{OwnershipPolicy, PolicySnapshot, View};
use crate::model::{Entry, OFFICIAL_META, Timestamp};
use crate::store::{Batch, Destination, Store};
use crate::sync::Row;

fn now() -> Timestamp {
    Timestamp::parse("2026-06-01T00:00:00Z").expect("a time")
}

fn store(entries: &[(&str, &str)]) -> Store {
    let store = Store::ephemeral(now()).expect("a store");
    let row = |(name, version): &(&str, &str)| Row::Entry(entry(name, version, "x"));
    let rows: Vec<Row> = entries.iter().map(row).collect();
    commit(&store, &rows);
    store
}

fn entry(name: &str, version: &str, description: &str) -> Entry {
    let dates = r#""publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z""#;
    let json = format!(
        r#"{{"server":{{"name":"{name}","version":"{version}","description":"{description}"}},"_meta":{{"{OFFICIAL_META}":{{"status":"active",{dates}}}}}}}"#
    );
    let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
    Entry::read(&item, now()).expect("well-formed")
}

fn commit(store: &Store, rows: &[Row]) {
    let destination = Destination::Live;
    let batch = Batch::of("official", rows, destination, now());
    store.commit(&batch).expect("committed");
}

fn policy(overlays: &str) -> PolicySnapshot {
    let PolicySnapshot { overlays, upstreams, .. } =
        fixtures::policy(fixtures::overlays(overlays, now()));
    let first = View { tiers: Some(vec![1]), ..View::unlimited("first") };
    let views = vec![View::unlimited("default"), first];
    PolicySnapshot::new(overlays, upstreams, views, OwnershipPolicy::default(), true)
}

fn planned(entries: &[(&str, &str)], before: &str, after: &str) -> Plan {
    let store = store(entries);
    let snapshot = store.snapshot().expect("a snapshot");
    let (before, after) = (policy(&overlays(before)), policy(&overlays(after)));
    plan(&snapshot, &before, &after, now(), &|| false).expect("a plan")
}

#[rstest::rstest]
#[case::before_any_name(0)]
#[case::between_compared_names(2)]
#[case::between_names_of_a_rule(5)]
fn cancelled_plan_ends_before_the_next_name(#[case] allowed: usize) {
    let store = store(&[("com.a/x", "1.0.0"), ("com.a/y", "1.0.0"), ("com.a/z", "1.0.0")]);
    let snapshot = store.snapshot().expect("a snapshot");
    let (before, after) = (policy(&overlays("com.a@ |")), policy(&overlays("com.a@ | com.a/*!")));
    let asked = std::cell::Cell::new(0);
    let is_cancelled = || asked.replace(asked.get() + 1) >= allowed;
    let planned = plan(&snapshot, &before, &after, now(), &is_cancelled);
    assert!(matches!(planned, Err(super::PlanError::Cancelled)), "{planned:?}");
    assert_eq!(asked.get(), allowed + 1, "it ends where it is asked");
}

const WAIVED: &str = "ownership: {waived: {reason: r, reviewer: a}}";
const REVIEW: &str = "state: approved, reviewed: 2026-05-01, expires: 2099-01-01";

/// Writes `NAMESPACES | SERVERS`, each separated by semicolons: `N@` is a namespace whose ownership is waived, `N!` an
/// approval, and other items stand as they are.
fn overlays(text: &str) -> String {
    let namespace = |text: &str| match text.strip_suffix('@') {
        Some(name) => format!("{{name: {name}, {WAIVED}}}"),
        None => text.to_owned(),
    };
    let server = |text: &str| match text.split_once('!') {
        Some((name, more)) => format!("{{name: '{name}', approval: {{{REVIEW}}}{more}}}"),
        None => text.to_owned(),
    };
    let (namespaces, servers) = text.split_once('|').expect("two lists");
    let items = |list: &'static str, write: &dyn Fn(&str) -> String, text: &str| {
        let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
        format!("{list}: [{}]\n", items.map(write).collect::<Vec<_>>().join(", "))
    };
    items("namespaces", &namespace, namespaces) + &items("servers", &server, servers)
}

fn named(cause: &Cause) -> String {
    match cause {
        Cause::NewRule { selector, .. } => format!("new {selector}"),
        Cause::ChangedRule { selector, .. } => format!("changed {selector}"),
        Cause::RemovedRule { selector, .. } => format!("removed {selector}"),
        Cause::Namespace { selector, .. } => format!("namespace {selector}"),
        Cause::Successor { name } => format!("successor {name}"),
        Cause::Protection => "protection".to_owned(),
        Cause::Other => "other".to_owned(),
    }
}

#[rstest::rstest]
#[case::nothing(
    "com.a@ | com.a/*!",
    "com.a@ | com.a/*!",
    &[]
)]
#[case::moved(
    "com.a@ | com.a/*!; {name: com.b/y, owner: o}",
    "com.a@ | {name: com.b/y, owner: p}; com.a/*!",
    &[]
)]
#[case::new_rule(
    "com.a@ |",
    "com.a@ | com.a/*!",
    &["visible com.a/x@1.0.0, com.a/x@2.0.0: new com.a/*"]
)]
#[case::removed_rule(
    "com.a@ | com.a/*!",
    "com.a@ |",
    &["hidden com.a/x@1.0.0, com.a/x@2.0.0: removed com.a/*"]
)]
#[case::denial(
    "com.a@ | com.a/*!",
    "com.a@ | com.a/*!; {name: com.a/x, approval: {state: denied}}",
    &["hidden com.a/x@1.0.0, com.a/x@2.0.0: new com.a/x"]
)]
#[case::removed_denial(
    "com.a@ | com.a/*!; {name: com.a/x, approval: {state: denied}}",
    "com.a@ | com.a/*!",
    &["visible com.a/x@1.0.0, com.a/x@2.0.0: removed com.a/x"]
)]
#[case::namespace(
    "| com.a/*!",
    "com.a@ | com.a/*!",
    &["visible com.a/x@1.0.0, com.a/x@2.0.0: namespace com.a"]
)]
#[case::latest(
    "com.a@ | com.a/*!",
    "com.a@ | com.a/*!; {name: com.a/x, versions: 2.0.0, approval: {state: denied}}",
    &["hidden com.a/x@2.0.0: new com.a/x@2.0.0", "described com.a/x@1.0.0 (isLatest): new com.a/x@2.0.0"]
)]
#[case::tier(
    "com.a@ | com.a/*!, tier: 2",
    "com.a@ | com.a/*!, tier: 1",
    &["visible com.a/x@1.0.0, com.a/x@2.0.0: changed com.a/*", "described com.a/x@1.0.0, com.a/x@2.0.0 (tier): changed com.a/*"]
)]
#[case::protection(
    "io.github.m@; {name: com.brand, protect: [stripe]} | io.github.m/*!",
    "io.github.m@ | io.github.m/*!",
    &["visible io.github.m/stripe-mcp@1.0.0: protection"]
)]
#[case::successor(
    "com.a@ | com.a/*!; {name: com.a/x, successor: com.a/y}",
    "com.a@ | com.a/*!; {name: com.a/x, successor: com.a/y}; {name: com.a/y, approval: {state: suspended}}",
    &["hidden com.a/y@1.0.0: new com.a/y", "described com.a/x@1.0.0, com.a/x@2.0.0 (successor): successor com.a/y"]
)]
fn change_names_the_part_of_the_edit_that_causes_it(
    #[case] before: &str,
    #[case] after: &str,
    #[case] wanted: &[&str],
) {
    let mut entries =
        vec![("com.a/x", "1.0.0"), ("com.a/x", "2.0.0"), ("io.github.m/stripe-mcp", "1.0.0")];
    if wanted.iter().any(|line| line.contains("com.a/y")) {
        entries.push(("com.a/y", "1.0.0"));
    }
    let plan = planned(&entries, before, after);
    let described = |group: &super::PlannedGroup| {
        let listed: Vec<String> =
            group.entries.iter().map(|entry| format!("{}@{}", entry.name, entry.version)).collect();
        let (effect, why) = match group.effect {
            PlannedEffect::Visible => ("visible", String::new()),
            PlannedEffect::Content => ("content", format!(" ({})", group.entries[0].why)),
            PlannedEffect::Hidden => ("hidden", String::new()),
            PlannedEffect::Described => ("described", format!(" ({})", group.entries[0].why)),
        };
        format!("{effect} {}{why}: {}", listed.join(", "), named(&group.cause))
    };
    assert_eq!(plan.groups.iter().map(described).collect::<Vec<_>>(), wanted);
}

#[test]
fn rule_that_serves_less_than_it_approves_is_named_with_the_gate() {
    let after =
        "com.a@ | com.a/*!; com.b/*!; {name: com.c/z, versions: 1.0.0, approval: {state: denied}}";
    let entries =
        [("com.a/x", "1.0.0"), ("com.b/y", "1.0.0"), ("com.b/y", "1.1.0"), ("com.c/z", "1.0.0")];
    let plan = planned(&entries, "|", after);
    assert_eq!((plan.visible, plan.names), (1, 3));
    let [effect] = plan.stays_hidden.as_slice() else { panic!("{plan:?}") };
    assert_eq!((effect.selector.as_str(), effect.approves, effect.serves), ("com.b/*", 2, 0));
    assert_eq!(effect.hidden_by.as_deref(), Some("namespace ownership"));
}

#[test]
fn long_lists_are_cut_and_counted() {
    let entries: Vec<(String, String)> =
        (0..200).map(|number| ("com.a/x".to_owned(), format!("1.0.{number}"))).collect();
    let entries: Vec<(&str, &str)> =
        entries.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
    let plan = planned(&entries, "com.a@ |", "com.a@ | com.a/*!, tier: 1");
    assert_eq!((plan.visible, plan.groups.len()), (200, 1));
    assert_eq!((plan.groups[0].count, plan.groups[0].entries.len()), (200, 50));
    assert_eq!(plan.groups[0].entries[0].views, ["default", "first"]);
}

fn weakened(plan: &Plan) -> Vec<String> {
    let text = |rule: &WeakenedRule| {
        let effect = if rule.has_effect { "" } else { " without effect" };
        format!("{:?} {:?} {}{effect}", rule.alteration, rule.restriction, rule.selector)
    };
    plan.weakened.iter().map(text).collect()
}

const PIN: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

#[rstest::rstest]
#[case::stricter("| {name: a.b/c, approval: {state: suspended}}", "| {name: a.b/c, approval: {state: denied}}", &[])]
#[case::denial("| {name: a.b/c, approval: {state: denied}}", "|", &["Removed Denial a.b/c without effect"])]
#[case::denial_to_suspension("| {name: a.b/c, approval: {state: denied}}", "| {name: a.b/c, approval: {state: suspended}}", &["Changed Denial a.b/c without effect"])]
#[case::denial_of_fewer_versions("| {name: a.b/c, approval: {state: denied}}", "| {name: a.b/c, versions: 1.0.0, approval: {state: denied}}", &["Removed Denial a.b/c without effect"])]
#[case::denial_with_effect("com.a@ | com.a/*!; {name: com.a/x, approval: {state: denied}}", "com.a@ | com.a/*!", &["Removed Denial com.a/x"])]
#[case::suspension("| {name: a.b/c, approval: {state: suspended}}", "| {name: a.b/c, approval: {state: pending}}", &["Changed Suspension a.b/c without effect"])]
#[case::condition("| {name: a.b/*, conditions: {remotes: {hosts: [x.y]}}}", "|", &["Removed Condition a.b/* without effect"])]
#[case::wider_condition("| {name: a.b/*, conditions: {remotes: {hosts: [x.y]}}}", "| {name: a.b/*, conditions: {remotes: {hosts: [x.y, z.y]}}}", &["Changed Condition a.b/* without effect"])]
#[case::narrower_condition("| {name: a.b/*, conditions: {remotes: {hosts: [x.y, z.y]}}}", "| {name: a.b/*, conditions: {remotes: {hosts: [x.y]}}}", &[])]
#[case::weaker_provenance("| {name: a.b/*, conditions: {provenance: required}}", "| {name: a.b/*, conditions: {provenance: when_available}}", &["Changed Condition a.b/* without effect"])]
#[case::stricter_provenance("| {name: a.b/*, conditions: {provenance: when_available}}", "| {name: a.b/*, conditions: {provenance: required}}", &[])]
#[case::drift("| {name: a.b/*, on_drift: suspend}", "| {name: a.b/*, on_drift: keep}", &["Changed OnDrift a.b/* without effect"])]
#[case::ownership("a.b@ |", "|", &["Removed Ownership a.b without effect"])]
#[case::waived_ownership("|", "a.b@ |", &["Added Ownership a.b without effect"])]
#[case::internal("{name: a.b, internal: true} |", "|", &["Removed Internal a.b without effect"])]
#[case::protection("{name: a.b, protect: [acme, other]} |", "{name: a.b, protect: [other]} |", &["Removed Protection acme without effect"])]
#[case::protection_of_another_namespace("{name: a.b, protect: [acme]} |", "{name: c.d, protect: [acme]} |", &["Changed Protection acme without effect"])]
#[case::protection_of_one_more_namespace("{name: a.b, protect: [acme]} |", "{name: a.b, protect: [acme]}; {name: c.d, protect: [acme]} |", &[])]
#[case::protected_name_of_another_namespace("{name: a.b, protect: [a.b/acme]} |", "{name: c.d, protect: [a.b/acme]} |", &[])]
#[case::no_lookalike("|", "| {name: a.b/acme, not_lookalike: {target: acme, reason: r, reviewer: a}}", &["Added Protection a.b/acme with acme without effect"])]
#[case::known_no_lookalike("| {name: a.b/c, not_lookalike: {target: acme, reason: r, reviewer: a}}", "| {name: a.b/c, not_lookalike: {target: acme, reason: other, reviewer: b}}", &[])]
fn restriction_that_is_removed_or_weakened_is_listed_without_an_effect_too(
    #[case] before: &str,
    #[case] after: &str,
    #[case] wanted: &[&str],
) {
    let plan = planned(&[("com.a/x", "1.0.0")], before, after);
    assert_eq!(weakened(&plan), wanted);
}

#[rstest::rstest]
#[case::same(PIN, false)]
#[case::moved(OTHER, true)]
#[case::removed("", true)]
fn pin_that_is_moved_or_removed_is_listed(#[case] digest: &str, #[case] is_listed: bool) {
    let set = |digest: &str| {
        let pin = if digest.is_empty() { String::new() } else { format!(", digest: '{digest}'") };
        format!("| {{name: a.b/c, versions: 1.0.0, approval: {{{REVIEW}{pin}}}}}")
    };
    let plan = planned(&[], &set(PIN), &set(digest));
    let wanted: &[&str] = if is_listed { &["Changed Pin a.b/c@1.0.0 without effect"] } else { &[] };
    assert_eq!(weakened(&plan), wanted);
}

#[rstest::rstest]
#[case::same("{x.tgz: ONE}", false)]
#[case::more("{x.tgz: ONE, y.tgz: ONE}", false)]
#[case::other_digest("{x.tgz: TWO}", true)]
#[case::other_file("{y.tgz: ONE}", true)]
#[case::removed("", true)]
fn pin_of_a_file_that_is_moved_or_removed_is_listed(
    #[case] artefacts: &str,
    #[case] is_listed: bool,
) {
    let set = |artefacts: &str| {
        let artefacts = artefacts.replace("ONE", &format!("'{PIN}'"));
        let artefacts = artefacts.replace("TWO", &format!("'{OTHER}'"));
        let pins =
            if artefacts.is_empty() { String::new() } else { format!(", artefacts: {artefacts}") };
        format!("| {{name: a.b/c, versions: 1.0.0, approval: {{{REVIEW}{pins}}}}}")
    };
    let plan = planned(&[], &set("{x.tgz: ONE}"), &set(artefacts));
    let wanted: &[&str] = if is_listed { &["Changed Pin a.b/c@1.0.0 without effect"] } else { &[] };
    assert_eq!(weakened(&plan), wanted);
}

#[test]
fn lifted_denials_come_before_larger_groups() {
    let entries = [("com.a/x", "1.0.0"), ("com.b/y", "1.0.0"), ("com.b/z", "1.0.0")];
    let before = "com.a@; com.b@ | com.a/*!; {name: com.a/x, approval: {state: denied}}";
    let plan = planned(&entries, before, "com.a@; com.b@ | com.a/*!; com.b/*!");
    let found: Vec<(bool, u64)> =
        plan.groups.iter().map(|group| (group.lifts, group.count)).collect();
    assert_eq!((found, plan.lifted, plan.exposed), (vec![(true, 1), (false, 2)], 1, 3));
}

#[test]
fn pin_that_is_moved_to_drifted_content_exposes_it_to_clients() {
    let (first, second) = (entry("com.a/x", "1.0.0", "x"), entry("com.a/x", "1.0.0", "other"));
    let (first_digest, second_digest) = (first.head.received, second.head.received);
    let store = store(&[("com.a/x", "1.0.0")]);
    commit(&store, &[Row::Entry(second)]);
    let pinned = |digest: crate::model::Digest| {
        let approval = format!("{{{REVIEW}, digest: '{digest}'}}");
        policy(&overlays(&format!(
            "com.a@ | {{name: com.a/x, versions: 1.0.0, tier: 1, approval: {approval}}}"
        )))
    };
    let (before, after) = (pinned(first_digest), pinned(second_digest));
    let snapshot = store.snapshot().expect("a snapshot");
    let plan = plan(&snapshot, &before, &after, now(), &|| false).expect("a plan");
    assert_eq!((plan.visible, plan.content, plan.described, plan.exposed), (0, 1, 0, 1));
    let [group] = plan.groups.as_slice() else { panic!("{plan:?}") };
    assert_eq!(
        (group.effect, named(&group.cause)),
        (PlannedEffect::Content, "changed com.a/x@1.0.0".into())
    );
    assert_eq!(weakened(&plan), ["Changed Pin com.a/x@1.0.0"]);
}
