use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::join;
use url::Url;

use super::dns::Resolvers;
use super::github::{GitHub, Trouble};
use super::http::AccessError;
use super::packages::Packages;
use super::well_known::{Reach, WellKnown};
use crate::model::Digest;
use crate::ownership::{
    Claim, ContentLookup, Declaration, ForgeAnswer, KeyLookup, Lookup, Named, Offer, Package,
    Repository, RepositoryLink, WRONG_SELECTORS,
};

/// The sources of ownership evidence, and how to reach them.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// The system's resolvers when empty.
    pub resolvers: Vec<SocketAddr>,
    pub github: Url,
    pub github_token: Option<PathBuf>,
    /// Registries by kind of package.
    pub packages: BTreeMap<String, Url>,
    pub proxy: Option<Url>,
    pub ca_files: Vec<PathBuf>,
    pub reach: Reach,
}

/// The sources of ownership evidence: DNS, a domain's own web server, GitHub, package registries.
pub struct OwnershipSources {
    resolvers: Arc<Resolvers>,
    well_known: WellKnown,
    github: GitHub,
    packages: Packages,
}

impl std::fmt::Debug for OwnershipSources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It contains a token.
        f.write_str("OwnershipSources")
    }
}

impl OwnershipSources {
    /// Creates the clients of all ownership sources.
    ///
    /// # Errors
    /// When a certificate or token file, or a resolver, cannot be used.
    pub fn new(settings: &SourceSettings) -> Result<Self, AccessError> {
        let SourceSettings { proxy, ca_files, reach, .. } = settings;
        let proxy = proxy.as_ref();
        let resolvers = Resolvers::new(&settings.resolvers);
        let resolvers = resolvers.map_err(|source| AccessError::Resolver { source })?;
        let resolvers = Arc::new(resolvers);
        let token = settings.github_token.clone();
        Ok(Self {
            well_known: WellKnown::new(Arc::clone(&resolvers), proxy, ca_files, *reach)?,
            github: GitHub::new(&settings.github, token, proxy, ca_files)?,
            packages: Packages::new(&settings.packages, proxy, ca_files)?,
            resolvers,
        })
    }

