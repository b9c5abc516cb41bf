//! What follows from what was seen, over time.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::Instant;

// Made with openssl: `genpkey -algorithm ed25519`, and `ecparam -name secp384r1` with a compressed point.
const ED_ONE: &str = "JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
const ED_TWO: &str = "eZKrGXQmBODTj/0Pt7Y+8LyKxuurR4vbbGJ4xU1TU5I=";
const P384: &str = "AiFRHfUbSHohmhH7o33cZPZrJ5SBKDsqMAdR6vEy5HiUhMDv4CwzKHkkZEYN7tGR+Q==";
const P384_UNCOMPRESSED: &str = "BCFRHfUbSHohmhH7o33cZPZrJ5SBKDsqMAdR6vEy5HiUhMDv4CwzKHkkZEYN7tGR+TdT+mZPyhSqbAWcMGWluKXY5RPfpjlKAbded2/eOC2l4OistDct6rRJZ5tEd24l2A==";

const DAY: Duration = Duration::from_hours(24);

fn at(hours: u64) -> Instant {
    Instant::parse("2026-11-01T00:00:00Z").expect("a time").plus(Duration::from_hours(hours))
}

fn key(point: &str) -> Key {
    Key::new("ed25519", point).expect("a key")
}

fn record(kind: &str, point: &str) -> String {
    format!("v=MCPv1; k={kind}; p={point}")
}

#[rstest::rstest]
#[case(&record("ed25519", ED_ONE), 1, None)]
#[case(&record("ecdsap384", P384), 1, None)]
#[case(&format!("v=MCPv1;k=ed25519;p={ED_ONE};"), 1, None)]
#[case(&format!("  v = MCPv1 ; p={ED_ONE}; k=ed25519"), 0, None)]
#[case(&format!("v=MCPv1; p={ED_ONE}; k=ed25519"), 1, None)]
#[case("v=spf1 include:example.com ~all", 0, None)]
#[case("", 0, None)]
#[case("v=MCPv2; k=ed25519; p=AA==", 0, None)]
#[case("v=MCPv1", 0, Some("no `k`"))]
#[case("v=MCPv1; k=ed25519", 0, Some("no `p`"))]
#[case("v=MCPv1; k=rsa; p=AA==", 0, Some("neither ed25519 nor ecdsap384"))]
#[case("v=MCPv1; k=ed25519; p=AA==", 0, Some("32 bytes, this one has 1"))]
#[case("v=MCPv1; k=ed25519; p=not base64", 0, Some("base64"))]
#[case(&record("ed25519", P384), 0, Some("32 bytes, this one has 49"))]
#[case(&record("ecdsap384", ED_ONE), 0, Some("has 49 bytes, this one has 32"))]
#[case(&record("ecdsap384", P384_UNCOMPRESSED), 0, Some("not compressed"))]
#[case(&format!("{}; x=1", record("ed25519", ED_ONE)), 0, Some("unknown field `x`"))]
#[case(&format!("{}; k=ed25519", record("ed25519", ED_ONE)), 0, Some("`k` twice"))]
#[case(ED_ONE, 0, None)]
fn a_record_is_read_strictly(#[case] text: &str, #[case] keys: usize, #[case] why: Option<&str>) {
    let records = key_records([text]);
    assert_eq!(records.keys.len(), keys, "{records:?}");
    match why {
        Some(why) => assert!(records.malformed.concat().contains(why), "{records:?}"),
        None => assert_eq!(records.malformed, [] as [String; 0]),
    }
}

#[test]
fn several_keys_stand_beside_foreign_records_and_a_flood_is_cut() {
    let (one, two) = (record("ed25519", ED_ONE), record("ed25519", ED_TWO));
    let records = key_records(["google-site-verification=x", &one, "v=spf1 -all", &two, &one]);
    assert_eq!(records.keys, BTreeSet::from([key(ED_ONE), key(ED_TWO)]));
    assert_eq!(key_records(std::iter::repeat_n(one.as_str(), 5_000)).keys.len(), 1);
    let flood: Vec<String> = (0..5_000).map(|it| format!("v=MCPv1; k={it}; p=")).collect();
    assert!(key_records(flood.iter().map(String::as_str)).malformed.len() <= 16);
}

