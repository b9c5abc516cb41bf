use serde_json::value::RawValue;

use super::cause::Cause;
use super::{Plan, PlannedEffect, plan};
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
    let row = |(name, version): &(&str, &str)| {
        let dates = r#""publishedAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:00Z""#;
        let json = format!(
            r#"{{"server":{{"name":"{name}","version":"{version}","description":"x"}},"_meta":{{"{OFFICIAL_META}":{{"status":"active",{dates}}}}}}}"#
        );
        let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
        Row::Entry(Entry::read(&item, now()).expect("well-formed"))
    };
    let rows: Vec<Row> = entries.iter().map(row).collect();
    let destination = Destination::Live;
    let batch = Batch {
        upstream: "official",
        rows: &rows,
        destination,
        state: None,
        seen: None,
        now: now(),
    };
    store.commit(&batch).expect("committed");
    store
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
