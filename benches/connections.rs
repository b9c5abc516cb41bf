//! Measures what clients can cost: the memory of idle connections, the answers to honest clients beside slow ones of few
//! addresses, and pages behind cursors that were never asked for.
//!
//! `cargo bench --features jemalloc --bench connections -- [IDLE] [SLOW]`, 10,000 and 4,096 by default. The daemon is a
//! process of its own; `VIDIMUS_BINARY` names a binary to measure in place of this build.

#![allow(clippy::cast_precision_loss, reason = "megabytes and shares are rounded anyway")]

mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::client::Load;
use support::daemon::Daemon;
use support::generator::{Generated, generate};
use support::machine::{cpu_seconds_of, resident};
use support::upstream::Upstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const SEED: u64 = 2026;
/// The addresses of the slow connections, from 127.0.0.2 on.
const ATTACKERS: usize = 4;
const HONEST: usize = 1_000;
const REQUEST: &[u8] = b"GET /v0.1/servers?limit=100 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

fn main() {
    let numbers: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (idle, slow) = match numbers.as_slice() {
        [] => (10_000, 4_096),
        [idle] => (*idle, 4_096),
        [idle, slow, ..] => (*idle, *slow),
    };
    raise_limit();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        measure_idle(idle).await;
        measure_honest(slow).await;
        measure_cursors().await;
    });
}

/// Raises the soft limit of open files to the hard one.
fn raise_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("a limit");
}

/// Starts a daemon over some rows, most of which it serves.
async fn daemon(place: &Path, rows: &[Generated], settings: &str) -> (Daemon, Upstream) {
    let upstream = Upstream::start(rows, Duration::ZERO).await;
    let write = |path: &str, text: &str| {
        let path = place.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    let url = &upstream.url;
    write("upstreams/official.toml", &format!("kind = \"registry\"\nurl = \"{url}\"\n"));
    write(
        "overlays/policy.yaml",
        "servers:\n- {name: io.*/*, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}\n",
    );
    write("vidimus.toml", &format!("[ownership]\nenabled = false\n{settings}"));
    let binary = std::env::var_os("VIDIMUS_BINARY").map(PathBuf::from);
    let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_vidimus").into());
    let mut daemon = Daemon::start(&binary, place, &place.join("data"));
    daemon.ready().await;
    daemon.settle(Duration::from_secs(5)).await;
    (daemon, upstream)
}

async fn connect(from: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// Reads an answer whose size is not known; returns true if it begins as a success and went on to its end.
async fn answered(stream: &mut TcpStream) -> bool {
    let (mut buffer, mut filled, mut length) = (vec![0; 256 * 1024], 0, None);
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return false,
            Ok(read) => filled += read,
        }
        if length.is_none()
            && let Some(end) = memchr::memmem::find(&buffer[..filled], b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
            let body = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            length = body.and_then(|body| body.parse::<usize>().ok()).map(|body| end + 4 + body);
        }
        if length.is_some_and(|length| filled >= length) {
            return buffer.starts_with(b"HTTP/1.1 200");
        }
    }
}

/// Opens connections that have had one answer each, and prints the memory that they add.
async fn measure_idle(count: usize) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let settings = format!("[limits]\nconnections = {}\n", count * 2);
    let (daemon, _upstream) = daemon(place.path(), &generate(1_000, SEED), &settings).await;
    let mut first = connect([127, 0, 0, 1], daemon.registry).await.expect("a connection");
    first.write_all(REQUEST).await.expect("sent");
    assert!(answered(&mut first).await, "the list is served");
    let before = resident(daemon.pid());
    let mut streams = Vec::new();
    for index in 0..count {
        let client = u8::try_from(index % 200).expect("a number");
        let stream = connect([127, 0, 1, client + 1], daemon.registry).await;
        streams.push(stream.expect("a connection"));
    }
    let opened = resident(daemon.pid()) - before;
    for stream in &mut streams {
        stream.write_all(REQUEST).await.expect("sent");
        assert!(answered(stream).await, "each is answered");
    }
    let used = resident(daemon.pid()) - before;
    println!(
        "{count} idle connections: {opened:.0} MB more, {used:.0} MB after an answer to each{}",
        if used > 180.0 { "  MISSED" } else { "" }
    );
    daemon.stop().await;
}

/// Asks as clients of their own while few addresses open as many slow connections as they can.
async fn measure_honest(slow: usize) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let (daemon, _upstream) = daemon(place.path(), &generate(1_000, SEED), "").await;
    let address = daemon.registry;
    let mut attack = JoinSet::new();
    for index in 0..slow {
        let from = [127, 0, 0, 2 + u8::try_from(index % ATTACKERS).expect("a number")];
        attack.spawn(hold(from, address));
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let mut seconds = Vec::new();
    for index in 0..HONEST {
        let from = [127, 0, 2, u8::try_from(index % 250).expect("a number") + 1];
        let begun = Instant::now();
        let asked = tokio::time::timeout(Duration::from_secs(1), async {
            let mut stream = connect(from, address).await.ok()?;
            stream.write_all(REQUEST).await.ok()?;
            answered(&mut stream).await.then_some(())
        });
        if let Ok(Some(())) = asked.await {
            seconds.push(begun.elapsed().as_secs_f64());
        }
    }
    attack.shutdown().await;
    seconds.sort_by(f64::total_cmp);
    let share = 100.0 * seconds.len() as f64 / HONEST as f64;
    println!(
        "{slow} slow connections of {ATTACKERS} addresses: {share:.1} % of {HONEST} honest clients answered within a second, p99 {:.1} ms{}",
        seconds.get(seconds.len() * 99 / 100).copied().unwrap_or_default() * 1e3,
        if share < 95.0 { "  MISSED" } else { "" }
    );
    daemon.stop().await;
}

/// Compares the CPU time of the daemon for a page behind a cursor that were never asked for with that for a page in the
/// cache. Both have a hundred entries.
async fn measure_cursors() {
    let rows = generate(20_000, SEED);
    let place = tempfile::tempdir().expect("a temporary folder");
    let (daemon, _upstream) = daemon(place.path(), &rows, "[limits]\ncache_mib = 1\n").await;
    let path =
        |row: &Generated| format!("/v0.1/servers?limit=100&cursor={}:{}", row.name, row.version);
    // Steps of a prime number lead to each row once.
    let random: Vec<String> =
        (0..rows.len()).map(|index| path(&rows[index * 7_919 % rows.len()])).collect();
    let cost = async |paths: &[String]| {
        let cpu = cpu_seconds_of(daemon.pid());
        let measured = Load::new(daemon.registry, paths).run(16, Duration::from_secs(3)).await;
        (cpu_seconds_of(daemon.pid()) - cpu) / measured.count() as f64
    };
    let cached = cost(&[path(&rows[rows.len() / 3])]).await;
    let random = cost(&random).await;
    let ratio = random / cached;
    println!(
        "a random cursor: {:.3} ms of CPU, {ratio:.1} times a page in the cache{}",
        random * 1e3,
        if ratio > 5.0 { "  MISSED" } else { "" }
    );
    daemon.stop().await;
}

/// Sends a byte of a head every five seconds, and begins again when the connection is closed.
async fn hold(from: [u8; 4], address: SocketAddr) {
    loop {
        if let Ok(mut stream) = connect(from, address).await
            && stream.write_all(b"GET /v0.1/servers HTTP/1.1\r\nHost: ").await.is_ok()
        {
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
