//! The grammars of package identifiers and versions.
//!
//! Clients pass both to a package manager, some through a shell. A text that the ecosystem would not accept is
//! an option, a path, an address or a command there, so it is refused.

use serde_json::Value;
use url::{Host, Url};

use crate::ownership::image;

/// Judges the identifier of a package of this kind, in lower case.
pub(super) fn is_identifier(kind: &str, text: &str) -> bool {
    match kind {
        "npm" => is_npm(text),
        "pypi" => text.len() <= 128 && is_word(text, "._-") && ends_in_alphanumeric(text),
        "nuget" => {
            text.len() <= 100 && is_word(text, "._-") && !text.split(['.', '-']).any(str::is_empty)
        }
        "oci" => is_image(text),
        "cargo" => {
            text.len() <= 64
                && text.starts_with(|first: char| first.is_ascii_alphabetic())
                && is_word(text, "_-")
        }
        "go" => is_module_path(text),
        // A URL, which is judged as one, without what a shell would read.
        "mcpb" => {
            text.len() <= 1024
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/:@%+=,?".contains(&byte))
        }
        _ => {
            text.len() <= 255
                && text.split('/').all(|segment| segment != "..")
                && !text.starts_with("file:")
                && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '@')
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"@._:/+~-".contains(&byte))
        }
    }
}

/// Judges the version of a package of this kind, in lower case.
pub(super) fn is_version(kind: &str, text: &str) -> bool {
    match kind {
        "npm" | "cargo" => semver::Version::parse(text).is_ok(),
        "go" => text.strip_prefix('v').is_some_and(|rest| semver::Version::parse(rest).is_ok()),
        "pypi" => is_pep440(text),
        "nuget" => is_nuget_version(text),
        "oci" => is_tag(text) || is_digest(text),
        _ => text.len() <= 128 && is_word(text, ".+_!~-"),
    }
}

/// Returns true if a package names one content: an exact version, or the digest of an image or a file.
pub(in crate::curation) fn names_one_content(package: &Value) -> bool {
    let text = |member: &str| package[member].as_str();
    let kind = text("registryType").unwrap_or_default().to_ascii_lowercase();
    let version = text("version");
    match kind.as_str() {
        "npm" | "cargo" | "go" | "pypi" | "nuget" => {
            version.is_some_and(|version| is_version(&kind, version))
        }
        // A client pulls the reference, whatever the version says.
        "oci" => image(text("identifier").unwrap_or_default()).1.is_some_and(is_digest),
        "mcpb" => text("fileSha256").is_some_and(|digits| is_digest(&format!("sha256:{digits}"))),
        _ => false,
    }
}

/// Returns true for a program that runs what its arguments spell.
pub(super) fn is_shell(program: &str) -> bool {
    const SHELLS: [&str; 14] = [
        "ash",
        "bash",
        "cmd",
        "command",
        "csh",
        "dash",
        "env",
        "eval",
        "fish",
        "ksh",
        "powershell",
        "pwsh",
        "sh",
        "zsh",
    ];
    let folded = program.to_ascii_lowercase();
    SHELLS.contains(&folded.strip_suffix(".exe").unwrap_or(&folded))
}

/// Returns true for a text that can only be the name of an environment variable. Real entries have hyphens in them.
pub(super) fn is_variable(name: &str) -> bool {
    !name.starts_with('-')
        && !name.contains(|character: char| character.is_whitespace() || character == '=')
}

/// Returns the host that an image names, in front of its path.
pub(super) fn image_host(identifier: &str) -> Option<Host<String>> {
    let (host, _) = identifier.split_once('/')?;
    let is_host = host.contains(['.', ':']) || host == "localhost";
    let url = Url::parse(&format!("https://{host}")).ok().filter(|_| is_host)?;
    url.host().map(|host| host.to_owned())
}

/// Returns true if a text begins with a letter or digit, and has only these and the given characters.
pub(super) fn is_word(text: &str, inside: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || inside.contains(character))
}

fn ends_in_alphanumeric(text: &str) -> bool {
    text.ends_with(|last: char| last.is_ascii_alphanumeric())
}

/// `name` or `@scope/name`; a further slash would be a path or a repository.
fn is_npm(text: &str) -> bool {
    let is_name = |name: &str| is_word(name, "._~-");
    let is_whole = match text.strip_prefix('@') {
        Some(scoped) => {
            scoped.split_once('/').is_some_and(|(scope, name)| is_name(scope) && is_name(name))
        }
        None => is_name(text),
    };
    is_whole && text.len() <= 214
}

