//! What is required of owners, as a table, and what must not change it, as a property.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::fixtures::{self, dossier, row, upstream, version, visible, with};
use crate::curation::{Demands, Dossier, OwnershipEvidence, OwnershipPolicy, Screening, evaluate};
use crate::model::{Head, Instant, Status};
use crate::overlay::OverlaySet;
use crate::ownership::{
    Account, ContentSight, Declaration, Forged, Holding, Key, Look, Naming, Pins, Requirement,
    Sight,
};

fn now() -> Instant {
    Instant::parse("2026-06-01T00:00:00Z").expect("a time")
}

fn set(yaml: &str) -> OverlaySet {
    fixtures::overlays(yaml, now())
}

fn overlays(selector: &str, more: &str) -> OverlaySet {
    set(&format!(
        "servers: [{{name: {selector}, approval: {{state: approved, reviewed: 2026-05-01}}}}]\n{more}"
    ))
}

fn head() -> Head {
    fixtures::head(Status::Active, "2026-01-01T00:00:00Z")
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

/// What is known of `com.example.sub/tool` after these lookups.
fn observed(sights: &[Sight]) -> Dossier {
    let verification = sights
        .iter()
        .fold(Holding::default(), |holding, sight| holding.after(sight, &Pins::default(), now()));
    let rows = vec![row("up", "1.0.0", head())];
    Dossier { verification, ..dossier("com.example.sub/tool", rows) }
}

/// What the gate sees of the entry: whether it is enough, the word for clients, and all of it in words.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    enough: bool,
    word: Option<&'static str>,
    text: String,
}

fn judge(set: OverlaySet, ownership: OwnershipPolicy, dossier: &Dossier, internal: bool) -> Seen {
    let policy = with(set, vec![upstream("up", 1, internal)], ownership);
    let screening = Screening::default();
    let evaluation = evaluate(dossier, &policy, &screening, now());
    let ownership: OwnershipEvidence<'_> = evaluation.entries[0].ownership;
    Seen { enough: ownership.is_enough(), word: ownership.word(), text: ownership.to_string() }
}

fn default() -> OwnershipPolicy {
    OwnershipPolicy::default()
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
fn wildcard_needs_a_verified_namespace_and_an_exact_name_one_that_is_not_revoked(
    #[case] selector: &str,
    #[case] seen: &[Sight],
    #[case] word: Option<&str>,
    #[case] enough: bool,
) {
    let seen = judge(overlays(selector, ""), default(), &observed(seen), false);
    assert_eq!((seen.word, seen.enough), (word, enough), "{}", seen.text);
}

#[test]
fn demands_follow_the_namespace_then_the_tier_then_the_default() {
    let none = observed(&[at_domain(absent(), absent())]);
    let held = observed(&[at_domain(Look::Shown(keys(), vec![]), absent())]);
    let strict = Demands { exact: Requirement::Declared, wildcard: Requirement::Declared };
    let policy =
        OwnershipPolicy { tiers: [None, Some(strict), None], ..OwnershipPolicy::default() };
    let plain = || overlays(EXACT, "");
    assert!(judge(plain(), policy, &none, false).enough);
    let tier = || {
        set(
            "servers: [{name: com.example.sub/tool, tier: 2, approval: {state: approved, reviewed: 2026-05-01}}]",
        )
    };
    assert!(!judge(tier(), policy, &held, false).enough);
    let namespace = "namespaces: [{name: com.example.*, ownership: {require: held}}]";
    assert!(!judge(overlays(EXACT, namespace), policy, &none, false).enough);
    assert!(judge(overlays(WIDE, namespace), policy, &held, false).enough);
}

#[test]
fn nothing_is_asked_of_internal_upstreams_nor_where_it_is_switched_off_or_waived() {
    let none = observed(&[at_domain(absent(), absent())]);
    let wide = || overlays(WIDE, "");
    let internal = judge(wide(), default(), &none, true);
    assert_eq!((internal.enough, internal.word), (true, None));
    assert_eq!(internal.text, "it comes from an internal upstream");
    let off = OwnershipPolicy { enabled: false, ..default() };
    assert_eq!(judge(wide(), off, &none, false).text, "ownership is not checked here");
    let waived = overlays(
        WIDE,
        "namespaces: [{name: com.example.*, ownership: {waived: {reason: r, reviewer: s}}}]",
    );
    let waived = judge(waived, default(), &none, false);
    assert_eq!((waived.word, waived.enough), (Some("waived"), true));
}

#[test]
fn exempted_version_stays_until_a_first_verdict() {
    let wide = || overlays(WIDE, "");
    let exempted = |sights: &[Sight]| Dossier {
        exempted: BTreeSet::from([version("1.0.0")]),
        ..observed(sights)
    };
    let text = "served before ownership was checked, until a first verdict";
    assert_eq!(judge(wide(), default(), &exempted(&[]), false).text, text);
    assert_eq!(judge(wide(), default(), &exempted(&[unclear()]), false).text, text);
    let concluded = exempted(&[at_domain(absent(), absent())]);
    assert!(!judge(wide(), default(), &concluded, false).enough);
}

#[test]
fn stale_verdict_admits_nothing_new_and_keeps_what_is_visible() {
    let wide = || overlays(WIDE, "");
    let mut old = observed(&[at_domain(Look::Shown(keys(), vec![]), absent())]);
    old.verification.concluded_at = Some(now().minus(Duration::from_hours(31 * 24)));
    let seen = judge(wide(), default(), &old, false);
    assert!(!seen.enough && seen.text.contains("older than 30 days"), "{}", seen.text);
    old.ledger.push(visible("1.0.0", now()));
    assert!(judge(wide(), default(), &old, false).enough);
}

#[test]
fn a_dispute_hides_and_a_declaration_is_of_the_account_that_is_bound() {
    let policy = OwnershipPolicy::default();
    let mut held = observed(&[account("2020-01-01T00:00:00Z")]);
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
    held.claims = declares(Some(7));
    assert_eq!(judge(overlays(WIDE, ""), policy, &held, false).word, Some("declared"));
    held.claims = declares(Some(8));
    assert_eq!(judge(overlays(WIDE, ""), policy, &held, false).word, Some("held"));
    // A domain declares only through an account that an overlay binds to it.
    let mut domain = observed(&[at_domain(absent(), absent())]);
    domain.claims = declares(Some(8));
    assert_eq!(judge(overlays(WIDE, ""), policy, &domain, false).word, Some("none"));
    let bound = overlays(WIDE, "namespaces: [{name: com.example.*, ownership: {github: 8}}]");
    assert_eq!(judge(bound, policy, &domain, false).word, Some("declared"));
    held.claims.disputed.insert(received, "npm x names another server".into());
    let seen = judge(overlays(EXACT, ""), policy, &held, false);
    assert!(!seen.enough && seen.word.is_none(), "{}", seen.text);
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
        let set = || overlays(if wide { WIDE } else { EXACT }, "");
        let exempted: BTreeSet<_> = spared.then_some(version("1.0.0")).into_iter().collect();
        let before = Dossier { exempted: exempted.clone(), ..observed(&history) };
        let more = history.iter().cloned().chain(std::iter::repeat_n(silent, times));
        let after = Dossier { exempted, ..observed(&more.collect::<Vec<_>>()) };
        let of = |dossier: &Dossier| {
            let seen = judge(set(), default(), dossier, false);
            (seen.enough, seen.word)
        };
        prop_assert_eq!(of(&before), of(&after));
    }
}
