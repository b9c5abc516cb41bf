//! Files that the settings name, changed while the daemon runs: each is compared by its content and taken up, and one that
//! cannot be used keeps what was read before. Other tests do the same for overlays, advisories, upstream files, tokens of
//! operators and the certificate of the registry.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::support::daemon::{Daemon, Workplace};
use crate::support::dns::Dns;
use crate::support::forge::Forge;
use crate::support::recipient::{Received, Recipient};
use crate::support::registry::{Row, now};
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// Waits until the log has a text.
async fn logged(place: &Workplace, wanted: &str) {
    eventually(wanted, async || place.log().contains(wanted).then_some(())).await;
}

/// Waits until an alert of a kind about a subject is open, or is not.
async fn alert(place: &Workplace, kind: &str, subject: &str, is_open: bool) -> Option<Value> {
    eventually(&format!("an open alert {kind}: {is_open}"), async || {
        let alerts = place.json(&["alerts", "--json"]);
        let mut alerts = alerts.as_array().expect("a list").iter();
        let found = alerts.find(|alert| alert["kind"] == kind && alert["subject"] == subject);
        (found.is_some() == is_open).then(|| found.cloned())
    })
    .await
}

/// P90: a rotated token was never read again: 401 until a restart.
#[tokio::test(flavor = "multi_thread")]
async fn rotated_token_of_an_upstream_is_taken_up_without_a_restart_and_a_lost_one_is_kept() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    upstream.demand_token("first");
    place.write("token", "first\n");
    place.upstream(&upstream.url, "token_file = \"token\"\nsync = {interval = \"250ms\"}");
    let daemon = place.start().await;
    daemon.synced().await;
    upstream.demand_token("second");
    daemon.upstream_until("it is refused", |status| status["lastFailure"].is_object()).await;
    place.write("token", "second\n");
    let succeeds = |status: &Value| status["lastFailure"].is_null();
    daemon.upstream_until("the new token is used", succeeds).await;
    place.remove("token");
    let raised = alert(&place, "upstreams-refused", "official", true).await.expect("an alert");
    assert!(raised.to_string().contains("token cannot be read"), "{raised}");
    daemon.upstream_until("the token is kept", succeeds).await;
    place.write("token", "second\n");
    alert(&place, "upstreams-refused", "official", false).await;
}

/// P90: a pipe in place of a token, which is read for ever, stopped the look at all upstream files.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn pipe_in_place_of_a_token_is_refused_and_other_upstream_files_are_taken_up() {
    let (upstream, other) = (Upstream::start([]).await, Upstream::start([]).await);
    other.put(Row::new("com.example/tool", "1.0.0"));
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    place.write("token", "first\n");
    place.upstream(&upstream.url, "token_file = \"token\"\n[namespaces]\nallow = [\"org.*\"]");
    let of_other = |members: &str| {
        let origin = format!("kind = \"registry\"\nurl = \"{}\"\nallow_http = true\n", other.url);
        place.write("upstreams/other.toml", &format!("{origin}priority = 20\n{members}"));
    };
    of_other("");
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    place.remove("token");
    let made = std::process::Command::new("mkfifo").arg(place.path().join("token")).status();
    assert!(made.expect("mkfifo runs").success());
    let raised = alert(&place, "upstreams-refused", "official", true).await.expect("an alert");
    assert!(raised.to_string().contains("it is not a regular file"), "{raised}");
    of_other("enabled = false\n");
    daemon.lists(&[]).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
}

