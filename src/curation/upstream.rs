use std::collections::BTreeSet;

use crate::model::NamespaceRules;

/// Upstreams that have rows and no definition any more, by id: what a file said of them stays true of their rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RemovedUpstreams {
    /// Those of the organisation: their rows keep the trust.
    pub internal: BTreeSet<String>,
    /// Those with `enabled = false`: they serve nothing, and removing the file brings nothing back.
    pub withdrawn: BTreeSet<String>,
}

/// The settings of an upstream that decide which one is authoritative for a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamPolicy {
    pub id: String,
    /// The lowest number wins.
    pub priority: u64,
    pub internal: bool,
    pub enabled: bool,
    /// True if the dates that it states for what its first full sync brings count as they stand.
    pub trust_dates: bool,
    pub namespaces: NamespaceRules,
}
