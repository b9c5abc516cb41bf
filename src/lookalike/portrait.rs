use std::collections::BTreeSet;

use serde::Deserialize;

use crate::ownership::{Offer, Package, RepositoryLink, host};

/// What of an entry is compared beside its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Portrait {
    pub title: String,
    pub description: String,
    /// Of remotes and of the website, in small letters, as they are written.
    pub hosts: BTreeSet<String>,
    /// Kind and identifier, without tag or digest.
    pub packages: BTreeSet<(String, String)>,
    pub repository: Option<RepositoryLink>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Words {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    website_url: Option<String>,
}

impl Portrait {
    /// Reads what matters of a `server` object; `None` when it is no object with a name.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        let offer = Offer::read(json)?;
        // A member of another type says nothing that anybody reads.
        let words: Option<Words> = serde_json::from_str(json).ok();
        let Words { title, description, website_url } =
            words.unwrap_or(Words { title: None, description: None, website_url: None });
        let mut hosts = offer.hosts;
        hosts.extend(website_url.as_deref().and_then(host));
        let keys = offer.packages.iter().map(Package::key);
        Some(Self {
            title: title.unwrap_or_default(),
            description: description.unwrap_or_default(),
            hosts,
            packages: keys.map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect(),
            repository: offer.repository,
        })
    }
}
