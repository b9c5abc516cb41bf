//! What is required of owners, as a table, and what must not change it, as a property.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::lint::Source;
use crate::model::{Digest, Head, Instant, Name, Status, Version};
use crate::overlay::{Context, OverlaySet, Terms, read};
use crate::ownership::{
    Account, ContentSight, Declaration, Forged, Holding, Key, Look, Naming, Requirement, Sight,
};

fn now() -> Instant {
    Instant::parse("2026-06-01T00:00:00Z").expect("a time")
}

fn set(yaml: &str) -> OverlaySet {
    let context = Context { terms: Terms::default(), now: now(), upstreams: None };
    let reading = read(&[Source::new("x.yaml", yaml)], &context);
    assert_eq!(reading.findings, [], "{}", reading.findings[0]);
    reading.into()
}

fn overlays(selector: &str, more: &str) -> OverlaySet {
    set(&format!(
        "servers: [{{name: {selector}, approval: {{state: approved, reviewed: 2026-05-01}}}}]\n{more}"
    ))
}

fn head() -> Head {
    let published = Instant::parse("2026-01-01T00:00:00Z").expect("a time");
    Head {
        status: Status::Active,
        missing: false,
        rewritten: false,
        replaced: false,
        published_at: published,
        updated_at: published,
        first_seen: published,
        received: Digest::of(b"received"),
        sent: Digest::of(b"sent"),
    }
}

fn keys() -> BTreeSet<Key> {
    let key = Key::new("ed25519", "JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=");
    BTreeSet::from([key.expect("a key")])
}

fn absent() -> Look {
    Look::Absent("nothing".into())
}

fn unclear() -> Sight {
    let unclear = || Look::Unclear("SERVFAIL".into());
    let dns =
        vec![("sub.example.com".to_owned(), unclear()), ("example.com".to_owned(), unclear())];
    Sight::Domain { dns, http: unclear(), hints: Vec::new() }
}

fn at_domain(own: Look, parent: Look) -> Sight {
    let dns = vec![("sub.example.com".to_owned(), own), ("example.com".to_owned(), parent)];
    Sight::Domain { dns, http: absent(), hints: Vec::new() }
}

fn account(created_at: &str) -> Sight {
    let created_at = Some(Instant::parse(created_at).expect("a time"));
    Sight::Account(Forged::Found(Account { login: "x".into(), id: 7, created_at }))
}

fn tenure(sights: &[Sight]) -> Tenure {
    let holding = sights.iter().fold(Holding::default(), |holding, sight| {
        holding.after(sight, &crate::ownership::Pins::default(), now())
    });
    Tenure { holding, ..Tenure::default() }
}

/// What the gate sees of an entry of `com.example.sub/tool` under these overlays.
fn owned(set: &OverlaySet, policy: &OwnershipPolicy, tenure: &Tenure, internal: bool) -> Owned {
    let name = Name::parse("com.example.sub/tool").expect("a name");
    let version = Version::parse("1.0.0").expect("usable");
    let speakers = [Speaker {
        id: "up".into(),
        priority: 1,
        internal,
        enabled: true,
        namespaces: crate::model::NamespaceRules::default(),
    }];
    let policy =
        Policy { overlays: set, speakers: &speakers, views: &[], ownership: policy, now: now() };
    let listing = [Listing { upstream: "up", version: &version, status: Status::Active }];
    let speaking = Speakers::of(&name, &speakers, set, &listing, &[], None);
    let standing = set.about(&name).standing(&version, "up");
    let head = head();
    let row = Row {
        name: &name,
        upstream: "up",
        version: &version,
        head: &head,
        standing: &standing,
        tenure,
        suspicion: None,
    };
    policy.case(&speaking, row).owned()
}

const EXACT: &str = "com.example.sub/tool";
const WIDE: &str = "com.example.*/*";

