//! A year of 2,000 namespaces on an internet where resolvers fail and lie, zones break, keys rotate and domains change
//! hands.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use super::tests::{at, record_of};
use super::*;
use crate::model::Timestamp;

/// All of them with `VIDIMUS_WORLDS=all`, as CI runs it, and a part otherwise.
const NAMESPACES: u64 = 2_000;
const PART: u64 = 500;
const HOURS: u64 = 365 * 24;
/// The time for which an owner shows both keys: longer than any time without an answer.
const OVERLAP: u64 = 14 * 24;
/// Content arrives so often at each namespace, on average.
const CONTENT_EVERY: u64 = 40 * 24;

/// Numbers without a library: the same year each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A period in hours.
#[derive(Debug, Clone, Copy)]
struct Period(u64, u64);

impl Period {
    fn is_at(self, hour: u64) -> bool {
        (self.0..self.1).contains(&hour)
    }
}

/// The way in which a resolver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    Truth,
    Denial,
    Silence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Means {
    Dns,
    File,
}

/// The course of a domain.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Kept,
    /// Its owner rotates the key, and shows both for two weeks, as the documentation asks.
    Rotates(u64),
    /// The zone is broken for some hours.
    Breaks(Period),
    /// It is not renewed; a stranger buys it later, and shows what they like.
    Lapses(Period, Guise),
    /// A stranger takes it over while it works.
    Sold(u64, Guise),
}

/// The keys that a stranger shows.
#[derive(Debug, Clone, Copy)]
enum Guise {
    Own,
    OldAndOwn,
    /// The old key beside their own, and a week later only their own.
    Gradual,
}

struct Domain {
    means: Means,
    fate: Fate,
}

impl Domain {
    fn strangers_since(&self) -> Option<(u64, Guise)> {
        match self.fate {
            Fate::Lapses(Period(_, end), guise) => Some((end, guise)),
            Fate::Sold(since, guise) => Some((since, guise)),
            _ => None,
        }
    }

    fn is_strangers(&self, hour: u64) -> bool {
        self.strangers_since().is_some_and(|(since, _)| hour >= since)
    }

    fn is_honest(&self) -> bool {
        matches!(self.fate, Fate::Kept | Fate::Rotates(_) | Fate::Breaks(_))
    }

    /// Returns the keys in DNS and in the file, as numbers. A file has one key: beside it, another one stands in DNS.
    fn places(&self, hour: u64) -> [Vec<u8>; 2] {
        let keys = self.keys(hour);
        match (self.means, keys.as_slice()) {
            (Means::Dns, _) => [keys, Vec::new()],
            (Means::File, [1, other]) => [vec![*other], vec![1]],
            (Means::File, [1]) => [Vec::new(), vec![1]],
            (Means::File, _) => [keys, Vec::new()],
        }
    }

    /// Returns the keys that are there, as numbers.
    fn keys(&self, hour: u64) -> Vec<u8> {
        if let Some((since, guise)) = self.strangers_since().filter(|(since, _)| hour >= *since) {
            return match guise {
                Guise::Own => vec![9],
                Guise::OldAndOwn => vec![1, 9],
                Guise::Gradual if hour < since + 7 * 24 => vec![1, 9],
                Guise::Gradual => vec![9],
            };
        }
        match self.fate {
            Fate::Breaks(period) | Fate::Lapses(period, _) if period.is_at(hour) => Vec::new(),
            Fate::Rotates(since) if hour >= since + OVERLAP => vec![2],
            Fate::Rotates(since) if hour >= since => vec![1, 2],
            _ => vec![1],
        }
    }
}

/// The periods in which the two resolvers fail or lie.
struct Resolvers {
    out: [Vec<Period>; 2],
    lying: [Vec<Period>; 2],
}

impl Resolvers {
    fn state(&self, which: usize, hour: u64) -> Manner {
        let is_in = |periods: &[Period]| periods.iter().any(|period| period.is_at(hour));
        match () {
            () if is_in(&self.out[which]) => Manner::Silence,
            () if is_in(&self.lying[which]) => Manner::Denial,
            () => Manner::Truth,
        }
    }

    /// Returns the resolver that is silent for an hour while the other one answers.
    fn set_aside(&self, hour: u64) -> Option<usize> {
        let is_silent = |which: usize, hour: u64| self.state(which, hour) == Manner::Silence;
        let is_aside = |which: &usize| {
            is_silent(*which, hour - 1) && is_silent(*which, hour) && !is_silent(1 - *which, hour)
        };
        (0..2).find(is_aside)
    }

