//! What a service manager asks is obeyed in every phase: at a start that hangs, in a first sync, and with clients that do
//! not read.

use std::io::Write as _;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::daemon::{LOOPBACK, Workplace, text};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

fn send(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

async fn code(mut child: Child) -> Option<i32> {
    eventually("the process ended", async || child.try_wait().expect("a status")).await.code()
}

/// Waits until a process has an answer of its own to `TERM`.
async fn catches_signals(child: &mut Child) {
    const TERM: u64 = 1 << 14;
    eventually("signals are caught", async || {
        assert_eq!(child.try_wait().expect("a status"), None, "it ended");
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        (u64::from_str_radix(caught.trim(), 16).ok()? & TERM != 0).then_some(())
    })
    .await;
}

/// P102: a file that gives no answer keeps the daemon from starting and not from stopping.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn start_that_hangs_in_a_file_ends_at_each_signal() {
    let upstream = Upstream::start([]).await;
    for signal in ["TERM", "INT"] {
        let place = Workplace::new(&upstream.url);
        make_pipe(&place, "pipe.pem");
        let mut command = place.command(&[&["serve"], LOOPBACK.as_slice()].concat());
        // The certificates of the system are read by other code, which waits for ever for the writer of a pipe.
        command.env("SSL_CERT_FILE", place.path().join("pipe.pem"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it runs");
        catches_signals(&mut child).await;
        send(signal, child.id());
        assert_eq!(code(child).await, Some(0), "{signal} while certificates are read");
    }
}

fn make_pipe(place: &Workplace, file: &str) {
    let made = Command::new("mkfifo").arg(place.path().join(file)).status();
    assert!(made.expect("mkfifo runs").success());
}

/// P90: no command waited to the end for a pipe in place of the settings.
#[tokio::test(flavor = "multi_thread")]
async fn no_command_waits_for_a_pipe_in_place_of_the_settings() {
    let place = Workplace::new("https://registry.example");
    place.remove("vidimus.toml");
    make_pipe(&place, "vidimus.toml");
    for arguments in [&["check"] as &[&str], &["status"], &["serve"], &["list"]] {
        let output = place.run(arguments);
        let printed = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{printed}");
        assert!(
            printed.contains("vidimus.toml:1:1") && printed.contains("not a regular file"),
            "{printed}"
        );
    }
}

/// P90: a start waits for no pipe in place of a token, and neither does a check.
#[tokio::test(flavor = "multi_thread")]
async fn start_and_check_refuse_a_pipe_in_place_of_a_token() {
    let upstream = Upstream::start([]).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "token_file = \"token\"");
    make_pipe(&place, "token");
    for output in [place.refused_start(), place.run(&["check"])] {
        let printed = text(&output.stdout) + &text(&output.stderr);
        assert!(!output.status.success() && printed.contains("not a regular file"), "{printed}");
    }
}

/// P102: tools that rotate logs, and a terminal that is closed, send `HUP` to a daemon that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn hang_up_stops_no_daemon() {
    let upstream = Upstream::start([Row::new("com.example/wiki", "1.0.0")]).await;
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/wiki");
    let daemon = place.start().await;
    for _ in 0..2 {
        send("HUP", daemon.pid());
        let heard = async || place.log().contains("a hang-up changes nothing").then_some(());
        eventually("the signal was heard", heard).await;
        daemon.serves(1).await;
    }
    assert_eq!(daemon.signal("TERM").await, Some(0));
}

/// P102: interrupts end a synchronisation that hangs.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn second_interrupt_ends_a_synchronisation_that_hangs() {
    let upstream = Upstream::start([]).await;
    upstream.slow_down(Duration::from_hours(1));
    let place = Workplace::new(&upstream.url);
    let mut command = place.command(&["sync"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    catches_signals(&mut child).await;
    eventually("the process ended", async || {
        send("INT", child.id());
        child.try_wait().expect("a status")
    })
    .await;
}

/// P102: an upstream that never answers delays no stop, and the store is whole.
#[tokio::test(flavor = "multi_thread")]
async fn first_sync_of_an_upstream_that_never_answers_delays_no_stop() {
    let upstream = Upstream::start([Row::new("com.example/wiki", "1.0.0")]).await;
    upstream.slow_down(Duration::from_hours(1));
    let place = Workplace::new(&upstream.url);
    place.approve("com.example/wiki");
    let daemon = place.start().await;
    eventually("the upstream was asked", async || (upstream.requests() > 0).then_some(())).await;
    assert_eq!(daemon.signal("TERM").await, Some(0));
    let verified = place.run(&["verify"]);
    assert!(verified.status.success(), "{}", text(&verified.stdout));
}

/// P102: clients that never read their answers are cut off, and a second signal does not wait for that.
#[tokio::test(flavor = "multi_thread")]
async fn client_that_never_reads_delays_no_stop_and_a_second_signal_waits_for_nothing() {
    let rows: Vec<Row> =
        (0..100).map(|index| Row::new(&format!("com.example/tool-{index}"), "1.0.0")).collect();
    let upstream = Upstream::start(rows).await;
    let place = Workplace::new(&upstream.url);
    place.overlay("policy.yaml", "servers: [{name: com.example/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}]");
    for insists in [false, true] {
        let daemon = place.start().await;
        daemon.serves(100).await;
        let address = daemon.registry.strip_prefix("http://").expect("an address");
        let mut client = TcpStream::connect(address).expect("connected");
        client.set_nonblocking(true).expect("set");
        let request = "GET /v0.1/servers?limit=100 HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
        // Until nothing more is taken: the answers before are not read.
        eventually("the connection is full", async || {
            let error = client.write(request.as_bytes()).err()?;
            (error.kind() == std::io::ErrorKind::WouldBlock).then_some(())
        })
        .await;
        if insists {
            send("TERM", daemon.pid());
            let heard = async || place.log().contains("\"stopping\"").then_some(());
            eventually("the signal was heard", heard).await;
        }
        assert_eq!(daemon.signal("TERM").await, Some(0));
        assert_eq!(place.log().contains("stopped at once"), insists, "{}", place.log());
        let verified = place.run(&["verify"]);
        assert!(verified.status.success(), "{}", text(&verified.stdout));
    }
}