#[rstest::rstest]
//     selector, seen,                                                    word,              enough
#[case(WIDE, &[at_domain(Look::Shown(keys(), vec![]), absent())], Some("held"), true)]
#[case(WIDE, &[at_domain(absent(), Look::Shown(keys(), vec![]))], Some("held"), false)]
#[case(EXACT, &[at_domain(absent(), Look::Shown(keys(), vec![]))], Some("held"), true)]
#[case(WIDE, &[at_domain(absent(), absent())], Some("none"), false)]
#[case(EXACT, &[at_domain(absent(), absent())], Some("none"), true)]
#[case(WIDE, &[unclear()], None, false)]
#[case(EXACT, &[unclear()], None, true)]
#[case(WIDE, &[], None, false)]
#[case(EXACT, &[], None, true)]
#[case(WIDE, &[account("2020-01-01T00:00:00Z")], Some("held"), true)]
#[case(EXACT, &[account("2026-03-01T00:00:00Z")], Some("refuted"), false)]
fn a_wildcard_needs_a_holder_and_an_exact_name_no_refutation(
    #[case] selector: &str,
    #[case] seen: &[Sight],
    #[case] word: Option<&str>,
    #[case] enough: bool,
) {
    let owned = owned(&overlays(selector, ""), &OwnershipPolicy::default(), &tenure(seen), false);
    assert_eq!((owned.word(), owned.is_enough()), (word, enough), "{owned}");
}

#[test]
fn demands_follow_the_namespace_then_the_tier_then_the_default() {
    let none = tenure(&[at_domain(absent(), absent())]);
    let held = tenure(&[at_domain(Look::Shown(keys(), vec![]), absent())]);
    let strict = Demands { exact: Requirement::Declared, wildcard: Requirement::Declared };
    let policy =
        OwnershipPolicy { tiers: [None, Some(strict), None], ..OwnershipPolicy::default() };
    let plain = overlays(EXACT, "");
    assert!(owned(&plain, &policy, &none, false).is_enough());
    let tier = set(
        "servers: [{name: com.example.sub/tool, tier: 2, approval: {state: approved, reviewed: 2026-05-01}}]",
    );
    assert!(!owned(&tier, &policy, &held, false).is_enough());
    let namespace = "namespaces: [{name: com.example.*, ownership: {require: held}}]";
    assert!(!owned(&overlays(EXACT, namespace), &policy, &none, false).is_enough());
    assert!(owned(&overlays(WIDE, namespace), &policy, &held, false).is_enough());
}

#[test]
fn nothing_is_asked_of_internal_upstreams_nor_where_it_is_switched_off_or_waived() {
    let none = tenure(&[at_domain(absent(), absent())]);
    let wide = overlays(WIDE, "");
    let default = OwnershipPolicy::default();
    assert_eq!(owned(&wide, &default, &none, true), Owned::Internal);
    let off = OwnershipPolicy { enabled: false, ..default };
    assert_eq!(owned(&wide, &off, &none, false), Owned::Off);
    let waived = overlays(
        WIDE,
        "namespaces: [{name: com.example.*, ownership: {waived: {reason: r, reviewer: s}}}]",
    );
    let owned = owned(&waived, &default, &none, false);
    assert_eq!((owned.word(), owned.is_enough()), (Some("waived"), true));
}

#[test]
fn what_was_served_before_stays_until_a_first_verdict() {
    let wide = overlays(WIDE, "");
    let policy = OwnershipPolicy::default();
    let version = BTreeSet::from([Version::parse("1.0.0").expect("usable")]);
    let spared = |sights: &[Sight]| Tenure { spared: version.clone(), ..tenure(sights) };
    assert_eq!(owned(&wide, &policy, &spared(&[]), false), Owned::Spared);
    assert_eq!(owned(&wide, &policy, &spared(&[unclear()]), false), Owned::Spared);
    assert!(!owned(&wide, &policy, &spared(&[at_domain(absent(), absent())]), false).is_enough());
}

