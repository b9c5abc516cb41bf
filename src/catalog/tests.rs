//! Sequences of generations, and readers that follow them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::curation::{Reach, Sanitized};
use crate::model::{Approved, Entry, Name, OFFICIAL_META, Timestamp, Version};
use crate::overlay::{Classification, EffectivePolicy};
use crate::threads::refusal::with_threads;

const NAMESPACE: &str = "local.vidimus";

fn entry(name: &str, version: &str, description: &str) -> Entry {
    // One time that ours passes in the sequences below, and one that it does not.
    let updated =
        if description == "y" { "1970-01-01T00:00:00.00002Z" } else { "2026-05-05T00:00:00.5Z" };
    let json = format!(
        r#"{{"server":{{"name":"{name}","version":"{version}","description":"{description}","title":"Größe"}},"_meta":{{"{OFFICIAL_META}":{{"status":"active","publishedAt":"2026-01-01T00:00:00.123Z","updatedAt":"{updated}","isLatest":false}},"local.vidimus/curation":{{"tier":1}}}}}}"#
    );
    let item: Box<RawValue> = serde_json::from_str(&json).expect("a JSON text");
    Entry::read(&item, Timestamp::from_micros(0)).expect("well-formed")
}

/// The visible versions, name by name.
type Visible = BTreeMap<usize, [Option<u8>; 3]>;

/// A publisher without a store: it applies the changes of the ledger that a store would commit.
#[derive(Default)]
struct Publisher {
    catalogue: Catalogue,
    ledger: Ledger,
}

impl Publisher {
    /// Publishes these (version, description) pairs as all visible versions of a name.
    fn publish(&mut self, now: i64, names: &[(&str, Vec<(&str, &str)>)]) {
        self.publish_as(&EffectivePolicy::default(), now, names);
    }

    /// Publishes the same with another effective policy.
    fn publish_as(
        &mut self,
        effective: &EffectivePolicy<'_>,
        now: i64,
        names: &[(&str, Vec<(&str, &str)>)],
    ) {
        let facts = Facts::new(&"official".into(), effective, None, None, &[], &[]);
        let candidate = |name: &str, (version, text): &(&str, &str)| {
            let entry = entry(name, version, text);
            let served = Sanitized::of(&entry.server, &Reach::default()).expect("servable");
            Candidate {
                version: entry.version.clone(),
                published_at: entry.head.published_at,
                source: facts.source(&entry.head, &entry.head, &Reach::default()),
                facts: facts.clone(),
                approved: Approved::any(),
                loaded: Some(Loaded {
                    official: entry.official().expect("validated"),
                    entry,
                    served,
                    is_rewritten: false,
                }),
            }
        };
        let visible: Vec<(Name, Vec<Candidate>)> = names
            .iter()
            .map(|(name, versions)| {
                let candidates = versions.iter().map(|version| candidate(name, version)).collect();
                (Name::parse(name).expect("a name"), candidates)
            })
            .collect();
        let mut updates: Vec<NameUpdate<'_>> = visible
            .iter()
            .map(|(name, candidates)| NameUpdate { name, candidates: candidates.iter().collect() })
            .collect();
        updates.sort_by(|left, right| left.name.cmp(right.name));
        let now = Timestamp::from_micros(now);
        let mut draft = self.catalogue.next(&self.ledger, now, NAMESPACE);
        draft.write(&updates);
        assert_eq!(draft.take_unreadable(), []);
        let changes = draft.take_changes();
        let catalogue = draft.finish();
        changes.into_iter().for_each(|(key, record)| self.ledger.set(key, record));
        self.catalogue = catalogue;
    }

    fn item(&self, name: &str, version: &str) -> Value {
        let item = self.catalogue.version(name, version, true).expect("an item");
        serde_json::from_slice(&item.json).expect("JSON")
    }

    fn all(&self) -> Vec<String> {
        let page = self.catalogue.page(&Query::default(), 1000);
        page.items.iter().map(|item| format!("{}@{}", item.name, item.version)).collect()
    }
}

