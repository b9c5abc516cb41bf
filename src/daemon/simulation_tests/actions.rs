//! The events of a simulation.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::disk::{Full, Unsynced};
use super::holds::{decide_hold, look_at_hold};
use super::overlays::{Condition, Reviewed, Rule, Says};
use super::owners::Owner;
use super::upstream::{Key, PAGE, Row, Source};
use super::world::{UPSTREAMS, World};
use crate::alert::Alert;
use crate::daemon::mirror::sync;
use crate::model::{Actor, Timestamp};

const HOUR: Duration = Duration::from_hours(1);

/// An event of a simulation.
type Action = fn(&mut World);

/// Every action with its weight.
pub(super) const ACTIONS: &[(usize, Action)] = &[
    (14, publish),
    (5, rewrite),
    (5, set_status),
    (1, delete_many),
    (4, lose),
    (3, find),
    (2, misdate),
    (2, invalidate),
    (26, run),
    (12, approve),
    (6, deny),
    (6, drop_rule),
    (2, contradict),
    (3, damage_file),
    (5, mend_files),
    (3, protect),
    (5, look_at_alert),
    (4, acknowledge),
    (1, unacknowledge),
    (8, look_at_hold),
    (6, decide_hold),
    (8, wait_minutes),
    (6, wait_hours),
    (1, wait_a_day),
    (2, set_clock),
    (1, set_upstream_clock),
    (4, change_owner),
    (2, fail_fsync),
    (1, fill_disk),
    (5, mend_disk),
    (2, kill),
    (1, restart),
    (1, change_views),
];

/// Edits of whole overlay files.
const EDITS: &[(usize, Action)] = &[(12, approve), (5, deny), (6, drop_rule), (3, protect)];

pub(super) const NAMES: [&str; 24] = [
    "com.acme/mail",
    "com.acme/Mail",
    "com.acme/mail.",
    "com.acme/notes",
    "com.acme/search",
    "com.acme/files",
    "com.acme.tools/lint",
    "com.acme.tools/build",
    "com.zeta/one",
    "com.zeta/two",
    "io.github.alice/maps",
    "io.github.alice/notes",
    "io.github.alice/search",
    "io.github.alice/todo",
    "io.github.mallory/paypal",
    "io.github.mallory/plain",
    "io.github.mallory/stripe-mcp",
    "io.github.mallory/stripe-pay",
    "net.quux/bad",
    "net.quux/files",
    "net.quux/mail",
    "net.quux/maps",
    "org.inner/hr",
    "org.inner/pay",
];
const VERSIONS: [&str; 4] = ["1.0.0", "1.0.0+b", "2.0.0", "v2.0.0"];
pub(super) const PROTECTING: &str = "{name: com.brand, protect: [stripe]}";
const INTERNAL: &str = "{name: org.inner, internal: true}";

impl World {
    /// Lists the first rows, writes the first files, and syncs every upstream once.
    pub(super) fn begin(&mut self) {
        for name in NAMES {
            let (namespace, _) = name.split_once('/').expect("a name");
            let owner =
                self.dice.weighed(&[(8, Owner::First), (1, Owner::Gone), (1, Owner::Unclear)]);
            self.owners.now.insert(namespace.to_owned(), owner);
        }
        for _ in 0..60 {
            self.add_row(40 * 24);
        }
        self.files[2].namespaces = vec![INTERNAL, PROTECTING];
        for _ in 0..8 {
            approve(self);
        }
        mend_files(self);
        self.start();
        for index in 0..UPSTREAMS.len() {
            self.sync(index, true);
        }
        self.observe();
        assert!(self.drain(), "the first generation is published");
        self.remember_rules();
        self.check();
    }

    /// Lists a row that is new, published up to so many hours ago.
    fn add_row(&mut self, hours: usize) {
        let (id, source) = self.any_source();
        let key = self.any_key(id);
        let ago = HOUR * u32::try_from(self.dice.below(hours + 1)).expect("a small number");
        let (now, content) = (source.now(), self.new_content());
        let mut registry = source.lock();
        if registry.rows.contains_key(&key) || registry.lost.contains_key(&key) {
            return;
        }
        let (name, version) = key.clone();
        let published_at = now.minus(ago);
        let updated_at = if hours > 24 { published_at } else { now };
        let row = Row {
            name,
            version,
            content,
            status: "active",
            published_at,
            updated_at,
            is_invalid: false,
        };
        self.oracle.received.insert(Row::description(content), row.received());
        registry.rows.insert(key.clone(), row);
        drop(registry);
        self.note(format!("{id} lists {}@{}, published {published_at}", key.0, key.1));
    }

