//! Verdicts that follow from a history of lookups.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::Timestamp;

// Made with openssl: `genpkey -algorithm ed25519`, and `ecparam -name secp384r1` with a compressed point.
const ED_ONE: &str = "JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
const ED_TWO: &str = "eZKrGXQmBODTj/0Pt7Y+8LyKxuurR4vbbGJ4xU1TU5I=";
const P384: &str = "AiFRHfUbSHohmhH7o33cZPZrJ5SBKDsqMAdR6vEy5HiUhMDv4CwzKHkkZEYN7tGR+Q==";
const P384_UNCOMPRESSED: &str = "BCFRHfUbSHohmhH7o33cZPZrJ5SBKDsqMAdR6vEy5HiUhMDv4CwzKHkkZEYN7tGR+TdT+mZPyhSqbAWcMGWluKXY5RPfpjlKAbded2/eOC2l4OistDct6rRJZ5tEd24l2A==";

/// The point of `P384` with another x, for which the curve has no y.
const P384_OFF_CURVE: &str = "AiFRHfUbSHohmhH7o33cZPZrJ5SBKDsqMAdR6vEy5HiUhMDv4CwzKHkkZEYN7tGR+w==";

const DAY: Duration = Duration::from_hours(24);

pub(super) fn at(hours: u64) -> Timestamp {
    Timestamp::parse("2026-11-01T00:00:00Z").expect("a time").plus(Duration::from_hours(hours))
}

/// Returns the text of an invented key.
pub(super) fn key_text(number: u8) -> String {
    use base64::Engine;
    let point = base64::engine::general_purpose::STANDARD.encode([number; 32]);
    format!("ed25519:{point}")
}

/// Returns the key record of an invented key.
pub(super) fn record_of(number: u8) -> String {
    record("ed25519", key_text(number).trim_start_matches("ed25519:"))
}

fn key(point: &str) -> Key {
    Key::new("ed25519", point).expect("a key")
}

fn record(kind: &str, point: &str) -> String {
    format!("v=MCPv1; k={kind}; p={point}")
}

/// The pattern of the official registry, which is not anchored and knows one order of fields.
#[rstest::rstest]
#[case(&record("ed25519", ED_ONE), 1, None)]
#[case(&record("ecdsap384", P384), 1, None)]
#[case(&format!("v=MCPv1;k=ed25519;p={ED_ONE};"), 1, None)]
#[case(&format!("{}; x=1", record("ed25519", ED_ONE)), 1, None)]
#[case(&format!("{}; k=ed25519", record("ed25519", ED_ONE)), 1, None)]
#[case(&format!("{};;", record("ed25519", ED_ONE)), 1, None)]
#[case(&format!("\"{}\"", record("ed25519", ED_ONE)), 1, None)]
#[case(&format!("\u{feff}{}", record("ed25519", ED_ONE)), 1, None)]
#[case(&format!("mcp: v=MCPv1;\n\tk=ed25519;\r\n p={ED_ONE}"), 1, None)]
#[case(&format!("v=MCPv1; {}", record("ed25519", ED_ONE)), 1, None)]
#[case(&format!("{} {}", record("ed25519", "AA=="), record("ed25519", ED_ONE)), 0, Some("has 1"))]
#[case(&format!("  v = MCPv1 ; p={ED_ONE}; k=ed25519"), 0, None)]
#[case(&format!("v=MCPv1; p={ED_ONE}; k=ed25519"), 0, Some("in this order"))]
#[case(&format!("v=MCPv1;\u{a0}k=ed25519; p={ED_ONE}"), 0, Some("in this order"))]
#[case(&format!("v=MCPv1; k=ed25519 ; p={ED_ONE}"), 0, Some("neither ed25519 nor ecdsap384"))]
#[case(&format!("V=mcpv1; k=ed25519; p={ED_ONE}"), 0, Some("not spelled `v=MCPv1`"))]
#[case("v=spf1 include:example.com ~all", 0, None)]
#[case("", 0, None)]
#[case("v=MCPv2; k=ed25519; p=AA==", 0, None)]
#[case("v=MCPv1", 0, Some("no `k`"))]
#[case("v=MCPv1; k=ed25519", 0, Some("no `p`"))]
#[case("v=MCPv1; k=rsa; p=AA==", 0, Some("neither ed25519 nor ecdsap384"))]
#[case("v=MCPv1; k=ed25519; p=AA==", 0, Some("32 bytes, this one has 1"))]
#[case("v=MCPv1; k=ed25519; p=not base64", 0, Some("base64"))]
#[case(&record("ed25519", ED_ONE.trim_end_matches('=')), 0, Some("base64"))]
#[case(&record("ed25519", P384), 0, Some("32 bytes, this one has 49"))]
#[case(&record("ed25519", &format!("{}=", "A".repeat(43))), 0, Some("all zeros"))]
#[case(&record("ecdsap384", ED_ONE), 0, Some("has 49 bytes, this one has 32"))]
#[case(&record("ecdsap384", P384_UNCOMPRESSED), 0, Some("not compressed"))]
#[case(&record("ecdsap384", P384_OFF_CURVE), 0, Some("not on the curve"))]
#[case(ED_ONE, 0, None)]
fn key_records_are_read_as_the_official_registry_reads_them(
    #[case] text: &str,
    #[case] keys: usize,
    #[case] why: Option<&str>,
) {
    let records = key_records([text]);
    assert_eq!(records.keys.len(), keys, "{records:?}");
    match why {
        Some(why) => {
            assert!(records.unread.values().any(|line| line.contains(why)), "{records:?}");
        }
        None => assert!(records.unread.is_empty(), "{records:?}"),
    }
}

