//! Receivers are told of alerts: signed, again until they take it, and never what they must not see.

mod support;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use support::daemon::{Daemon, Workplace, text};
use support::receiver::{Answer, Received, Receiver};
use support::registry::Row;
use support::upstream::Upstream;
use support::wait::eventually;

const SECRET: &str = "a-secret-that-nobody-reads";
const PROTECT: &str = "namespaces:\n- {name: com.stripe, protect: [stripe]}\n";
const REVIEWED: &str = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";

/// A daemon whose upstream lists these names, and which tells a receiver.
async fn told(receiver: &Receiver, more: &str, names: &[&str]) -> (Upstream, Workplace, Daemon) {
    let upstream = Upstream::start(names.iter().map(|name| Row::new(name, "1.0.0"))).await;
    let place = Workplace::new(&upstream.url);
    place.write("url", &format!("{}\n", receiver.url));
    place.write("secret", SECRET);
    let settings = format!(
        "[[webhooks]]\nname = \"security\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n{more}\n"
    );
    place.write("vidimus.toml", &settings);
    let daemon = place.start().await;
    daemon.walked().await;
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
async fn an_alert_is_told_when_it_is_raised_changes_and_is_over() {
    let receiver = Receiver::start().await;
    let names = ["io.github.someone/stripe-mcp", "io.github.someone/weather"];
    let (upstream, place, daemon) = told(&receiver, "", &names).await;
    place.overlay("protect.yaml", PROTECT);
    let raised = receiver.got(1).await.remove(0);
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
    let now = vidimus::daemon::Clock::system().to_string();
    upstream.put(Row::new("io.github.someone/stripe-pay", "1.0.0").status("active", &now));
    let changed = receiver.got(2).await.remove(1);
    assert_eq!(changed.json()["type"], "alert.changed");
    assert_eq!(changed.json()["data"]["count"], 2);
    place.overlay(
        "quiet.yaml",
        "servers:\n- {name: io.github.someone/*, not_lookalike: {target: stripe, reason: ours, reviewer: alice}}\n",
    );
    let over = receiver.got(3).await.remove(2);
    assert_eq!(over.json()["type"], "alert.over");
    assert!(over.json()["data"]["over"].is_string());
    let ids: Vec<&str> =
        [&raised, &changed, &over].iter().map(|it| it.header("webhook-id")).collect();
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(distinct.len(), 3, "{ids:?}");
    eventually("nothing waits", async || (webhook(&place)["waiting"] == 0).then_some(())).await;
    drop(daemon);
    // Who knows the address may post there: it stands nowhere, nor does the secret.
    let status = text(&place.run(&["status", "--json"]).stdout);
    let shown = format!("{status}{}{}", text(&place.run(&["status"]).stdout), place.log());
    assert!(!shown.contains("very-secret-path") && !shown.contains(SECRET), "{shown}");
    assert!(shown.contains("sha256:"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_is_sent_until_it_is_taken_across_a_restart_and_under_one_id() {
    let receiver = Receiver::start().await;
    receiver.behave(|_| Answer::Status(503, vec![]));
    let (_upstream, place, mut daemon) = told(&receiver, "", &["com.strlpe/pay"]).await;
    place.overlay("protect.yaml", PROTECT);
    receiver.got(2).await;
    eventually("it is said", async || {
        (webhook(&place)["lastFailure"] == "it answered 503").then_some(())
    })
    .await;
    daemon.kill();
    let before = receiver.received().len();
    receiver.behave(|_| Answer::Take);
    let _daemon = place.start().await;
    let received = receiver.got(before + 1).await;
    let ids: std::collections::BTreeSet<&str> =
        received.iter().map(|it| it.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    eventually("it was taken", async || {
        let webhook = webhook(&place);
        (webhook["waiting"] == 0 && webhook["lastTaken"].is_string()).then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), before + 1, "once it is taken it is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_does_not_wait_behind_what_stalls() {
    let receiver = Receiver::start().await;
    receiver.behave(|received| match received.json()["data"]["served"] == true {
        true => Answer::Take,
        false => Answer::Stall,
    });
    let names = ["com.strlpe/pay", "io.github.someone/weather"];
    let (_upstream, place, daemon) = told(&receiver, "timeout = \"1h\"", &names).await;
    place.overlay("wide.yaml", &format!("servers: [{{name: io.github.someone/*, {REVIEWED}}}]\n"));
    daemon.lists(&["io.github.someone/weather@1.0.0"]).await;
    place.overlay("protect.yaml", PROTECT);
    receiver.got(1).await;
    assert_eq!(receiver.received()[0].json()["data"]["served"], false);
    // While that one is held for an hour, something is found that is served.
    place.overlay("more.yaml", "namespaces: [{name: com.weather, protect: [weather]}]\n");
    let received = receiver.got(2).await;
    assert_eq!(received[1].json()["data"]["suspect"], "io.github.someone");
    eventually("it was taken", async || {
        let webhook = webhook(&place);
        (webhook["lastTaken"].is_string() && webhook["waiting"] == 1).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_what_was_given_up_can_be_sent_again() {
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    let target = elsewhere.url.clone();
    receiver.behave(move |_| Answer::Status(307, vec![("location", target.clone())]));
    let (_upstream, place, _daemon) =
        told(&receiver, "give_up_after = \"1s\"", &["com.strlpe/pay"]).await;
    place.overlay("protect.yaml", PROTECT);
    eventually("it is given up", async || (webhook(&place)["undelivered"] == 1).then_some(()))
        .await;
    assert_eq!(receiver.received().len(), 3, "it was tried three times");
    assert_eq!(elsewhere.received().len(), 0);
    let listed = place.run(&["alerts", "undelivered"]);
    assert_eq!(listed.status.code(), Some(1));
    let listed = text(&listed.stdout);
    assert!(
        listed.contains(
            "lookalike stripe by com.strlpe: it redirects (307), which is not followed; 3 attempts"
        ),
        "{listed}"
    );
    let alerts = text(&place.run(&["alerts"]).stdout);
    assert!(alerts.contains("webhook-failing security"), "{alerts}");
    receiver.behave(|_| Answer::Take);
    assert!(place.run(&["alerts", "redeliver", "security"]).status.success());
    eventually("it is told", async || {
        let none_lost = place.run(&["alerts", "undelivered"]).status.success();
        (none_lost && webhook(&place)["waiting"] == 0).then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), 4);
    eventually("the alert about it is over", async || {
        (!text(&place.run(&["alerts"]).stdout).contains("webhook-failing")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_gone_is_not_asked_again_and_others_hear_of_it() {
    let (gone, other) = (Receiver::start().await, Receiver::start().await);
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
    daemon.walked().await;
    place.overlay("protect.yaml", PROTECT);
    let received = other.got(3).await;
    let told: Vec<Value> = received.iter().map(Received::json).collect();
    let first = |it: &Value| it["blocks"][0]["text"]["text"].as_str().expect("a text").to_owned();
    let mut firsts: Vec<String> = told.iter().map(first).collect();
    firsts.sort();
    assert_eq!(
        firsts,
        [
            "An alert was raised: lookalike stripe by com.strlpe",
            "An alert was raised: lookalike stripe by io.github.someone",
            "An alert was raised: webhook-failing a",
        ]
    );
    assert_eq!(told[0]["blocks"][0]["text"]["type"], "plain_text");
    assert_eq!(told[0]["text"], "vidimus: An alert was raised (lookalike)");
    assert_eq!(received[0].header("webhook-signature"), "", "the address is the secret");
    let tried = gone.received();
    assert_eq!(tried.len(), 1);
    assert_eq!(tried[0].header("webhook-signature"), signature(&tried[0], b"secret-secret-secret"));
    let undelivered = place.run(&["alerts", "undelivered", "--json"]);
    let undelivered: Value = serde_json::from_str(&text(&undelivered.stdout)).expect("JSON");
    let undelivered = undelivered.as_array().expect("a list");
    assert_eq!(undelivered.len(), 2, "the second was not even tried");
    for letter in undelivered {
        assert_eq!(letter["failure"], "it says that it is gone for good (410)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_cannot_be_used_is_told_of_without_its_address() {
    let place = Workplace::new("http://127.0.0.1:9");
    let settings = "[[webhooks]]\nname = \"a\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n";
    place.write("vidimus.toml", settings);
    let serve = |place: &Workplace| {
        let output = place.run(&["serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"]);
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
    let told = serve(&place);
    assert!(told.contains("http lets anybody on the way read it"), "{told}");
    assert!(!told.contains("very-secret-path") && !told.contains("hooks.example"), "{told}");
}