#[test]
fn an_old_verdict_admits_nothing_new_and_keeps_what_is_served() {
    let wide = overlays(WIDE, "");
    let policy = OwnershipPolicy::default();
    let mut old = tenure(&[at_domain(Look::Shown(keys(), vec![]), absent())]);
    old.holding.concluded_at = Some(now().minus(Duration::from_hours(31 * 24)));
    let found = owned(&wide, &policy, &old, false);
    assert!(!found.is_enough() && found.to_string().contains("older than 30 days"), "{found}");
    old.shown.insert(Version::parse("1.0.0").expect("usable"));
    assert!(owned(&wide, &policy, &old, false).is_enough());
}

#[test]
fn a_dispute_hides_and_a_declaration_is_of_the_account_that_is_bound() {
    let policy = OwnershipPolicy::default();
    let mut held = tenure(&[account("2020-01-01T00:00:00Z")]);
    let received = head().received;
    let declares = |account| {
        let declaration = Declaration::Declared("x/y".into());
        let sight = ContentSight { received, declaration, packages: Vec::new() };
        Naming::default().after(
            "com.example.sub/tool",
            account,
            &BTreeSet::from([received]),
            &[sight],
            now(),
        )
    };
    held.naming = declares(Some(7));
    assert_eq!(owned(&overlays(WIDE, ""), &policy, &held, false).word(), Some("declared"));
    held.naming = declares(Some(8));
    assert_eq!(owned(&overlays(WIDE, ""), &policy, &held, false).word(), Some("held"));
    // A domain declares only through an account that an overlay binds to it.
    let mut domain = tenure(&[at_domain(absent(), absent())]);
    domain.naming = declares(Some(8));
    assert_eq!(owned(&overlays(WIDE, ""), &policy, &domain, false).word(), Some("none"));
    let bound = overlays(WIDE, "namespaces: [{name: com.example.*, ownership: {github: 8}}]");
    assert_eq!(owned(&bound, &policy, &domain, false).word(), Some("declared"));
    held.naming.disputed.insert(received, "npm x names another server".into());
    let found = owned(&overlays(EXACT, ""), &policy, &held, false);
    assert!(!found.is_enough() && found.word().is_none(), "{found}");
}

/// Looks at one claim, of a domain or of an account, and one at it that says nothing.
fn histories() -> impl Strategy<Value = (Vec<Sight>, Sight)> {
    let domain = prop_oneof![
        Just(at_domain(Look::Shown(keys(), vec![]), absent())),
        Just(at_domain(absent(), Look::Shown(keys(), vec![]))),
        Just(at_domain(absent(), absent())),
        Just(unclear()),
    ];
    let silent = || Sight::Account(Forged::Unclear("503".into()));
    let account = prop_oneof![
        Just(account("2020-01-01T00:00:00Z")),
        Just(Sight::Account(Forged::Absent)),
        Just(silent()),
    ];
    prop_oneof![
        (prop::collection::vec(domain, 0..6), Just(unclear())),
        (prop::collection::vec(account, 0..6), Just(silent())),
    ]
}

proptest! {
    /// What is served, and every word of it, is the same after any number of looks that say nothing.
    #[test]
    fn inconclusive_looks_change_nothing_that_is_served(
        (history, silent) in histories(),
        times in 1..9_usize,
        wide in any::<bool>(),
        spared in any::<bool>(),
    ) {
        let set = overlays(if wide { WIDE } else { EXACT }, "");
        let policy = OwnershipPolicy::default();
        let version = Version::parse("1.0.0").expect("usable");
        let spared: BTreeSet<Version> = spared.then_some(version).into_iter().collect();
        let before = Tenure { spared: spared.clone(), ..tenure(&history) };
        let more = history.iter().cloned().chain(std::iter::repeat_n(silent, times));
        let after = Tenure { spared, ..tenure(&more.collect::<Vec<_>>()) };
        let of = |tenure: &Tenure| {
            let owned = owned(&set, &policy, tenure, false);
            (owned.is_enough(), owned.word())
        };
        prop_assert_eq!(of(&before), of(&after));
    }
}
