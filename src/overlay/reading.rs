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

impl Context<'_> {
    /// Returns true if a moment has passed.
    pub(super) fn is_past(&self, moment: Timestamp) -> bool {
        moment < self.now
    }
}

/// The content of overlay files.
#[derive(Debug, Default)]
pub struct Reading {
    pub rules: Vec<Rule>,
    /// The organisation's own namespaces.
    pub internal: Vec<NamespacePattern>,
    pub ownership: Vec<OwnershipRule>,
    pub protection: Protection,
    pub findings: Vec<Finding>,
}
