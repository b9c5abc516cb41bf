use super::*;
use crate::model::Instant;

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

/// A source's memory, as the store would keep it.
#[derive(Default)]
struct Book(Vec<Alert>);

impl Book {
    fn look(&mut self, seen: Vec<Observation>, now: i64) -> usize {
        let changed = reconcile("official", &self.0, seen, at(now));
        let count = changed.len();
        for alert in changed {
            self.0.retain(|stored| stored.id != alert.id);
            self.0.push(alert);
        }
        count
    }

    fn open(&self) -> Vec<String> {
        let open = self.0.iter().filter(|alert| alert.is_open());
        let mut open: Vec<String> = open
            .map(|it| format!("{} {}{} x{}", it.kind, it.subject, it.suspect, it.count))
            .collect();
        open.sort();
        open
    }
}

fn drift(name: &str) -> Observation {
    Observation::new("drift", name, "description changed")
}

#[test]
fn an_alert_is_raised_once_lasts_and_ends() {
    let mut book = Book::default();
    assert_eq!(book.look(vec![drift("a.b/c")], 1), 1);
    assert_eq!(book.look(vec![drift("a.b/c")], 2), 0, "nothing new");
    assert_eq!(book.open(), ["drift a.b/c x1"]);
    assert_eq!(book.look(vec![], 3), 1);
    assert_eq!(book.0[0].state, State::Closed { at: at(3) });
    assert_eq!(book.look(vec![], 4), 0, "it stays over");
    assert_eq!(book.look(vec![drift("a.b/c")], 5), 1, "and can come back");
    assert_eq!((book.0[0].raised, book.0[0].is_open()), (at(5), true));
}

#[test]
fn an_acknowledged_alert_is_quiet_until_its_detail_changes() {
    let mut book = Book::default();
    book.look(vec![drift("a.b/c")], 1);
    let alert = book.0.remove(0).acknowledged("alice", "known", at(2));
    book.0.push(alert);
    assert_eq!(book.look(vec![drift("a.b/c")], 3), 0);
    book.look(vec![Observation { count: 2, ..drift("a.b/c") }], 4);
    assert!(!book.0[0].is_open(), "a count alone wakes nobody");
    book.look(vec![Observation { detail: "title changed".into(), ..drift("a.b/c") }], 5);
    assert!(book.0[0].is_open());
    assert_eq!((book.0[0].raised, book.0[0].changed), (at(1), at(5)));
}

#[test]
fn a_score_that_rises_much_wakes() {
    let mut book = Book::default();
    let scored = |score| Observation { score: Some(score), ..drift("a.b/c") };
    book.look(vec![scored(20)], 1);
    let alert = book.0.remove(0).acknowledged("alice", "known", at(2));
    book.0.push(alert);
    assert_eq!(book.look(vec![scored(29)], 3), 0);
    assert_eq!((book.0[0].score, book.0[0].is_open()), (Some(20), false), "as it was seen");
    assert_eq!(book.look(vec![scored(10)], 4), 0);
    assert_eq!(book.look(vec![scored(30)], 5), 1);
    assert_eq!((book.0[0].score, book.0[0].is_open()), (Some(30), true));
}

#[test]
fn one_publisher_cannot_bury_an_alert_under_many() {
    let mut book = Book::default();
    let from = |namespace: &str, index: usize| {
        drift(&format!("{namespace}/x{index:03}")).of_namespace(namespace)
    };
    book.look(vec![from("evil", 900)], 1);
    let mut seen: Vec<Observation> = (0..100).map(|index| from("evil", index)).collect();
    seen.extend([from("evil", 900), from("good", 1), from("evil", 950).about_served(true)]);
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
            "flood evil x96",
        ]
    );
}

#[test]
fn what_was_acknowledged_takes_no_place_and_what_matters_most_comes_first() {
    let mut book = Book::default();
    let from = |index: usize, score: u8| {
        let seen = drift(&format!("evil/x{index}")).of_namespace("evil");
        Observation { score: Some(score), ..seen }
    };
    let all = || (0..8).map(|index| from(index, 10 + u8::try_from(index).expect("few")));
    book.look(all().collect(), 1);
    let open = book.open();
    assert!(open.contains(&"drift evil/x7evil x1".into()), "{open:?}");
    assert!(open.contains(&"flood evil x3".into()), "{open:?}");
    let seen = std::mem::take(&mut book.0).into_iter();
    book.0 = seen.map(|it| it.acknowledged("alice", "known", at(2))).collect();
    book.look(all().collect(), 3);
    assert_eq!(
        book.open(),
        ["drift evil/x0evil x1", "drift evil/x1evil x1", "drift evil/x2evil x1"],
        "the next ones come up"
    );
    // A flood that somebody has acknowledged wakes when it grows.
    let more = || all().chain((8..20).map(|index| from(index, 50)));
    book.look(more().collect(), 4);
    let seen = std::mem::take(&mut book.0).into_iter();
    book.0 = seen
        .map(|it| if it.kind == "flood" { it.acknowledged("alice", "known", at(5)) } else { it })
        .collect();
    assert!(!book.open().iter().any(|it| it.starts_with("flood")));
    book.look(more().chain([from(20, 1)]).collect(), 6);
    assert!(book.open().iter().any(|it| it.starts_with("flood")), "{:?}", book.open());
}

#[test]
fn an_alert_is_stored_as_json_and_read_again() {
    let mut book = Book::default();
    book.look(vec![drift("a.b/c").of_namespace("a.b")], 1);
    let alert = book.0.remove(0).acknowledged("alice", "known", at(2));
    let json = serde_json::to_string(&alert).expect("JSON");
    assert_eq!(serde_json::from_str::<Alert>(&json).expect("an alert"), alert);
    assert_eq!(alert.id.len(), 12);
}