#[test]
fn a_key_is_read_as_it_is_written() {
    assert_eq!(Key::parse(&key(ED_ONE).to_string()), Ok(key(ED_ONE)));
    let p384 = Key::new("ecdsap384", P384).expect("a key");
    assert_eq!(Key::parse(&p384.to_string()), Ok(p384));
    assert!(Key::parse(ED_ONE).is_err());
}

fn shown(points: &[&str]) -> Look {
    Look::Shown(points.iter().map(|point| key(point)).collect(), Vec::new())
}

fn absent() -> Look {
    Look::Absent("no TXT record".into())
}

fn unclear() -> Look {
    Look::Unclear("SERVFAIL".into())
}

/// Looks at a child domain, its file, and its parent.
fn domain(own: Look, http: Look, parent: Look) -> Sight {
    let dns = vec![("sub.example.com".to_owned(), own), ("example.com".to_owned(), parent)];
    Sight::Domain { dns, http, hints: Vec::new() }
}

fn own(look: Look) -> Sight {
    domain(look, absent(), absent())
}

/// Looks at a domain without parents.
fn alone(look: Look) -> Sight {
    let dns = vec![("sub.example.com".to_owned(), look)];
    Sight::Domain { dns, http: absent(), hints: Vec::new() }
}

fn account(id: u64) -> Sight {
    Sight::Account(Forged::Found(Account { login: "Someone".into(), id, created_at: None }))
}

fn no_account() -> Sight {
    Sight::Account(Forged::Absent)
}

/// What is remembered after these looks, each at its hour.
fn after(pins: &Pins, looks: &[(u64, Sight)]) -> Holding {
    looks
        .iter()
        .fold(Holding::default(), |holding, (hour, sight)| holding.after(sight, pins, at(*hour)))
}