/// P90: an upstream file with an error stopped the look at the tokens of the others, and an upstream whose token was lost
/// could not be disabled.
#[tokio::test(flavor = "multi_thread")]
async fn upstream_without_its_token_can_be_disabled_and_one_bad_file_hides_no_rotated_token() {
    let (upstream, other) = (Upstream::start([]).await, Upstream::start([]).await);
    upstream.put(Row::new("com.example/tool", "1.0.0"));
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    place.write("token", "first\n");
    place.write("other-token", "first\n");
    let of_official = |members: &str| {
        place.upstream(&upstream.url, &format!("token_file = \"token\"\n{members}"));
    };
    of_official("[namespaces]\nallow = [\"com.*\"]");
    let sync = "sync = {interval = \"250ms\"}\n[namespaces]\nallow = [\"org.*\"]";
    let origin = format!("kind = \"registry\"\nurl = \"{}\"\nallow_http = true\n", other.url);
    place.write(
        "upstreams/other.toml",
        &format!("{origin}priority = 20\ntoken_file = \"other-token\"\n{sync}\n"),
    );
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    place.write("upstreams/bad.toml", "=\n");
    place.write("upstreams/worse.toml", "kind = \"registry\"\n");
    place.remove("token");
    for subject in ["bad", "worse", "official"] {
        alert(&place, "upstreams-refused", subject, true).await;
    }
    let fails = async |wanted: bool| {
        eventually(&format!("the other upstream fails: {wanted}"), async || {
            let status = daemon.operate("/status").await.json();
            let mut upstreams = status["upstreams"].as_array()?.iter();
            let found = upstreams.find(|found| found["id"] == "other")?;
            (found["lastFailure"].is_object() == wanted).then_some(())
        })
        .await;
    };
    other.demand_token("second");
    fails(true).await;
    place.write("other-token", "second\n");
    fails(false).await;
    // What hides waits for no other file.
    of_official("enabled = false\n");
    daemon.lists(&[]).await;
    place.remove("upstreams/bad.toml");
    place.remove("upstreams/worse.toml");
    for subject in ["bad", "worse", "official"] {
        alert(&place, "upstreams-refused", subject, false).await;
    }
}

/// Returns a certificate for the loopback address and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// P90.
#[rstest::rstest]
#[case("ca_file = \"ca.pem\"\n", "")]
#[case("", "[egress]\nca_file = \"ca.pem\"\n")]
#[tokio::test(flavor = "multi_thread")]
async fn exchanged_certificates_are_trusted_without_a_restart_and_a_wrong_file_changes_nothing(
    #[case] of_upstream: &str,
    #[case] of_settings: &str,
) {
    let source = Upstream::start([]).await;
    let registry = Workplace::new(&source.url);
    let (trusted, key) = certificate();
    registry.write("cert.pem", &trusted);
    registry.write("key.pem", &key);
    registry.write("vidimus.toml", "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n");
    let serving = registry.start().await;
    serving.synced().await;
    let place = Workplace::new("");
    let url = serving.registry.replace("http://", "https://");
    place.upstream(&url, &format!("{of_upstream}sync = {{interval = \"250ms\"}}"));
    place.write("vidimus.toml", of_settings);
    place.write("ca.pem", &certificate().0);
    let daemon = place.start().await;
    daemon.upstream_until("it is not trusted", |status| status["lastFailure"].is_object()).await;
    place.write("ca.pem", &trusted);
    let succeeds =
        |status: &Value| status["lastFailure"].is_null() && !status["lastSuccess"].is_null();
    daemon.upstream_until("it is trusted", succeeds).await;
    place.write("ca.pem", "not a certificate");
    logged(&place, "contains no PEM certificate").await;
    if !of_settings.is_empty() {
        alert(&place, "files-unread", "ownership", true).await;
        alert(&place, "files-unread", "feeds", true).await;
    }
    alert(&place, "upstreams-refused", "official", true).await;
    daemon.upstream_until("it is still trusted", succeeds).await;
}

