//! Hidden entries appear in no byte of any answer: random policies and views over real entries.
//! `VIDIMUS_TEST_SEED` sets another seed.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::daemon::{Answer, Daemon, Workplace};
use crate::support::registry::Row;
use crate::support::upstream::Upstream;
use base64::Engine;
use memchr::memmem::Finder;
use serde_json::Value;
use vidimus::model::Digest;

const NAMES: usize = 200;
const VIEWS: [&str; 4] = ["default", "first", "second", "third"];
const CLASSES: [&str; 4] = ["public", "internal", "confidential", "regulated"];
const LABELS: [&str; 3] = ["red", "green", "blue"];
const BURIED: &str = "No longer served by this registry.";

/// One entry, with its searchable texts.
struct Entry {
    row: Row,
    texts: Vec<String>,
    servable: bool,
}

/// The decision about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Approved { tier: u8, class: usize, label: usize },
    Denied,
    Unmentioned,
}

/// The decisions about names, and the versions that are denied in addition.
#[derive(Debug, Default)]
struct Policy {
    names: BTreeMap<String, Fate>,
    denied: BTreeSet<(String, String)>,
}

/// The limits of a view, drawn from the seed.
#[derive(Debug, Clone, Default)]
struct Limits {
    tiers: Option<Vec<u8>>,
    classes: Option<Vec<usize>>,
    labels: Option<Vec<usize>>,
    upstream: Option<&'static str>,
    github: bool,
}

/// The entries of a view, by name and version.
type Shown = BTreeSet<(String, String)>;

/// P1, P18.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_entries_are_in_no_byte_of_any_answer() {
    let seed = std::env::var("VIDIMUS_TEST_SEED").unwrap_or_else(|_| "leak".into());
    println!("VIDIMUS_TEST_SEED={seed}");
    let entries = entries(&seed);
    let upstream = Upstream::start(entries.iter().map(|entry| entry.row.clone())).await;
    let place = Workplace::new(&upstream.url);
    place.upstream(&upstream.url, "sync = {interval = \"1h\", page_size = 100}");
    let views: BTreeMap<&str, Limits> =
        VIEWS.into_iter().map(|view| (view, limits(&seed, view))).collect();
    let mut toml: String = views.iter().map(|(view, limits)| limits.toml(view)).collect();
    println!("{toml}");
    toml.push_str(&crate::support::corpus::package_urls());
    place.write("vidimus.toml", &toml);
    let mut before: BTreeMap<&str, Shown> = BTreeMap::new();
    let mut daemon = None;
    for round in 0..3 {
        let policy = policy(&entries, &format!("{seed} {round}"));
        place.overlay("policy.yaml", &policy.yaml());
        if daemon.is_none() {
            let started = place.start().await;
            started.synced().await;
            daemon = Some(started);
        }
        let daemon = daemon.as_ref().expect("it was started");
        for view in VIEWS {
            let wanted = shown(&entries, &policy, &views[view]);
            crate::support::wait::eventually(
                &format!("{view} shows the expected entries"),
                async || (listed(daemon, view, "").await.0 == wanted).then_some(()),
            )
            .await;
            let buried: Shown = before
                .get(view)
                .into_iter()
                .flatten()
                .filter(|entry| !wanted.contains(entry))
                .cloned()
                .collect();
            look_everywhere(daemon, view, &entries, &wanted, &buried).await;
            let ever = before.entry(view).or_default();
            ever.extend(wanted);
        }
    }
}