/// Each publication panicked.
#[test]
fn generation_is_the_same_where_the_system_gives_no_thread() {
    let names: Vec<String> = (0..1_100).map(|number| format!("a.b/c{number}")).collect();
    let names: Vec<_> = names.iter().map(|name| (name.as_str(), vec![("1.0.0", "x")])).collect();
    let all = [usize::MAX, 0].map(|threads| {
        with_threads(threads, || {
            let mut publisher = Publisher::default();
            publisher.publish(1_000_000, &names);
            publisher.all()
        })
    });
    assert_eq!(all[0].len(), 1_000, "a page");
    assert_eq!(all[0], all[1]);
}

#[test]
fn item_has_the_values_of_upstream_and_our_facts() {
    let mut publisher = Publisher::default();
    publisher.publish(1_000_000, &[("a.b/c", vec![("1.0.0", "x")])]);
    let item = publisher.item("a.b/c", "1.0.0");
    assert_eq!(item["server"]["description"], "x");
    let official = &item["_meta"][OFFICIAL_META];
    assert_eq!(official["publishedAt"], "2026-01-01T00:00:00.123Z", "as upstream wrote it");
    assert_eq!(official["isLatest"], true, "computed, not copied from upstream");
    assert_eq!(official["updatedAt"], "1970-01-01T00:00:01.000000Z", "never later than ours");
    let ours = &item["_meta"]["local.vidimus/curation"];
    let wanted = serde_json::json!({
        "upstream": "official",
        "changedAt": "1970-01-01T00:00:01.000000Z",
        "upstreamIsLatest": false,
    });
    assert_eq!(*ours, wanted, "a block under our key from upstream is dropped");
}

/// 2027: after the `updatedAt` of the entries below.
const LATER: i64 = 1_800_000_000_000_000;

#[test]
fn item_in_a_list_is_a_prefix_of_the_single_one_and_changes_exchange_its_two_times() {
    let mut publisher = Publisher::default();
    let effective = EffectivePolicy {
        tier: Some(2),
        classification: Some(Classification::Internal),
        ..EffectivePolicy::default()
    };
    publisher.publish_as(&effective, LATER, &[("a.b/c", vec![("1.0.0", "x")])]);
    let item = publisher.catalogue.version("a.b/c", "1.0.0", true).expect("an item");
    let plain = listed(item, Form::Plain);
    assert!(item.json.starts_with(&plain[..plain.len() - 3]), "{item:?}");
    let of = |json: &[u8]| {
        let item: Value = serde_json::from_slice(json).expect("JSON");
        let meta = &item["_meta"];
        (meta[OFFICIAL_META]["updatedAt"].clone(), meta["local.vidimus/curation"].clone())
    };
    let (theirs, ours) = ("2026-05-05T00:00:00.5Z", "2027-01-15T08:00:00.000000Z");
    let wanted = serde_json::json!({"upstream": "official", "tier": 2, "changedAt": ours});
    assert_eq!(of(&plain), (theirs.into(), wanted));
    let wanted =
        serde_json::json!({"upstream": "official", "tier": 2, "upstreamUpdatedAt": theirs});
    assert_eq!(of(&listed(item, Form::Changes)), (ours.into(), wanted));
    assert_eq!(item.size, listed(item, Form::Changes).len());
    let (updated, single) = of(&item.json);
    assert_eq!((updated, &single["classification"]), (theirs.into(), &"internal".into()));
    publisher.publish(LATER + 1, &[("a.b/c", vec![])]);
    let gone = publisher.catalogue.version("a.b/c", "1.0.0", true).expect("a tombstone");
    for form in [Form::Plain, Form::Changes] {
        assert_eq!(listed(gone, form), gone.json, "a tombstone has one form");
    }
}

