//! The public listener: TLS, limits on connections and requests, refused settings.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::support::daemon::{Daemon, Workplace, text};
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
    let is_raised = async |wanted: bool| {
        let shown = place.print(&["alerts"]);
        (shown.contains("files-unread") == wanted).then_some(())
    };
    eventually("an alert", async || is_raised(true).await).await;
    place.write("tls/key.pem", &second_key);
    eventually("the new one is used", async || (asked(&second).await == Some(200)).then_some(()))
        .await;
    assert_eq!(asked(&first).await, None, "the old certificate is not presented");
    eventually("the alert is resolved", async || is_raised(false).await).await;
    // Files with the times of the earlier ones, as a copy of them may have.
    let (third, third_key) = certificate();
    for (file, text) in [("tls/cert.pem", &third), ("tls/key.pem", &third_key)] {
        let (path, new) = (place.path().join(file), place.path().join(format!("{file}.new")));
        let changed = std::fs::metadata(&path).and_then(|found| found.modified()).expect("a time");
        place.write(&format!("{file}.new"), text);
        let written = std::fs::File::options().write(true).open(&new).expect("a file");
        written.set_modified(changed).expect("a time");
        std::fs::rename(new, path).expect("replaced");
    }
    eventually("the third is used", async || (asked(&third).await == Some(200)).then_some(()))
        .await;
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
            "vidimus.toml:2:13: `[tls] cert_file` names none.pem, which is absent",
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

/// Opens a connection from a loopback address, and sends the beginning of a request.
async fn begun(from: &str, address: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(format!("{from}:0").parse().expect("an address"))?;
    let mut stream = socket.connect(address.parse().expect("an address")).await?;
    stream.write_all(b"GET /v0.1/servers HTTP/1.1\r\nHost: x\r\n").await?;
    Ok(stream)
}

/// Waits until the other end closes a connection.
async fn ended(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut bytes).await;
    assert_eq!(bytes, b"", "it is no request");
}

async fn is_alert_open(daemon: &Daemon, kind: &str) -> bool {
    let alerts = daemon.operate("/alerts").await.json();
    let alerts = alerts.as_array().expect("a list");
    alerts.iter().any(|alert| alert["kind"] == kind && alert["state"] == "open")
}

/// P55: connections of silent clients are closed, and other clients do not wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn connections_are_limited_and_silent_ones_are_closed() {
    let (_upstream, place) = workplace().await;
    place.write("vidimus.toml", "[limits]\nconnections = 16\nconnections_per_peer = 4\n");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let answered = daemon.get("/v0.1/servers").await;
    assert_eq!(answered.header("strict-transport-security"), "", "TLS is not ours");
    let address = daemon.registry.trim_start_matches("http://").to_owned();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.extend(begun("127.0.0.2", &address).await.ok());
    }
    daemon.lists(&["a.b/c@1.0.0"]).await;
    eventually("an alert", async || {
        is_alert_open(&daemon, "connections-crowded").await.then_some(())
    })
    .await;
    futures_util::future::join_all(silent.into_iter().map(ended)).await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
}

/// An office behind one address has more connections than a share of a crowded server.
#[tokio::test(flavor = "multi_thread")]
async fn clients_behind_one_address_have_an_idle_server_for_themselves() {
    let (_upstream, place) = workplace().await;
    place.write("vidimus.toml", "[limits]\nconnections = 40\nconnections_per_peer = 2\n");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let address = daemon.registry.trim_start_matches("http://").to_owned();
    let mut office = Vec::new();
    for _ in 0..25 {
        office.push(begun("127.0.0.2", &address).await.expect("a connection"));
    }
    for stream in &mut office {
        stream.write_all(b"\r\n").await.expect("it is open");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 200");
    }
    assert!(!is_alert_open(&daemon, "connections-crowded").await);
}

/// P87: four addresses keep as many connections as they get, with a byte from time to time.
#[tokio::test(flavor = "multi_thread")]
async fn slow_connections_of_few_addresses_lock_no_client_out() {
    const HONEST: usize = 100;
    let (_upstream, place) = workplace().await;
    place.write("vidimus.toml", "[limits]\nconnections = 64\nconnections_per_peer = 4\n");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let address = daemon.registry.trim_start_matches("http://").to_owned();
    let mut attack = JoinSet::new();
    for number in 0..128 {
        let (address, from) = (address.clone(), format!("127.0.0.{}", 2 + number % 4));
        attack.spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(50));
            loop {
                pace.tick().await;
                let Ok(mut stream) = begun(&from, &address).await else { continue };
                while stream.write_all(b"x").await.is_ok() {
                    pace.tick().await;
                }
            }
        });
    }
    eventually("the attack is under way", async || {
        is_alert_open(&daemon, "connections-crowded").await.then_some(())
    })
    .await;
    let mut answered = 0;
    for _ in 0..HONEST {
        // Each has a connection of its own.
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(1)).build();
        let asked = client.expect("a client").get(format!("{}/v0.1/servers", daemon.registry));
        answered += usize::from(asked.send().await.is_ok_and(|answer| answer.status() == 200));
    }
    assert!(answered * 100 >= HONEST * 95, "{answered} of {HONEST} within a second");
    attack.shutdown().await;
}

