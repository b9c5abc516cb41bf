//! Package registries: how their answers about the files of a package are interpreted.

use std::sync::Arc;

use url::Url;
use vidimus::artefact::{Checksum, PackageKey, PackageLookup};
use vidimus::model::Digest;
use vidimus::remote::{OwnershipSources, Packages as Client};

use crate::support::lookups::settings;
use crate::support::packages::{Packages, Say, integrity};

pub(crate) fn client(registry: &Packages) -> Arc<Client> {
    let settings = settings(&["127.0.0.1:9".parse().expect("an address")], &registry.url);
    OwnershipSources::new(&settings).expect("sources").packages()
}

pub(crate) fn key(
    registry: &Packages,
    kind: &str,
    identifier: &str,
    version: Option<&str>,
) -> PackageKey {
    let base = Url::parse(&registry.url).expect("a URL");
    PackageKey::new(kind, &base, identifier, version).expect("a key")
}

/// Returns each file with its digest, or the reason of an unclear answer.
async fn look(registry: &Packages, key: &PackageKey) -> Result<Vec<(String, String)>, String> {
    match client(registry).artefacts(key).await {
        PackageLookup::Files(files) => Ok(files
            .into_iter()
            .map(|file| {
                let digest = file.checksum.as_ref().map_or("", Checksum::as_str);
                (file.name, format!("{digest} {}", file.platforms.join(" ")).trim().to_owned())
            })
            .collect()),
        PackageLookup::Absent => Err("absent".into()),
        PackageLookup::Unclear(why) => Err(why),
    }
}

