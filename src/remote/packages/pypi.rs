use std::collections::BTreeSet;
use std::str::FromStr;

use pep440_rs::Version;
use url::Url;

use super::answers::{bounded, named, observed};
use super::client::{Answer, JSON, PackageClient};
use super::documents::PythonProject;
use crate::artefact::{PackageKey, PackageLookup, StatedFile};
use crate::ownership::{Named, Package};
use crate::remote::github::segment;

/// The media type of provenance (PEP 740); a registry may answer in HTML without it.
const PROVENANCE: &str = "application/vnd.pypi.integrity.v1+json, application/json";

fn path(identifier: &str, version: Option<&str>) -> String {
    let name = segment(identifier);
    match version {
        Some(version) => format!("pypi/{name}/{}/json", segment(version)),
        None => format!("pypi/{name}/json"),
    }
}

/// Returns the servers that the description of a package mentions.
pub(super) async fn servers(client: &PackageClient, base: &Url, package: &Package) -> Named {
    let path = path(&package.identifier, package.version.as_deref());
    named(client.get(base, &path, JSON, None).await, |document: PythonProject| {
        Some(mentioned(document.info.description.0.as_deref().unwrap_or_default()))
    })
}

/// Returns the files of a version, each by the SHA-256 that the registry states.
pub(super) async fn artefacts(
    client: &PackageClient,
    base: &Url,
    key: &PackageKey,
) -> PackageLookup {
    let version = key.version().filter(|version| !version.eq_ignore_ascii_case("latest"));
    let path = path(key.identifier(), version);
    observed(client.get(base, &path, JSON, None).await, |document: PythonProject| {
        let is_its = document.info.name.0.as_deref().is_some_and(|name| key.is_named(name));
        if !is_its {
            return Err("an answer about another package".to_owned());
        }
        if !is_version(version, document.info.version.0.as_deref()) {
            return Err("an answer about another version".to_owned());
        }
        let checksum = |digits: Option<&str>| format!("sha256:{}", digits?).parse().ok();
        let file = |(name, digits): (String, Option<String>)| {
            StatedFile::new(name, checksum(digits.as_deref()))
        };
        let files = document
            .urls
            .into_iter()
            .filter_map(|file| Some((file.filename.0?, file.digests.sha256.0)));
        Ok(files.map(file).collect())
    })
}

/// Returns true unless an answer states another version than the one that was asked for, spelled as PEP 440 allows.
fn is_version(asked: Option<&str>, stated: Option<&str>) -> bool {
    let (Some(asked), Some(stated)) = (asked, stated) else { return true };
    match (Version::from_str(asked), Version::from_str(stated)) {
        (Ok(asked), Ok(stated)) => asked == stated,
        _ => asked == stated,
    }
}

/// Returns the attestations of a file.
pub(super) async fn attestations(
    client: &PackageClient,
    base: &Url,
    key: &PackageKey,
    file: &str,
) -> Answer {
    let (project, version) =
        (segment(key.identifier()), segment(key.version().unwrap_or_default()));
    let path = format!("integrity/{project}/{version}/{}/provenance", segment(file));
    client.get(base, &path, PROVENANCE, None).await
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

    #[rstest::rstest]
    #[case(Some("1.0"), Some("1.0.0"), true)]
    #[case(Some("1.0rc1"), Some("1.0.0-RC.1"), true)]
    #[case(Some("1.0"), Some("1.1"), false)]
    #[case(Some("odd one"), Some("odd one"), true)]
    #[case(Some("odd one"), Some("1.1"), false)]
    #[case(None, Some("1.1"), true)]
    #[case(Some("1.0"), None, true)]
    fn answer_about_another_version_is_not_taken(
        #[case] asked: Option<&str>,
        #[case] stated: Option<&str>,
        #[case] is_its: bool,
    ) {
        assert_eq!(is_version(asked, stated), is_its);
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
