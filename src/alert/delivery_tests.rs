//! Notices, their recipients, and what happens to deliveries that are refused.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::model::{Actor, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn drift(subject: &str, detail: &str) -> ReportedAlert {
    ReportedAlert::new(AlertKind::Drift, subject, [detail.to_owned().into()])
}

fn alert(detail: &str) -> Alert {
    let seen = drift("com.example/tool@1.0.0", detail).of_namespace("com.example");
    reconcile("official", &[], vec![seen], at(1)).remove(0)
}

fn scored(score: u8) -> Alert {
    Alert { score: Some(score), ..alert("a") }
}

fn acknowledged(detail: &str) -> Alert {
    alert(detail).acknowledge("alice", "known", Actor::LocalUser(1), at(2))
}

fn resolved(detail: &str) -> Alert {
    Alert { closed: Some(at(3)), ..alert(detail) }
}

#[rstest::rstest]
#[case(None, alert("a"), Some(Change::Raised))]
#[case(Some(resolved("a")), alert("a"), Some(Change::Raised))]
#[case(Some(alert("a")), alert("b"), Some(Change::Updated))]
#[case(Some(acknowledged("a")), alert("a"), Some(Change::Updated))]
#[case(Some(alert("a")), Alert { served: true, ..alert("a") }, Some(Change::Updated))]
#[case(Some(Alert { served: true, ..alert("a") }), alert("a"), None)]
#[case(Some(alert("a")), Alert { count: 2, ..alert("a") }, None)]
#[case(Some(scored(20)), scored(29), None)]
#[case(Some(scored(20)), scored(30), Some(Change::Updated))]
#[case(Some(alert("a")), acknowledged("a"), None)]
#[case(Some(acknowledged("a")), Alert { count: 2, ..acknowledged("a") }, None)]
#[case(Some(alert("a")), resolved("a"), Some(Change::Resolved))]
#[case(Some(acknowledged("a")), resolved("a"), Some(Change::Resolved))]
#[case(None, resolved("a"), None)]
fn only_relevant_changes_are_reported(
    #[case] before: Option<Alert>,
    #[case] after: Alert,
    #[case] wanted: Option<Change>,
) {
    assert_eq!(Change::between(before.as_ref(), &after), wanted);
}

fn delivery(change: Change, detail: &str) -> Delivery {
    Delivery::new(Notice { change, alert: alert(detail) }, at(10))
}

#[rstest::rstest]
#[case(Change::Raised, Change::Updated, Change::Raised)]
#[case(Change::Updated, Change::Updated, Change::Updated)]
#[case(Change::Raised, Change::Resolved, Change::Resolved)]
#[case(Change::Resolved, Change::Raised, Change::Raised)]
fn update_replaces_pending_delivery(
    #[case] waiting: Change,
    #[case] update: Change,
    #[case] wanted: Change,
) {
    let waiting = Delivery { attempts: 3, not_before: at(20), ..delivery(waiting, "old") };
    let update = Delivery { queued: at(15), ..delivery(update, "new") };
    let delivery = update.instead_of(Some(waiting));
    assert_eq!((delivery.notice.change, delivery.notice.alert.detail().as_str()), (wanted, "new"));
    // It waits until the same time as the delivery that it replaces: the recipient is as busy.
    assert_eq!((delivery.queued, delivery.attempts, delivery.not_before), (at(15), 3, at(20)));
}

#[test]
fn update_about_something_served_ignores_backoff() {
    let waiting = Delivery { not_before: at(3_600), ..delivery(Change::Raised, "a") };
    let mut update = Delivery { not_before: at(15), ..delivery(Change::Updated, "a") };
    update.notice.alert.served = true;
    assert_eq!(update.instead_of(Some(waiting)).not_before, at(15));
}

fn recipient(kinds: &[AlertKind]) -> Recipient {
    Recipient {
        name: "chat".into(),
        format: Format::Json,
        url: "sha256:0123".into(),
        secret: None,
        kinds: kinds.to_vec(),
        give_up_after_seconds: 60,
    }
}

#[test]
fn recipient_gets_wanted_kinds_and_nothing_about_itself() {
    assert!(recipient(&[]).wants(&alert("a")));
    assert!(recipient(&[AlertKind::OnHold, AlertKind::Drift]).wants(&alert("a")));
    assert!(!recipient(&[AlertKind::OnHold]).wants(&alert("a")));
    let flood = ReportedAlert::new(AlertKind::Flood, "official", []);
    let flood = reconcile("official", &[], vec![flood], at(1)).remove(0);
    assert!(recipient(&[AlertKind::OnHold]).wants(&flood), "it may count some of those");
    let about = |name: &str| {
        let seen = ReportedAlert::new(AlertKind::WebhookFailing, name, [Evidence::DeliveriesFail]);
        reconcile(RECIPIENTS, &[], vec![seen], at(1)).remove(0)
    };
    assert!(!recipient(&[]).wants(&about("chat")));
    assert!(recipient(&[]).wants(&about("other")));
}

fn refusal(scope: RefusalScope, retry_after: Option<u64>) -> Refusal {
    Refusal { why: "no".into(), scope, retry_after: retry_after.map(Duration::from_secs) }
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
fn refused_delivery_backs_off(
    #[case] attempts: u32,
    #[case] asked: Option<u64>,
    #[case] seconds: i64,
) {
    let delivery = Delivery { attempts, ..delivery(Change::Raised, "a") };
    let fate = delivery.refused(refusal(RefusalScope::Recipient, asked), &recipient(&[]), at(11));
    let Fate::Retry(delivery) = fate else { panic!("{fate:?}") };
    assert_eq!(delivery.not_before, at(11 + seconds));
    assert_eq!(delivery.failure.as_deref(), Some("no"));
}

#[test]
fn delivery_is_given_up_when_old_and_attempted_or_when_recipient_is_gone() {
    let fate = |attempts: u32, scope: RefusalScope, now: i64| {
        let delivery = Delivery { attempts, ..delivery(Change::Raised, "a") };
        matches!(delivery.refused(refusal(scope, None), &recipient(&[]), at(now)), Fate::GiveUp(_))
    };
    assert!(!fate(9, RefusalScope::Recipient, 69));
    assert!(fate(9, RefusalScope::Recipient, 70));
    assert!(!fate(1, RefusalScope::Recipient, 7_000), "a daemon that was off made no attempts");
    assert!(fate(2, RefusalScope::Delivery, 7_000));
    assert!(fate(0, RefusalScope::Gone, 11));
}

#[test]
fn delivery_history_follows_outcomes() {
    let failed =
        DeliveryHistory::default().after(&Err(refusal(RefusalScope::Recipient, None)), at(1));
    let failed = failed.after(&Err(refusal(RefusalScope::Recipient, None)), at(2));
    assert_eq!((failed.failing_since, failed.last_failure.as_deref()), (Some(at(1)), Some("no")));
    let taken = failed.after(&Ok(()), at(3));
    let wanted =
        DeliveryHistory { last_delivered: Some(at(3)), failing_since: None, last_failure: None };
    assert_eq!(taken, wanted);
}

#[test]
fn text_from_outside_cannot_control_or_mention() {
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
fn equal_notices_have_equal_ids() {
    let notice = |change, alert| Notice { change, alert }.id();
    let raised = notice(Change::Raised, alert("a"));
    assert_eq!(raised, notice(Change::Raised, alert("a")));
    assert_ne!(raised, notice(Change::Resolved, resolved("a")));
    assert_ne!(raised, notice(Change::Updated, Alert { changed: at(9), ..alert("b") }));
}