/// Upstream's clock runs ahead: its time appears once ours has passed it.
#[test]
fn time_of_upstream_that_was_later_than_ours_is_not_lost() {
    let mut publisher = Publisher::default();
    let updated = |publisher: &Publisher| {
        publisher.item("a.b/c", "1.0.0")["_meta"][OFFICIAL_META]["updatedAt"].clone()
    };
    publisher.publish(1_000_000, &[("a.b/c", vec![("1.0.0", "x")])]);
    assert_eq!(updated(&publisher), "1970-01-01T00:00:01.000000Z");
    let effective = EffectivePolicy { tier: Some(1), ..EffectivePolicy::default() };
    publisher.publish_as(&effective, LATER, &[("a.b/c", vec![("1.0.0", "x")])]);
    assert_eq!(updated(&publisher), "2026-05-05T00:00:00.5Z");
}

fn listed(item: &Item, form: Form) -> Vec<u8> {
    item.listed(form).concat()
}

#[test]
fn item_from_an_earlier_item_equals_item_from_loaded_content() {
    let names = [("a.b/c", vec![("1.0.0", "x \\\"y\\\" \\u00e9"), ("2.0.0", "x")])];
    let effective = EffectivePolicy { tier: Some(2), ..EffectivePolicy::default() };
    let (mut reused, mut loaded) = (Publisher::default(), Publisher::default());
    reused.publish(10, &[("a.b/c", names[0].1[..1].to_vec())]);
    reused.publish_as(&effective, 20, &names);
    loaded.publish_as(&effective, 20, &names);
    for version in ["1.0.0", "2.0.0"] {
        let of = |publisher: &Publisher| {
            let item = publisher.catalogue.version("a.b/c", version, false).expect("visible");
            let splice = (item.splice.clone(), item.later_update.clone());
            (item.json.clone(), splice, item.digest, item.tag, item.source, item.searched.clone())
        };
        assert_eq!(of(&reused), of(&loaded));
    }
}

/// P20.
#[test]
fn unchanged_item_keeps_its_bytes_and_its_timestamp() {
    let mut publisher = Publisher::default();
    publisher.publish(10, &[("a.b/c", vec![("1.0.0", "x")])]);
    let before =
        publisher.catalogue.version("a.b/c", "1.0.0", false).expect("visible").json.clone();
    publisher.publish(20, &[("a.b/c", vec![("1.0.0", "x")])]);
    let after = publisher.catalogue.version("a.b/c", "1.0.0", false).expect("visible").json.clone();
    assert_eq!(before, after);
}

#[test]
fn newer_version_takes_latest_from_the_older_one_and_both_change() {
    let mut publisher = Publisher::default();
    publisher.publish(10, &[("a.b/c", vec![("1.0.0", "x")])]);
    publisher.publish(20, &[("a.b/c", vec![("1.0.0", "x"), ("1.1.0", "x")])]);
    assert_eq!(publisher.item("a.b/c", "1.0.0")["_meta"][OFFICIAL_META]["isLatest"], false);
    let since = Query { updated_since: Some(Timestamp::from_micros(10)), ..Query::default() };
    assert_eq!(publisher.catalogue.page(&since, 10).items.len(), 2);
    assert_eq!(publisher.item("a.b/c", "latest")["server"]["version"], "1.1.0");
}

/// C2: a client that asks for the latest version of a name whose greatest one was just denied gets the next one.
#[test]
fn name_without_its_latest_version_has_another_latest_at_once() {
    let mut publisher = Publisher::default();
    publisher.publish(1, &[("com.a/x", vec![("1.0.0", "a"), ("1.1.0", "b"), ("2.0.0", "c")])]);
    let hidden = [(Name::parse("com.a/x").expect("a name"), Version::parse("2.0.0").expect("one"))];
    let catalogue = publisher.catalogue.without(&hidden.into());
    let latest = catalogue.version("com.a/x", "latest", false).expect("a version");
    assert_eq!(latest.version.as_str(), "1.1.0");
    let listed = |form: Form| latest.listed(form).concat();
    for json in [latest.json.to_vec(), listed(Form::Plain), listed(Form::Changes)] {
        let item: Value = serde_json::from_slice(&json).expect("JSON");
        assert_eq!(item["_meta"][OFFICIAL_META]["isLatest"], true, "{item}");
    }
    let before = publisher.catalogue.version("com.a/x", "1.1.0", false).expect("a version");
    assert_ne!(latest.tag, before.tag);
    assert!(
        !catalogue.keeps(&latest.name, &latest.version, &before.source),
        "it is rendered again"
    );
    let at_once = without_times(serde_json::from_slice(&latest.json).expect("JSON"));
    publisher.publish(2, &[("com.a/x", vec![("1.0.0", "a"), ("1.1.0", "b")])]);
    assert_eq!(at_once, without_times(publisher.item("com.a/x", "1.1.0")));
}

