use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::cause::{Altered, Cause};
use crate::curation::PolicySnapshot;
use crate::lookalike::{Protected, Why};
use crate::model::{Name, NamespacePattern};
use crate::overlay::{
    Alteration, Approval, Conditions, Contents, NoLookalike, OnDrift, OverlaySet, Rule, Selected,
    State,
};
use crate::ownership::Pins;

/// Something that kept entries hidden, or would keep later ones hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restriction {
    Denial,
    Suspension,
    Condition,
    Waiver,
    Pin,
    OnDrift,
    OnDeprecated,
    Internal,
    Ownership,
    /// A name or a brand that lookalikes are compared with.
    Protection,
}

/// A restriction that an edit removes or changes, whether or not an entry is served otherwise now: a removed denial lets
/// in what comes later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WeakenedRule {
    pub restriction: Restriction,
    pub selector: String,
    /// File, line and column; that in the earlier set if the rule was removed.
    pub place: String,
    pub alteration: WeakenedBy,
    /// False if no entry that the rule selects is served otherwise.
    pub has_effect: bool,
}

/// The way in which an edit weakens a restriction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeakenedBy {
    Removed,
    Changed,
    /// A waiver, or a decision that a name is not a lookalike, is new.
    Added,
}

/// The rules and the names with which something changes now.
#[derive(Debug, Default)]
pub(super) struct Affected {
    rules: HashSet<*const Rule>,
    names: Vec<Name>,
    /// True if something changes since other names are protected.
    by_protection: bool,
}

impl Affected {
    /// Adds a name with the causes of its differences, and the rules that may decide about it.
    pub(super) fn add<'c>(
        &mut self,
        name: &Name,
        mut causes: impl Iterator<Item = &'c Cause>,
        sets: [&OverlaySet; 2],
    ) {
        self.by_protection |= causes.any(|cause| *cause == Cause::Protection);
        for set in sets {
            self.rules.extend(set.rules_for(name).all().map(std::ptr::from_ref));
        }
        self.names.push(name.clone());
    }

    fn has(&self, rule: &Rule) -> bool {
        self.rules.contains(&std::ptr::from_ref(rule))
    }
}

/// Returns every restriction that the later policy does not have as the earlier one has it, denials first.
pub(super) fn weakened(altered: &Altered<'_>, affected: &Affected) -> Vec<WeakenedRule> {
    let mut found = of_rules(altered, affected);
    let namespaces = altered.namespaces.iter();
    found.extend(namespaces.flat_map(|pattern| of_namespace(altered, pattern, affected)));
    found.extend(of_protection(altered, affected));
    found.sort();
    found
}

fn of_rules(altered: &Altered<'_>, affected: &Affected) -> Vec<WeakenedRule> {
    let mut found = Vec::new();
    let mut replaced: HashMap<*const Rule, &Rule> = HashMap::new();
    for old in altered.before.overlays.rules() {
        let Some((named, alteration)) = altered.rules.of(old) else { continue };
        let later = (alteration != Alteration::Removed).then_some(named);
        if let Some(later) = later {
            replaced.insert(std::ptr::from_ref(later), old);
        }
        let by = if later.is_some() { WeakenedBy::Changed } else { WeakenedBy::Removed };
        let has_effect = affected.has(old) || affected.has(named);
        let lost = lost(old, later).into_iter();
        found.extend(lost.map(|lost| of_rule(named, lost, by, has_effect)));
    }
    for new in altered.after.overlays.rules() {
        if new.waive.is_none() || altered.rules.of(new).is_none() {
            continue;
        }
        let known = replaced.get(&std::ptr::from_ref(new)).and_then(|old| old.waive.as_ref());
        let waived =
            |rule: &Rule| rule.waive.as_ref().map(|waive| (waive.condition.clone(), waive.expires));
        let by = match known {
            None => WeakenedBy::Added,
            Some(known) if waived(new) != Some((known.condition.clone(), known.expires)) => {
                WeakenedBy::Changed
            }
            Some(_) => continue,
        };
        found.push(of_rule(new, Restriction::Waiver, by, affected.has(new)));
    }
    found
}

fn of_rule(
    named: &Rule,
    restriction: Restriction,
    alteration: WeakenedBy,
    has_effect: bool,
) -> WeakenedRule {
    let (selector, place) = (named.selector(), named.place.to_string());
    WeakenedRule { restriction, selector, place, alteration, has_effect }
}

/// Returns the restrictions of a rule that the rule in its place does not have.
fn lost(old: &Rule, new: Option<&Rule>) -> Vec<Restriction> {
    let approval = new.and_then(|new| new.approval.as_ref());
    let (was, is) = (
        old.approval.as_ref().map(|approval| approval.state),
        approval.map(|approval| approval.state),
    );
    let conditions = new.and_then(|new| new.conditions.as_ref());
    let is_lost = [
        (Restriction::Denial, was == Some(State::Denied) && is != Some(State::Denied)),
        (Restriction::Suspension, was == Some(State::Suspended) && !is.is_some_and(State::hides)),
        (
            Restriction::Condition,
            old.conditions.as_ref().is_some_and(|old| !is_as_strict(old, conditions)),
        ),
        (Restriction::Pin, old.approval.as_ref().is_some_and(|old| !keeps_pins(old, approval))),
        (
            Restriction::OnDrift,
            old.on_drift == Some(OnDrift::Suspend)
                && new.and_then(|new| new.on_drift) != Some(OnDrift::Suspend),
        ),
        (
            Restriction::OnDeprecated,
            old.on_deprecated.is_some()
                && new.and_then(|new| new.on_deprecated) != old.on_deprecated,
        ),
    ];
    is_lost
        .into_iter()
        .filter(|(_, is_lost)| *is_lost)
        .map(|(restriction, _)| restriction)
        .collect()
}

