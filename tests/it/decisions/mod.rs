//! The record of decisions: the entries that 200 random worlds serve, and the gates that hide the others.
//!
//! Each world has upstreams with changing rows, overlays, settings, verdicts and a clock, all generated from its
//! number. At its end the binary is asked in every way: by `list` and `explain` without a daemon and with one, and
//! by what each view serves. All answers must agree, and match `decisions/record.txt`. `VIDIMUS_RECORD=1` rewrites
//! that file. Every second world is played, so that the suite stays below two minutes; `VIDIMUS_WORLDS=all`, which
//! `.ci/run` sets, plays all of them, and `VIDIMUS_WORLDS=3,14` only these.

mod answers;
mod dice;
mod owners;
mod policy;
mod record;
mod rows;
mod rules;
mod stage;
mod store;
mod world;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use record::{Report, report};
use stage::Stage;
use world::World;

const WORLDS: u64 = 200;
/// Distance of the worlds that are played if no choice was made.
const STRIDE: usize = 2;
/// Worlds that are played in parallel.
const THREADS: usize = 4;

/// Known disagreements between the ways to ask: the start of the line (world, upstream, name and version), and the
/// reason.
const DISAGREEMENTS: [(&str, &str); 0] = [];

/// Intended differences from the record: the recorded line, the current line, and the rule behind it.
const DIFFERENCES: [(&str, &str, &str); 0] = [];

/// Returns the line that is expected in place of a recorded one.
fn expected(recorded: &str) -> &str {
    let changed = DIFFERENCES.iter().find(|(before, _, _)| *before == recorded);
    changed.map_or(recorded, |(_, now, _)| now)
}

/// Plays worlds on a few threads; returns the reports in the order of the worlds.
fn play(numbers: &[u64]) -> Vec<Report> {
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
        while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let world = World::new(*number);
            let outcome = runtime.block_on(Stage::play(&world));
            reports.lock().expect("no panic").push((*number, report(&world, &outcome)));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    let mut reports = reports.into_inner().expect("no panic");
    reports.sort_by_key(|(number, _)| *number);
    reports.into_iter().map(|(_, report)| report).collect()
}

#[test]
fn decisions_match_the_record() {
    let is_recording = std::env::var_os("VIDIMUS_RECORD").is_some();
    let numbers: Vec<u64> = match std::env::var("VIDIMUS_WORLDS").ok().as_deref() {
        None if !is_recording => (0..WORLDS).step_by(STRIDE).collect(),
        None | Some("all") => (0..WORLDS).collect(),
        Some(chosen) => chosen.split(',').map(|number| number.parse().expect("a number")).collect(),
    };
    let reports = play(&numbers);
    let lines: Vec<&str> =
        reports.iter().flat_map(|report| &report.lines).map(String::as_str).collect();
    if is_recording {
        assert_eq!(numbers.len() as u64, WORLDS, "the record is written whole");
        record::write(&lines);
    }
    let recorded = record::read();
    let recorded: BTreeSet<&str> = recorded
        .lines()
        .filter(|line| numbers.iter().any(|number| line.starts_with(&format!("w{number:03} "))))
        .map(expected)
        .collect();
    let found: BTreeSet<&str> = lines.iter().copied().collect();
    let mut differences: Vec<String> = Vec::new();
    differences.extend(recorded.difference(&found).map(|line| format!("- {line}")));
    let printed = |line: &str| reports.iter().find_map(|report| report.printed.get(line));
    let added = found.difference(&recorded);
    differences.extend(
        added.map(|line| format!("+ {line}\n    {}", printed(line).map_or("", String::as_str))),
    );
    for line in reports.iter().flat_map(|report| &report.disagreements) {
        if !DISAGREEMENTS.iter().any(|(known, _)| line.starts_with(known)) {
            differences.push(format!("disagreement: {line}"));
        }
    }
    differences.sort_by_key(|line| line.get(2..6).map(str::to_owned));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn each_difference_starts_from_a_recorded_line() {
    let recorded = record::read();
    for (before, now, rule) in DIFFERENCES {
        assert!(recorded.lines().any(|line| line == before), "{before}: {rule}");
        assert_ne!(before, now, "{rule}");
    }
}

#[test]
fn record_covers_every_gate_and_situation() {
    assert_eq!(record::gaps(&record::read()), [] as [String; 0]);
}
