//! Webhooks notify recipients of alerts: signed, retried until accepted, and without secrets.

use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::recipient::{Answer, Received, Recipient};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const SECRET: &str = "a-secret-that-must-not-leak";
const PROTECT: &str = "namespaces:\n- {name: com.stripe, protect: [stripe]}\n";
const REVIEWED: &str = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";

/// Starts a daemon with these upstream names and one webhook recipient.
async fn start(recipient: &Recipient, more: &str, names: &[&str]) -> (Upstream, Workplace, Daemon) {
    let upstream = Upstream::start(names.iter().map(|name| Row::new(name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    place.write("url", &format!("{}\n", recipient.url));
    place.write("secret", SECRET);
    let settings = format!(
        "[[webhooks]]\nname = \"security\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n{more}\n"
    );
    place.write("vidimus.toml", &settings);
    let daemon = place.start().await;
    daemon.synced().await;
    (upstream, place, daemon)
}

fn signature(received: &Received, secret: &[u8]) -> String {
    let signed = format!(
        "{}.{}.{}",
        received.header("webhook-id"),
        received.header("webhook-timestamp"),
        received.body
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())))
}

fn webhook(place: &Workplace) -> Value {
    place.json(&["status", "--json"])["webhooks"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn recipient_is_notified_when_an_alert_is_raised_updated_and_resolved() {
    let recipient = Recipient::start().await;
    let names = ["io.github.someone/stripe-mcp", "io.github.someone/weather"];
    let (upstream, place, daemon) = start(&recipient, "", &names).await;
    place.overlay("protect.yaml", PROTECT);
    let raised = recipient.got(1).await.remove(0);
    let notice = raised.json();
    assert_eq!(notice["type"], "alert.raised");
    let data = &notice["data"];
    assert_eq!((&data["kind"], &data["subject"]), (&"lookalike".into(), &"stripe".into()));
    assert_eq!(data["suspect"], "io.github.someone");
    assert_eq!(data["served"], false);
    let detail = data["detail"].as_str().expect("a text");
    assert!(detail.starts_with("io.github.someone/stripe-mcp resembles stripe: "), "{detail}");
    assert_eq!(raised.header("content-type"), "application/json");
    assert_eq!(raised.header("webhook-signature"), signature(&raised, SECRET.as_bytes()));
    let now = crate::support::registry::now();
    upstream.put(Row::new("io.github.someone/stripe-pay", "1.0.0").published(&now));
    let updated = recipient.got(2).await.remove(1);
    assert_eq!(updated.json()["type"], "alert.updated");
    assert_eq!(updated.json()["data"]["count"], 2);
    place.overlay(
        "not_lookalike.yaml",
        "servers:\n- {name: io.github.someone/*, not_lookalike: {target: stripe, reason: ours, reviewer: alice}}\n",
    );
    let resolved = recipient.got(3).await.remove(2);
    assert_eq!(resolved.json()["type"], "alert.resolved");
    assert!(resolved.json()["data"]["resolved"].is_string());
    let ids: Vec<&str> =
        [&raised, &updated, &resolved].iter().map(|request| request.header("webhook-id")).collect();
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(distinct.len(), 3, "{ids:?}");
    eventually("no delivery is queued", async || (webhook(&place)["waiting"] == 0).then_some(()))
        .await;
    drop(daemon);
    // Knowing the address is enough to post there, so neither address nor secret may be shown.
    let status = place.print(&["status", "--json"]);
    let shown = format!("{status}{}{}", place.print(&["status"]), place.log());
    assert!(!shown.contains("very-secret-path") && !shown.contains(SECRET), "{shown}");
    assert!(shown.contains("sha256:"), "{shown}");
}

/// P54.
#[tokio::test(flavor = "multi_thread")]
async fn delivery_is_retried_across_a_restart_with_the_same_id() {
    let recipient = Recipient::start().await;
    recipient.behave(|_| Answer::Status(503, vec![]));
    let (_upstream, place, mut daemon) = start(&recipient, "", &["com.strlpe/pay"]).await;
    place.overlay("protect.yaml", PROTECT);
    recipient.got(2).await;
    eventually("the failure is shown", async || {
        (webhook(&place)["lastFailure"] == "it answered 503").then_some(())
    })
    .await;
    daemon.kill();
    let before = recipient.received().len();
    recipient.behave(|_| Answer::Accept);
    let _daemon = place.start().await;
    let received = recipient.got(before + 1).await;
    let ids: std::collections::BTreeSet<&str> =
        received.iter().map(|request| request.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    eventually("the delivery was accepted", async || {
        let webhook = webhook(&place);
        (webhook["waiting"] == 0 && webhook["lastDelivered"].is_string()).then_some(())
    })
    .await;
    assert_eq!(recipient.received().len(), before + 1, "an accepted delivery is not sent again");
}

/// P52.
#[tokio::test(flavor = "multi_thread")]
async fn alert_of_a_served_name_does_not_wait_behind_a_stalled_delivery() {
    let recipient = Recipient::start().await;
    recipient.behave(|received| {
        if received.json()["data"]["served"] == true { Answer::Accept } else { Answer::Stall }
    });
    let names = ["com.strlpe/pay", "io.github.someone/weather"];
    let (_upstream, place, daemon) = start(&recipient, "timeout = \"1h\"", &names).await;
    place.overlay("wide.yaml", &format!("servers: [{{name: io.github.someone/*, {REVIEWED}}}]\n"));
    daemon.lists(&["io.github.someone/weather@1.0.0"]).await;
    place.overlay("protect.yaml", PROTECT);
    recipient.got(1).await;
    assert_eq!(recipient.received()[0].json()["data"]["served"], false);
    // While that delivery stalls for up to an hour, an alert of a served name is raised.
    place.overlay("more.yaml", "namespaces: [{name: com.weather, protect: [weather]}]\n");
    let received = recipient.got(2).await;
    assert_eq!(received[1].json()["data"]["suspect"], "io.github.someone");
    eventually("the delivery was accepted", async || {
        let webhook = webhook(&place);
        (webhook["lastDelivered"].is_string() && webhook["waiting"] == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_is_not_followed_and_a_dead_letter_can_be_redelivered() {
    let (recipient, elsewhere) = (Recipient::start().await, Recipient::start().await);
    let target = elsewhere.url.clone();
    recipient.behave(move |_| Answer::Status(307, vec![("location", target.clone())]));
    let (_upstream, place, _daemon) =
        start(&recipient, "give_up_after = \"1s\"", &["com.strlpe/pay"]).await;
    place.overlay("protect.yaml", PROTECT);
    eventually("the delivery becomes a dead letter", async || {
        (webhook(&place)["deadLetters"] == 1).then_some(())
    })
    .await;
    assert_eq!(recipient.received().len(), 3, "it was tried three times");
    assert_eq!(elsewhere.received().len(), 0);
    let listed = place.run(&["alerts", "dead-letters"]);
    assert_eq!(listed.status.code(), Some(1));
    let listed = text(&listed.stdout);
    assert!(
        listed.contains(
            "lookalike stripe by com.strlpe: it redirects (307), which is not followed; 3 attempts"
        ),
        "{listed}"
    );
    let alerts = place.print(&["alerts"]);
    assert!(alerts.contains("webhook-failing security"), "{alerts}");
    recipient.behave(|_| Answer::Accept);
    assert!(place.run(&["alerts", "redeliver", "security"]).status.success());
    eventually("the delivery is accepted", async || {
        let none_lost = place.run(&["alerts", "dead-letters"]).status.success();
        (none_lost && webhook(&place)["waiting"] == 0).then_some(())
    })
    .await;
    assert_eq!(recipient.received().len(), 4);
    eventually("the alert about the webhook is resolved", async || {
        (!place.print(&["alerts"]).contains("webhook-failing")).then_some(())
    })
    .await;
}

/// P54.
#[tokio::test(flavor = "multi_thread")]
async fn gone_recipient_is_not_tried_again_and_others_are_notified() {
    let (gone, other) = (Recipient::start().await, Recipient::start().await);
    gone.behave(|_| Answer::Status(410, vec![]));
    let more = "kinds = [\"lookalike\"]\n[[webhooks]]\nname = \"chat\"\nurl_file = \"chat\"\nformat = \"slack\"\nallow_http = true";
    let names = ["com.strlpe/pay", "io.github.someone/stripe-mcp"];
    let upstream = Upstream::start(names.map(|name| Row::new(name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    place.write("chat", &other.url);
    place.write("url", &gone.url);
    place.write("secret", "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=");
    place.write(
        "vidimus.toml",
        &format!(
            "[[webhooks]]\nname = \"a\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n{more}\n"
        ),
    );
    let daemon = place.start().await;
    daemon.synced().await;
    place.overlay("protect.yaml", PROTECT);
    let received = other.got(3).await;
    let notices: Vec<Value> = received.iter().map(Received::json).collect();
    let first =
        |notice: &Value| notice["blocks"][0]["text"]["text"].as_str().expect("a text").to_owned();
    let mut firsts: Vec<String> = notices.iter().map(first).collect();
    firsts.sort();
    assert_eq!(
        firsts,
        [
            "An alert was raised: lookalike stripe by com.strlpe",
            "An alert was raised: lookalike stripe by io.github.someone",
            "An alert was raised: webhook-failing a",
        ]
    );
    assert_eq!(notices[0]["blocks"][0]["text"]["type"], "plain_text");
    assert_eq!(notices[0]["text"], "vidimus: An alert was raised (lookalike)");
    assert_eq!(received[0].header("webhook-signature"), "", "the address is the secret");
    let tried = gone.received();
    assert_eq!(tried.len(), 1);
    assert_eq!(tried[0].header("webhook-signature"), signature(&tried[0], b"secret-secret-secret"));
    let dead_letters = place.run(&["alerts", "dead-letters", "--json"]);
    let dead_letters: Value = serde_json::from_str(&text(&dead_letters.stdout)).expect("JSON");
    let dead_letters = dead_letters.as_array().expect("a list");
    assert_eq!(dead_letters.len(), 2, "the second was not even tried");
    for delivery in dead_letters {
        assert_eq!(delivery["failure"], "it says that it is gone for good (410)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_webhook_is_reported_without_its_address() {
    let place = Workplace::new("http://127.0.0.1:9");
    let settings = "[[webhooks]]\nname = \"a\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n";
    place.write("vidimus.toml", settings);
    let serve = |place: &Workplace| {
        let output = place.refused_start();
        assert_eq!(output.status.code(), Some(3));
        text(&output.stderr)
    };
    assert!(serve(&place).contains("the webhook `a` cannot be used: the file url cannot be read"));
    let checked = place.run(&["check"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        text(&checked.stderr).contains("the webhook `a` cannot be used")
            || text(&checked.stdout).contains("the webhook `a` cannot be used")
    );
    place.write("secret", SECRET);
    place.write("url", "http://hooks.example/very-secret-path");
    let printed = serve(&place);
    assert!(printed.contains("http is not encrypted"), "{printed}");
    assert!(
        !printed.contains("very-secret-path") && !printed.contains("hooks.example"),
        "{printed}"
    );
}
