use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::{Host, Url};

use super::dns::Resolvers;
use super::github::segment;
use super::http::{AccessError, BodyError, client_builder, read_at_most};
use super::package_documents::{ImageDocument, NpmVersion, PythonProject, TokenDocument};
use super::source_settings::{Reach, SourceSettings};
use super::well_known::{Checked, is_below};
use crate::model::{is_public_name, reason};
use crate::ownership::{Named, Package, PackageRegistries, image};

const TOTAL: Duration = Duration::from_secs(30);
const MAX_REDIRECTS: usize = 3;
/// The limit for the metadata of one version; a long description has a few hundred KiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The limit on the name of a server, in characters.
const MAX_NAME: usize = 200;
const UNKNOWN_SHAPE: &str = "an answer of an unknown shape";
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A client of the configured package registries, and no others, that finds the server of a package.
pub(super) struct Packages {
    client: Client,
    /// Follows what a registry hands out through another host: to checked addresses, and without its token.
    guarded: Client,
    reach: Reach,
    proxied: bool,
    internal: Vec<String>,
    registries: PackageRegistries,
}

/// An answer of a package registry.
enum Answer {
    /// A document: JSON in bytes. It is read into what is needed only: most of it is a stranger's.
    Json(Bytes),
    Absent,
    /// The headers of a challenge, which name the source of a token.
    Challenged(HeaderMap),
    Unclear(String),
}

impl Packages {
    pub(super) fn new(
        resolvers: &Arc<Resolvers>,
        settings: &SourceSettings,
    ) -> Result<Self, AccessError> {
        let SourceSettings { proxy, ca_files, reach, internal_domains, .. } = settings;
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
        Ok(Self {
            client: build(builder()?)?,
            guarded: build(guarded)?,
            reach: *reach,
            proxied: proxy.is_some(),
            internal: internal_domains.clone(),
            registries: settings.packages.clone(),
        })
    }

    /// Returns true if the settings name the registry of a package.
    pub(super) fn is_configured(&self, package: &Package) -> bool {
        self.registries.of(package).is_some()
    }

    /// Returns the servers that a package names.
    pub(super) async fn servers(&self, package: &Package) -> Named {
        let Some(base) = self.registries.of(package) else {
            return Named::NotConfigured;
        };
        let leads_out = |text: &str| text.split('/').any(|part| matches!(part, "." | ".."));
        if leads_out(&package.identifier) || package.version.as_deref().is_some_and(leads_out) {
            return Named::Unavailable("its name or version has a segment `.` or `..`".into());
        }
        let asked = async {
            match package.registry.as_str() {
                "npm" => self.npm(base, package).await,
                "pypi" => self.pypi(base, package).await,
                _ => self.oci(base, package).await,
            }
        };
        let late = |_| Named::Unavailable("no complete answer within 30 seconds".into());
        timeout(TOTAL, asked).await.unwrap_or_else(late)
    }

    async fn npm(&self, base: &Url, package: &Package) -> Named {
        let version = package.version.as_deref().unwrap_or("latest");
        let path = format!("{}/{}", segment(&package.identifier), segment(version));
        named(self.get(base, &path, "application/json", None).await, |document: NpmVersion| {
            document
                .name
                .0
                .is_some()
                .then(|| document.mcp_name.0.as_deref().map(bounded).into_iter().collect())
        })
    }

    async fn pypi(&self, base: &Url, package: &Package) -> Named {
        let name = segment(&package.identifier);
        let path = match &package.version {
            Some(version) => format!("pypi/{name}/{}/json", segment(version)),
            None => format!("pypi/{name}/json"),
        };
        named(self.get(base, &path, "application/json", None).await, |document: PythonProject| {
            Some(mentioned(document.info.description.0.as_deref().unwrap_or_default()))
        })
    }

