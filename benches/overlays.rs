//! Measures thousands of overlay files: loading, linting and merging them, one edited file, and a daemon over them that has
//! nothing to do.
//!
//! `cargo bench --bench overlays -- [ROWS]`, 100,000 by default, under 5,000 files. The daemon runs twice: once with
//! notifications of the file system, and once without any, in a namespace of users where they are forbidden.

#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::daemon::Daemon;
use support::generator::{Generated, generate};
use support::machine::{cpu_seconds_of, resident, thread_seconds};
use support::overlays::{chosen, namespaces, of_one_type, rule, write_overlays};
use support::upstream::Upstream;
use vidimus::config::{KnownFiles, read_changed_overlays, read_overlays};
use vidimus::lint::{Source, has_errors};
use vidimus::model::Timestamp;
use vidimus::overlay::{Context, OverlaySet, ParsedFiles, Terms};

const SEED: u64 = 2026;
const FILES: usize = 5_000;
const ROUNDS: usize = 5;
const EDITS: usize = 15;
/// All work is done after so long without a generation.
const SETTLED: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);
const CALM: Duration = Duration::from_secs(10);
/// A start costs this work once. The third look at rules without effect, 72 s after the policy became current, is done
/// by then; the fourth comes ten minutes later.
const AFTER_START: Duration = Duration::from_secs(150);

/// Lookups of owners are work of their own.
const SETTINGS: &str =
    "[ownership]\nenabled = false\n[package_urls]\nnpm = [\"https://packages.example.com\"]\n";

fn main() {
    let size = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let mut rows = generate(size.unwrap_or(100_000), SEED);
    of_one_type(&mut rows);
    for per_file in [1, 6] {
        let place = tempfile::tempdir().expect("a folder");
        let names = chosen(&rows, FILES * per_file);
        let paths = write_overlays(place.path(), &names, FILES);
        measure_lint(place.path(), &paths[FILES / 2], names.len());
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure_daemon(&rows));
}

/// Measures a complete lint, and one after an edit.
fn measure_lint(folder: &Path, edited: &Path, rules: usize) {
    println!("\n{FILES} files with {rules} rules, seconds of CPU:");
    let now = Timestamp::parse("2026-12-01T00:00:00Z").expect("a time");
    let upstreams = ["official".to_owned()];
    let context = Context { terms: Terms::default(), now, upstreams: Some(&upstreams) };
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let begun = thread_seconds();
        let mut sources = read_overlays(folder).sources;
        let loaded = thread_seconds();
        let (all, mut parsed) = lint(&sources, &context, &ParsedFiles::default());
        let at = sources.iter().position(|source| Path::new(&source.file) == edited);
        let at = at.expect("the edited file");
        let text = sources[at].text.replace("tier: 2", "tier: 1");
        sources[at] = Source::new(sources[at].file.as_str(), text);
        let (one, _) = lint(&sources, &context, &std::mem::take(&mut parsed));
        println!(
            "  load {:.3}, {all}; complete: {:.3}; after one edit: {one}",
            loaded - begun,
            loaded - begun + all.total()
        );
        ratios.push(one.total() / all.total());
    }
    ratios.sort_by(f64::total_cmp);
    println!("  one edit against all files, median: {:.3}", ratios[ROUNDS / 2]);
    measure_look(folder);
}

/// Measures a look at a folder in which nothing changed.
fn measure_look(folder: &Path) {
    let mut known = KnownFiles::new();
    #[expect(clippy::disallowed_methods, reason = "it is compared with times of the file system")]
    let later = std::time::SystemTime::now() + Duration::from_secs(10);
    let _ = read_changed_overlays(folder, &mut known, later);
    let begun = thread_seconds();
    for _ in 0..ROUNDS {
        let _ = read_changed_overlays(folder, &mut known, later);
    }
    println!("  a look without changes: {:.4}", (thread_seconds() - begun) / ROUNDS as f64);
}

/// The seconds of CPU of one lint.
struct Took {
    parse: f64,
    check: f64,
    merge: f64,
}

impl Took {
    fn total(&self) -> f64 {
        self.parse + self.check + self.merge
    }
}

impl std::fmt::Display for Took {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { parse, check, merge } = self;
        write!(f, "parse {parse:.3}, compare {check:.3}, merge {merge:.3}")
    }
}

fn lint(
    sources: &[std::sync::Arc<Source>],
    context: &Context<'_>,
    before: &ParsedFiles,
) -> (Took, ParsedFiles) {
    let begun = thread_seconds();
    let (reading, parsed) = before.parse(sources, context);
    let read = thread_seconds();
    let checked = reading.checked();
    let linted = thread_seconds();
    assert!(!has_errors(&checked.findings), "{:?}", checked.findings);
    let set = OverlaySet::from(checked);
    let merged = thread_seconds();
    assert!(set.rules().len() >= FILES);
    (Took { parse: read - begun, check: linted - read, merge: merged - linted }, parsed)
}