/// Returns true if a notice is signed with this secret.
fn is_signed(received: &Received, secret: &str) -> bool {
    let (id, time) = (received.header("webhook-id"), received.header("webhook-timestamp"));
    let signed = format!("{id}.{time}.{}", received.body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    received.header("webhook-signature") == format!("v1,{signature}")
}

/// P90.
#[tokio::test(flavor = "multi_thread")]
async fn rotated_address_and_secret_of_a_webhook_are_taken_up_and_a_lost_one_is_kept() {
    let (before, after) = (Recipient::start().await, Recipient::start().await);
    let upstream = Upstream::start([Row::new("com.strlpe/pay", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.write("url", &before.url);
    place.write("secret", "the-first-secret-of-it");
    place.write(
        "vidimus.toml",
        "[[webhooks]]\nname = \"security\"\nurl_file = \"url\"\nsecret_file = \"secret\"\n",
    );
    place.overlay("protect.yaml", "namespaces:\n- {name: com.stripe, protect: [stripe]}\n");
    let daemon = place.start().await;
    daemon.synced().await;
    assert!(is_signed(&before.got(1).await[0], "the-first-secret-of-it"));
    place.write("secret", "the-second-secret-of-it");
    place.write("url", &after.url);
    let names = AtomicUsize::new(0);
    eventually("a notice with the other secret", async || {
        let received = after.received();
        if received.iter().any(|received| is_signed(received, "the-second-secret-of-it")) {
            return Some(());
        }
        // Each further name is a further notice; the next one follows when that has arrived.
        let number = before.received().len() + received.len();
        if names.swap(number, Ordering::Relaxed) != number {
            let row = Row::new(&format!("com.strlpe/pay{number}"), "1.0.0");
            upstream.put(row.published(&now()));
        }
        None
    })
    .await;
    place.remove("secret");
    alert(&place, "files-unread", "webhooks", true).await;
    let count = after.received().len();
    upstream.put(Row::new("com.strlpe/last", "1.0.0").published(&now()));
    let received = after.got(count + 1).await;
    assert!(received.iter().all(|received| is_signed(received, "the-second-secret-of-it")));
    let shown = place.print(&["alerts"]) + &place.log();
    assert!(!shown.contains("the-second-secret"), "{shown}");
}

/// P90: a token that GitHub refused stopped all requests for ten minutes, also after it was replaced.
#[tokio::test(flavor = "multi_thread")]
async fn replaced_token_for_github_is_tried_at_once() {
    let (dns, forge) = (Dns::start().await, Forge::start().await);
    let upstream = Upstream::start([Row::new("io.github.someone/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("io.github.someone/*");
    let settings = format!(
        "[ownership]\nresolvers = [\"{}\"]\n[github]\nurl = \"{}\"\ntoken_file = \"token\"\n",
        dns.address, forge.url
    );
    place.write("vidimus.toml", &settings);
    place.write("token", "refused");
    forge.always(401, &[]);
    let daemon = place.start().await;
    daemon.synced().await;
    alert(&place, "github-token-refused", "github", true).await;
    forge.as_usual();
    forge.account("someone", 7, "2020-01-01T00:00:00Z");
    place.write("token", "accepted");
    eventually("the account is found", async || {
        let output = place.run(&["ownership", "io.github.someone", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).ok()?;
        (report["report"]["verdict"] == "verified").then_some(())
    })
    .await;
    let asked = forge.asked();
    let (_, headers) = asked.last().expect("a request");
    assert_eq!(headers["authorization"], "Bearer accepted");
    alert(&place, "github-token-refused", "github", false).await;
}

/// P90.
#[rstest::rstest]
#[case("trusted_root", include_str!("../fixtures/attestations/staging_root.json"))]
#[case("npm_keys", include_str!("../../src/attestation/npm_keys.json"))]
#[tokio::test(flavor = "multi_thread")]
async fn replaced_trust_in_attestations_is_taken_up_and_a_wrong_one_is_not(
    #[case] setting: &str,
    #[case] trusted: &str,
) {
    let upstream = Upstream::start([]).await;
    let place = Workplace::new(&upstream.url);
    place.write("trust.json", trusted);
    place.write("vidimus.toml", &format!("[provenance]\n{setting} = \"trust.json\"\n"));
    let _daemon: Daemon = place.start().await;
    place.write("trust.json", "{}");
    alert(&place, "files-unread", "provenance", true).await;
    assert!(!place.log().contains("a changed file is in use"), "{}", place.log());
    // The same trust in other bytes is another content.
    place.write("trust.json", &format!("{trusted}\n"));
    logged(&place, "a changed file is in use").await;
    alert(&place, "files-unread", "provenance", false).await;
}

/// P90: a changed file of own servers waited for the interval.
#[tokio::test(flavor = "multi_thread")]
async fn changed_file_of_own_servers_is_taken_up_before_the_interval_ends() {
    let place = Workplace::new("");
    place.remove("upstreams/official.toml");
    place.write(
        "upstreams/ours.toml",
        "kind = \"files\"\npath = \"ours\"\ntrust = \"internal\"\nsync.interval = \"1h\"\n",
    );
    let server =
        |name: &str| format!(r#"{{"name":"{name}","version":"1.0.0","description":"ours"}}"#);
    place.write("ours/one.json", &server("com.example/one"));
    let rule = |name: &str| {
        let approval = "{state: approved, reviewed: 2026-03-01, expires: 2099-01-01}";
        format!("- {{name: com.example/{name}, versions: 1.0.0, approval: {approval}}}\n")
    };
    place.overlay("policy.yaml", &format!("servers:\n{}{}", rule("one"), rule("two")));
    let daemon = place.start().await;
    daemon.lists(&["com.example/one@1.0.0"]).await;
    place.write("ours/two.json", &server("com.example/two"));
    daemon.lists(&["com.example/one@1.0.0", "com.example/two@1.0.0"]).await;
}

/// P103: where the system gives no watches, the overlays are looked at in the slower way, and an alert says so once.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn folder_that_the_system_does_not_watch_is_looked_at_and_an_alert_says_so() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let mut place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    if !place.watch(false) {
        eprintln!("skipped: the system gives no namespace without watches");
        return;
    }
    let daemon = place.start().await;
    daemon.serves(1).await;
    let raised = alert(&place, "overlays-unwatched", "overlays", true).await.expect("an alert");
    assert!(raised["detail"].as_str().is_some_and(|detail| detail.len() > 90), "{raised}");
    place.overlay("deny.yaml", "servers: [{name: com.example/tool, approval: {state: denied}}]");
    daemon.serves(0).await;
    let warned = place.log().matches("cannot be watched").count();
    assert_eq!((warned, daemon.signal("TERM").await), (1, Some(0)));
    place.watch(true);
    let _daemon = place.start().await;
    alert(&place, "overlays-unwatched", "overlays", false).await;
}

/// P103: a folder that changes all the time delays neither the start nor a denial in another file.
#[tokio::test(flavor = "multi_thread")]
async fn folder_that_changes_all_the_time_delays_neither_the_start_nor_a_denial() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    let stop = tokio_util::sync::CancellationToken::new();
    let file = place.path().join("overlays/log.yaml");
    let writing = {
        let stop = stop.clone();
        tokio::spawn(async move {
            let mut count = 0;
            let mut pace = tokio::time::interval(std::time::Duration::from_millis(20));
            while !stop.is_cancelled() {
                count += 1;
                std::fs::write(&file, format!("# {count}\n")).expect("written");
                pace.tick().await;
            }
        })
    };
    let daemon = place.start().await;
    daemon.serves(1).await;
    place.overlay("deny.yaml", "servers: [{name: com.example/*, approval: {state: denied}}]");
    daemon.serves(0).await;
    stop.cancel();
    writing.await.expect("it stopped");
    // The last change is not missed.
    place.overlay("log.yaml", "servers: [{name: com.other/tool, tier: 1}]");
    eventually("the file is read", async || {
        (daemon.operate("/status").await.json()["overlays"]["rules"] == 3).then_some(())
    })
    .await;
}
