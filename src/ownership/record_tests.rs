//! Changed keys, losses on hold and places that cease to count.

use std::collections::BTreeSet;

use super::tests::{at, key_text, record_of};
use super::*;

fn key(number: u8) -> Key {
    Key::parse(&key_text(number)).expect("a key")
}

fn keys(numbers: &[u8]) -> BTreeSet<Key> {
    numbers.iter().map(|number| key(*number)).collect()
}

fn texts(texts: &[String]) -> Lookup {
    let answer = Resolved::Records(Texts { texts: texts.to_vec(), aliases: Vec::new() });
    at_domain(agreed(&[("r1".to_owned(), answer)]))
}

fn shows(numbers: &[u8]) -> Lookup {
    texts(&numbers.iter().map(|number| record_of(*number)).collect::<Vec<_>>())
}

fn nothing() -> Lookup {
    at_domain(KeyLookup::Absent("no TXT record".into()))
}

fn at_domain(own: KeyLookup) -> Lookup {
    let dns = vec![("example.com".to_owned(), own)];
    let http = KeyLookup::Absent("HTTP 404".into());
    Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
}

fn partial(lookup: Lookup) -> Lookup {
    match lookup {
        Lookup::Domain { dns, http, hints, .. } => {
            Lookup::Domain { dns, http, hints, is_partial: true }
        }
        other => other,
    }
}

fn after(lookups: &[(u64, Lookup)]) -> VerificationRecord {
    lookups.iter().fold(VerificationRecord::default(), |record, (hour, lookup)| {
        record.after(lookup, at(*hour))
    })
}

fn verdict(record: &VerificationRecord) -> Verdict {
    record.verdict(&Pins::default()).0
}

/// P23, P24: a new owner shows the old key beside their own, and then only their own.
#[test]
fn copied_key_freezes_wildcards_until_a_person_accepts_exactly_this_set() {
    let none = Pins::default();
    let begun = after(&[(0, shows(&[1])), (24, shows(&[1]))]);
    assert_eq!(begun.obstacle(at(24), &none), None);
    assert_eq!(begun.obstacle(at(25), &none), Some(Obstacle::NotShownSince));
    let beside = begun.after(&shows(&[1, 9]), at(48));
    let change = KeyChange { before: at(24), since: at(48), settled: None };
    assert_eq!(beside.obstacle(at(25), &none), Some(Obstacle::KeysChanged(change)));
    assert_eq!(beside.obstacle(at(24), &none), None, "it came before");
    assert_eq!(verdict(&beside), Verdict::Verified, "what is served stays");
    let alone = beside.clone().after(&shows(&[9]), at(72)).after(&shows(&[9]), at(96));
    let settled = KeyChange { settled: Some(at(72)), ..change };
    assert_eq!(alone.obstacle(at(25), &none), Some(Obstacle::KeysChanged(settled)));
    assert_eq!(alone.keys_seen[&key(1)].last, at(48));
    assert_eq!(alone.keys_seen[&key(9)].first, Some(at(48)));
    let back = alone.clone().after(&shows(&[1]), at(120));
    assert!(back.open_change(&none).is_some(), "the old set needs a person too");
    // A pin of exactly this set is a decision; of another set, it is none.
    let pins = |numbers: &[u8]| Pins { keys: keys(numbers), ..Pins::default() };
    assert_eq!(beside.open_change(&pins(&[1, 9])), None);
    assert!(beside.open_change(&pins(&[9])).is_some());
    // Content of the time between the sets stays with a person; later content is of the accepted set.
    let accepted = alone.clone().accept().after(&shows(&[9]), at(130));
    assert_eq!(accepted.open_change(&none), None);
    assert!(accepted.obstacle(at(60), &none).is_some(), "it came while both were shown");
    assert_eq!(accepted.obstacle(at(73), &none), None);
    let rejected = beside.clone().after(&shows(&[1]), at(72)).after(&shows(&[1]), at(96));
    assert_eq!(rejected.open_change(&pins(&[1])), None);
    assert!(rejected.obstacle(at(50), &pins(&[1])).is_some(), "it is the stranger's");
    assert_eq!(rejected.obstacle(at(80), &pins(&[1])), None);
    assert_eq!(beside.obstacle(at(20), &pins(&[1])), Some(Obstacle::NotPinned));
    let next = alone.accept().after(&shows(&[9, 8]), at(144));
    assert_eq!(
        next.change,
        Some(KeyChange { before: at(96), since: at(144), settled: None }),
        "the next one"
    );
}

