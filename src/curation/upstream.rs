use crate::model::NamespaceRules;

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
