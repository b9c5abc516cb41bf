//! Measures the complete daemon under a policy that uses every feature: ownership, 1,000 protected names, wildcards,
//! three views with limits, refused rows. It is measured from outside, by its routes and its log, so that another release
//! can be measured in the same run.
//!
//! `cargo bench --bench policy -- [ROWS]`, 100,000 by default. `VIDIMUS_BINARY` names the binaries to measure in
//! place of this build, separated by colons. Several binaries take turns in each round.

#![allow(clippy::cast_precision_loss, reason = "ratios and megabytes are rounded anyway")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::constant::{Case, compare, constant};
use support::daemon::Daemon;
use support::generator::{Generated, generate};
use support::machine::{cpu_seconds_of, resident};
use support::policy::{Tiers, refuse_some, write_folder, write_tiers};
use support::upstream::Upstream;
use tokio_util::sync::CancellationToken;

const SEED: u64 = 2026;
const ROUNDS: usize = 3;
/// The approximate number of entries that a small publication changes.
const SMALL: usize = 1_000;
const CONNECTIONS: usize = 256;
/// All work is done after so long without a generation.
const SETTLED: Duration = Duration::from_secs(10);
/// The argument with which this program only serves the constant body, in its own process as the daemon does.
const CONSTANT: &str = "constant";

/// A binary, its folder, and its measurements: one value for each round.
struct Subject {
    binary: PathBuf,
    folder: PathBuf,
    measured: Vec<(&'static str, &'static str, Vec<f64>)>,
}

/// Name and version.
type Key = (String, String);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if arguments.iter().any(|argument| argument == CONSTANT) {
        runtime.block_on(serve_constant());
        return;
    }
    let size = arguments.iter().find_map(|argument| argument.parse().ok());
    let mut rows = generate(size.unwrap_or(100_000), SEED);
    refuse_some(&mut rows);
    runtime.block_on(measure(&rows));
}

async fn measure(rows: &[Generated]) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let upstream = Upstream::start(rows, Duration::ZERO).await;
    let mut subjects: Vec<Subject> = binaries()
        .into_iter()
        .enumerate()
        .map(|(index, binary)| {
            let folder = place.path().join(index.to_string());
            Subject { binary, folder, measured: Vec::new() }
        })
        .collect();
    let mut entries = Vec::new();
    for subject in &subjects {
        entries = fill(subject, &upstream, rows).await;
    }
    let (_process, constant) = start_constant();
    for round in 1..=ROUNDS {
        for subject in &mut subjects {
            println!("\nround {round}, {}:", subject.binary.display());
            measure_once(subject, &entries, constant).await;
        }
    }
    for subject in &subjects {
        println!("\n{}, median of {ROUNDS} rounds (least to most):", subject.binary.display());
        for (what, unit, values) in &subject.measured {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let (least, median) = (sorted[0], sorted[sorted.len() / 2]);
            println!(
                "  {what}: {median:.2} ({least:.2} to {:.2}) {unit}",
                sorted[sorted.len() - 1]
            );
        }
    }
}

fn binaries() -> Vec<PathBuf> {
    match std::env::var_os("VIDIMUS_BINARY") {
        Some(named) => std::env::split_paths(&named)
            .map(|path| path.canonicalize().expect("a binary that exists"))
            .collect(),
        None => vec![env!("CARGO_BIN_EXE_vidimus").into()],
    }
}

/// Fills an empty store, and returns the entries that small publications change. Each binary fills its own store, because
/// formats differ.
async fn fill(subject: &Subject, upstream: &Upstream, rows: &[Generated]) -> Vec<Key> {
    println!("\n{}, from an empty store:", subject.binary.display());
    write_folder(&subject.folder, &upstream.url, rows);
    let begun = Instant::now();
    let mut daemon = subject.start();
    daemon.ready().await;
    while daemon.status().await["upstreams"][0]["lastFullSync"].is_null() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("  mirrored in {:.2} s", begun.elapsed().as_secs_f64());
    // Names without a match are shown during the sync run, the others after all names were compared.
    let last = daemon.settle(SETTLED).await.expect("a generation");
    println!("  last generation after {:.2} s", (last.at - begun).as_secs_f64());
    let status = daemon.status().await;
    println!(
        "  {} of {} rows visible by default, {} in quarantine, {} alerts; namespaces by verdict: {}",
        status["visible"],
        status["upstreams"][0]["rows"],
        status["upstreams"][0]["quarantined"],
        status["alerts"].as_array().map_or(0, Vec::len),
        status["owners"],
    );
    let entries = visible(&daemon, rows).await;
    write_tiers(&subject.folder, Tiers { all: 1, small: 1 }, &entries);
    daemon.settle(SETTLED).await;
    daemon.stop().await;
    entries
}