    fn new_content(&mut self) -> u64 {
        self.contents += 1;
        self.contents
    }

    fn any_source(&mut self) -> (&'static str, Arc<Source>) {
        let (official, others) = (self.sources[0].clone(), self.sources[1..].to_vec());
        if self.dice.chance(60) { official } else { self.dice.pick(&others) }
    }

    fn any_key(&mut self, upstream: &str) -> Key {
        let names: Vec<&str> = match upstream {
            "second" => NAMES
                .into_iter()
                .filter(|name| is_any_of(name, &["com.acme", "net.quux"]))
                .collect(),
            "ours" => NAMES
                .into_iter()
                .filter(|name| is_any_of(name, &["org.inner", "com.acme/"]))
                .collect(),
            _ => NAMES.into(),
        };
        (self.dice.pick(&names).to_owned(), self.dice.pick(&VERSIONS).to_owned())
    }

    /// Changes a listed row, with the time of the upstream.
    fn change_row(&mut self, what: &str, change: impl FnOnce(&mut Row, Timestamp)) {
        let (id, source) = self.any_source();
        let now = source.now();
        let keys: Vec<Key> = source.lock().rows.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        let key = self.dice.pick(&keys);
        if let Some(row) = source.lock().rows.get_mut(&key) {
            change(row, now);
            self.oracle.received.insert(Row::description(row.content), row.received());
        }
        self.note(format!("{id}: {}@{} {what}", key.0, key.1));
    }

    fn sync(&mut self, index: usize, full: bool) {
        let (id, source) = self.sources[index].clone();
        let Some(daemon) = &self.daemon else { return };
        let outcome = sync(&self.tokio, &daemon.services.mirror, id, &source, full);
        source.lock().fails_in = None;
        let outcome = match outcome {
            Ok(report) => {
                format!("{:?} {:?} on hold: {:?}", report.kind, report.tally, report.on_hold)
            }
            Err(failure) => failure.reason(),
        };
        self.note(format!("a run of {id}: {outcome}"));
    }

    fn save(&mut self, file: usize, condition: Condition) {
        let cut = self.dice.below(10_000);
        (self.readings, self.is_in_time) = (0, false);
        if let Some(text) = self.files[file].save(condition, cut) {
            // Of a half-written file at most these rules are readable.
            self.texts.insert(text, self.files[file].rules.clone());
        }
    }
}

/// Edits the overlays once to four times, and leaves all files whole.
pub(super) fn edit_overlays(world: &mut World) {
    mend_files(world);
    for _ in 0..=world.dice.below(4) {
        let edit = world.dice.weighed(EDITS);
        edit(world);
    }
}

fn is_any_of(name: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| name.starts_with(beginning))
}

fn publish(world: &mut World) {
    let hours = if world.dice.chance(20) { 24 } else { 0 };
    for _ in 0..=world.dice.below(3) {
        world.add_row(hours);
    }
}

fn rewrite(world: &mut World) {
    let content = world.new_content();
    let with_time = world.dice.chance(70);
    world.change_row(&format!("becomes content {content}"), |row, now| {
        row.content = content;
        if with_time {
            row.updated_at = now;
        }
    });
}

fn set_status(world: &mut World) {
    let status = world.dice.weighed(&[(5, "deleted"), (3, "deprecated"), (3, "active")]);
    world.change_row(&format!("is {status}"), |row, now| {
        (row.status, row.updated_at) = (status, now);
    });
}

fn delete_many(world: &mut World) {
    let (id, source) = world.any_source();
    let now = source.now();
    let mut count = 0;
    for row in source.lock().rows.values_mut().filter(|row| row.status == "active").take(9) {
        (row.status, row.updated_at) = ("deleted", now);
        count += 1;
    }
    world.note(format!("{id} deletes {count} rows"));
}

