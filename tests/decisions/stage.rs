//! Plays a world with the real binary, and looks at it in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answers::{
    Decisions, Gates, Served, daemon_explain, listed, offline_explain, offline_list, served,
};
use super::statements::NO_DIGEST;
use super::store::keep_verdicts;
use super::support::daemon::{Daemon, Workplace, text};
use super::support::upstream::Upstream;
use super::support::wait::eventually;
use super::world::{Step, World};

/// How long a daemon may take until it serves what the commands say; then they disagree.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN: Duration = Duration::from_millis(20);

/// A folder, and the registries that its upstreams name.
pub struct Stage<'w> {
    world: &'w World,
    place: Workplace,
    registries: BTreeMap<&'static str, Upstream>,
    now: &'static str,
}

/// What the binary says of a world in the end, each way that it can be asked.
pub struct Outcome {
    pub list: Gates,
    pub explained: Decisions,
    pub daemon_list: Gates,
    pub daemon_explained: Decisions,
    pub served: Served,
}

impl<'w> Stage<'w> {
    /// Plays a world from its begin to its end.
    pub async fn play(world: &'w World) -> Outcome {
        let mut registries = BTreeMap::new();
        for id in ["official", "second"] {
            registries.insert(id, Upstream::start([]).await);
        }
        let place = Workplace::new(&registries["official"].url);
        fs::create_dir_all(place.path().join("ours")).expect("a folder");
        let mut stage = Self { world, place, registries, now: "" };
        for step in &world.script {
            stage.take(step).await;
        }
        stage.look().await
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Clock(now) => {
                self.now = now;
                self.place.set_clock(now);
                let now: jiff::Timestamp = now.parse().expect("a time");
                let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
                self.registries.values().for_each(|registry| registry.set_date(&date));
            }
            Step::Put(registry, row) => self.registries[registry].put(row.clone()),
            Step::Vanish(registry, name, version) => {
                self.registries[registry].vanish(name, version);
            }
            Step::Write(file, text) => self.place.write(file, &self.filled(text)),
            Step::Remove(file) => self.place.remove(file),
            Step::Sync { full } => {
                let arguments: &[&str] = if *full { &["sync", "--full"] } else { &["sync"] };
                let output = self.place.run(arguments);
                let told = text(&output.stdout) + &text(&output.stderr);
                assert!(output.status.success(), "world {}: {told}", self.world.number);
                assert!(!told.contains("held"), "world {}: {told}", self.world.number);
            }
            Step::Verdicts(json) => {
                keep_verdicts(&self.place.data(), self.now, &self.filled(json));
            }
            Step::Serve => drop(self.serve().await),
            Step::Start => {
                let daemon = self.place.start().await;
                daemon.ready().await;
            }
            Step::Acknowledge { all } => self.acknowledge(*all).await,
        }
    }

    /// A text with digests and addresses in place of what stands for them.
    fn filled(&self, text: &str) -> String {
        let mut parts = text.split("{{");
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (what, rest) = part.split_once("}}").expect("an end");
            let value = match what.split_once(':').expect("a kind") {
                ("url", id) => self.registries[id].url.clone(),
                ("first", entry) => self.digest(entry, "digest"),
                (_, entry) => self.digest(entry, "rewritten"),
            };
            filled.push_str(&value);
            filled.push_str(rest);
        }
        filled
    }

    /// A digest that `explain` tells of an entry, of the upstream that comes last in its output.
    fn digest(&self, entry: &str, member: &str) -> String {
        let output = self.place.run(&["explain", entry, "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let versions = found["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut digests = versions.iter().filter_map(|version| version[member].as_str());
        digests.next_back().unwrap_or(NO_DIGEST).to_owned()
    }

    /// Every view there is.
    fn views(&self) -> BTreeSet<String> {
        let settings = fs::read_to_string(self.place.path().join("vidimus.toml")).expect("a file");
        let named = settings.split("[[views]]\nname = \"").skip(1);
        let named = named.map(|rest| rest.split('"').next().unwrap_or_default().to_owned());
        named.chain(["default".to_owned()]).collect()
    }

    /// Starts a daemon and waits until its list is that of the commands, if it ever is.
    async fn serve(&self) -> Daemon {
        let (wanted, views) = (self.entries(), self.views());
        let daemon = self.place.start().await;
        daemon.ready().await;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if listed(&daemon.operate("/list?all=true").await.json()) == wanted {
                let decided = daemon_explain(&daemon, &self.world.names).await;
                if served(&daemon, &views).await == shown_by(&decided) {
                    break;
                }
            }
            tokio::time::sleep(BETWEEN).await;
        }
        daemon
    }

    /// What the commands say of each entry; rows in quarantine are left out.
    fn entries(&self) -> Gates {
        let mut gates = offline_list(&self.place);
        gates.retain(|key, _| !key.quarantined);
        gates
    }

    /// Acknowledges alerts about lookalikes: all, or the first. This is the only place that knows how.
    async fn acknowledge(&self, all: bool) {
        let withheld = self.entries();
        let withheld = withheld.iter().filter(|(_, gate)| **gate == "no open lookalike alert");
        let withheld: BTreeSet<&str> = withheld.map(|(key, _)| key.name.as_str()).collect();
        let daemon = self.serve().await;
        let alerts = eventually("what is withheld is told of", async || {
            let alerts = daemon.operate("/alerts").await.json();
            let mut alerts = alerts.as_array().expect("a list").clone();
            alerts.retain(|alert| alert["kind"] == "lookalike" && alert["state"] == "open");
            let told = |name: &&str| {
                alerts
                    .iter()
                    .any(|alert| alert["detail"].as_str().unwrap_or_default().contains(*name))
            };
            withheld.iter().all(told).then_some(alerts)
        })
        .await;
        let member =
            |alert: &Value, name: &str| alert[name].as_str().unwrap_or_default().to_owned();
        let mut alerts: Vec<(String, String, String)> = alerts
            .iter()
            .map(|alert| {
                let identity = format!("{} {}", alert["subject"], alert["suspect"]);
                (identity, member(alert, "id"), member(alert, "shown"))
            })
            .collect();
        alerts.sort();
        for (_, id, shown) in alerts.iter().take(if all { alerts.len() } else { 1 }) {
            let seen = ["alerts", "ack", id, "--seen", shown];
            let arguments = [seen.as_slice(), &["--by", "alice", "--reason", "looked at it"]];
            let arguments = arguments.concat();
            let output = self.place.run(&arguments);
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
    }

    /// Asks a daemon, and then the commands: what a daemon finds out at its start counts for both.
    async fn look(self) -> Outcome {
        let names = &self.world.names;
        let daemon = self.serve().await;
        let daemon_list = listed(&daemon.operate("/list?all=true").await.json());
        let daemon_explained = daemon_explain(&daemon, names).await;
        let served = served(&daemon, &self.views()).await;
        drop(daemon);
        let list = offline_list(&self.place);
        let explained = offline_explain(&self.place, names);
        Outcome { list, explained, daemon_list, daemon_explained, served }
    }
}

/// What has to be served by these decisions.
pub fn shown_by(decisions: &Decisions) -> Served {
    let shown = decisions.iter().filter(|(_, decision)| !decision.views.is_empty());
    shown
        .map(|(key, decision)| {
            let entry = (key.name.clone(), key.version.clone(), key.upstream.clone());
            (entry, decision.views.clone())
        })
        .collect()
}
