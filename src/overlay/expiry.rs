use std::fmt;

use super::conditions::WaivedCondition;
use super::rule::Rule;
use super::{NamePattern, OverlaySet};
use crate::model::Timestamp;

/// Something in a rule that ends at a stated moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending<'s> {
    pub rule: &'s Rule,
    pub what: Ends<'s>,
    /// The last moment at which it is effective.
    pub until: Timestamp,
}

/// The part of a rule that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends<'s> {
    Approval,
    Waiver(&'s WaivedCondition),
    /// A URL that a rule allows.
    Url(&'s str),
}

impl fmt::Display for Ends<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approval => f.write_str("the approval"),
            Self::Waiver(condition) => write!(f, "the waiver of `{condition}`"),
            Self::Url(url) => write!(f, "the allowed URL {url}"),
        }
    }
}

impl<'s> Ending<'s> {
    /// Returns the name of what ends in its rule, which is the same after edits elsewhere.
    #[must_use]
    pub fn subject(&self) -> String {
        match self.what {
            Ends::Approval => self.rule.selector(),
            what => format!("{} ({what})", self.rule.selector()),
        }
    }

    /// Returns everything in a rule that ends.
    pub fn of(rule: &'s Rule) -> impl Iterator<Item = Self> {
        let approval = rule.approved().and_then(|approval| approval.expires);
        let waive = rule.waive.as_ref();
        let allow = rule.allow.as_ref();
        let ends = [
            approval.map(|until| (Ends::Approval, until)),
            waive.map(|waive| (Ends::Waiver(&waive.condition), waive.expires)),
            allow.map(|allow| (Ends::Url(&allow.url), allow.expires)),
        ];
        ends.into_iter().flatten().map(move |(what, until)| Self { rule, what, until })
    }
}

impl OverlaySet {
    /// Returns everything in the rules that ends.
    pub fn endings(&self) -> impl Iterator<Item = Ending<'_>> {
        self.rules().iter().flat_map(Ending::of)
    }

    /// Returns the team that owns what a rule decides about: of the rule itself, or of the most specific rule for its
    /// exact name.
    #[must_use]
    pub fn owner_of<'s>(&'s self, rule: &'s Rule) -> Option<&'s str> {
        let NamePattern::Exact(name) = &rule.name else { return rule.owner.as_deref() };
        let rules = self.rules_for(name);
        let of_name = rules.rules().find_map(|rule| rule.owner.as_deref());
        rule.owner.as_deref().or(of_name)
    }
}
