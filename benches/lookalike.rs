//! Measures the comparison of names with thousands of protected ones, in one run.
//!
//! `cargo bench --bench lookalike -- [NAMES]`, 100,000 by default, against 5,000 of them; a run with a tenth of the names
//! shows the growth.

#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

#[path = "support/generator.rs"]
#[allow(dead_code, unreachable_pub, reason = "other benchmarks use the rest")]
mod generator;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use generator::generate;
use serde_json::Value;
use vidimus::lookalike::{EntryProfile, FrequentNames, Protected, ScreeningIndex, Why, compare};
use vidimus::model::Name;
use vidimus::ownership::SharedHosts;

const PROTECTED: usize = 5_000;

fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(100_000_usize);
    let rows = generate(wanted * 5, 2026);
    let mut profiles: BTreeMap<Name, EntryProfile> = BTreeMap::new();
    for row in rows {
        if profiles.len() < wanted {
            let item: Value = serde_json::from_str(&row.item).expect("JSON");
            let name = Name::parse(&row.name).expect("a name");
            let profile = EntryProfile::read(&item["server"].to_string()).expect("an entry");
            profiles.insert(name, profile);
        }
    }
    let names: Vec<(&Name, &EntryProfile)> = profiles.iter().collect();
    let step = (names.len() / PROTECTED).max(1);
    let protected = profiles.iter().step_by(step).take(PROTECTED).map(|(name, profile)| {
        Protected::new(name.to_string(), Why::Approved).shown(profile.clone())
    });
    let begun = Instant::now();
    let (frequent, index) = (
        FrequentNames::of(profiles.keys()),
        ScreeningIndex::new(protected, SharedHosts::default()),
    );
    println!(
        "{} protected of {} names, indexed in {:.2} s",
        index.len(),
        names.len(),
        begun.elapsed().as_secs_f64()
    );
    for some in [&names[..names.len() / 10], &names[..]] {
        let begun = Instant::now();
        let (mut slowest, mut slowest_name) = (0.0_f64, "");
        let mut found = 0;
        for (name, profile) in some {
            let one = Instant::now();
            let matches = compare(&index, &frequent, name, [*profile], None, false).matches;
            found += usize::from(!black_box(matches).is_empty());
            let took = one.elapsed().as_secs_f64();
            if took > slowest {
                (slowest, slowest_name) = (took, name.as_str());
            }
        }
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{} names: {seconds:.2} s, {:.3} ms each, {:.2} ms the slowest ({slowest_name}); {found} resemble something",
            some.len(),
            seconds * 1e3 / some.len() as f64,
            slowest * 1e3,
        );
    }
}
