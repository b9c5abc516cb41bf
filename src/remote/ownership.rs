use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::join;
use tokio::time::{Instant, timeout};

use super::dns::{FailingResolver, Resolvers};
use super::github::{GitHub, Trouble};
use super::http::AccessError;
use super::packages::Packages;
use super::source_settings::SourceSettings;
use super::well_known::WellKnown;
use crate::model::Digest;
use crate::ownership::{
    Claim, ContentLookup, Declaration, ForgeAnswer, Hint, KeyLookup, Lookup, Named, Offer, Package,
    Repository, RepositoryLink, WRONG_SELECTORS,
};

const NOT_ASKED: &str = "not requested in this lookup";
/// The requests that one lookup may still send, and until when.
#[derive(Debug)]
pub struct Asking {
    whole: usize,
    left: usize,
    until: Instant,
    is_exceeded: bool,
}

impl Asking {
    #[must_use]
    pub const fn new(requests: usize, until: Instant) -> Self {
        Self { whole: requests, left: requests, until, is_exceeded: false }
    }

    /// Returns true if a package was not asked that a later lookup may ask.
    #[must_use]
    pub const fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }

    /// Returns true if one more request may be sent. Only what is `countable` makes a lookup continue soon: repositories
    /// have their turn a day later, and a content with more packages than one lookup asks is never complete.
    fn spend(&mut self, countable: bool) -> bool {
        let may_ask = self.left > 0 && Instant::now() < self.until;
        self.left = self.left.saturating_sub(1);
        self.is_exceeded |= !may_ask && countable;
        may_ask
    }
}

/// The limit of one place in DNS, with all resolvers: two of them and a file stay within 20 seconds.
const PLACE: Duration = Duration::from_secs(10);

