use super::ownership::OwnershipStatement;
use super::protection::Protection;
use super::statement::{Statement, Terms};
use crate::lint::Finding;
use crate::model::{Instant, NamespacePattern};

/// What the lint has to know beside the files.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub terms: Terms,
    pub now: Instant,
    /// The upstreams there are; `None` leaves the field unchecked, as for a set that was good
    /// when an upstream still existed.
    pub upstreams: Option<&'a [String]>,
}

/// What files say.
#[derive(Debug, Default)]
pub struct Reading {
    pub statements: Vec<Statement>,
    /// Namespaces that are the organisation's own.
    pub internal: Vec<NamespacePattern>,
    pub ownership: Vec<OwnershipStatement>,
    pub protection: Protection,
    pub findings: Vec<Finding>,
}
