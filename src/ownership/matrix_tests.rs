//! Every combination of answers, in any order: what they may decide.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::tests::{at, key_text, record_of};
use super::*;

/// The answer of one resolver about the key record of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    First,
    Other,
    Both,
    NoRecords,
    NoSuchName,
    Silence,
}

/// The answer of the web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    First,
    Other,
    Missing,
    Withheld,
    Silence,
}

/// The answer of one resolver about one type of address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Address,
    NoRecords,
    NoSuchName,
    Silence,
}

#[derive(Debug, Clone)]
struct Step {
    resolvers: [Answer; 2],
    /// A and AAAA of each resolver.
    hosts: [[Host; 2]; 2],
    parent: [Answer; 2],
    file: File,
    /// True if a third resolver is set aside.
    is_partial: bool,
    hours: u64,
}

fn answers() -> impl Strategy<Value = [Answer; 2]> {
    use Answer::{Both, First, NoRecords, NoSuchName, Other, Silence};
    let one = || prop::sample::select(vec![First, Other, Both, NoRecords, NoSuchName, Silence]);
    // Resolvers agree more often than not.
    prop_oneof![3 => one().prop_map(|answer| [answer, answer]), 2 => [one(), one()]]
}

fn hosts() -> impl Strategy<Value = [[Host; 2]; 2]> {
    use Host::{Address, NoRecords, NoSuchName, Silence};
    let kind = || prop::sample::select(vec![Address, NoRecords, NoSuchName, Silence]);
    // An ordinary host more often than not.
    prop_oneof![2 => Just([[Address, NoRecords]; 2]), 3 => [[kind(), kind()], [kind(), kind()]]]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    use File::{First, Missing, Other, Silence, Withheld};
    let file = prop::sample::select(vec![First, Other, Missing, Missing, Withheld, Silence]);
    let step = (answers(), hosts(), answers(), file, prop::bool::weighted(0.2), 1..40_u64)
        .prop_map(|(resolvers, hosts, parent, file, is_partial, hours)| Step {
            resolvers,
            hosts,
            parent,
            file,
            is_partial,
            hours,
        });
    prop::collection::vec(step, 1..12)
}

fn resolved(answer: Answer) -> Resolved {
    let texts = |keys: &[u8]| {
        let texts = keys.iter().map(|key| record_of(*key)).collect();
        Resolved::Records(Texts { texts, aliases: Vec::new() })
    };
    match answer {
        Answer::First => texts(&[1]),
        Answer::Other => texts(&[2]),
        Answer::Both => texts(&[1, 2]),
        Answer::NoRecords => Resolved::NoRecords,
        Answer::NoSuchName => Resolved::NoSuchName,
        Answer::Silence => Resolved::Unclear("no answer in time".into()),
    }
}

fn agreed_on(answers: [Answer; 2]) -> KeyLookup {
    let [left, right] = answers.map(resolved);
    agreed(&[("r1".to_owned(), left), ("r2".to_owned(), right)])
}

/// Returns the addresses on which the resolvers agree.
fn addresses(step: &Step) -> Addresses {
    let answer = |host: Host, address: &str| match host {
        Host::Address => Ok(vec![address.parse().expect("an address")]),
        Host::NoRecords => Err(Resolved::NoRecords),
        Host::NoSuchName => Err(Resolved::NoSuchName),
        Host::Silence => Err(Resolved::Unclear("no answer in time".into())),
    };
    let of = |[four, six]: [Host; 2]| {
        Addresses::of_types([answer(four, "192.0.2.1"), answer(six, "2001:db8::1")])
    };
    let [left, right] = step.hosts.map(of);
    Addresses::agreed([("r1".to_owned(), left), ("r2".to_owned(), right)])
}

/// Returns what the file says: it is at the address, if there is one.
fn file_lookup(step: &Step) -> KeyLookup {
    let is_certain = match addresses(step) {
        Addresses::Found { is_certain, .. } => is_certain,
        Addresses::Absent(what) => return KeyLookup::Absent(what.into()),
        Addresses::Unclear(why) => return KeyLookup::Unclear(why),
    };
    let lookup = match step.file {
        File::First => KeyLookup::of_file(&record_of(1)),
        File::Other => KeyLookup::of_file(&record_of(2)),
        File::Missing => KeyLookup::Absent("HTTP 404".into()),
        File::Withheld => KeyLookup::Withheld("HTTP 403".into()),
        File::Silence => KeyLookup::Unclear("no answer in time".into()),
    };
    if is_certain { lookup } else { lookup.at_uncertain_addresses() }
}