fn lose(world: &mut World) {
    let (id, source) = world.any_source();
    let keys: Vec<Key> = source.lock().rows.keys().cloned().collect();
    if keys.is_empty() {
        return;
    }
    let key = world.dice.pick(&keys);
    let mut registry = source.lock();
    if let Some(row) = registry.rows.remove(&key) {
        registry.lost.insert(key.clone(), row);
    }
    drop(registry);
    world.note(format!("{id} loses {}@{}", key.0, key.1));
}

fn find(world: &mut World) {
    let (id, source) = world.any_source();
    let with_other_content = world.dice.chance(30);
    let content = world.new_content();
    let mut registry = source.lock();
    let Some((key, mut row)) = registry.lost.pop_first() else { return };
    if with_other_content {
        row.content = content;
        world.oracle.received.insert(Row::description(content), row.received());
    }
    registry.rows.insert(key.clone(), row);
    drop(registry);
    world
        .note(format!("{id} lists {}@{} again, other content: {with_other_content}", key.0, key.1));
}

fn misdate(world: &mut World) {
    let is_ahead = world.dice.chance(40);
    world.change_row("has other dates", |row, now| {
        if is_ahead {
            row.updated_at = now.plus(24 * HOUR);
        } else {
            row.published_at = row.published_at.minus(48 * HOUR);
        }
    });
}

fn invalidate(world: &mut World) {
    let is_invalid = world.dice.chance(50);
    world.change_row(&format!("is not valid: {is_invalid}"), |row, now| {
        (row.is_invalid, row.updated_at) = (is_invalid, now);
    });
}

fn run(world: &mut World) {
    let index = world.dice.weighed(&[(5, 0), (2, 1), (2, 2)]);
    let full = world.dice.chance(25);
    if world.dice.chance(12) {
        let pages = world.dice.below(usize::try_from(PAGE).expect("a small number"));
        world.sources[index].1.lock().fails_in = Some(pages);
    }
    world.sync(index, full);
}

fn any_pattern(world: &mut World) -> String {
    let name = world.dice.pick(&NAMES);
    let (namespace, _) = name.split_once('/').expect("a name");
    match world.dice.below(10) {
        0..5 => name.to_owned(),
        5..9 => format!("{namespace}/*"),
        _ => format!("{namespace}.*/*"),
    }
}

fn approve(world: &mut World) {
    let pattern = any_pattern(world);
    let is_name = !pattern.ends_with('*');
    let versions = match world.dice.below(10) {
        0..3 if is_name => Some(world.dice.pick(&VERSIONS)),
        3 => Some(">=2"),
        _ => None,
    };
    let is_exact = is_name && versions.is_some_and(|versions| !versions.starts_with('>'));
    let hours = |count: usize| HOUR * u32::try_from(count).expect("a small number");
    let now = world.now();
    let reviewed = match world.dice.below(10) {
        0 => Some(Reviewed::At(now.plus(hours(1 + world.dice.below(3))))),
        1..7 => Some(Reviewed::At(now.minus(hours(world.dice.below(72))))),
        7 if is_exact => None,
        _ => Some(Reviewed::Day(day_of(now.minus(hours(24 * world.dice.below(3)))))),
    };
    let ends = world.dice.chance(60) || reviewed.is_none();
    let expires = ends.then(|| now.plus(hours(48 + world.dice.below(72))));
    let digest = if is_exact && world.dice.chance(40) {
        let received: Vec<_> = world.oracle.received.values().copied().collect();
        let listed = world.sources.iter().find_map(|(_, source)| {
            let key = (pattern.clone(), versions?.to_owned());
            source.lock().rows.get(&key).map(Row::received)
        });
        listed.or_else(|| Some(world.dice.pick(&received)))
    } else {
        None
    };
    let upstream = world.dice.chance(15).then(|| world.dice.pick(&UPSTREAMS).0);
    let tier = world.dice.chance(60).then(|| u8::try_from(1 + world.dice.below(3)).expect("small"));
    let says = if tier.is_some() && world.dice.chance(10) {
        Says::Nothing
    } else {
        Says::Approved { reviewed, expires, digest }
    };
    add_rule(world, &Rule { pattern, versions, upstream, tier, says });
}

