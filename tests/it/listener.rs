//! The public listener: TLS, limits on connections and requests, refused settings.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::daemon::{Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const POLICY: &str = "servers: [{name: a.b/c, approval: {state: approved, reviewed: 2026-03-01, expires: 2099-01-01}}]";

async fn workplace() -> (Upstream, Workplace) {
    let upstream = Upstream::start([Row::new("a.b/c", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", POLICY);
    (upstream, place)
}

/// Returns a certificate for the loopback address and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// P50, C15: VS Code refuses plain http, so TLS is terminated here or in front. A renewed pair is loaded at run
/// time.
#[tokio::test(flavor = "multi_thread")]
async fn tls_is_served_and_a_renewed_certificate_is_loaded() {
    let (_upstream, place) = workplace().await;
    let (first, first_key) = certificate();
    place.write("tls/cert.pem", &first);
    place.write("tls/key.pem", &first_key);
    place
        .write("vidimus.toml", "[tls]\ncert_file = \"tls/cert.pem\"\nkey_file = \"tls/key.pem\"\n");
    let daemon = place.start().await;
    let root = daemon.registry.replace("http://", "https://");
    let trusting = |pem: &str| {
        let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).expect("a certificate");
        reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([certificate])
            .build()
            .expect("a client")
    };
    let asked = async |pem: &str| {
        let asked =
            trusting(pem).get(format!("{root}/v0.1/servers/a.b%2Fc/versions/latest")).send();
        asked.await.ok().map(|answer| answer.status().as_u16())
    };
    eventually("it is served over TLS", async || (asked(&first).await == Some(200)).then_some(()))
        .await;
    let answered = trusting(&first).get(format!("{root}/v0.1/servers")).send().await;
    let headers = answered.expect("an answer").headers().clone();
    assert_eq!(headers["strict-transport-security"], "max-age=31536000");
    assert!(place.log().contains("the TLS key is not private"), "{}", place.log());
    let warned = place.print(&["check"]);
    assert!(warned.contains("can be read by others than its owner: its mode is 0644"), "{warned}");
    // A certificate without its key is not loaded; the previous pair stays.
    let (second, second_key) = certificate();
    place.write("tls/cert.pem", &second);
    eventually("the mismatch is logged", async || {
        place.log().contains("do not belong together").then_some(())
    })
    .await;
    assert_eq!(asked(&first).await, Some(200));
    place.write("tls/key.pem", &second_key);
    eventually("the new one is used", async || (asked(&second).await == Some(200)).then_some(()))
        .await;
    assert_eq!(asked(&first).await, None, "the old certificate is not presented");
}

/// C15.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_on_a_public_address_needs_a_tls_proxy() {
    let (_upstream, place) = workplace().await;
    let serve = ["serve", "--listen=0.0.0.0:0", "--ops-listen=127.0.0.1:0"];
    let refused = place.run(&serve);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("behind_tls_proxy = true"), "{}", text(&refused.stderr));
    assert!(!place.data().exists(), "a refused start leaves no files");
    for (toml, wanted) in [
        (
            "[tls]\ncert_file = \"none.pem\"\nkey_file = \"none.pem\"\n",
            "none.pem has no usable PEM",
        ),
        ("[tls]\ncert_file = \"x.pem\"\n", "TLS without `key_file`"),
        ("trusted_proxies = [\"everywhere\"]", "an address or network, such as 10.0.0.0/8"),
        ("cors_origins = [\"editor.example\"]", "an origin such as https://editor.example"),
        ("[[views]]\ntiers = [1]\n", "a view without a `name`"),
        ("[[views]]\nname = \"A\"\n", "lower-case letters, digits and hyphens"),
        ("[[views]]\nname = \"a\"\ntiers = [4]\n", "1 to 3"),
        ("[[views]]\nname = \"a\"\n[[views]]\nname = \"a\"\n", "appears twice"),
    ] {
        place.write("vidimus.toml", toml);
        let refused = place.refused_start();
        assert_eq!(refused.status.code(), Some(1), "{toml}");
        assert!(text(&refused.stderr).contains(wanted), "{}", text(&refused.stderr));
    }
}

