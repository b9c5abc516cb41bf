use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use super::github::segment;
use super::http::{AccessError, BodyError, client_builder, read_at_most};
use crate::model::reason;
use crate::ownership::{Named, Package, image};

const TOTAL: Duration = Duration::from_secs(30);
/// The limit for the metadata of one version; a long description has a few hundred KiB.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The limit on the name of a server, in characters.
const MAX_NAME: usize = 200;
/// The annotation, or label, by which an image names its server.
const LABEL: &str = "io.modelcontextprotocol.server.name";
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// A client of the configured package registries, and no others, that finds the server of a package.
pub(super) struct Packages {
    client: Client,
    registries: BTreeMap<String, Url>,
}

/// An answer of a package registry.
enum Answer {
    Json(Value),
    Absent,
    /// The headers of a challenge, which name the source of a token.
    Challenged(HeaderMap),
    Unclear(String),
}

impl Packages {
    pub(super) fn new(
        registries: &BTreeMap<String, Url>,
        proxy: Option<&Url>,
        ca_files: &[PathBuf],
    ) -> Result<Self, AccessError> {
        let client = client_builder(proxy, ca_files)?
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|source| AccessError::Client { source })?;
        Ok(Self { client, registries: registries.clone() })
    }

    /// Returns the servers that a package names.
    pub(super) async fn servers(&self, package: &Package) -> Named {
        let Some(base) = self.registries.get(&package.registry) else {
            return Named::Unavailable("not configured".into());
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
        named(self.get(base, &path, "application/json", None).await, |json| {
            json["mcpName"].as_str().map(bounded).into_iter().collect()
        })
    }

    async fn pypi(&self, base: &Url, package: &Package) -> Named {
        let name = segment(&normalized(&package.identifier));
        let path = match &package.version {
            Some(version) => format!("pypi/{name}/{}/json", segment(version)),
            None => format!("pypi/{name}/json"),
        };
        named(self.get(base, &path, "application/json", None).await, |json| {
            mentioned(json["info"]["description"].as_str().unwrap_or_default())
        })
    }

    /// Reads the annotation of an image's index or manifest, or the label of its configuration.
    async fn oci(&self, base: &Url, package: &Package) -> Named {
        let (repository, reference) = image(&package.identifier);
        let Some((host, path)) = repository.split_once('/') else {
            return Named::Unavailable("its name contains no registry host".into());
        };
        let asked = base.host_str().zip(base.port()).map(|(host, port)| format!("{host}:{port}"));
        if Some(host) != base.host_str() && Some(host) != asked.as_deref() {
            return Named::Unavailable("its registry is not configured".into());
        }
        let path: String = path.split('/').map(|part| format!("{}/", segment(part))).collect();
        let reference = package.version.as_deref().filter(|_| reference.is_none()).or(reference);
        let reference = reference.unwrap_or("latest");
        let mut token = None;
        let mut next = format!("v2/{path}manifests/{}", reference.replace('/', "%2F"));
        // The challenge, the index, one of its manifests, and the configuration of that.
        for _ in 0..4 {
            let json = match self.get(base, &next, MANIFESTS, token.as_deref()).await {
                Answer::Json(json) => json,
                Answer::Challenged(headers) if token.is_none() => {
                    match self.token(base, &headers).await {
                        Some(found) => token = Some(found),
                        None => {
                            return Named::Unavailable(
                                "it requires a token from another host".into(),
                            );
                        }
                    }
                    continue;
                }
                other => return named(other, |_| BTreeSet::new()),
            };
            let name =
                json["annotations"][LABEL].as_str().or(json["config"]["Labels"][LABEL].as_str());
            if let Some(name) = name {
                return Named::Servers(BTreeSet::from([bounded(name)]));
            }
            let manifest = json["manifests"][0]["digest"].as_str();
            let configuration = json["config"]["digest"].as_str();
            next = match (manifest, configuration) {
                (Some(digest), _) => format!("v2/{path}manifests/{}", segment_of_digest(digest)),
                (None, Some(digest)) => format!("v2/{path}blobs/{}", segment_of_digest(digest)),
                (None, None) => return Named::Servers(BTreeSet::new()),
            };
        }
        Named::Servers(BTreeSet::new())
    }

    /// Requests a token for public reads, from the registry itself only.
    async fn token(&self, base: &Url, headers: &HeaderMap) -> Option<String> {
        let challenge = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let field = |name: &str| {
            let rest = challenge.split_once(&format!("{name}=\""))?.1;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let mut realm = Url::parse(&field("realm")?).ok()?;
        if realm.origin() != base.origin() {
            return None;
        }
        for name in ["service", "scope"] {
            if let Some(value) = field(name) {
                realm.query_pairs_mut().append_pair(name, &value);
            }
        }
        match self.get(&realm, "", "application/json", None).await {
            Answer::Json(json) => {
                json["token"].as_str().or(json["access_token"].as_str()).map(str::to_owned)
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
        let url = match path {
            "" => base.to_string(),
            path => format!("{}/{path}", base.as_str().trim_end_matches('/')),
        };
        let mut request = self.client.get(url).header(ACCEPT, HeaderValue::from_static(accept));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Unclear(reason(&error.without_url())),
        };
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
        match serde_json::from_slice(&body) {
            Ok(json) => Answer::Json(json),
            Err(_) => Answer::Unclear("the answer is not JSON".into()),
        }
    }
}

fn named(answer: Answer, read: impl FnOnce(&Value) -> BTreeSet<String>) -> Named {
    match answer {
        Answer::Json(json) => Named::Servers(read(&json)),
        Answer::Absent => Named::Absent,
        Answer::Challenged(_) => Named::Unavailable("HTTP 401".into()),
        Answer::Unclear(why) => Named::Unavailable(why),
    }
}

/// Keeps the beginning of a name. A longer text is the name of no server, and neither is what is kept of it.
fn bounded(name: &str) -> String {
    name.chars().take(MAX_NAME + 1).collect()
}

/// Returns the name of a Python package as its registry spells it (PEP 503): another spelling is answered with a redirect.
fn normalized(identifier: &str) -> String {
    let parts = identifier.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
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
    #[case("stripe_mcp", "stripe-mcp")]
    #[case("Stripe-.mcp", "stripe-mcp")]
    #[case("zope.interface", "zope-interface")]
    fn python_package_is_asked_for_as_its_registry_spells_it(
        #[case] identifier: &str,
        #[case] asked: &str,
    ) {
        assert_eq!(normalized(identifier), asked);
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
