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
    Claim, ContentSight, Declaration, Forged, Look, Named, Offer, Package, Repository,
    RepositoryLink, Sight, WRONG_SELECTORS,
};

/// Who is asked, and how they are reached.
#[derive(Debug, Clone)]
pub struct Enquiry {
    /// Those of the system, when empty.
    pub resolvers: Vec<SocketAddr>,
    pub github: Url,
    pub github_token: Option<PathBuf>,
    /// By kind of package.
    pub packages: BTreeMap<String, Url>,
    pub proxy: Option<Url>,
    pub ca_files: Vec<PathBuf>,
    pub reach: Reach,
}

/// Those who can say who owns a namespace: DNS, a domain's own web server, GitHub, package registries.
pub struct Witnesses {
    resolvers: Arc<Resolvers>,
    well_known: WellKnown,
    github: GitHub,
    packages: Packages,
}

impl std::fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It holds a token.
        f.write_str("Witnesses")
    }
}

impl Witnesses {
    /// # Errors
    /// When a certificate or token file, or a resolver, cannot be used.
    pub fn new(enquiry: &Enquiry) -> Result<Self, AccessError> {
        let Enquiry { proxy, ca_files, reach, .. } = enquiry;
        let proxy = proxy.as_ref();
        let resolvers = Resolvers::new(&enquiry.resolvers);
        let resolvers = resolvers.map_err(|source| AccessError::Resolver { source })?;
        let resolvers = Arc::new(resolvers);
        let token = enquiry.github_token.clone();
        Ok(Self {
            well_known: WellKnown::new(Arc::clone(&resolvers), proxy, ca_files, *reach)?,
            github: GitHub::new(&enquiry.github, token, proxy, ca_files)?,
            packages: Packages::new(&enquiry.packages, proxy, ca_files)?,
            resolvers,
        })
    }

    /// What a person should do something about.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.github.trouble()
    }

    /// Has DNS asked anew: whoever wants to know now does not want what was the case five minutes ago.
    pub fn forget_answers(&self) {
        self.resolvers.forget();
    }

    /// Whether GitHub would not be asked now.
    #[must_use]
    pub fn is_github_blocked(&self) -> bool {
        self.github.is_blocked()
    }

    /// Looks at everything that could show whose a namespace is.
    pub async fn look(&self, claim: &Claim) -> Sight {
        match claim {
            Claim::Unprovable { why } => Sight::Unprovable(why.to_string()),
            Claim::GitHub { login } => Sight::Account(self.github.account(login).await),
            Claim::Domain { domain, parents, shared_host } => {
                self.domain(domain, parents, shared_host.as_deref()).await
            }
        }
    }

    async fn domain(&self, domain: &str, parents: &[String], host: Option<&str>) -> Sight {
        let above = async {
            let mut looks = Vec::with_capacity(parents.len());
            for parent in parents {
                looks.push((parent.clone(), self.resolvers.keys(parent).await));
            }
            looks
        };
        let (own, above, http) =
            join!(self.resolvers.keys(domain), above, self.well_known.look(domain));
        let mut hints = Vec::new();
        if let Some(host) = host {
            hints.push(format!(
                "it is under the shared host {host}, whose record says nothing of it"
            ));
        }
        if self.resolvers.is_single() {
            hints.push("only one resolver was asked".to_owned());
        }
        if matches!(own, Look::Absent(_)) {
            hints.extend(self.misplaced(domain).await);
        }
        let dns = std::iter::once((domain.to_owned(), own)).chain(above).collect();
        Sight::Domain { dns, http, hints }
    }

    /// Records that stand where they do not count.
    async fn misplaced(&self, domain: &str) -> Option<String> {
        for selector in WRONG_SELECTORS {
            let place = format!("{selector}.{domain}");
            if matches!(self.resolvers.keys(&place).await, Look::Shown(..)) {
                return Some(format!(
                    "a record stands at {place}, where it does not count; it belongs at {domain}"
                ));
            }
        }
        None
    }

    /// What the repository and the packages of some contents of one name say. `account` is whose
    /// repository may declare them, `budget` how many more questions may be asked.
    pub async fn contents(
        &self,
        account: Option<u64>,
        contents: &[(Digest, Offer)],
        budget: &mut usize,
    ) -> Vec<ContentSight> {
        let mut files: BTreeMap<&RepositoryLink, Result<Offer, Declaration>> = BTreeMap::new();
        let mut named: BTreeMap<Package, Named> = BTreeMap::new();
        let mut sights = Vec::with_capacity(contents.len());
        for (received, offer) in contents {
            let declaration = match (&offer.repository, account) {
                (None, _) => Declaration::Not("it names no repository on GitHub".into()),
                (Some(_), None) => Declaration::Not("no account holds the namespace".into()),
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
                        None => Declaration::Unclear("not asked for in this look".into()),
                    }
                }
            };
            let mut packages = Vec::new();
            for package in &offer.packages {
                if !named.contains_key(package) && spend(budget) {
                    named.insert(package.clone(), self.packages.servers(package).await);
                }
                let unasked = || Named::Unavailable("not asked for in this look".into());
                packages
                    .push((package.clone(), named.get(package).cloned().unwrap_or_else(unasked)));
            }
            sights.push(ContentSight { received: *received, declaration, packages });
        }
        sights
    }

    /// The `server.json` of the repository that an entry names, when it is that account's.
    async fn file(&self, link: &RepositoryLink, account: u64) -> Result<Offer, Declaration> {
        let not = |why: String| Err(Declaration::Not(why));
        let Some(path) = &link.path else {
            return not("its subfolder is no path inside a repository".into());
        };
        let Repository { full_name, id, node_id, owner } =
            match self.github.repository(&link.owner, &link.name).await {
                Forged::Found(repository) => repository,
                Forged::Absent => {
                    let why = "the repository is not there, or not public";
                    return Err(Declaration::Absent(why.into()));
                }
                Forged::Unclear(why) => return Err(Declaration::Unclear(why)),
            };
        if owner != account {
            return not(format!("the repository {full_name} is of another account, {owner}"));
        }
        if !link.is_of(id, &node_id) {
            return not(format!("the repository {full_name} is {id}, not the one that is stated"));
        }
        // In its folder, else at the root, which may be the same.
        let root = (!path.is_empty()).then_some([].as_slice());
        for folder in std::iter::once(path.as_slice()).chain(root) {
            match self.github.server_json(&full_name, folder).await {
                Forged::Found(text) => {
                    return match Offer::read(&text) {
                        Some(offer) => Ok(offer),
                        None => not(format!("server.json of {full_name} cannot be read")),
                    };
                }
                Forged::Absent => {}
                Forged::Unclear(why) => return Err(Declaration::Unclear(why)),
            }
        }
        Err(Declaration::Absent(format!("{full_name} holds no server.json")))
    }
}

fn spend(budget: &mut usize) -> bool {
    let left = *budget > 0;
    *budget = budget.saturating_sub(1);
    left
}
