//! Plays a world with the real binary, and asks about it at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answers::{
    Decisions, Gates, Served, daemon_explain, listed, offline_explain, offline_list, served,
};
use super::rules::NO_DIGEST;
use super::store::keep_verdicts;
use super::world::{Step, World};
use crate::support::daemon::{Daemon, Workplace, text};
use crate::support::upstream::Upstream;
use crate::support::wait::eventually;

/// The time limit for a daemon to serve what the commands print; after it they disagree.
const PATIENCE: Duration = Duration::from_secs(20);
const BETWEEN: Duration = Duration::from_millis(20);

/// A folder, and the registries of its upstreams.
pub(crate) struct Stage<'w> {
    world: &'w World,
    place: Workplace,
    registries: BTreeMap<&'static str, Upstream>,
    now: &'static str,
}

/// The answers about a world at its end, for each way to ask.
pub(crate) struct Outcome {
    pub(crate) list: Gates,
    pub(crate) explained: Decisions,
    pub(crate) daemon_list: Gates,
    pub(crate) daemon_explained: Decisions,
    pub(crate) served: Served,
}

impl<'w> Stage<'w> {
    /// Plays all steps of a world, and asks about the result.
    pub(crate) async fn play(world: &'w World) -> Outcome {
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
        stage.ask().await
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
            Step::Write(file, text) => self.place.write(file, &self.expanded(text)),
            Step::Remove(file) => self.place.remove(file),
            Step::Sync { full } => {
                let arguments = ["sync", "--json", "--full"];
                let output = self.place.run(&arguments[..if *full { 3 } else { 2 }]);
                let printed = text(&output.stdout) + &text(&output.stderr);
                assert!(output.status.success(), "world {}: {printed}", self.world.number);
                assert!(!printed.contains("onHold"), "world {}: {printed}", self.world.number);
            }
            Step::Verdicts(json) => {
                keep_verdicts(&self.place.data(), self.now, &self.expanded(json));
            }
            Step::Serve => {
                self.serve().await;
            }
            Step::Start => {
                let daemon = self.place.start().await;
                daemon.ready().await;
                synchronised(&daemon).await;
            }
            Step::Acknowledge { all } => self.acknowledge(*all).await,
        }
    }

    /// Replaces the placeholders of a text with digests and addresses.
    fn expanded(&self, text: &str) -> String {
        let mut parts = text.split("{{");
        let mut expanded = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (what, rest) = part.split_once("}}").expect("an end");
            let value = match what.split_once(':').expect("a kind") {
                ("url", id) => self.registries[id].url.clone(),
                ("first", entry) => self.digest(entry, "digest"),
                (_, entry) => self.digest(entry, "rewritten"),
            };
            expanded.push_str(&value);
            expanded.push_str(rest);
        }
        expanded
    }

    /// Returns a digest that `explain` prints for an entry, of the last upstream in its output.
    fn digest(&self, entry: &str, member: &str) -> String {
        let output = self.place.run(&["explain", entry, "--json"]);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let versions = found["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut digests = versions.iter().filter_map(|version| version[member].as_str());
        digests.next_back().unwrap_or(NO_DIGEST).to_owned()
    }

    /// Returns the names of all views.
    fn views(&self) -> BTreeSet<String> {
        let settings = fs::read_to_string(self.place.path().join("vidimus.toml")).expect("a file");
        let named = settings.split("[[views]]\nname = \"").skip(1);
        let named = named.map(|rest| rest.split('"').next().unwrap_or_default().to_owned());
        named.chain(["default".to_owned()]).collect()
    }

    /// Starts a daemon and waits until it agrees with the commands, for `PATIENCE` at most.
    async fn serve(&self) -> Daemon {
        let (wanted, views) = (self.entries(), self.views());
        let daemon = self.place.start().await;
        daemon.ready().await;
        synchronised(&daemon).await;
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

    /// Returns the gates of each entry as the commands print them, without rows in quarantine.
    fn entries(&self) -> Gates {
        let mut gates = offline_list(&self.place);
        gates.retain(|key, _| !key.quarantined);
        gates
    }

    /// Acknowledges lookalike alerts: all, or the first.
    async fn acknowledge(&self, all: bool) {
        let withheld = self.entries();
        let withheld = withheld.iter().filter(|(_, gate)| **gate == "no open lookalike alert");
        let withheld: BTreeSet<&str> = withheld.map(|(key, _)| key.name.as_str()).collect();
        let daemon = self.serve().await;
        let alerts = eventually("each withheld name has an alert", async || {
            let alerts = daemon.operate("/alerts").await.json();
            let mut alerts = alerts.as_array().expect("a list").clone();
            alerts.retain(|alert| alert["kind"] == "lookalike" && alert["state"] == "open");
            let is_reported = |name: &&str| {
                alerts
                    .iter()
                    .any(|alert| alert["detail"].as_str().unwrap_or_default().contains(*name))
            };
            withheld.iter().all(is_reported).then_some(alerts)
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

    /// Asks a daemon, and then the commands: the results of a daemon's start count for both.
    async fn ask(self) -> Outcome {
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

/// Waits for the first run of each upstream. A daemon that is killed in it leaves a run that the next one resumes: it
/// would not see what the script puts meanwhile.
async fn synchronised(daemon: &Daemon) {
    eventually("each upstream was read by this process", async || {
        let status = daemon.operate("/status").await.json();
        let mut upstreams = status["upstreams"].as_array().expect("a list").iter();
        let was_read = |upstream: &Value| upstream["nextAttempt"].is_string();
        upstreams.all(|upstream| upstream["enabled"] == false || was_read(upstream)).then_some(())
    })
    .await;
}

/// Returns what these decisions require to be served.
pub(crate) fn shown_by(decisions: &Decisions) -> Served {
    let shown = decisions.iter().filter(|(_, decision)| !decision.views.is_empty());
    shown
        .map(|(key, decision)| {
            let entry = (key.name.clone(), key.version.clone(), key.upstream.clone());
            (entry, decision.views.clone())
        })
        .collect()
}