/// `[host[:port]/]path[:tag][@digest]` of the OCI distribution specification.
fn is_image(text: &str) -> bool {
    let (text, digest) =
        text.split_once('@').map_or((text, None), |(text, digest)| (text, Some(digest)));
    let (text, tag) = match text.rsplit_once(':') {
        Some((text, tag)) if !tag.contains('/') => (text, Some(tag)),
        _ => (text, None),
    };
    let (host, path) = match text.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
            (Some(host), path)
        }
        _ => (None, text),
    };
    host.is_none_or(is_host)
        && path.split('/').all(is_image_part)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
        && text.len() <= 255
}

/// Accepts a host name or an address, with or without a port. An IPv6 address is not a host of a reference.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let is_label = |label: &str| is_word(label, "-") && ends_in_alphanumeric(label);
    host.split('.').all(is_label)
        && port.is_none_or(|port| is_digits(port) && port.parse::<u16>().is_ok())
}

/// Accepts lower-case words with one of `.`, `_`, `__` or any number of hyphens between two.
fn is_image_part(part: &str) -> bool {
    let is_lower = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    part.starts_with(is_lower)
        && part.ends_with(is_lower)
        && part.split(is_lower).all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && (is_word(text, "._-") || (text.starts_with('_') && is_word(&text[1..], "._-")))
}

fn is_digest(text: &str) -> bool {
    let is_hexadecimal =
        |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match text.split_once(':') {
        Some(("sha256", digits)) => digits.len() == 64 && is_hexadecimal(digits),
        Some(("sha512", digits)) => digits.len() == 128 && is_hexadecimal(digits),
        _ => false,
    }
}

/// Accepts the path of a Go module: a domain, then elements without a dot in front.
fn is_module_path(text: &str) -> bool {
    let mut elements = text.split('/');
    text.len() <= 255
        && elements
            .next()
            .is_some_and(|domain| domain.contains('.') && is_host(domain) && !domain.contains(':'))
        && elements.all(|element| is_word(element, "._~-"))
}

