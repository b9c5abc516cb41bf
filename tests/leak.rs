//! What is hidden appears in no byte of any answer: random policies and views over real entries.
//! Another seed comes with `VIDIMUS_TEST_SEED`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use support::daemon::{Answer, Daemon, Workplace};
use support::registry::Row;
use support::upstream::Upstream;
use vidimus::catalog::Served;
use vidimus::model::Digest;

const ENTRIES: usize = 400;
const VIEWS: [&str; 3] = ["default", "first", "github"];
const BURIED: &str = "No longer served by this registry.";

/// One entry with what the policy says of its name.
struct Entry {
    row: Row,
    texts: Vec<String>,
    servable: bool,
}

/// What is decided about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Approved { tier: u8 },
    Denied,
    Unmentioned,
}

/// Every (name, version) of a view.
type Shown = BTreeSet<(String, String)>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hidden_is_in_any_byte_of_any_answer() {
    let seed = std::env::var("VIDIMUS_TEST_SEED").unwrap_or_else(|_| "leak".into());
    println!("VIDIMUS_TEST_SEED={seed}");
    let entries = entries(&seed);
    let upstream = Upstream::start(entries.iter().map(|entry| entry.row.clone())).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 100}");
    place.write("vidimus.toml", "[[views]]\nname = \"first\"\ntiers = [1]\n[[views]]\nname = \"github\"\nnames = [\"io.github.*/*\"]\n");
    let mut before: BTreeMap<&str, Shown> = BTreeMap::new();
    let mut daemon = None;
    for round in 0..3 {
        let fates = fates(&entries, &format!("{seed} {round}"));
        place.overlay("policy.yaml", &policy(&fates));
        if daemon.is_none() {
            let started = place.start().await;
            started.walked().await;
            daemon = Some(started);
        }
        let daemon = daemon.as_ref().expect("it was started");
        for view in VIEWS {
            let wanted = shown(&entries, &fates, view);
            support::wait::eventually(&format!("{view} shows what it should"), async || {
                (listed(daemon, view, "").await.0 == wanted).then_some(())
            })
            .await;
            let buried: Shown = before
                .get(view)
                .into_iter()
                .flatten()
                .filter(|it| !wanted.contains(it))
                .cloned()
                .collect();
            look_everywhere(daemon, view, &entries, &wanted, &buried).await;
            let ever = before.entry(view).or_default();
            ever.extend(wanted);
        }
    }
}

/// Asks every route of a view and looks for what must not be there.
async fn look_everywhere(
    daemon: &Daemon,
    view: &str,
    entries: &[Entry],
    shown: &Shown,
    buried: &Shown,
) {
    let secrets = secrets(entries, shown, buried);
    let clean = |answer: &Answer| {
        let headers = format!("{:?}", answer.headers);
        for secret in &secrets {
            assert!(!answer.text.contains(secret.as_str()), "{secret:?} in {}", answer.text);
            assert!(!headers.contains(secret.as_str()), "{secret:?} in {headers}");
        }
    };
    for filter in ["", "&version=latest"] {
        let (found, answers) = listed(daemon, view, filter).await;
        answers.iter().for_each(clean);
        assert!(found.is_subset(shown));
    }
    for filter in ["&include_deleted=true", "&updated_since=2020-01-01T00:00:00Z"] {
        let (found, answers) = listed(daemon, view, filter).await;
        answers.iter().for_each(clean);
        let all: Shown = shown.union(buried).cloned().collect();
        assert_eq!(found, all, "{view} {filter}: only what was shown in it leaves a tombstone");
        answers.iter().for_each(|answer| tombstones_say_nothing(answer, buried));
    }
    for entry in entries.iter().step_by(3) {
        let (name, version) = entry.row.key();
        let path = format!("{}/servers/{}/versions", prefix(view), name.replace('/', "%2F"));
        let is_shown = shown.contains(&(name.clone(), version.clone()));
        let exact = daemon.get(&format!("{path}/{}", version.replace('+', "%2B"))).await;
        assert_eq!(exact.status, if is_shown { 200 } else { 404 }, "{view}: {name}@{version}");
        let any = shown.iter().any(|(shown, _)| *shown == name);
        for answer in [daemon.get(&path).await, daemon.get(&format!("{path}/latest")).await] {
            assert_eq!(answer.status, if any { 200 } else { 404 }, "{view}: {name}");
            clean(&answer);
        }
        clean(&exact);
        // A search for its own text finds only what is shown.
        if let Some(text) = entry.texts.first().filter(|_| !is_shown) {
            let word: String = text.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
            let found = daemon.get(&format!("{}/servers?search={word}", prefix(view))).await;
            clean(&found);
        }
    }
}

/// Texts that only hidden entries have, and that are long enough to be no chance.
fn secrets(entries: &[Entry], shown: &Shown, buried: &Shown) -> Vec<String> {
    let is_shown = |entry: &&Entry| shown.contains(&entry.row.key());
    let open: String = entries.iter().filter(is_shown).map(|entry| entry.row.item()).collect();
    let buried: String =
        buried.iter().map(|(name, version)| format!("\"{name}\" \"{version}\"")).collect();
    let hidden = entries.iter().filter(|entry| !is_shown(entry));
    let texts = hidden.flat_map(|entry| {
        let name = format!("\"{}\"", entry.row.name);
        entry.texts.iter().cloned().chain([name])
    });
    texts
        .filter(|text| {
            text.len() > 12 && !open.contains(text.as_str()) && !buried.contains(text.as_str())
        })
        .collect()
}

