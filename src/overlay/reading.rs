use std::cell::Cell;

use super::ownership::OwnershipRule;
use super::protection::Protection;
use super::rule::{Rule, Terms};
use crate::lint::Finding;
use crate::model::{NamespacePattern, Timestamp};

/// The context that the lint needs besides the files.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub terms: Terms,
    pub now: Timestamp,
    /// The known upstreams; `None` leaves the field unchecked, such as for a set that was valid
    /// when an upstream still existed.
    pub upstreams: Option<&'a [String]>,
}

/// The context of one file. It hides the time, and notes how long the answers about it stay the same.
pub(super) struct FileContext<'a> {
    context: &'a Context<'a>,
    changes_at: Cell<Option<Timestamp>>,
}

impl<'a> FileContext<'a> {
    pub(super) const fn new(context: &'a Context<'a>) -> Self {
        Self { context, changes_at: Cell::new(None) }
    }

    /// Returns the terms of approvals.
    pub(super) const fn terms(&self) -> Terms {
        self.context.terms
    }

    /// Returns the known upstreams, if they are checked.
    pub(super) const fn upstreams(&self) -> Option<&'a [String]> {
        self.context.upstreams
    }

    /// Returns true if a moment has come.
    pub(super) fn has_come(&self, moment: Timestamp) -> bool {
        let has_come = moment <= self.context.now;
        if !has_come {
            let nearest = self.changes_at.get().map_or(moment, |nearest| nearest.min(moment));
            self.changes_at.set(Some(nearest));
        }
        has_come
    }

    /// Returns true if a moment has passed.
    pub(super) fn is_past(&self, moment: Timestamp) -> bool {
        self.has_come(moment.plus(Timestamp::TICK))
    }

    /// Returns the nearest moment at which an answer will be another one.
    pub(super) const fn changes_at(&self) -> Option<Timestamp> {
        self.changes_at.get()
    }
}

/// The content of overlay files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    pub rules: Vec<Rule>,
    /// The organisation's own namespaces.
    pub internal: Vec<NamespacePattern>,
    pub ownership: Vec<OwnershipRule>,
    pub protection: Protection,
    pub findings: Vec<Finding>,
}

impl Reading {
    /// Adds the content of another file.
    pub(super) fn add(&mut self, file: Self) {
        let Self { rules, internal, ownership, protection, findings } = file;
        self.rules.extend(rules);
        self.internal.extend(internal);
        self.ownership.extend(ownership);
        self.protection.listed.extend(protection.listed);
        self.protection.not_lookalikes.extend(protection.not_lookalikes);
        self.findings.extend(findings);
    }
}
