use std::collections::{BTreeMap, HashSet};

use super::*;
use crate::advisory::{Advisory, EcosystemPackage, FeedState, read_osv};
use crate::model::Timestamp;
use crate::sync::DiskLimits;

fn advisory(id: &str, packages: &[&str], more: &str) -> Advisory {
    let affected: Vec<String> = packages
        .iter()
        .map(|name| {
            format!(r#"{{"package":{{"ecosystem":"npm","name":"{name}"}},"versions":["1.0.0"]}}"#)
        })
        .collect();
    let json = format!(r#"{{"id":"{id}",{more}"affected":[{}]}}"#, affected.join(","));
    read_osv(json.as_bytes()).expect("an advisory")
}

fn hash(package: &str) -> u64 {
    EcosystemPackage::of_entry("npm", package).expect("a type").short_hash()
}

fn hashes(packages: &[&str]) -> HashSet<u64> {
    packages.iter().map(|package| hash(package)).collect()
}

/// Returns true if a lookup by package leads to advisories.
fn is_advised(store: &Store, package: &str) -> bool {
    let snapshot = store.snapshot().expect("a snapshot");
    let may_be = snapshot.advised.contains(hash(package), || snapshot.advised_hashes());
    let key = EcosystemPackage::of_entry("npm", package).expect("a type");
    may_be.expect("read") && !snapshot.about_package(&key).expect("read").is_empty()
}

#[test]
fn change_of_an_advisory_touches_the_packages_that_it_names_and_named() {
    let store = Store::ephemeral(Timestamp::MIN).expect("a store");
    let put = |advisories: &[Advisory]| {
        store.store_advisories("feed", advisories, Timestamp::MIN).expect("stored")
    };
    assert_eq!(put(&[advisory("A-1", &["x", "y"], "")]), hashes(&["x", "y"]));
    assert_eq!(put(&[advisory("A-1", &["x", "y"], "")]), HashSet::new(), "unchanged");
    assert_eq!(put(&[advisory("A-1", &["y", "z"], "")]), hashes(&["x", "y", "z"]));
    assert_eq!(["x", "y", "z"].map(|package| is_advised(&store, package)), [false, true, true]);
    let withdrawn = advisory("A-1", &["y", "z"], r#""withdrawn":"2026-01-01T00:00:00Z","#);
    assert_eq!(put(std::slice::from_ref(&withdrawn)), hashes(&["y", "z"]));
    assert!(!is_advised(&store, "y"));
    let kept = store.snapshot().expect("a snapshot").advisory_of("feed", "A-1").expect("read");
    assert_eq!(kept, Some(withdrawn), "it can still be shown");
}

#[test]
fn feeds_are_apart_and_a_retired_one_takes_its_advisories_with_it() {
    let store = Store::ephemeral(Timestamp::MIN).expect("a store");
    for feed in ["one", "one-b", "two"] {
        store
            .store_advisories(feed, &[advisory("A-1", &["x"], "")], Timestamp::MIN)
            .expect("stored");
        store.store_feed(feed, &FeedState::default(), Timestamp::MIN).expect("stored");
    }
    let removed = store.remove_advisories("one", |_| false, Timestamp::MIN).expect("removed");
    assert_eq!(removed, hashes(&["x"]));
    assert!(is_advised(&store, "x"), "others have it");
    let retired = store.retire_feeds(&["one"], Timestamp::MIN).expect("retired");
    assert_eq!(retired, hashes(&["x"]));
    assert!(!is_advised(&store, "x"));
    let feeds: BTreeMap<_, _> = store.snapshot().expect("a snapshot").feeds().expect("read");
    assert_eq!(feeds.into_keys().collect::<Vec<_>>(), ["one"]);
}

#[test]
fn store_that_is_opened_again_finds_the_advisories() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path(), Timestamp::MIN).expect("a store");
    let all = [advisory("A-1", &["x"], ""), advisory("A-2", &["y"], "")];
    store.store_advisories("feed", &all, Timestamp::MIN).expect("stored");
    drop(store);
    let store = Store::open(folder.path(), Timestamp::MIN).expect("a store");
    assert_eq!(["x", "y", "z"].map(|package| is_advised(&store, package)), [true, true, false]);
    // The first lookup may also be that of a writer.
    drop(store);
    let store = Store::open(folder.path(), Timestamp::MIN).expect("a store");
    store.store_advisories("feed", &[advisory("A-3", &["z"], "")], Timestamp::MIN).expect("stored");
    assert_eq!(["x", "y", "z"].map(|package| is_advised(&store, package)), [true; 3]);
}

#[test]
fn verify_finds_an_advisory_that_does_not_decode_and_its_servers_are_not_served() {
    let store = Store::ephemeral(Timestamp::MIN).expect("a store");
    store.store_advisories("feed", &[advisory("A-1", &["x"], "")], Timestamp::MIN).expect("stored");
    let verify = || store.snapshot().and_then(|snapshot| snapshot.verify()).expect("verified");
    assert_eq!(verify().problems, [""; 0]);
    let damage = |value: Option<&[u8]>| {
        let change = |transaction: &redb::WriteTransaction| {
            let mut rows = transaction.open_table(super::tables::ADVISORIES)?;
            match value {
                Some(value) => rows.insert(("feed", "A-1"), value)?,
                None => rows.remove(("feed", "A-1"))?,
            };
            Ok(())
        };
        store.write(Timestamp::MIN, change).expect("written");
    };
    damage(Some(b"{"));
    assert_eq!(verify().problems, ["the advisory does not decode: feed A-1@"]);
    let mut dossier =
        crate::curation::tests::fixtures::listed("com.example/tool", crate::model::Status::Active);
    let server = r#"{"packages":[{"registryType":"npm","identifier":"x","version":"1.0.0"}]}"#;
    dossier.rows[0].content.facts = Some(crate::curation::ContentFacts::of(server));
    store.snapshot().expect("a snapshot").add_advisories(&mut dossier).expect("read");
    let key = EcosystemPackage::of_entry("npm", "x").expect("a type");
    assert_eq!((dossier.damaged.len(), dossier.advisories.about(&key).count()), (1, 0));
    damage(None);
    assert_eq!(verify().problems, ["a package without its advisory: npm x@feed A-1"]);
}

#[test]
fn feed_beyond_its_limit_keeps_what_it_has() {
    let store = Store::ephemeral(Timestamp::MIN).expect("a store");
    let put = |limit, id: &str, packages: &[&str]| {
        store.store_advisories_within(limit, "feed", &[advisory(id, packages, "")], Timestamp::MIN)
    };
    put(u64::MAX, "A-1", &["x"]).expect("stored");
    let many: Vec<String> = (0..100).map(|number| format!("package-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let full = put(2_000, "A-2", &many);
    assert!(matches!(full, Err(StoreError::NoFeedRoom { .. })), "{full:?}");
    let grown = put(2_000, "A-1", &many);
    assert!(matches!(grown, Err(StoreError::NoFeedRoom { .. })), "{grown:?}");
    let has = |id| {
        let read = store.snapshot().and_then(|snapshot| snapshot.advisory_of("feed", id));
        read.expect("read").is_some()
    };
    assert!(has("A-1") && !has("A-2"));
    // What it removes is room again, and what shrinks needs none.
    put(u64::MAX, "A-3", &many).expect("stored");
    put(100, "A-3", &["y"]).expect("it shrinks");
    store.remove_advisories("feed", |id| id == "A-1", Timestamp::MIN).expect("removed");
    put(2_000, "A-4", &["x"]).expect("there is room");
}

#[test]
fn advisories_leave_free_what_the_disk_keeps_free() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::create(folder.path(), Timestamp::MIN).expect("a store");
    let store = store.limited(DiskLimits { max_size: u64::MAX, min_free: u64::MAX });
    let full = store.store_advisories("feed", &[advisory("A-1", &["x"], "")], Timestamp::MIN);
    assert!(matches!(&full, Err(error) if error.is_of_room()), "{full:?}");
    assert!(full.is_err_and(|error| error.to_string().contains("`min_free`")));
    store.store_feed("feed", &FeedState::default(), Timestamp::MIN).expect("its failure has room");
}
