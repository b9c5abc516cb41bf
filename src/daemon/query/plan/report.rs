use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::weakened::WeakenedRule;
use crate::daemon::query::rules::RuleEffect;
use crate::model::Name;

/// Groups and rules that are listed; the others are counted.
const MAX_GROUPS: usize = 1_000;

/// The changes of an edit of the overlays.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The names that the edit concerns.
    pub names: u64,
    /// Entries that become visible in a view.
    pub visible: u64,
    /// Those of them that were denied or suspended until now.
    pub lifted: u64,
    /// Entries that stay visible in a view, with other content.
    pub content: u64,
    /// Entries of which clients get content that they did not get before: each that becomes visible or gets other content.
    pub exposed: u64,
    /// Entries that become hidden in a view.
    pub hidden: u64,
    /// Entries that a view describes otherwise.
    pub described: u64,
    pub views: Vec<PlannedView>,
    /// The entries by effect and cause: those that were denied or suspended first, then others that become visible, large
    /// groups before small ones.
    pub groups: Vec<PlannedGroup>,
    pub more_groups: u64,
    /// Denials, suspensions, conditions and pins that are removed or changed, also without an effect now.
    pub weakened: Vec<WeakenedRule>,
    pub more_weakened: u64,
    /// New and changed rules with approvals that do not have the effect that they state.
    pub stays_hidden: Vec<RuleEffect>,
    pub more_stays_hidden: u64,
}

/// The changes in one view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedView {
    pub view: String,
    pub visible: u64,
    pub content: u64,
    pub hidden: u64,
    pub described: u64,
}

/// An effect on an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlannedEffect {
    Visible,
    /// Clients get other content of an entry that stays visible.
    Content,
    Hidden,
    Described,
}

/// Entries with one effect and one cause.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlannedGroup {
    pub effect: PlannedEffect,
    /// True if the entries were denied or suspended until now.
    pub lifts: bool,
    pub cause: Cause,
    pub count: u64,
    /// The first of them.
    pub entries: Vec<PlannedEntry>,
}

/// One entry of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEntry {
    pub name: String,
    pub version: String,
    pub views: Vec<String>,
    /// The state under the policy that hides it, or the members that are described otherwise.
    pub why: String,
}

/// One difference in one view.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) effect: PlannedEffect,
    /// True if the entry was denied or suspended until now.
    pub(super) lifts: bool,
    pub(super) version: String,
    /// The index of the view.
    pub(super) view: usize,
    pub(super) why: String,
    pub(super) cause: Cause,
}

/// Counts differences name by name. Its size follows from the number of causes, not of entries.
pub(super) struct Tally<'p> {
    views: Vec<&'p str>,
    max_entries: usize,
    plan: Plan,
    groups: BTreeMap<(PlannedEffect, bool, Cause), (u64, Vec<PlannedEntry>)>,
}

impl<'p> Tally<'p> {
    pub(super) fn new(views: Vec<&'p str>, max_entries: usize) -> Self {
        let of_view = |view: &&str| PlannedView {
            view: (*view).to_owned(),
            visible: 0,
            content: 0,
            hidden: 0,
            described: 0,
        };
        let plan = Plan { views: views.iter().map(of_view).collect(), ..Plan::default() };
        Self { views, max_entries, plan, groups: BTreeMap::new() }
    }

    /// Adds the differences of a name.
    pub(super) fn add(&mut self, name: &Name, found: &[Difference]) {
        self.plan.names += 1;
        let mut by_entry: BTreeMap<_, Vec<&Difference>> = BTreeMap::new();
        for difference in found {
            let PlannedView { visible, content, hidden, described, .. } =
                &mut self.plan.views[difference.view];
            *of_effect(difference.effect, [visible, content, hidden, described]) += 1;
            let key = (difference.effect, difference.lifts, &difference.cause, &difference.version);
            by_entry.entry(key).or_default().push(difference);
        }
        let distinct: BTreeSet<_> =
            found.iter().map(|difference| (difference.effect, &difference.version)).collect();
        for (effect, _) in distinct {
            let Plan { visible, content, hidden, described, .. } = &mut self.plan;
            *of_effect(effect, [visible, content, hidden, described]) += 1;
        }
        let versions = |is_meant: &dyn Fn(&Difference) -> bool| {
            let meant = found.iter().filter(|difference| is_meant(difference));
            let versions: BTreeSet<&String> = meant.map(|difference| &difference.version).collect();
            versions.len() as u64
        };
        let is_exposed = |found: &Difference| {
            matches!(found.effect, PlannedEffect::Visible | PlannedEffect::Content)
        };
        self.plan.exposed += versions(&is_exposed);
        self.plan.lifted += versions(&|found| found.lifts);
        for ((effect, lifts, cause, version), differences) in by_entry {
            let (count, entries) = self.groups.entry((effect, lifts, cause.clone())).or_default();
            *count += 1;
            if entries.len() < self.max_entries {
                entries.push(PlannedEntry {
                    name: name.to_string(),
                    version: version.clone(),
                    views: differences
                        .iter()
                        .map(|found| self.views[found.view].to_owned())
                        .collect(),
                    why: differences[0].why.clone(),
                });
            }
        }
    }

    /// Returns the plan, with the restrictions that are weakened and what stays hidden.
    pub(super) fn plan(
        self,
        mut weakened: Vec<WeakenedRule>,
        mut stays_hidden: Vec<RuleEffect>,
    ) -> Plan {
        let mut groups: Vec<PlannedGroup> = self
            .groups
            .into_iter()
            .map(|((effect, lifts, cause), (count, entries))| PlannedGroup {
                effect,
                lifts,
                cause,
                count,
                entries,
            })
            .collect();
        groups.sort_by_key(|group| (!group.lifts, group.effect, Reverse(group.count)));
        let more_groups = cut(&mut groups);
        let more_weakened = cut(&mut weakened);
        let more_stays_hidden = cut(&mut stays_hidden);
        Plan {
            groups,
            more_groups,
            weakened,
            more_weakened,
            stays_hidden,
            more_stays_hidden,
            ..self.plan
        }
    }
}

fn of_effect(
    effect: PlannedEffect,
    [visible, content, hidden, described]: [&mut u64; 4],
) -> &mut u64 {
    match effect {
        PlannedEffect::Visible => visible,
        PlannedEffect::Content => content,
        PlannedEffect::Hidden => hidden,
        PlannedEffect::Described => described,
    }
}

/// Keeps the first items, and returns the number of the others.
fn cut<T>(items: &mut Vec<T>) -> u64 {
    let more = items.len().saturating_sub(MAX_GROUPS);
    items.truncate(MAX_GROUPS);
    more as u64
}
