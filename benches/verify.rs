//! Measures the verification of domains against a DNS server on loopback, in one run.
//!
//! `cargo bench --bench verify -- [DOMAINS]`, 10,000 by default. The CPU seconds include the share
//! of the server, and each answer is committed on its own, as the daemon does.

#![allow(clippy::cast_precision_loss, reason = "seconds are rounded anyway")]

#[path = "../tests/it/support/dns.rs"]
#[allow(dead_code, unreachable_pub, reason = "a double of the tests")]
mod dns;
#[path = "support/machine.rs"]
#[allow(dead_code, unreachable_pub, reason = "other benchmarks use the rest")]
mod machine;

use std::sync::Arc;

use dns::{Dns, Say};
use machine::cpu_seconds;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vidimus::model::Timestamp;
use vidimus::ownership::{
    Claim, Lookup, PackageRegistries, Pins, SharedHosts, Verdict, VerificationRecord,
};
use vidimus::remote::{OwnershipSources, Reach, SourceSettings};
use vidimus::store::{Store, VerificationRecords};

const KEY: &str = "v=MCPv1; k=ed25519; p=JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";

#[tokio::main]
async fn main() {
    let domains =
        std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(10_000_usize);
    let dns = Dns::start().await;
    for index in 0..domains {
        // Every second domain shows a key only at its parent.
        match index % 2 {
            0 => dns.record(&format!("sub.d{index}.example"), KEY),
            _ => dns.txt(&format!("sub.d{index}.example"), Say::Nothing),
        }
        dns.record(&format!("d{index}.example"), KEY);
    }
    let settings = SourceSettings {
        resolvers: vec![dns.address],
        github: "http://127.0.0.1:9".parse().expect("a URL"),
        github_token: None,
        packages: PackageRegistries::default(),
        internal_domains: Vec::new(),
        proxy: None,
        ca_files: Vec::new(),
        reach: Reach::default(),
    };
    let sources = Arc::new(OwnershipSources::new(&settings).expect("ownership sources"));
    let folder = tempfile::tempdir().expect("a folder");
    let now = Timestamp::parse("2026-11-20T00:00:00Z").expect("a time");
    let store = Store::create(folder.path(), now).expect("a store");
    let cpu = cpu_seconds();
    let begun = std::time::Instant::now();
    let mut lookups: JoinSet<(String, Lookup)> = JoinSet::new();
    let gate = Arc::new(Semaphore::new(16));
    for index in 0..domains {
        let (sources, gate) = (Arc::clone(&sources), Arc::clone(&gate));
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
        let record = VerificationRecord::default().after(&lookup, now);
        verified += usize::from(record.verdict(&pins).0 == Verdict::Verified);
        let records = VerificationRecords {
            verifications: vec![(namespace, record)],
            declarations: Vec::new(),
        };
        store.store_verification(&records, now).expect("stored");
    }
    let (cpu, wall) = (cpu_seconds() - cpu, begun.elapsed().as_secs_f64());
    println!(
        "{verified} of {domains} verified; {cpu:.1} s of CPU including the DNS server, {wall:.1} s in total"
    );
    println!("{:.2} ms of CPU per domain", cpu * 1e3 / domains as f64);
}
