use super::*;
use crate::lookalike::{Field, Signal, Technique};
use crate::model::{Actor, Difference, Digest, Timestamp};

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// The items that no acknowledgement covers.
fn unseen_of(alert: &Alert) -> Vec<String> {
    let items = alert.evidence.iter().filter(|item| !alert.has_seen(item));
    items.map(ToString::to_string).collect()
}

/// The stored alerts.
#[derive(Default)]
struct Book(Vec<Alert>);

impl Book {
    fn look(&mut self, seen: Vec<ReportedAlert>, now: i64) -> usize {
        self.look_from("official", seen, now)
    }

    fn look_from(&mut self, source: &str, seen: Vec<ReportedAlert>, now: i64) -> usize {
        let changed = reconcile(source, &self.0, seen, at(now));
        let count = changed.len();
        for alert in changed {
            self.0.retain(|stored| stored.identity != alert.identity);
            self.0.push(alert);
        }
        count
    }

    fn acknowledge(&mut self, is_meant: impl Fn(&Alert) -> bool) {
        for alert in &mut self.0 {
            if is_meant(alert) {
                *alert = alert.clone().acknowledge("alice", "known", Actor::LocalUser(1), at(2));
            }
        }
    }

    fn open(&self) -> Vec<String> {
        let open = self.0.iter().filter(|alert| alert.is_open());
        let line = |Alert { identity, count, .. }: &Alert| {
            format!("{} {}{} x{count}", identity.kind, identity.subject, identity.suspect)
        };
        let mut open: Vec<String> = open.map(line).collect();
        open.sort();
        open
    }
}

fn text(text: &str) -> Evidence {
    text.to_owned().into()
}

fn drift(name: &str) -> ReportedAlert {
    drift_of(name, &["description changed"])
}

fn drift_of(name: &str, items: &[&str]) -> ReportedAlert {
    ReportedAlert::new(AlertKind::Drift, name, items.iter().map(|item| text(item)))
}

#[test]
fn alert_is_raised_once_and_resolved_once() {
    let mut book = Book::default();
    assert_eq!(book.look(vec![drift("a.b/c")], 1), 1);
    assert_eq!(book.look(vec![drift("a.b/c")], 2), 0, "nothing new");
    assert_eq!(book.open(), ["drift a.b/c x1"]);
    assert_eq!(book.look(vec![], 3), 1);
    assert_eq!(book.0[0].state(), State::Resolved { at: at(3) });
    assert_eq!(book.look(vec![], 4), 0, "it stays resolved");
    assert_eq!(book.look(vec![drift("a.b/c")], 5), 1, "and can come back");
    assert_eq!((book.0[0].raised, book.0[0].is_open()), (at(5), true));
}

/// The acknowledged items, the items reported afterwards, and those that are not covered.
#[rstest::rstest]
#[case(&["a"], &["a"], &[])]
#[case(&["a", "b"], &["b", "a"], &[])]
#[case(&["a", "b"], &["a"], &[])]
#[case(&["a"], &["b"], &["b"])]
#[case(&["a"], &["a", "b"], &["b"])]
#[case(&["a", "b"], &["b", "c", "d"], &["c", "d"])]
fn only_unseen_item_reopens_acknowledged_alert(
    #[case] acknowledged: &[&str],
    #[case] seen: &[&str],
    #[case] unseen: &[&str],
) {
    let mut book = Book::default();
    book.look(vec![drift_of("a.b/c", acknowledged)], 1);
    book.acknowledge(|_| true);
    book.look(vec![drift_of("a.b/c", seen)], 5);
    let left: Vec<String> = unseen_of(&book.0[0]);
    assert_eq!(left, unseen);
    assert_eq!(book.0[0].is_open(), !unseen.is_empty());
    assert_eq!(book.0[0].raised, at(1));
}

#[test]
fn counts_times_scores_and_figures_reopen_no_acknowledged_alert() {
    let mut book = Book::default();
    book.look(vec![ReportedAlert { score: Some(20), ..drift("a.b/c") }], 1);
    book.acknowledge(|_| true);
    let figures = vec![Figure::Rows { count: 7 }];
    let other = ReportedAlert { score: Some(90), count: 9, figures, ..drift("a.b/c") };
    assert_eq!(book.look(vec![other.since(Some(at(1)))], 4), 1, "they are stored");
    assert!(!book.0[0].is_open());
    assert_eq!(book.0[0].detail(), "description changed; 7 rows; since 1970-01-01T00:00:00Z");
}

