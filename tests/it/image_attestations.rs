//! The attestations of images: how the answers of a registry about what refers to an image are interpreted.

use bytes::Bytes;
use serde_json::{Value, json};
use vidimus::artefact::{Checksum, MAX_BUNDLES, PackageKey};
use vidimus::model::Digest;
use vidimus::provenance::Refusal;
use vidimus::remote::AttestationAnswer;

use crate::package_registries::{client, key};
use crate::support::packages::{Packages, Say};

const PATH: &str = "x/tool";
const SLSA: &str = "https://slsa.dev/provenance/v1";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// An image in a registry.
struct Image {
    registry: Packages,
    key: PackageKey,
    digest: String,
}

impl Image {
    async fn new() -> Self {
        let registry = Packages::start().await;
        let host = registry.url.trim_start_matches("http://").to_owned();
        let key = key(&registry, "oci", &format!("{host}/{PATH}:1"), None);
        let digest = registry.image(PATH, "1", "one");
        Self { registry, key, digest }
    }

    /// The path of the list in the API.
    fn list(&self) -> String {
        format!("/v2/{PATH}/referrers/{}", self.digest)
    }

    /// The path of the list where the registry has no API.
    fn tag(&self) -> String {
        format!("/v2/{PATH}/manifests/{}", self.digest.replace(':', "-"))
    }

    fn attach(&self, bundles: &[(&str, &[u8])]) {
        self.registry.say(&self.list(), Say::body(self.registry.referrers(PATH, bundles)));
    }

    /// Attaches one manifest as it is.
    fn attach_manifest(&self, manifest: &str) {
        let digest = Digest::of(manifest.as_bytes()).to_string();
        self.registry.say(&format!("/v2/{PATH}/manifests/{digest}"), Say::body(manifest));
        let list = json!({"manifests": [{"digest": digest, "artifactType": BUNDLE}]});
        self.registry.say(&self.list(), Say::body(list.to_string()));
    }

    async fn attestations(&self) -> AttestationAnswer {
        let checksum: Checksum = self.digest.parse().expect("a checksum");
        client(&self.registry).attestations(&self.key, "1", &checksum).await
    }

    /// Returns the paths of the last questions, without those about tokens.
    fn asked(&self) -> Vec<String> {
        let asked = self.registry.asked();
        let mut paths: Vec<String> = asked.into_iter().map(|(path, _)| path).collect();
        paths.retain(|path| path != "/token");
        paths.dedup();
        paths
    }
}

