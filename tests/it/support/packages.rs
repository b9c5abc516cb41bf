//! A test double of the package registries of npm, Python and images, with tokens, files and faults.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::digest::{SHA512, digest};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use vidimus::model::Digest;

/// The answer to one path.
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    Moved(String),
    /// A body without an end, of this byte.
    Endless(Vec<u8>),
}

/// The test double; unknown paths get 404.
pub(crate) struct Packages {
    pub(crate) url: String,
    state: Arc<Mutex<Served>>,
}

#[derive(Default)]
struct Served {
    url: String,
    pages: HashMap<String, Say>,
    /// The token that paths of images need.
    token: Option<String>,
    asked: Vec<(String, Option<String>)>,
}

impl Say {
    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn html() -> Self {
        Self::body("<!doctype html><title>Sign in</title>")
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: b"{}".to_vec() }
    }
}

impl Packages {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(Served { url: url.clone(), ..Served::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    pub(crate) fn say(&self, path: &str, say: Say) {
        self.served().pages.insert(path.to_owned(), say);
    }

    /// Publishes a version of an npm package with this tarball, which declares that it belongs to a server.
    pub(crate) fn npm(&self, name: &str, version: &str, tarball: &[u8], server: &str) {
        self.npm_with_integrity(name, version, &integrity(tarball), server);
    }

    /// Publishes a version of an npm package of which only the integrity is known.
    pub(crate) fn npm_with_integrity(
        &self,
        name: &str,
        version: &str,
        integrity: &str,
        server: &str,
    ) {
        let page = json!({
            "name": name, "version": version, "mcpName": server,
            "dist": {
                "integrity": integrity, "shasum": "2346ad27d7568ba9896f1b7da6b5991251debdf2",
                "tarball": format!("{}/{name}/-/x.tgz", self.url),
            },
        });
        let name = name.replace('@', "%40").replace('/', "%2F");
        self.say(&format!("/{name}/{version}"), Say::body(page.to_string()));
    }

    /// Publishes a version of a Python package with these files.
    pub(crate) fn pypi(&self, name: &str, version: &str, files: &[(&str, &[u8])]) {
        let urls: Vec<Value> = files
            .iter()
            .map(|(file, bytes)| {
                let sha256 = Digest::of(bytes).to_string().replace("sha256:", "");
                json!({"filename": file, "digests": {"md5": "x", "sha256": sha256}})
            })
            .collect();
        let page = json!({"info": {"name": name, "version": version}, "urls": urls});
        self.say(&format!("/pypi/{name}/{version}/json"), Say::body(page.to_string()));
    }

    /// Publishes an index of an image under a tag; returns its digest.
    pub(crate) fn image(&self, path: &str, tag: &str, marker: &str) -> String {
        let platform = |os: &str, architecture: &str| {
            let digest = Digest::of(format!("{marker}{os}").as_bytes());
            json!({"digest": digest.to_string(), "platform": {"os": os, "architecture": architecture}})
        };
        let index = json!({
            "schemaVersion": 2, "annotations": {"x": marker},
            "manifests": [platform("linux", "amd64"), platform("unknown", "unknown")],
        });
        let body = index.to_string();
        let digest = Digest::of(body.as_bytes()).to_string();
        let headers = vec![("docker-content-digest", digest.clone())];
        for reference in [tag, &digest] {
            let say =
                Say::Answer { status: 200, headers: headers.clone(), body: body.clone().into() };
            self.say(&format!("/v2/{path}/manifests/{reference}"), say);
        }
        digest
    }

    /// Stores bundles with the manifests that attach them, each with the predicate type that it claims; returns the list
    /// of referrers, of which the first is none of them.
    pub(crate) fn referrers(&self, path: &str, bundles: &[(&str, &[u8])]) -> String {
        const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
        let mut list =
            vec![json!({"digest": "sha256:00", "artifactType": "application/spdx+json"})];
        for (claim, bundle) in bundles {
            let layer = self.blob(path, bundle);
            let manifest = json!({
                "schemaVersion": 2, "artifactType": BUNDLE,
                "layers": [{"mediaType": BUNDLE, "digest": layer, "size": bundle.len()}],
            });
            let manifest = manifest.to_string();
            let digest = Digest::of(manifest.as_bytes()).to_string();
            self.say(&format!("/v2/{path}/manifests/{digest}"), Say::body(manifest));
            let annotations = json!({"dev.sigstore.bundle.predicateType": claim});
            list.push(
                json!({"digest": digest, "artifactType": BUNDLE, "annotations": annotations}),
            );
        }
        json!({"schemaVersion": 2, "manifests": list}).to_string()
    }

    /// Stores a blob; returns its digest.
    fn blob(&self, path: &str, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).to_string();
        self.say(&format!("/v2/{path}/blobs/{digest}"), Say::body(bytes));
        digest
    }

    /// Demands a token for images, as large registries do for public ones too.
    pub(crate) fn demand_token(&self, token: &str) {
        self.served().token = Some(token.to_owned());
    }

    /// Returns the requested paths with the credentials that came with them.
    pub(crate) fn asked(&self) -> Vec<(String, Option<String>)> {
        self.served().asked.clone()
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.state.lock().expect("unpoisoned")
    }
}

/// Returns the integrity of a tarball as npm states it.
pub(crate) fn integrity(tarball: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(digest(&SHA512, tarball));
    format!("sha512-{encoded}")
}

async fn answer(State(state): State<Arc<Mutex<Served>>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let credentials = request.headers().get(header::AUTHORIZATION);
    let credentials = credentials.map(|value| value.to_str().expect("visible").to_owned());
    let say = {
        let mut served = state.lock().expect("unpoisoned");
        served.asked.push((path.clone(), credentials.clone()));
        reply(&served, &path, credentials.as_deref())
    };
    let mut response = match say {
        Say::Answer { status, headers, body } => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            for (name, value) in headers {
                let value = HeaderValue::from_str(&value).expect("visible");
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
            response
        }
        Say::Moved(target) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            let target = HeaderValue::from_str(&target).expect("visible");
            response.headers_mut().insert(header::LOCATION, target);
            response
        }
        Say::Endless(begin) => {
            let begin = std::iter::once(Bytes::from(begin));
            let chunks = begin.chain(std::iter::repeat(Bytes::from(vec![b' '; 64 * 1024])));
            let chunks = chunks.map(Ok::<_, Infallible>);
            Response::new(Body::from_stream(futures_util::stream::iter(chunks)))
        }
    };
    response.headers_mut().insert("x-double", HeaderValue::from_static("packages"));
    response
}

fn reply(served: &Served, path: &str, credentials: Option<&str>) -> Say {
    let bearer = served.token.as_ref().map(|token| format!("Bearer {token}"));
    if path == "/token" {
        return Say::body(json!({"token": served.token}).to_string());
    }
    if path.starts_with("/v2/") && bearer.is_some() && credentials != bearer.as_deref() {
        let realm = format!(
            "Bearer realm=\"{}/token\",service=\"images\",scope=\"repository:x:pull\"",
            served.url
        );
        let headers = vec![("www-authenticate", realm)];
        return Say::Answer { status: 401, headers, body: b"{}".to_vec() };
    }
    served.pages.get(path).cloned().unwrap_or_else(|| Say::status(404))
}
