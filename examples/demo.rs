//! A whole `vidimus` without a network: an upstream with invented servers on loopback, the daemon
//! with overlays for them, and three requests to try.
//!
//! `cargo run --release --example demo`, and Ctrl-C to end it.

#[path = "../tests/support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;

use support::registry::Row;
use support::upstream::Upstream;

const OVERLAYS: &str = r"
servers:
  - name: com.orchard/tools
    tier: 1
    classification: internal
    owner: data-platform
    approval: {state: approved, track: standard, reviewers: [demo], reviewed: 2026-10-01, expires: 2099-01-01}
  - name: org.lantern.*/*
    tier: 2
    classification: public
    approval: {state: approved, track: fast, reviewers: [demo], reviewed: 2026-10-01, expires: 2099-01-01}
  - name: org.lantern.cellar/wine
    reason: nobody needs it at work
    approval: {state: denied}
";

/// A few dozen servers of invented vendors, some versions published after the review.
fn rows() -> Vec<Row> {
    let vendors =
        ["com.orchard", "org.lantern", "org.lantern.cellar", "io.github.meadow", "dev.harbor"];
    let leaves = ["tools", "search", "files", "wine", "notes", "maps"];
    let mut rows = Vec::new();
    for vendor in vendors {
        for leaf in leaves {
            let name = format!("{vendor}/{leaf}");
            rows.push(Row::new(&name, "1.0.0").published("2026-02-01T09:00:00.000000Z"));
            rows.push(Row::new(&name, "1.1.0").published("2026-08-01T09:00:00.000000Z"));
        }
    }
    rows.push(Row::new("com.orchard/tools", "2.0.0").published("2026-11-10T09:00:00.000000Z"));
    rows
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the upstream");
    let upstream = runtime.block_on(Upstream::start(rows()));
    let folder = std::env::temp_dir().join(format!("vidimus-demo-{}", std::process::id()));
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder for the demo");
        fs::write(path, text).expect("a file for the demo");
    };
    let definition =
        format!("kind = \"registry\"\nurl = \"{}\"\nsync.interval = \"10s\"\n", upstream.url);
    write("upstreams/demo.toml", &definition);
    write("overlays/demo.yaml", OVERLAYS);
    let at = |name: &str| folder.join(name).display().to_string();
    let registry = std::env::var("VIDIMUS_LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".into());
    println!("An upstream of invented servers listens on {}", upstream.url);
    println!("Its mirror serves http://{registry} in a moment; Ctrl-C ends the demo");
    println!("Edit {} and see what changes", at("overlays/demo.yaml"));
    println!("For `vidimus status`, `list`, `explain` and the others, in another terminal:");
    println!(
        "  export VIDIMUS_DATA={} VIDIMUS_UPSTREAMS={} VIDIMUS_OVERLAYS={}",
        at("data"),
        at("upstreams"),
        at("overlays")
    );
    println!("Try there:");
    println!("  curl 'http://{registry}/v0.1/servers?limit=3&version=latest'");
    println!("  curl 'http://{registry}/v0.1/servers/com.orchard%2Ftools/versions/latest'");
    println!(
        "  curl -i 'http://{registry}/v0.1/servers/org.lantern.cellar%2Fwine/versions/latest'"
    );
    let arguments = [
        "vidimus".into(),
        "serve".into(),
        format!("--data={}", at("data")),
        format!("--upstreams={}", at("upstreams")),
        format!("--overlays={}", at("overlays")),
    ];
    let exit = vidimus::cli::main(arguments.map(OsString::from));
    // The folder is temporary; one that stays behind harms nobody.
    let _ = fs::remove_dir_all(&folder);
    exit
}
