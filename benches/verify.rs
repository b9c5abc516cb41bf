//! Measures the verification of domains against two DNS servers on loopback, in one run.
//!
//! `cargo bench --bench verify -- [DOMAINS]`, 10,000 by default: once as new namespaces, and once a day later, in steady
//! state. The CPU seconds include the share of the servers, and each answer is committed on its own, as the daemon does.

#![allow(clippy::cast_precision_loss, reason = "seconds are rounded anyway")]

#[path = "../tests/it/support/dns.rs"]
#[allow(dead_code, unreachable_pub, reason = "a double of the tests")]
mod dns;
#[path = "support/machine.rs"]
#[allow(dead_code, unreachable_pub, reason = "other benchmarks use the rest")]
mod machine;

use std::sync::Arc;
use std::time::Duration;

use dns::{Dns, Say};
use machine::{cpu_seconds, resident};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vidimus::model::Timestamp;
use vidimus::ownership::{Claim, Lookup, PackageRegistries, Pins, SharedHosts, Verdict};
use vidimus::remote::{OwnershipSources, Reach, SourceSettings};
use vidimus::store::{Store, VerificationRecords};

const KEY: &str = "v=MCPv1; k=ed25519; p=JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";

#[tokio::main]
async fn main() {
    let domains =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(10_000_usize);
    let resolvers = [Dns::start().await, Dns::start().await];
    for dns in &resolvers {
        for index in 0..domains {
            // Every second domain shows a key only at its parent.
            match index % 2 {
                0 => dns.record(&format!("sub.d{index}.example"), KEY),
                _ => dns.txt(&format!("sub.d{index}.example"), Say::Nothing),
            }
            dns.record(&format!("d{index}.example"), KEY);
        }
    }
    let settings = SourceSettings {
        resolvers: resolvers.iter().map(|dns| dns.address).collect(),
        github: "http://127.0.0.1:9".parse().expect("a URL"),
        github_token: None,
        packages: PackageRegistries::default(),
        proxy: None,
        ca_files: Vec::new(),
        internal_domains: Vec::new(),
        reach: Reach::default(),
    };
    let sources = Arc::new(OwnershipSources::new(&settings).expect("ownership sources"));
    let folder = tempfile::tempdir().expect("a folder");
    let now = Timestamp::parse("2026-11-20T00:00:00Z").expect("a time");
    let store = Store::create(folder.path(), now).expect("a store");
    let first = round(&sources, &store, domains, now).await;
    // In steady state each namespace is looked up once a day, and shows what it showed.
    let day = round(&sources, &store, domains, now.plus(Duration::from_hours(24))).await;
    println!("the first time: {first}");
    println!("a day later:    {day}");
    println!("resident: {:.0} MB, with both DNS servers", resident(std::process::id()));
}

/// Looks up every domain once, 16 at the same time, and commits each answer on its own, as the daemon does.
async fn round(
    sources: &Arc<OwnershipSources>,
    store: &Store,
    domains: usize,
    now: Timestamp,
) -> String {
    sources.forget_answers();
    let cpu = cpu_seconds();
    let begun = std::time::Instant::now();
    let mut lookups: JoinSet<(String, Lookup)> = JoinSet::new();
    let gate = Arc::new(Semaphore::new(16));
    for index in 0..domains {
        let (sources, gate) = (Arc::clone(sources), Arc::clone(&gate));
        lookups.spawn(async move {
            let _permit = gate.acquire_owned().await;
            let namespace = format!("example.d{index}.sub");
            let claim = Claim::of(&namespace, &SharedHosts::default());
            let lookup = sources.look_up(&claim).await;
            (namespace, lookup)
        });
    }
    let pins = Pins::default();
    let mut verified = 0_usize;
    while let Some(done) = lookups.join_next().await {
        let (namespace, lookup) = done.expect("a lookup");
        let before = store.snapshot().expect("a snapshot").record(&namespace).expect("read");
        let record = before.unwrap_or_default().after(&lookup, now);
        verified += usize::from(record.verdict(&pins).0 == Verdict::Verified);
        let records = VerificationRecords {
            verifications: vec![(namespace, record)],
            declarations: Vec::new(),
        };
        store.store_verification(&records, now).expect("stored");
    }
    let (cpu, wall) = (cpu_seconds() - cpu, begun.elapsed().as_secs_f64());
    format!(
        "{verified} of {domains} verified; {cpu:.1} s of CPU with both DNS servers, {wall:.1} s in total; {:.2} ms of CPU for each",
        cpu * 1e3 / domains as f64
    )
}
