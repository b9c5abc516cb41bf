//! Measures what advisories cost the complete daemon: a feed with the sizes and shapes of a real one, over a mirrored
//! registry of which a part is approved.
//!
//! `cargo bench --features jemalloc --bench advisories -- [ADVISORIES] [ROWS]`, 300,000 and 100,000 by default. CPU and
//! memory are those of the daemon from the moment the feed is written until rest, compared with rest before it. `VIDIMUS_BINARY` names a binary
//! to measure in place of this build.

#![allow(clippy::cast_precision_loss, reason = "seconds and megabytes are rounded anyway")]

mod support;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::daemon::Daemon;
use support::generator::{Generated, Random, generate};
use support::machine::{cpu_seconds_of, resident};
use support::upstream::Upstream;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const SEED: u64 = 2026;
const VISIBLE: usize = 500;
/// One advisory in so many is about a package that an entry names.
const RELEVANT: usize = 100;

fn main() {
    let numbers: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (advisories, rows) = match numbers.as_slice() {
        [] => (300_000, 100_000),
        [advisories] => (*advisories, 100_000),
        [advisories, rows, ..] => (*advisories, *rows),
    };
    let rows = generate(rows, SEED);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(advisories, &rows));
}

async fn measure(advisories: usize, rows: &[Generated]) {
    let upstream = Upstream::start(rows, Duration::ZERO).await;
    let place = tempfile::tempdir().expect("a temporary folder");
    write_folder(place.path(), &upstream.url, rows);
    let data = place.path().join("data");
    let binary = std::env::var_os("VIDIMUS_BINARY").map(PathBuf::from);
    let binary = &binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_vidimus").into());
    let feed = place.path().join("all.zip");
    write_feed(&feed, 0, rows, 0);
    let mut daemon = Daemon::start(binary, place.path(), &data);
    daemon.ready().await;
    daemon.settle(Duration::from_secs(10)).await;
    idle(daemon.pid()).await;
    let (cpu, memory) = (cpu_seconds_of(daemon.pid()), resident(daemon.pid()));
    let file = store_size(&data);
    println!("{} rows: {cpu:.2} s of CPU until rest, {memory:.1} MB", rows.len());

    for (what, changed) in [("a first reading", 0), ("another reading, with 100 changed", 100)] {
        let next = place.path().join("next.zip");
        let bytes = write_feed(&next, advisories, rows, changed);
        println!("{advisories} advisories, {:.1} MB of JSON", bytes as f64 / 1e6);
        let read_at = daemon.status().await["advisories"]["feeds"][0]["contentAt"].clone();
        let before = cpu_seconds_of(daemon.pid());
        std::fs::rename(next, &feed).expect("renamed");
        let took = wait(&daemon, &read_at).await;
        report(what, &daemon, before, memory, took).await;
        println!("    the store grew by {:.1} MB", (store_size(&data) - file) as f64 / 1e6);
    }
    daemon.stop().await;
}

async fn report(what: &str, daemon: &Daemon, cpu: f64, memory: f64, took: Duration) {
    idle(daemon.pid()).await;
    println!(
        "{what}: {:.1} s, {:.2} s of CPU more, {:.1} MB more at rest",
        took.as_secs_f64(),
        cpu_seconds_of(daemon.pid()) - cpu,
        resident(daemon.pid()) - memory
    );
}