#[test]
fn acknowledgements_accumulate() {
    let mut book = Book::default();
    book.look(vec![drift_of("a.b/c", &["a"])], 1);
    book.acknowledge(|_| true);
    book.look(vec![drift_of("a.b/c", &["a", "b"])], 3);
    assert!(book.0[0].is_open());
    book.look(vec![drift_of("a.b/c", &["a"])], 4);
    assert!(!book.0[0].is_open(), "everything that is left was seen");
    book.look(vec![drift_of("a.b/c", &["b"])], 5);
    book.acknowledge(|_| true);
    book.look(vec![drift_of("a.b/c", &["a", "b"])], 6);
    assert!(!book.0[0].is_open(), "each was seen once");
}

#[test]
fn acknowledgement_ends_with_its_alert() {
    let mut book = Book::default();
    book.look(vec![drift("a.b/c")], 1);
    book.acknowledge(|_| true);
    book.look(vec![], 3);
    book.look(vec![drift("a.b/c")], 4);
    assert!(book.0[0].is_open());
}

#[test]
fn identities_that_differ_in_any_part_are_different_alerts() {
    let of = |kind, subject: &str, suspect: &str| AlertIdentity::new(kind, subject, suspect);
    let identities = [
        of(AlertKind::Drift, "a", "b"),
        of(AlertKind::Missing, "a", "b"),
        of(AlertKind::Drift, "ab", ""),
        of(AlertKind::Drift, "", "ab"),
        of(AlertKind::Drift, "a\0", "b"),
        of(AlertKind::Drift, "a", "\0b"),
    ];
    let keys: std::collections::BTreeSet<String> =
        identities.iter().map(AlertIdentity::key).collect();
    assert_eq!(keys.len(), identities.len(), "{keys:?}");
    assert!(keys.iter().all(|key| key.len() == 64));
}

#[test]
fn key_is_found_by_any_unique_prefix() {
    // Two keys with equal short ids.
    let (first, second) = (format!("{}0{}", "a".repeat(12), "1".repeat(51)), "a".repeat(64));
    let other = "b".repeat(64);
    let find = |text: &str| resolve(text, [first.as_str(), &second, &other]).map(str::to_owned);
    assert_eq!(find("bbbbbbbb"), Ok(other.clone()));
    assert_eq!(find(&other), Ok(other.clone()));
    assert_eq!(find("aaaaaaaaaaaa0"), Ok(first.clone()));
    let both = UnresolvedId::Ambiguous(vec![first.clone(), second.clone()]);
    assert!(both.to_string().contains("2 alerts have this id; write more digits"), "{both}");
    assert_eq!(find("aaaaaaaaaaaa"), Err(both));
    assert_eq!(find("cccccccc"), Err(UnresolvedId::Unknown));
    for invalid in ["", "bbbbbbb", "BBBBBBBB", "bbbbbbbg", &"b".repeat(65)] {
        assert_eq!(find(invalid), Err(UnresolvedId::NotAnId), "{invalid}");
    }
}

#[test]
fn unresolved_identity_stays_with_its_source() {
    let mut book = Book::default();
    book.look_from("first", vec![drift("a.b/c")], 1);
    assert_eq!(book.look_from("second", vec![drift_of("a.b/c", &["other"])], 2), 0);
    assert_eq!(book.look_from("second", vec![], 3), 0, "it does not resolve it either");
    book.look_from("first", vec![], 4);
    assert_eq!(book.look_from("second", vec![drift("a.b/c")], 5), 1);
    assert_eq!((book.0.len(), book.0[0].source.as_str()), (1, "second"));
}

#[test]
fn alerts_of_one_source_with_one_identity_are_merged() {
    let mut book = Book::default();
    let twice = vec![drift_of("a.b/c", &["a"]), drift_of("a.b/c", &["b"]).of_served(true)];
    assert_eq!(book.look(twice, 1), 1);
    assert_eq!((book.0[0].evidence.len(), book.0[0].served), (2, true));
}