#[rstest::rstest]
//     history, verdict, why
#[case(vec![], Verdict::Inconclusive, "not checked yet")]
#[case(vec![(0, own(shown(&[ED_ONE])))], Verdict::Held, "sub.example.com shows a key")]
#[case(vec![(0, domain(absent(), shown(&[ED_ONE]), absent()))], Verdict::Held, "sub.example.com shows")]
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE])))], Verdict::Held, "example.com shows")]
#[case(vec![(0, domain(unclear(), unclear(), shown(&[ED_ONE])))], Verdict::Held, "example.com shows")]
#[case(vec![(0, own(absent()))], Verdict::None, "never was")]
#[case(vec![(0, own(unclear()))], Verdict::Inconclusive, "nothing definite")]
#[case(vec![(0, domain(absent(), unclear(), absent()))], Verdict::Inconclusive, "nothing definite")]
// A record of the child outranks its parent's, also when it is another.
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, domain(shown(&[ED_TWO]), absent(), shown(&[ED_ONE])))], Verdict::None, "suspended")]
// Rotation.
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, own(shown(&[ED_ONE, ED_TWO]))), (20, own(shown(&[ED_TWO])))], Verdict::Held, "shows a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, own(shown(&[ED_TWO])))], Verdict::None, "suspended")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, own(shown(&[ED_TWO]))), (10, own(shown(&[ED_ONE])))], Verdict::Held, "shows a key")]
// Gone: three definite looks over a day.
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent()))], Verdict::Held, "is not seen to show since 2026-11-01T01:00:00.000000Z, in 1 of 3 looks over a day, and showed a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (3, own(absent()))], Verdict::Held, "in 3 of 3 looks")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (26, own(absent()))], Verdict::Held, "in 2 of 3 looks")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent()))], Verdict::Refuted, "gone since")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_ONE])))], Verdict::Held, "shows a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (9, own(unclear())), (17, own(unclear())), (40, own(unclear()))], Verdict::Held, "in 1 of 3 looks")]
// Whoever took a lapsed domain over shows a key of their own: that is no way back.
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_TWO])))], Verdict::Refuted, "another's key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_TWO]))), (27, own(shown(&[ED_ONE])))], Verdict::Held, "shows a key")]
// A claim that nobody can show any more refutes nobody.
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, Sight::Unprovable("a suffix".into())), (2, Sight::Unprovable("a suffix".into())), (30, Sight::Unprovable("a suffix".into()))], Verdict::None, "never was")]
// A proof by file is gone when the file is, whatever DNS says; one by DNS does not care for the file.
#[case(vec![(0, domain(absent(), shown(&[ED_ONE]), absent())), (1, own(absent())), (2, own(absent())), (30, own(absent()))], Verdict::Refuted, "gone since")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, domain(absent(), unclear(), absent())), (2, domain(absent(), unclear(), absent())), (30, domain(absent(), unclear(), absent()))], Verdict::Refuted, "gone since")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, domain(unclear(), absent(), absent())), (2, domain(unclear(), absent(), absent())), (30, domain(unclear(), absent(), absent()))], Verdict::Held, "shows a key")]
// What a nearer place would say is not known: a farther one does not take its place.
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, domain(unclear(), absent(), shown(&[ED_TWO])))], Verdict::Held, "sub.example.com shows")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, domain(unclear(), shown(&[ED_TWO]), absent()))], Verdict::Held, "sub.example.com shows")]
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE]))), (9, domain(unclear(), unclear(), shown(&[ED_TWO])))], Verdict::None, "suspended")]
// What was shown at a parent that is a shared host by now.
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE]))), (9, alone(absent()))], Verdict::None, "never was")]
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE]))), (9, alone(unclear()))], Verdict::None, "never was")]
// Accounts.
#[case(vec![(0, account(7))], Verdict::Held, "account 7")]
#[case(vec![(0, account(7)), (1, account(8))], Verdict::Refuted, "account 8 now, and was 7")]
#[case(vec![(0, account(7)), (1, account(8)), (2, account(7))], Verdict::Held, "account 7")]
#[case(vec![(0, no_account())], Verdict::None, "never was")]
#[case(vec![(0, account(7)), (1, no_account()), (2, no_account()), (26, no_account())], Verdict::Refuted, "gone since")]
#[case(vec![(0, account(7)), (1, no_account()), (2, no_account()), (26, no_account()), (27, account(8))], Verdict::Refuted, "account 8 now, and was 7")]
#[case(vec![(0, account(7)), (1, Sight::Account(Forged::Unclear("401".into())))], Verdict::Held, "account 7")]
#[case(vec![(0, Sight::Unprovable("an address".into()))], Verdict::None, "never was")]
fn a_history_of_looks_leads_to_a_verdict(
    #[case] looks: Vec<(u64, Sight)>,
    #[case] verdict: Verdict,
    #[case] why: &str,
) {
    let pins = Pins::default();
    let (found, said) = after(&pins, &looks).verdict(&pins);
    assert_eq!(found, verdict, "{said}");
    assert!(said.contains(why), "{said}");
}

#[test]
fn an_overlay_outranks_what_was_seen_first() {
    let none = Pins::default();
    let changed = after(&none, &[(0, own(shown(&[ED_ONE]))), (1, own(shown(&[ED_TWO])))]);
    let pins = Pins { keys: BTreeSet::from([key(ED_TWO)]), ..Pins::default() };
    assert!(changed.is_suspended(&none) && !changed.is_suspended(&pins));
    assert_eq!(changed.verdict(&pins).0, Verdict::Held, "at once, without another look");
    let accepted = changed.after(&own(shown(&[ED_TWO])), &pins, at(2));
    assert_eq!(accepted.verdict(&pins).0, Verdict::Held);
    assert_eq!(accepted.verdict(&none).0, Verdict::None, "and not without the overlay");
    let back = accepted.after(&own(shown(&[ED_ONE])), &none, at(3));
    assert_eq!(back.verdict(&none).0, Verdict::Held, "what was seen first stays known");
    let moved = after(&none, &[(0, account(7)), (1, account(8))]);
    let pins = Pins { github: Some(8), ..Pins::default() };
    assert_eq!(moved.verdict(&pins).0, Verdict::Held);
    assert_eq!(after(&none, &[(0, account(7))]).verdict(&pins).0, Verdict::Refuted);
    let mistyped = Pins { github: Some(9), ..Pins::default() };
    let later = after(&none, &[(0, account(7))]).after(&account(7), &mistyped, at(1));
    assert_eq!(
        later.verdict(&none).0,
        Verdict::Held,
        "a pin that is taken back leaves nothing behind"
    );
    let taken = after(
        &none,
        &[
            (0, own(shown(&[ED_ONE]))),
            (1, own(absent())),
            (2, own(absent())),
            (25, own(absent())),
            (26, own(shown(&[ED_TWO]))),
        ],
    );
    let pins = Pins { keys: BTreeSet::from([key(ED_TWO)]), ..Pins::default() };
    assert_eq!(taken.verdict(&pins).0, Verdict::Held, "a reviewer knows the new owner");
    let waiver = Waiver { reason: "a vendor without DNS".into(), reviewer: "sec".into() };
    let pins = Pins { waived: Some(waiver), ..Pins::default() };
    assert_eq!(moved.verdict(&pins).0, Verdict::Waived);
}

