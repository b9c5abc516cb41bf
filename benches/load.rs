//! Measures serving against a constant body of the same size from the same server, in one run.
//!
//! `cargo bench --bench load -- [ROWS] [WORD]`, 100,000 by default, all of them visible. With a word it
//! measures only the kinds of request with the word in their name, and publications if `publications` begins with it.

#![allow(clippy::cast_precision_loss, reason = "ratios and megabytes are rounded anyway")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::client::Load;
use support::constant::{Case, compare, constant};
use support::daemon::Daemon;
use support::generator::{Generated, generate};
use support::machine::{cpu_seconds, resident};
use support::upstream::Upstream;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vidimus::api::{Door, registry, serve};
use vidimus::config::{Locations, Settings, read_upstreams};
use vidimus::daemon::{Clock, Published, Services, load_overlays, open_sources, run};
use vidimus::store::Store;

const SEED: u64 = 2026;
/// Entries that a small publication changes.
const SMALL: usize = 1_000;

fn main() {
    let mut arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let size = arguments.extract_if(.., |argument| argument.parse::<usize>().is_ok()).last();
    let rows = generate(size.and_then(|size| size.parse().ok()).unwrap_or(100_000), SEED);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure(&rows, &arguments.concat()));
}

async fn measure(rows: &[Generated], only: &str) {
    let place = tempfile::tempdir().expect("a temporary folder");
    let upstream = Upstream::start(rows, Duration::ZERO).await;
    let (services, address, stop) = daemon(place.path(), &upstream, rows.len()).await;
    println!("{} entries visible", published(&services).visible);
    facts_kept(&services).await;
    let constant = constant(stop.clone()).await;
    let cases = cases(rows, address, only).await;

    println!("\nalone:");
    for case in &cases {
        for connections in [1, 16, 256] {
            compare(case, address, constant, connections).await;
        }
    }
    search_cost(&cases, address, constant).await;

    println!("\nduring sync runs and publications:");
    let busy = Arc::new(AtomicBool::new(true));
    let background =
        tokio::spawn(background(Arc::clone(&services), place.path().to_owned(), Arc::clone(&busy)));
    for case in &cases {
        compare(case, address, constant, 256).await;
    }
    busy.store(false, Ordering::Relaxed);
    background.await.expect("the background ends");

    if "publications".starts_with(only) {
        println!("\npublications:");
        publications(&services, place.path()).await;
    }
    stop.cancel();
    drop(services);
    tokio::time::sleep(Duration::from_secs(4)).await;
    alone(place.path()).await;
}

/// Starts the complete daemon in this process, with everything that the upstream lists.
async fn daemon(
    place: &Path,
    upstream: &Upstream,
    rows: usize,
) -> (Arc<Services>, std::net::SocketAddr, CancellationToken) {
    let upstreams = format!(
        "kind = \"registry\"\nurl = \"{}\"\n[limits]\nrequests_per_hour = 1000000\n[sync]\ninterval = \"1h\"\n[safety_limits]\nfrozen_after = \"366d\"\n",
        upstream.url
    );
    fs::create_dir_all(place.join("upstreams")).expect("a folder");
    fs::create_dir_all(place.join("overlays")).expect("a folder");
    fs::write(place.join("upstreams/official.toml"), upstreams).expect("a file");
    // Generated names have no owner.
    fs::write(place.join("vidimus.toml"), "[ownership]\nenabled = false\n").expect("a file");
    write_overlays(place, 1, 1);
    let locations = Locations {
        data: Some(place.join("data")),
        upstreams: Some(place.join("upstreams")),
        overlays: Some(place.join("overlays")),
        ..Locations::default()
    };
    let settings = Settings::load(&place.join("vidimus.toml"), false, locations).expect("settings");
    let upstreams = read_upstreams(&settings.upstreams).expect("upstreams");
    let now = Clock::system();
    let store = Store::create(&settings.data, now).expect("a store");
    let overlays = load_overlays(&settings, None, Some(&store), now, true);
    let overlays = overlays.expect("read").expect("good overlays");
    let clock = Arc::new(Clock::starting_at(now));
    let services = Services::new(settings, Arc::new(store), clock, overlays).expect("services");
    let stop = CancellationToken::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let door = Door { answers_at_once: true, ..Door::plain() };
    tokio::spawn(serve(listener, registry(Arc::clone(&services)), door, stop.clone()));
    let sources = open_sources(&services.settings).expect("ownership sources");
    tokio::spawn(run(Arc::clone(&services), upstreams, sources, Vec::new(), stop.clone()));
    while services.published().is_none_or(|published| published.visible < rows) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (services, address, stop)
}

/// Writes overlays that approve everything; tiers come from two rules, so that each can change alone.
fn write_overlays(place: &Path, tier: u8, small_tier: u8) {
    let approval = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";
    let mut text = "servers:\n".to_owned();
    for namespace in ["io.*", "com.*", "ai.*", "dev.*", "org.*", "net.*", "app.*"] {
        text.push_str(&format!("- {{name: {namespace}/*, tier: {tier}, {approval}}}\n"));
    }
    text.push_str(
        &fs::read_to_string(place.join("small"))
            .unwrap_or_default()
            .replace("TIER", &small_tier.to_string()),
    );
    fs::write(place.join("overlays/policy.yaml"), text).expect("a file");
}