fn lookup(step: &Step) -> Lookup {
    let dns = vec![
        ("sub.example.com".to_owned(), agreed_on(step.resolvers)),
        ("example.com".to_owned(), agreed_on(step.parent)),
    ];
    Lookup::Domain { dns, http: file_lookup(step), hints: Vec::new(), is_partial: step.is_partial }
}

/// Returns the keys at all places.
fn everywhere(lookup: &Lookup) -> BTreeSet<Key> {
    let Lookup::Domain { dns, http, .. } = lookup else { return BTreeSet::new() };
    let each = dns.iter().map(|(_, lookup)| lookup).chain([http]);
    each.filter_map(KeyLookup::shown_keys).flat_map(|shown| shown.keys.clone()).collect()
}

/// Returns true if no question is open: both resolvers agree at both places, and the web server answers, or both say that
/// there is none.
fn is_definite(step: &Step) -> bool {
    let has_address = step.hosts.as_flattened().contains(&Host::Address);
    let [left, right] = step.hosts;
    let is_common = left.iter().zip(right).any(|one| one == (&Host::Address, Host::Address));
    let disagree = left.contains(&Host::Address) && right.contains(&Host::Address) && !is_common;
    let is_open = disagree || step.hosts.as_flattened().contains(&Host::Silence);
    let is_clear = |lookup: &KeyLookup| !matches!(lookup, KeyLookup::Unclear(_));
    is_clear(&agreed_on(step.resolvers))
        && is_clear(&agreed_on(step.parent))
        && !is_open
        && (!has_address || step.file != File::Silence)
        && !step.is_partial
}

/// Returns true if a place shows keys, and every nearer one answers.
fn shows_nearest(step: &Step) -> bool {
    let shows = |lookup: &KeyLookup| matches!(lookup, KeyLookup::Shown(_));
    let is_clear = |lookup: &KeyLookup| !matches!(lookup, KeyLookup::Unclear(_));
    let (own, parent) = (agreed_on(step.resolvers), agreed_on(step.parent));
    let file = file_lookup(step);
    shows(&own) || is_clear(&own) && (shows(&file) || is_clear(&file) && shows(&parent))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// P14, P25: no sequence without a definite answer verifies or revokes.
    #[test]
    fn no_sequence_without_a_definite_answer_verifies_or_revokes(steps in steps()) {
        let pins = Pins::default();
        let mut record = VerificationRecord::default();
        let mut hour = 0;
        for step in &steps {
            hour += step.hours;
            let before = record.verdict(&pins).0;
            let known = record.clone();
            record = record.clone().after(&lookup(step), at(hour)).conclude(&record, || true, at(hour));
            let verdict = record.verdict(&pins).0;
            if verdict == Verdict::Verified {
                prop_assert!(before == Verdict::Verified || shows_nearest(step), "{step:?}");
            } else if before == Verdict::Verified {
                prop_assert!(is_definite(step) || !step.is_partial && shows_nearest(step), "{step:?}: {verdict}");
            } else if verdict == Verdict::Revoked && before != Verdict::Revoked {
                prop_assert!(is_definite(step) || !step.is_partial && shows_nearest(step), "{step:?}");
            }
            let shown = everywhere(&lookup(step));
            if (before, verdict) == (Verdict::Revoked, Verdict::Verified) {
                prop_assert_eq!(Some(shown.clone()), known.set(), "a loss ends with exactly these keys");
            }
            if (before, verdict) == (Verdict::Verified, Verdict::Unverified) {
                let Lookup::Domain { dns, http, .. } = lookup(step) else { unreachable!() };
                let own = Lookup::Domain { dns: dns[..1].to_vec(), http, hints: Vec::new(), is_partial: false };
                prop_assert!(everywhere(&own).is_disjoint(&known.pinned_keys), "a trusted key is shown: {step:?}");
            }
            if !known.pinned_keys.is_empty() && (step.is_partial || !shows_nearest(step)) {
                prop_assert_eq!(&record.pinned_keys, &known.pinned_keys, "trust moved: {:?}", step);
            }
        }
    }

    /// From the first other set of keys on, a wildcard admits nothing that waited or came, whatever follows, until a
    /// person accepts a set.
    #[test]
    fn changed_keys_admit_nothing_new_whatever_follows(steps in steps()) {
        let pins = Pins::default();
        let first = VerificationRecord::default().after(&lookup(&Step {
            resolvers: [Answer::First; 2],
            hosts: [[Host::Address, Host::NoRecords]; 2],
            parent: [Answer::NoRecords; 2],
            file: File::Missing,
            is_partial: false,
            hours: 0,
        }), at(0));
        let mut record = first;
        let (mut hour, mut changed, mut waiting) = (0, false, Vec::new());
        for step in &steps {
            hour += step.hours;
            waiting.push(hour);
            let confirmed_before = record.confirmed_at();
            record = record.clone().after(&lookup(step), at(hour)).conclude(&record, || true, at(hour));
            let is_other = record
                .set()
                .is_some_and(|keys| keys != [Key::parse(&key_text(1)).expect("a key")].into());
            if is_other && !changed {
                changed = true;
                prop_assert_eq!(record.change.map(|change| Some(change.before)), Some(confirmed_before));
            }
            let is_verified = record.verdict(&pins).0 == Verdict::Verified;
            let before = waiting.len();
            waiting.retain(|first| !is_verified || record.obstacle(at(*first), &pins).is_some());
            prop_assert!(!changed || waiting.len() == before, "{step:?}");
        }
    }
}

