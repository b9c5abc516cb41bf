//! The real registry's entries, if `../shared/corpus` is present.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::daemon::Workplace;
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use serde_json::value::RawValue;
use vidimus::daemon::Clock;
use vidimus::model::{Digest, Name, Timestamp, Version};
use vidimus::ownership::{Claim, SharedHosts};
use vidimus::store::Store;

const ROWS: usize = 6_395;

struct Real {
    row: Row,
    server: String,
    published_at: Timestamp,
}

fn corpus() -> Option<Vec<Real>> {
    Some(crate::support::corpus::items()?.iter().map(|item| real(item)).collect())
}

fn real(line: &str) -> Real {
    #[derive(serde::Deserialize)]
    struct Item<'a> {
        #[serde(borrow)]
        server: &'a RawValue,
    }
    let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let Item { server } = serde_json::from_str(line).expect("an item");
    let text = |member: &str| value["server"][member].as_str().expect("a text").to_owned();
    let official = &value["_meta"][crate::support::registry::OFFICIAL];
    let published = official["publishedAt"].as_str().expect("a time");
    Real {
        row: Row::raw(&text("name"), &text("version"), line),
        server: server.get().to_owned(),
        published_at: Timestamp::parse(published).expect("a time"),
    }
}

/// Returns the greatest by semantic version, else by publication: an independent implementation.
fn latest(versions: &[&Real]) -> String {
    let key = |real: &&&Real| {
        let version = Version::parse(&real.row.version).expect("usable");
        let semantic = version.semantic();
        (
            semantic.is_some(),
            semantic.map(|number| (number.major, number.minor, number.patch, number.pre)),
            real.published_at,
        )
    };
    versions.iter().max_by_key(key).expect("a version").row.version.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_registry_is_mirrored_byte_for_byte_and_only_approved_entries_are_served() {
    let Some(corpus) = corpus() else { return };
    assert_eq!(corpus.len(), ROWS);
    let upstream = Upstream::start(corpus.iter().map(|real| real.row.clone())).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 100}");
    let chosen = chosen(&corpus);
    let mut overlay = "servers:\n".to_owned();
    for name in &chosen {
        overlay.push_str(&format!("- {{name: {name}, approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}}}\n"));
    }
    place.overlay("policy.yaml", &overlay);
    place.write("vidimus.toml", &crate::support::corpus::package_urls());
    let daemon = place.start().await;
    let status = daemon.synced().await;
    let (rows, quarantined) = (&status["rows"], &status["quarantined"]);
    println!("{rows} rows stored, {quarantined} in quarantine");
    assert_eq!(
        rows.as_u64().zip(quarantined.as_u64()).map(|(rows, bad)| rows + bad),
        Some(ROWS as u64)
    );

    let mut by_name: BTreeMap<&str, Vec<&Real>> = BTreeMap::new();
    // Entries that violate the schema of strict clients, or a rule for agents, are not served.
    let servable = |real: &&Real| crate::support::corpus::is_servable(&real.server);
    for real in corpus.iter().filter(|real| chosen.contains(&real.row.name)).filter(servable) {
        by_name.entry(&real.row.name).or_default().push(real);
    }
    let wanted: BTreeSet<String> = by_name
        .values()
        .flatten()
        .map(|real| format!("{}@{}", real.row.name, real.row.version))
        .collect();
    crate::support::wait::eventually("all approved entries are served", async || {
        (served(&daemon).await == wanted).then_some(())
    })
    .await;
    for (name, versions) in &by_name {
        let path = format!("/v0.1/servers/{}/versions/latest", name.replace('/', "%2F"));
        let answer = daemon.get(&path).await.json();
        assert_eq!(answer["server"]["version"], latest(versions).as_str(), "{name}");
        assert_eq!(answer["_meta"][crate::support::registry::OFFICIAL]["isLatest"], true, "{name}");
    }
    assert_eq!(daemon.signal("TERM").await, Some(0));
    assert_rows_are_stored_as_sent(&place.data(), &corpus);
}

/// Returns fifty names, chosen by digest: a stable pseudo-random sample.
fn chosen(corpus: &[Real]) -> BTreeSet<String> {
    let mut names: Vec<&str> = corpus.iter().map(|real| real.row.name.as_str()).collect();
    names.sort_by_key(|name| Digest::of(name.as_bytes()));
    names.dedup();
    names.into_iter().take(50).map(str::to_owned).collect()
}

async fn served(daemon: &crate::support::daemon::Daemon) -> BTreeSet<String> {
    let mut served = BTreeSet::new();
    let mut path = "/v0.1/servers?limit=7".to_owned();
    loop {
        let page = daemon.get(&path).await;
        if page.status != 200 {
            return served;
        }
        served.extend(page.items());
        match page.json()["metadata"]["nextCursor"].as_str() {
            Some(next) => path = format!("/v0.1/servers?limit=7&cursor={next}"),
            None => return served,
        }
    }
}

fn assert_rows_are_stored_as_sent(data: &Path, corpus: &[Real]) {
    let store = Store::open(data, Clock::system()).expect("a store");
    let snapshot = store.snapshot().expect("a snapshot");
    let quarantined: BTreeMap<(String, String), String> = snapshot
        .quarantined()
        .expect("rows")
        .map(|quarantined| quarantined.expect("a row").row)
        .map(|row| ((row.name, row.version), row.reason))
        .collect();
    let mut stored = BTreeMap::new();
    for head in snapshot.heads().expect("heads") {
        let head = head.expect("a head");
        let entry = snapshot.entry(&head).expect("an entry");
        stored.insert((head.name.to_string(), head.version.to_string()), entry.server);
    }
    for real in corpus {
        match (stored.get(&real.row.key()), quarantined.get(&real.row.key())) {
            (Some(server), _) => assert_eq!(**server, *real.server, "byte for byte"),
            (None, Some(reason)) => assert!(!reason.is_empty()),
            (None, None) => panic!("{:?} was lost", real.row.key()),
        }
    }
    assert!(snapshot.verify().expect("verified").is_sound());
}

#[test]
fn every_real_namespace_has_a_claim() {
    let Some(corpus) = corpus() else { return };
    let name = |real: &Real| Name::parse(&real.row.name).expect("a name");
    let namespaces: BTreeSet<String> =
        corpus.iter().map(|real| name(real).namespace().to_owned()).collect();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for namespace in &namespaces {
        *kinds.entry(Claim::of(namespace, &SharedHosts::default()).kind()).or_default() += 1;
    }
    let wanted = [("domain", 620), ("github", 1858), ("shared host", 2)];
    assert_eq!(kinds, BTreeMap::from(wanted));
    assert_eq!(namespaces.len(), 2480);
}
