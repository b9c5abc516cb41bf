use serde_json::value::RawValue;
use vidimus::catalog::{Candidate, Catalogue, Facts, Ledger, Loaded, NameUpdate};
use vidimus::curation::{Reach, Sanitized};
use vidimus::model::{Approved, Entry, Name, Timestamp};
use vidimus::overlay::EffectivePolicy;

use crate::META;

const NAMESPACE: &str = "local.vidimus";
const NAMES: [&str; 3] = ["a.b/c", "a.b/d", "io.github.x/y"];
const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0-rc.1", "latest-ish"];

/// Returns a catalogue of nine entries. Three of them are tombstones.
#[must_use]
pub fn catalogue() -> Catalogue {
    let mut ledger = Ledger::default();
    let all = generation(&Catalogue::default(), &mut ledger, 1_000_000, &VERSIONS);
    generation(&all, &mut ledger, 2_000_000, &VERSIONS[..2])
}

fn generation(before: &Catalogue, ledger: &mut Ledger, now: i64, versions: &[&str]) -> Catalogue {
    let names = NAMES.map(|name| Name::parse(name).expect("a name"));
    let candidates = names.clone().map(|name| {
        let candidates = versions.iter().map(|version| candidate(name.as_str(), version));
        candidates.collect::<Vec<_>>()
    });
    let updates: Vec<NameUpdate<'_>> = names
        .iter()
        .zip(&candidates)
        .map(|(name, candidates)| NameUpdate { name, candidates: candidates.iter().collect() })
        .collect();
    let mut draft = before.next(ledger, Timestamp::from_micros(now), NAMESPACE);
    draft.write(&updates);
    let changes = draft.take_changes();
    let after = draft.finish();
    changes.into_iter().for_each(|(key, record)| ledger.set(key, record));
    after
}

fn candidate(name: &str, version: &str) -> Candidate {
    let server =
        format!(r#"{{"name":"{name}","version":"{version}","description":"Größe","title":"T"}}"#);
    let item: Box<RawValue> =
        serde_json::from_str(&format!(r#"{{"server":{server},"_meta":{META}}}"#)).expect("JSON");
    let entry = Entry::read(&item, Timestamp::from_micros(0)).expect("a well-formed entry");
    let served = Sanitized::of(&entry.server, &Reach::default()).expect("a servable entry");
    let facts = Facts::new(&"official".into(), &EffectivePolicy::default(), None, None, &[], &[]);
    Candidate {
        version: entry.version.clone(),
        published_at: entry.head.published_at,
        source: facts.source(&entry.head, &entry.head, &Reach::default()),
        facts,
        approved: Approved { received: entry.head.received, rule: entry.head.received },
        loaded: Some(Loaded {
            official: entry.official().expect("an official block"),
            entry,
            served,
            is_rewritten: false,
        }),
    }
}
