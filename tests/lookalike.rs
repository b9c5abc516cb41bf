//! How well lookalikes are found on data that is not ours, where it is present beside the project.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use vidimus::lookalike::{Commonness, Corpus, Protected, Why, settle};
use vidimus::model::{Digest, Name};
use vidimus::ownership::{Offer, RepositoryLink, SharedHosts};

fn folder() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !path.is_dir() {
        println!("lookalikes are not measured: ../shared/corpus is not present");
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
        .filter(|it| !it.is_empty())
        .map(|it| Name::parse(it).expect("a name"))
        .collect();
    names.sort_by_key(|name| Digest::of(name.as_str().as_bytes()));
    names
}

fn approved(subject: &str) -> Protected {
    Protected { subject: subject.to_owned(), why: Why::Approved, home: None }
}

#[test]
fn few_real_names_are_taken_for_lookalikes_and_none_of_the_protected() {
    let Some(folder) = folder() else { return };
    let names = names(&folder);
    let (protected, rest) = names.split_at(1_000);
    let corpus = Corpus::new(
        protected.iter().map(|it| approved(it.as_str())),
        Commonness::of(&names),
        SharedHosts::default(),
    );
    let alerts = |names: &[Name]| -> Vec<String> {
        let found = names.iter().filter_map(|name| {
            // Nothing is known of their repositories.
            let found = settle(corpus.resemblances(name), None, |_| None);
            found.first().map(|it| it.technique.to_string())
        });
        found.collect()
    };
    assert_eq!(alerts(protected), [] as [String; 0]);
    let found = alerts(rest);
    let mut by_technique: BTreeMap<&str, usize> = BTreeMap::new();
    found.iter().for_each(|it| *by_technique.entry(it).or_default() += 1);
    println!("{} of {} names: {by_technique:?}", found.len(), rest.len());
    assert!(found.len() * 1_000 <= rest.len() * 15, "more than 1.5 %");
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
        let brand = Protected { subject: target.to_owned(), why: Why::Listed, home: None };
        let corpus = Corpus::new([brand], Commonness::default(), SharedHosts::default());
        let name = Name::parse(&format!("io.github.someone/{suspect}"));
        let found = name.is_ok_and(|name| !corpus.resemblances(&name).is_empty());
        let (hits, all) = by_ecosystem.entry(ecosystem).or_default();
        *all += 1;
        *hits += usize::from(found);
    }
    let share = |(hits, all): (usize, usize)| {
        f64::from(u32::try_from(hits).unwrap_or(0)) / f64::from(u32::try_from(all).unwrap_or(1))
    };
    let total = by_ecosystem.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    println!("found of all: {:.3}; {by_ecosystem:?}", share(total));
    assert!(share(by_ecosystem["npm"]) >= 0.85);
    assert!(share(total) >= 0.95);
}

#[test]
fn judged_pairs_of_real_servers_are_told_apart() {
    let Some(folder) = folder() else { return };
    let common = names(&folder);
    let text = std::fs::read_to_string(folder.join("mcp-lookalikes.jsonl")).expect("a file");
    let mut wrong = Vec::new();
    for line in text.lines() {
        let pair: Value = serde_json::from_str(line).expect("JSON");
        let text = |member: &str| pair[member].as_str().unwrap_or_default().to_owned();
        let (target, suspect) = (text("target"), text("suspect"));
        let corpus =
            Corpus::new([approved(&target)], Commonness::of(&common), SharedHosts::default());
        let found = corpus.resemblances(&Name::parse(&suspect).expect("a name"));
        let link = |member: &str| repository(&text(member));
        let found = settle(found, link("suspectRepository").as_ref(), |_| link("targetRepository"));
        if found.is_empty() == (pair["expect"] == "alert") {
            wrong.push(format!("{line}: {found:?}"));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

fn repository(url: &str) -> Option<RepositoryLink> {
    Offer::read(&format!(r#"{{"name":"a.b/c","repository":{{"url":"{url}"}}}}"#))?.repository
}