async fn measure_daemon(rows: &[Generated]) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let upstream = Upstream::start(rows, Duration::ZERO).await;
    let names = chosen(rows, FILES);
    let selectors = namespaces(&names);
    let write = |path: &str, text: &str| {
        let path = place.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("vidimus.toml", SETTINGS);
    write("upstreams/official.toml", &upstream_file(&upstream.url));
    let paths = write_overlays(&place.path().join("overlays"), &selectors, FILES);
    let edited: Vec<(String, PathBuf)> = selectors.into_iter().zip(paths).collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_vidimus"));
    println!("\nthe daemon, from an empty store:");
    let mut daemon = Daemon::start(binary, place.path(), &place.path().join("data"));
    daemon.ready().await;
    while daemon.status().await["upstreams"][0]["lastFullSync"].is_null() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    measure(&mut daemon, &names, &edited).await;
    daemon.stop().await;
    let wrapper = place.path().join("without-notifications");
    fs::write(&wrapper, without_notifications(binary)).expect("a script");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("a script");
    println!("\nthe daemon without notifications, its store filled:");
    let mut daemon = Daemon::start(&wrapper, place.path(), &place.path().join("data"));
    daemon.ready().await;
    measure(&mut daemon, &names, &edited).await;
    daemon.stop().await;
}

fn upstream_file(url: &str) -> String {
    format!(
        "kind = \"registry\"\nurl = \"{url}\"\n[limits]\nrequests_per_hour = 1000000\n[sync]\ninterval = \"1h\"\n[safety_limits]\nfrozen_after = \"366d\"\n"
    )
}

/// Returns a script that runs a program where the file system notifies of nothing.
fn without_notifications(binary: &Path) -> String {
    let inner = "echo 0 > /proc/sys/user/max_inotify_instances; exec \"$0\" \"$@\"";
    let binary = binary.display();
    format!("#!/bin/sh\nexec unshare --user --map-root-user sh -c '{inner}' {binary} \"$@\"\n")
}

async fn measure(daemon: &mut Daemon, names: &[String], edited: &[(String, PathBuf)]) {
    daemon.settle(SETTLED).await;
    let status = daemon.status().await;
    println!(
        "  {} of {} rows visible, {} alerts, resident {:.0} MB",
        status["visible"],
        status["upstreams"][0]["rows"],
        status["alerts"].as_array().map_or(0, Vec::len),
        resident(daemon.pid())
    );
    measure_idle(daemon).await;
    measure_edits(daemon, names, edited).await;
    println!("  resident {:.0} MB", resident(daemon.pid()));
}

/// Waits until the daemon is idle, and measures a minute.
async fn measure_idle(daemon: &Daemon) {
    tokio::time::sleep(AFTER_START).await;
    let share = async |span: Duration| {
        let before = cpu_seconds_of(daemon.pid());
        tokio::time::sleep(span).await;
        100.0 * (cpu_seconds_of(daemon.pid()) - before) / span.as_secs_f64()
    };
    let mut shares = vec![share(CALM).await];
    while shares.len() < 30 && shares.last().is_some_and(|share| *share > 3.0) {
        shares.push(share(CALM).await);
    }
    println!("  percent of a core in each {} s until it is idle: {shares:.1?}", CALM.as_secs());
    println!("  idle: {:.2} % of a core", share(IDLE).await);
}

async fn measure_edits(daemon: &Daemon, names: &[String], edited: &[(String, PathBuf)]) {
    let mut took = Vec::new();
    let before = cpu_seconds_of(daemon.pid());
    for (selector, path) in edited.iter().step_by(FILES / EDITS) {
        let namespace = selector.trim_end_matches('*');
        let name = names.iter().find(|name| name.starts_with(namespace)).expect("a name");
        // Some entries are refused.
        let Some(now) = tier(daemon, name).await else { continue };
        let other = if now == 1 { 2 } else { 1 };
        let begun = Instant::now();
        fs::write(path, format!("servers:\n{}", rule(selector, other))).expect("a file");
        while tier(daemon, name).await != Some(u64::from(other)) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        // What follows an edit is done, and the next one is an edit by itself.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    let cpu = (cpu_seconds_of(daemon.pid()) - before) / took.len() as f64;
    took.sort_by(f64::total_cmp);
    println!(
        "  {} edits, to visibility: {:.0} ms (least {:.0}, most {:.0}); {:.0} ms of CPU each, with polling",
        took.len(),
        took[took.len() / 2],
        took[0],
        took[took.len() - 1],
        1e3 * cpu
    );
}

/// Returns the tier with which the latest version of a name is served.
async fn tier(daemon: &Daemon, name: &str) -> Option<u64> {
    let path = format!("/v0.1/servers/{}/versions/latest", name.replace('/', "%2F"));
    let item = daemon.find(&path).await?;
    let (_, curation) =
        item["_meta"].as_object()?.iter().find(|(key, _)| key.ends_with("/curation"))?;
    curation["tier"].as_u64()
}