#[test]
fn a_new_name_below_a_domain_is_no_way_around_its_changed_key() {
    use std::collections::BTreeMap;
    let pins = Pins::default();
    let known = BTreeMap::from([("example.com".to_owned(), BTreeSet::from([key(ED_ONE)]))]);
    let below = |points: &[&str]| domain(absent(), absent(), shown(points));
    let seen =
        |sight: Sight| Holding::default().inheriting(&known, &sight).after(&sight, &pins, at(0));
    assert_eq!(seen(below(&[ED_ONE])).verdict(&pins).0, Verdict::Held);
    assert!(seen(below(&[ED_TWO])).is_suspended(&pins));
    assert_eq!(seen(own(shown(&[ED_TWO]))).verdict(&pins).0, Verdict::Held, "a record of its own");
}

#[test]
fn resolvers_must_agree_on_our_records_and_on_nothing_else() {
    let of = |texts: &[&str]| Resolved::Records(texts.iter().map(|it| (*it).to_owned()).collect());
    let (one, two) = (record("ed25519", ED_ONE), record("ed25519", ED_TWO));
    let answers = |left: Resolved, right: Resolved| {
        agreed(&[("r1".to_owned(), left), ("r2".to_owned(), right)])
    };
    assert_eq!(answers(of(&[&one, "a"]), of(&["b", &one])), shown(&[ED_ONE]));
    assert!(matches!(answers(of(&[&one]), of(&[&two])), Look::Unclear(_)));
    assert!(matches!(answers(of(&[&one]), Resolved::NoRecords), Look::Unclear(_)));
    assert!(matches!(answers(of(&[&one]), Resolved::Unclear("x".into())), Look::Unclear(_)));
    assert!(matches!(answers(Resolved::NoRecords, Resolved::NoSuchName), Look::Absent(_)));
    assert!(matches!(answers(of(&["v=spf1"]), Resolved::NoRecords), Look::Absent(_)));
    assert!(matches!(agreed(&[]), Look::Unclear(_)));
}

fn sights() -> impl Strategy<Value = Sight> {
    let look = prop_oneof![
        Just(shown(&[ED_ONE])),
        Just(shown(&[ED_TWO])),
        Just(shown(&[ED_ONE, ED_TWO])),
        Just(absent()),
        Just(unclear()),
    ];
    (look.clone(), look.clone(), look).prop_map(|(own, http, parent)| domain(own, http, parent))
}