#[test]
fn removed_entry_leaves_a_tombstone_without_its_content() {
    let mut publisher = Publisher::default();
    publisher.publish(10, &[("a.b/c", vec![("1.0.0", "secret")]), ("a.b/d", vec![])]);
    publisher.publish(20, &[("a.b/c", vec![])]);
    assert_eq!(publisher.all(), Vec::<String>::new());
    assert!(publisher.catalogue.version("a.b/c", "1.0.0", false).is_none());
    assert!(publisher.catalogue.version("a.b/c", "latest", false).is_none());
    let tombstone = publisher.item("a.b/c", "1.0.0");
    let text = tombstone.to_string();
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(tombstone["_meta"][OFFICIAL_META]["status"], "deleted");
    assert_eq!(tombstone["_meta"][OFFICIAL_META]["isLatest"], false);
    assert!(
        publisher.catalogue.versions("a.b/d", true, None).items.is_empty(),
        "it was never served"
    );
}

#[test]
fn returning_entry_is_visible_again_with_a_newer_timestamp() {
    let mut publisher = Publisher::default();
    publisher.publish(10, &[("a.b/c", vec![("1.0.0", "x")])]);
    publisher.publish(20, &[("a.b/c", vec![])]);
    publisher.publish(30, &[("a.b/c", vec![("1.0.0", "x")])]);
    let since = Query { updated_since: Some(Timestamp::from_micros(20)), ..Query::default() };
    let page = publisher.catalogue.page(&since, 10);
    assert_eq!(page.items.len(), 1);
    assert_eq!(page.items[0].changed_at, Timestamp::from_micros(30));
}

/// P21.
#[test]
fn timestamp_is_greater_than_every_earlier_one_if_the_clock_is_set_back() {
    let mut publisher = Publisher::default();
    publisher.publish(1000, &[("a.b/c", vec![("1.0.0", "x")])]);
    publisher.publish(5, &[("a.b/c", vec![("1.0.0", "y")])]);
    let item = publisher.catalogue.version("a.b/c", "1.0.0", false).expect("visible");
    assert_eq!(item.changed_at, Timestamp::from_micros(1001));
}

#[test]
fn search_folds_case_of_every_script_in_name_title_and_description() {
    let mut publisher = Publisher::default();
    publisher
        .publish(1, &[("a.b/Tool", vec![("1.0.0", "ДОКУМЕНТЫ")]), ("a.b/x", vec![("1", "y")])]);
    let count = |text: &str| {
        let query = Query { search: Some(text.into()), ..Query::default() };
        publisher.catalogue.page(&query, 10).items.len()
    };
    assert_eq!(
        (count("tOOL"), count("документы"), count("GRÖSSE"), count("größE"), count("no")),
        (1, 1, 2, 2, 0)
    );
}

/// C3.
#[test]
fn next_pages_keep_the_filters_of_the_first_page() {
    let mut publisher = Publisher::default();
    let names: Vec<String> = (0..7).map(|index| format!("a.b/tool-{index}")).collect();
    let updates: Vec<(&str, Vec<(&str, &str)>)> =
        names.iter().map(|name| (name.as_str(), vec![("1.0.0", "x"), ("2.0.0", "y")])).collect();
    publisher.publish(1, &updates);
    let mut query = Query {
        version: Some(VersionFilter::Latest),
        search: Some("TOOL".into()),
        ..Query::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = publisher.catalogue.page(&query, 3);
        seen.extend(page.items.iter().map(|item| item.name.to_string()));
        let Some(next) = page.next else { break };
        let Ok(Cursor::Whole(following)) = Cursor::parse(&next) else { panic!("our own cursor") };
        query = following;
    }
    assert_eq!(seen, names);
}

