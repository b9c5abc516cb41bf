//! The whole of a simulation: a daemon with its disk and clock, its upstreams, its files, and its readers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::actions::ACTIONS;
use super::daemon::{Daemon, Loop};
use super::dice::Dice;
use super::disk::{Disk, Unsynced};
use super::oracle::Oracle;
use super::overlays::{Condition, File, Rule};
use super::owners::Owners;
use super::reader::Reader;
use super::upstream::{Key, Source};
use crate::alert::Alert;
use crate::daemon::HoldReport;
use crate::daemon::publish::Turn;
use crate::lint::Source as Text;
use crate::model::{Digest, Timestamp};

/// Actions that a failure shows.
const SHOWN_ACTIONS: usize = 40;
/// Turns after which loops that never rest are a mistake.
const MOST_TURNS: usize = 400;
/// Rounds with a failing loop after which a broken store is left to later steps.
const MOST_FAILURES: usize = 5;

pub(super) const VIEW_NAMES: [&str; 3] = ["default", "small", "other"];
pub(super) const UPSTREAMS: [(&str, &str); 3] = [
    ("official", "kind = \"registry\"\nurl = \"https://official.example/\"\npriority = 20\n"),
    (
        "second",
        "kind = \"registry\"\nurl = \"https://second.example/\"\npriority = 30\n[namespaces]\nallow = [\"com.acme.*\", \"net.quux\"]\n",
    ),
    (
        "ours",
        "kind = \"registry\"\nurl = \"https://ours.example/\"\ntrust = \"internal\"\npriority = 10\n[namespaces]\nallow = [\"org.inner\", \"com.acme\"]\n",
    ),
];
const LIMITS: &str = "[sync]\npage_size = 7\n[safety_limits]\nname_growth = 1\nnamespace_growth = 3\nmissing_syncs = 2\npurge_after = \"2d\"\n";
const VIEWS: [&str; 2] = [
    "[[views]]\nname = \"small\"\ntiers = [1, 2]\n",
    "[[views]]\nname = \"small\"\nnames = [\"com.acme.*/*\"]\n[[views]]\nname = \"other\"\nupstreams = [\"second\", \"ours\"]\n",
];

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) step: usize,
    pub(super) dice: Dice,
    pub(super) tokio: Runtime,
    pub(super) folder: TempDir,
    pub(super) disk: Disk,
    /// The true time, and the time that this machine shows, in microseconds.
    pub(super) truth: Arc<AtomicI64>,
    pub(super) machine: Arc<AtomicI64>,
    pub(super) elapsed: Duration,
    pub(super) sources: Vec<(&'static str, Arc<Source>)>,
    pub(super) files: Vec<File>,
    /// The rules of each text that was written.
    pub(super) texts: BTreeMap<String, Vec<Rule>>,
    /// The rules that may be in effect, each with its file.
    pub(super) good: Vec<(String, Rule)>,
    /// Readings of the overlay folder since a file was saved; readings are 150 ms apart.
    pub(super) readings: usize,
    /// True if the denials were checked after the second of these readings.
    pub(super) is_in_time: bool,
    pub(super) owners: Owners,
    pub(super) daemon: Option<Daemon>,
    pub(super) readers: Vec<Reader>,
    pub(super) oracle: Oracle,
    /// Alerts and change sets that a person has on the screen.
    pub(super) shown_alerts: BTreeMap<String, Alert>,
    pub(super) shown_holds: BTreeMap<&'static str, HoldReport>,
    /// The names that the last check found served, and true if something was protected then.
    pub(super) served_before: BTreeSet<Key>,
    pub(super) protected_before: bool,
    pub(super) contents: u64,
    /// The entries that were served at earlier times, as readers saw them.
    pub(super) recorded: Vec<Recorded>,
    pub(super) tally: Tally,
    log: VecDeque<(usize, Timestamp, String)>,
}

/// The entries that were served at a time: the received digest by view, name and version.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) at: Timestamp,
    pub(super) served: BTreeMap<(String, String, String), Digest>,
    /// False while something that is hidden may not be committed: a daemon that ends loses the time at which it was
    /// hidden.
    pub(super) is_committed: bool,
}