proptest! {
    #[test]
    fn inconclusive_looks_change_nothing(history in prop::collection::vec(sights(), 0..8), times in 1..20_u64) {
        let pins = Pins::default();
        let looks: Vec<(u64, Sight)> = history.into_iter().zip((0..).step_by(7)).map(|(sight, hour)| (hour, sight)).collect();
        let before = after(&pins, &looks);
        let mut later = before.clone();
        for index in 0..times {
            later = later.after(&domain(unclear(), unclear(), unclear()), &pins, at(100 + index));
        }
        let (verdict, _) = later.verdict(&pins);
        prop_assert_eq!(verdict, before.verdict(&pins).0);
        prop_assert_eq!((later.shown, later.pinned_keys, later.negatives), (before.shown, before.pinned_keys, before.negatives));
    }

    /// A look of which some places are unclear leads nowhere but to where it was, or to where the
    /// clear ones lead.
    #[test]
    fn doubt_about_some_places_never_suspends_nor_refutes(first in sights(), mask in 1..8_u8, times in 1..5_u64) {
        let pins = Pins::default();
        let before = after(&pins, &[(0, first.clone())]);
        prop_assume!(before.verdict(&pins).0 == Verdict::Held);
        let Sight::Domain { dns, http, hints } = first else { unreachable!() };
        let hidden = |bit: u8, look: &Look| if mask & bit != 0 { unclear() } else { look.clone() };
        let dns: Vec<(String, Look)> = dns.iter().zip([1, 2]).map(|((at, look), bit)| (at.clone(), hidden(bit, look))).collect();
        let doubtful = Sight::Domain { dns, http: hidden(4, &http), hints };
        let mut later = before;
        for index in 0..times {
            later = later.after(&doubtful, &pins, at(20 + 20 * index));
        }
        prop_assert_eq!(later.verdict(&pins).0, Verdict::Held);
    }
}

#[test]
fn a_check_comes_sooner_where_something_is_open_and_is_spread() {
    let pins = Pins::default();
    let next = |holding: &Holding, urgency| {
        next_check("com.example", holding, &pins, urgency, at(0)).since(at(0))
    };
    let held = after(&pins, &[(0, own(shown(&[ED_ONE])))]);
    assert!((DAY..DAY * 13 / 10).contains(&next(&held, Urgency::Spoken)));
    assert!((DAY * 7..DAY * 9).contains(&next(&held, Urgency::Rest)));
    let doubtful = held.clone().after(&own(absent()), &pins, at(0));
    assert!((DAY / 3..DAY / 2).contains(&next(&doubtful, Urgency::Spoken)));
    let failing = held.after(&own(unclear()), &pins, at(0));
    assert!(next(&failing, Urgency::Spoken) < Duration::from_mins(15));
    let distinct: BTreeSet<Instant> = (0..50)
        .map(|it| next_check(&format!("com.example{it}"), &failing, &pins, Urgency::Rest, at(0)))
        .collect();
    assert!(distinct.len() > 20);
}

fn offer(name: &str, package: &str, host: &str) -> Offer {
    Offer::read(&format!(
        r#"{{"name":"{name}","packages":[{{"registryType":"oci","identifier":"{package}"}}],"remotes":[{{"url":"https://{host}/mcp"}}]}}"#
    ))
    .expect("an offer")
}

#[rstest::rstest]
#[case(offer("a.b/c", "images.example/x/y:1.0", "h.example"), None)]
#[case(offer("a.b/c", "images.example/x/y:2.0", "H.example"), None)]
#[case(offer("a.b/d", "images.example/x/y:1.0", "h.example"), Some("the file of `a.b/c`"))]
#[case(
    offer("a.b/c", "images.example/x/z:1.0", "h.example"),
    Some("lacks the package oci images.example/x/z:1.0")
)]
#[case(
    offer("a.b/c", "images.example/x/y", "evil.example"),
    Some("lacks the remote host evil.example")
)]
fn a_file_declares_what_it_names(#[case] entry: Offer, #[case] why: Option<&str>) {
    let file = offer("a.b/c", "images.example/x/y:1.0", "h.example");
    assert_eq!(
        file.declares(&entry).err().as_deref().map(|it| it.contains(why.unwrap_or("?"))),
        why.map(|_| true)
    );
}