fn one(file: &str, digest: &impl ToString) -> Vec<(String, String)> {
    vec![(file.to_owned(), digest.to_string())]
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_states_the_integrity_of_the_tarball() {
    let registry = Packages::start().await;
    let package = key(&registry, "npm", "@x/tool", Some("1.0.0"));
    assert_eq!(look(&registry, &package).await, Err("absent".into()));
    registry.npm("@x/tool", "1.0.0", b"tar", "a.b/c");
    let wanted = Checksum::of_integrity(&integrity(b"tar")).expect("a checksum");
    assert_eq!(look(&registry, &package).await, Ok(one("tool-1.0.0.tgz", &wanted)));
    // Of another algorithm: a file without a digest, which the record refuses.
    let weak = r#"{"name":"@x/tool","version":"1.0.0","dist":{"integrity":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}}"#;
    registry.say("/%40x%2Ftool/1.0.0", Say::body(weak));
    assert_eq!(look(&registry, &package).await, Ok(one("tool-1.0.0.tgz", &"")));
    for (page, reason) in [
        (r#"{"name":"@x/other","version":"1.0.0"}"#, "another package"),
        (r#"{"name":"@x/tool","version":"1.0.1"}"#, "another version"),
        ("7", "unknown shape"),
    ] {
        registry.say("/%40x%2Ftool/1.0.0", Say::body(page));
        let found = look(&registry, &package).await;
        assert!(found.as_ref().is_err_and(|why| why.contains(reason)), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pypi_states_the_digest_of_each_file() {
    let registry = Packages::start().await;
    let package = key(&registry, "pypi", "Some_Tool", Some("2.0"));
    registry.pypi("some-tool", "2.0", &[("a.whl", b"wheel"), ("b.tar.gz", b"source")]);
    let wanted = [("a.whl", b"wheel".as_slice()), ("b.tar.gz", b"source")];
    let wanted = wanted.map(|(file, bytes)| (file.to_owned(), Digest::of(bytes).to_string()));
    assert_eq!(look(&registry, &package).await, Ok(wanted.to_vec()));
    registry.say("/pypi/some-tool/2.0/json", Say::body(r#"{"info":{"name":"other"},"urls":[]}"#));
    assert!(look(&registry, &package).await.is_err_and(|why| why.contains("another package")));
}

#[tokio::test(flavor = "multi_thread")]
async fn image_is_read_with_a_token_and_its_bytes_have_the_stated_digest() {
    let registry = Packages::start().await;
    let host = registry.url.trim_start_matches("http://").to_owned();
    let tagged = key(&registry, "oci", &format!("{host}/x/tool:1.0"), None);
    let digest = registry.image("x/tool", "1.0", "one");
    registry.demand_token("secret");
    assert_eq!(look(&registry, &tagged).await, Ok(one("1.0", &format!("{digest} linux/amd64"))));
    let asked = registry.asked();
    assert_eq!(
        asked.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["/v2/x/tool/manifests/1.0", "/token", "/v2/x/tool/manifests/1.0"]
    );
    let pinned = key(&registry, "oci", &format!("{host}/x/tool@{digest}"), None);
    assert_eq!(look(&registry, &pinned).await, Ok(one(&digest, &format!("{digest} linux/amd64"))));
    // Other bytes than the digest that was asked for, and than the stated one.
    let other = br#"{"config":{"digest":"sha256:aa"}}"#.to_vec();
    let stated = vec![("docker-content-digest", digest.clone())];
    for (path, headers) in [(digest.as_str(), Vec::new()), ("1.0", stated)] {
        let say = Say::Answer { status: 200, headers, body: other.clone() };
        registry.say(&format!("/v2/x/tool/manifests/{path}"), say);
    }
    for package in [&pinned, &tagged] {
        let found = look(&registry, package).await;
        assert!(found.as_ref().is_err_and(|why| why.contains("another digest")), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bundle_is_downloaded_behind_redirects_and_only_its_digest_is_kept() {
    let registry = Packages::start().await;
    let elsewhere = Packages::start().await;
    let bundle = [b"PK\x03\x04".as_slice(), &vec![7; 3 << 20]].concat();
    elsewhere.say("/storage", Say::body(bundle.clone()));
    registry.say("/a/b.mcpb", Say::Moved(format!("{}/storage", elsewhere.url)));
    let url = format!("{}/a/b.mcpb", registry.url);
    let package = key(&registry, "mcpb", &url, None);
    assert_eq!(look(&registry, &package).await, Ok(one(&url, &Digest::of(&bundle))));
    registry.say("/a/b.mcpb", Say::html());
    assert!(look(&registry, &package).await.is_err_and(|why| why.contains("no zip archive")));
    registry.say("/a/b.mcpb", Say::Endless(b"PK\x03\x04".to_vec()));
    let found = look(&registry, &package).await;
    assert!(found.as_ref().is_err_and(|why| why.contains("512 MiB")), "{found:?}");
}

/// P77: whatever a registry answers, an answer that is not understood is unclear and has a reason.
#[tokio::test(flavor = "multi_thread")]
async fn faults_of_each_registry_are_unclear_answers_with_a_reason() {
    let registry = Packages::start().await;
    let host = registry.url.trim_start_matches("http://").to_owned();
    let packages = [
        ("/tool/1.0.0", key(&registry, "npm", "tool", Some("1.0.0"))),
        ("/pypi/tool/1.0/json", key(&registry, "pypi", "tool", Some("1.0"))),
        ("/v2/x/tool/manifests/1", key(&registry, "oci", &format!("{host}/x/tool:1"), None)),
    ];
    let faults = [
        (Say::html(), "unknown shape"),
        (Say::Moved("http://10.0.0.1/x".into()), "not reached"),
        (Say::Moved("http://169.254.169.254/x".into()), "not reached"),
        (Say::status(503), "HTTP 503"),
        (Say::status(401), ""),
        (Say::Endless(b"{\"name\":\"".to_vec()), "4 MiB"),
    ];
    for (path, package) in &packages {
        for (say, reason) in &faults {
            registry.say(path, say.clone());
            let found = look(&registry, package).await;
            assert!(found.as_ref().is_err_and(|why| why.contains(reason)), "{package}: {found:?}");
        }
        registry.say(path, Say::Moved((*path).to_owned()));
        assert!(look(&registry, package).await.is_err_and(|why| why.contains("redirects")));
    }
}

/// A token goes only to the registry that asked for it.
#[tokio::test(flavor = "multi_thread")]
async fn token_does_not_follow_a_redirect_to_another_host() {
    let (registry, elsewhere) = (Packages::start().await, Packages::start().await);
    let host = registry.url.trim_start_matches("http://").to_owned();
    elsewhere.image("x/tool", "1", "one");
    registry.demand_token("secret");
    let target = format!("{}/v2/x/tool/manifests/1", elsewhere.url);
    registry.say("/v2/x/tool/manifests/1", Say::Moved(target));
    let tagged = key(&registry, "oci", &format!("{host}/x/tool:1"), None);
    assert!(look(&registry, &tagged).await.is_ok());
    assert_eq!(elsewhere.asked(), [("/v2/x/tool/manifests/1".to_owned(), None)]);
    assert!(registry.asked().iter().any(|(_, token)| token.as_deref() == Some("Bearer secret")));
}

#[tokio::test(flavor = "multi_thread")]
async fn attestations_are_those_of_one_release_or_file() {
    let registry = Packages::start().await;
    let ask = async |kind, identifier, version, file| {
        let package = key(&registry, kind, identifier, Some(version));
        let checksum = Checksum::of_integrity(&integrity(b"tar")).expect("a checksum");
        client(&registry).attestations(&package, file, &checksum).await
    };
    for (kind, identifier, version, file, path) in [
        ("npm", "@x/tool", "1.0.0", "tool-1.0.0.tgz", "/-/npm/v1/attestations/%40x%2Ftool%401.0.0"),
        ("pypi", "Some_Tool", "2.0", "a.whl", "/integrity/some-tool/2.0/a.whl/provenance"),
    ] {
        assert_eq!(ask(kind, identifier, version, file).await, Ok(vec![]));
        registry.say(path, Say::body("{}"));
        let found = ask(kind, identifier, version, file).await;
        assert_eq!(found, Ok(vec![Ok("{}".into())]), "{path}");
        registry.say(path, Say::status(503));
        let found = ask(kind, identifier, version, file).await;
        assert_eq!(found, Err("HTTP 503".into()));
        registry.say(path, Say::Endless(b"{".to_vec()));
        let found = ask(kind, identifier, version, file).await;
        assert_eq!(found, Err("the answer has more than 4 MiB".into()));
    }
}
