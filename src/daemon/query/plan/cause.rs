use serde::{Deserialize, Serialize};

use crate::curation::{EntryEvaluation, PolicySnapshot};
use crate::model::{Name, NamespacePattern};
use crate::overlay::{Alteration, AlteredRules, Rule};

/// The part of an edit that makes a difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Cause {
    NewRule {
        selector: String,
        place: String,
    },
    ChangedRule {
        selector: String,
        place: String,
    },
    /// The place is that in the earlier set.
    RemovedRule {
        selector: String,
        place: String,
    },
    /// A rule about a namespace: its owners, or that it is internal.
    Namespace {
        selector: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
    },
    /// The server to use instead becomes visible or hidden.
    Successor {
        name: String,
    },
    /// Other names are protected.
    Protection,
    /// Several parts together.
    Other,
}

/// Everything in which two policies differ.
pub(super) struct Altered<'p> {
    pub(super) before: &'p PolicySnapshot,
    pub(super) after: &'p PolicySnapshot,
    pub(super) rules: AlteredRules<'p>,
    pub(super) namespaces: Vec<NamespacePattern>,
}

/// One entry under both policies; `None` where a policy does not serve or evaluate it.
#[derive(Clone, Copy)]
pub(super) struct Both<'e, 'a> {
    pub(super) before: Option<&'e EntryEvaluation<'a>>,
    pub(super) after: Option<&'e EntryEvaluation<'a>>,
}

impl Altered<'_> {
    /// Returns true if other names are protected, or names that a wildcard admits now wait for a comparison.
    pub(super) fn is_protection(&self) -> bool {
        self.before.protection != self.after.protection
            || self.before.withholds() != self.after.withholds()
    }

    /// Returns the cause of an entry that becomes visible: first the approval, then what hid it.
    pub(super) fn of_visible(&self, name: &Name, entry: Both<'_, '_>) -> Cause {
        let Both { before, after } = entry;
        let deciding = [approving(after), hiding(before), approving(before)];
        self.cause(name, entry, deciding)
    }

    /// Returns the cause of an entry that becomes hidden: first what hides it, then the approval.
    pub(super) fn of_hidden(&self, name: &Name, entry: Both<'_, '_>) -> Cause {
        let Both { before, after } = entry;
        let deciding = [hiding(after), approving(before), approving(after)];
        self.cause(name, entry, deciding)
    }

    /// Returns the cause of an entry that gets other content: first the approval that pins it.
    pub(super) fn of_content(&self, name: &Name, entry: Both<'_, '_>) -> Cause {
        let Both { before, after } = entry;
        self.cause(name, entry, [approving(after), approving(before), None])
    }

    /// Returns the cause of an entry that is described otherwise.
    pub(super) fn of_described(&self, name: &Name, entry: Both<'_, '_>) -> Cause {
        self.cause(name, entry, [None; 3])
    }

    fn cause(
        &self,
        name: &Name,
        Both { before, after }: Both<'_, '_>,
        deciding: [Option<&Rule>; 3],
    ) -> Cause {
        let named = |rule: &Rule| self.rules.of(rule);
        let found = deciding.into_iter().flatten().find_map(named);
        let found = found.or_else(|| after.and_then(|entry| self.merged(self.after, name, entry)));
        let found =
            found.or_else(|| before.and_then(|entry| self.merged(self.before, name, entry)));
        if let Some((rule, alteration)) = found {
            let (selector, place) = (rule.selector(), rule.place.to_string());
            return match alteration {
                Alteration::New => Cause::NewRule { selector, place },
                Alteration::Changed => Cause::ChangedRule { selector, place },
                Alteration::Removed => Cause::RemovedRule { selector, place },
            };
        }
        if let Some(pattern) = self.namespaces.iter().find(|pattern| pattern.covers(name)) {
            let of_set = |policy: &PolicySnapshot| {
                let mut rules = policy.overlays.ownership().iter();
                rules.find(|rule| rule.namespace == *pattern).map(|rule| rule.place.to_string())
            };
            let place = of_set(self.after).or_else(|| of_set(self.before));
            return Cause::Namespace { selector: pattern.to_string(), place };
        }
        if self.is_protection() { Cause::Protection } else { Cause::Other }
    }

    /// Returns the first altered rule among those that are merged for an entry, the most specific first.
    fn merged(
        &self,
        policy: &PolicySnapshot,
        name: &Name,
        entry: &EntryEvaluation<'_>,
    ) -> Option<(&Rule, Alteration)> {
        let (version, upstream) = (&entry.row.version, entry.row.upstream.as_str());
        let rules = policy.overlays.rules_for(name);
        let selecting = rules.rules().filter(|rule| rule.selects(version, upstream));
        let mut merged = selecting.chain(entry.rules.conditions.iter().copied());
        merged.find_map(|rule| self.rules.of(rule))
    }
}

fn approving<'a>(entry: Option<&EntryEvaluation<'a>>) -> Option<&'a Rule> {
    entry?.rules.approval.map(|(rule, _)| rule)
}

fn hiding<'a>(entry: Option<&EntryEvaluation<'a>>) -> Option<&'a Rule> {
    let (_, evidence) = entry?.hidden_by()?;
    evidence.rule()
}
