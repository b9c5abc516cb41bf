use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::host::{Domain, Host};
use super::profile::EntryProfile;
use super::registrant::{ACCOUNT, Registrant, label};
use super::text::{MIN_EQUAL, Words, leaf, length};
use super::visual::Visual;
use crate::model::Name;
use crate::ownership::SharedHosts;

/// A name or a brand that other names must not imitate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protected {
    /// The name of a server, or a brand.
    pub subject: String,
    pub why: Why,
    /// The namespace that a brand belongs to, if known.
    pub home: Option<String>,
    /// True if other versions of the name may be served without an approval that spells them out: they are compared like
    /// those of any name.
    pub in_part: bool,
    /// The profile of its own entry, if it has one.
    pub profile: EntryProfile,
}

impl Protected {
    #[must_use]
    pub fn new(subject: impl Into<String>, why: Why) -> Self {
        let profile = EntryProfile::default();
        Self { subject: subject.into(), why, home: None, in_part: false, profile }
    }

    /// Returns the same with the namespace that it belongs to.
    #[must_use]
    pub fn of(self, namespace: &str) -> Self {
        Self { home: Some(namespace.to_owned()), ..self }
    }

    /// Returns the same with the profile of its own entry.
    #[must_use]
    pub fn shown(self, profile: EntryProfile) -> Self {
        Self { profile, ..self }
    }
}

/// The reason of a protection; the first has the highest weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    Internal,
    /// An overlay lists it under `protect`.
    Listed,
    /// An overlay approves it by its name.
    Approved,
}

/// A protected subject with everything that suspects are compared with.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) protected: Protected,
    pub(super) is_name: bool,
    pub(super) owner: Option<Registrant>,
    pub(super) words: Words,
    /// All its words in one piece.
    pub(super) compact: String,
    /// The brand, or the label of the owner of the name, if it is long enough to differ from a common word.
    pub(super) known_as: Option<Visual>,
    /// The domains of its owner.
    pub(super) domains: Vec<Domain>,
    /// Its owner, and the registrants of the hosts that its own entry points to.
    pub(super) registrants: BTreeSet<String>,
}

impl Target {
    /// Prepares a subject for comparisons.
    pub(super) fn of(protected: Protected, shared: &SharedHosts) -> Self {
        let name = Name::parse(&protected.subject).ok();
        let namespace = name.as_ref().map(Name::namespace).or(protected.home.as_deref());
        let owner = namespace.map(|namespace| Registrant::of(namespace, shared));
        let words = match &owner {
            // A namespace is known by the label of its owner.
            Some(owner) if owner.namespace.eq_ignore_ascii_case(&protected.subject) => {
                label(&owner.id)
            }
            _ => Words::of(leaf(&protected.subject)),
        };
        let known_as = match (&owner, &name) {
            (Some(owner), Some(_)) => owner.label.as_str(),
            _ => words.core.as_str(),
        };
        let known_as = (length(known_as) >= MIN_EQUAL).then(|| Visual::of(known_as));
        let hosts = Host::all(&protected.profile, shared);
        let (domains, registrants) =
            owner.as_ref().map(|owner| belongings(owner, hosts)).unwrap_or_default();
        Self {
            known_as,
            domains: domains.into_iter().filter_map(Domain::of).collect(),
            is_name: name.is_some(),
            protected,
            owner,
            compact: words.compact(),
            words,
            registrants,
        }
    }

    pub(super) fn subject(&self) -> &str {
        &self.protected.subject
    }

    /// Returns the owner of a protected name; `None` for a brand.
    pub(super) fn name_owner(&self) -> Option<&Registrant> {
        self.owner.as_ref().filter(|_| self.is_name)
    }
}

/// Returns the domains of an owner, and the registrants that its entry points to.
fn belongings(owner: &Registrant, hosts: BTreeSet<Host>) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut domains = BTreeSet::from([owner.id.clone()]);
    let mut registrants = BTreeSet::from([owner.id.clone()]);
    for host in hosts {
        // A page elsewhere belongs to the owner too when it has the owner's label.
        if host.label == owner.label {
            domains.insert(host.registrant.clone());
        }
        registrants.insert(host.registrant);
    }
    domains.retain(|domain| !domain.starts_with(ACCOUNT));
    (domains, registrants)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(protected: Protected) -> Target {
        Target::of(protected, &SharedHosts::default())
    }

    fn known_as(target: &Target) -> Option<&str> {
        target.known_as.as_ref().map(|known| known.text.as_str())
    }

    #[test]
    fn name_is_known_by_its_owner_and_brand_by_itself() {
        assert_eq!(
            known_as(&target(Protected::new("com.stripe/pay", Why::Approved))),
            Some("stripe")
        );
        assert_eq!(known_as(&target(Protected::new("acme bank", Why::Listed))), Some("acmebank"));
        assert_eq!(known_as(&target(Protected::new("aws", Why::Listed))), None);
        let namespace = Protected::new("com.stripe", Why::Internal).of("com.stripe");
        assert_eq!(target(namespace).compact, "stripe");
    }

    #[test]
    fn page_with_the_label_of_the_owner_is_one_of_its_domains() {
        let own = r#"{"name": "io.github.acme/x", "websiteUrl": "https://acme.example",
            "remotes": [{"url": "https://hosting.example/x"}]}"#;
        let own = EntryProfile::read(own).expect("an entry");
        let target = target(Protected::new("io.github.acme/x", Why::Approved).shown(own));
        let domains: Vec<&str> = target.domains.iter().map(|domain| domain.text.as_str()).collect();
        assert_eq!(domains, ["acme.example"]);
        assert!(target.registrants.contains("hosting.example"));
    }
}