    /// Returns the problems that the operator should fix.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.github.trouble()
    }

    /// Clears the DNS cache: a client that asks now does not want the state of five minutes ago.
    pub fn forget_answers(&self) {
        self.resolvers.forget();
    }

    /// Returns true if no request is sent to GitHub now.
    #[must_use]
    pub fn is_github_blocked(&self) -> bool {
        self.github.is_blocked()
    }

    /// Looks up all evidence that a namespace may show.
    pub async fn look_up(&self, claim: &Claim) -> Lookup {
        match claim {
            Claim::Unverifiable { why } => Lookup::Unverifiable(why.to_string()),
            Claim::GitHub { login } => Lookup::Account(self.github.account(login).await),
            Claim::Domain { domain, parents, shared_host } => {
                self.domain(domain, parents, shared_host.as_deref()).await
            }
        }
    }

    async fn domain(&self, domain: &str, parents: &[String], host: Option<&str>) -> Lookup {
        let above = async {
            let mut lookups = Vec::with_capacity(parents.len());
            for parent in parents {
                lookups.push((parent.clone(), self.resolvers.keys(parent).await));
            }
            lookups
        };
        let (own, above, http) =
            join!(self.resolvers.keys(domain), above, self.well_known.look_up(domain));
        let mut hints = Vec::new();
        if let Some(host) = host {
            hints.push(format!(
                "it is under the shared host {host}; a record of {host} does not cover it"
            ));
        }
        if self.resolvers.is_single() {
            hints.push("only one resolver was asked".to_owned());
        }
        if matches!(own, KeyLookup::Absent(_)) {
            hints.extend(self.misplaced(domain).await);
        }
        let dns = std::iter::once((domain.to_owned(), own)).chain(above).collect();
        Lookup::Domain { dns, http, hints }
    }

    /// Finds a record at a place where it does not count.
    async fn misplaced(&self, domain: &str) -> Option<String> {
        for selector in WRONG_SELECTORS {
            let place = format!("{selector}.{domain}");
            if matches!(self.resolvers.keys(&place).await, KeyLookup::Shown(..)) {
                return Some(format!(
                    "a record is at {place}, where it does not count; move it to {domain}"
                ));
            }
        }
        None
    }

    /// Looks up the repository and the packages of some contents of one name. `account` owns the repositories
    /// that may declare them; `budget` is the number of further requests allowed.
    pub async fn contents(
        &self,
        account: Option<u64>,
        contents: &[(Digest, Offer)],
        budget: &mut usize,
    ) -> Vec<ContentLookup> {
        let mut files: BTreeMap<&RepositoryLink, Result<Offer, Declaration>> = BTreeMap::new();
        let mut named: BTreeMap<Package, Named> = BTreeMap::new();
        let mut lookups = Vec::with_capacity(contents.len());
        for (received, offer) in contents {
            let declaration = match (&offer.repository, account) {
                (None, _) => Declaration::Not("it names no repository on GitHub".into()),
                (Some(_), None) => Declaration::Not("the namespace has no GitHub account".into()),
                (Some(link), Some(account)) => {
                    if !files.contains_key(link) && spend(budget) {
                        files.insert(link, self.file(link, account).await);
                    }
                    let repository = format!("{}/{}", link.owner, link.name);
                    match files.get(link) {
                        Some(Ok(file)) => match file.declares(offer) {
                            Ok(()) => Declaration::Declared(repository),
                            Err(why) => {
                                Declaration::Not(format!("server.json of {repository}: {why}"))
                            }
                        },
                        Some(Err(declaration)) => declaration.clone(),
                        None => Declaration::Unclear("not requested in this lookup".into()),
                    }
                }
            };
            let mut packages = Vec::new();
            for package in &offer.packages {
                if !named.contains_key(package) && spend(budget) {
                    named.insert(package.clone(), self.packages.servers(package).await);
                }
                let unasked = || Named::Unavailable("not requested in this lookup".into());
                packages
                    .push((package.clone(), named.get(package).cloned().unwrap_or_else(unasked)));
            }
            lookups.push(ContentLookup { received: *received, declaration, packages });
        }
        lookups
    }

    /// Reads the `server.json` of the repository that an entry names, if the account owns it.
    async fn file(&self, link: &RepositoryLink, account: u64) -> Result<Offer, Declaration> {
        let not = |why: String| Err(Declaration::Not(why));
        let Some(path) = &link.path else {
            return not("its subfolder is not a path inside a repository".into());
        };
        let Repository { full_name, id, node_id, owner } =
            match self.github.repository(&link.owner, &link.name).await {
                ForgeAnswer::Found(repository) => repository,
                ForgeAnswer::Absent => {
                    let why = "the repository does not exist, or is not public";
                    return Err(Declaration::Absent(why.into()));
                }
                ForgeAnswer::Unclear(why) => return Err(Declaration::Unclear(why)),
            };
        if owner != account {
            return not(format!("the repository {full_name} belongs to another account, {owner}"));
        }
        if !link.is_of(id, &node_id) {
            return not(format!("the repository {full_name} has the id {id}, not the stated one"));
        }
        // In its folder, else at the root, which may be the same.
        let root = (!path.is_empty()).then_some([].as_slice());
        for folder in std::iter::once(path.as_slice()).chain(root) {
            match self.github.server_json(&full_name, folder).await {
                ForgeAnswer::Found(text) => {
                    return match Offer::read(&text) {
                        Some(offer) => Ok(offer),
                        None => not(format!(
                            "server.json of {full_name} is not a JSON object with a name"
                        )),
                    };
                }
                ForgeAnswer::Absent => {}
                ForgeAnswer::Unclear(why) => return Err(Declaration::Unclear(why)),
            }
        }
        Err(Declaration::Absent(format!("{full_name} contains no server.json")))
    }
}

fn spend(budget: &mut usize) -> bool {
    let left = *budget > 0;
    *budget = budget.saturating_sub(1);
    left
}