#[test]
fn shown_digest_covers_identity_and_items_only() {
    let shown = |seen: ReportedAlert| reconcile("official", &[], vec![seen], at(1))[0].shown();
    let first = shown(drift_of("a.b/c", &["a", "b"]));
    assert_eq!(first, shown(ReportedAlert { count: 7, ..drift_of("a.b/c", &["b", "a"]) }));
    assert_ne!(first, shown(drift_of("a.b/c", &["a"])));
    assert_ne!(first, shown(drift_of("a.b/d", &["a", "b"])));
}

#[test]
fn difference_is_remembered_for_a_bounded_number_of_states() {
    let mut book = Book::default();
    let mut digests = Vec::new();
    let states: [&[&str]; 4] = [&["a", "b"], &["b", "c"], &["c"], &["c", "d", "a"]];
    for (index, items) in states.iter().enumerate() {
        book.look(vec![drift_of("a.b/c", items)], 1 + i64::try_from(index).expect("few"));
        digests.push(book.0[0].shown());
    }
    let since = |book: &Book, digest: Digest| {
        let texts = |items: Vec<Evidence>| items.iter().map(ToString::to_string).collect();
        book.0[0].difference_since(digest).map(|Difference { added, removed }| {
            (texts(added), texts(removed)) as (Vec<String>, Vec<String>)
        })
    };
    let wanted = |added: &[&str], removed: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        Some((owned(added), owned(removed)))
    };
    assert_eq!(since(&book, digests[0]), wanted(&["c", "d"], &["b"]));
    assert_eq!(since(&book, digests[1]), wanted(&["a", "d"], &["b"]));
    assert_eq!(since(&book, digests[2]), wanted(&["a", "d"], &[]));
    assert_eq!(since(&book, Digest::of(b"never shown")), None);
    for index in 0..20 {
        book.look(vec![drift_of("a.b/c", &[&index.to_string()])], 10 + index);
    }
    assert_eq!(since(&book, digests[0]), None, "it is forgotten");
    assert_eq!(book.0[0].earlier.len(), 16);
}

#[rstest::rstest]
#[case(&Digest::of(b"x").to_string(), true)]
#[case(&Digest::of(b"x").short(64), true)]
#[case(&Digest::of(b"x").short(63), false)]
#[case(&Digest::of(b"x").short(64).to_uppercase(), false)]
#[case("", false)]
fn digest_prefix_is_optional(#[case] text: &str, #[case] good: bool) {
    assert_eq!(parse_seen(text).ok(), good.then(|| Digest::of(b"x")));
}

#[test]
fn flood_of_one_publisher_hides_no_other_alert() {
    let mut book = Book::default();
    let from = |namespace: &str, index: usize| {
        drift(&format!("{namespace}/x{index:03}")).of_namespace(namespace)
    };
    book.look(vec![from("evil", 900)], 1);
    let mut seen: Vec<ReportedAlert> = (0..100).map(|index| from("evil", index)).collect();
    seen.extend([from("evil", 900), from("good", 1), from("evil", 950).of_served(true)]);
    book.look(seen, 2);
    assert_eq!(
        book.open(),
        [
            "drift evil/x000evil x1",
            "drift evil/x001evil x1",
            "drift evil/x002evil x1",
            "drift evil/x003evil x1",
            "drift evil/x900evil x1",
            "drift evil/x950evil x1",
            "drift good/x001good x1",
            "flood officialevil x96",
        ]
    );
    let flood = book.0.iter().find(|alert| alert.kind() == AlertKind::Flood).expect("a flood");
    let last = AlertIdentity::new(AlertKind::Drift, "evil/x099", "evil");
    assert!(flood.evidence.contains(&Evidence::Counted { alert: last }));
    assert_eq!(flood.evidence.len(), 96, "each is listed");
}

#[test]
fn floods_of_two_sources_are_two_alerts() {
    let mut book = Book::default();
    let many = |kind: &str| -> Vec<ReportedAlert> {
        (0..8).map(|index| drift(&format!("{kind}{index}")).of_namespace("evil")).collect()
    };
    book.look_from("first", many("a"), 1);
    book.look_from("second", many("b"), 2);
    let floods = book.open().into_iter().filter(|line| line.starts_with("flood"));
    assert_eq!(floods.collect::<Vec<_>>(), ["flood firstevil x3", "flood secondevil x3"]);
}