/// Accepts `1.2`, `1.2.3` or `1.2.3.4`, with a pre-release and metadata.
fn is_nuget_version(text: &str) -> bool {
    let (text, metadata) =
        text.split_once('+').map_or((text, None), |(text, rest)| (text, Some(rest)));
    let (numbers, pre_release) =
        text.split_once('-').map_or((text, None), |(text, rest)| (text, Some(rest)));
    let is_label = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let are_labels = |text: &str| text.split('.').all(is_label);
    numbers.split('.').all(is_digits)
        && numbers.split('.').count() <= 4
        && pre_release.is_none_or(are_labels)
        && metadata.is_none_or(are_labels)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Accepts the versions of PEP 440 in any of their spellings.
fn is_pep440(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let (public, local) =
        text.split_once('+').map_or((text.as_str(), None), |(text, local)| (text, Some(local)));
    let public = public.strip_prefix('v').unwrap_or(public);
    let public = match public.split_once('!') {
        Some((epoch, rest)) if is_digits(epoch) => rest,
        Some(_) => return false,
        None => public,
    };
    let is_local =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let Some(rest) = after_release(public) else { return false };
    let rest = after_suffix(rest, &["alpha", "a", "beta", "b", "preview", "pre", "c", "rc"]);
    let rest = match rest.strip_prefix('-').map(after_digits) {
        Some((true, implicit_post)) => implicit_post,
        _ => after_suffix(rest, &["post", "rev", "r"]),
    };
    after_suffix(rest, &["dev"]).is_empty()
        && local.is_none_or(|local| local.split(['.', '_', '-']).all(is_local))
        && text.len() <= 128
}

/// Returns what follows the digits in front of a text, and whether there are any.
fn after_digits(text: &str) -> (bool, &str) {
    let rest = text.trim_start_matches(|character: char| character.is_ascii_digit());
    (rest.len() < text.len(), rest)
}

fn after_release(text: &str) -> Option<&str> {
    let (true, mut rest) = after_digits(text) else { return None };
    while let Some((true, behind)) = rest.strip_prefix('.').map(after_digits) {
        rest = behind;
    }
    Some(rest)
}

/// Returns what follows one of these words with an optional separator and number; the text itself if none
/// is in front.
fn after_suffix<'t>(text: &'t str, words: &[&str]) -> &'t str {
    let separator = ['.', '-', '_'];
    let bare = text.strip_prefix(separator).unwrap_or(text);
    let Some(rest) = words.iter().find_map(|word| bare.strip_prefix(word)) else { return text };
    match rest.strip_prefix(separator).map(after_digits) {
        Some((true, rest)) => rest,
        _ => after_digits(rest).1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("npm", "left-pad")]
    #[case("npm", "@scope/name.js")]
    #[case("npm", "JSONStream")]
    #[case("pypi", "zope.interface")]
    #[case("nuget", "Azure.Mcp_Tools-X")]
    #[case("oci", "images.example/mcp/server:1.2")]
    #[case("oci", "signoz/signoz-mcp-server:latest")]
    #[case(
        "oci",
        "registry.example:5000/a/b__c:_x@sha256:d9dc2f44f4f624bdc5fb5817abc74f6244dd40b2d03036380cd6253eff374ae5"
    )]
    #[case("oci", "alpine")]
    #[case("cargo", "serde_json")]
    #[case("go", "github.com/a/b/v2")]
    #[case("maven", "com.example:tool")]
    fn identifier_of_the_ecosystem_is_accepted(#[case] kind: &str, #[case] text: &str) {
        assert!(is_identifier(kind, text));
    }

    #[rstest::rstest]
    #[case("npm", &["--call=evil", "-y", "a b", "a;b", "$(x)", "../x", "/etc/x", "user/repository", "git+ssh://x", "file:x", "npm:x", "x@1", "@a/b/c", "@-a/b", "@a", ".x", "", "a\nb", "\u{430}"])]
    #[case("pypi", &["-r", "--index-url=x", "a[b]", "a==1", "a @ https://x.example", "-e", ".", "x-", "git+https://x"])]
    #[case("nuget", &["-x", "--add-source", "a..b", "a/b", "a;b"])]
    #[case("oci", &["--privileged", "-v", "a b", "images.example/Upper/x", "images.example/a:sha256:ab", "a//b", "a/../b", "x@sha256:1", "$(x)/y", "a:b c", "host.example:x/y", "[::1]:5000/x"])]
    #[case("cargo", &["--git", "1x", "a/b"])]
    #[case("go", &["-toolexec=x", "github.com/-x", "github.com/../x", "nodomain/x", "github.com/a b", "a.example:8080/x"])]
    #[case("mcpb", &["https://a.example/x.mcpb\";$(id);\"", "https://a.example/$x", "https://a.example/x y", "https://a.example/x&y"])]
    #[case("maven", &["a/../b", "--x", "a b", "a|b", "`x`", "a&b", "$x"])]
    fn option_path_or_shell_text_is_no_identifier(#[case] kind: &str, #[case] texts: &[&str]) {
        for text in texts {
            assert!(!is_identifier(kind, text), "{kind} {text}");
        }
    }

    #[rstest::rstest]
    #[case("npm", &["1.2.3", "1.2.3-rc.1+b"])]
    #[case("pypi", &["1", "1.2.3", "v1.0", "1!2.0", "1.0a1", "1.0-RC.1", "1.0.post2", "1.0-2", "1.0.dev3", "1.0b2.post345.dev456", "1.0+ubuntu-1", "2026.1.2rc", "1.0.rev4"])]
    #[case("nuget", &["1.2", "1.2.3.4", "2.0.0-beta.5", "1.0.0+x"])]
    #[case("oci", &["latest-1", "v1", "sha256:d9dc2f44f4f624bdc5fb5817abc74f6244dd40b2d03036380cd6253eff374ae5"])]
    #[case("go", &["v1.2.3", "v0.0.0-20260101000000-abcdef123456"])]
    #[case("mcpb", &["v4.5.13", "1.0"])]
    fn version_of_the_ecosystem_is_accepted(#[case] kind: &str, #[case] texts: &[&str]) {
        for text in texts {
            assert!(is_version(kind, text), "{kind} {text}");
        }
    }

    #[rstest::rstest]
    #[case("npm", &["^1.0.0", ">=1", "1", "1.x", "next", "-1", "1.2.3 ", "1.2.3;x", "file:x", ""])]
    #[case("pypi", &["auto", "1.0 ", "1.0-p1", "==1.0", "1.0;x", "-1", "x!1", "1..0", "1.0+", "1.0a1b2", "1.*"])]
    #[case("nuget", &["*", "1.*", "[1.0,2.0)", "-1", "1.0.0.0.0", "1.0-"])]
    #[case("oci", &["-x", "a b", "sha256:1", "a/b", "."])]
    #[case("go", &["1.2.3", "latest", "v1", "-v1.0.0"])]
    #[case("mcpb", &["--x", "$(x)", "a b", "1;2"])]
    fn range_option_or_shell_text_is_no_version(#[case] kind: &str, #[case] texts: &[&str]) {
        for text in texts {
            assert!(!is_version(kind, text), "{kind} {text}");
        }
    }
}