/// P25.
#[test]
fn resolvers_that_are_not_all_there_verify_and_keep_and_take_nothing_away() {
    let verified = after(&[(0, partial(shows(&[1])))]);
    assert_eq!(verdict(&verified), Verdict::Verified);
    let kept = verified.clone().after(&partial(shows(&[1])), at(24));
    assert_eq!(kept.concluded_at, Some(at(24)));
    let other = kept.clone().after(&partial(shows(&[9])), at(48));
    assert_eq!((verdict(&other), other.unclear), (Verdict::Verified, 1));
    let gone =
        [48, 60, 80].iter().fold(kept, |record, hour| record.after(&partial(nothing()), at(*hour)));
    assert_eq!((verdict(&gone), gone.negatives), (Verdict::Verified, None));
}

#[test]
fn loss_on_hold_takes_effect_only_when_a_person_says_so() {
    let lost = [1, 2, 30].iter().fold(after(&[(0, shows(&[1]))]), |record, hour| {
        let before = record.clone();
        record.after(&nothing(), at(*hour)).conclude(&before, || false, at(*hour))
    });
    assert_eq!((verdict(&lost), lost.on_hold), (Verdict::Verified, true));
    let next = next_check("com.example", &lost, Priority::Mentioned, at(30));
    assert!(next.since(at(30)).as_secs() < 15 * 60, "it is looked up soon");
    let again = lost.clone().after(&nothing(), at(31));
    let waiting = again.clone().conclude(&lost, || true, at(31));
    assert_eq!(verdict(&waiting), Verdict::Verified, "the day after, it still waits");
    assert_eq!(verdict(&again.release(at(32))), Verdict::Revoked);
    let back = lost.after(&shows(&[1]), at(31));
    assert_eq!((verdict(&back), back.on_hold, back.negatives), (Verdict::Verified, false, None));
    let other = back.clone().after(&shows(&[9]), at(40));
    assert_eq!(verdict(&other), Verdict::Unverified, "another key waits for no brake");
}

#[test]
fn lost_namespace_is_looked_up_often_enough_to_return_within_two_hours() {
    let lost = after(&[(0, shows(&[1])), (1, nothing()), (2, nothing()), (30, nothing())]);
    let wait = |record: &VerificationRecord, now| {
        next_check("com.example", record, Priority::Mentioned, now).since(now).as_secs() / 60
    };
    let first = wait(&lost, at(30));
    let seen = lost.after(&shows(&[1]), at(31));
    assert_eq!(verdict(&seen), Verdict::Revoked);
    let second = wait(&seen, at(31));
    assert!((60..=80).contains(&second) && first + second < 120, "{first} and {second} minutes");
}

/// A namespace that is a shared host for a while has the same keys afterwards.
#[test]
fn keys_are_set_aside_and_not_erased_while_their_place_does_not_count() {
    let of_parent = |own: KeyLookup| {
        let dns = vec![
            ("sub.example.com".to_owned(), KeyLookup::Absent("none".into())),
            ("example.com".to_owned(), own),
        ];
        let http = KeyLookup::Absent("HTTP 404".into());
        Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
    };
    let alone = || {
        let dns = vec![("sub.example.com".to_owned(), KeyLookup::Absent("none".into()))];
        let http = KeyLookup::Absent("HTTP 404".into());
        Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
    };
    let keys_of = |number| KeyLookup::of_file(&record_of(number));
    let parent = after(&[(0, of_parent(keys_of(1)))]);
    let shared = parent.clone().after(&alone(), at(1)).after(&alone(), at(50));
    assert_eq!(verdict(&shared), Verdict::Unverified);
    let stranger = shared.clone().after(&of_parent(keys_of(9)), at(60));
    assert_eq!(verdict(&stranger), Verdict::Unverified, "another key than before");
    let same = shared.after(&of_parent(keys_of(1)), at(60));
    assert_eq!((verdict(&same), same.aside), (Verdict::Verified, None));
}

#[test]
fn key_that_earlier_releases_did_not_read_is_no_rotation() {
    let old = VerificationRecord { reading: 0, ..after(&[(0, shows(&[1]))]) };
    let quoted = format!("\"{}\"; x=1", record_of(2));
    let read = old.clone().after(&texts(&[record_of(1), quoted.clone()]), at(24));
    assert_eq!(read.change, None);
    assert_eq!(read.keys(), Some(&keys(&[1, 2])));
    let later = read.after(&texts(&[record_of(1), quoted.clone(), record_of(3)]), at(48));
    assert!(later.change.is_some(), "the next one is");
    assert!(old.after(&shows(&[1, 2]), at(24)).change.is_some(), "a plain record was readable");
    let new = after(&[(0, shows(&[1])), (24, texts(&[record_of(1), quoted]))]);
    assert!(new.change.is_some(), "this release reads it");
}