/// A client with too many requests gets 429; requests for single entries are never limited.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_limited_by_client_except_for_single_entries() {
    let (_upstream, place) = workplace().await;
    place.write(
        "vidimus.toml",
        "trusted_proxies = [\"127.0.0.1\"]\n[limits]\nrequests_per_minute = 3\n",
    );
    let daemon = place.start().await;
    let entry = "/v0.1/servers/a.b%2Fc/versions/latest";
    eventually("it is served", async || (daemon.get(entry).await.status == 200).then_some(()))
        .await;
    let list = async |client: &str| {
        let url = format!("{}/v0.1/servers", daemon.registry);
        let request = daemon.request(reqwest::Method::GET, &url).header("X-Forwarded-For", client);
        crate::support::daemon::answer(request).await
    };
    for _ in 0..3 {
        assert_eq!(list("198.51.100.7").await.status, 200);
    }
    let limited = list("198.51.100.7").await;
    assert_eq!((limited.status, limited.header("content-type")), (429, "application/problem+json"));
    assert!(limited.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(list("198.51.100.8").await.status, 200, "another client of the same proxy");
    for _ in 0..10 {
        assert_eq!(daemon.get(entry).await.status, 200);
    }
}

/// P55: connections of silent clients are closed, and other clients do not wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_and_silent_ones_are_closed() {
    let (_upstream, place) = workplace().await;
    place.write("vidimus.toml", "[limits]\nconnections_per_peer = 8\n");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let answered = daemon.get("/v0.1/servers").await;
    assert_eq!(answered.header("strict-transport-security"), "", "TLS is not ours");
    let address = daemon.registry.trim_start_matches("http://").to_owned();
    let silent: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).expect("a connection");
            // Headers that never end. Connections beyond the limit are closed during the write.
            let _ = stream.write_all(b"GET /v0.1/servers HTTP/1.1\r\nHost: x\r\n");
            stream
        })
        .collect();
    let ended = |stream: &TcpStream| {
        let mut stream = stream.try_clone().expect("a clone");
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(read) => read == 0 || byte == *b"H",
            Err(error) => !matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ),
        }
    };
    eventually("connections beyond the limit are closed", async || {
        (silent.iter().filter(|stream| ended(stream)).count() >= 12).then_some(())
    })
    .await;
    eventually("silent connections are closed", async || silent.iter().all(&ended).then_some(()))
        .await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
}

/// The variables of the environment that outgoing connections obey, and those that they do not.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_of_a_variable_are_trusted_and_proxy_variables_are_ignored() {
    let (_upstream, place) = workplace().await;
    let (certificate, key) = certificate();
    place.write("tls/cert.pem", &certificate);
    place.write("tls/key.pem", &key);
    place
        .write("vidimus.toml", "[tls]\ncert_file = \"tls/cert.pem\"\nkey_file = \"tls/key.pem\"\n");
    let daemon = place.start().await;
    daemon.synced().await;
    let root = daemon.registry.replace("http://", "https://");
    let mirror = Workplace::new(&root);
    mirror.upstream(&root, "sync = {interval = \"250ms\"}");
    let ran = |variables: &[(&str, &str)]| {
        let mut command = mirror.command(&["sync"]);
        command.envs(variables.iter().copied());
        command.output().expect("the binary runs")
    };
    let trusted = place.path().join("tls/cert.pem");
    let trusted = trusted.to_str().expect("a path");
    let refused = ran(&[]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    let nowhere = "http://127.0.0.1:9";
    let variables = [("SSL_CERT_FILE", trusted), ("HTTPS_PROXY", nowhere), ("ALL_PROXY", nowhere)];
    let accepted = ran(&variables);
    assert_eq!(accepted.status.code(), Some(0), "{}", text(&accepted.stderr));
}
