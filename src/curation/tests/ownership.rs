//! Ownership requirements as a table, and their independence of inconclusive lookups as a property.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::fixtures::{self, dossier, row, upstream, version, visible, with};
use crate::curation::{Demands, Dossier, OwnershipEvidence, OwnershipPolicy, Screening, evaluate};
use crate::model::{Head, Status, Timestamp};
use crate::overlay::OverlaySet;
use crate::ownership::{
    Account, ContentLookup, Declaration, DeclarationRecord, Declaring, ForgeAnswer, Key, KeyLookup,
    Lookup, Named, Requirement, ShownKeys, VerificationRecord,
};

fn now() -> Timestamp {
    Timestamp::parse("2026-06-01T00:00:00Z").expect("a time")
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

fn keys() -> ShownKeys {
    let key = Key::new("ed25519", "JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=");
    ShownKeys { keys: BTreeSet::from([key.expect("a key")]), ..ShownKeys::default() }
}

fn absent() -> KeyLookup {
    KeyLookup::Absent("nothing".into())
}

fn unclear() -> Lookup {
    let unclear = || KeyLookup::Unclear("SERVFAIL".into());
    let dns =
        vec![("sub.example.com".to_owned(), unclear()), ("example.com".to_owned(), unclear())];
    Lookup::Domain { dns, http: unclear(), hints: Vec::new(), is_partial: false }
}

fn at_domain(own: KeyLookup, parent: KeyLookup) -> Lookup {
    let dns = vec![("sub.example.com".to_owned(), own), ("example.com".to_owned(), parent)];
    Lookup::Domain { dns, http: absent(), hints: Vec::new(), is_partial: false }
}

fn account(created_at: &str) -> Lookup {
    let created_at = Some(Timestamp::parse(created_at).expect("a time"));
    Lookup::Account(ForgeAnswer::Found(Account { login: "x".into(), id: 7, created_at }))
}

/// Returns the dossier of `com.example.sub/tool` after these lookups.
fn observed(lookups: &[Lookup]) -> Dossier {
    let verification = lookups
        .iter()
        .fold(VerificationRecord::default(), |record, lookup| record.after(lookup, now()));
    let rows = vec![row("up", "1.0.0", head())];
    Dossier { verification, ..dossier("com.example.sub/tool", rows) }
}

/// The evidence of the gate: true if it is enough, the word for clients, and the text for people.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    enough: bool,
    word: Option<&'static str>,
    text: String,
}