fn bundles_of(bundles: &[&[u8]]) -> Vec<Result<Bytes, Refusal>> {
    bundles.iter().map(|bundle| Ok(bundle.to_vec().into())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bundles_are_found_by_the_api_or_under_the_tag_and_no_list_is_no_attestation() {
    let image = Image::new().await;
    image.registry.demand_token("secret");
    assert_eq!(image.attestations().await, Ok(bundles_of(&[])));
    assert_eq!(image.asked(), [image.list(), image.tag()]);
    let list = image.registry.referrers(PATH, &[("", b"{1}")]);
    image.registry.say(&image.tag(), Say::body(list));
    assert_eq!(image.attestations().await, Ok(bundles_of(&[b"{1}"])));
    // The API counts where it is.
    image.attach(&[("", b"{2}"), ("", b"{3}")]);
    assert_eq!(image.attestations().await, Ok(bundles_of(&[b"{2}", b"{3}"])));
    image.attach(&[]);
    assert_eq!(image.attestations().await, Ok(bundles_of(&[])));
    assert_eq!(image.asked().last(), Some(&image.list()));
}

#[tokio::test(flavor = "multi_thread")]
async fn number_of_bundles_is_bounded_and_those_of_builds_come_first() {
    let image = Image::new().await;
    let bundles: Vec<Vec<u8>> = (0..=MAX_BUNDLES).map(|at| format!("{at}").into_bytes()).collect();
    let mut attached: Vec<(&str, &[u8])> =
        bundles.iter().map(|bundle| ("https://spdx.dev/Document", &bundle[..])).collect();
    let last = attached.last_mut().expect("a bundle");
    last.0 = SLSA;
    image.attach(&attached);
    let answer = image.attestations().await.expect("an answer");
    assert_eq!(answer.len(), MAX_BUNDLES as usize + 1);
    assert_eq!(answer[0].as_deref(), Ok(&bundles[MAX_BUNDLES as usize][..]));
    assert_eq!(answer.last(), Some(&Err(Refusal::TooLarge)));
    // A further page is not read, and is noticed.
    let link = ("link", "</v2/x/tool/referrers/y?last=z>; rel=\"next\"".to_owned());
    let body = image.registry.referrers(PATH, &attached[..1]).into_bytes();
    image.registry.say(&image.list(), Say::Answer { status: 200, headers: vec![link], body });
    let paged = Ok(vec![Ok(bundles[0].clone().into()), Err(Refusal::TooLarge)]);
    assert_eq!(image.attestations().await, paged);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_with_their_digest_that_are_no_bundle_are_refused() {
    let image = Image::new().await;
    let layer = |kind: &str| json!({"mediaType": kind, "digest": image.digest});
    let with = |layers: Value| json!({"layers": layers}).to_string();
    let two = json!([layer(BUNDLE), layer(BUNDLE)]);
    let without_digest = json!([{"mediaType": BUNDLE}]);
    for manifest in [
        with(json!([layer("application/json")])),
        with(two),
        with(without_digest),
        "{}".into(),
        "<!doctype html>".into(),
    ] {
        image.attach_manifest(&manifest);
        assert_eq!(image.attestations().await, Ok(vec![Err(Refusal::Unreadable)]), "{manifest}");
    }
    let large = vec![b' '; (1 << 20) + 1];
    image.attach(&[("", &large)]);
    assert_eq!(image.attestations().await, Ok(vec![Err(Refusal::TooLarge)]));
}

/// P77: whatever a registry answers, an answer that is not understood is unclear and has a reason.
#[tokio::test(flavor = "multi_thread")]
async fn faults_of_a_list_of_referrers_are_unclear_answers_with_a_reason() {
    let image = Image::new().await;
    let blob = format!("/v2/{PATH}/blobs/{}", Digest::of(b"{1}"));
    let attach = || {
        image.attach(&[("", b"{1}")]);
        let list = image.registry.referrers(PATH, &[("", b"{1}")]);
        let list: Value = serde_json::from_str(&list).expect("JSON");
        let digest = list["manifests"][1]["digest"].as_str().expect("a digest").to_owned();
        format!("/v2/{PATH}/manifests/{digest}")
    };
    let manifest = attach();
    let any = [
        (Say::Moved("http://10.0.0.1/x".into()), "not reached"),
        (Say::Moved("http://169.254.169.254/x".into()), "not reached"),
        (Say::status(503), "HTTP 503"),
        (Say::status(401), "gave no token"),
        (Say::Endless(b"{".to_vec()), "4 MiB"),
    ];
    let other_bytes = |path: &String| {
        let absent = (path.clone(), Say::status(404), "does not have");
        let other = |say| (path.clone(), say, "another digest");
        [absent, other(Say::html()), other(Say::body("{2}"))]
    };
    let lists = ["<!doctype html>", "{}", "[]", "{\"manifests\":{}}", "{\"errors\":[]}"];
    let lists = lists.map(|body| (image.list(), Say::body(body), "unknown shape"));
    let bad = |digest: &str| json!({"manifests": [{"digest": digest, "artifactType": BUNDLE}]});
    let digests = ["", "sha256:00", "sha1:00", "../../x"].map(|digest| {
        (image.list(), Say::body(bad(digest).to_string()), "without a digest that can be used")
    });
    let weak = format!("sha384:{}", "0".repeat(96));
    image.registry.say(&format!("/v2/{PATH}/manifests/{weak}"), Say::body("{}"));
    let weak = (image.list(), Say::body(bad(&weak).to_string()), "another algorithm");
    let faults = [image.list(), manifest.clone(), blob.clone()]
        .into_iter()
        .flat_map(|path| any.clone().map(|(say, reason)| (path.clone(), say, reason)))
        .chain(other_bytes(&manifest))
        .chain(other_bytes(&blob))
        .chain(lists)
        .chain(digests)
        .chain([weak]);
    for (path, say, reason) in faults {
        attach();
        assert_eq!(image.attestations().await, Ok(bundles_of(&[b"{1}"])));
        image.registry.say(&path, say.clone());
        let answer = image.attestations().await;
        assert!(
            answer.as_ref().is_err_and(|why| why.contains(reason)),
            "{path} {say:?}: {answer:?}"
        );
    }
    // The fault of the tag counts where the registry has no API.
    image.registry.say(&image.list(), Say::status(404));
    image.registry.say(&image.tag(), Say::html());
    assert!(image.attestations().await.is_err_and(|why| why.contains("unknown shape")));
}

/// Large registries hand blobs out through another host, which gets no token.
#[tokio::test(flavor = "multi_thread")]
async fn bundle_behind_a_redirect_is_fetched_without_the_token() {
    let (image, storage) = (Image::new().await, Packages::start().await);
    image.registry.demand_token("secret");
    image.attach(&[(SLSA, b"{1}")]);
    storage.say("/storage", Say::body("{1}"));
    let blob = format!("/v2/{PATH}/blobs/{}", Digest::of(b"{1}"));
    image.registry.say(&blob, Say::Moved(format!("{}/storage", storage.url)));
    assert_eq!(image.attestations().await, Ok(bundles_of(&[b"{1}"])));
    assert_eq!(storage.asked(), [("/storage".to_owned(), None)]);
}