#[test]
fn foreign_records_are_ignored_and_a_flood_is_cut() {
    let (one, two) = (record("ed25519", ED_ONE), record("ed25519", ED_TWO));
    let records = key_records(["google-site-verification=x", &one, "v=spf1 -all", &two, &one]);
    assert_eq!(records.keys, BTreeSet::from([key(ED_ONE), key(ED_TWO)]));
    assert_eq!(key_records(std::iter::repeat_n(one.as_str(), 5_000)).keys.len(), 1);
    let flood: Vec<String> = (0..5_000).map(|index| format!("v=MCPv1; k={index}; p=")).collect();
    let flood =
        agreed(&[("r1".into(), Resolved::Records(Texts { texts: flood, aliases: vec![] }))]);
    assert!(flood.to_string().len() <= 16 * 202 + 30, "{flood}");
    let long = format!("v=MCPv1; k={}; p=AAAA", "x".repeat(9_000));
    let reasons = key_records([long.as_str()]).unread;
    assert!(reasons.values().all(|line| line.chars().count() <= 200));
}

#[test]
fn displayed_key_parses_to_the_same_key() {
    assert_eq!(Key::parse(&key(ED_ONE).to_string()), Ok(key(ED_ONE)));
    let p384 = Key::new("ecdsap384", P384).expect("a key");
    assert_eq!(Key::parse(&p384.to_string()), Ok(p384));
    assert!(Key::parse(ED_ONE).is_err());
}

fn shown(points: &[&str]) -> KeyLookup {
    let keys = points.iter().map(|point| key(point)).collect();
    KeyLookup::Shown(ShownKeys { keys, ..ShownKeys::default() })
}

fn absent() -> KeyLookup {
    KeyLookup::Absent("no TXT record".into())
}

fn withheld() -> KeyLookup {
    KeyLookup::Withheld("HTTP 403".into())
}

fn unclear() -> KeyLookup {
    KeyLookup::Unclear("SERVFAIL".into())
}

/// A lookup of a child domain, its file, and its parent.
fn domain(own: KeyLookup, http: KeyLookup, parent: KeyLookup) -> Lookup {
    let dns = vec![("sub.example.com".to_owned(), own), ("example.com".to_owned(), parent)];
    Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
}

fn own(lookup: KeyLookup) -> Lookup {
    domain(lookup, absent(), absent())
}