fn day_of(at: Timestamp) -> Timestamp {
    Timestamp::parse(&format!("{}T00:00:00Z", at.day())).expect("a day")
}

fn deny(world: &mut World) {
    let mut pattern = any_pattern(world);
    if world.dice.chance(20) && !pattern.ends_with('*') {
        let (namespace, leaf) = pattern.split_once('/').expect("a name");
        pattern = format!("{namespace}/{}", leaf.to_ascii_uppercase());
    }
    let versions = match world.dice.below(6) {
        0 | 1 => Some(world.dice.pick(&VERSIONS)),
        2 => Some(">=2"),
        _ => None,
    };
    let says = if world.dice.chance(70) { Says::Denied } else { Says::Suspended };
    let upstream = world.dice.chance(20).then(|| world.dice.pick(&UPSTREAMS).0);
    add_rule(world, &Rule { pattern, versions, upstream, tier: None, says });
}

/// Writes a rule in place of those that select the same.
fn add_rule(world: &mut World, rule: &Rule) {
    const MOST: usize = 10;
    let target = world.dice.below(world.files.len());
    world.note(format!("file {target}: {rule:?}"));
    for index in 0..world.files.len() {
        let rules = &mut world.files[index].rules;
        let before = rules.len();
        rules.retain(|known| !known.collides(rule));
        if index == target {
            rules.truncate(MOST);
            rules.push(rule.clone());
        }
        if rules.len() != before || index == target {
            world.save(index, Condition::Whole);
        }
    }
}

fn drop_rule(world: &mut World) {
    let file = world.dice.below(world.files.len());
    let count = world.files[file].rules.len();
    if count > 0 {
        let index = world.dice.below(count);
        let rule = world.files[file].rules.remove(index);
        world.save(file, Condition::Whole);
        world.note(format!("file {file} loses {rule:?}"));
    }
}

fn contradict(world: &mut World) {
    let approvals: Vec<Rule> =
        world.files[0].rules.iter().filter(|rule| rule.approves()).cloned().collect();
    if approvals.is_empty() {
        return;
    }
    let expires = Some(world.now().plus(200 * HOUR));
    let mut rule = world.dice.pick(&approvals);
    if let Says::Approved { expires: end, .. } = &mut rule.says {
        *end = expires;
    }
    world.note(format!("file 1 contradicts: {rule:?}"));
    world.files[1].rules.push(rule);
    world.save(1, Condition::Whole);
}

fn damage_file(world: &mut World) {
    let file = world.dice.below(world.files.len());
    let condition =
        world.dice.pick(&[Condition::Cut, Condition::Cut, Condition::Broken, Condition::Absent]);
    world.save(file, condition);
    world.note(format!("file {file} is {condition:?}"));
}

/// Saves all files whole, without contradictions.
fn mend_files(world: &mut World) {
    let mut known: Vec<Rule> = Vec::new();
    for index in 0..world.files.len() {
        world.files[index].rules.retain(|rule| {
            let is_new = !known.iter().any(|other| other.collides(rule));
            known.push(rule.clone());
            is_new
        });
        world.save(index, Condition::Whole);
    }
    world.note("all files are whole".to_owned());
}

fn protect(world: &mut World) {
    let item = world.dice.weighed(&[(4, PROTECTING), (1, INTERNAL)]);
    let items = &mut world.files[2].namespaces;
    let before = items.len();
    items.retain(|known| *known != item);
    if items.len() == before {
        items.push(item);
    }
    // What became visible while nothing was protected stays so.
    world.protected_before = false;
    world.save(2, Condition::Whole);
    world.note(format!("file 2 has {:?}", world.files[2].namespaces));
}

fn look_at_alert(world: &mut World) {
    let open: Vec<Alert> =
        world.alerts().into_iter().filter(|alert| !alert.is_resolved()).collect();
    if !open.is_empty() {
        let alert = world.dice.pick(&open);
        world.note(format!("a person looks at {:?}", alert.identity));
        world.shown_alerts.insert(alert.identity.key(), alert);
    }
}