/// Returns true if each condition is there too, with no other value allowed.
fn is_as_strict(old: &Conditions, new: Option<&Conditions>) -> bool {
    let Some(new) = new else { return false };
    let mut lists = old.lists.iter();
    lists.all(|(condition, old)| new.lists.get(condition).is_some_and(|new| new.is_subset(old)))
        && (new.pinned_packages || !old.pinned_packages)
        && (old.ownership.is_none() || new.ownership == old.ownership)
        && old.scan.as_ref().is_none_or(|old| new.scan.as_ref().is_some_and(|new| new.implies(old)))
        && old.provenance <= new.provenance
}

/// Returns true if no version that had a pinned content can be served with another one by this rule.
fn keeps_pins(old: &Approval, new: Option<&Approval>) -> bool {
    if new.is_some_and(|new| new.state != State::Approved) {
        return true;
    }
    let digest = old.digest.is_none_or(|old| {
        new.is_some_and(|new| {
            let mut listed = new.contents.iter().flat_map(Contents::iter);
            new.digest == Some(old) || listed.any(|content| content.digest == old)
        })
    });
    let mut listed = old.contents.iter().flat_map(Contents::iter);
    let contents = listed.all(|old| {
        let pinned = |new: &Approval| {
            new.leaves_out(&old.version) || new.pin_of(&old.version) == Some(old.digest)
        };
        new.is_some_and(pinned)
    });
    let keeps = |(file, digest)| new.is_some_and(|new| new.artefacts.get(file) == Some(digest));
    digest && contents && old.artefacts.iter().all(keeps)
}

/// Returns the names and brands that `protect` lists no longer or for another namespace, and that nothing else protects,
/// and the new decisions that a name is not a lookalike.
fn of_protection(altered: &Altered<'_>, affected: &Affected) -> Vec<WeakenedRule> {
    let weakened = |selector: String, place: String, alteration| WeakenedRule {
        restriction: Restriction::Protection,
        selector,
        place,
        alteration,
        has_effect: affected.by_protection,
    };
    let [before, after] = [altered.before, altered.after].map(|policy| policy.overlays.protected());
    // A brand is exempt in its home: another home lets other names have it.
    let as_before = |old: &Protected| {
        after.iter().any(|new| new.subject == old.subject && is_home_kept(old, new))
    };
    let mut lost: BTreeMap<&str, WeakenedBy> = BTreeMap::new();
    for old in before.iter().filter(|old| old.why == Why::Listed && !as_before(old)) {
        let is_there = after.iter().any(|new| new.subject == old.subject);
        let by = if is_there { WeakenedBy::Changed } else { WeakenedBy::Removed };
        lost.insert(&old.subject, by);
    }
    let lost =
        lost.into_iter().map(|(subject, by)| weakened(subject.to_owned(), String::new(), by));
    let known: HashSet<(&Selected, &str)> =
        altered.before.overlays.no_lookalikes().iter().map(exempted).collect();
    let new = altered.after.overlays.no_lookalikes().iter();
    let new = new.filter(|rule| !known.contains(&exempted(rule))).map(|rule| {
        let who = match &rule.who {
            Selected::Names(pattern) => pattern.to_string(),
            Selected::Namespace(pattern) => pattern.to_string(),
        };
        let selector = format!("{who} with {}", rule.target);
        weakened(selector, rule.place.to_string(), WeakenedBy::Added)
    });
    lost.chain(new).collect()
}

/// Returns true if no other namespace may use what is protected. The name of a server has its own namespace.
fn is_home_kept(old: &Protected, new: &Protected) -> bool {
    new.home.is_none() || new.home == old.home || Name::parse(&old.subject).is_ok()
}

fn exempted(rule: &NoLookalike) -> (&Selected, &str) {
    (&rule.who, &rule.target)
}

fn of_namespace(
    altered: &Altered<'_>,
    pattern: &NamespacePattern,
    affected: &Affected,
) -> Vec<WeakenedRule> {
    let rule = |policy: &'_ PolicySnapshot| {
        let mut rules = policy.overlays.ownership().iter();
        let found = rules.find(|rule| rule.namespace == *pattern);
        found.map(|rule| (rule.pins.clone(), rule.place.to_string()))
    };
    let (old, new) = (rule(altered.before), rule(altered.after));
    let place = new.as_ref().or(old.as_ref()).map(|(_, place)| place.clone()).unwrap_or_default();
    let is_waived = |pins: &Pins| pins.waived.is_some();
    let ownership = match (&old, &new) {
        (Some(_), None) => Some(WeakenedBy::Removed),
        (Some((old, _)), Some((new, _))) if old != new => Some(WeakenedBy::Changed),
        (None, Some((new, _))) if is_waived(new) => Some(WeakenedBy::Added),
        _ => None,
    };
    let lacks =
        |policy: &PolicySnapshot| policy.overlays.lacks_internal(std::slice::from_ref(pattern));
    let internal = !lacks(altered.before) && lacks(altered.after);
    let has_effect = affected.names.iter().any(|name| pattern.covers(name));
    let weakened = |restriction, alteration| {
        let (selector, place) = (pattern.to_string(), place.clone());
        WeakenedRule { restriction, selector, place, alteration, has_effect }
    };
    let ownership = ownership.map(|by| weakened(Restriction::Ownership, by));
    let internal = internal.then(|| weakened(Restriction::Internal, WeakenedBy::Removed));
    ownership.into_iter().chain(internal).collect()
}