/// Asks every route of a view and searches the answers for hidden entries.
async fn look_everywhere(
    daemon: &Daemon,
    view: &str,
    entries: &[Entry],
    shown: &Shown,
    buried: &Shown,
) {
    let secrets = secrets(entries, shown, buried);
    // Unlike the standard library's, this search is fast in debug builds.
    let finders: Vec<Finder<'_>> = secrets.iter().map(Finder::new).collect();
    let clean = |answer: &Answer| {
        let everything = format!("{}\n{:?}\n{}", answer.text, answer.headers, cursor_of(answer));
        for (secret, finder) in secrets.iter().zip(&finders) {
            assert!(finder.find(everything.as_bytes()).is_none(), "{secret:?} in {everything}");
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
        assert_eq!(found, all, "{view} {filter}: only entries that it showed leave tombstones");
        answers.iter().for_each(|answer| assert_bare_tombstones(answer, buried));
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
        // A search for the text of a hidden entry does not find it.
        if let Some(text) = entry.texts.first().filter(|_| !is_shown) {
            let word: String = text.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
            let found = daemon.get(&format!("{}/servers?search={word}", prefix(view))).await;
            clean(&found);
        }
    }
}

/// Returns the decoded cursor of a page.
fn cursor_of(answer: &Answer) -> String {
    let list: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let cursor = list["metadata"]["nextCursor"].as_str().unwrap_or_default();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(cursor);
    String::from_utf8_lossy(&bytes.expect("base64url")).into_owned()
}

/// Returns the texts that only hidden entries have, and that are too long for a chance match.
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
    let is_in =
        |text: &str, all: &str| memchr::memmem::find(all.as_bytes(), text.as_bytes()).is_some();
    texts.filter(|text| text.len() > 12 && !is_in(text, &open) && !is_in(text, &buried)).collect()
}