/// Counts that show that a simulation reached what it is about.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) checks: usize,
    pub(super) served: usize,
    pub(super) denied: usize,
    pub(super) failing: usize,
    pub(super) kills: usize,
    pub(super) acknowledged: usize,
    pub(super) released: usize,
    pub(super) read: usize,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let begin = Timestamp::parse("2026-03-01T08:30:00Z").expect("a time").as_micros();
        let truth = Arc::new(AtomicI64::new(begin));
        let folder = tempfile::tempdir().expect("a folder");
        for part in ["upstreams", "overlays"] {
            fs::create_dir(folder.path().join(part)).expect("a folder");
        }
        for (id, text) in UPSTREAMS {
            let path = folder.path().join(format!("upstreams/{id}.toml"));
            fs::write(path, format!("{text}{LIMITS}")).expect("a file");
        }
        let overlays = folder.path().join("overlays");
        let files = ["a.yaml", "b.yaml", "c.yaml"].map(|name| File::new(&overlays, name));
        let sources = UPSTREAMS.map(|(id, _)| (id, Source::new(Arc::clone(&truth))));
        let readers = VIEW_NAMES.map(Reader::new);
        let mut world = Self {
            seed,
            step: 0,
            dice: Dice::new(seed.wrapping_add(1)),
            tokio: tokio::runtime::Builder::new_current_thread().build().expect("a runtime"),
            folder,
            disk: Disk::default(),
            machine: Arc::new(AtomicI64::new(begin)),
            truth,
            elapsed: Duration::ZERO,
            sources: sources.into(),
            files: files.into(),
            texts: BTreeMap::new(),
            good: Vec::new(),
            readings: 0,
            is_in_time: false,
            owners: Owners::default(),
            daemon: None,
            readers: readers.into(),
            oracle: Oracle::default(),
            shown_alerts: BTreeMap::new(),
            shown_holds: BTreeMap::new(),
            served_before: BTreeSet::new(),
            protected_before: false,
            contents: 0,
            recorded: Vec::new(),
            tally: Tally::default(),
            log: VecDeque::new(),
        };
        world.choose_views(0);
        world.begin();
        world
    }

    /// Returns the true time.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.truth.load(Ordering::Relaxed))
    }

    /// Returns every stored alert; none while the store cannot be read.
    pub(super) fn alerts(&self) -> Vec<Alert> {
        let read = |daemon: &Daemon| daemon.services.store.snapshot()?.alerts();
        self.daemon.as_ref().and_then(|daemon| read(daemon).ok()).unwrap_or_default()
    }

    pub(super) fn note(&mut self, action: String) {
        self.log.push_back((self.step, self.now(), action));
        if self.log.len() > SHOWN_ACTIONS {
            self.log.pop_front();
        }
    }

    pub(super) fn advance(&mut self, time: Duration) {
        let micros = i64::try_from(time.as_micros()).expect("a short time");
        self.truth.fetch_add(micros, Ordering::Relaxed);
        self.machine.fetch_add(micros, Ordering::Relaxed);
        self.elapsed += time;
    }

    pub(super) fn choose_views(&mut self, which: usize) {
        fs::write(self.folder.path().join("vidimus.toml"), VIEWS[which]).expect("a file");
    }

    /// Starts the daemon, if it can start.
    pub(super) fn start(&mut self) {
        let started = Daemon::start(self.folder.path(), &self.disk, &self.machine, self.elapsed);
        match started {
            Ok(daemon) => {
                self.note("the daemon starts".to_owned());
                // A clock that was set back shows the times of before again.
                let now = daemon.services.clock.now();
                self.recorded.retain(|recorded| recorded.at < now);
                let kept = || daemon.services.store.snapshot().and_then(|read| read.overlays());
                let good = daemon.policy.good_files();
                self.good =
                    self.rules_of(&good.unwrap_or_else(|| kept().unwrap_or_default().sources));
                self.daemon = Some(daemon);
            }
            Err(why) => self.note(format!("the daemon cannot start: {why}")),
        }
    }

    /// Remembers the rules that may be in effect: those of the last good set, without approvals that a whole file of
    /// a refused set does not give any more.
    pub(super) fn remember_rules(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        if let Some(files) = daemon.policy.good_files() {
            self.good = self.rules_of(&files);
            return;
        }
        let files = &self.files;
        self.good.retain(|(name, rule)| {
            let is_given = files.iter().any(|file| {
                // A broken file may have readable rules.
                file.condition != Condition::Absent
                    && file.rules.iter().any(|known| known.approves() && known.collides(rule))
            });
            let is_whole = |file: &File| file.condition == Condition::Whole && file.is_at(name);
            is_given || !files.iter().any(is_whole)
        });
    }

    fn rules_of(&self, files: &[Arc<Text>]) -> Vec<(String, Rule)> {
        let rules = files.iter().flat_map(|file| {
            let rules = self.texts.get(&file.text).expect("a text of a reviewer");
            rules.iter().map(move |rule| (file.file.clone(), rule.clone()))
        });
        rules.collect()
    }

    /// Ends the daemon. What its store did not take is lost.
    pub(super) fn stop(&mut self) {
        self.daemon = None;
        self.recorded.retain(|recorded| recorded.is_committed);
    }

    /// Ends the daemon as a loss of power does.
    pub(super) fn kill(&mut self, unsynced: Unsynced) {
        self.disk.turn_off();
        self.stop();
        self.disk = self.disk.restarted(unsynced);
        self.tally.kills += 1;
    }

    /// Performs one action, lets the loops take their turns, and checks the result.
    pub(super) fn step(&mut self) {
        self.step += 1;
        let action = self.dice.weighed(ACTIONS);
        action(self);
        if self.daemon.is_none() {
            self.start();
        }
        self.observe();
        // Sometimes the next event comes before the loops had their turns.
        if self.dice.chance(15) {
            return;
        }
        let is_drained = self.drain();
        self.remember_rules();
        if is_drained {
            self.check();
        } else {
            self.record_failing();
            self.tally.failing += 1;
        }
        let seconds = self.dice.below(90);
        self.advance(Duration::from_secs(u64::try_from(seconds).expect("a small number")));
    }

    pub(super) fn observe(&mut self) {
        let Some(daemon) = &self.daemon else { return };
        let now = daemon.services.clock.now();
        let observed =
            daemon.services.store.snapshot().and_then(|read| self.oracle.observe(&read, now));
        if observed.is_err() {
            self.oracle.miss();
        }
    }

    /// Panics if a denial waits for more than two readings of its file: whatever fails or hangs, they take less than two
    /// seconds.
    fn check_denials_in_time(&mut self, which: Loop) {
        match which {
            Loop::Policy => self.readings += 1,
            Loop::Denials if self.readings >= 2 && !self.is_in_time => {
                self.is_in_time = true;
                self.check_denials();
            }
            _ => {}
        }
    }

    /// Lets all loops take turns in any order until nothing is left to do. Returns false if the store fails.
    pub(super) fn drain(&mut self) -> bool {
        let mut failures = 0;
        for round in 0..MOST_TURNS {
            let mut order = Loop::ALL;
            for index in 1..order.len() {
                order.swap(index, self.dice.below(index + 1));
            }
            let (mut is_busy, mut until, mut is_failing) = (false, Duration::ZERO, false);
            for which in order {
                let Some(daemon) = &mut self.daemon else { return false };
                let turn = daemon.turn(which, self.elapsed, round == 0, &mut self.owners);
                self.check_denials_in_time(which);
                match turn {
                    Ok(Turn::Busy) => is_busy = true,
                    Ok(Turn::Until(at)) => until = at,
                    Ok(Turn::Idle) => {}
                    Err(_) => (is_busy, is_failing) = (true, true),
                }
            }
            failures += usize::from(is_failing);
            if failures > MOST_FAILURES {
                self.check_denials();
                return false;
            }
            if is_busy {
                continue;
            }
            self.check_denials();
            if until <= self.elapsed {
                return true;
            }
            self.advance(until.saturating_sub(self.elapsed));
        }
        panic!("the loops never rest");
    }
}

/// A failure names the seed, the step and the last actions.
#[expect(clippy::print_stderr, reason = "a failure cannot be repeated without its seed")]
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, step, log, .. } = self;
            eprintln!("the simulation with VIDIMUS_TEST_SEED={seed} failed at step {step}:");
            log.iter().for_each(|(step, at, action)| eprintln!("  {step} {at} {action}"));
        }
        // What was not written is not written by the end of the test either.
        self.disk.turn_off();
    }
}
