//! A world: its steps, and the tags of its entries.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use super::{policy, rows};
use crate::support::registry::Row;

/// One step of a world. Texts may hold `{{first:NAME@VERSION}}` and `{{other:NAME@VERSION}}`, the digests of the
/// content that was received first and of the later one, and `{{url:UPSTREAM}}`.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Clock(&'static str),
    Put(&'static str, Row),
    Vanish(&'static str, String, String),
    Write(String, String),
    Remove(String),
    Sync {
        full: bool,
    },
    /// Verification records of namespaces and declarations of names, as JSON of the store.
    Verdicts(String),
    /// Runs the daemon until it serves what the commands print.
    Serve,
    /// Does the same, and acknowledges the lookalike alerts: all, or the first.
    Acknowledge {
        all: bool,
    },
    /// Runs the daemon until a first generation is published.
    Start,
}

/// The moments of the sync runs. The second full sync without an entry hides it; two days later it is purged.
pub(crate) const MOMENTS: [&str; 5] = [
    "2026-03-01T08:00:00Z",
    "2026-03-01T10:00:00Z",
    "2026-03-01T11:00:00Z",
    "2026-03-03T12:00:00Z",
    "2026-03-03T13:00:00Z",
];

/// The ends of worlds, around the moments at which approvals end.
const ENDS: [(usize, &str); 7] = [
    (4, "2026-03-05T00:00:00Z"),
    (2, "2026-03-20T11:59:59.999999Z"),
    (3, "2026-03-20T12:00:00Z"),
    (2, "2026-03-20T12:00:00.000001Z"),
    (2, "2026-03-20T23:59:59.999999Z"),
    (2, "2026-03-21T00:00:00Z"),
    (1, "2026-09-01T00:00:00Z"),
];

/// Everything that is generated from one number.
pub(crate) struct World {
    pub(crate) number: u64,
    pub(crate) script: Vec<Step>,
    /// Every name that an upstream ever lists.
    pub(crate) names: BTreeSet<String>,
    /// Tags of entries, by name and version.
    pub(crate) tags: Tags,
}

/// The tags of approvals that end at noon, and at the end, of 2026-03-20.
pub(crate) const NOON: &str = "noon";
pub(crate) const MIDNIGHT: &str = "midnight";

/// Tags by name and version.
pub(crate) type Tags = BTreeMap<(String, String), BTreeSet<&'static str>>;

/// The traits that a world may have.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "the traits are independent")]
pub(crate) struct Traits {
    /// A folder of the organisation's own servers.
    pub(crate) ours: bool,
    pub(crate) second: Option<Second>,
    pub(crate) ownership: bool,
    pub(crate) lookalikes: bool,
    pub(crate) withhold: bool,
    /// True if a daemon serves the world before its rows change.
    pub(crate) served_before: bool,
    /// True if ownership checks are enabled after entries were served.
    pub(crate) enabled_late: bool,
    /// True if the last overlays are refused.
    pub(crate) refused: bool,
    /// True if the first change is read by an incremental sync.
    pub(crate) incremental: bool,
    pub(crate) end: &'static str,
}

/// The role of a second external registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// Is authoritative for the names of its `[namespaces]`.
    Before,
    /// Is not authoritative for names that both list.
    After,
    /// Is disabled at the end.
    Disabled,
    /// Its file is removed at the end.
    Removed,
}

impl Traits {
    fn roll(dice: &mut Dice) -> Self {
        let ownership = dice.chance(50);
        let served_before = dice.chance(35);
        let seconds = [Second::Before, Second::After, Second::Disabled, Second::Removed];
        Self {
            ours: dice.chance(40),
            second: dice.chance(40).then(|| dice.pick(&seconds)),
            ownership,
            lookalikes: dice.chance(45),
            withhold: dice.chance(85),
            served_before,
            enabled_late: ownership && served_before && dice.chance(70),
            refused: served_before && dice.chance(25),
            incremental: dice.chance(20),
            end: dice.weighed(&ENDS),
        }
    }
}

impl World {
    pub(crate) fn new(number: u64) -> Self {
        let mut dice = Dice::new(number);
        let traits = Traits::roll(&mut dice);
        let plot = rows::Plot::roll(&mut dice, traits);
        let policy = policy::Policy::roll(&mut dice, traits, &plot);
        let script = script(&mut dice, traits, &plot, &policy);
        let names = plot.names.iter().map(|subject| subject.name.clone()).collect();
        let mut tags = plot.tags;
        for (key, words) in policy.tags {
            tags.entry(key).or_default().extend(words);
        }
        tags.values_mut().for_each(|words| tag_ends(words, traits.end));
        Self { number, script, names, tags }
    }
}

/// Replaces the tags of approval ends by their relation to the end of the world.
fn tag_ends(tags: &mut BTreeSet<&'static str>, end: &str) {
    let (noon, midnight) = (tags.remove(NOON), tags.remove(MIDNIGHT));
    match end {
        "2026-03-20T12:00:00Z" if noon => tags.insert("expires-now"),
        "2026-03-20T12:00:00.000001Z" if noon => tags.insert("expired-just-now"),
        "2026-03-20T23:59:59.999999Z" if midnight => tags.insert("expires-now"),
        "2026-03-21T00:00:00Z" if midnight => tags.insert("expired-just-now"),
        _ => false,
    };
}

fn script(
    dice: &mut Dice,
    traits: Traits,
    plot: &rows::Plot,
    policy: &policy::Policy,
) -> Vec<Step> {
    let write = |file: &str, text: &str| Step::Write(file.to_owned(), text.to_owned());
    let mut script = vec![Step::Clock(MOMENTS[0])];
    let verifies_now = traits.ownership && !traits.enabled_late;
    script.push(write("vidimus.toml", &policy.settings(verifies_now)));
    script.push(write("overlays/policy.yaml", "# nothing yet\n"));
    script.extend(policy.upstreams.iter().map(|(file, text)| write(file, text)));
    script.extend(plot.steps(0));
    script.push(Step::Sync { full: true });
    script.push(write("overlays/policy.yaml", &policy.overlays(false)));
    if traits.served_before {
        script.push(Step::Serve);
    }
    for (index, moment) in MOMENTS.iter().enumerate().skip(1) {
        script.push(Step::Clock(moment));
        script.extend(plot.steps(index));
        script.push(Step::Sync { full: index > 1 || !traits.incremental });
    }
    script.push(write("overlays/policy.yaml", &policy.overlays(true)));
    if traits.enabled_late {
        script.push(write("vidimus.toml", &policy.settings(true)));
        script.push(Step::Start);
    }
    if traits.ownership {
        script.push(Step::Verdicts(policy.verdicts.clone()));
    }
    if traits.lookalikes && dice.chance(60) {
        script.push(Step::Acknowledge { all: dice.chance(70) });
    }
    script.extend(policy::Policy::last_steps(traits));
    script.extend(plot.last());
    script.push(Step::Clock(traits.end));
    // Before the daemon would: its answers must not depend on which of them is first, a run or a question.
    script.push(Step::Sync { full: false });
    if traits.ownership {
        // A daemon may have looked up the namespaces since, without an answer.
        script.push(Step::Verdicts(policy.verdicts.clone()));
    }
    script
}