#[rstest::rstest]
#[case("a.b/c:1.0.0", Ok(Cursor::Position { name: "a.b/c".into(), version: "1.0.0".into() }))]
#[case("a.b/c", Ok(Cursor::Position { name: "a.b/c".into(), version: String::new() }))]
#[case("", Err(BadCursor))]
#[case("abc", Err(BadCursor))]
#[case("AgAA", Err(BadCursor))]
#[case("AVsi", Err(BadCursor))]
#[case("not base64!", Err(BadCursor))]
fn foreign_cursor_is_a_position_or_rejected(
    #[case] text: &str,
    #[case] wanted: Result<Cursor, BadCursor>,
) {
    assert_eq!(Cursor::parse(text), wanted);
}

/// A change of one name: the contents of its three versions, `None` for one that is not visible.
type Change = (usize, [Option<u8>; 3]);

const NAMES: [&str; 4] = ["a.b/c", "a.b/d", "a.b-c/d", "z.y/x"];
const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "auto"];
const CONTENTS: [&str; 3] = ["x", "y", "z"];

proptest! {
    /// P19: a reader that asks only for changes since the newest `updatedAt` that it saw ends with exactly
    /// what is served, even if publications happen between its pages and our clock runs backwards. So does
    /// one that begins with a list, with its other form.
    #[test]
    fn reader_of_changes_converges_to_what_is_served(
        history in prop::collection::vec(
            (
                prop::collection::vec((0..4usize, prop::array::uniform3(prop::option::of(0..3u8))), 0..3),
                0..50i64,
                0..4usize,
                any::<bool>(),
            ),
            1..12,
        ),
        limit in 1..3usize,
    ) {
        let mut publisher = Publisher::default();
        let mut visible = Visible::new();
        let mut readers = [Reader::default(), Reader { lists_first: true, ..Reader::default() }];
        for (changes, now, pages, restart) in &history {
            publish(&mut publisher, changes, *now);
            visible.extend(changes.iter().copied());
            if *restart {
                publisher = restarted(&publisher, &visible);
            }
            for _ in 0..*pages {
                readers.iter_mut().for_each(|reader| reader.read_page(&publisher.catalogue, limit));
            }
        }
        // Finishes the current list request, and makes one more for the changes that it left out.
        for _ in 0..100 {
            readers.iter_mut().for_each(|reader| reader.read_page(&publisher.catalogue, limit));
        }
        let served: BTreeMap<(String, String), Value> = publisher
            .catalogue
            .items()
            .map(|item| {
                let json = serde_json::from_slice(&listed(item, Form::Plain)).expect("JSON");
                ((item.name.to_string(), item.version.to_string()), without_times(json))
            })
            .collect();
        for reader in readers {
            prop_assert_eq!(reader.copy, served.clone());
        }
    }

    /// P20: a generation that is built from the ledger alone has the same bytes as one that is built step
    /// by step.
    #[test]
    fn restart_serves_the_same_bytes(
        history in prop::collection::vec(
            (prop::collection::vec((0..4usize, prop::array::uniform3(prop::option::of(0..3u8))), 0..3), 0..50i64),
            1..8,
        ),
    ) {
        let mut publisher = Publisher::default();
        let mut visible = Visible::new();
        for (changes, now) in &history {
            publish(&mut publisher, changes, *now);
            visible.extend(changes.iter().copied());
        }
        let restarted = restarted(&publisher, &visible);
        let bytes = |catalogue: &Catalogue| {
            let query = Query { include_deleted: true, ..Query::default() };
            catalogue.page(&query, 1000).items.iter().map(|item| item.json.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(bytes(&publisher.catalogue), bytes(&restarted.catalogue));
    }
}

/// Returns a publisher that knows only the ledger and the visible versions.
fn restarted(before: &Publisher, visible: &Visible) -> Publisher {
    let mut records = Vec::new();
    for name in NAMES {
        let name = Name::parse(name).expect("a name");
        records.extend(before.ledger.of_name(&name).map(|(key, record)| (key.clone(), *record)));
    }
    let mut restarted = Publisher { ledger: Ledger::new(records), ..Publisher::default() };
    let changes: Vec<Change> = (0..NAMES.len())
        .map(|name| (name, visible.get(&name).copied().unwrap_or_default()))
        .collect();
    publish(&mut restarted, &changes, 1);
    restarted
}

fn publish(publisher: &mut Publisher, changes: &[Change], now: i64) {
    let last: BTreeMap<usize, [Option<u8>; 3]> = changes.iter().copied().collect();
    let updates: Vec<(&str, Vec<(&str, &str)>)> = last
        .iter()
        .map(|(name, versions)| {
            let visible = VERSIONS.iter().zip(versions).filter_map(|(version, content)| {
                content.map(|content| (*version, CONTENTS[usize::from(content)]))
            });
            (NAMES[*name], visible.collect())
        })
        .collect();
    publisher.publish(now, &updates);
}

/// Returns an item without the times that its forms exchange.
fn without_times(mut item: Value) -> Value {
    let meta = &mut item["_meta"];
    let official = meta[OFFICIAL_META].as_object_mut().expect("a block");
    official.remove("updatedAt");
    let ours = meta["local.vidimus/curation"].as_object_mut().expect("a block");
    ours.retain(|member, _| member != "changedAt" && member != "upstreamUpdatedAt");
    item
}

/// A reader that follows a registry as any client of the contract can: by `updated_since` and cursor.
#[derive(Default)]
struct Reader {
    /// True until it has read a list of everything, if it begins with one.
    lists_first: bool,
    copy: BTreeMap<(String, String), Value>,
    /// The newest `updatedAt` of finished list requests; `newest` includes the current one.
    since: Option<Timestamp>,
    newest: Option<Timestamp>,
    cursor: Option<String>,
}

impl Reader {
    fn read_page(&mut self, catalogue: &Catalogue, limit: usize) {
        if std::mem::take(&mut self.lists_first) {
            let page = catalogue.page(&Query::default(), 1000);
            page.items.iter().for_each(|item| self.take(item, page.form));
            self.since = self.newest;
            return;
        }
        let query = match self.cursor.as_deref().map(Cursor::parse) {
            Some(Ok(Cursor::Whole(query))) => query,
            Some(other) => panic!("our own cursor is {other:?}"),
            None => Query {
                updated_since: Some(self.since.unwrap_or(Timestamp::MIN)),
                ..Query::default()
            },
        };
        let page = catalogue.page(&query, limit);
        for item in &page.items {
            self.take(item, page.form);
        }
        self.cursor = page.next;
        if self.cursor.is_none() {
            self.since = self.newest;
        }
    }

    fn take(&mut self, item: &Item, form: Form) {
        let item: Value = serde_json::from_slice(&listed(item, form)).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let official = &item["_meta"][OFFICIAL_META];
        let updated = Timestamp::parse(&text(&official["updatedAt"])).expect("a time");
        self.newest = self.newest.max(Some(updated));
        let key = (text(&item["server"]["name"]), text(&item["server"]["version"]));
        if official["status"] == "deleted" {
            self.copy.remove(&key);
        } else {
            self.copy.insert(key, without_times(item));
        }
    }
}

#[test]
fn version_is_found_only_by_its_exact_bytes() {
    let mut publisher = Publisher::default();
    publisher.publish(1, &[("a.b/c", vec![("1.0.0-RC", "x")])]);
    assert!(publisher.catalogue.version("a.b/c", "1.0.0-rc", true).is_none());
    assert!(publisher.catalogue.version("a.B/c", "1.0.0-RC", true).is_none());
    let found = publisher.catalogue.version("a.b/c", "1.0.0-RC", false).expect("visible");
    assert_eq!(found.version, Version::parse("1.0.0-RC").expect("usable"));
}