/// The sources of ownership evidence: DNS, a domain's own web server, GitHub, package registries.
pub struct OwnershipSources {
    resolvers: Arc<Resolvers>,
    well_known: WellKnown,
    github: GitHub,
    packages: Arc<Packages>,
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
        let SourceSettings { proxy, ca_files, .. } = settings;
        let proxy = proxy.as_ref();
        let resolvers = Resolvers::new(&settings.resolvers);
        let resolvers = resolvers.map_err(|source| AccessError::Resolver { source })?;
        let resolvers = Arc::new(resolvers);
        let token = settings.github_token.clone();
        Ok(Self {
            well_known: WellKnown::new(Arc::clone(&resolvers), settings)?,
            github: GitHub::new(&settings.github, token, proxy, ca_files)?,
            packages: Arc::new(Packages::new(&resolvers, settings)?),
            resolvers,
        })
    }

    /// Returns the client of package registries.
    #[must_use]
    pub fn packages(&self) -> Arc<Packages> {
        Arc::clone(&self.packages)
    }

    /// Reads the token, the certificates and the system's resolvers again, and uses what changed; returns the reasons why
    /// some cannot be used, whose values stay as they were. It blocks.
    #[must_use]
    pub fn look_at_files(&self) -> Vec<String> {
        let looks = [
            self.resolvers.look(),
            self.well_known.look(),
            self.github.look(),
            self.packages.look(),
        ];
        looks.into_iter().filter_map(Result::err).collect()
    }

    /// Returns the problems that the operator should fix.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.github.trouble()
    }

    /// Returns the resolvers that give no answers.
    #[must_use]
    pub fn failing_resolvers(&self) -> Vec<FailingResolver> {
        self.resolvers.failing()
    }

    /// Asks each resolver a question that it can always answer, so that one that fails is noticed.
    pub async fn probe_resolvers(&self) {
        self.resolvers.probe().await;
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
        // A resolver that is set aside, or taken back, during the lookup counts as missing.
        let was_partial = self.resolvers.are_partial();
        let above = parents.iter().map(|parent| self.keys(parent));
        let own = async {
            let own = self.keys(domain).await;
            let is_absent = matches!(own, KeyLookup::Absent(_) | KeyLookup::Invalid(..));
            let hint = if is_absent { self.misplaced(domain).await } else { None };
            (own, hint)
        };
        let ((own, misplaced), above, http) =
            join!(own, join_all(above), self.well_known.look_up(domain));
        let mut hints = Vec::new();
        if let Some(host) = host {
            hints.push(Hint::UnderSharedHost(host.to_owned()));
        }
        if self.resolvers.is_single() {
            hints.push(Hint::OneResolver);
        }
        let is_partial = was_partial || self.resolvers.are_partial();
        if is_partial {
            hints.push(Hint::ResolverSetAside);
        }
        hints.extend(misplaced);
        let above = parents.iter().cloned().zip(above);
        let dns = std::iter::once((domain.to_owned(), own)).chain(above).collect();
        Lookup::Domain { dns, http, hints, is_partial }
    }

    async fn keys(&self, domain: &str) -> KeyLookup {
        let late = |_| KeyLookup::Unclear("no complete answer within 10 seconds".into());
        timeout(PLACE, self.resolvers.keys(domain)).await.unwrap_or_else(late)
    }

    /// Finds a record at a place where it does not count.
    async fn misplaced(&self, domain: &str) -> Option<Hint> {
        let places = WRONG_SELECTORS.map(|selector| format!("{selector}.{domain}"));
        let lookups = join_all(places.iter().map(|place| self.keys(place))).await;
        let found = |(place, lookup): (String, KeyLookup)| {
            matches!(lookup, KeyLookup::Shown(_) | KeyLookup::Invalid(..))
                .then_some(Hint::Misplaced(place))
        };
        places.into_iter().zip(lookups).find_map(found)
    }

    /// Looks up the repository and the packages of some contents of one name. `account` owns the repositories
    /// that may declare them; `offset` counts the earlier lookups; `budget` is the number of further requests allowed.
    pub async fn contents(
        &self,
        account: Option<u64>,
        contents: &[(Digest, Offer)],
        offset: usize,
        budget: &mut Asking,
    ) -> Vec<ContentLookup> {
        let mut files: BTreeMap<&RepositoryLink, Result<Offer, Declaration>> = BTreeMap::new();
        let mut named: BTreeMap<&Package, Named> = BTreeMap::new();
        let mut lookups = Vec::with_capacity(contents.len());
        for (received, offer) in contents {
            let declaration = match (&offer.repository, account) {
                (None, _) => Declaration::Not("it names no repository on GitHub".into()),
                (Some(_), None) => Declaration::Not("the namespace has no GitHub account".into()),
                (Some(link), Some(account)) => {
                    if !files.contains_key(link) && budget.spend(false) {
                        files.insert(link, self.file(link, account).await);
                    }
                    declaration(offer, link, files.get(link))
                }
            };
            // Packages beyond the budget have their turn in a later lookup.
            let count = offer.packages.len().max(1);
            let is_countable = count <= budget.whole;
            let turn =
                offer.packages.iter().cycle().skip(offset % count).take(offer.packages.len());
            let mut packages = Vec::new();
            for package in turn {
                let is_known = named.contains_key(package);
                if !is_known && !self.packages.is_configured(package) {
                    named.insert(package, Named::NotConfigured);
                } else if !is_known && budget.spend(is_countable) {
                    named.insert(package, self.packages.servers(package).await);
                }
                let answer = named.get(package).cloned().unwrap_or(Named::NotAsked);
                packages.push((package.clone(), answer));
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

fn declaration(
    offer: &Offer,
    link: &RepositoryLink,
    file: Option<&Result<Offer, Declaration>>,
) -> Declaration {
    let repository = format!("{}/{}", link.owner, link.name);
    match file {
        Some(Ok(file)) => match file.declares(offer) {
            Ok(()) => Declaration::Declared(repository),
            Err(why) => Declaration::Not(format!("server.json of {repository}: {why}")),
        },
        Some(Err(declaration)) => declaration.clone(),
        None => Declaration::Unclear(NOT_ASKED.into()),
    }
}
