//! The rows of upstreams, and their changes.

use super::dice::Dice;
use super::world::{MOMENTS, Second, Step, Tags, Traits};
use crate::support::registry::Row;

const NAMESPACES: [&str; 7] = [
    "com.acme",
    "com.acme.tools",
    "io.github.alice",
    "io.github.bob-labs",
    "org.weather",
    "com.bank",
    "net.quux",
];
const LEAVES: [&str; 9] =
    ["tool", "mail", "search", "ledger", "files", "forecast", "notes", "Tool", "mcp"];
const SUSPECTS: [&str; 5] = [
    "com.stripe/stripe-mcp",
    "io.github.someone/stripe-mcp",
    "io.github.someone/stripe-payments",
    "io.github.someone/plain",
    "com.strlpe/pay",
];
/// Versions of one name: numbers, words, pre-releases, and equal ones that differ in build metadata only.
const VERSIONS: [&[&str]; 8] = [
    &["1.0.0"],
    &["1.0.0", "1.1.0", "2.0.0-rc.1"],
    &["1.0.0+a", "1.0.0+b"],
    &["1.0.0", "1.0.0+a", "0.9.0"],
    &["v1", "2024-05-01"],
    &["1.0.0", "1.2.0", "2.0.0", "3.0.0-beta"],
    &["2.0.0", "2.0", "1.4.0"],
    &["1.1.0"],
];
const PUBLISHED: [&str; 4] = [
    "2026-01-01T00:00:00Z",
    "2026-01-15T23:59:59.999999Z",
    "2026-01-16T00:00:00Z",
    "2026-02-10T07:30:00Z",
];

/// A name and its versions.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) versions: Vec<&'static str>,
    pub(crate) upstream: &'static str,
}

impl Subject {
    pub(crate) fn namespace(&self) -> &str {
        self.name.split_once('/').map_or("", |(namespace, _)| namespace)
    }
}

/// The names, and their changes by moment.
#[derive(Default)]
pub(crate) struct Plot {
    pub(crate) names: Vec<Subject>,
    steps: [Vec<Step>; MOMENTS.len()],
    last: Vec<Step>,
    pub(crate) tags: Tags,
}

/// The changes of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Plain,
    Deprecated,
    Deleted,
    Rewritten,
    RewrittenBack,
    Missing,
    Purged,
    Replaced,
    Restored,
    Late,
    Invalid,
    InvalidSibling,
    DeletedByInvalid,
    SchemaViolation,
    Sanitized,
}

const FATES: [(usize, Fate); 15] = [
    (40, Fate::Plain),
    (4, Fate::Deprecated),
    (5, Fate::Deleted),
    (10, Fate::Rewritten),
    (2, Fate::RewrittenBack),
    (4, Fate::Missing),
    (2, Fate::Purged),
    (8, Fate::Replaced),
    (3, Fate::Restored),
    (4, Fate::Late),
    (4, Fate::Invalid),
    (5, Fate::InvalidSibling),
    (2, Fate::DeletedByInvalid),
    (8, Fate::SchemaViolation),
    (6, Fate::Sanitized),
];

/// A review on the day after the last row. The upstream makes it more specific than the rule of the namespace.
const REVIEWED_AGAIN: &str = "servers: [{name: \"io.github.someone/*\", upstream: official, approval: \
    {state: approved, reviewed: 2026-03-04, expires: 2027-06-01}}]\n";

impl Plot {
    pub(crate) fn roll(dice: &mut Dice, traits: Traits) -> Self {
        let mut plot = Self::default();
        plot.roll_names(dice, traits);
        for subject in plot.names.clone() {
            let is_tie = subject.versions.contains(&"1.0.0+a");
            for version in &subject.versions {
                let fate = dice.weighed(&FATES);
                if is_tie && version.starts_with("1.0.0") {
                    plot.tag(&subject.name, version, "tie");
                }
                match subject.upstream {
                    "ours" => plot.file(dice, &subject.name, version, fate),
                    upstream => plot.row(dice, upstream, &subject.name, version, fate),
                }
            }
        }
        if traits.lookalikes && dice.chance(50) {
            let name = "io.github.someone/stripe-pay";
            let row = Row::new(name, "1.0.0").status("active", "2026-03-03T13:00:00.000001Z");
            plot.last.push(Step::Put("official", row));
            plot.last.push(Step::Sync { full: false });
            // Another review of the namespace: the one before does not cover what arrived since.
            plot.last
                .push(Step::Write("overlays/later.yaml".to_owned(), REVIEWED_AGAIN.to_owned()));
            plot.names.push(subject(name, &["1.0.0"], "official"));
            plot.tag(name, "1.0.0", "after-acknowledgement");
        }
        plot
    }

