//! What is told, to whom, and what becomes of what nobody takes.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::model::Instant;

fn at(seconds: i64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn drift(subject: &str, detail: &str) -> Observation {
    Observation::new(AlertKind::Drift, subject, [detail.to_owned().into()])
}

fn alert(detail: &str) -> Alert {
    let seen = drift("com.example/tool@1.0.0", detail).of_namespace("com.example");
    reconcile("official", &[], vec![seen], at(1)).remove(0)
}

fn scored(score: u8) -> Alert {
    Alert { score: Some(score), ..alert("a") }
}

fn acknowledged(detail: &str) -> Alert {
    alert(detail).acknowledge("alice", "known", at(2))
}

fn over(detail: &str) -> Alert {
    Alert { closed: Some(at(3)), ..alert(detail) }
}

#[rstest::rstest]
#[case(None, alert("a"), Some(Change::Raised))]
#[case(Some(over("a")), alert("a"), Some(Change::Raised))]
#[case(Some(alert("a")), alert("b"), Some(Change::Changed))]
#[case(Some(acknowledged("a")), alert("a"), Some(Change::Changed))]
#[case(Some(alert("a")), Alert { served: true, ..alert("a") }, Some(Change::Changed))]
#[case(Some(Alert { served: true, ..alert("a") }), alert("a"), None)]
#[case(Some(alert("a")), Alert { count: 2, ..alert("a") }, None)]
#[case(Some(scored(20)), scored(29), None)]
#[case(Some(scored(20)), scored(30), Some(Change::Changed))]
#[case(Some(alert("a")), acknowledged("a"), None)]
#[case(Some(acknowledged("a")), Alert { count: 2, ..acknowledged("a") }, None)]
#[case(Some(alert("a")), over("a"), Some(Change::Over))]
#[case(Some(acknowledged("a")), over("a"), Some(Change::Over))]
#[case(None, over("a"), None)]
fn only_news_are_told(
    #[case] before: Option<Alert>,
    #[case] after: Alert,
    #[case] told: Option<Change>,
) {
    assert_eq!(Change::between(before.as_ref(), &after), told);
}

fn letter(change: Change, detail: &str) -> Letter {
    Letter::new(Notice { change, alert: alert(detail) }, at(10))
}

#[rstest::rstest]
#[case(Change::Raised, Change::Changed, Change::Raised)]
#[case(Change::Changed, Change::Changed, Change::Changed)]
#[case(Change::Raised, Change::Over, Change::Over)]
#[case(Change::Over, Change::Raised, Change::Raised)]
fn news_take_the_place_of_what_waits(
    #[case] waiting: Change,
    #[case] news: Change,
    #[case] told: Change,
) {
    let waiting = Letter { attempts: 3, not_before: at(20), ..letter(waiting, "old") };
    let news = Letter { queued: at(15), ..letter(news, "new") };
    let letter = news.instead_of(Some(waiting));
    assert_eq!((letter.notice.change, letter.notice.alert.detail().as_str()), (told, "new"));
    // It is news, and waits as long as what it replaces: the receiver is as busy.
    assert_eq!((letter.queued, letter.attempts, letter.not_before), (at(15), 3, at(20)));
}

#[test]
fn what_becomes_about_something_served_waits_no_longer() {
    let waiting = Letter { not_before: at(3_600), ..letter(Change::Raised, "a") };
    let mut news = Letter { not_before: at(15), ..letter(Change::Changed, "a") };
    news.notice.alert.served = true;
    assert_eq!(news.instead_of(Some(waiting)).not_before, at(15));
}

fn receiver(kinds: &[AlertKind]) -> Receiver {
    Receiver {
        name: "chat".into(),
        format: Format::Json,
        url: "sha256:0123".into(),
        secret: None,
        kinds: kinds.to_vec(),
        give_up_after_seconds: 60,
    }
}

#[test]
fn a_receiver_hears_of_the_kinds_it_wants_and_never_of_itself() {
    assert!(receiver(&[]).wants(&alert("a")));
    assert!(receiver(&[AlertKind::Held, AlertKind::Drift]).wants(&alert("a")));
    assert!(!receiver(&[AlertKind::Held]).wants(&alert("a")));
    let flood = Observation::new(AlertKind::Flood, "official", []);
    let flood = reconcile("official", &[], vec![flood], at(1)).remove(0);
    assert!(receiver(&[AlertKind::Held]).wants(&flood), "it may count some of those");
    let about = |name: &str| {
        let seen =
            Observation::new(AlertKind::WebhookFailing, name, [Evidence::WebhookTakesNothing]);
        reconcile(RECEIVERS, &[], vec![seen], at(1)).remove(0)
    };
    assert!(!receiver(&[]).wants(&about("chat")));
    assert!(receiver(&[]).wants(&about("other")));
}

fn refusal(whose: Whose, retry_after: Option<u64>) -> Refusal {
    Refusal { why: "no".into(), whose, retry_after: retry_after.map(Duration::from_secs) }
}

#[rstest::rstest]
//     attempts before, asked, waits
#[case(0, None, 1)]
#[case(1, None, 2)]
#[case(5, None, 32)]
#[case(10, None, 900)]
#[case(u32::MAX, None, 900)]
#[case(0, Some(30), 30)]
#[case(5, Some(0), 1)]
#[case(0, Some(1_000_000), 3_600)]
fn what_is_not_taken_waits_longer_each_time(
    #[case] attempts: u32,
    #[case] asked: Option<u64>,
    #[case] seconds: i64,
) {
    let letter = Letter { attempts, ..letter(Change::Raised, "a") };
    let fate = letter.refused(refusal(Whose::Receiver, asked), &receiver(&[]), at(11));
    let Fate::Retry(letter) = fate else { panic!("{fate:?}") };
    assert_eq!(letter.not_before, at(11 + seconds));
    assert_eq!(letter.failure.as_deref(), Some("no"));
}

#[test]
fn it_is_given_up_when_it_is_old_and_was_tried_or_when_nobody_is_there() {
    let fate = |attempts: u32, whose: Whose, now: i64| {
        let letter = Letter { attempts, ..letter(Change::Raised, "a") };
        matches!(letter.refused(refusal(whose, None), &receiver(&[]), at(now)), Fate::GiveUp(_))
    };
    assert!(!fate(9, Whose::Receiver, 69));
    assert!(fate(9, Whose::Receiver, 70));
    assert!(!fate(1, Whose::Receiver, 7_000), "a daemon that was off has not tried");
    assert!(fate(2, Whose::Letter, 7_000));
    assert!(fate(0, Whose::Gone, 11));
}

#[test]
fn how_it_stands_with_a_receiver_is_remembered() {
    let failed = Reception::default().after(&Err(refusal(Whose::Receiver, None)), at(1));
    let failed = failed.after(&Err(refusal(Whose::Receiver, None)), at(2));
    assert_eq!((failed.failing_since, failed.last_failure.as_deref()), (Some(at(1)), Some("no")));
    let taken = failed.after(&Ok(()), at(3));
    let wanted = Reception { last_taken: Some(at(3)), failing_since: None, last_failure: None };
    assert_eq!(taken, wanted);
}

#[test]
fn text_from_outside_neither_steers_nor_mentions() {
    let hostile = "\u{1b}[31m<!channel> \u{202e}<https://evil.example|click> *bold*";
    let seen = drift(hostile, &hostile.repeat(200)).of_namespace(hostile);
    let alert = reconcile("official", &[], vec![seen], at(1)).remove(0);
    let notice = Notice { change: Change::Raised, alert };
    let json = notice.body(Format::Json);
    assert!(!json.contains("\\u001b") && !json.contains('\u{202e}'), "{json}");
    let slack: Value = serde_json::from_str(&notice.body(Format::Slack)).expect("JSON");
    assert_eq!(slack["text"], "vidimus: An alert was raised (drift)");
    for block in slack["blocks"].as_array().expect("blocks") {
        let text = match block["type"].as_str() {
            Some("context") => &block["elements"][0],
            _ => &block["text"],
        };
        assert_eq!((&text["type"], &text["emoji"]), (&"plain_text".into(), &false.into()));
        let text = text["text"].as_str().expect("a text");
        assert!(text.chars().count() <= 3_000 && !text.contains('\u{1b}'));
    }
}

#[test]
fn one_piece_of_news_has_one_id() {
    let notice = |change, alert| Notice { change, alert }.id();
    let raised = notice(Change::Raised, alert("a"));
    assert_eq!(raised, notice(Change::Raised, alert("a")));
    assert_ne!(raised, notice(Change::Over, over("a")));
    assert_ne!(raised, notice(Change::Changed, Alert { changed: at(9), ..alert("b") }));
}