/// Returns served entries, spread over the complete list.
async fn visible(daemon: &Daemon, rows: &[Generated]) -> Vec<Key> {
    let mut entries = BTreeSet::new();
    for row in rows.iter().step_by((rows.len() / SMALL).max(1)) {
        let path = format!("/v0.1/servers?limit=1&cursor={}:{}", row.name, row.version);
        let page = daemon.get(&path).await;
        let server = &page["servers"][0]["server"];
        if let (Some(name), Some(version)) = (server["name"].as_str(), server["version"].as_str()) {
            entries.insert((name.to_owned(), version.to_owned()));
        }
    }
    entries.into_iter().collect()
}

async fn measure_once(subject: &mut Subject, entries: &[Key], constant: SocketAddr) {
    let mut daemon = subject.start();
    let took = daemon.ready().await;
    subject.keep("start to ready, filled store", "s", took.as_secs_f64());
    subject.keep("start to ready, CPU", "s", cpu_seconds_of(daemon.pid()));
    let first = daemon.generation(|_| true).await;
    subject.keep("first generation", "ms", first.took_ms as f64);
    daemon.settle(SETTLED).await;
    subject.keep("resident memory, settled", "MB", resident(daemon.pid()));
    // Each is measured twice: the change and its reversal.
    let (thousand, all) = ("publication of a thousand", "publication of all");
    let steps = [
        (thousand, Tiers { all: 1, small: 2 }),
        (thousand, Tiers { all: 1, small: 1 }),
        (all, Tiers { all: 2, small: 1 }),
        (all, Tiers { all: 1, small: 1 }),
    ];
    for (what, tiers) in steps {
        // The generation of the write is the next one.
        daemon.settle(Duration::from_secs(2)).await;
        let cpu = cpu_seconds_of(daemon.pid());
        write_tiers(&subject.folder, tiers, entries);
        let generation = if what == all {
            daemon.generation(|generation| generation.changed > generation.visible / 2).await
        } else {
            // Another generation may have been in progress.
            loop {
                let generation = daemon.generation(|_| true).await;
                if tier(&daemon, &entries[0]).await == Some(tiers.small.into()) {
                    break generation;
                }
            }
        };
        let cpu = cpu_seconds_of(daemon.pid()) - cpu;
        println!(
            "  {what}: {} changed, {} visible, {cpu:.2} s of CPU with reading the overlays",
            generation.changed, generation.visible
        );
        subject.keep(what, "ms", generation.took_ms as f64);
    }
    for case in &cases(entries) {
        let ratio = compare(case, daemon.registry, constant, CONNECTIONS).await;
        subject.keep(case.what, "of a constant body's throughput", ratio);
    }
    subject.keep("resident memory, after requests", "MB", resident(daemon.pid()));
    daemon.stop().await;
}

/// Returns the tier with which an entry is served.
async fn tier(daemon: &Daemon, (name, version): &Key) -> Option<u64> {
    let path = format!("/v0.1/servers/{}/versions/{version}", name.replace('/', "%2F"));
    let item = daemon.get(&path).await;
    let (_, curation) =
        item["_meta"].as_object()?.iter().find(|(key, _)| key.ends_with("/curation"))?;
    curation["tier"].as_u64()
}

fn cases(entries: &[Key]) -> [Case; 3] {
    let of_each = |path: &dyn Fn(&Key) -> String| entries.iter().map(path).collect();
    let encoded = |name: &str| name.replace('/', "%2F");
    let case = |what, paths| Case { what, paths, bound: Some(0.8), constants: 1 };
    [
        case("list of 30", vec!["/v0.1/servers?limit=30".to_owned()]),
        case(
            "latest of one name",
            of_each(&|(name, _)| format!("/v0.1/servers/{}/versions/latest", encoded(name))),
        ),
        case(
            "one exact version",
            of_each(&|(name, version)| {
                format!("/v0.1/servers/{}/versions/{version}", encoded(name))
            }),
        ),
    ]
}

impl Subject {
    fn start(&self) -> Daemon {
        Daemon::start(&self.binary, &self.folder, &self.folder.join("data"))
    }

    fn keep(&mut self, what: &'static str, unit: &'static str, value: f64) {
        println!("  {what}: {value:.2} {unit}");
        match self.measured.iter_mut().find(|(other, ..)| *other == what) {
            Some((.., values)) => values.push(value),
            None => self.measured.push((what, unit, vec![value])),
        }
    }
}

/// A process that is killed on drop.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_constant() -> (Killed, SocketAddr) {
    let this: &Path = &std::env::current_exe().expect("this program");
    let mut child = Command::new(this)
        .arg(CONSTANT)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs again");
    let mut line = String::new();
    let output = child.stdout.take().expect("an output");
    BufReader::new(output).read_line(&mut line).expect("a line");
    (Killed(child), line.trim().parse().expect("an address"))
}

async fn serve_constant() {
    println!("{}", constant(CancellationToken::new()).await);
    std::future::pending::<()>().await;
}
