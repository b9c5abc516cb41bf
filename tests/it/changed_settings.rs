//! The settings file, changed while the daemon runs: other settings are taken up in the same process, on the same addresses,
//! and settings that cannot be used change nothing.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::Value;

use crate::support::daemon::{Daemon, Workplace, text};
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
    assert!(place.log().contains("\"keys\":\"views\""), "{}", place.log());
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

/// P90: a daemon that ended over settings that do not start would serve nothing. The earlier ones were tried once.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_do_not_start_are_given_up_for_the_earlier_ones_until_these_start() {
    let (_upstream, place, daemon) = serving().await;
    // Only a start finds it, with whatever settings.
    let token = std::fs::read_to_string(place.path().join("data/ops.token")).expect("a token");
    place.remove("data/ops.token");
    std::fs::create_dir(place.path().join("data/ops.token")).expect("a folder");
    place.write("vidimus.toml", &format!("{SETTINGS}{VIEW}"));
    eventually("the earlier settings do not start either", async || {
        place.log().contains("the earlier settings cannot be used either").then_some(())
    })
    .await;
    assert!(place.log().contains("the earlier ones are used again"), "{}", place.log());
    std::fs::remove_dir(place.path().join("data/ops.token")).expect("removed");
    place.write("data/ops.token", &token);
    alert_about_settings(&daemon, Some("ops.token")).await;
    answers(&daemon, LIST_OF_VIEW, 404).await;
    answers(&daemon, "/v0.1/servers/com.example%2Ftool/versions/1.0.0", 200).await;
    place.write("vidimus.toml", &format!("# again\n{SETTINGS}{VIEW}"));
    answers(&daemon, LIST_OF_VIEW, 200).await;
    alert_about_settings(&daemon, None).await;
}

/// P90: another data folder replaced everything that was served with nothing, within a second.
#[tokio::test(flavor = "multi_thread")]
async fn other_data_folder_is_refused_while_the_daemon_runs_and_another_path_to_it_is_none() {
    let (_upstream, place, daemon) = serving().await;
    place.write("vidimus.toml", &format!("data = \"data2\"\n{SETTINGS}{VIEW}"));
    alert_about_settings(&daemon, Some("it cannot change while the daemon runs")).await;
    alert_about_settings(&daemon, Some("vidimus.toml:1:8")).await;
    answers(&daemon, LIST_OF_VIEW, 404).await;
    answers(&daemon, "/v0.1/servers/com.example%2Ftool/versions/1.0.0", 200).await;
    assert!(!place.path().join("data2").exists());
    let lost = place.run(&["alerts"]);
    assert_eq!(lost.status.code(), Some(3));
    assert!(text(&lost.stderr).contains("give its folder with --data"), "{}", text(&lost.stderr));
    let found = place.print(&["alerts", "--data=data"]);
    assert!(found.contains("stop the daemon, move the folder, and start it again"), "{found}");

    let link = |to: &str| {
        let path = place.path().join("link");
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(place.path().join(to), path).expect("a link");
    };
    link("data");
    for (data, view, status) in [("link", VIEW, 200), ("./data/", "", 404)] {
        place.write("vidimus.toml", &format!("data = \"{data}\"\n{SETTINGS}{view}"));
        answers(&daemon, LIST_OF_VIEW, status).await;
        alert_about_settings(&daemon, None).await;
    }
    std::fs::create_dir(place.path().join("data2")).expect("a folder");
    link("data2");
    place.write("vidimus.toml", &format!("data = \"link\"\n{SETTINGS}{VIEW}"));
    alert_about_settings(&daemon, Some("it cannot change while the daemon runs")).await;
    answers(&daemon, LIST_OF_VIEW, 404).await;
    answers(&daemon, "/v0.1/servers/com.example%2Ftool/versions/1.0.0", 200).await;
}

/// Commands beside a daemon said only what the file has, and a start without the file took all defaults in silence.
#[tokio::test(flavor = "multi_thread")]
async fn broken_or_removed_settings_are_named_with_what_a_running_daemon_does() {
    let (_upstream, place, daemon) = serving().await;
    place.write("good.toml", SETTINGS);
    place.write("vidimus.toml", &format!("{SETTINGS}listne = 1\n"));
    let refused = place.run(&["alerts"]);
    let printed = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{printed}");
    assert!(printed.contains("goes on with its earlier settings"), "{printed}");
    assert!(printed.contains("--config"), "{printed}");
    let reached = place.run(&["alerts", "--config=good.toml"]);
    assert!(reached.status.success(), "{}", text(&reached.stderr));
    place.remove("vidimus.toml");
    alert_about_settings(&daemon, Some("put the file back")).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let daemon = place.start().await;
    assert!(place.log().contains("there is no settings file"), "{}", place.log());
    assert_eq!(daemon.signal("TERM").await, Some(0));
}

fn make_pipe(path: &std::path::Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

/// P102: a file that gives no answer while other settings are prepared. They were not tried again before the file changed.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_hang_are_an_alert_delay_no_stop_and_are_used_when_they_can_be_read() {
    let (_upstream, place, daemon) = serving().await;
    let roots = place.path().join("root.pem");
    let (hangs, text) = (place.path().join("pipe.pem"), std::fs::read(&roots).expect("roots"));
    // The certificates of the system are read by other code, which waits for the writer of a pipe.
    std::fs::remove_file(&roots).expect("removed");
    make_pipe(&roots);
    place.write("vidimus.toml", &format!("{SETTINGS}{VIEW}"));
    alert_about_settings(&daemon, Some("could not be read within 10 seconds")).await;
    std::fs::rename(&roots, &hangs).expect("renamed");
    std::fs::write(&roots, &text).expect("written");
    std::fs::write(&hangs, &text).expect("the reader waits");
    answers(&daemon, LIST_OF_VIEW, 200).await;
    alert_about_settings(&daemon, None).await;
    std::fs::remove_file(&roots).expect("removed");
    make_pipe(&roots);
    place.write("vidimus.toml", SETTINGS);
    alert_about_settings(&daemon, Some("could not be read within 10 seconds")).await;
    // What hangs keeps the corrected settings from nothing.
    std::fs::rename(&roots, &hangs).expect("renamed");
    std::fs::write(&roots, &text).expect("written");
    let other = VIEW.replace("third", "fourth");
    place.write("vidimus.toml", &format!("{SETTINGS}{other}"));
    answers(&daemon, &LIST_OF_VIEW.replace("third", "fourth"), 200).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
}

/// P90: a pipe in place of the settings ended the following of them in silence.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn pipe_in_place_of_the_settings_is_refused_and_the_next_file_is_taken_up() {
    let (_upstream, place, daemon) = serving().await;
    let file = place.path().join("vidimus.toml");
    std::fs::remove_file(&file).expect("removed");
    make_pipe(&file);
    alert_about_settings(&daemon, Some("it is not a regular file")).await;
    std::fs::remove_file(&file).expect("removed");
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
