use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::model::{is_public_name, reason};
use crate::remote::dns::Resolvers;
use crate::remote::http::{AccessError, BodyError, client_builder, read_at_most};
use crate::remote::source_settings::{Reach, SourceSettings};
use crate::remote::watched::Watched;
use crate::remote::well_known::{Checked, is_below};

pub(super) const JSON: &str = "application/json";
pub(super) const UNKNOWN_SHAPE: &str = "an answer of an unknown shape";

const MAX_REDIRECTS: usize = 3;
/// The limit for one document; a long description has a few hundred KiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// An HTTP client of the registries that the settings name, and of what they refer to.
pub(super) struct PackageClient {
    clients: Watched<Clients>,
    reach: Reach,
    proxied: bool,
    internal: Vec<String>,
}

struct Clients {
    home: Client,
    /// Follows what a registry hands out through another host: to checked addresses, and without its token.
    guarded: Client,
}

impl Clients {
    fn open(resolvers: &Arc<Resolvers>, settings: &SourceSettings) -> Result<Self, AccessError> {
        let SourceSettings { proxy, ca_files, reach, .. } = settings;
        let builder = || {
            let builder = client_builder(proxy.as_ref(), ca_files)?
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(Duration::from_secs(10));
            Ok(builder)
        };
        let build = |builder: ClientBuilder| {
            builder.build().map_err(|source| AccessError::Client { source })
        };
        let mut guarded = builder()?;
        if proxy.is_none() {
            let (resolvers, reach) = (Arc::clone(resolvers), *reach);
            guarded = guarded.dns_resolver(Arc::new(Checked { resolvers, reach }));
        }
        Ok(Self { home: build(builder()?)?, guarded: build(guarded)? })
    }
}

/// An answer of a package registry.
pub(super) enum Answer {
    Document(Document),
    Absent,
    /// The headers of a challenge, which name the source of a token.
    Challenged(HeaderMap),
    Unclear(String),
}

/// The body of an answer, which should be JSON, with its headers.
pub(super) struct Document {
    pub(super) body: Bytes,
    pub(super) headers: HeaderMap,
}

impl PackageClient {
    pub(super) fn new(
        resolvers: &Arc<Resolvers>,
        settings: &SourceSettings,
    ) -> Result<Self, AccessError> {
        let (resolvers, opened) = (Arc::clone(resolvers), settings.clone());
        let open = move |_: Option<&Clients>| Clients::open(&resolvers, &opened);
        Ok(Self {
            clients: Watched::open(settings.ca_files.clone(), open)?,
            reach: settings.reach,
            proxied: settings.proxy.is_some(),
            internal: settings.internal_domains.clone(),
        })
    }

    /// Takes the certificates up as they are now.
    pub(super) fn look(&self) -> Result<bool, String> {
        self.clients.look()
    }

    /// Fetches a document below the URL of a registry.
    pub(super) async fn get(
        &self,
        base: &Url,
        path: &str,
        accept: &'static str,
        token: Option<&str>,
    ) -> Answer {
        let Ok(url) = Url::parse(&format!("{}/{path}", base.as_str().trim_end_matches('/'))) else {
            return Answer::Unclear("its name makes no URL".into());
        };
        self.fetch(base, url, accept, token).await
    }

    /// Fetches a document of a registry, or to which it refers.
    pub(super) async fn fetch(
        &self,
        base: &Url,
        url: Url,
        accept: &'static str,
        token: Option<&str>,
    ) -> Answer {
        match self.send(base, url, accept, token).await {
            Ok(response) => answer(response).await,
            Err(why) => Answer::Unclear(why),
        }
    }

    /// Sends a request for a URL of a registry, and follows its redirects. Another host is reached at public addresses
    /// only, and receives no token.
    pub(super) async fn send(
        &self,
        base: &Url,
        mut url: Url,
        accept: &'static str,
        token: Option<&str>,
    ) -> Result<Response, String> {
        let clients = self.clients.current();
        for _ in 0..=MAX_REDIRECTS {
            let is_home = url.origin() == base.origin();
            let has_user = !url.username().is_empty() || url.password().is_some();
            if has_user || !is_home && !self.may_reach(base, &url) {
                return Err("it refers to a host that is not reached".into());
            }
            let client = if is_home { &clients.home } else { &clients.guarded };
            let mut request =
                client.get(url.clone()).header(ACCEPT, HeaderValue::from_static(accept));
            if let Some(token) = token.filter(|_| is_home) {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.map_err(|error| reason(&error.without_url()))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let target = response.headers().get(LOCATION).and_then(|target| target.to_str().ok());
            match target.and_then(|target| url.join(target).ok()) {
                Some(next) => url = next,
                None => return Err("a redirect without a target".into()),
            }
        }
        Err(format!("more than {MAX_REDIRECTS} redirects"))
    }

    /// Returns true if a registry may refer to a host: over https, and at an address that may be reached.
    fn may_reach(&self, base: &Url, url: &Url) -> bool {
        let is_secure = url.scheme() == "https" || url.scheme() == base.scheme();
        is_secure
            && match url.host() {
                Some(Host::Domain(name)) if self.proxied => {
                    is_public_name(name) && !is_below(name, &self.internal)
                }
                Some(Host::Domain(_)) => true,
                Some(Host::Ipv4(address)) => (self.reach.admits)(address.into()),
                Some(Host::Ipv6(address)) => (self.reach.admits)(address.into()),
                None => false,
            }
    }
}

impl Answer {
    /// Returns the document, `None` if there definitely is none, or the reason why that is not known.
    pub(super) fn found(self) -> Result<Option<Document>, String> {
        match self {
            Self::Document(document) => Ok(Some(document)),
            Self::Absent => Ok(None),
            Self::Challenged(_) => Err("HTTP 401".into()),
            Self::Unclear(why) => Err(why),
        }
    }
}

impl Document {
    /// Reads the document into a few of its members; `None` for one of another shape.
    pub(super) fn read<D: DeserializeOwned>(&self) -> Option<D> {
        serde_json::from_slice(&self.body).ok()
    }
}

async fn answer(response: Response) -> Answer {
    match status(&response) {
        Status::Found => {}
        Status::Absent => return Answer::Absent,
        Status::Challenged => return Answer::Challenged(response.headers().clone()),
        Status::Other(why) => return Answer::Unclear(why),
    }
    let headers = response.headers().clone();
    match read_at_most(response, MAX_BYTES).await {
        Ok(body) => Answer::Document(Document { body, headers }),
        Err(BodyError::TooLarge) => Answer::Unclear("the answer has more than 4 MiB".into()),
        Err(BodyError::Broken(error)) => Answer::Unclear(reason(&error)),
    }
}

/// The meaning of the status of a response.
pub(super) enum Status {
    Found,
    Absent,
    Challenged,
    Other(String),
}

pub(super) fn status(response: &Response) -> Status {
    match response.status() {
        StatusCode::OK => Status::Found,
        StatusCode::NOT_FOUND | StatusCode::GONE => Status::Absent,
        StatusCode::UNAUTHORIZED => Status::Challenged,
        status => Status::Other(format!("HTTP {}", status.as_u16())),
    }
}