/// A lookup of a domain without parents.
fn alone(lookup: KeyLookup) -> Lookup {
    let dns = vec![("sub.example.com".to_owned(), lookup)];
    Lookup::Domain { dns, http: absent(), hints: Vec::new(), is_partial: false }
}

fn account(id: u64) -> Lookup {
    Lookup::Account(ForgeAnswer::Found(Account { login: "Someone".into(), id, created_at: None }))
}

fn account_since(id: u64, hour: u64) -> Lookup {
    let created_at = Some(at(hour));
    Lookup::Account(ForgeAnswer::Found(Account { login: "Someone".into(), id, created_at }))
}

fn no_account() -> Lookup {
    Lookup::Account(ForgeAnswer::Absent)
}

/// Returns the record after these lookups, each at its hour.
fn after(lookups: &[(u64, Lookup)]) -> VerificationRecord {
    lookups.iter().fold(VerificationRecord::default(), |record, (hour, lookup)| {
        record.after(lookup, at(*hour))
    })
}

#[rstest::rstest]
//     history, verdict, why
#[case(vec![], Verdict::Inconclusive, "not checked yet")]
#[case(vec![(0, own(shown(&[ED_ONE])))], Verdict::Verified, "sub.example.com shows a key")]
#[case(vec![(0, domain(absent(), shown(&[ED_ONE]), absent()))], Verdict::Verified, "sub.example.com shows")]
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE])))], Verdict::Verified, "example.com shows")]
#[case(vec![(0, domain(unclear(), unclear(), shown(&[ED_ONE])))], Verdict::Inconclusive, "no lookup gave a definite answer")]
#[case(vec![(0, own(absent()))], Verdict::Unverified, "never was")]
#[case(vec![(0, own(unclear()))], Verdict::Inconclusive, "no lookup gave a definite answer")]
#[case(vec![(0, domain(absent(), unclear(), absent()))], Verdict::Inconclusive, "no lookup gave a definite answer")]
// A record of the child outranks its parent's, also with another key.
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, domain(shown(&[ED_TWO]), absent(), shown(&[ED_ONE])))], Verdict::Unverified, "suspended")]
// Rotation.
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, own(shown(&[ED_ONE, ED_TWO]))), (20, own(shown(&[ED_TWO])))], Verdict::Verified, "shows a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, own(shown(&[ED_TWO])))], Verdict::Unverified, "suspended")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, own(shown(&[ED_TWO]))), (10, own(shown(&[ED_ONE])))], Verdict::Unverified, "suspended")]
// Gone: three definite lookups over a day.
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent()))], Verdict::Verified, "shows no key since 2026-11-01T01:00:00Z, in 1 of 3 lookups over a day; before, it showed a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (3, own(absent()))], Verdict::Verified, "in 3 of 3 lookups")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (26, own(absent()))], Verdict::Verified, "in 2 of 3 lookups")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent()))], Verdict::Revoked, "gone since")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_ONE])))], Verdict::Revoked, "gone since")]
// Two lookups an hour apart that show exactly the keys of before undo a loss, if no other key was seen.
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_ONE]))), (27, own(shown(&[ED_ONE])))], Verdict::Verified, "shows a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_ONE]))), (27, own(absent())), (28, own(shown(&[ED_ONE])))], Verdict::Revoked, "gone since")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_ONE, ED_TWO]))), (27, own(shown(&[ED_ONE]))), (28, own(shown(&[ED_ONE])))], Verdict::Revoked, "another owner was there")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (9, own(unclear())), (17, own(unclear())), (40, own(unclear()))], Verdict::Verified, "in 1 of 3 lookups")]
// The new owner of a lapsed domain shows another key: that does not restore the verdict.
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_TWO])))], Verdict::Revoked, "shows another key now")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, own(absent())), (2, own(absent())), (25, own(absent())), (26, own(shown(&[ED_TWO]))), (27, own(shown(&[ED_ONE])))], Verdict::Revoked, "another owner was there")]
// A claim that cannot be verified any more revokes nothing.
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, Lookup::Unverifiable("a suffix".into())), (2, Lookup::Unverifiable("a suffix".into())), (30, Lookup::Unverifiable("a suffix".into()))], Verdict::Unverified, "never was")]
// Evidence is gone when every place is definite. A web server that withholds the file shows none; a file that was
// there may still be.
#[case(vec![(0, domain(absent(), shown(&[ED_ONE]), absent())), (1, own(absent())), (2, own(absent())), (30, own(absent()))], Verdict::Revoked, "gone since")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, domain(absent(), unclear(), absent())), (2, domain(absent(), unclear(), absent())), (30, domain(absent(), unclear(), absent()))], Verdict::Verified, "shows a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, domain(absent(), withheld(), absent())), (2, domain(absent(), withheld(), absent())), (30, domain(absent(), withheld(), absent()))], Verdict::Revoked, "gone since")]
#[case(vec![(0, domain(absent(), shown(&[ED_ONE]), absent())), (1, domain(absent(), withheld(), absent())), (2, domain(absent(), withheld(), absent())), (30, domain(absent(), withheld(), absent()))], Verdict::Verified, "shows a key")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (1, domain(unclear(), absent(), absent())), (2, domain(unclear(), absent(), absent())), (30, domain(unclear(), absent(), absent()))], Verdict::Verified, "shows a key")]
// A nearer place may show other keys: a farther one does not replace it.
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, domain(unclear(), absent(), shown(&[ED_TWO])))], Verdict::Verified, "sub.example.com shows")]
#[case(vec![(0, own(shown(&[ED_ONE]))), (9, domain(unclear(), shown(&[ED_TWO]), absent()))], Verdict::Verified, "sub.example.com shows")]
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE]))), (9, domain(unclear(), unclear(), shown(&[ED_TWO])))], Verdict::Verified, "shows a key")]
// Evidence at a parent that is now a shared host.
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE]))), (9, alone(absent()))], Verdict::Unverified, "never was")]
#[case(vec![(0, domain(absent(), absent(), shown(&[ED_ONE]))), (9, alone(unclear()))], Verdict::Unverified, "never was")]
// Accounts.
#[case(vec![(0, account(7))], Verdict::Verified, "account 7")]
#[case(vec![(0, account(7)), (1, account(8))], Verdict::Revoked, "account 8 now, and was 7")]
#[case(vec![(0, account(7)), (1, account(8)), (2, account(7))], Verdict::Revoked, "another owner was there")]
#[case(vec![(0, account(7)), (1, no_account()), (2, no_account()), (26, no_account()), (27, account(7)), (28, account(7))], Verdict::Verified, "account 7")]
#[case(vec![(0, no_account())], Verdict::Unverified, "never was")]
// A login that was free may be registered by anybody; an account that is older was only not found.
#[case(vec![(5, no_account()), (9, account_since(7, 6))], Verdict::Revoked, "is not the first")]
#[case(vec![(5, no_account()), (9, account_since(7, 4))], Verdict::Verified, "account 7")]
#[case(vec![(0, account(7)), (1, no_account()), (2, no_account()), (26, no_account())], Verdict::Revoked, "gone since")]
#[case(vec![(0, account(7)), (1, no_account()), (2, no_account()), (26, no_account()), (27, account(8))], Verdict::Revoked, "account 8 now, and was 7")]
#[case(vec![(0, account(7)), (1, Lookup::Account(ForgeAnswer::Unclear("401".into())))], Verdict::Verified, "account 7")]
#[case(vec![(0, Lookup::Unverifiable("an address".into()))], Verdict::Unverified, "never was")]
fn verdict_follows_from_the_history_of_lookups(
    #[case] lookups: Vec<(u64, Lookup)>,
    #[case] verdict: Verdict,
    #[case] why: &str,
) {
    let pins = Pins::default();
    let (found, reason) = after(&lookups).verdict(&pins);
    assert_eq!(found, verdict, "{reason}");
    assert!(reason.contains(why), "{reason}");
}