    /// Reads the annotation of an image's index or manifest, or the label of its configuration.
    async fn oci(&self, base: &Url, package: &Package) -> Named {
        let (repository, reference) = image(&package.identifier);
        let Some((_, path)) = repository.split_once('/') else {
            return Named::Unavailable("its name contains no registry host".into());
        };
        let path: String = path.split('/').map(|part| format!("{}/", segment(part))).collect();
        let reference = package.version.as_deref().filter(|_| reference.is_none()).or(reference);
        let reference = reference.unwrap_or("latest");
        let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        if !reference.bytes().all(usable) || !path.bytes().all(|byte| usable(byte) || byte == b'/')
        {
            return Named::Unavailable("it is no reference of an image".into());
        }
        let mut token = None;
        let mut next = format!("v2/{path}manifests/{}", reference.replace('/', "%2F"));
        // The challenge, the index, one of its manifests, and the configuration of that.
        for _ in 0..4 {
            let document = match self.get(base, &next, MANIFESTS, token.as_deref()).await {
                Answer::Json(bytes) => match serde_json::from_slice::<ImageDocument>(&bytes) {
                    Ok(document) => document,
                    Err(_) => return Named::Unavailable(UNKNOWN_SHAPE.into()),
                },
                Answer::Challenged(headers) if token.is_none() => {
                    match self.token(base, &headers).await {
                        Some(found) => token = Some(found),
                        None => {
                            return Named::Unavailable("it gave no token".into());
                        }
                    }
                    continue;
                }
                other => return named(other, |_: ImageDocument| None),
            };
            if let Some(name) = document.name() {
                return Named::Servers(BTreeSet::from([bounded(name)]));
            }
            let manifest =
                document.manifests.first().and_then(|manifest| manifest.digest.0.clone());
            let configuration = document.config.digest.0.clone();
            let is_configuration = next.contains("/blobs/");
            next = match (manifest, configuration) {
                (Some(digest), _) => format!("v2/{path}manifests/{}", segment_of_digest(&digest)),
                (None, Some(digest)) => format!("v2/{path}blobs/{}", segment_of_digest(&digest)),
                (None, None) if is_configuration => return Named::Servers(BTreeSet::new()),
                (None, None) => return Named::Unavailable(UNKNOWN_SHAPE.into()),
            };
        }
        Named::Servers(BTreeSet::new())
    }

