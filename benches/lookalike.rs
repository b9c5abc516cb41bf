//! What comparing costs: names against thousands of protected ones, in one run.
//!
//! `cargo bench --bench lookalike -- [NAMES]`, 100,000 by default, against 5,000 of them; a tenth of the names beside it
//! shows how it grows.

#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

#[path = "support/generator.rs"]
#[allow(dead_code, unreachable_pub, reason = "other benchmarks use the rest")]
mod generator;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use generator::generate;
use vidimus::lookalike::{Commonness, Corpus, Protected, Why};
use vidimus::model::Name;
use vidimus::ownership::SharedHosts;

const PROTECTED: usize = 5_000;

fn main() {
    let wanted = std::env::args().skip(1).find_map(|it| it.parse().ok()).unwrap_or(100_000_usize);
    let rows = generate(wanted * 5, 2026);
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let names: Vec<Name> =
        names.into_iter().take(wanted).map(|it| Name::parse(it).expect("a name")).collect();
    let step = (names.len() / PROTECTED).max(1);
    let protected = names.iter().step_by(step).take(PROTECTED).map(|name| Protected {
        subject: name.to_string(),
        why: Why::Approved,
        home: None,
    });
    let begun = Instant::now();
    let corpus = Corpus::new(protected, Commonness::of(&names), SharedHosts::default());
    println!(
        "{} protected of {} names, indexed in {:.2} s",
        corpus.len(),
        names.len(),
        begun.elapsed().as_secs_f64()
    );
    for some in [&names[..names.len() / 10], &names[..]] {
        let begun = Instant::now();
        let mut slowest = 0.0_f64;
        let mut found = 0;
        for name in some {
            let one = Instant::now();
            found += usize::from(!black_box(corpus.resemblances(name)).is_empty());
            slowest = slowest.max(one.elapsed().as_secs_f64());
        }
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{} names: {seconds:.2} s, {:.3} ms each, {:.2} ms the slowest; {found} resemble something",
            some.len(),
            seconds * 1e3 / some.len() as f64,
            slowest * 1e3,
        );
    }
}