/// Waits until the facts of the first sync are stored.
async fn facts_kept(services: &Arc<Services>) {
    while !services.store.snapshot().expect("a snapshot").has_all_facts().expect("a read") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn cases(rows: &[Generated], address: std::net::SocketAddr, only: &str) -> Vec<Case> {
    let every = |step: usize| rows.iter().step_by(step.max(1));
    let encoded = |name: &str| name.replace('/', "%2F");
    let list = |query: &str| vec![format!("/v0.1/servers?{query}")];
    let deep: Vec<String> = every(997)
        .map(|row| format!("/v0.1/servers?limit=100&cursor={}:{}", row.name, row.version))
        .collect();
    // Every search is different.
    let few = every(97).map(|row| format!("/v0.1/servers?search={}", encoded(&row.name[4..])));
    let many = "abcdefghijklmnopqrstuvwxyz".chars().flat_map(|left| {
        "aeiou".chars().map(move |right| format!("/v0.1/servers?search={left}{right}"))
    });
    let none = (0..5_000).map(|index| format!("/v0.1/servers?search=no-such-server-{index}"));
    let mut cases = vec![
        Case { what: "list of 30", paths: list("limit=30"), bound: Some(0.8), constants: 1 },
        Case { what: "list of 100", paths: list("limit=100"), bound: Some(0.8), constants: 1 },
        Case {
            what: "list?version=latest",
            paths: list("limit=50&version=latest"),
            bound: Some(0.8),
            constants: 1,
        },
        Case { what: "deep in the list", paths: deep.clone(), bound: Some(0.8), constants: 1 },
        Case { what: "the same, beside 100", paths: deep, bound: Some(0.8), constants: 100 },
        Case { what: "search, many hits", paths: many.collect(), bound: None, constants: 1 },
        Case { what: "search, few hits", paths: few.collect(), bound: None, constants: 1 },
        Case { what: "search, no hits", paths: none.collect(), bound: None, constants: 1 },
        Case {
            what: "latest of one name",
            paths: every(89)
                .map(|row| format!("/v0.1/servers/{}/versions/latest", encoded(&row.name)))
                .collect(),
            bound: Some(0.8),
            constants: 1,
        },
        Case {
            what: "one exact version",
            paths: every(83)
                .map(|row| format!("/v0.1/servers/{}/versions/{}", encoded(&row.name), row.version))
                .collect(),
            bound: Some(0.8),
            constants: 1,
        },
        Case {
            what: "404",
            paths: (0..1000)
                .map(|index| format!("/v0.1/servers/no.such%2Fserver-{index}/versions/latest"))
                .collect(),
            bound: Some(0.8),
            constants: 1,
        },
    ];
    cases.retain(|case| case.what.contains(only));
    // Every path is requested once before, so that first answers exist and the code is warm.
    for case in &cases {
        Load::new(address, &case.paths).run(16, Duration::from_millis(200)).await;
    }
    cases
}

/// Prints the CPU time of a search beyond that of a constant answer; both include client and connection.
async fn search_cost(
    cases: &[Case],
    address: std::net::SocketAddr,
    constant: std::net::SocketAddr,
) {
    for case in cases.iter().filter(|case| case.what.starts_with("search")) {
        let ours = Load::new(address, &case.paths);
        let size = ours.run(1, Duration::from_millis(50)).await.body_bytes();
        let cost = async |load: Load| {
            let cpu = cpu_seconds();
            let measured = load.run(1, Duration::from_secs(2)).await;
            (cpu_seconds() - cpu) / measured.count() as f64
        };
        let base = cost(Load::new(constant, &[format!("/{size}")])).await;
        let search = cost(ours).await;
        println!(
            "  {:<22} {:.3} ms of CPU beyond a constant body",
            case.what,
            (search - base) * 1e3
        );
    }
}

/// Runs full syncs and publications of a thousand entries, one after another.
async fn background(services: Arc<Services>, place: std::path::PathBuf, busy: Arc<AtomicBool>) {
    prepare_small(&services, &place);
    let mut tier = 1;
    while busy.load(Ordering::Relaxed) {
        tier = 3 - tier;
        write_overlays(&place, 1, tier);
        services.sync(true, false).await;
    }
}

/// Writes the rules of the overlay that a small publication changes.
fn prepare_small(services: &Services, place: &Path) {
    let published = published(services);
    let view = published.view("default").expect("a view");
    let small: String = view
        .items()
        .step_by((view.len() / SMALL).max(1))
        .take(SMALL)
        .map(|item| {
            format!("- {{name: {}, versions: '{}', tier: TIER}}\n", item.name, item.version)
        })
        .collect();
    fs::write(place.join("small"), small).expect("a file");
}

async fn publications(services: &Arc<Services>, place: &Path) {
    for (what, tier, small_tier) in
        [("a thousand entries", 1, 3), ("the same ones", 1, 2), ("all entries", 2, 2)]
    {
        let before = published(services).generation;
        write_overlays(place, tier, small_tier);
        while published(services).generation == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let Published { changed, took, .. } = *published(services);
        println!("  {what}: {changed} changed in {:.0} ms", took.as_secs_f64() * 1e3);
    }
}

/// Measures the real daemon over the same store, with nothing else in its process.
async fn alone(place: &Path) {
    let mut daemon =
        Daemon::start(Path::new(env!("CARGO_BIN_EXE_vidimus")), place, &place.join("data"));
    let took = daemon.ready().await;
    println!("\nthe daemon alone, all visible: ready in {:.2} s", took.as_secs_f64());
    let paths: Vec<String> =
        (0..5_000).map(|index| format!("/v0.1/servers?limit=100&search={index}")).collect();
    Load::new(daemon.registry, &paths).run(16, Duration::from_secs(3)).await;
    println!("  {:.0} MB resident after 3 s of searches", resident(daemon.pid()));
}

fn published(services: &Services) -> Arc<Published> {
    services.published().expect("a generation")
}