    /// Requests a token for public reads, from the host that the registry names.
    async fn token(&self, base: &Url, headers: &HeaderMap) -> Option<String> {
        let challenge = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let field = |name: &str| {
            let rest = challenge.split_once(&format!("{name}=\""))?.1;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let mut realm = Url::parse(&field("realm")?).ok()?;
        for name in ["service", "scope"] {
            if let Some(value) = field(name) {
                realm.query_pairs_mut().append_pair(name, &value);
            }
        }
        match self.fetch(base, realm, "application/json", None).await {
            Answer::Json(bytes) => {
                let document: TokenDocument = serde_json::from_slice(&bytes).ok()?;
                document.token.0.or(document.access_token.0)
            }
            _ => None,
        }
    }

    async fn get(
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

    /// Fetches a URL of a registry, and follows its redirects. Another host is reached at public addresses only, and
    /// receives no token.
    async fn fetch(
        &self,
        base: &Url,
        mut url: Url,
        accept: &'static str,
        token: Option<&str>,
    ) -> Answer {
        for _ in 0..=MAX_REDIRECTS {
            let is_home = url.origin() == base.origin();
            let has_user = !url.username().is_empty() || url.password().is_some();
            if has_user || !is_home && !self.may_reach(base, &url) {
                return Answer::Unclear("it refers to a host that is not reached".into());
            }
            let client = if is_home { &self.client } else { &self.guarded };
            let mut request =
                client.get(url.clone()).header(ACCEPT, HeaderValue::from_static(accept));
            if let Some(token) = token.filter(|_| is_home) {
                request = request.bearer_auth(token);
            }
            let response = match request.send().await {
                Ok(response) => response,
                Err(error) => return Answer::Unclear(reason(&error.without_url())),
            };
            if !response.status().is_redirection() {
                return answer(response).await;
            }
            let target = response.headers().get(LOCATION).and_then(|target| target.to_str().ok());
            match target.and_then(|target| url.join(target).ok()) {
                Some(next) => url = next,
                None => return Answer::Unclear("a redirect without a target".into()),
            }
        }
        Answer::Unclear(format!("more than {MAX_REDIRECTS} redirects"))
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

async fn answer(response: Response) -> Answer {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Answer::Absent,
        StatusCode::UNAUTHORIZED => return Answer::Challenged(response.headers().clone()),
        status => return Answer::Unclear(format!("HTTP {}", status.as_u16())),
    }
    let body = match read_at_most(response, MAX_BYTES).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => {
            return Answer::Unclear("the answer has more than 4 MiB".into());
        }
        Err(BodyError::Broken(error)) => return Answer::Unclear(reason(&error)),
    };
    Answer::Json(body)
}

/// Reads the servers that a document names; `read` returns `None` for one of another shape, which is no answer.
fn named<D: DeserializeOwned>(
    answer: Answer,
    read: impl FnOnce(D) -> Option<BTreeSet<String>>,
) -> Named {
    match answer {
        Answer::Json(bytes) => match serde_json::from_slice(&bytes).ok().and_then(read) {
            Some(servers) => Named::Servers(servers),
            None => Named::Unavailable(UNKNOWN_SHAPE.into()),
        },
        Answer::Absent => Named::Absent,
        Answer::Challenged(_) => Named::Unavailable("HTTP 401".into()),
        Answer::Unclear(why) => Named::Unavailable(why),
    }
}

/// Keeps the beginning of a name. A longer text is the name of no server, and neither is what is kept of it.
fn bounded(name: &str) -> String {
    name.chars().take(MAX_NAME + 1).collect()
}

/// Encodes a digest for a path, where its colon stays; any other text is encoded in full.
fn segment_of_digest(text: &str) -> String {
    segment(text).replace("%3A", ":")
}

/// Returns the names that a description mentions as whole words after `mcp-name:`.
fn mentioned(text: &str) -> BTreeSet<String> {
    const MARK: &str = "mcp-name:";
    let is_name = |char: char| char.is_ascii_alphanumeric() || "._-/".contains(char);
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some(at) = rest.find(MARK) {
        let begins = !rest[..at].ends_with(|char: char| char.is_alphanumeric() || char == '-');
        rest = &rest[at + MARK.len()..];
        let text = rest.trim_start_matches([' ', '\t']);
        let end = text.find(|char: char| !is_name(char)).unwrap_or(text.len());
        // A full stop ends a sentence, not a name.
        let name = text[..end].trim_end_matches('.');
        if begins && name.contains('/') && names.len() < 64 {
            names.insert(bounded(name));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_too_long_is_cut_to_no_name() {
        assert_eq!(bounded(&"x".repeat(4 << 20)).len(), MAX_NAME + 1);
        assert_eq!(bounded("io.github.a/b"), "io.github.a/b");
    }

    #[rstest::rstest]
    #[case("x\nmcp-name: io.github.a/b\n", &["io.github.a/b"])]
    #[case("<!-- mcp-name: io.github.a/b -->", &["io.github.a/b"])]
    #[case("mcp-name:a.b/c. mcp-name: d.e/f,", &["a.b/c", "d.e/f"])]
    #[case("not-mcp-name: a.b/c", &[])]
    #[case("mcp-name: ", &[])]
    #[case("mcp-name: a.b/c-longer", &["a.b/c-longer"])]
    #[case("mcp-name: ü/x", &[])]
    fn descriptions_name_servers_as_whole_words(#[case] text: &str, #[case] wanted: &[&str]) {
        let wanted: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(mentioned(text), wanted);
    }
}