#[test]
fn evidence_of_a_lookup_is_bounded() {
    let texts: Vec<String> =
        (0..30).map(|number| format!("v=MCPv1; k={number}{}", "x".repeat(9_000))).collect();
    let Lookup::Domain { http, .. } = nothing() else { unreachable!() };
    let answer = Resolved::Records(Texts { texts, aliases: Vec::new() });
    let lookup = agreed(&[("r1".to_owned(), answer)]);
    let dns = vec![("example.com".to_owned(), lookup); 40];
    let record = VerificationRecord::default()
        .after(&Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }, at(0));
    assert_eq!(record.evidence.len(), 16);
    assert!(record.evidence.iter().all(|line| line.chars().count() <= 200), "{record:?}");
    assert!(record.evidence[0].contains("invalid record") && record.evidence[0].ends_with('…'));
}

/// A key gives rights from each place: the stranger's own key stands at another one than the copied key.
#[test]
fn other_key_at_another_place_is_a_change_too() {
    let at_both = |own: u8, parent: Option<u8>| {
        let keys = |number: Option<u8>| match number {
            Some(number) => KeyLookup::of_file(&record_of(number)),
            None => KeyLookup::Absent("none".into()),
        };
        let dns = vec![
            ("sub.example.com".to_owned(), keys(Some(own))),
            ("example.com".to_owned(), keys(parent)),
        ];
        let http = KeyLookup::Absent("HTTP 404".into());
        Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
    };
    let none = Pins::default();
    let begun = after(&[(0, at_both(1, None))]);
    let beside = begun.clone().after(&at_both(1, Some(9)), at(24));
    assert_eq!(
        beside.open_change(&none),
        Some(KeyChange { before: at(0), since: at(24), settled: None })
    );
    assert_eq!(beside.set(), Some(keys(&[1, 9])));
    assert_eq!(beside.accept().open_change(&none), None);
    let both = after(&[(0, at_both(1, Some(9))), (24, at_both(1, Some(9)))]);
    assert_eq!(both.open_change(&none), None, "a parent with a key of its own from the beginning");
}

#[test]
fn owner_who_returns_with_other_keys_needs_a_pin_and_gets_by_with_it() {
    let lost = after(&[(0, shows(&[1, 2])), (1, nothing()), (2, nothing()), (30, nothing())]);
    let fewer = lost.after(&shows(&[2]), at(31)).after(&shows(&[2]), at(33));
    assert_eq!(verdict(&fewer), Verdict::Revoked);
    let pins = Pins { keys: keys(&[2]), ..Pins::default() };
    assert_eq!(fewer.verdict(&pins).0, Verdict::Verified);
    assert!(pin("com.example", &fewer, &Pins::default()).is_some());
}

#[test]
fn pinned_key_has_to_be_there() {
    let pins = Pins { keys: keys(&[1]), ..Pins::default() };
    let shown = after(&[(0, shows(&[1]))]);
    assert_eq!(shown.verdict(&pins).0, Verdict::Verified);
    let absent = shown.after(&nothing(), at(1));
    assert_eq!(
        (verdict(&absent), absent.verdict(&pins).0),
        (Verdict::Verified, Verdict::Unverified)
    );
    assert!(absent.verdict(&pins).1.contains("an overlay pins keys"));
    assert_eq!(absent.after(&shows(&[1]), at(2)).verdict(&pins).0, Verdict::Verified);
    let never = after(&[(0, nothing())]);
    assert_eq!(never.verdict(&pins).0, Verdict::Unverified);
}

