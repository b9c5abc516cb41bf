//! The quality of the lookalike detection on external data, if `../shared/corpus` is present.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::support::skip::skipped;
use serde_json::Value;
use vidimus::lookalike::{
    EntryProfile, FrequentNames, Match, Protected, ScreeningIndex, Why, compare,
};
use vidimus::model::{Digest, Name};
use vidimus::ownership::SharedHosts;

fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !path.is_dir() {
        skipped("../shared/corpus with real names is not present");
        return None;
    }
    Some(path)
}

fn names(folder: &Path) -> Vec<Name> {
    let packed = std::fs::File::open(folder.join("names-16k.txt.gz")).expect("a file");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("gzip");
    let mut names: Vec<Name> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| Name::parse(line).expect("a name"))
        .collect();
    names.sort_by_key(|name| Digest::of(name.as_str().as_bytes()));
    names
}

fn approved(subject: &str) -> Protected {
    Protected::new(subject, Why::Approved)
}

/// Returns the matches that would be reported.
fn alerts(
    index: &ScreeningIndex,
    frequent: &FrequentNames,
    name: &Name,
    profile: &EntryProfile,
) -> Vec<Match> {
    let found = compare(index, frequent, name, [profile], None, false);
    found.matches.into_iter().filter(|found| found.suppressed.is_none()).collect()
}

#[test]
fn at_most_one_and_a_half_percent_of_real_names_are_reported_and_no_protected_name() {
    let Some(folder) = folder() else { return };
    let names = names(&folder);
    let (protected, rest) = names.split_at(1_000);
    let index = ScreeningIndex::new(
        protected.iter().map(|name| approved(name.as_str())),
        SharedHosts::default(),
    );
    let frequent = FrequentNames::of(&names);
    let techniques = |names: &[Name]| -> Vec<String> {
        let found = names.iter().filter_map(|name| {
            // Names alone, without entries.
            let found = alerts(&index, &frequent, name, &EntryProfile::default());
            found.first().map(|found| found.technique().expect("a signal").to_string())
        });
        found.collect()
    };
    assert_eq!(techniques(protected), [] as [String; 0]);
    let found = techniques(rest);
    let mut by_technique: BTreeMap<&str, usize> = BTreeMap::new();
    for technique in &found {
        *by_technique.entry(technique).or_default() += 1;
    }
    println!("{} of {} names: {by_technique:?}", found.len(), rest.len());
    assert!(found.len() * 1_000 <= rest.len() * 15, "more than 1.5 %");
}

/// Returns the profile of the newest entry of each real name.
fn entries(folder: &Path) -> BTreeMap<Name, EntryProfile> {
    let packed = std::fs::File::open(folder.join("registry-6k.jsonl.gz")).expect("a file");
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("gzip");
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let read = |row: Value| {
        let name = Name::parse(row["server"]["name"].as_str()?).ok()?;
        Some((name, EntryProfile::read(&row["server"].to_string())?))
    };
    rows.filter_map(read).collect()
}

#[test]
fn at_most_one_and_a_half_percent_of_real_entries_are_reported() {
    let Some(folder) = folder() else { return };
    let frequent = FrequentNames::of(&names(&folder));
    let entries = entries(&folder);
    let mut sorted: Vec<(&Name, &EntryProfile)> = entries.iter().collect();
    sorted.sort_by_key(|(name, _)| Digest::of(name.as_str().as_bytes()));
    let (protected, rest) = sorted.split_at(sorted.len() / 16);
    let shown = |(name, profile): &(&Name, &EntryProfile)| {
        approved(name.as_str()).shown((*profile).clone())
    };
    let index = ScreeningIndex::new(protected.iter().map(shown), SharedHosts::default());
    let mut by_name = 0;
    let mut by_technique: BTreeMap<String, usize> = BTreeMap::new();
    for (name, profile) in rest {
        by_name +=
            usize::from(!alerts(&index, &frequent, name, &EntryProfile::default()).is_empty());
        let found = alerts(&index, &frequent, name, profile);
        if let Some(first) = found.first() {
            *by_technique.entry(first.technique().expect("a signal").to_string()).or_default() += 1;
        }
    }
    let found: usize = by_technique.values().sum();
    println!("{found} of {} entries, {by_name} by name alone: {by_technique:?}", rest.len());
    assert!(found * 1_000 <= rest.len() * 15, "more than 1.5 %");
}

#[test]
fn known_typosquats_are_found() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("known-typosquats.csv")).expect("a file");
    let mut by_ecosystem: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in text.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let [suspect, target, ecosystem] = fields[..] else { panic!("{row}") };
        if target.is_empty() {
            continue;
        }
        let index =
            ScreeningIndex::new([Protected::new(target, Why::Listed)], SharedHosts::default());
        let name = Name::parse(&format!("io.github.someone/{suspect}"));
        let found = name.is_ok_and(|name| {
            !alerts(&index, &FrequentNames::default(), &name, &EntryProfile::default()).is_empty()
        });
        let (hits, all) = by_ecosystem.entry(ecosystem).or_default();
        *all += 1;
        *hits += usize::from(found);
    }
    let share = |(hits, all): (usize, usize)| {
        f64::from(u32::try_from(hits).unwrap_or(0)) / f64::from(u32::try_from(all).unwrap_or(1))
    };
    let total =
        by_ecosystem.values().fold((0, 0), |sum, counts| (sum.0 + counts.0, sum.1 + counts.1));
    println!("found of all: {:.3}; {by_ecosystem:?}", share(total));
    assert!(share(by_ecosystem["npm"]) >= 0.85);
    assert!(share(total) >= 0.95);
}

#[test]
fn labelled_pairs_of_real_servers_are_classified_correctly() {
    let Some(folder) = folder() else { return };
    let frequent = FrequentNames::of(&names(&folder));
    let text = std::fs::read_to_string(folder.join("mcp-lookalikes.jsonl")).expect("a file");
    let mut wrong = Vec::new();
    for line in text.lines() {
        let pair: Value = serde_json::from_str(line).expect("JSON");
        let text = |member: &str| pair[member].as_str().unwrap_or_default().to_owned();
        let (target, suspect) = (text("target"), text("suspect"));
        let claimed = |member: &str| profile(&text(member));
        let target = approved(&target).shown(claimed("targetRepository"));
        let index = ScreeningIndex::new([target], SharedHosts::default());
        let name = Name::parse(&suspect).expect("a name");
        let found = alerts(&index, &frequent, &name, &claimed("suspectRepository"));
        if found.is_empty() == (pair["expect"] == "alert") {
            wrong.push(format!("{line}: {found:?}"));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

fn profile(repository: &str) -> EntryProfile {
    let entry = format!(r#"{{"name":"a.b/c","repository":{{"url":"{repository}"}}}}"#);
    EntryProfile::read(&entry).expect("an entry")
}