/// A tombstone holds a name, a version, a fixed description and times, and nothing else.
fn tombstones_say_nothing(answer: &Answer, buried: &Shown) {
    for item in answer.json()["servers"].as_array().expect("a list") {
        let text = |member: &str| item["server"][member].as_str().expect("a text").to_owned();
        if !buried.contains(&(text("name"), text("version"))) {
            continue;
        }
        let keys = |value: &Value| {
            value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys(&item["server"]), ["description", "name", "version"]);
        assert_eq!(text("description"), BURIED);
        assert_eq!(keys(&item["_meta"]["local.vidimus/curation"]), ["changedAt"]);
        let official = &item["_meta"][support::registry::OFFICIAL];
        assert_eq!(
            keys(official),
            ["isLatest", "publishedAt", "status", "statusChangedAt", "updatedAt"]
        );
        assert_eq!(official["status"], "deleted");
    }
}

fn prefix(view: &str) -> String {
    if view == "default" { "/v0.1".into() } else { format!("/views/{view}/v0.1") }
}

/// Every item of a list, page by page, and the pages.
async fn listed(daemon: &Daemon, view: &str, filter: &str) -> (Shown, Vec<Answer>) {
    let (mut found, mut answers, mut cursor) = (Shown::new(), Vec::new(), String::new());
    loop {
        let page = daemon.get(&format!("{}/servers?limit=50{filter}{cursor}", prefix(view))).await;
        if page.status != 200 {
            return (found, answers);
        }
        let list = page.json();
        for item in list["servers"].as_array().expect("a list") {
            let text = |member: &str| item["server"][member].as_str().expect("a text").to_owned();
            found.insert((text("name"), text("version")));
        }
        answers.push(page);
        match list["metadata"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (found, answers),
        }
    }
}

/// A number under a bound, by the digest of what it is for.
fn roll(seed: &str, bound: u8) -> u8 {
    Digest::of(seed.as_bytes()).as_bytes()[0] % bound
}

fn fates(entries: &[Entry], seed: &str) -> BTreeMap<String, Fate> {
    let names: BTreeSet<&String> = entries.iter().map(|entry| &entry.row.name).collect();
    let fate = |name: &str| match roll(&format!("{seed} {name}"), 8) {
        0..4 => Fate::Approved { tier: 1 + roll(&format!("{seed} tier {name}"), 3) },
        4..6 => Fate::Denied,
        _ => Fate::Unmentioned,
    };
    names.into_iter().map(|name| (name.clone(), fate(name))).collect()
}

fn policy(fates: &BTreeMap<String, Fate>) -> String {
    let mut policy = "servers:\n- {name: '*', labels: [all]}\n".to_owned();
    for (name, fate) in fates {
        match fate {
            Fate::Approved { tier } => policy.push_str(&format!("- {{name: {name}, tier: {tier}, approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}}}\n")),
            Fate::Denied => policy.push_str(&format!("- {{name: {name}, approval: {{state: denied}}}}\n")),
            Fate::Unmentioned => {}
        }
    }
    policy
}

/// The policy once more, in the plainest way.
fn shown(entries: &[Entry], fates: &BTreeMap<String, Fate>, view: &str) -> Shown {
    // Denials know no case, so a name may be hidden by its twin's.
    let denied: BTreeSet<String> = fates
        .iter()
        .filter(|(_, fate)| **fate == Fate::Denied)
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    entries
        .iter()
        .filter(|entry| entry.servable && !denied.contains(&entry.row.name.to_ascii_lowercase()))
        .filter(|entry| match (fates[&entry.row.name], view) {
            (Fate::Approved { tier }, "first") => tier == 1,
            (Fate::Approved { .. }, "github") => entry.row.name.starts_with("io.github."),
            (Fate::Approved { .. }, _) => true,
            _ => false,
        })
        .map(|entry| entry.row.key())
        .collect()
}

/// Real entries where they are present, invented ones otherwise; not the deleted ones.
fn entries(seed: &str) -> Vec<Entry> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/registry-6k.jsonl.gz");
    let items: Vec<String> = if let Ok(packed) = std::fs::File::open(path) {
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("unpacked");
        text.lines().map(str::to_owned).collect()
    } else {
        println!("../shared/corpus is not present; invented entries are used");
        let row = |index: usize| {
            Row::new(&format!("io.github.n{}/tool", index / 3), &format!("1.{}.0", index % 3))
                .described(&format!("An invented description of number {index}"))
        };
        (0..600).map(|index| row(index).item()).collect()
    };
    let first = Digest::of(seed.as_bytes()).as_bytes()[1];
    let step = (items.len() / ENTRIES).max(1);
    items
        .into_iter()
        .skip(usize::from(first) % step)
        .step_by(step)
        .take(ENTRIES)
        .map(|item| entry(&item))
        .filter(|entry| entry.row.status == "active")
        .collect()
}

fn entry(item: &str) -> Entry {
    let value: Value = serde_json::from_str(item).expect("JSON");
    let server = &value["server"];
    let text = |member: &str| server[member].as_str().unwrap_or_default().to_owned();
    let status = &value["_meta"][support::registry::OFFICIAL]["status"];
    let row = Row::raw(&text("name"), &text("version"), item);
    let raw: BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(item).expect("an item");
    let servable = Served::of(raw["server"].get()).is_ok();
    let texts = [text("description"), text("title"), text("websiteUrl")];
    let status = if status == "deleted" { "deleted" } else { "active" };
    Entry {
        row: Row { status: status.into(), ..row },
        texts: texts.into_iter().filter(|it| !it.is_empty()).collect(),
        servable,
    }
}
