use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::{Digest, fill, given_values};
use crate::ownership::{Offer, Package, RepositoryLink, host};

/// The facts of an entry that are compared in addition to its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryProfile {
    pub title: String,
    pub description: String,
    /// The hosts of remotes and of the website, in lower case, as written.
    pub hosts: BTreeSet<String>,
    /// The registry type and identifier of each package, without tag or digest.
    pub packages: BTreeSet<(String, String)>,
    pub repository: Option<RepositoryLink>,
}

impl EntryProfile {
    /// Reads the profile of a `server` object; `None` when it is not an object with a name.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(json).ok()?)
    }

    /// Reads the profile of a parsed `server` object; `None` when it is not an object with a name.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        let offer = Offer::of(value)?;
        // A client does not show a member of another type as text.
        let text = |member: &str| value[member].as_str();
        let mut hosts = offer.hosts;
        hosts.extend(text("websiteUrl").and_then(host));
        hosts.extend(opened_hosts(value));
        let packages = offer.packages.iter().map(Package::key);
        Some(Self {
            title: text("title").unwrap_or_default().to_owned(),
            description: text("description").unwrap_or_default().to_owned(),
            hosts,
            packages: packages.map(|(kind, text)| (kind.to_owned(), text.to_owned())).collect(),
            repository: offer.repository,
        })
    }

    /// Returns the SHA-256 of the content: equal profiles have equal digests, in every build.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let count = |length: usize| length.to_string();
        let mut parts = vec![self.title.clone(), self.description.clone()];
        parts.push(count(self.hosts.len()));
        parts.extend(self.hosts.iter().cloned());
        parts.push(count(self.packages.len()));
        for (kind, identifier) in &self.packages {
            parts.extend([kind.clone(), identifier.clone()]);
        }
        if let Some(RepositoryLink { owner, name, id, path }) = &self.repository {
            parts.extend([owner.clone(), name.clone()]);
            parts.push(count(id.iter().count()));
            parts.extend(id.clone());
            parts.push(count(path.iter().count()));
            parts.extend(path.iter().flatten().cloned());
        }
        Digest::of_parts(parts.iter().map(String::as_bytes))
    }
}

/// Hosts of packages that are addresses, which say nothing about their owners.
const CODE_HOSTS: [&str; 2] = ["github.com", "gitlab.com"];

/// Returns the hosts that a client opens beside those that are written in remotes: with the values that the entry gives
/// to variables, of the transports of packages, and of packages that are addresses.
fn opened_hosts(value: &Value) -> BTreeSet<String> {
    let list = |member: &str| value[member].as_array().into_iter().flatten();
    let transports = list("packages").map(|package| &package["transport"]);
    let templates = list("remotes").chain(transports);
    let filled = templates.flat_map(|transport| {
        let url = transport["url"].as_str().and_then(host).unwrap_or_default();
        let given = |name: &str| match given_values(&transport["variables"][name]) {
            given if given.is_empty() => vec![""],
            given => given,
        };
        let hosts = fill(&url, given).unwrap_or_default();
        // A value may bring a path of its own.
        hosts.into_iter().filter_map(|text| host(&format!("https://{text}"))).collect::<Vec<_>>()
    });
    // The registry of an image has many owners, and so has a code host.
    let addresses = list("packages")
        .filter_map(|package| host(package["identifier"].as_str()?))
        .filter(|host| !CODE_HOSTS.contains(&host.as_str()));
    filled.chain(addresses).filter(|host| !host.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(members: &str) -> EntryProfile {
        EntryProfile::read(&format!(r#"{{"name": "a.b/c"{members}}}"#)).expect("an entry")
    }

    #[rstest::rstest]
    #[case(r#", "title": "x""#, r#", "description": "x""#)]
    #[case(r#", "title": "ab", "description": "c""#, r#", "title": "a", "description": "bc""#)]
    #[case(r#", "websiteUrl": "https://x.example""#, "")]
    #[case(
        r#", "packages": [{"registryType": "npm", "identifier": "a"}]"#,
        r#", "packages": [{"registryType": "pypi", "identifier": "a"}]"#
    )]
    #[case(
        r#", "repository": {"url": "https://github.com/a/b"}"#,
        r#", "repository": {"url": "https://github.com/a/c"}"#
    )]
    fn different_content_has_different_digest(#[case] left: &str, #[case] right: &str) {
        assert_ne!(profile(left).digest(), profile(right).digest());
    }

    #[test]
    fn digest_is_the_same_in_every_build() {
        let members = r#", "title": "T", "websiteUrl": "https://x.example",
            "packages": [{"registryType": "npm", "identifier": "a"}],
            "repository": {"url": "https://github.com/a/b"}"#;
        assert_eq!(profile(members).digest(), profile(members).digest());
        assert_eq!(
            profile(members).digest().to_string(),
            "sha256:633cde8fd4380db4135af6ab6793849ffdb210131c2a92c0cb2ed44257c7f154"
        );
    }

    /// P25.
    #[rstest::rstest]
    #[case(r#", "remotes": [{"url": "https://{h}/", "variables": {"h": {"value": "Stripe.com.evil.example"}}}]"#)]
    #[case(r#", "remotes": [{"url": "https://{h}.example/", "variables": {"h": {"choices": ["x", "stripe.com.evil"]}}}]"#)]
    #[case(r#", "remotes": [{"url": "https://{h}x/", "variables": {"h": {"default": "stripe.com.evil.example/"}}}]"#)]
    #[case(r#", "packages": [{"identifier": "https://stripe.com.evil.example/x.mcpb"}]"#)]
    #[case(r#", "packages": [{"transport": {"url": "https://stripe.com.evil.example/"}}]"#)]
    fn every_host_that_a_client_opens_is_in_the_profile(#[case] members: &str) {
        let hosts = profile(members).hosts;
        assert!(hosts.contains("stripe.com.evil.example"), "{hosts:?}");
    }

    #[test]
    fn host_of_a_shared_registry_or_code_host_is_not_the_publishers() {
        let members = r#", "packages": [{"identifier": "images.example/x/y:1"}, {"identifier": "@a.example/x"},
            {"identifier": "https://github.com/a/b/releases/download/1/x.mcpb"}]"#;
        assert_eq!(profile(members).hosts, BTreeSet::new());
    }

    #[test]
    fn members_of_another_type_are_not_texts() {
        assert_eq!(
            profile(r#", "title": 7, "description": "x""#),
            profile(r#", "description": "x""#)
        );
        assert_eq!(EntryProfile::read("[]"), None);
    }
}