#[rstest::rstest]
#[case(r#"{"url":"https://github.com/o/r"}"#, Some(("o", "r", Some(String::new()))))]
#[case(r#"{"url":"https://www.GitHub.com/o/r.git","subfolder":"/a/b/"}"#, Some(("o", "r", Some("a/b".into()))))]
#[case(r#"{"url":"git+https://github.com/o/r/tree/main","subfolder":"../x"}"#, Some(("o", "r", None)))]
#[case(r#"{"url":"https://github.com/o/r","subfolder":"a/../../b"}"#, Some(("o", "r", None)))]
#[case(r#"{"url":"https://github.com/o/r","subfolder":"a\\b"}"#, Some(("o", "r", None)))]
#[case(r#"{"url":"https://gitlab.com/o/r"}"#, None)]
#[case(r#"{"url":"https://github.com/o"}"#, None)]
#[case(r#"{"url":"https://github.com/../r"}"#, None)]
#[case(r#"{"url":"https://github.com.evil.example/o/r"}"#, None)]
#[case("{}", None)]
fn a_repository_is_found_on_github_and_nowhere_else(
    #[case] json: &str,
    #[case] wanted: Option<(&str, &str, Option<String>)>,
) {
    let offer = Offer::read(&format!(r#"{{"name":"a.b/c","repository":{json}}}"#)).expect("one");
    let found = offer.repository.map(|it| (it.owner, it.name, it.path.map(|path| path.join("/"))));
    let wanted = wanted.map(|(owner, name, path)| (owner.to_owned(), name.to_owned(), path));
    assert_eq!(found, wanted);
}

#[rstest::rstest]
#[case(None, true)]
#[case(Some("42"), true)]
#[case(Some("43"), false)]
#[case(Some("R_abc"), true)]
#[case(Some("R_other"), false)]
#[case(Some("b94b5f7e-acc8"), true)]
fn a_stated_repository_id_is_compared_where_it_is_one(
    #[case] id: Option<&str>,
    #[case] same: bool,
) {
    let link = RepositoryLink {
        owner: "o".into(),
        name: "r".into(),
        id: id.map(str::to_owned),
        path: None,
    };
    assert_eq!(link.is_of(42, "R_abc"), same);
}

#[test]
fn a_package_that_names_another_server_disputes_and_silence_does_not() {
    use crate::model::Digest;
    let package = Package { registry: "npm".into(), identifier: "p".into(), version: None };
    let received = Digest::of(b"x");
    let sight = |named: Named, declaration: Declaration| ContentSight {
        received,
        declaration,
        packages: vec![(package.clone(), named)],
    };
    let servers =
        |names: &[&str]| Named::Servers(names.iter().map(|it| (*it).to_owned()).collect());
    let not = || Declaration::Not("no repository".into());
    let look = |naming: Naming, named, declaration| {
        naming.after(
            "a.b/c",
            Some(7),
            &BTreeSet::from([received]),
            &[sight(named, declaration)],
            at(1),
        )
    };
    let disputed = look(Naming::default(), servers(&["x.y/z"]), not());
    assert!(disputed.disputed[&received].contains("names another server: x.y/z"));
    let unavailable = || Named::Unavailable("not configured".into());
    assert_eq!(look(disputed.clone(), unavailable(), not()).disputed, disputed.disputed);
    assert!(look(disputed.clone(), servers(&[]), not()).disputed.is_empty());
    assert!(look(disputed, servers(&["x.y/z", "A.b/c"]), not()).disputed.is_empty());
    let declared = look(Naming::default(), servers(&[]), Declaration::Declared("o/r".into()));
    assert!(declared.declared.contains(&received));
    let unclear = look(declared.clone(), servers(&[]), Declaration::Unclear("503".into()));
    assert_eq!(unclear.declared, declared.declared);
    // A package registry that answers 404 for an hour makes nothing visible.
    let disputed = look(Naming::default(), servers(&["x.y/z"]), not());
    assert!(!look(disputed.clone(), Named::Absent, not()).disputed.is_empty());
    // Nor does a repository that is away for a while take a declaration back.
    let absent = |naming: Naming, hour| {
        let sight = sight(servers(&[]), Declaration::Absent("404".into()));
        naming.after("a.b/c", Some(7), &BTreeSet::from([received]), &[sight], at(hour))
    };
    let away = absent(absent(absent(declared.clone(), 1), 2), 3);
    assert!(!away.declared.is_empty());
    assert!(absent(away, 26).declared.is_empty());
    assert!(look(declared, servers(&[]), not()).declared.is_empty());
    // What upstream lists no more is forgotten.
    let gone = disputed.after("a.b/c", Some(7), &BTreeSet::new(), &[], at(2));
    assert!(gone.disputed.is_empty());
}
