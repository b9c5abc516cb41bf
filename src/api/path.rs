use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::problem::Problem;
use crate::model::as_seen;

/// The route and the view that a path of the registry selects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// `None` for the view at the root.
    pub(super) view: Option<String>,
    pub(super) route: Route,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The liveness of the process.
    Liveness,
    /// The document of the API.
    Document,
    List,
    Versions {
        name: String,
    },
    Version {
        name: String,
        version: String,
    },
}

/// The size limit: longer than any name with a version, if every byte is percent-encoded.
const MAX_PATH_BYTES: usize = 4096;

/// Reads a path in the forms that proxies and clients send.
///
/// A view is the prefix `/views/NAME`; the version prefix is `/v0.1`, `/v0` or nothing. A name is one
/// segment with an encoded slash or, if a proxy decoded it, two segments. Double and trailing slashes
/// give the same path, because an editor would give up after a redirect. Each segment is decoded once.
/// A segment that could be decoded again was encoded twice, and is rejected instead of reported as unknown. Any other
/// text that cannot be a name is looked up like one: to an editor only 404 says that a server is not listed.
pub(super) fn asked(path: &str) -> Result<Asked, Problem> {
    if path.len() > MAX_PATH_BYTES {
        return Err(Problem::BadRequest(format!(
            "The path is too long; at most {MAX_PATH_BYTES} bytes are allowed"
        )));
    }
    let segments: Vec<Cow<'_, str>> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(decoded)
        .collect::<Result<_, _>>()?;
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let (view, segments) = match segments.as_slice() {
        // A probe knows no view and no version of the API.
        ["livez"] => return Ok(Asked { view: None, route: Route::Liveness }),
        ["views", view, rest @ ..] => (Some((*view).to_owned()), rest),
        rest => (None, rest),
    };
    let root = || Problem::UnknownRoute { view: view.clone() };
    let route = route(segments).ok_or_else(root)?;
    Ok(Asked { view, route })
}

fn route(segments: &[&str]) -> Option<Route> {
    let resource = match segments {
        ["v0.1" | "v0", rest @ ..] => rest,
        rest => rest,
    };
    let joined = |namespace: &str, leaf: &str| format!("{namespace}/{leaf}");
    match *resource {
        ["openapi.yaml"] => Some(Route::Document),
        ["servers"] => Some(Route::List),
        ["servers", name, "versions"] => Some(Route::Versions { name: name.into() }),
        ["servers", name, "versions", version] if name.contains('/') => {
            Some(Route::Version { name: name.into(), version: version.into() })
        }
        ["servers", namespace, leaf, "versions"] => {
            Some(Route::Versions { name: joined(namespace, leaf) })
        }
        ["servers", namespace, leaf, "versions", version] => {
            Some(Route::Version { name: joined(namespace, leaf), version: version.into() })
        }
        // A name without a slash is not valid; the code path of unknown names answers it.
        ["servers", name, "versions", version] => {
            Some(Route::Version { name: name.into(), version: version.into() })
        }
        _ => None,
    }
}

fn decoded(segment: &str) -> Result<Cow<'_, str>, Problem> {
    let text = percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| Problem::BadRequest("The path is not UTF-8; encode it as UTF-8".into()))?;
    // A name that was copied may have characters that show nothing.
    let text = match text {
        Cow::Borrowed(text) => as_seen(text),
        Cow::Owned(text) => Cow::Owned(as_seen(&text).into_owned()),
    };
    if text.contains('\0') {
        return Err(Problem::BadRequest("The path has a NUL, which is not allowed".into()));
    }
    if is_encoded(&text) {
        return Err(Problem::BadRequest(
            "The path is percent-encoded twice; encode each segment once".into(),
        ));
    }
    Ok(text)
}

