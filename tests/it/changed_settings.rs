//! The settings file, changed while the daemon runs: other settings are taken up in the same process, on the same addresses,
//! and settings that cannot be used change nothing.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::Value;

use crate::support::daemon::{Daemon, Workplace};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

const SETTINGS: &str = "[ownership]\nenabled = false\n";
const VIEW: &str = "[[views]]\nname = \"second\"\nnames = [\"com.example/*\"]\n";
const LIST_OF_VIEW: &str = "/views/second/v0.1/servers";

/// A daemon that serves one entry, with its place and its upstream.
async fn serving() -> (Upstream, Workplace, Daemon) {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/tool");
    place.write("vidimus.toml", SETTINGS);
    let daemon = place.start().await;
    daemon.lists(&["com.example/tool@1.0.0"]).await;
    (upstream, place, daemon)
}

/// Asks on a new connection: a daemon that starts again closes the open ones.
async fn ask(daemon: &Daemon, url: &str) -> Option<(u16, String)> {
    let request = daemon.request(Method::GET, url).header("connection", "close");
    let answer = request.bearer_auth(daemon.token()).send().await.ok()?;
    Some((answer.status().as_u16(), answer.text().await.ok()?))
}

/// Waits until the registry answers so to a path.
async fn answers(daemon: &Daemon, path: &str, wanted: u16) {
    eventually(&format!("{wanted} for {path}"), async || {
        let (status, _) = ask(daemon, &format!("{}{path}", daemon.registry)).await?;
        (status == wanted).then_some(())
    })
    .await;
}

/// Waits until the open alert about the settings has a text, or until there is none.
async fn alert_about_settings(daemon: &Daemon, wanted: Option<&str>) {
    eventually(&format!("an alert with {wanted:?}"), async || {
        let (_, alerts) = ask(daemon, &format!("{}/alerts", daemon.operations)).await?;
        let alerts: Value = serde_json::from_str(&alerts).ok()?;
        let is_about_settings = |alert: &&Value| {
            let identity = (&alert["kind"], &alert["subject"], &alert["state"]);
            identity == (&"files-unread".into(), &"settings".into(), &"open".into())
        };
        let open = alerts.as_array()?.iter().find(is_about_settings);
        match (open, wanted) {
            (Some(open), Some(wanted)) => open.to_string().contains(wanted).then_some(()),
            (open, wanted) => (open.is_some() == wanted.is_some()).then_some(()),
        }
    })
    .await;
}

/// P90: other settings were used after a restart only.
#[tokio::test(flavor = "multi_thread")]
async fn other_settings_are_taken_up_without_a_restart_and_those_with_errors_change_nothing() {
    let (_upstream, place, daemon) = serving().await;
    place.write("vidimus.toml", &format!("{SETTINGS}{VIEW}"));
    answers(&daemon, LIST_OF_VIEW, 200).await;
    answers(&daemon, "/v0.1/servers/com.example%2Ftool/versions/1.0.0", 200).await;
    place.write("vidimus.toml", "[[viewz]]\nname = \"third\"\n[ownership]\nenabled = false\n");
    alert_about_settings(&daemon, Some("viewz")).await;
    answers(&daemon, LIST_OF_VIEW, 200).await;
    place.remove("vidimus.toml");
    alert_about_settings(&daemon, Some("cannot be read")).await;
    answers(&daemon, LIST_OF_VIEW, 200).await;
    place.write("vidimus.toml", SETTINGS);
    answers(&daemon, LIST_OF_VIEW, 404).await;
    alert_about_settings(&daemon, None).await;
    assert_eq!(daemon.signal("TERM").await, Some(0), "the process was never another");
}

/// P90: what can be found beside the running daemon does not stop it.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_start_are_refused_beside_the_running_daemon_and_used_when_they_can() {
    let (_upstream, place, daemon) = serving().await;
    let tls = "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n";
    place.write("vidimus.toml", &format!("{SETTINGS}{VIEW}{tls}"));
    alert_about_settings(&daemon, Some("cert.pem")).await;
    answers(&daemon, LIST_OF_VIEW, 404).await;
    place.write("vidimus.toml", &format!("{SETTINGS}{VIEW}"));
    answers(&daemon, LIST_OF_VIEW, 200).await;
    alert_about_settings(&daemon, None).await;
    assert!(!place.log().contains("the earlier ones are used again"), "{}", place.log());
}

/// P90: a daemon that ended over settings that do not start would serve nothing.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_do_not_start_are_given_up_for_the_earlier_ones() {
    let (_upstream, place, daemon) = serving().await;
    place.write("occupied", "not a folder");
    place.write("vidimus.toml", &format!("data = \"occupied\"\n{SETTINGS}{VIEW}"));
    alert_about_settings(&daemon, Some("occupied")).await;
    assert!(place.log().contains("the earlier ones are used again"), "{}", place.log());
    answers(&daemon, LIST_OF_VIEW, 404).await;
    answers(&daemon, "/v0.1/servers/com.example%2Ftool/versions/1.0.0", 200).await;
    place.write("vidimus.toml", &format!("{SETTINGS}{VIEW}"));
    answers(&daemon, LIST_OF_VIEW, 200).await;
    alert_about_settings(&daemon, None).await;
}

/// A daemon that ends with this value.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

/// P90: the address before is given up when the daemon serves on the new one, and can be had again.
#[tokio::test(flavor = "multi_thread")]
async fn registry_moves_to_another_address_and_back() {
    let upstream = Upstream::start([Row::new("com.example/tool", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    let free = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let (first, second) = (free(), free());
    let [first, second] = [first, second].map(|free| free.local_addr().expect("an address"));
    let listen = |address: SocketAddr| {
        place.write("vidimus.toml", &format!("listen = \"{address}\"\n{SETTINGS}"));
    };
    listen(first);
    let child = place.command(&["serve", "--ops-listen=127.0.0.1:0"]).spawn().expect("it runs");
    let mut daemon = Running(child);
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for (address, other) in [(first, second), (second, first), (first, second)] {
        listen(address);
        eventually(&format!("{address} is served, and {other} is given up"), async || {
            assert_eq!(daemon.0.try_wait().expect("a status"), None, "the daemon ended");
            let is_served = client.get(format!("http://{address}/livez")).send().await.is_ok();
            (is_served && std::net::TcpStream::connect(other).is_err()).then_some(())
        })
        .await;
    }
}