#[test]
fn pinned_owner_outranks_the_owner_seen_first() {
    let none = Pins::default();
    let changed = after(&[(0, own(shown(&[ED_ONE]))), (1, own(shown(&[ED_TWO])))]);
    let pins = Pins { keys: BTreeSet::from([key(ED_TWO)]), ..Pins::default() };
    assert_eq!(changed.verdict(&none).0, Verdict::Unverified);
    assert_eq!(changed.verdict(&pins).0, Verdict::Verified, "at once, without another lookup");
    let accepted = changed.after(&own(shown(&[ED_TWO])), at(2));
    assert_eq!(accepted.verdict(&pins).0, Verdict::Verified);
    assert_eq!(accepted.verdict(&none).0, Verdict::Unverified, "and not without the overlay");
    let back = accepted.after(&own(shown(&[ED_ONE])), at(3));
    assert_eq!(back.verdict(&none).0, Verdict::Unverified, "an old key can be copied");
    assert_eq!(back.accept().verdict(&none).0, Verdict::Verified, "a person saw these keys");
    let moved = after(&[(0, account(7)), (1, account(8))]);
    let pins = Pins { github: Some(8), ..Pins::default() };
    assert_eq!(moved.verdict(&pins).0, Verdict::Verified);
    assert_eq!(after(&[(0, account(7))]).verdict(&pins).0, Verdict::Revoked);
    let mistyped = Pins { github: Some(9), ..Pins::default() };
    let later = after(&[(0, account(7))]).after(&account(7), at(1));
    assert_eq!(later.verdict(&mistyped).0, Verdict::Revoked);
    assert_eq!(later.verdict(&none).0, Verdict::Verified, "a removed pin leaves nothing behind");
    let taken = after(&[
        (0, own(shown(&[ED_ONE]))),
        (1, own(absent())),
        (2, own(absent())),
        (25, own(absent())),
        (26, own(shown(&[ED_TWO]))),
    ]);
    let pins = Pins { keys: BTreeSet::from([key(ED_TWO)]), ..Pins::default() };
    assert_eq!(taken.verdict(&pins).0, Verdict::Verified, "a reviewer knows the new owner");
    let waiver = Waiver { reason: "a vendor without DNS".into(), reviewer: "sec".into() };
    let pins = Pins { waived: Some(waiver), ..Pins::default() };
    assert_eq!(moved.verdict(&pins).0, Verdict::Waived);
}

