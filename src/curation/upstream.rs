use crate::model::NamespaceRules;

/// An upstream as far as it matters for which one is authoritative for a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamPolicy {
    pub id: String,
    /// The lower one wins.
    pub priority: u64,
    pub internal: bool,
    pub enabled: bool,
    pub namespaces: NamespaceRules,
}