fn acknowledge(world: &mut World) {
    let shown: Vec<Alert> = world.shown_alerts.values().cloned().collect();
    let Some(daemon) = &world.daemon else { return };
    if shown.is_empty() {
        return;
    }
    let alert = world.dice.pick(&shown);
    let key = alert.identity.key();
    let outcome =
        daemon.services.acknowledge(&key, alert.shown(), "alice", "known", Actor::DataFolder);
    if !matches!(outcome, Ok(Err(_))) {
        world.oracle.acknowledge(&alert);
        world.tally.acknowledged += 1;
    }
    world.note(format!("{:?} is acknowledged: {}", alert.identity, matches!(outcome, Ok(Ok(_)))));
    world.shown_alerts.remove(&key);
}

fn unacknowledge(world: &mut World) {
    let known: Vec<Alert> = world
        .alerts()
        .into_iter()
        .filter(|alert| !alert.is_resolved() && alert.acknowledged.is_some())
        .collect();
    if known.is_empty() {
        return;
    }
    let alert = world.dice.pick(&known);
    let Some(daemon) = &world.daemon else { return };
    if matches!(daemon.services.unacknowledge(&alert.identity.key(), Actor::DataFolder), Ok(Ok(_)))
    {
        world.oracle.unacknowledge(&alert);
        world.note(format!("{:?} is open again", alert.identity));
    }
}

fn wait(world: &mut World, time: Duration) {
    world.advance(time);
    world.note("time went by".to_owned());
}

fn wait_minutes(world: &mut World) {
    let minutes = u32::try_from(1 + world.dice.below(30)).expect("a small number");
    wait(world, Duration::from_mins(1) * minutes);
}

fn wait_hours(world: &mut World) {
    let hours = u32::try_from(1 + world.dice.below(8)).expect("a small number");
    wait(world, HOUR * hours);
}

fn wait_a_day(world: &mut World) {
    wait(world, 24 * HOUR);
}

/// Sets the clock of this machine back or ahead; it drifts back to the true time at the next change.
fn set_clock(world: &mut World) {
    let minutes = world.dice.weighed(&[(3, 0), (2, -200), (1, -20), (1, 20)]);
    let truth = world.truth.load(Ordering::Relaxed);
    world.machine.store(truth + minutes * 60_000_000, Ordering::Relaxed);
    world.note(format!("this machine is {minutes} minutes ahead"));
}

fn set_upstream_clock(world: &mut World) {
    let (id, source) = world.any_source();
    let ahead = world.dice.weighed(&[(3, 0), (1, 3600), (1, -3600)]);
    source.lock().ahead = ahead;
    world.note(format!("{id} is {ahead} seconds ahead"));
}

fn change_owner(world: &mut World) {
    let name = world.dice.pick(&NAMES);
    let (namespace, _) = name.split_once('/').expect("a name");
    let owner = world.dice.weighed(&[
        (5, Owner::First),
        (2, Owner::Other),
        (2, Owner::Gone),
        (2, Owner::Unclear),
    ]);
    world.owners.now.insert(namespace.to_owned(), owner);
    world.note(format!("{namespace} shows {owner:?}"));
}

fn fail_fsync(world: &mut World) {
    let (syncs, keeps) = (world.dice.below(8), world.dice.chance(50));
    world.disk.fail_in(syncs, keeps);
    world.note(format!("fsync {syncs} will fail, written: {keeps}"));
}

fn fill_disk(world: &mut World) {
    let full = world.dice.pick(&[Full::Growth, Full::Everything]);
    world.disk.fill(full);
    world.note(format!("the disk is full for {full:?}"));
}

fn mend_disk(world: &mut World) {
    if world.disk.has_fault() {
        world.disk.mend();
        world.note("the disk works again".to_owned());
    }
}

fn kill(world: &mut World) {
    let unsynced = world.dice.pick(&[Unsynced::Lost, Unsynced::Kept]);
    world.note(format!("the power fails, unsynced: {unsynced:?}"));
    world.kill(unsynced);
}

fn restart(world: &mut World) {
    world.note("the daemon stops".to_owned());
    world.stop();
}

fn change_views(world: &mut World) {
    let which = world.dice.below(2);
    world.note(format!("the daemon stops, and has views {which} from now on"));
    world.stop();
    world.choose_views(which);
}
