//! Measures mirroring against a plain client of the same upstream, in one run.
//!
//! `cargo bench --bench mirror -- [ROWS]…`, 10,000 and 100,000 by default.

#![allow(clippy::cast_precision_loss, reason = "ratios and megabytes are rounded anyway")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::daemon::Daemon;
use support::generator::{Generated, generate};
use support::machine::{cpu_seconds, cpu_seconds_of, resident};
use support::upstream::Upstream;
use tokio_util::sync::CancellationToken;
use vidimus::config::{Egress, Origin, SyncSettings, Trust, Upstream as Definition};
use vidimus::daemon::{Clock, Observer, RunOptions, open_source, run_sync};
use vidimus::model::Name;
use vidimus::store::Store;
use vidimus::sync::SyncRun;

const SEED: u64 = 2026;
const VISIBLE: usize = 500;

struct Silent;

impl Observer for Silent {
    fn touched(&self, _: std::collections::BTreeSet<Name>) {}
    fn progress(&self, _: &SyncRun) {}
}

fn main() {
    let mut sizes: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000];
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for size in sizes {
        let rows = generate(size, SEED);
        runtime.block_on(measure(&rows));
    }
}

async fn measure(rows: &[Generated]) {
    let json: usize = rows.iter().map(|row| row.item.len()).sum();
    println!("\n{} rows, {:.1} MB of JSON", rows.len(), mega(json));
    // A million rows with a delay take minutes, with the same result as a hundred thousand.
    let delays = [Duration::ZERO, Duration::from_millis(20)];
    for delay in delays.into_iter().take(if rows.len() > 200_000 { 1 } else { 2 }) {
        let upstream = Upstream::start(rows, delay).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (plain, plain_cpu) = timed(plain_client(&upstream)).await;
        let (first, first_cpu) = Box::pin(timed(full_sync(&upstream, folder.path()))).await;
        println!(
            "{:>3} ms to a page: plain client {plain:6.2} s ({plain_cpu:5.2} s CPU), first sync {first:6.2} s ({first_cpu:5.2} s CPU), ratio {:.2}",
            delay.as_millis(),
            first / plain,
        );
        if delay.is_zero() {
            let (again, again_cpu) = Box::pin(timed(full_sync(&upstream, folder.path()))).await;
            println!(
                "    a full sync without changes {again:6.2} s ({again_cpu:5.2} s CPU), {:.2} of the first one's CPU",
                again_cpu / first_cpu
            );
            let file = fs::metadata(folder.path().join("vidimus.redb")).expect("a store").len();
            println!(
                "    store file {:.1} MB, {:.2} of the JSON",
                mega(usize::try_from(file).expect("a size")),
                file as f64 / json as f64
            );
            daemon(rows, &upstream, folder.path()).await;
        }
    }
}

/// Downloads the same pages, parses them and drops them.
async fn plain_client(upstream: &Upstream) {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut cursor = String::new();
    loop {
        let mut url =
            url::Url::parse(&format!("{}/v0.1/servers?limit=100", upstream.url)).expect("a URL");
        if !cursor.is_empty() {
            url.query_pairs_mut().append_pair("cursor", &cursor);
        }
        let body = client.get(url).send().await.expect("an answer").bytes().await.expect("a body");
        let page: Value = serde_json::from_slice(&body).expect("JSON");
        match page["metadata"]["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return,
        }
    }
}

async fn full_sync(upstream: &Upstream, data: &Path) {
    let definition = Definition {
        trust_dates: false,
        id: "official".into(),
        origin: Origin::Registry(upstream.url.parse().expect("a URL")),
        trust: Trust::External,
        priority: 100,
        enabled: true,
        token_file: None,
        ca_file: None,
        sync: SyncSettings::default(),
        safety_limits: vidimus::sync::SafetyLimits::default(),
        namespaces: vidimus::model::NamespaceRules::default(),
        requests_per_hour: u32::MAX,
        max_size: u64::MAX,
    };
    let store = Arc::new(Store::create(data, Clock::system()).expect("a store"));
    let source = open_source(&definition, &Egress::default()).expect("a client");
    let clock = Arc::new(Clock::starting_at(Clock::system()));
    let plan = RunOptions::of(&definition, &[], true, false);
    run_sync(&store, &clock, &source, &plan, &CancellationToken::new(), Silent)
        .await
        .expect("a sync run");
}

/// Measures the real daemon over the mirrored store: memory, and the time from start to ready.
async fn daemon(rows: &[Generated], upstream: &Upstream, data: &Path) {
    let folder =
        data.parent().expect("a folder").join(format!("vidimus-bench-{}", std::process::id()));
    let write = |path: &str, text: String| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("upstreams/official.toml", format!("kind = \"registry\"\nurl = \"{}\"\n", upstream.url));
    let mut overlay = "servers:\n".to_owned();
    let step = rows.len() / VISIBLE;
    for row in rows.iter().step_by(step.max(1)) {
        overlay.push_str(&format!("- {{name: {}, versions: '{}', approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}}}\n", row.name, row.version));
    }
    write("overlays/policy.yaml", overlay);
    for how in ["first start", "after kill -9"] {
        let mut daemon = Daemon::start(Path::new(env!("CARGO_BIN_EXE_vidimus")), &folder, data);
        let took = daemon.ready().await;
        let visible = daemon.status().await["visible"].as_u64().unwrap_or_default();
        // A new daemon settles after its first incremental sync.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let early = resident(daemon.pid());
        idle(daemon.pid()).await;
        println!(
            "    {how}: ready in {:.3} s, {visible} visible, {early:.1} MB resident after 2 s, {:.1} MB at rest",
            took.as_secs_f64(),
            resident(daemon.pid())
        );
    }
    fs::remove_dir_all(&folder).expect("removed");
}

/// Waits until a process is almost idle: then the facts of the first sync are stored.
async fn idle(pid: u32) {
    loop {
        let before = cpu_seconds_of(pid);
        tokio::time::sleep(Duration::from_secs(2)).await;
        if cpu_seconds_of(pid) - before < 0.2 {
            return;
        }
    }
}

/// Returns the elapsed seconds and the CPU seconds of this process; both include the share of the upstream.
async fn timed(work: impl Future<Output = ()>) -> (f64, f64) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    work.await;
    (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu)
}

fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
