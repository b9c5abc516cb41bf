use std::collections::BTreeSet;

use serde_json::Value;

use crate::ownership::{Offer, Package, RepositoryLink, host};

/// What of an entry is compared beside its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Portrait {
    pub title: String,
    pub description: String,
    /// Of remotes and of the website, in small letters, as they are written.
    pub hosts: BTreeSet<String>,
    /// Kind and identifier, without tag or digest.
    pub packages: BTreeSet<(String, String)>,
    pub repository: Option<RepositoryLink>,
}

impl Portrait {
    /// Reads what matters of a `server` object; `None` when it is no object with a name.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(json).ok()?)
    }

    /// Reads what matters of a parsed `server` object; `None` when it is no object with a name.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let offer = Offer::of(value)?;
        let text = |member: &str| value[member].as_str();
        let mut hosts = offer.hosts;
        hosts.extend(text("websiteUrl").and_then(host));
        let keys = offer.packages.iter().map(Package::key);
        Some(Self {
            title: text("title").unwrap_or_default().to_owned(),
            description: text("description").unwrap_or_default().to_owned(),
            hosts,
            packages: keys.map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect(),
            repository: offer.repository,
        })
    }
}