#[test]
fn new_subdomain_does_not_evade_the_changed_key_of_its_parent() {
    use std::collections::BTreeMap;
    let pins = Pins::default();
    let pinned_keys = BTreeSet::from([key(ED_ONE)]);
    let parent = VerificationRecord { pinned_keys, ..VerificationRecord::default() };
    let parents = BTreeMap::from([("example.com".to_owned(), parent)]);
    let known = Relatives { parents, ..Relatives::default() };
    let below = |points: &[&str]| domain(absent(), absent(), shown(points));
    let seen = |lookup: Lookup| VerificationRecord::default().after_among(&known, &lookup, at(0));
    assert_eq!(seen(below(&[ED_ONE])).verdict(&pins).0, Verdict::Verified);
    assert!(seen(below(&[ED_TWO])).suspended);
    assert_eq!(
        seen(own(shown(&[ED_TWO]))).verdict(&pins).0,
        Verdict::Verified,
        "a record of its own"
    );
}

#[test]
fn resolvers_must_agree_on_key_records_only() {
    let of = |texts: &[&str]| {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Resolved::Records(Texts { texts, aliases: Vec::new() })
    };
    let (one, two) = (record("ed25519", ED_ONE), record("ed25519", ED_TWO));
    let answers = |left: Resolved, right: Resolved| {
        agreed(&[("r1".to_owned(), left), ("r2".to_owned(), right)])
    };
    assert_eq!(answers(of(&[&one, "a"]), of(&["b", &one])), shown(&[ED_ONE]));
    assert!(matches!(answers(of(&[&one]), of(&[&two])), KeyLookup::Unclear(_)));
    assert!(matches!(answers(of(&[&one]), Resolved::NoRecords), KeyLookup::Unclear(_)));
    assert!(matches!(answers(of(&[&one]), Resolved::Unclear("x".into())), KeyLookup::Unclear(_)));
    assert!(matches!(answers(Resolved::NoRecords, Resolved::NoSuchName), KeyLookup::Absent(_)));
    assert!(matches!(answers(of(&["v=spf1"]), Resolved::NoRecords), KeyLookup::Absent(_)));
    assert!(matches!(agreed(&[]), KeyLookup::Unclear(_)));
}