/// Waits for a reading of the feed after the one at `before`.
async fn wait(daemon: &Daemon, before: &Value) -> Duration {
    let begun = Instant::now();
    loop {
        let status = daemon.status().await;
        let read_at = &status["advisories"]["feeds"][0]["contentAt"];
        if !read_at.is_null() && read_at != before {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(600), "no reading: {}", status["advisories"]);
        // Each question has a cost too.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits until a process is almost idle, for a while.
async fn idle(pid: u32) {
    let mut calm = 0;
    while calm < 3 {
        let before = cpu_seconds_of(pid);
        tokio::time::sleep(Duration::from_secs(4)).await;
        calm = if cpu_seconds_of(pid) - before < 0.2 { calm + 1 } else { 0 };
    }
}

fn store_size(data: &Path) -> u64 {
    std::fs::metadata(data.join("vidimus.redb")).expect("a store").len()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

fn write_folder(folder: &Path, upstream: &str, rows: &[Generated]) {
    let text = format!("kind = \"registry\"\nurl = \"{upstream}\"\nsync.interval = \"1h\"\n");
    write(folder, "upstreams/official.toml", &text);
    let mut overlay = "servers:\n".to_owned();
    for row in rows.iter().step_by((rows.len() / VISIBLE).max(1)) {
        overlay.push_str(&format!(
            "- {{name: {}, versions: '{}', approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}}}\n",
            row.name, row.version
        ));
    }
    write(folder, "overlays/policy.yaml", &overlay);
    // Lookups of namespaces would go on beside the reading.
    let feed = "[ownership]\nenabled = false\n[[advisory_feeds]]\nname = \"osv\"\nfrom = \"all.zip\"\nevery = \"2s\"\n";
    write(folder, "vidimus.toml", feed);
}

/// Writes an archive; the first `changed` advisories have another summary than with 0. Returns the bytes of the JSON.
fn write_feed(path: &Path, count: usize, rows: &[Generated], changed: usize) -> u64 {
    let file = BufWriter::new(File::create(path).expect("a file"));
    let mut archive = ZipWriter::new(file);
    let options = SimpleFileOptions::default().compression_level(Some(1));
    let mut random = Random::seeded(SEED);
    let mut bytes = 0;
    for index in 0..count {
        let (id, text) = advisory(&mut random, index, rows, index < changed);
        archive.start_file(format!("{id}.json"), options).expect("an entry");
        archive.write_all(text.as_bytes()).expect("written");
        bytes += text.len() as u64;
    }
    archive.finish().expect("an archive").flush().expect("written");
    bytes
}

/// Most reports of a real database are about one malicious package, of one or a few versions; the others have ranges,
/// and most of those of Python enumerate every version besides.
fn advisory(
    random: &mut Random,
    index: usize,
    rows: &[Generated],
    is_changed: bool,
) -> (String, String) {
    let is_malicious = index % 10 < 8;
    let ecosystem = if index % 10 == 9 { "PyPI" } else { "npm" };
    let package = if index.is_multiple_of(RELEVANT) {
        let row = &rows[usize::try_from(random.below(rows.len() as u64)).expect("an index")];
        let leaf = row.name.rsplit('/').next().unwrap_or_default();
        format!("@{leaf}/{leaf}")
    } else {
        format!("generated-package-{}", index / 2)
    };
    let versions: Vec<String> = match (is_malicious, ecosystem) {
        (true, _) => (0..=random.below(3)).map(|patch| format!("99.0.{patch}")).collect(),
        (false, "PyPI") => (0..5 + random.below(60)).map(|minor| format!("1.{minor}.0")).collect(),
        (false, _) => Vec::new(),
    };
    let prefix = if is_malicious { "MAL-2026" } else { "GHSA-generated" };
    let id = format!("{prefix}-{index}");
    let words = if is_changed { "It was read again. " } else { "It sends tokens to a server. " };
    let mut affected = json!({
        "package": {"ecosystem": ecosystem, "name": package, "purl": format!("pkg:npm/{package}")},
        "database_specific": {"cwes": [{"cweId": "CWE-506", "name": "Embedded Malicious Code"}]},
    });
    if !versions.is_empty() {
        affected["versions"] = json!(versions);
    }
    if !is_malicious {
        affected["ranges"] =
            json!([{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "99.1.0"}]}]);
    }
    let text = json!({
        "schema_version": "1.7.3",
        "id": id,
        "modified": "2026-11-01T00:00:00Z",
        "published": "2026-10-01T00:00:00Z",
        "summary": format!("{words}Report {index}"),
        "details": words.repeat(20),
        "affected": [affected],
        "references": [{"type": "WEB", "url": format!("https://advisories.example/{index}")}],
        "database_specific": {"malicious-packages-origins": [{"source": "generated", "sha256": "00"}]},
    });
    (id, text.to_string())
}
