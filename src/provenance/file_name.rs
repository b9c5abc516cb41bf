use std::str::FromStr;

use pep440_rs::Version;

use crate::ownership::Package;

/// Longer names and versions are not compared.
const MAX: usize = 512;

/// Returns true if an npm package URL, such as `pkg:npm/%40scope/name@1.0.0`, names this version of this package.
pub(super) fn is_npm_release(purl: &str, package: &Package, version: &str) -> bool {
    let Some((name, its)) = purl.strip_prefix("pkg:npm/").and_then(|rest| rest.rsplit_once('@'))
    else {
        return false;
    };
    let is_scoped = |name: &str| {
        let scope = name.strip_prefix("%40").or_else(|| name.strip_prefix('@'));
        scope.is_some_and(|rest| package.identifier.strip_prefix('@') == Some(rest))
    };
    its.replace("%2B", "+") == version && (name == package.identifier || is_scoped(name))
}

/// Returns true if the file name of a wheel or a source distribution names this version of this package.
pub(super) fn is_python_release(file: &str, package: &Package, version: &str) -> bool {
    if file.len() > MAX || version.len() > MAX {
        return false;
    }
    let parts = match file.strip_suffix(".whl") {
        Some(stem) => {
            let mut parts = stem.split('-');
            parts.next().zip(parts.next())
        }
        None => [".tar.gz", ".zip"]
            .into_iter()
            .find_map(|ending| file.strip_suffix(ending))
            .and_then(|stem| stem.rsplit_once('-')),
    };
    parts.is_some_and(|(name, its)| {
        Package::new("pypi", name, None).identifier == package.identifier
            && is_same_version(its, version)
    })
}

fn is_same_version(left: &str, right: &str) -> bool {
    match (Version::from_str(left), Version::from_str(right)) {
        (Ok(left), Ok(right)) => left == right,
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("pkg:npm/tool@1.0.0", "tool", "1.0.0", true)]
    #[case("pkg:npm/%40acme/tool@1.0.0", "@acme/tool", "1.0.0", true)]
    #[case("pkg:npm/@acme/tool@1.0.0", "@acme/tool", "1.0.0", true)]
    #[case("pkg:npm/tool@1.0.0%2Bbuild", "tool", "1.0.0+build", true)]
    #[case("pkg:npm/Tool@1.0.0", "tool", "1.0.0", false)]
    #[case("pkg:npm/tool@1.0.1", "tool", "1.0.0", false)]
    #[case("pkg:npm/%40other/tool@1.0.0", "@acme/tool", "1.0.0", false)]
    #[case("pkg:npm/acme/tool@1.0.0", "@acme/tool", "1.0.0", false)]
    #[case("pkg:npm/tool", "tool", "1.0.0", false)]
    #[case("pkg:pypi/tool@1.0.0", "tool", "1.0.0", false)]
    #[case("tool@1.0.0", "tool", "1.0.0", false)]
    #[case("pkg:npm/t\u{43e}ol@1.0.0", "tool", "1.0.0", false)]
    fn package_url_names_one_release(
        #[case] purl: &str,
        #[case] name: &str,
        #[case] version: &str,
        #[case] names: bool,
    ) {
        assert_eq!(is_npm_release(purl, &Package::new("npm", name, None), version), names);
    }

    #[rstest::rstest]
    #[case("acme_tool-1.0.tar.gz", "1.0", true)]
    #[case("Acme.Tool-1.0.tar.gz", "1.0.0", true)]
    #[case("acme_tool-1.0rc1-py3-none-any.whl", "1.0.0-rc.1", true)]
    #[case("acme_tool-1.0-7-py3-none-any.whl", "1.0", true)]
    #[case("acme_tool-1.1.tar.gz", "1.0", false)]
    #[case("acme_tools-1.0.tar.gz", "1.0", false)]
    #[case("acme_tool-1.0.exe", "1.0", false)]
    #[case("acme_tool.tar.gz", "1.0", false)]
    #[case("-.whl", "", false)]
    #[case("", "1.0", false)]
    fn file_name_names_one_release(#[case] file: &str, #[case] version: &str, #[case] names: bool) {
        let package = Package::new("pypi", "acme-tool", None);
        assert_eq!(is_python_release(file, &package, version), names);
    }
}
