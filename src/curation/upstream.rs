use crate::model::NamespaceRules;

/// The settings of an upstream that decide which one is authoritative for a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamPolicy {
    pub id: String,
    /// The lowest number wins.
    pub priority: u64,
    pub internal: bool,
    pub enabled: bool,
    pub namespaces: NamespaceRules,
}