fn lookups() -> impl Strategy<Value = Lookup> {
    let key_lookup = prop_oneof![
        Just(shown(&[ED_ONE])),
        Just(shown(&[ED_TWO])),
        Just(shown(&[ED_ONE, ED_TWO])),
        Just(absent()),
        Just(unclear()),
    ];
    (key_lookup.clone(), key_lookup.clone(), key_lookup)
        .prop_map(|(own, http, parent)| domain(own, http, parent))
}

proptest! {
    /// P14.
    #[test]
    fn inconclusive_lookups_change_nothing(history in prop::collection::vec(lookups(), 0..8), times in 1..20_u64) {
        let pins = Pins::default();
        let lookups: Vec<(u64, Lookup)> = history.into_iter().zip((0..).step_by(7)).map(|(lookup, hour)| (hour, lookup)).collect();
        let before = after(&lookups);
        let mut later = before.clone();
        for index in 0..times {
            later = later.after(&domain(unclear(), unclear(), unclear()), at(100 + index));
        }
        let (verdict, _) = later.verdict(&pins);
        prop_assert_eq!(verdict, before.verdict(&pins).0);
        prop_assert_eq!((later.shown, later.pinned_keys, later.negatives), (before.shown, before.pinned_keys, before.negatives));
    }

    /// A lookup with some unclear places changes nothing, or leads where the clear places lead.
    #[test]
    fn partly_unclear_lookups_never_suspend_or_revoke(first in lookups(), mask in 1..8_u8, times in 1..5_u64) {
        let pins = Pins::default();
        let before = after(&[(0, first.clone())]);
        prop_assume!(before.verdict(&pins).0 == Verdict::Verified);
        let Lookup::Domain { dns, http, hints, is_partial } = first else { unreachable!() };
        let hidden = |bit: u8, lookup: &KeyLookup| if mask & bit != 0 { unclear() } else { lookup.clone() };
        let dns: Vec<(String, KeyLookup)> = dns.iter().zip([1, 2]).map(|((at, lookup), bit)| (at.clone(), hidden(bit, lookup))).collect();
        let partly_unclear = Lookup::Domain { dns, http: hidden(4, &http), hints, is_partial };
        let mut later = before;
        for index in 0..times {
            later = later.after(&partly_unclear, at(20 + 20 * index));
        }
        prop_assert_eq!(later.verdict(&pins).0, Verdict::Verified);
    }
}

