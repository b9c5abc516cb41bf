use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use url::Url;

use super::answers::{bounded, named};
use super::client::{Answer, Document, JSON, PackageClient, UNKNOWN_SHAPE};
use super::documents::{ImageDocument, TokenDocument};
use crate::artefact::{Algorithm, Checksum, PackageKey, PackageLookup, StatedFile};
use crate::ownership::{Named, Package, image};
use crate::remote::github::segment;

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
pub(super) const NO_REFERENCE: &str = "it is no reference of an image";

/// Requests to one repository of images; the first challenge fetches a token for the others.
pub(super) struct Repository<'a> {
    client: &'a PackageClient,
    base: &'a Url,
    /// The path of the repository in the API, with a slash at its end.
    path: String,
    token: Option<String>,
}

impl<'a> Repository<'a> {
    /// Opens the repository of an image; `None` if no registry can have it.
    pub(super) fn open(client: &'a PackageClient, base: &'a Url, repository: &str) -> Option<Self> {
        let (_, path) = repository.split_once('/')?;
        let path: String = path.split('/').map(|part| format!("{}/", segment(part))).collect();
        let is_whole = path.bytes().all(|byte| usable(byte) || byte == b'/');
        is_whole.then(|| Self { client, base, path: format!("v2/{path}"), token: None })
    }

    pub(super) async fn manifest(&mut self, reference: &str) -> Answer {
        self.get(&format!("manifests/{}", segment_of_digest(reference))).await
    }

    pub(super) async fn blob(&mut self, digest: &str) -> Answer {
        self.get(&format!("blobs/{}", segment_of_digest(digest))).await
    }

    /// Fetches a document below the path of the repository.
    pub(super) async fn get(&mut self, path: &str) -> Answer {
        let path = &format!("{}{path}", self.path);
        let answer = self.client.get(self.base, path, MANIFESTS, self.token.as_deref()).await;
        let Answer::Challenged(headers) = &answer else { return answer };
        if self.token.is_some() {
            return answer;
        }
        self.token = self.fetch_token(headers).await;
        if self.token.is_none() {
            return Answer::Unclear("it gave no token".into());
        }
        self.client.get(self.base, path, MANIFESTS, self.token.as_deref()).await
    }

    /// Requests a token for public reads, from the host that the registry names.
    async fn fetch_token(&self, headers: &HeaderMap) -> Option<String> {
        let challenge = headers.get(WWW_AUTHENTICATE)?.to_str().ok()?;
        let (scheme, challenge) = challenge.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
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
        match self.client.fetch(self.base, realm, JSON, None).await {
            Answer::Document(document) => {
                let document: TokenDocument = document.read()?;
                document.token.0.or(document.access_token.0)
            }
            _ => None,
        }
    }
}

/// Reads the annotation of an image's index or manifest, or the label of its configuration.
pub(super) async fn servers(client: &PackageClient, base: &Url, package: &Package) -> Named {
    let (repository, reference) = image(&package.identifier);
    let reference = reference.or(package.version.as_deref()).unwrap_or("latest");
    let opened = Repository::open(client, base, repository);
    let Some(mut repository) = opened.filter(|_| reference.bytes().all(usable)) else {
        return Named::Unavailable(NO_REFERENCE.into());
    };
    let mut answer = repository.manifest(reference).await;
    let mut is_configuration = false;
    // The index, one of its manifests, and the configuration of that.
    for _ in 0..3 {
        let Answer::Document(found) = &answer else {
            return named(answer, |_: ImageDocument| None);
        };
        let Some(document) = found.read::<ImageDocument>() else {
            return Named::Unavailable(UNKNOWN_SHAPE.into());
        };
        if let Some(name) = document.name() {
            return Named::Servers(BTreeSet::from([bounded(name)]));
        }
        let manifest = document.manifests.first().and_then(|manifest| manifest.digest.0.as_deref());
        answer = match (manifest, document.config.digest.0.as_deref()) {
            (Some(digest), _) => repository.manifest(digest).await,
            (None, Some(digest)) => {
                is_configuration = true;
                repository.blob(digest).await
            }
            (None, None) if is_configuration => return Named::Servers(BTreeSet::new()),
            (None, None) => return Named::Unavailable(UNKNOWN_SHAPE.into()),
        };
    }
    Named::Servers(BTreeSet::new())
}

/// Returns the manifest that a tag or digest names, by the digest of its bytes.
pub(super) async fn artefacts(
    client: &PackageClient,
    base: &Url,
    key: &PackageKey,
) -> PackageLookup {
    let reference = key.version().unwrap_or("latest");
    let opened = Repository::open(client, base, key.identifier());
    let Some(mut repository) = opened.filter(|_| reference.bytes().all(usable)) else {
        return PackageLookup::Unclear(NO_REFERENCE.into());
    };
    let document = match repository.manifest(reference).await.found() {
        Ok(Some(document)) => document,
        Ok(None) => return PackageLookup::Absent,
        Err(why) => return PackageLookup::Unclear(why),
    };
    match manifest(&document, reference) {
        Ok(file) => PackageLookup::Files(vec![file]),
        Err(why) => PackageLookup::Unclear(why.into()),
    }
}

/// Reads a manifest, if its bytes have the digest by which it was asked for, and the one that the registry states.
fn manifest(document: &Document, reference: &str) -> Result<StatedFile, &'static str> {
    let read: ImageDocument = document.read().ok_or(UNKNOWN_SHAPE)?;
    if read.manifests.is_empty() && read.config.digest.0.is_none() {
        return Err(UNKNOWN_SHAPE);
    }
    let stated = document.headers.get("docker-content-digest").map(|stated| stated.to_str());
    let stated = stated.transpose().map_err(|_| "a digest that cannot be read")?;
    let asked = reference.contains(':').then_some(reference);
    let mut algorithm = Algorithm::Sha256;
    for text in asked.into_iter().chain(stated) {
        algorithm = algorithm_of(text, &document.body)?;
    }
    // The digest by which it was asked for names it; the header may state another algorithm.
    if asked.is_none() {
        algorithm = Algorithm::Sha256;
    }
    let file = StatedFile::new(reference, checksum(algorithm, &document.body));
    let platforms = read.manifests.iter().filter_map(|manifest| manifest.platform.describe());
    Ok(file.for_platforms(platforms))
}

/// Returns the algorithm of a digest, if the bytes have it.
pub(super) fn algorithm_of(digest: &str, bytes: &[u8]) -> Result<Algorithm, &'static str> {
    let wanted: Checksum = digest.parse().map_err(|_| "a digest of another algorithm")?;
    let algorithm = match wanted.algorithm() {
        "sha256" => Algorithm::Sha256,
        "sha512" => Algorithm::Sha512,
        _ => return Err("a digest of another algorithm"),
    };
    if checksum(algorithm, bytes).as_ref() != Some(&wanted) {
        return Err("its bytes have another digest than the stated one");
    }
    Ok(algorithm)
}

fn checksum(algorithm: Algorithm, bytes: &[u8]) -> Option<Checksum> {
    let function = if algorithm == Algorithm::Sha512 { &SHA512 } else { &SHA256 };
    Checksum::new(algorithm, digest(function, bytes).as_ref())
}

fn usable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-:".contains(&byte)
}

/// Encodes a digest for a path, where its colon stays; any other text is encoded in full.
pub(super) fn segment_of_digest(text: &str) -> String {
    segment(text).replace("%3A", ":")
}