/// P22.
#[test]
fn five_light_alerts_hide_no_heavy_one() {
    let mut book = Book::default();
    let from = |name: &str, score: u8| {
        let seen = drift_of(name, &["a", "b"]).of_namespace("evil");
        ReportedAlert { score: Some(score), ..seen }
    };
    let light = || ["a", "b", "c", "d", "e"].map(|leaf| from(&format!("evil/{leaf}"), 10));
    book.look(light().into(), 1);
    // Half of the evidence of one of them is acknowledged.
    let of = |book: &Book, name: &str| {
        book.0.iter().find(|alert| alert.identity.subject == name).expect("one").clone()
    };
    let mut half = of(&book, "evil/e");
    half.evidence.truncate(1);
    let half = Alert {
        evidence: of(&book, "evil/e").evidence,
        ..half.acknowledge("al", "ok", Actor::LocalUser(1), at(2))
    };
    book.0.retain(|alert| alert.identity != half.identity);
    book.0.push(half);
    let before = book.0.clone();
    book.look(light().into_iter().chain([from("evil/heavy", 90)]).collect(), 3);
    let open = book.open();
    assert!(open.contains(&"drift evil/heavyevil x1".into()), "{open:?}");
    assert!(open.contains(&"flood officialevil x1".into()), "{open:?}");
    // The one that gave way is counted; it keeps its acknowledgement, and no recipient reads that it ended.
    let displaced = of(&book, "evil/e");
    assert_eq!((displaced.state(), displaced.closed), (State::Counted, None));
    assert_eq!(unseen_of(&displaced), ["b"]);
    let stored = before.iter().find(|alert| alert.identity == displaced.identity);
    assert_eq!(Change::between(stored, &displaced), None);
    // It is open again when there is room, and resolved when it ends.
    book.look(light().into(), 4);
    let returned = of(&book, "evil/e");
    assert_eq!((returned.state(), unseen_of(&returned)), (State::Open, vec!["b".to_owned()]));
    assert_eq!(Change::between(Some(&displaced), &returned), Some(Change::Updated));
    book.look(vec![], 5);
    assert_eq!(of(&book, "evil/e").state(), State::Resolved { at: at(5) });
}

#[test]
fn alert_that_a_flood_counts_can_be_acknowledged() {
    let mut book = Book::default();
    let from = |index: u8| {
        let seen = drift(&format!("evil/x{index}")).of_namespace("evil");
        ReportedAlert { score: Some(index), ..seen }
    };
    book.look((0..5).map(from).collect(), 1);
    book.look((0..6).map(from).collect(), 2);
    let is_first = |alert: &Alert| alert.identity.subject == "evil/x0";
    let first = |book: &Book| book.0.iter().find(|alert| is_first(alert)).expect("one").clone();
    assert_eq!(first(&book).state(), State::Counted);
    book.acknowledge(is_first);
    assert!(matches!(first(&book).state(), State::Acknowledged { .. }));
    book.look((0..6).map(from).collect(), 3);
    assert!(!first(&book).counted);
    assert!(!book.open().iter().any(|line| line.starts_with("flood")), "{:?}", book.open());
}

#[test]
fn newer_version_of_a_name_that_cannot_be_read_goes_on_waiting() {
    let item = |name: &str| Evidence::NewerVersion {
        name: name.into(),
        version: "2.0.0".into(),
        received: Digest::of(name.as_bytes()),
    };
    let alert =
        ReportedAlert::new(AlertKind::NewerVersions, "owner a", [item("a.b/c"), item("a.b/d")]);
    let mut book = Book::default();
    book.look(vec![alert], 1);
    let unknown = [crate::model::Name::parse("a.b/c").expect("a name")].into();
    let report = Report { unknown, ..Report::default() };
    let after = reconcile("official", &book.0, report, at(2));
    assert_eq!((after.len(), after[0].is_resolved()), (1, false));
    assert_eq!(after[0].evidence, [item("a.b/c")], "the other name waits no more");
    let ended = reconcile("official", &after, Report::default(), at(3));
    assert!(ended[0].is_resolved());
}