#[test]
fn one_loss_in_twenty_takes_effect_and_more_wait_for_a_person() {
    let mut losses = LossBudget::new(100, []);
    let lost: Vec<bool> =
        (0..8).map(|index| losses.admit(&format!("d{index}.example"), at(0))).collect();
    assert_eq!(lost, [true, true, true, true, true, false, false, false]);
    assert!(losses.admit("d0.example", at(1)), "another namespace of a lost owner");
    assert!(!losses.admit("d9.example", at(23)));
    assert!(losses.admit("d9.example", at(25)), "a day later");
    let mut few = LossBudget::new(3, []);
    let lost = ["a.example", "b.example", "c.example"].map(|owner| few.admit(owner, at(0)));
    assert_eq!(lost, [true, true, false], "two of three are not many, three are");
    let restored =
        LossBudget::new(3, [("a.example".to_owned(), at(0)), ("b.example".to_owned(), at(0))]);
    assert!(!restored.clone().admit("c.example", at(1)), "a restart forgets nothing");
}

/// P25: every answer about A, AAAA and TXT of both resolvers and of the web server, three times over a day, to the
/// verdict.
#[test]
fn evidence_is_lost_only_if_every_question_was_answered_and_nothing_is_shown() {
    let pins = Pins::default();
    let hosts = [Host::Address, Host::NoRecords, Host::NoSuchName, Host::Silence];
    let answers = [Answer::First, Answer::NoRecords, Answer::NoSuchName, Answer::Silence];
    let pairs =
        |count: usize| (0..count).flat_map(move |one| (0..count).map(move |other| (one, other)));
    let plain = Step {
        resolvers: [Answer::NoRecords; 2],
        hosts: [[Host::Address, Host::NoRecords]; 2],
        parent: [Answer::NoRecords; 2],
        file: File::Missing,
        is_partial: false,
        hours: 0,
    };
    let begun = |step: &Step| VerificationRecord::default().after(&lookup(step), at(0));
    let in_dns = begun(&Step { resolvers: [Answer::First; 2], ..plain.clone() });
    let in_file = begun(&Step { file: File::First, ..plain.clone() });
    for (left, right) in pairs(answers.len()) {
        for ((a, b), (c, d)) in pairs(4).flat_map(|one| pairs(4).map(move |other| (one, other))) {
            for file in [File::First, File::Missing, File::Withheld, File::Silence] {
                let step = Step {
                    resolvers: [answers[left], answers[right]],
                    hosts: [[hosts[a], hosts[b]], [hosts[c], hosts[d]]],
                    file,
                    ..plain.clone()
                };
                let found = lookup(&step);
                let is_withheld = matches!(file_lookup(&step), KeyLookup::Withheld(_));
                let is_lost = is_definite(&step) && !shows_nearest(&step);
                for (begun, is_lost) in [(&in_dns, is_lost), (&in_file, is_lost && !is_withheld)] {
                    let last = [1, 2, 30].iter().fold(begun.clone(), |record, hour| {
                        record.clone().after(&found, at(*hour)).conclude(
                            &record,
                            || true,
                            at(*hour),
                        )
                    });
                    let wanted = if is_lost { Verdict::Revoked } else { Verdict::Verified };
                    assert_eq!(last.verdict(&pins).0, wanted, "{step:?}");
                }
            }
        }
    }
}