    fn roll_names(&mut self, dice: &mut Dice, traits: Traits) {
        let mut namespaces = Vec::new();
        for _ in 0..3 + dice.below(3) {
            namespaces.push(dice.pick(&NAMESPACES));
        }
        for _ in 0..5 + dice.below(6) {
            let name = format!("{}/{}", dice.pick(&namespaces), dice.pick(&LEAVES));
            let versions = dice.pick(&VERSIONS);
            if self.names.iter().all(|known| known.name != name) {
                self.add(dice, traits, &name, versions);
            }
        }
        if traits.lookalikes {
            for name in SUSPECTS.iter().filter(|_| dice.chance(65)) {
                self.names.push(subject(name, &["1.0.0"], "official"));
            }
        }
    }

    /// Lists a name in one upstream, or in two.
    fn add(&mut self, dice: &mut Dice, traits: Traits, name: &str, versions: &[&'static str]) {
        let both = dice.chance(40);
        let in_ours = traits.ours && dice.chance(30);
        let in_second = traits.second.is_some() && dice.chance(50) && is_for_second(name);
        let other = if in_ours { Some("ours") } else { in_second.then_some("second") };
        if let Some(other) = other {
            self.names.push(subject(name, &versions[..1], other));
        }
        if other.is_none() || both {
            self.names.push(subject(name, versions, "official"));
        }
    }

    fn tag(&mut self, name: &str, version: &str, tag: &'static str) {
        self.tags.entry((name.to_owned(), version.to_owned())).or_default().insert(tag);
    }

    fn put(&mut self, at: usize, upstream: &'static str, row: Row) {
        self.steps[at].push(Step::Put(upstream, row));
    }

    fn vanish(&mut self, at: usize, upstream: &'static str, name: &str, version: &str) {
        self.steps[at].push(Step::Vanish(upstream, name.to_owned(), version.to_owned()));
    }

    fn row(
        &mut self,
        dice: &mut Dice,
        upstream: &'static str,
        name: &str,
        version: &str,
        fate: Fate,
    ) {
        let published = dice.pick(&PUBLISHED);
        let first =
            Row::new(name, version).published(published).described(&format!("{upstream} first"));
        let other = |at: usize| {
            let row = first.clone().described(&format!("{upstream} other"));
            row.status("active", MOMENTS[at])
        };
        let tag = match fate {
            Fate::Plain => None,
            Fate::Deprecated => {
                self.put(1, upstream, first.clone().status("deprecated", MOMENTS[1]));
                Some("deprecated")
            }
            Fate::Deleted => {
                self.put(1, upstream, first.clone().status("deleted", MOMENTS[1]));
                Some("deleted")
            }
            Fate::Rewritten => {
                self.put(1, upstream, other(1));
                Some("rewritten")
            }
            Fate::RewrittenBack => {
                self.put(1, upstream, other(1));
                self.put(2, upstream, first.clone().status("active", MOMENTS[2]));
                Some("rewritten-back")
            }
            Fate::Missing => {
                self.vanish(3, upstream, name, version);
                Some("missing")
            }
            Fate::Purged => {
                self.vanish(1, upstream, name, version);
                Some("purged")
            }
            Fate::Replaced => {
                self.vanish(1, upstream, name, version);
                self.put(4, upstream, other(4));
                Some("replaced")
            }
            Fate::Restored => {
                self.vanish(1, upstream, name, version);
                self.put(4, upstream, first.clone().status("active", MOMENTS[4]));
                Some("restored")
            }
            Fate::Late => {
                self.put(1, upstream, first.published(MOMENTS[1]));
                return self.tag(name, version, "late");
            }
            Fate::Invalid => {
                self.put(0, upstream, invalid(dice, first, "active"));
                return self.tag(name, version, "invalid");
            }
            Fate::InvalidSibling => {
                self.put(1, upstream, invalid(dice, first.clone(), "active"));
                Some("quarantined-sibling")
            }
            Fate::DeletedByInvalid => {
                self.put(1, upstream, invalid(dice, first.clone(), "deleted"));
                Some("deleted-by-invalid")
            }
            Fate::SchemaViolation => {
                self.put(0, upstream, changed(first, dice.pick(&SCHEMA_VIOLATIONS)));
                return self.tag(name, version, "not-valid");
            }
            Fate::Sanitized => {
                self.put(0, upstream, changed(first, dice.pick(&SANITIZED)));
                return self.tag(name, version, "sanitized");
            }
        };
        self.put(0, upstream, first);
        if let Some(tag) = tag {
            self.tag(name, version, tag);
        }
    }

    /// Writes a file of the organisation's own folder, which supports fewer fates.
    fn file(&mut self, dice: &mut Dice, name: &str, version: &str, fate: Fate) {
        let file = format!("ours/{}-{version}.json", name.replace('/', "_"));
        let text = |description: &str| {
            format!(r#"{{"name":"{name}","version":"{version}","description":"{description}"}}"#)
        };
        let write = |description: &str| Step::Write(file.clone(), text(description));
        self.steps[0].push(write("ours first"));
        match fate {
            Fate::Rewritten => {
                self.steps[1].push(write("ours other"));
                self.tag(name, version, "rewritten");
            }
            Fate::InvalidSibling => {
                self.steps[1].push(write("ours \\u0007"));
                self.tag(name, version, "quarantined-sibling");
            }
            _ if dice.chance(45) => {
                self.steps[1].push(Step::Remove(file));
                self.tag(name, version, "transferred");
            }
            _ => {}
        }
    }

    /// Returns the steps at one moment.
    pub(crate) fn steps(&self, moment: usize) -> impl Iterator<Item = Step> {
        self.steps[moment].iter().cloned()
    }

    /// Returns the steps after everything else.
    pub(crate) fn last(&self) -> impl Iterator<Item = Step> {
        self.last.iter().cloned()
    }
}

/// The `[namespaces]` of the second registry.
pub(crate) const SECOND_NAMESPACES: &str = r#"["com.bank", "org.weather.*", "io.github.alice"]"#;

/// Returns true if the second registry may list the name; some of these are outside its `[namespaces]`.
fn is_for_second(name: &str) -> bool {
    !name.starts_with("com.acme/")
}

fn subject(name: &str, versions: &[&'static str], upstream: &'static str) -> Subject {
    Subject { name: name.to_owned(), versions: versions.to_vec(), upstream }
}

const SCHEMA_VIOLATIONS: [(&str, &str); 5] = [
    ("\"description\":\"", "\"websiteUrl\":\"no url\",\"description\":\""),
    ("\"description\":\"", "\"title\":\"\",\"description\":\""),
    ("\"type\":\"streamable-http\"", "\"type\":\"stdio\""),
    (
        "\"description\":\"",
        "\"packages\":[{\"registryType\":\"npm\",\"identifier\":\"x\"}],\"description\":\"",
    ),
    (
        "\"description\":\"",
        "\"repository\":{\"url\":\"https://git.example/x\",\"source\":\"\"},\"description\":\"",
    ),
];

const SANITIZED: [(&str, &str); 3] = [
    ("\"description\":\"", "\"repository\":{},\"description\":\""),
    ("\"description\":\"", "\"title\":null,\"description\":\""),
    (
        "\"description\":\"",
        "\"packages\":[{\"registryType\":\"npm\",\"identifier\":\"x\",\"version\":\"latest\",\"transport\":{\"type\":\"stdio\"}}],\"description\":\"",
    ),
];

const INVALID: [(&str, &str); 3] = [
    ("\"description\":\"", "\"description\":\"\\u0007 "),
    ("\"description\":\"", "\"description\":\"twice\",\"description\":\""),
    ("\"description\":\"", "\"Description\":\"other case\",\"description\":\""),
];

fn invalid(dice: &mut Dice, row: Row, status: &str) -> Row {
    changed(row.status(status, MOMENTS[1]), dice.pick(&INVALID))
}

/// Returns the row with a part of its bytes replaced.
fn changed(row: Row, (from, to): (&str, &str)) -> Row {
    let item = row.item().replacen(from, to, 1);
    assert_ne!(item, row.item(), "`{from}` is in the row");
    Row { raw: Some(item), ..row }
}

/// Returns the priority of the second registry: before the official one (100), or after it.
pub(crate) fn priority(second: Second) -> u32 {
    if second == Second::After { 200 } else { 50 }
}