/// P25.
#[test]
fn what_a_source_does_not_know_resolves_no_alert() {
    let lookalike = |name: &str| {
        let signal = Signal {
            technique: Technique::BrandInLeaf,
            field: Field::Leaf,
            value: "stripe".into(),
            target: "stripe".into(),
        };
        let item = Evidence::Lookalike { name: name.into(), signal };
        ReportedAlert::new(AlertKind::Lookalike, "stripe", [item]).of_namespace("evil")
    };
    let mut book = Book::default();
    let quarantined = ReportedAlert::new(AlertKind::Quarantined, "official", []);
    let seen = vec![
        lookalike("evil/a"),
        lookalike("evil/b"),
        drift("evil/a@1.0.0 of official"),
        drift("evil/b@1.0.0 of official"),
        quarantined.clone(),
    ];
    book.look(seen, 1);
    let before = book.0.clone();
    let report = Report {
        seen: vec![],
        unknown: [crate::model::Name::parse("evil/a").expect("a name")].into(),
        unknown_alerts: [quarantined.identity].into(),
    };
    for alert in reconcile("official", &before, report, at(2)) {
        book.0.retain(|stored| stored.identity != alert.identity);
        book.0.push(alert);
    }
    let items = |alert: &Alert| alert.evidence.iter().map(ToString::to_string).collect::<String>();
    let mut lasting: Vec<(AlertKind, String)> = book
        .0
        .iter()
        .filter(|alert| !alert.is_resolved())
        .map(|alert| (alert.kind(), alert.identity.subject.clone()))
        .collect();
    lasting.sort();
    let wanted = [
        (AlertKind::Drift, "evil/a@1.0.0 of official".to_owned()),
        (AlertKind::Lookalike, "stripe".to_owned()),
        (AlertKind::Quarantined, "official".to_owned()),
    ];
    assert_eq!(lasting, wanted);
    let lookalike = book.0.iter().find(|alert| alert.kind() == AlertKind::Lookalike).expect("one");
    assert!(items(lookalike).contains("evil/a") && !items(lookalike).contains("evil/b"));
}

/// P53.
#[test]
fn acknowledgement_covers_nothing_that_was_not_listed() {
    let mut book = Book::default();
    let many = |count: usize| {
        let items = (0..count).map(|index| text(&format!("{index:05}")));
        ReportedAlert::new(AlertKind::Drift, "a.b/c", items)
    };
    book.look(vec![many(MAX_ITEMS + 1)], 1);
    book.acknowledge(|_| true);
    assert_eq!(unseen_of(&book.0[0]), [Evidence::Unlisted.to_string()]);
    assert!(book.0[0].is_open());
    book.look(vec![many(MAX_ITEMS)], 3);
    assert!(!book.0[0].is_open(), "all that is left was listed");
    book.look(vec![many(MAX_ITEMS + 2)], 4);
    assert!(book.0[0].is_open());
}

#[test]
fn one_item_of_each_technique_is_shown_before_repetitions() {
    let item = |technique: Technique, index: usize| {
        let signal =
            Signal { technique, field: Field::Leaf, value: "x".into(), target: "stripe".into() };
        Evidence::Lookalike { name: format!("evil/x{index:02}"), signal }
    };
    let copies = (0..30).map(|index| item(Technique::BrandInLeaf, index));
    let hidden = [item(Technique::BrandInTitle, 98), item(Technique::Homograph, 99)];
    let reported = ReportedAlert::new(AlertKind::Lookalike, "stripe", copies.chain(hidden));
    let alert = reconcile("x", &[], vec![reported], at(1)).remove(0);
    let wanted = ["brand-in-leaf", "homograph", "brand-in-title", "brand-in-leaf"];
    let starts = |text: &str| wanted.iter().position(|word| text.contains(word));
    let detail: Vec<Option<usize>> = alert.detail().split("; ").take(4).map(starts).collect();
    assert_eq!(detail, [Some(0), Some(1), Some(2), Some(0)]);
    assert!(alert.detail().ends_with("and 12 more"), "{}", alert.detail());
    let items = AlertReport::from(alert).items;
    assert!(items[1].text.contains("homograph") && items[2].text.contains("brand-in-title"));
}

#[test]
fn flood_of_items_does_not_remove_the_difference() {
    let mut book = Book::default();
    book.look(vec![drift_of("a.b/c", &["a"])], 1);
    let shown = book.0[0].shown();
    let many = (0..MAX_ITEMS).map(|index| text(&format!("{index:05}")));
    book.look(vec![ReportedAlert::new(AlertKind::Drift, "a.b/c", many)], 2);
    let difference = book.0[0].difference_since(shown).expect("it is remembered");
    assert_eq!((difference.added.len(), difference.removed.len()), (MAX_ITEMS, 1));
}