    fn answer(truth: Manner, keys: &[u8]) -> Resolved {
        match (truth, keys) {
            (Manner::Silence, _) => Resolved::Unclear("no answer in time".into()),
            (Manner::Denial, _) => Resolved::NoSuchName,
            (Manner::Truth, []) => Resolved::NoRecords,
            (Manner::Truth, keys) => {
                let texts = keys.iter().map(|key| record_of(*key)).collect();
                Resolved::Records(Texts { texts, aliases: Vec::new() })
            }
        }
    }

    /// Returns true if no resolver answered truly at some time of the last `hours`.
    fn were_all_wrong(&self, hour: u64, hours: u64) -> bool {
        let is_wrong = |which: usize, hour: u64| self.state(which, hour) != Manner::Truth;
        (hour.saturating_sub(hours)..=hour).any(|hour| is_wrong(0, hour) && is_wrong(1, hour))
    }
}

/// Returns what is found with these keys in DNS and in the file. A resolver that is silent for an hour is set aside, if the
/// other one answers.
fn lookup(truths: [Manner; 2], aside: Option<usize>, places: &[Vec<u8>; 2]) -> Lookup {
    let [in_dns, in_file] = places;
    let asked: Vec<(usize, Manner)> =
        truths.into_iter().enumerate().filter(|(which, _)| Some(*which) != aside).collect();
    let answers: Vec<(String, Resolved)> = asked
        .iter()
        .map(|(which, truth)| (format!("r{which}"), Resolvers::answer(*truth, in_dns)))
        .collect();
    let own = agreed(&answers);
    // The address of the web server comes from the same resolvers; a lie about it shows no file.
    let is_denied = asked.iter().all(|(_, truth)| *truth == Manner::Denial);
    let is_found = asked.iter().any(|(_, truth)| *truth == Manner::Truth);
    let http = match in_file.last() {
        _ if is_denied => KeyLookup::Absent("no such name".into()),
        Some(key) if is_found => KeyLookup::of_file(&record_of(*key)),
        None if is_found => KeyLookup::Absent("HTTP 404".into()),
        _ => KeyLookup::Unclear("no answer in time".into()),
    };
    let dns = vec![("example.com".to_owned(), own)];
    Lookup::Domain { dns, http, hints: Vec::new(), is_partial: aside.is_some() }
}

fn resolvers(dice: &mut Dice) -> Resolvers {
    let mut resolvers = Resolvers { out: Default::default(), lying: Default::default() };
    let mut period = |longest: u64| {
        let begin = 200 + dice.below(HOURS - 600);
        Period(begin, begin + 1 + dice.below(longest))
    };
    for which in 0..2 {
        for _ in 0..12 {
            resolvers.out[which].push(period(48));
        }
        for _ in 0..4 {
            resolvers.lying[which].push(period(100));
        }
    }
    // Both at once: silent for three days, and denying everything for four.
    for (silent, begin) in [(true, 3_000), (false, 5_000), (false, 7_000)] {
        let both = Period(begin, begin + if silent { 72 } else { 96 });
        let list = if silent { &mut resolvers.out } else { &mut resolvers.lying };
        list.iter_mut().for_each(|periods| periods.push(both));
    }
    resolvers
}

fn domain(dice: &mut Dice, index: u64) -> Domain {
    let means = if dice.below(4) == 0 { Means::File } else { Means::Dns };
    let begin = 500 + dice.below(HOURS - 3_000);
    // A rotation while every resolver denies everything needs a pin, like any owner after a loss.
    let is_denied = |begin: u64| {
        [5_000, 7_000]
            .iter()
            .any(|lie| (begin..begin + OVERLAP).contains(lie) || (*lie..lie + 100).contains(&begin))
    };
    let guise = match dice.below(3) {
        0 => Guise::Own,
        1 => Guise::OldAndOwn,
        _ => Guise::Gradual,
    };
    let fate = match index % 20 {
        0 => Fate::Sold(begin, guise),
        1 => Fate::Lapses(Period(begin, begin + 300 + dice.below(1_000)), guise),
        2..=4 if !is_denied(begin) => Fate::Rotates(begin),
        5..=6 => Fate::Breaks(Period(begin, begin + 1 + dice.below(14))),
        _ => Fate::Kept,
    };
    Domain { means, fate }
}

/// The answers of the resolvers, which of them is set aside, and the keys that are there.
type Situation = ([Manner; 2], Option<usize>, [Vec<u8>; 2]);