/// P88: idle connections that used up all descriptors made the overlay folder unreadable, which counted as a refused set.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_leave_descriptors_for_a_denial() {
    let (_upstream, mut place) = workplace().await;
    place.limit("-n 200");
    let warned = place.print(&["check"]);
    assert!(warned.contains("4096 `connections` with at most 200 open files"), "{warned}");
    assert!(warned.contains("at most 100 are accepted"), "{warned}");
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let address = daemon.registry.trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for number in 0..400 {
        let from = format!("127.0.0.{}", 2 + number % 16);
        idle.extend(begun(&from, &address).await.ok());
    }
    place.overlay("deny.yaml", "servers: [{name: a.b/*, reason: x, approval: {state: denied}}]");
    daemon.lists(&[]).await;
    assert!(!is_alert_open(&daemon, "overlays-refused").await);
    assert!(!is_alert_open(&daemon, "overlays-unread").await);
    drop(idle);
}

/// With TLS, silent connections that had given up their places kept their descriptors for the time of a handshake.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_handshake_have_no_descriptors_beyond_their_places() {
    const SILENT: usize = 400;
    let (_upstream, place) = workplace().await;
    let (certificate, key) = certificate();
    place.write("tls/cert.pem", &certificate);
    place.write("tls/key.pem", &key);
    let tls = "[tls]\ncert_file = \"tls/cert.pem\"\nkey_file = \"tls/key.pem\"\n";
    place.write("vidimus.toml", &format!("{tls}[limits]\nconnections = 64\n"));
    let daemon = place.start().await;
    let root = daemon.registry.replace("http://", "https://");
    let asked = async || {
        let trusted = reqwest::Certificate::from_pem(certificate.as_bytes()).expect("it is one");
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build();
        let asked = client.expect("a client").get(format!("{root}/livez")).send().await;
        asked.is_ok_and(|answer| answer.status() == 200).then_some(())
    };
    eventually("it answers", asked).await;
    let descriptors =
        || std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("a folder").count();
    let before = descriptors();
    let address = daemon.registry.trim_start_matches("http://");
    let mut silent = Vec::new();
    for number in 0..SILENT {
        let socket = TcpSocket::new_v4().expect("a socket");
        let from = format!("127.0.{}.{}:0", 1 + number / 200, 1 + number % 200);
        socket.bind(from.parse().expect("an address")).expect("it is free");
        silent
            .push(socket.connect(address.parse().expect("an address")).await.expect("it is open"));
    }
    // It is accepted after the others.
    eventually("an honest client is answered", asked).await;
    let opened = descriptors().saturating_sub(before);
    assert!(opened < 64 + 16 + 50, "{opened} descriptors of {SILENT} connections");
    drop(silent);
}

/// P88: to have no descriptor says nothing of any file.
#[tokio::test(flavor = "multi_thread")]
async fn folder_that_could_not_be_looked_at_is_an_alert_and_no_refused_set() {
    let (_upstream, place) = workplace().await;
    let daemon = place.start().await;
    daemon.lists(&["a.b/c@1.0.0"]).await;
    let pid = i32::try_from(daemon.pid()).ok().and_then(Pid::from_raw);
    let limit = getrlimit(Resource::Nofile);
    let none = Rlimit { current: Some(0), ..limit };
    prlimit(pid, Resource::Nofile, none).expect("a limit");
    place.overlay("deny.yaml", "servers: [{name: a.b/*, reason: x, approval: {state: denied}}]");
    eventually("it is reported", async || {
        place.log().contains("\"overlays-unread\"").then_some(())
    })
    .await;
    prlimit(pid, Resource::Nofile, limit).expect("a limit");
    daemon.lists(&[]).await;
    eventually("it is over", async || {
        (!is_alert_open(&daemon, "overlays-unread").await).then_some(())
    })
    .await;
    assert!(!place.log().contains("overlays-refused"), "{}", place.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_that_no_setting_names_is_a_warning() {
    let (_upstream, place) = workplace().await;
    let found = "`behind_tls_proxy` without `trusted_proxies`";
    place.write("vidimus.toml", "behind_tls_proxy = true\n");
    let warned = place.print(&["check"]);
    assert!(warned.contains(found), "{warned}");
    place.write("vidimus.toml", "behind_tls_proxy = true\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let warned = place.print(&["check"]);
    assert!(!warned.contains(found), "{warned}");
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