/// Records of earlier releases say neither that another owner was there, nor which keys are none.
#[test]
fn records_of_earlier_releases_restore_no_owner_by_one_old_key() {
    let old = |json: &str| serde_json::from_str::<VerificationRecord>(json).expect("a record");
    let (first, other) = (key_text(1), key_text(9));
    let foreign = old(&format!(
        r#"{{"shown":{{"by":"keys","means":"dns","at":"example.com","parent":false,"keys":["{other}"]}},"pinnedKeys":["{first}"],"concludedAt":"2026-11-01T00:00:00Z","checkedAt":"2026-11-01T00:00:00Z"}}"#
    ));
    assert_eq!(verdict(&foreign.after(&shows(&[1]), at(5))), Verdict::Unverified);
    let account = |id| {
        let account = Account { login: "x".into(), id, created_at: None };
        Lookup::Account(ForgeAnswer::Found(account))
    };
    let moved = old(
        r#"{"shown":{"by":"account","login":"x","id":8,"createdAt":null},"pinnedAccount":7,"concludedAt":"2026-11-01T00:00:00Z"}"#,
    );
    assert_eq!(verdict(&moved.after(&account(7), at(5))), Verdict::Revoked);
    let zeros = format!("ed25519:{}=", "A".repeat(43));
    let kept = old(&format!(r#"{{"pinnedKeys":["{first}","{zeros}"]}}"#));
    assert_eq!(kept.pinned_keys, keys(&[1]));
}

/// A record that is invalid here may be a key for another reader.
#[test]
fn new_record_that_is_not_valid_is_a_change_too() {
    let zeros = format!("v=MCPv1; k=ed25519; p={}=", "A".repeat(43));
    let begun = after(&[(0, shows(&[1]))]);
    let beside = begun.after(&texts(&[record_of(1), zeros.clone()]), at(24));
    assert!(beside.change.is_some());
    let known =
        after(&[(0, texts(&[record_of(1), zeros.clone()])), (24, texts(&[record_of(1), zeros]))]);
    assert_eq!(known.change, None, "it was there from the beginning");
}

fn related(
    parent: VerificationRecord,
    own: KeyLookup,
    parents_now: KeyLookup,
) -> VerificationRecord {
    let dns = vec![("new.example.com".to_owned(), own), ("example.com".to_owned(), parents_now)];
    let http = KeyLookup::Absent("HTTP 404".into());
    let lookup = Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false };
    let parents = [("example.com".to_owned(), parent.clone())].into();
    let relatives = Relatives { parents, all: vec![parent], is_cut: false };
    VerificationRecord::default().after_among(&relatives, &lookup, at(100))
}

#[test]
fn new_namespace_with_its_own_key_below_a_known_domain_waits_for_a_person() {
    let none = Pins::default();
    let key = |number| KeyLookup::of_file(&record_of(number));
    let parent = || after(&[(10, shows(&[1]))]);
    let stranger = related(parent(), key(9), key(1));
    assert_eq!(verdict(&stranger), Verdict::Verified);
    assert!(stranger.obstacle(at(50), &none).is_some());
    assert_eq!(stranger.obstacle(at(5), &none), None, "it was there before the domain was known");
    assert_eq!(related(parent(), key(1), key(1)).obstacle(at(50), &none), None, "a known key");
}

#[test]
fn new_namespace_below_a_lost_domain_waits_for_a_person_whatever_it_shows() {
    let none = Pins::default();
    let key = |number| KeyLookup::of_file(&record_of(number));
    let lost = || after(&[(0, shows(&[1])), (1, nothing()), (2, nothing()), (30, nothing())]);
    let absent = || KeyLookup::Absent("none".into());
    for own in [key(9), key(1)] {
        let fresh = related(lost(), own, absent());
        assert!(fresh.obstacle(at(50), &none).is_some());
    }
}

#[test]
fn first_keys_after_a_shared_host_are_a_change() {
    let parent = |keys: KeyLookup| {
        let dns = vec![
            ("sub.example.com".to_owned(), KeyLookup::Absent("none".into())),
            ("example.com".to_owned(), keys),
        ];
        Lookup::Domain {
            dns,
            http: KeyLookup::Absent("none".into()),
            hints: Vec::new(),
            is_partial: false,
        }
    };
    let alone = |keys: KeyLookup| {
        let dns = vec![("sub.example.com".to_owned(), keys)];
        Lookup::Domain {
            dns,
            http: KeyLookup::Absent("none".into()),
            hints: Vec::new(),
            is_partial: false,
        }
    };
    let key = |number| KeyLookup::of_file(&record_of(number));
    let shared = after(&[(0, parent(key(1))), (24, alone(key(9)))]);
    assert_eq!(verdict(&shared), Verdict::Verified);
    assert!(shared.obstacle(at(20), &Pins::default()).is_some());
}

#[test]
fn content_waits_while_any_place_gives_no_answer() {
    let open = |lookup: Lookup| match lookup {
        Lookup::Domain { dns, hints, is_partial, .. } => {
            Lookup::Domain { dns, http: KeyLookup::Unclear("HTTP 503".into()), hints, is_partial }
        }
        other => other,
    };
    let record = after(&[(0, shows(&[1])), (24, open(shows(&[1])))]);
    assert_eq!(verdict(&record), Verdict::Verified);
    assert_eq!(record.obstacle(at(20), &Pins::default()), Some(Obstacle::NotShownSince));
    assert_eq!(record.after(&shows(&[1]), at(25)).obstacle(at(20), &Pins::default()), None);
}

/// P23: what waited for an answer from every place is not of the owner before the change.
#[test]
fn content_that_waited_for_a_silent_place_is_not_admitted_by_the_change_that_follows() {
    let none = Pins::default();
    let places = |parent: KeyLookup| {
        let own = KeyLookup::of_file(&record_of(1));
        let dns = vec![("sub.example.com".to_owned(), own), ("example.com".to_owned(), parent)];
        let http = KeyLookup::Absent("HTTP 404".into());
        Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
    };
    let silent = || places(KeyLookup::Unclear("SERVFAIL".into()));
    let begun = after(&[(0, places(KeyLookup::Absent("none".into()))), (24, silent())]);
    assert_eq!(begun.obstacle(at(20), &none), Some(Obstacle::NotShownSince));
    let changed = begun.after(&places(KeyLookup::of_file(&record_of(9))), at(25));
    let change = KeyChange { before: at(0), since: at(25), settled: None };
    assert_eq!(changed.obstacle(at(20), &none), Some(Obstacle::KeysChanged(change)));
    // A set that no lookup ever confirmed covers nothing.
    let first = after(&[(0, silent()), (1, places(KeyLookup::of_file(&record_of(9))))]);
    assert!(first.obstacle(at(0), &none).is_some());
}

/// P23: a copy of the known key at its own place hides no other key at another one.
#[test]
fn new_namespace_below_a_domain_that_shows_another_key_waits_whatever_it_copies() {
    let none = Pins::default();
    let absent = || KeyLookup::Absent("none".into());
    let key = |number| KeyLookup::of_file(&record_of(number));
    let fresh = |relatives: &Relatives, own: KeyLookup, apex: KeyLookup| {
        let dns = vec![("new.example.com".to_owned(), own), ("example.com".to_owned(), apex)];
        let lookup = Lookup::Domain { dns, http: absent(), hints: Vec::new(), is_partial: false };
        VerificationRecord::default().after_among(relatives, &lookup, at(100))
    };
    let of = |sibling: VerificationRecord| Relatives { all: vec![sibling], ..Relatives::default() };
    let sibling = || after(&[(10, shows(&[1]))]);
    for (own, apex) in [(key(1), key(9)), (absent(), key(9)), (key(9), absent())] {
        let record = fresh(&of(sibling()), own, apex);
        assert!(record.obstacle(at(50), &none).is_some());
        assert_eq!(record.obstacle(at(5), &none), None, "it was there before the domain was known");
    }
    assert_eq!(fresh(&of(sibling()), key(1), absent()).obstacle(at(50), &none), None);
    let invalid = "v=MCPv1; k=rsa; p=AAAA".to_owned();
    let beside = agreed(&[(
        "r1".to_owned(),
        Resolved::Records(Texts { texts: vec![record_of(1), invalid], aliases: Vec::new() }),
    )]);
    assert!(fresh(&of(sibling()), beside, absent()).obstacle(at(50), &none).is_some());
    // An open change or a loss of a sibling is one of the domain.
    let changed = sibling().after(&shows(&[1, 9]), at(20));
    assert!(fresh(&of(changed.clone()), key(1), absent()).obstacle(at(50), &none).is_some());
    assert_eq!(fresh(&of(changed.accept()), key(1), absent()).obstacle(at(50), &none), None);
    let gone =
        [20, 30, 50].into_iter().fold(sibling(), |one, hour| one.after(&nothing(), at(hour)));
    assert!(fresh(&of(gone), key(1), absent()).obstacle(at(50), &none).is_some());
    let cut = Relatives { is_cut: true, ..of(sibling()) };
    assert!(fresh(&cut, key(1), absent()).obstacle(at(50), &none).is_some());
    // A pin of the copied key covers no other key.
    let pins = Pins { keys: keys(&[1]), ..Pins::default() };
    let under_pin = fresh(&Relatives::default(), key(1), key(9));
    assert_eq!(under_pin.obstacle(at(50), &pins), Some(Obstacle::NotPinned));
}

/// P23: a lookup that shows nothing, or is not definite, spares the first keys no comparison with the relatives; and it
/// takes nothing over.
#[test]
fn first_keys_are_compared_with_relatives_whatever_earlier_lookups_did_not_show() {
    let none = Pins::default();
    let places = |own: KeyLookup, apex: KeyLookup| {
        let dns = vec![("new.example.com".to_owned(), own), ("example.com".to_owned(), apex)];
        Lookup::Domain { dns, http: none_at(), hints: Vec::new(), is_partial: false }
    };
    let relative = after(&[(10, shows(&[1]))]);
    let parents = [("example.com".to_owned(), relative.clone())].into();
    let relatives = Relatives { parents, all: vec![relative], is_cut: false };
    let invalid = || KeyLookup::of_file("v=MCPv1; k=rsa; p=AAAA");
    let silent = || KeyLookup::Unclear("SERVFAIL".into());
    for first in [
        places(none_at(), none_at()),
        places(invalid(), none_at()),
        places(silent(), none_at()),
        places(silent(), key_at(1)),
    ] {
        let begun = VerificationRecord::default().after_among(&relatives, &first, at(99));
        assert_eq!((begun.pinned_keys.is_empty(), begun.change), (true, None), "{first:?}");
        let stranger =
            begun.clone().after_among(&relatives, &places(key_at(9), none_at()), at(100));
        assert_eq!(verdict(&stranger), Verdict::Verified);
        assert!(stranger.obstacle(at(50), &none).is_some(), "{first:?}");
        let own = begun.after_among(&relatives, &places(key_at(1), none_at()), at(100));
        assert_eq!(own.obstacle(at(50), &none), None, "{first:?}");
    }
}

/// An outage of one relative, or a name that was given up, keeps no new name of the owner waiting.
#[test]
fn relative_without_its_evidence_stops_a_new_namespace_only_while_no_other_one_shows_the_keys() {
    let none = Pins::default();
    let stops = |all: Vec<VerificationRecord>, own: u8| {
        let relatives = Relatives { all, ..Relatives::default() };
        let fresh = VerificationRecord::default().after_among(&relatives, &shows(&[own]), at(100));
        fresh.obstacle(at(70), &none).is_some()
    };
    let begun = || after(&[(10, shows(&[1]))]);
    let missing = |hours: &[u64]| {
        hours.iter().fold(begun(), |record, hour| record.after(&nothing(), at(*hour)))
    };
    assert!(!stops(vec![missing(&[20])], 1), "it is not lost");
    assert!(stops(vec![missing(&[20])], 9), "another key is another key");
    let gone = || missing(&[20, 30, 50, 60]);
    assert!(stops(vec![gone()], 1), "a copy of its key");
    assert!(stops(vec![gone(), begun()], 1), "the other one was not looked up since");
    let kept = || begun().after(&shows(&[1]), at(40));
    assert!(!stops(vec![gone(), kept()], 1), "the owner is there");
    assert!(stops(vec![gone(), kept()], 9));
    assert!(stops(vec![gone(), kept().after(&nothing(), at(45))], 1), "the other one is missing");
    assert!(!VerificationRecord::default().after(&nothing(), at(1)).tells_relatives());
    assert!(gone().tells_relatives());
}

fn key_at(number: u8) -> KeyLookup {
    KeyLookup::of_file(&record_of(number))
}

fn none_at() -> KeyLookup {
    KeyLookup::Absent("none".into())
}

/// A lookup of a domain, its file and its parent.
fn places(own: KeyLookup, http: KeyLookup, parent: KeyLookup) -> Lookup {
    let dns = vec![("sub.example.com".to_owned(), own), ("example.com".to_owned(), parent)];
    Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
}

/// P25: what the others answer confirms new content while one resolver is set aside.
#[test]
fn resolver_that_is_set_aside_stops_no_new_version_and_no_return() {
    let confirmed = after(&[(0, shows(&[1])), (24, partial(shows(&[1])))]);
    assert_eq!(confirmed.obstacle(at(20), &Pins::default()), None);
    let fewer = after(&[(0, shows(&[1, 2])), (24, partial(shows(&[1])))]);
    assert!(fewer.obstacle(at(20), &Pins::default()).is_some(), "another set than before");
    let lost = after(&[(0, shows(&[1])), (1, nothing()), (2, nothing()), (30, nothing())]);
    let once = lost.clone().after(&partial(shows(&[1])), at(31));
    assert_eq!(verdict(&once), Verdict::Revoked);
    assert_eq!(verdict(&once.after(&partial(shows(&[1])), at(32))), Verdict::Verified);
    let other = lost.after(&partial(shows(&[9])), at(31));
    assert_eq!(
        (verdict(&other), other.lost),
        (Verdict::Revoked, false),
        "others take nothing away"
    );
}

/// P24: the old key at one place, and another one at another place.
#[test]
fn loss_does_not_end_while_any_place_shows_another_key_or_does_not_answer() {
    let lost = || {
        after(&[
            (0, places(key_at(1), none_at(), none_at())),
            (1, places(none_at(), none_at(), none_at())),
            (2, places(none_at(), none_at(), none_at())),
            (30, places(none_at(), none_at(), none_at())),
        ])
    };
    let twice = |lookup: &Lookup| lost().after(lookup, at(31)).after(lookup, at(33));
    let exactly = places(key_at(1), none_at(), none_at());
    assert_eq!(verdict(&twice(&exactly)), Verdict::Verified);
    let beside = twice(&places(key_at(1), none_at(), key_at(9)));
    assert_eq!((verdict(&beside), beside.lost), (Verdict::Revoked, true));
    let silent = places(key_at(1), none_at(), KeyLookup::Unclear("SERVFAIL".into()));
    assert_eq!((verdict(&twice(&silent)), twice(&silent).lost), (Verdict::Revoked, false));
    let invalid = "v=MCPv1; k=rsa; p=AAAA".to_owned();
    let answer = Resolved::Records(Texts { texts: vec![invalid], aliases: Vec::new() });
    let unread = places(key_at(1), none_at(), agreed(&[("r1".to_owned(), answer)]));
    assert_eq!((verdict(&twice(&unread)), twice(&unread).lost), (Verdict::Revoked, false));
    let corrected = twice(&unread).after(&exactly, at(34)).after(&exactly, at(36));
    assert_eq!(verdict(&corrected), Verdict::Verified);
    let none = Pins::default();
    assert!(corrected.obstacle(at(34), &none).is_some(), "it may be of another owner");
    assert!(corrected.clone().accept().obstacle(at(34), &none).is_some());
    assert_eq!(corrected.obstacle(at(0), &none), None);
}

#[test]
fn lookup_without_an_answer_of_the_nearest_place_moves_no_trust() {
    let silent = || KeyLookup::Unclear("SERVFAIL".into());
    let both = KeyLookup::of_file(&record_of(1));
    let both = match (both, key_at(9)) {
        (KeyLookup::Shown(mut shown), KeyLookup::Shown(other)) => {
            shown.keys.extend(other.keys);
            KeyLookup::Shown(shown)
        }
        _ => unreachable!(),
    };
    let known = after(&[(0, places(none_at(), none_at(), key_at(1)))]);
    let beside = known.after(&places(silent(), none_at(), both.clone()), at(24));
    assert_eq!(beside.pinned_keys, keys(&[1]));
    let alone = beside.after(&places(silent(), none_at(), key_at(9)), at(48));
    assert_eq!((&alone.pinned_keys, verdict(&alone)), (&keys(&[1]), Verdict::Verified));
    let back = alone.after(&places(none_at(), none_at(), key_at(1)), at(72));
    assert_eq!(verdict(&back), Verdict::Verified);
    let aside = after(&[(0, shows(&[1])), (24, partial(shows(&[1, 9])))]);
    assert_eq!(aside.pinned_keys, keys(&[1]));
}

#[test]
fn rotation_from_a_file_to_dns_is_followed() {
    let none = Pins::default();
    // From a file, which has one key, to DNS.
    let in_file = after(&[(0, places(none_at(), key_at(1), none_at()))]);
    let beside = in_file.after(&places(key_at(2), key_at(1), none_at()), at(24));
    assert_eq!(verdict(&beside), Verdict::Verified);
    assert!(beside.obstacle(at(20), &none).is_some(), "a person accepts the new set");
    assert_eq!(beside.clone().accept().pinned_keys, keys(&[1, 2]));
    let moved = beside.clone().after(&places(key_at(2), none_at(), none_at()), at(400));
    assert_eq!(verdict(&moved), Verdict::Verified);
    // The old key may still be in the file.
    let failing = places(key_at(2), KeyLookup::Unclear("HTTP 503".into()), none_at());
    let in_file = after(&[(0, places(none_at(), key_at(1), none_at())), (24, failing)]);
    assert_eq!((verdict(&in_file), in_file.suspended), (Verdict::Verified, false));
    // A parent vouches for no other key of the domain itself.
    let parents = after(&[(0, places(none_at(), none_at(), key_at(1)))]);
    let own = parents.after(&places(key_at(9), none_at(), key_at(1)), at(24));
    assert_eq!(verdict(&own), Verdict::Unverified);
    let accepted = own.accept();
    assert_eq!((&accepted.pinned_keys, verdict(&accepted)), (&keys(&[1, 9]), Verdict::Verified));
    let removed = accepted.after(&places(none_at(), none_at(), key_at(1)), at(48));
    assert_eq!(verdict(&removed), Verdict::Verified);
}

#[test]
fn withheld_file_that_showed_a_key_is_no_loss() {
    let withheld = || KeyLookup::Withheld("HTTP 403".into());
    let gone = |file: KeyLookup, later: KeyLookup| {
        let begun = after(&[(0, places(key_at(1), file, none_at()))]);
        [1, 2, 30].iter().fold(begun, |record, hour| {
            record.after(&places(none_at(), later.clone(), none_at()), at(*hour))
        })
    };
    assert_eq!(verdict(&gone(key_at(1), withheld())), Verdict::Verified);
    assert_eq!(verdict(&gone(key_at(1), none_at())), Verdict::Revoked);
    assert_eq!(verdict(&gone(none_at(), withheld())), Verdict::Revoked);
    assert_eq!(verdict(&gone(withheld(), withheld())), Verdict::Revoked, "it never showed one");
    // A record of an earlier release does not say what the file showed.
    let old = VerificationRecord {
        places: std::collections::BTreeMap::new(),
        ..after(&[(0, places(key_at(1), none_at(), none_at()))])
    };
    let kept = [1, 2, 30].iter().fold(old, |record, hour| {
        record.after(&places(none_at(), withheld(), none_at()), at(*hour))
    });
    assert_eq!(verdict(&kept), Verdict::Verified);
}

/// P23: a person who accepts a set of keys saw the invalid records beside it, all of them.
#[test]
fn record_that_is_not_valid_is_a_part_of_the_set_that_a_person_accepts() {
    let invalid = |number: u32| format!("v=MCPv1; k=rsa; p={number}");
    let with = |numbers: &[u32]| {
        let others = numbers.iter().map(|number| invalid(*number));
        texts(&[record_of(1)].into_iter().chain(others).collect::<Vec<_>>())
    };
    let begun = after(&[(0, shows(&[1]))]);
    let first = begun.clone().after(&with(&[1]), at(24));
    let other = begun.after(&with(&[2]), at(24));
    let digest = |record: &VerificationRecord| record.invalid.as_ref().map(|all| all.digest);
    assert!(first.change.is_some() && digest(&first).is_some());
    assert_ne!(digest(&first), digest(&other));
    let many: Vec<u32> = (0..100).collect();
    let flood = first.clone().after(&with(&many), at(25));
    assert_eq!(flood.invalid.as_ref().map(|all| (all.count, all.excerpts.len())), Some((100, 3)));
    assert_ne!(digest(&flood), digest(&first.clone().after(&with(&many[..99]), at(25))));
    // Removing it is another set: content of the time before it is not covered by accepting what is left.
    let removed = first.after(&shows(&[1]), at(48));
    assert_eq!(digest(&removed), None);
    assert!(removed.accept().obstacle(at(30), &Pins::default()).is_some());
    // The resolvers may agree on the keys only.
    let answer = |texts: Vec<String>| Resolved::Records(Texts { texts, aliases: Vec::new() });
    let one = ("r1".to_owned(), answer(vec![record_of(1)]));
    let both = ("r2".to_owned(), answer(vec![record_of(1), invalid(1)]));
    let seen = after(&[(0, shows(&[1])), (24, at_domain(agreed(&[one, both])))]);
    assert!(seen.change.is_some());
}

/// The advice rests on what was found, and not on its words.
#[test]
fn attempt_at_a_record_is_noticed_whatever_is_cut_and_whatever_a_server_says() {
    let domain =
        format!("{}.example.com", ["a".repeat(60), "b".repeat(60), "c".repeat(60)].join("."));
    let namespace = domain.rsplit('.').collect::<Vec<_>>().join(".");
    let claim = Claim::of(&namespace, &SharedHosts::default());
    let advised = |own: KeyLookup, http: KeyLookup, hints: Vec<Hint>| {
        let dns = vec![(domain.clone(), own)];
        let record = VerificationRecord::default()
            .after(&Lookup::Domain { dns, http, hints, is_partial: false }, at(0));
        (advice(&claim, &record, &Pins::default()).is_empty(), record)
    };
    let (has_none, record) =
        advised(KeyLookup::of_file("v=MCPv1; k=rsa; p=AAAA"), none_at(), Vec::new());
    assert!(has_none && record.evidence[0].contains("absent: invalid record"), "{record:?}");
    let misplaced = vec![Hint::Misplaced(format!("_mcp-auth.{domain}"))];
    let (has_none, record) = advised(none_at(), none_at(), misplaced);
    assert!(has_none && record.evidence[2].contains("where it does not count"), "{record:?}");
    let redirect =
        KeyLookup::Withheld("a redirect to https://x/invalid record, not followed".into());
    assert!(!advised(none_at(), redirect, Vec::new()).0);
    let unknown =
        VerificationRecord { blank_at: None, ..advised(none_at(), none_at(), Vec::new()).1 };
    assert!(
        advice(&claim, &unknown, &Pins::default()).is_empty(),
        "an earlier release did not say"
    );
}