/// The year, hour by hour, with the record of each namespace and its content that waits.
struct Year {
    resolvers: Resolvers,
    domains: Vec<Domain>,
    records: Vec<VerificationRecord>,
    /// The few lookups that there are.
    lookups: BTreeMap<Situation, Lookup>,
    losses: LossBudget,
    due: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Content that no lookup decided yet, with the time of its first sight, and whose it is.
    waiting: BTreeMap<usize, Vec<(Timestamp, bool)>>,
    /// Honest owners that are hidden, with the hour since which, and all that ever were.
    hidden: BTreeMap<usize, u64>,
    lost: BTreeSet<usize>,
    admitted: [u64; 2],
}

impl Year {
    fn look_up(&mut self, index: usize, now: Timestamp) {
        let hour = now.since(at(0)).as_secs() / 3_600;
        let truths = [0, 1].map(|which| self.resolvers.state(which, hour));
        let aside = self.resolvers.set_aside(hour);
        let places = self.domains[index].places(hour);
        let found = self.lookups.entry((truths, aside, places.clone()));
        let lookup = found.or_insert_with(|| lookup(truths, aside, &places)).clone();
        let before = std::mem::take(&mut self.records[index]);
        let owner = format!("d{index}.example");
        let losses = &mut self.losses;
        let admit = || losses.admit(&owner, now);
        let mut record = before.clone().after(&lookup, now).conclude(&before, admit, now);
        let next = next_check(&owner, &record, Priority::Mentioned, now);
        record.next_check = Some(next);
        self.due.push(Reverse((next, index)));
        let pins = Pins::default();
        let is_verified = record.basis(&pins).verdict() == Verdict::Verified;
        if is_verified {
            self.hidden.remove(&index);
        } else if self.domains[index].is_honest() {
            self.hidden.entry(index).or_insert(hour);
            self.lost.insert(index);
        }
        let admitted = &mut self.admitted;
        if let Some(waiting) = self.waiting.get_mut(&index) {
            waiting.retain(|(first_seen, is_strangers)| {
                let admits = is_verified && record.obstacle(*first_seen, &pins).is_none();
                admitted[usize::from(*is_strangers)] += u64::from(admits);
                !admits
            });
        }
        self.records[index] = record;
    }
}

/// P14, P25.
#[test]
fn year_of_outages_and_lies_hides_no_honest_owner_for_long_and_admits_no_stranger() {
    let mut dice = Dice(7);
    let is_whole = std::env::var("VIDIMUS_WORLDS").is_ok_and(|worlds| worlds == "all");
    let namespaces = if is_whole { NAMESPACES } else { PART };
    let resolvers = resolvers(&mut dice);
    let domains: Vec<Domain> = (0..namespaces).map(|index| domain(&mut dice, index)).collect();
    let mut year = Year {
        resolvers,
        records: vec![VerificationRecord::default(); domains.len()],
        lookups: BTreeMap::new(),
        losses: LossBudget::new(domains.len(), []),
        due: (0..domains.len()).map(|index| Reverse((at(1), index))).collect(),
        domains,
        waiting: BTreeMap::new(),
        hidden: BTreeMap::new(),
        lost: BTreeSet::new(),
        admitted: [0, 0],
    };
    let mut lookups = 0_u64;
    for hour in 1..HOURS {
        let now = at(hour);
        for _ in 0..(namespaces / CONTENT_EVERY).max(1) {
            let index = usize::try_from(dice.below(namespaces)).expect("an index");
            // A publisher shows a key when publishing: who has none there publishes nothing.
            if year.domains[index].keys(hour).is_empty() {
                continue;
            }
            let content = (now, year.domains[index].is_strangers(hour));
            year.waiting.entry(index).or_default().push(content);
            year.look_up(index, now.plus(Duration::from_secs(20)));
            lookups += 1;
        }
        while let Some(Reverse((at, index))) = year.due.peek().copied() {
            if at > now.plus(Duration::from_hours(1)) {
                break;
            }
            year.due.pop();
            // A lookup for content moved the next one.
            if year.records[index].next_check.is_some_and(|next| next > at) {
                continue;
            }
            year.look_up(index, at.max(now));
            lookups += 1;
        }
        for (index, since) in &year.hidden {
            let record = &year.records[*index];
            assert!(
                year.resolvers.were_all_wrong(hour, 3),
                "{index} is hidden since {since}, now {hour}: {record:?}"
            );
        }
    }
    assert_eq!(year.admitted[1], 0, "content of strangers");
    assert!(year.admitted[0] > namespaces / 2, "{:?}", year.admitted);
    assert!(
        year.lost.len() <= year.domains.len() / 5,
        "the brake lets few go: {}",
        year.lost.len()
    );
    let waits = year.records.iter().filter(|record| record.change.is_some()).count();
    assert!(waits > 0 && lookups > 250 * namespaces, "{waits} {lookups}");
}