fn evidence_of(
    set: OverlaySet,
    ownership: OwnershipPolicy,
    dossier: &Dossier,
    internal: bool,
) -> Seen {
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
//     selector, lookups,                                                 word,              enough
#[case(WIDE, &[at_domain(KeyLookup::Shown(keys()), absent())], Some("verified"), true)]
#[case(WIDE, &[at_domain(absent(), KeyLookup::Shown(keys()))], Some("verified"), false)]
#[case(EXACT, &[at_domain(absent(), KeyLookup::Shown(keys()))], Some("verified"), true)]
#[case(WIDE, &[at_domain(absent(), absent())], Some("unverified"), false)]
#[case(EXACT, &[at_domain(absent(), absent())], Some("unverified"), true)]
#[case(WIDE, &[unclear()], None, false)]
#[case(EXACT, &[unclear()], None, true)]
#[case(WIDE, &[], None, false)]
#[case(EXACT, &[], None, true)]
#[case(WIDE, &[account("2020-01-01T00:00:00Z")], Some("verified"), true)]
#[case(EXACT, &[account("2026-03-01T00:00:00Z")], Some("revoked"), false)]
fn wildcard_requires_verified_and_exact_name_requires_not_revoked(
    #[case] selector: &str,
    #[case] seen: &[Lookup],
    #[case] word: Option<&str>,
    #[case] enough: bool,
) {
    let seen = evidence_of(overlays(selector, ""), default(), &observed(seen), false);
    assert_eq!((seen.word, seen.enough), (word, enough), "{}", seen.text);
}

/// P72. The stricter condition wins, and what has no verdict meets none.
#[rstest::rstest]
//     conditions of two rules, lookups,                                          waived, met
#[case(&["verified"], &[at_domain(KeyLookup::Shown(keys()), absent())], false, true)]
#[case(&["declared"], &[at_domain(KeyLookup::Shown(keys()), absent())], false, false)]
#[case(&["verified", "declared"], &[at_domain(KeyLookup::Shown(keys()), absent())], false, false)]
#[case(&["verified"], &[at_domain(absent(), absent())], false, false)]
#[case(&["verified"], &[unclear()], false, false)]
#[case(&["verified"], &[], false, false)]
#[case(&["verified"], &[account("2026-03-01T00:00:00Z")], false, false)]
#[case(&["verified"], &[at_domain(absent(), absent())], true, false)]
fn condition_on_ownership_needs_the_verdict_of_every_rule(
    #[case] conditions: &[&str],
    #[case] seen: &[Lookup],
    #[case] is_waived: bool,
    #[case] is_met: bool,
) {
    let names = ["'*'", "com.example.sub/tool"];
    let rules: Vec<String> = names
        .iter()
        .zip(conditions)
        .map(|(name, condition)| {
            format!("{{name: {name}, conditions: {{ownership: {condition}}}}}")
        })
        .collect();
    let waiver =
        "namespaces: [{name: com.example.*, ownership: {waived: {reason: r, reviewer: a}}}]\n";
    let text = format!(
        "{}servers: [{{name: com.example.sub/tool, approval: {{state: approved, reviewed: 2026-05-01}}}}, {}]",
        if is_waived { waiver } else { "" },
        rules.join(", ")
    );
    let dossier = observed(seen);
    let is_met_by = |internal| {
        let policy = with(set(&text), vec![upstream("up", 1, internal)], default());
        let screening = Screening::default();
        let evaluation = evaluate(&dossier, &policy, &screening, now());
        evaluation.entries[0].unmet().is_empty()
    };
    assert_eq!(is_met_by(false), is_met);
    assert!(is_met_by(true), "an upstream of the organisation needs no verdict");
}

#[test]
fn demands_follow_the_namespace_then_the_tier_then_the_default() {
    let none = observed(&[at_domain(absent(), absent())]);
    let verified = observed(&[at_domain(KeyLookup::Shown(keys()), absent())]);
    let strict = Demands { exact: Requirement::Declared, wildcard: Requirement::Declared };
    let policy =
        OwnershipPolicy { tiers: [None, Some(strict), None], ..OwnershipPolicy::default() };
    let plain = || overlays(EXACT, "");
    assert!(evidence_of(plain(), policy, &none, false).enough);
    let tier = || {
        set(
            "servers: [{name: com.example.sub/tool, tier: 2, approval: {state: approved, reviewed: 2026-05-01}}]",
        )
    };
    assert!(!evidence_of(tier(), policy, &verified, false).enough);
    let namespace = "namespaces: [{name: com.example.*, ownership: {require: verified}}]";
    assert!(!evidence_of(overlays(EXACT, namespace), policy, &none, false).enough);
    assert!(evidence_of(overlays(WIDE, namespace), policy, &verified, false).enough);
}

#[test]
fn internal_upstream_disabled_check_and_waiver_require_no_ownership() {
    let none = observed(&[at_domain(absent(), absent())]);
    let wide = || overlays(WIDE, "");
    let internal = evidence_of(wide(), default(), &none, true);
    assert_eq!((internal.enough, internal.word), (true, None));
    assert_eq!(internal.text, "an entry of an internal upstream needs no ownership check");
    let off = OwnershipPolicy { enabled: false, ..default() };
    assert_eq!(evidence_of(wide(), off, &none, false).text, "ownership checks are disabled");
    let waived = overlays(
        WIDE,
        "namespaces: [{name: com.example.*, ownership: {waived: {reason: r, reviewer: s}}}]",
    );
    let waived = evidence_of(waived, default(), &none, false);
    assert_eq!((waived.word, waived.enough), (Some("waived"), true));
}

#[test]
fn exempted_version_stays_served_until_the_first_verdict() {
    let wide = || overlays(WIDE, "");
    let exempted = |lookups: &[Lookup]| Dossier {
        exempted: BTreeSet::from([version("1.0.0")]),
        ..observed(lookups)
    };
    let text = "served before ownership was checked; exempt until the first verdict";
    assert_eq!(evidence_of(wide(), default(), &exempted(&[]), false).text, text);
    assert_eq!(evidence_of(wide(), default(), &exempted(&[unclear()]), false).text, text);
    let concluded = exempted(&[at_domain(absent(), absent())]);
    assert!(!evidence_of(wide(), default(), &concluded, false).enough);
}

#[test]
fn stale_verdict_admits_no_new_version_and_keeps_visible_ones() {
    let wide = || overlays(WIDE, "");
    let mut old = observed(&[at_domain(KeyLookup::Shown(keys()), absent())]);
    old.verification.concluded_at = Some(now().minus(Duration::from_hours(31 * 24)));
    let seen = evidence_of(wide(), default(), &old, false);
    assert!(!seen.enough && seen.text.contains("older than 30 days"), "{}", seen.text);
    old.ledger.push(visible("1.0.0", now()));
    assert!(evidence_of(wide(), default(), &old, false).enough);
}

#[test]
fn dispute_hides_and_only_the_bound_account_declares() {
    let policy = OwnershipPolicy::default();
    let mut verified = observed(&[account("2020-01-01T00:00:00Z")]);
    let received = head().received;
    let declares = |account| {
        let declaration = Declaration::Declared("x/y".into());
        let lookup = ContentLookup { received, declaration, packages: Vec::new() };
        let current = &BTreeSet::from([received]);
        let declaring = Declaring { name: "com.example.sub/tool", account, current, names: 1 };
        DeclarationRecord::default().after(&declaring, &[lookup], now())
    };
    verified.claims = declares(Some(7));
    assert_eq!(evidence_of(overlays(WIDE, ""), policy, &verified, false).word, Some("declared"));
    verified.claims = declares(Some(8));
    assert_eq!(evidence_of(overlays(WIDE, ""), policy, &verified, false).word, Some("verified"));
    // A domain declares only through an account that an overlay binds to it.
    let mut domain = observed(&[at_domain(absent(), absent())]);
    domain.claims = declares(Some(8));
    assert_eq!(evidence_of(overlays(WIDE, ""), policy, &domain, false).word, Some("unverified"));
    let bound = overlays(WIDE, "namespaces: [{name: com.example.*, ownership: {github: 8}}]");
    assert_eq!(evidence_of(bound, policy, &domain, false).word, Some("declared"));
    verified.claims.disputed.insert(received, "npm x names another server".into());
    let seen = evidence_of(overlays(EXACT, ""), policy, &verified, false);
    assert!(!seen.enough && seen.word.is_none(), "{}", seen.text);
}

/// Generates lookups of one claim, of a domain or of an account, and an inconclusive lookup of it.
fn histories() -> impl Strategy<Value = (Vec<Lookup>, Lookup)> {
    let domain = prop_oneof![
        Just(at_domain(KeyLookup::Shown(keys()), absent())),
        Just(at_domain(absent(), KeyLookup::Shown(keys()))),
        Just(at_domain(absent(), absent())),
        Just(unclear()),
    ];
    let inconclusive = || Lookup::Account(ForgeAnswer::Unclear("503".into()));
    let account = prop_oneof![
        Just(account("2020-01-01T00:00:00Z")),
        Just(Lookup::Account(ForgeAnswer::Absent)),
        Just(inconclusive()),
    ];
    prop_oneof![
        (prop::collection::vec(domain, 0..6), Just(unclear())),
        (prop::collection::vec(account, 0..6), Just(inconclusive())),
    ]
}

proptest! {
    /// Any number of inconclusive lookups changes neither the decision nor the word for clients.
    #[test]
    fn inconclusive_lookups_change_nothing_that_is_served(
        (history, inconclusive) in histories(),
        times in 1..9_usize,
        wide in any::<bool>(),
        is_exempted in any::<bool>(),
    ) {
        let set = || overlays(if wide { WIDE } else { EXACT }, "");
        let exempted: BTreeSet<_> = is_exempted.then_some(version("1.0.0")).into_iter().collect();
        let before = Dossier { exempted: exempted.clone(), ..observed(&history) };
        let more = history.iter().cloned().chain(std::iter::repeat_n(inconclusive, times));
        let after = Dossier { exempted, ..observed(&more.collect::<Vec<_>>()) };
        let of = |dossier: &Dossier| {
            let seen = evidence_of(set(), default(), dossier, false);
            (seen.enough, seen.word)
        };
        prop_assert_eq!(of(&before), of(&after));
    }
}

/// P24: a key can be copied, so a wildcard admits what a lookup confirms after it came.
#[test]
fn wildcard_admits_content_that_a_later_lookup_confirms() {
    let wide = || overlays(WIDE, "");
    let mut new = observed(&[at_domain(KeyLookup::Shown(keys()), absent())]);
    new.rows[0].content.head.first_seen = now().plus(Duration::from_secs(1));
    let seen = evidence_of(wide(), default(), &new, false);
    assert!(!seen.enough && seen.text.contains("after a lookup"), "{}", seen.text);
    assert!(evidence_of(overlays(EXACT, ""), default(), &new, false).enough);
    let wildcard = Requirement::NotRevoked;
    let lenient = Demands { wildcard, ..Demands::default() };
    let lenient = OwnershipPolicy { default: lenient, ..default() };
    assert!(evidence_of(wide(), lenient, &new, false).enough);
    new.ledger.push(visible("1.0.0", now()));
    assert!(evidence_of(wide(), default(), &new, false).enough, "what is served stays");
    let later = Timestamp::parse("2026-06-01T00:00:02Z").expect("a time");
    let lookup = at_domain(KeyLookup::Shown(keys()), absent());
    new.verification = new.verification.after(&lookup, later);
    new.ledger.clear();
    assert!(evidence_of(wide(), default(), &new, false).enough);
}

#[test]
fn changed_keys_stop_wildcards_and_nothing_else() {
    let other = Key::parse("ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").expect("a key");
    let mut both = keys();
    both.keys.insert(other);
    let lookups = [
        at_domain(KeyLookup::Shown(keys()), absent()),
        at_domain(KeyLookup::Shown(both), absent()),
    ];
    let mut changed = observed(&lookups);
    assert!(evidence_of(overlays(WIDE, ""), default(), &changed, false).enough, "it came before");
    changed.rows[0].content.head.first_seen = now().plus(Duration::from_secs(1));
    let seen = evidence_of(overlays(WIDE, ""), default(), &changed, false);
    assert!(!seen.enough && seen.text.contains("the keys changed"), "{}", seen.text);
    assert!(evidence_of(overlays(EXACT, ""), default(), &changed, false).enough);
    changed.ledger.push(visible("1.0.0", now()));
    assert!(evidence_of(overlays(WIDE, ""), default(), &changed, false).enough);
}

#[test]
fn package_that_was_not_asked_or_gave_no_answer_stops_wildcards() {
    use crate::ownership::{Package, PackageRegistries};
    let server = r#"{"name":"com.example.sub/tool","description":"d","version":"1.0.0","packages":[{"registryType":"npm","identifier":"x","version":"1","transport":{"type":"stdio"}}]}"#;
    let mut dossier = observed(&[at_domain(KeyLookup::Shown(keys()), absent())]);
    dossier.rows[0].content.facts = Some(crate::curation::ContentFacts::of(server));
    let evaluated = |dossier: &Dossier, selector: &str| {
        let mut asked = PackageRegistries::default();
        asked.add("npm".to_owned(), "https://npm.example".parse().expect("a URL"));
        let policy = with(overlays(selector, ""), vec![upstream("up", 1, false)], default())
            .with_asked_registries(asked);
        let screening = Screening::default();
        evaluate(dossier, &policy, &screening, now()).entries[0].ownership.is_enough()
    };
    assert!(evidence_of(overlays(WIDE, ""), default(), &dossier, false).enough, "none is asked");
    assert!(!evaluated(&dossier, WIDE));
    assert!(evaluated(&dossier, EXACT));
    let received = head().received;
    let look_up = |named: Named| {
        let packages = vec![(Package::new("npm", "x", Some("1")), named)];
        let declaration = Declaration::Not("no repository".into());
        let lookup = ContentLookup { received, declaration, packages };
        let current = &BTreeSet::from([received]);
        let declaring =
            Declaring { name: "com.example.sub/tool", account: None, current, names: 1 };
        DeclarationRecord::default().after(&declaring, &[lookup], now())
    };
    dossier.claims = look_up(Named::Unavailable("HTTP 503".into()));
    assert!(!evaluated(&dossier, WIDE));
    dossier.claims = look_up(Named::Servers(BTreeSet::new()));
    assert!(evaluated(&dossier, WIDE));
}

#[test]
fn pinned_keys_bind_also_for_exact_names_that_require_a_verified_namespace() {
    let pinned = |more: &str| {
        overlays(
            EXACT,
            &format!(
                "namespaces: [{{name: com.example.*, ownership: {{keys: [\"ed25519:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"], require: verified{more}}}}}]"
            ),
        )
    };
    let shows_another = observed(&[at_domain(KeyLookup::Shown(keys()), absent())]);
    let seen = evidence_of(pinned(""), default(), &shows_another, false);
    assert!(!seen.enough && seen.text.contains("an overlay pins"), "{}", seen.text);
    let nothing = observed(&[at_domain(absent(), absent())]);
    assert!(!evidence_of(pinned(""), default(), &nothing, false).enough);
    // A repository declares nothing against a pinned key.
    let mut declared = shows_another;
    declared.claims.account = Some(8);
    declared.claims.declared.insert(head().received);
    assert!(!evidence_of(pinned(", github: 8"), default(), &declared, false).enough);
}
