use bytes::Bytes;
use reqwest::header::{HeaderMap, LINK};
use url::Url;

use super::client::{Answer, PackageClient, UNKNOWN_SHAPE};
use super::documents::{BundleManifest, ReferrerIndex};
use super::image::{NO_REFERENCE, Repository, algorithm_of, segment_of_digest};
use crate::artefact::{Checksum, MAX_BUNDLES, PackageKey};
use crate::provenance::Refusal;
use crate::remote::github::segment;

/// The type of a Sigstore bundle, of its layer, and of the manifest that attaches it.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The limit on one bundle. Real ones have 10 KB.
const MAX_BYTES: usize = 1024 * 1024;
/// The beginning of the predicate types that name a build.
const PROVENANCE: &str = "https://slsa.dev/provenance/";

/// A bundle, or the reason why its bytes are none.
type Attached = Result<Bytes, Refusal>;

/// Returns the bundles that are attached to an image, those that claim to be provenance first; none if the registry
/// definitely has none. More of them, or a further page of their list, are one refusal at the end.
///
/// Whatever the registry answers with other bytes than a digest names, or does not have although it lists it, is unclear.
pub(super) async fn attestations(
    client: &PackageClient,
    base: &Url,
    key: &PackageKey,
    image: &Checksum,
) -> Result<Vec<Attached>, String> {
    let mut repository = Repository::open(client, base, key.identifier()).ok_or(NO_REFERENCE)?;
    let Some((mut bundles, has_pages)) = list(&mut repository, image.as_str()).await? else {
        return Ok(Vec::new());
    };
    let most = MAX_BUNDLES as usize;
    let has_more = has_pages || bundles.len() > most;
    bundles.truncate(most);
    let mut attached = Vec::new();
    for digest in bundles {
        attached.push(fetch(&mut repository, &digest).await?);
    }
    if has_more {
        attached.push(Err(Refusal::TooLarge));
    }
    Ok(attached)
}

/// Returns the digests of the manifests that attach bundles, and true if the list has further pages; `None` if the registry
/// has no list of referrers, neither by its API nor under the tag that clients keep for registries without one.
async fn list(
    repository: &mut Repository<'_>,
    image: &str,
) -> Result<Option<(Vec<String>, bool)>, String> {
    let (digest, kind) = (segment_of_digest(image), segment(BUNDLE));
    let path = format!("referrers/{digest}?artifactType={kind}");
    let found = match repository.get(&path).await.found()? {
        None => repository.manifest(&tag(image)).await.found()?,
        found => found,
    };
    let Some(document) = found else { return Ok(None) };
    let index: ReferrerIndex = document.read().ok_or(UNKNOWN_SHAPE)?;
    let is_bundle = |kind: Option<&str>| kind == Some(BUNDLE);
    // A registry may ignore the filter.
    let mut bundles: Vec<_> = index.manifests.into_iter().collect();
    bundles.retain(|referrer| is_bundle(referrer.artifact_type.0.as_deref()));
    bundles.sort_by_key(|referrer| {
        let stated = referrer.annotations.predicate_type.0.as_deref();
        !stated.is_some_and(|stated| stated.starts_with(PROVENANCE))
    });
    let digests = bundles.into_iter().map(|referrer| referrer.digest.0.unwrap_or_default());
    Ok(Some((digests.collect(), has_next_page(&document.headers))))
}

/// Returns the tag under which clients keep the list of referrers where the registry has no API for it.
fn tag(digest: &str) -> String {
    const MOST: usize = 64;
    let (algorithm, hex) = digest.split_once(':').unwrap_or((digest, ""));
    format!("{algorithm}-{}", hex.get(..MOST).unwrap_or(hex))
}

fn has_next_page(headers: &HeaderMap) -> bool {
    let mut links = headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok());
    links.any(|link| link.contains("rel=\"next\"") || link.contains("rel=next"))
}

/// Fetches a manifest that attaches a bundle, and the bundle. Bytes that have their digest are definite, whatever they are.
async fn fetch(repository: &mut Repository<'_>, digest: &str) -> Result<Attached, String> {
    let digest = checked(digest)?;
    let manifest = content(repository.manifest(digest.as_str()).await, &digest)?;
    let Ok(BundleManifest { layers }) = serde_json::from_slice(&manifest) else {
        return Ok(Err(Refusal::Unreadable));
    };
    let layer = match layers.as_slice() {
        [layer] if layer.media_type.0.as_deref() == Some(BUNDLE) => layer.digest.0.as_deref(),
        _ => None,
    };
    let Some(layer) = layer else { return Ok(Err(Refusal::Unreadable)) };
    let layer = checked(layer)?;
    let bundle = content(repository.blob(layer.as_str()).await, &layer)?;
    Ok(if bundle.len() > MAX_BYTES { Err(Refusal::TooLarge) } else { Ok(bundle) })
}

fn checked(digest: &str) -> Result<Checksum, String> {
    digest.parse().map_err(|_| "it lists a referrer without a digest that can be used".to_owned())
}

/// Returns the body of an answer, if it has the digest.
fn content(answer: Answer, digest: &Checksum) -> Result<Bytes, String> {
    let document = answer.found()?.ok_or("it lists a referrer that it does not have")?;
    algorithm_of(digest.as_str(), &document.body)?;
    Ok(document.body)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn tag_of_referrers_has_the_algorithm_and_64_digits() {
        let hex = "0123456789abcdef".repeat(8);
        assert_eq!(tag(&format!("sha512:{hex}")), format!("sha512-{}", &hex[..64]));
        assert_eq!(tag(&format!("sha256:{}", &hex[..64])), format!("sha256-{}", &hex[..64]));
    }

    #[rstest::rstest]
    #[case("</v2/x/referrers/y?n=2>; rel=\"next\"", true)]
    #[case("</v2/x/referrers/y>; rel=\"self\"", false)]
    fn further_pages_are_noticed(#[case] link: &'static str, #[case] has_next: bool) {
        let headers = HeaderMap::from_iter([(LINK, HeaderValue::from_static(link))]);
        assert_eq!(has_next_page(&headers), has_next);
    }
}