/// Asserts that tombstones hold a name, a version, a fixed description and times, and nothing else.
fn assert_bare_tombstones(answer: &Answer, buried: &Shown) {
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
        let official = &item["_meta"][crate::support::registry::OFFICIAL];
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

/// Returns every item of a list, and its pages.
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

/// Returns a number below `bound`, by the digest of `seed`.
fn roll(seed: &str, bound: u8) -> u8 {
    Digest::of(seed.as_bytes()).as_bytes()[0] % bound
}

fn policy(entries: &[Entry], seed: &str) -> Policy {
    let mut policy = Policy::default();
    for entry in entries {
        let (name, version) = entry.row.key();
        let fate = match roll(&format!("{seed} {name}"), 8) {
            0..5 => Fate::Approved {
                tier: 1 + roll(&format!("{seed} tier {name}"), 3),
                class: usize::from(roll(&format!("{seed} class {name}"), 4)),
                label: usize::from(roll(&format!("{seed} label {name}"), 3)),
            },
            5..7 => Fate::Denied,
            _ => Fate::Unmentioned,
        };
        policy.names.insert(name.clone(), fate);
        // A hidden version of a name with shown versions.
        if roll(&format!("{seed} {name} {version}"), 5) == 0 {
            policy.denied.insert((name, version));
        }
    }
    policy
}

impl Policy {
    fn yaml(&self) -> String {
        let mut yaml = "servers:\n- {name: '*', owner: all}\n".to_owned();
        for (name, fate) in &self.names {
            match fate {
                Fate::Approved { tier, class, label } => yaml.push_str(&format!(
                    "- {{name: {name}, tier: {tier}, classification: {}, labels: [{}], approval: {{state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}}}\n",
                    CLASSES[*class], LABELS[*label]
                )),
                Fate::Denied => {
                    yaml.push_str(&format!("- {{name: {name}, approval: {{state: denied}}}}\n"));
                }
                Fate::Unmentioned => {}
            }
        }
        for (name, version) in &self.denied {
            yaml.push_str(&format!(
                "- {{name: {name}, versions: '{version}', approval: {{state: denied}}}}\n"
            ));
        }
        yaml
    }
}

fn limits(seed: &str, view: &str) -> Limits {
    if view == "default" {
        return Limits::default();
    }
    let roll = |what: &str, bound| roll(&format!("{seed} {view} {what}"), bound);
    let some = |what: &str| roll(&format!("has {what}"), 2) == 0;
    Limits {
        tiers: some("tiers").then(|| vec![1 + roll("tier", 3), 1 + roll("other tier", 3)]),
        classes: some("classes")
            .then(|| vec![usize::from(roll("class", 4)), usize::from(roll("other class", 4))]),
        labels: some("labels").then(|| vec![usize::from(roll("label", 3))]),
        upstream: match roll("upstream", 6) {
            0 => Some("nowhere"),
            1..4 => Some("official"),
            _ => None,
        },
        github: some("github"),
    }
}

impl Limits {
    fn toml(&self, view: &str) -> String {
        let mut toml = format!("[[views]]\nname = \"{view}\"\n");
        let words = |words: &[&str], of: &[usize]| {
            let words: Vec<String> =
                of.iter().map(|index| format!("\"{}\"", words[*index])).collect();
            words.join(", ")
        };
        if let Some(tiers) = &self.tiers {
            toml.push_str(&format!("tiers = {tiers:?}\n"));
        }
        if let Some(classes) = &self.classes {
            toml.push_str(&format!("classifications = [{}]\n", words(&CLASSES, classes)));
        }
        if let Some(labels) = &self.labels {
            toml.push_str(&format!("labels = [{}]\n", words(&LABELS, labels)));
        }
        if let Some(upstream) = self.upstream {
            toml.push_str(&format!("upstreams = [\"{upstream}\"]\n"));
        }
        if self.github {
            toml.push_str("names = [\"io.github.*/*\"]\n");
        }
        toml
    }

    fn admit(&self, name: &str, tier: u8, class: usize, label: usize) -> bool {
        self.tiers.as_ref().is_none_or(|tiers| tiers.contains(&tier))
            && self.classes.as_ref().is_none_or(|classes| classes.contains(&class))
            && self.labels.as_ref().is_none_or(|labels| labels.contains(&label))
            && self.upstream.is_none_or(|upstream| upstream == "official")
            && (!self.github || name.starts_with("io.github."))
    }
}

/// Returns the entries that a view shows: the policy, implemented a second time as simply as possible.
fn shown(entries: &[Entry], policy: &Policy, limits: &Limits) -> Shown {
    // Denials ignore case, so the denial of a case twin hides a name too.
    let denied_names = policy.names.iter().filter(|(_, fate)| **fate == Fate::Denied);
    let denied_names: BTreeSet<String> =
        denied_names.map(|(name, _)| name.to_ascii_lowercase()).collect();
    // The denial of a version hides every spelling of its release.
    let release = |version: &str| {
        let version = version.to_ascii_lowercase();
        let version = version.strip_prefix('v').unwrap_or(&version);
        version.split('+').next().unwrap_or_default().to_owned()
    };
    let denied: BTreeSet<(String, String)> = (policy.denied.iter())
        .map(|(name, version)| (name.to_ascii_lowercase(), release(version)))
        .collect();
    let is_denied = |row: &Row| {
        let folded = row.name.to_ascii_lowercase();
        denied_names.contains(&folded) || denied.contains(&(folded, release(&row.version)))
    };
    entries
        .iter()
        .filter(|entry| entry.servable && !is_denied(&entry.row))
        .filter(|entry| match policy.names[&entry.row.name] {
            Fate::Approved { tier, class, label } => {
                limits.admit(&entry.row.name, tier, class, label)
            }
            Fate::Denied | Fate::Unmentioned => false,
        })
        .map(|entry| entry.row.key())
        .collect()
}

/// Returns real entries if they are present, else generated ones; without deleted ones.
fn entries(seed: &str) -> Vec<Entry> {
    let items = crate::support::corpus::items().unwrap_or_else(|| {
        let row = |index: usize| {
            Row::new(&format!("io.github.n{}/tool", index / 3), &format!("1.{}.0", index % 3))
                .described(&format!("A generated description of number {index}"))
        };
        (0..600).map(|index| row(index).item()).collect()
    });
    // Names are chosen with all their versions, so that hidden versions have shown siblings.
    let entries: Vec<Entry> = items.iter().map(|item| entry(item)).collect();
    let mut names: Vec<String> = entries.iter().map(|entry| entry.row.name.clone()).collect();
    names.sort_by_key(|name| Digest::of(format!("{seed} {name}").as_bytes()));
    names.dedup();
    names.truncate(NAMES);
    let chosen = |entry: &Entry| names.contains(&entry.row.name) && entry.row.status == "active";
    entries.into_iter().filter(chosen).collect()
}

fn entry(item: &str) -> Entry {
    let value: Value = serde_json::from_str(item).expect("JSON");
    let server = &value["server"];
    let text = |member: &str| server[member].as_str().unwrap_or_default().to_owned();
    let status = &value["_meta"][crate::support::registry::OFFICIAL]["status"];
    let row = Row::raw(&text("name"), &text("version"), item);
    let raw: BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(item).expect("an item");
    let servable = crate::support::corpus::is_servable(raw["server"].get());
    let texts = [text("description"), text("title"), text("websiteUrl")];
    let status = if status == "deleted" { "deleted" } else { "active" };
    Entry {
        row: Row { status: status.into(), ..row },
        texts: texts.into_iter().filter(|text| !text.is_empty()).collect(),
        servable,
    }
}
