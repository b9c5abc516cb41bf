//! The real registry's entries, if `../shared/corpus` is present.

use std::io::Read;
use std::path::Path;

use vidimus::curation::{ContentFacts, PackageUrls, Reach, Sanitized};

use super::skip::skipped;

/// The registries that the real entries name in place of the public ones.
const REGISTRIES: [(&str, &str); 2] =
    [("npm", "https://npm.example.org"), ("pypi", "https://pypi.example.org")];

/// Returns the section of the settings that admits the registries of the real entries.
pub(crate) fn package_urls() -> String {
    let lines = REGISTRIES.map(|(kind, url)| format!("{kind} = [\"{url}\"]\n"));
    format!("[package_urls]\n{}", lines.concat())
}

/// Returns the same as a value.
pub(crate) fn admitted_urls() -> PackageUrls {
    let mut urls = PackageUrls::default();
    for (kind, url) in REGISTRIES {
        urls.set(kind, vec![url.into()]);
    }
    urls
}

/// Returns true if no rule for strict clients and agents refuses a `server` object.
pub(crate) fn is_servable(server: &str) -> bool {
    let urls = admitted_urls();
    Sanitized::of(server, &Reach::default()).is_ok()
        && ContentFacts::of(server).objections.iter().all(|objection| urls.admit(objection))
}

/// Returns every real item as sent; says that they are skipped and returns `None` if the corpus is not present.
pub(crate) fn items() -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/registry-6k.jsonl.gz");
    let Ok(packed) = std::fs::File::open(path) else {
        skipped("../shared/corpus with real entries is not present");
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).expect("a gzip file");
    Some(text.lines().map(str::to_owned).collect())
}
