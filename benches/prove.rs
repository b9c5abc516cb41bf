//! What proving costs: domains against a DNS server on loopback, in one run.
//!
//! `cargo bench --bench prove -- [DOMAINS]`, 10,000 by default. The server's share is in the
//! CPU seconds, and each answer is committed by itself, as the daemon does.

#![allow(clippy::cast_precision_loss, reason = "seconds are rounded anyway")]

#[path = "../tests/support/dns.rs"]
#[allow(dead_code, unreachable_pub, reason = "a double of the tests")]
mod dns;
#[path = "support/machine.rs"]
#[allow(dead_code, unreachable_pub, reason = "other benchmarks use the rest")]
mod machine;

use std::collections::BTreeMap;
use std::sync::Arc;

use dns::{Dns, Say};
use machine::cpu_seconds;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use vidimus::model::Instant;
use vidimus::ownership::{Claim, Holding, Pins, SharedHosts, Sight, Verdict};
use vidimus::remote::{Enquiry, Reach, Witnesses};
use vidimus::store::{Proofs, Store};

const KEY: &str = "v=MCPv1; k=ed25519; p=JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";

#[tokio::main]
async fn main() {
    let domains = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(10_000_usize);
    let dns = Dns::start().await;
    for index in 0..domains {
        // Every other one shows a key at its parent.
        match index % 2 {
            0 => dns.record(&format!("sub.d{index}.example"), KEY),
            _ => dns.txt(&format!("sub.d{index}.example"), Say::Nothing),
        }
        dns.record(&format!("d{index}.example"), KEY);
    }
    let enquiry = Enquiry {
        resolvers: vec![dns.address],
        github: "http://127.0.0.1:9".parse().expect("a URL"),
        github_token: None,
        packages: BTreeMap::new(),
        proxy: None,
        ca_files: Vec::new(),
        reach: Reach::default(),
    };
    let witnesses = Arc::new(Witnesses::new(&enquiry).expect("witnesses"));
    let folder = tempfile::tempdir().expect("a folder");
    let now = Instant::parse("2026-11-20T00:00:00Z").expect("a time");
    let store = Store::create(folder.path(), now).expect("a store");
    let cpu = cpu_seconds();
    let begun = std::time::Instant::now();
    let mut looks: JoinSet<(String, Sight)> = JoinSet::new();
    let gate = Arc::new(Semaphore::new(16));
    for index in 0..domains {
        let (witnesses, gate) = (Arc::clone(&witnesses), Arc::clone(&gate));
        looks.spawn(async move {
            let _turn = gate.acquire_owned().await;
            let namespace = format!("example.d{index}.sub");
            let claim = Claim::of(&namespace, &SharedHosts::default());
            let sight = witnesses.look(&claim).await;
            (namespace, sight)
        });
    }
    let pins = Pins::default();
    let mut held = 0_usize;
    while let Some(look) = looks.join_next().await {
        let (namespace, sight) = look.expect("a look");
        let holding = Holding::default().after(&sight, &pins, now);
        held += usize::from(holding.verdict(&pins).0 == Verdict::Held);
        let proofs = Proofs { holdings: vec![(namespace, holding)], namings: Vec::new() };
        store.keep_proofs(&proofs, now).expect("kept");
    }
    let (cpu, wall) = (cpu_seconds() - cpu, begun.elapsed().as_secs_f64());
    println!(
        "{held} of {domains} held; {cpu:.1} s of CPU, the DNS server's share in it, {wall:.1} s in all"
    );
    println!("{:.2} ms of CPU a domain", cpu * 1e3 / domains as f64);
}