/// Returns true if a decoded text has a byte that is percent-encoded.
fn is_encoded(text: &str) -> bool {
    let hex = |digits: &[u8]| digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    text.as_bytes().windows(3).any(|window| window[0] == b'%' && hex(&window[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(name: &str, version: &str) -> Route {
        Route::Version { name: name.into(), version: version.into() }
    }

    fn versions(name: &str) -> Route {
        Route::Versions { name: name.into() }
    }

    #[rstest::rstest]
    #[case("/v0.1/servers", Route::List)]
    #[case("/v0/servers/", Route::List)]
    #[case("/servers", Route::List)]
    #[case("//v0.1//servers//", Route::List)]
    #[case("/v0.1/servers/a.b%2Fc/versions", versions("a.b/c"))]
    #[case("/v0.1/servers/a.b%2fc/versions/", versions("a.b/c"))]
    #[case("/v0.1/servers/a.b%2f%E2%80%8Bc/versions/", versions("a.b/c"))]
    #[case("/v0.1/servers/a.b/c/versions", versions("a.b/c"))]
    #[case("/v0.1/servers/a.b%2Fc/versions/latest", version("a.b/c", "latest"))]
    #[case("/servers/a.b/c/versions/1.0.0", version("a.b/c", "1.0.0"))]
    #[case("/v0/servers/a.b%2Fc/versions/1.0.0%2B5", version("a.b/c", "1.0.0+5"))]
    #[case("/v0/servers/a.b%2Fc/versions/1.0.0+5", version("a.b/c", "1.0.0+5"))]
    #[case("/v0/servers/a.b%2Fversions/versions/versions", version("a.b/versions", "versions"))]
    #[case("/v0/servers/a.b/versions/versions", versions("a.b/versions"))]
    #[case("/v0/servers/ab/versions", versions("ab"))]
    #[case("/v0/servers/..%2F..%2Fetc/versions", versions("../../etc"))]
    #[case("/v0/servers/100%25%20mine/versions", versions("100% mine"))]
    #[case("/v0/servers/50%25/versions/latest", version("50%", "latest"))]
    #[case("/v0/servers/tab%09name/versions/latest", version("tab\tname", "latest"))]
    #[case("/v0/servers/a.b%2Fc/versions/1%0A", version("a.b/c", "1\n"))]
    #[case("/livez", Route::Liveness)]
    #[case("//livez/", Route::Liveness)]
    fn every_form_of_a_path_selects_its_route(#[case] path: &str, #[case] wanted: Route) {
        assert_eq!(asked(path).expect("a route"), Asked { view: None, route: wanted });
    }

    #[rstest::rstest]
    #[case("/views/dev/v0.1/servers", Route::List)]
    #[case("/views/dev//servers/a.b/c/versions/latest", version("a.b/c", "latest"))]
    #[case("/views/dev/openapi.yaml", Route::Document)]
    fn view_prefix_selects_a_view(#[case] path: &str, #[case] wanted: Route) {
        let wanted = Asked { view: Some("dev".into()), route: wanted };
        assert_eq!(asked(path).expect("a route"), wanted);
    }

    #[rstest::rstest]
    #[case("/views/dev", "root of the registry is /views/dev/, which lists")]
    #[case("/", "There is nothing here")]
    #[case("/v0.1", "There is nothing here")]
    #[case("/v0.2/servers", "There is nothing here")]
    #[case("/v0.1/servers/a.b%2Fc", "There is nothing here")]
    #[case("/v0.1/v0.1/servers", "lists servers at /v0.1/servers")]
    #[case("/v0.1/servers/a.b%252Fc/versions", "encoded twice")]
    #[case("/v0.1/servers/a%00b/versions", "a NUL")]
    #[case("/views/dev/livez", "the root of the registry is /views/dev/")]
    #[case("/v0.1/livez", "lists servers at /v0.1/servers")]
    #[case("/v0.1/servers/a%ffb/versions", "not UTF-8")]
    fn any_other_path_is_rejected_with_a_reason(#[case] path: &str, #[case] wanted: &str) {
        let problem = asked(path).expect_err("no route").to_string();
        assert!(problem.contains(wanted), "{problem}");
    }

    #[test]
    fn long_path_is_rejected() {
        assert!(asked(&format!("/v0.1/servers/{}", "a".repeat(10_000))).is_err());
    }
}
