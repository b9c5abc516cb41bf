//! The size of what clients receive, compared with what the upstream sent.

use serde_json::value::RawValue;
use smol_str::SmolStr;
use vidimus::catalog::{Candidate, Catalogue, Facts, Form, Ledger, Loaded, NameUpdate};
use vidimus::curation::{Reach, Sanitized};
use vidimus::lint::Source;
use vidimus::model::{Approved, Entry, Name, Timestamp, Version};
use vidimus::overlay::{Context, OverlaySet, Terms, read};

use crate::support::corpus;
use crate::support::registry::Row;

/// The entries of a page.
const PAGE: usize = 100;

/// Bytes of one entry: as upstream lists it, and as we do.
struct Sizes {
    upstream: usize,
    listed: usize,
    single: usize,
}

fn load(item: &str) -> Option<Loaded> {
    let item: Box<RawValue> = serde_json::from_str(item).expect("a JSON text");
    let entry = Entry::read(&item, Timestamp::from_micros(0)).ok()?;
    let served = Sanitized::of(&entry.server, &Reach::default()).ok()?;
    let official = entry.official().expect("validated");
    Some(Loaded { entry, official, served, is_rewritten: false })
}

/// Returns all facts that an overlay can give.
fn facts(now: Timestamp) -> Facts {
    const RULE: &str = "servers: [{name: com.x/tool, tier: 1, classification: confidential, approval: \
        {state: approved, track: standard, reviewed: 2026-02-01T10:00:00Z, expires: 2027-01-01}}]";
    let context = Context { terms: Terms::default(), now, upstreams: None };
    let set: OverlaySet = read(&[Source::new("x.yaml", RULE)], &context).into();
    let name = Name::parse("com.x/tool").expect("a name");
    let version = Version::parse("1.0.0").expect("a version");
    let rules = set.rules_for(&name);
    let policy = rules.effective(&version, "official");
    assert!(policy.approval.is_some(), "{policy:?}");
    let facts = Facts::new(&SmolStr::new("official"), &policy, Some("unverified"), None, &[], &[]);
    facts.of_latest_upstream(true)
}

/// Renders items with all facts.
fn sizes(items: &[String]) -> Vec<Sizes> {
    let now = Timestamp::parse("2026-11-20T10:00:00Z").expect("a time");
    let facts = facts(now);
    let ledger = Ledger::default();
    let mut sizes = Vec::new();
    for item in items {
        let Some(loaded) = load(item) else { continue };
        let (name, version) = (loaded.entry.name.clone(), loaded.entry.version.clone());
        let head = loaded.entry.head;
        let candidate = Candidate {
            version: version.clone(),
            published_at: head.published_at,
            source: facts.source(&head, &head, &Reach::default()),
            facts: facts.clone(),
            approved: Approved { received: head.received, rule: head.received },
            loaded: Some(loaded),
        };
        let before = Catalogue::default();
        let mut draft = before.next(&ledger, now, "local.vidimus");
        draft.write(&[NameUpdate { name: &name, candidates: vec![&candidate] }]);
        let catalogue = draft.finish();
        let served = catalogue.version(name.as_str(), version.as_str(), false).expect("visible");
        let listed = served.listed(Form::Plain).iter().map(|part| part.len()).sum();
        sizes.push(Sizes { upstream: item.len(), listed, single: served.json.len() });
    }
    sizes
}

/// Prints and checks the shares by which our answers are larger.
fn check(what: &str, sizes: &[Sizes]) {
    let sum = |part: &[Sizes], of: fn(&Sizes) -> usize| part.iter().map(of).sum::<usize>();
    let percent = |part: &[Sizes], of| 100 * sum(part, of) / sum(part, |sizes| sizes.upstream);
    let pages = sizes.chunks(PAGE).filter(|page| page.len() == PAGE);
    let worst = pages.map(|page| percent(page, |sizes| sizes.listed)).max().unwrap_or_default();
    let single = percent(sizes, |sizes| sizes.single);
    let entries = sizes.iter().map(|entry| 100 * entry.single / entry.upstream);
    println!(
        "{what}: {} % in lists, {worst} % in the worst page; {single} % single, {} % the worst",
        percent(sizes, |sizes| sizes.listed),
        entries.max().unwrap_or_default(),
    );
    assert!(worst <= 125, "{what}: a page takes {worst} % of upstream's");
    assert!(single <= 145, "{what}: single entries take {single} % of upstream's");
}

#[test]
fn list_takes_at_most_a_quarter_more_than_the_one_of_upstream() {
    let about =
        "Reads and writes pages, comments and attachments of a wiki, and searches them by text.";
    let rows = (0..PAGE).map(|index| {
        let row = Row::new(&format!("com.n{index:03}/tool"), "1.0.0").described(about);
        row.item().replace("\"isLatest\":false", "\"isLatest\":true")
    });
    check("generated entries", &sizes(&rows.collect::<Vec<_>>()));
    let Some(items) = corpus::items() else { return };
    let sizes = sizes(&items);
    assert!(sizes.len() > 6_000);
    check("real entries", &sizes);
}
