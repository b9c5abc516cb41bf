use aws_lc_rs::digest::{Context, SHA256};
use url::Url;

use super::client::{PackageClient, Status, status};
use crate::artefact::{Algorithm, Checksum, PackageKey, PackageLookup, StatedFile};
use crate::model::reason;

/// The limit on a bundle.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
const TOO_LARGE: &str = "the file has more than 512 MiB";
const ANY: &str = "*/*";

/// Downloads a bundle, keeps nothing of it, and returns its digest.
pub(super) async fn artefacts(
    client: &PackageClient,
    base: &Url,
    key: &PackageKey,
) -> PackageLookup {
    let Ok(url) = Url::parse(key.identifier()) else {
        return PackageLookup::Unclear("its identifier is no URL".into());
    };
    let response = match client.send(base, url, ANY, None).await {
        Ok(response) => response,
        Err(why) => return PackageLookup::Unclear(why),
    };
    match status(&response) {
        Status::Found => {}
        Status::Absent => return PackageLookup::Absent,
        Status::Challenged => return PackageLookup::Unclear("HTTP 401".into()),
        Status::Other(why) => return PackageLookup::Unclear(why),
    }
    if response.content_length().is_some_and(|length| length > MAX_BYTES) {
        return PackageLookup::Unclear(TOO_LARGE.into());
    }
    match digest_of(response).await {
        Ok(digest) => PackageLookup::Files(vec![StatedFile::new(key.single_file(), digest)]),
        Err(why) => PackageLookup::Unclear(why),
    }
}

async fn digest_of(mut response: reqwest::Response) -> Result<Option<Checksum>, String> {
    let (mut context, mut received, mut begin) = (Context::new(&SHA256), 0_u64, Vec::<u8>::new());
    loop {
        let chunk = response.chunk().await.map_err(|error| reason(&error.without_url()))?;
        let Some(chunk) = chunk else { break };
        received += chunk.len() as u64;
        if received > MAX_BYTES {
            return Err(TOO_LARGE.into());
        }
        begin.extend(chunk.iter().take(MAGIC.len() - begin.len()));
        context.update(&chunk);
    }
    if begin != MAGIC {
        return Err("the file is no zip archive".into());
    }
    Ok(Checksum::new(Algorithm::Sha256, context.finish().as_ref()))
}

/// The first bytes of a zip archive, which a bundle is: a page that says that something failed is none.
const MAGIC: [u8; 4] = *b"PK\x03\x04";
