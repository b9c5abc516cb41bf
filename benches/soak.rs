//! Runs the daemon under load for some minutes, with everything that happens to one in a year.
//!
//! `cargo bench --features jemalloc --bench soak -- [MINUTES] [RESTART_EVERY]`, 10 and 1 by default. All the time clients
//! ask for lists, entries and what changed, full syncs run, overlays are edited, and namespaces are verified; every
//! `RESTART_EVERY` minutes the daemon restarts, by a signal and by `kill -9` in turns. A request fails when it has another
//! status than it should, or no answer; those that a restart overlaps are not counted. `VIDIMUS_BINARY` names a binary to
//! measure in place of this build.

#![allow(clippy::cast_precision_loss, reason = "megabytes are rounded anyway")]

mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use reqwest::{Client, Method, StatusCode};
use support::daemon::Daemon;
use support::generator::{Generated, generate};
use support::machine::{cpu_seconds_of, descriptors, resident};
use support::policy::{Tiers, write_folder, write_tiers};
use support::upstream::Upstream;
use tokio::task::JoinSet;

const SEED: u64 = 2026;
const ROWS: usize = 20_000;
const CLIENTS: usize = 16;
/// The pause of a client between two requests.
const PACE: Duration = Duration::from_millis(10);

/// The state that the clients and the operator share.
struct Shared {
    address: RwLock<SocketAddr>,
    /// The number of the daemon that answers; 0 during a restart.
    daemon: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    first_failures: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

fn main() {
    let numbers: Vec<u64> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let minutes = numbers.first().copied().unwrap_or(10);
    let every = numbers.get(1).copied().unwrap_or(1);
    let rows = generate(ROWS, SEED);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(soak(&rows, minutes, every));
}

async fn soak(rows: &[Generated], minutes: u64, every: u64) {
    let upstream = Upstream::start(rows, Duration::ZERO).await;
    let place = tempfile::tempdir().expect("a temporary folder");
    write_folder(place.path(), &upstream.url, rows);
    let mut daemon = start(place.path()).await;
    daemon.settle(Duration::from_secs(5)).await;
    let shared = Arc::new(Shared {
        address: RwLock::new(daemon.registry),
        daemon: AtomicU64::new(1),
        answered: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        first_failures: Mutex::default(),
        is_over: AtomicBool::new(false),
    });
    let paths = Arc::new(paths(&daemon).await);
    let mut clients = JoinSet::new();
    for index in 0..CLIENTS {
        clients.spawn(ask(Arc::clone(&shared), Arc::clone(&paths), index));
    }
    let mut levels = Vec::new();
    println!("minute  requests  failed  publications  CPU    resident  descriptors  store");
    for minute in 1..=minutes {
        let work = operate(&mut daemon, place.path(), rows, minute).await;
        let store = std::fs::metadata(place.path().join("data/vidimus.redb"));
        let level = (resident(daemon.pid()), descriptors(daemon.pid()));
        levels.push(level);
        println!(
            "{minute:>6}  {:>8}  {:>6}  {:>12}  {:>3.0} %  {:>5.0} MB  {:>11}  {:.1} MB",
            shared.answered.swap(0, Ordering::Relaxed),
            shared.failed.load(Ordering::Relaxed),
            work.publications,
            work.cpu / 0.6,
            level.0,
            level.1,
            store.map_or(0, |store| store.len()) as f64 / 1e6,
        );
        if minute % every == 0 && minute < minutes {
            shared.daemon.store(0, Ordering::SeqCst);
            if minute % (2 * every) == 0 {
                drop(daemon);
            } else {
                daemon.stop().await;
            }
            daemon = start(place.path()).await;
            *shared.address.write().expect("a lock") = daemon.registry;
            shared.daemon.store(minute + 1, Ordering::SeqCst);
        }
    }
    shared.is_over.store(true, Ordering::Relaxed);
    while clients.join_next().await.is_some() {}
    let failed = shared.failed.load(Ordering::Relaxed);
    println!("{failed} requests failed{}", if failed > 0 { "  MISSED" } else { "" });
    for failure in shared.first_failures.lock().expect("a lock").iter() {
        println!("  {failure}");
    }
    judge(&levels);
    daemon.stop().await;
}

/// Compares the second half with the first: memory and descriptors that grow with time are larger there.
fn judge(levels: &[(f64, usize)]) {
    let (first, second) = levels.split_at(levels.len() / 2);
    let most = |levels: &[(f64, usize)]| {
        let memory = levels.iter().map(|level| level.0).fold(0.0, f64::max);
        (memory, levels.iter().map(|level| level.1).max().unwrap_or(0))
    };
    let ((memory, descriptors), later) = (most(first), most(second));
    let missed = later.0 > memory * 1.1 || later.1 > descriptors + CLIENTS;
    println!(
        "first half at most {memory:.0} MB and {descriptors} descriptors, second half {:.0} MB and {}{}",
        later.0,
        later.1,
        if missed { "  MISSED" } else { "" }
    );
}

async fn start(place: &Path) -> Daemon {
    let binary = std::env::var_os("VIDIMUS_BINARY").map(PathBuf::from);
    let binary = binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_vidimus").into());
    let mut daemon = Daemon::start(&binary, place, &place.join("data"));
    daemon.ready().await;
    daemon
}

/// Returns what clients ask for, each with the status that it has to have.
async fn paths(daemon: &Daemon) -> Vec<(String, StatusCode)> {
    let list = daemon.get("/v0.1/servers?limit=100").await;
    let servers = list["servers"].as_array().expect("a list");
    assert!(!servers.is_empty(), "something is served");
    let mut paths: Vec<(String, StatusCode)> = servers
        .iter()
        .map(|entry| {
            let name = entry["server"]["name"].as_str().expect("a name").replace('/', "%2F");
            (format!("/v0.1/servers/{name}/versions"), StatusCode::OK)
        })
        .collect();
    for index in 0..servers.len() {
        paths.push((format!("/v0.1/servers?search={index}"), StatusCode::OK));
        paths.push((format!("/v0.1/servers?limit={}", index + 1), StatusCode::OK));
        let unknown = format!("/v0.1/servers/no.such%2Fserver-{index}/versions/latest");
        paths.push((unknown, StatusCode::NOT_FOUND));
        let since = format!("/v0.1/servers?updated_since=2026-11-{:02}T00:00:00Z", index % 28 + 1);
        paths.push((since, StatusCode::OK));
    }
    paths
}

async fn ask(shared: Arc<Shared>, paths: Arc<Vec<(String, StatusCode)>>, first: usize) {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
    let client = client.expect("a client");
    let mut next = first;
    while !shared.is_over.load(Ordering::Relaxed) {
        tokio::time::sleep(PACE).await;
        let daemon = shared.daemon.load(Ordering::SeqCst);
        if daemon == 0 {
            continue;
        }
        let address = *shared.address.read().expect("a lock");
        next = (next + CLIENTS) % paths.len();
        let (path, expected) = &paths[next];
        let failure = match client.get(format!("http://{address}{path}")).send().await {
            Ok(answer) if answer.status() == *expected => {
                answer.bytes().await.err().map(|error| format!("{path}: {error:?}"))
            }
            Ok(answer) => Some(format!("{path}: {}", answer.status())),
            Err(error) => Some(format!("{path}: {error:?}")),
        };
        if shared.daemon.load(Ordering::SeqCst) != daemon {
            continue;
        }
        shared.answered.fetch_add(1, Ordering::Relaxed);
        if let Some(failure) = failure {
            shared.failed.fetch_add(1, Ordering::Relaxed);
            let mut first = shared.first_failures.lock().expect("a lock");
            if first.len() < 10 {
                first.push(failure);
            }
        }
    }
}

/// The work of a daemon in a minute.
struct Work {
    publications: usize,
    cpu: f64,
}

/// Edits overlays, asks for full syncs and for verifications during a minute.
async fn operate(daemon: &mut Daemon, place: &Path, rows: &[Generated], minute: u64) -> Work {
    let begun = Instant::now();
    let cpu = cpu_seconds_of(daemon.pid());
    let mut publications = 0;
    let mut round = 0_usize;
    while begun.elapsed() < Duration::from_mins(1) {
        round += 1;
        let small = if round.is_multiple_of(2) { 1 } else { 2 };
        let entries: Vec<(String, String)> =
            rows.iter().step_by(100).map(|row| (row.name.clone(), row.version.clone())).collect();
        write_tiers(place, Tiers { all: 1, small }, &entries);
        let full = round.is_multiple_of(3);
        daemon.operate(Method::POST, &format!("/ops/sync?full={full}")).await;
        let step = rows.len() / 100;
        let row = &rows[(round + usize::try_from(minute).expect("a number") * 7) % 100 * step];
        let namespace = row.name.split('/').next().unwrap_or_default();
        daemon.operate(Method::POST, &format!("/ops/ownership/{namespace}")).await;
        publications += daemon.drain();
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    Work { publications, cpu: cpu_seconds_of(daemon.pid()) - cpu }
}