#[test]
fn acknowledged_alerts_take_no_place_and_highest_score_comes_first() {
    let mut book = Book::default();
    let from = |index: usize, score: u8| {
        let seen = drift(&format!("evil/x{index}")).of_namespace("evil");
        ReportedAlert { score: Some(score), ..seen }
    };
    let all = || (0..8).map(|index| from(index, 10 + u8::try_from(index).expect("few")));
    book.look(all().collect(), 1);
    let open = book.open();
    assert!(open.contains(&"drift evil/x7evil x1".into()), "{open:?}");
    assert!(open.contains(&"flood officialevil x3".into()), "{open:?}");
    book.acknowledge(|_| true);
    book.look(all().collect(), 3);
    assert_eq!(
        book.open(),
        ["drift evil/x0evil x1", "drift evil/x1evil x1", "drift evil/x2evil x1"],
        "the next ones are raised"
    );
    // An acknowledged flood reopens when another alert is counted in it.
    let more = || all().chain((8..20).map(|index| from(index, 50)));
    book.look(more().collect(), 4);
    let is_flood = |alert: &Alert| alert.kind() == AlertKind::Flood;
    book.acknowledge(is_flood);
    let flood = |book: &Book| book.0.iter().find(|alert| is_flood(alert)).expect("one").clone();
    assert!(!flood(&book).is_open());
    book.look(more().take(19).collect(), 5);
    assert!(!flood(&book).is_open(), "fewer alerts do not reopen it");
    book.look(more().chain([from(20, 1)]).collect(), 6);
    assert!(flood(&book).is_open());
    assert_eq!(unseen_of(&flood(&book)).len(), 1, "one of them was not shown");
}

#[test]
fn stored_alert_is_read_back_from_json() {
    let mut book = Book::default();
    book.look(vec![drift("a.b/c").of_namespace("a.b")], 1);
    book.acknowledge(|_| true);
    book.look(vec![drift_of("a.b/c", &["other"]).of_namespace("a.b")], 3);
    let alert = book.0.remove(0);
    let json = serde_json::to_string(&alert).expect("JSON");
    assert_eq!(serde_json::from_str::<Alert>(&json).expect("an alert"), alert);
    let report = AlertReport::from(alert);
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(serde_json::from_value::<AlertReport>(json.clone()).expect("a report"), report);
    assert_eq!((&json["state"], &json["kind"]), (&"open".into(), &"drift".into()));
    assert_eq!((&json["detail"], &json["items"][0]["seen"]), (&"other".into(), &false.into()));
    assert_eq!(json["id"].as_str().map(str::len), Some(12));
}

/// A digest is stored with each acknowledgement, so the canonical form of an item must not change by accident.
#[test]
fn item_digest_is_that_of_its_canonical_json() {
    let signal = Signal {
        technique: Technique::Confusable,
        field: Field::Title,
        value: "Str\u{456}pe".into(),
        target: "stripe".into(),
    };
    let item = Evidence::Lookalike { name: "a.b/c".into(), signal };
    let canonical = "{\"name\":\"a.b/c\",\"signal\":{\"field\":\"title\",\"target\":\"stripe\",\
                     \"technique\":\"confusable\",\"value\":\"Str\u{456}pe\"},\"type\":\"lookalike\"}";
    assert_eq!(item.digest(), Digest::of(canonical.as_bytes()));
}

/// A review sheet is bound to items, and a release may word an item otherwise.
#[test]
fn digest_without_wording_covers_contents_and_not_words() {
    let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
    let changes = |text: &str| vec![text.to_owned()];
    let drift = |now, text| Evidence::Drift { first: one, now, changes: changes(text) };
    let later = |received, text| Evidence::NotBenign {
        version: "2.0.0".into(),
        received,
        why: crate::model::NotBenign::Changed,
        changes: changes(text),
    };
    let digest = |item: Evidence| item.digest_without_wording();
    assert_eq!(digest(drift(two, "a")), digest(drift(two, "b")));
    assert_ne!(digest(drift(two, "a")), digest(drift(one, "a")));
    assert_eq!(digest(later(two, "a")), digest(later(two, "b")));
    assert_ne!(digest(later(two, "a")), digest(later(one, "a")));
    let violation = |text: &str| Evidence::Violation { rule: text.into() };
    assert_eq!(digest(violation("a")), digest(violation("b")));
    let text = |text: &str| Evidence::Text { text: text.into() };
    assert_ne!(digest(text("a")), digest(text("b")), "here the words are the evidence");
}