#[test]
fn missing_evidence_and_failures_shorten_the_interval_and_checks_are_spread() {
    let next = |record: &VerificationRecord, priority| {
        next_check("com.example", record, priority, at(0)).since(at(0))
    };
    let verified = after(&[(0, own(shown(&[ED_ONE])))]);
    assert!((DAY..DAY * 13 / 10).contains(&next(&verified, Priority::Mentioned)));
    assert!((DAY * 7..DAY * 9).contains(&next(&verified, Priority::Rest)));
    let missing = verified.clone().after(&own(absent()), at(0));
    assert!((DAY / 48..DAY / 36).contains(&next(&missing, Priority::Mentioned)));
    let account = after(&[(0, account(7)), (1, no_account())]);
    assert!((DAY / 3..DAY / 2).contains(&next(&account, Priority::Mentioned)));
    let failing = verified.after(&own(unclear()), at(0));
    assert!(next(&failing, Priority::Mentioned) < Duration::from_mins(15));
    // What waits for an answer of every place does not wait for a day.
    let open = failing.clone().after(&domain(shown(&[ED_ONE]), unclear(), absent()), at(1));
    assert!(next(&open, Priority::Mentioned) < Duration::from_mins(15));
    let later = (2..9).fold(open, |record, hour| {
        record.after(&domain(shown(&[ED_ONE]), unclear(), absent()), at(hour))
    });
    assert!((DAY / 24..DAY / 18).contains(&next(&later, Priority::Mentioned)));
    assert!(next(&later, Priority::Rest) > DAY / 6);
    let complete = later.after(&own(shown(&[ED_ONE])), at(9));
    assert!(next(&complete, Priority::Mentioned) >= DAY);
    let distinct: BTreeSet<Timestamp> = (0..50)
        .map(|index| next_check(&format!("com.example{index}"), &failing, Priority::Rest, at(0)))
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
fn file_lacking_a_package_or_host_does_not_declare(
    #[case] entry: Offer,
    #[case] why: Option<&str>,
) {
    let file = offer("a.b/c", "images.example/x/y:1.0", "h.example");
    assert_eq!(
        file.declares(&entry).err().as_deref().map(|text| text.contains(why.unwrap_or("?"))),
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
fn only_repositories_on_github_are_linked(
    #[case] json: &str,
    #[case] wanted: Option<(&str, &str, Option<String>)>,
) {
    let offer = Offer::read(&format!(r#"{{"name":"a.b/c","repository":{json}}}"#)).expect("one");
    let found =
        offer.repository.map(|link| (link.owner, link.name, link.path.map(|path| path.join("/"))));
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
fn stated_repository_id_is_compared_only_if_numeric_or_node_id(
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

fn declaring(current: &BTreeSet<crate::model::Digest>) -> Declaring<'_> {
    Declaring { name: "a.b/c", account: Some(7), current, names: 1 }
}

#[test]
fn package_that_names_another_server_disputes_and_silence_does_not() {
    use crate::model::Digest;
    let package = Package { registry: "npm".into(), identifier: "p".into(), version: None };
    let received = Digest::of(b"x");
    let lookup = |named: Named, declaration: Declaration| ContentLookup {
        received,
        declaration,
        packages: vec![(package.clone(), named)],
    };
    let servers =
        |names: &[&str]| Named::Servers(names.iter().map(|name| (*name).to_owned()).collect());
    let not = || Declaration::Not("no repository".into());
    let look_up = |declarations: DeclarationRecord, named, declaration| {
        declarations.after(
            &declaring(&BTreeSet::from([received])),
            &[lookup(named, declaration)],
            at(1),
        )
    };
    let disputed = look_up(DeclarationRecord::default(), servers(&["x.y/z"]), not());
    assert!(disputed.disputed[&received].contains("names another server: x.y/z"));
    let unavailable = || Named::Unavailable("not configured".into());
    assert_eq!(look_up(disputed.clone(), unavailable(), not()).disputed, disputed.disputed);
    assert!(look_up(disputed.clone(), servers(&[]), not()).disputed.is_empty());
    assert!(look_up(disputed, servers(&["x.y/z", "A.b/c"]), not()).disputed.is_empty());
    let declared =
        look_up(DeclarationRecord::default(), servers(&[]), Declaration::Declared("o/r".into()));
    assert!(declared.declared.contains(&received));
    let unclear = look_up(declared.clone(), servers(&[]), Declaration::Unclear("503".into()));
    assert_eq!(unclear.declared, declared.declared);
    // A package registry that answers 404 for an hour does not end a dispute.
    let disputed = look_up(DeclarationRecord::default(), servers(&["x.y/z"]), not());
    assert!(!look_up(disputed.clone(), Named::Absent, not()).disputed.is_empty());
    // A repository that is absent for a while does not end a declaration.
    let absent = |declarations: DeclarationRecord, hour| {
        let lookup = lookup(servers(&[]), Declaration::Absent("404".into()));
        declarations.after(&declaring(&BTreeSet::from([received])), &[lookup], at(hour))
    };
    let away = absent(absent(absent(declared.clone(), 1), 2), 3);
    assert!(!away.declared.is_empty());
    assert!(absent(away, 26).declared.is_empty());
    assert!(look_up(declared, servers(&[]), not()).declared.is_empty());
    // Contents that the upstream no longer lists are dropped.
    let gone = disputed.after(&declaring(&BTreeSet::new()), &[], at(2));
    assert!(gone.disputed.is_empty());
}
