use std::fmt;

/// A repository on a forge whose build service signs: its host and path in lower case, as the forge compares them.
///
/// It is compared whole. A URL that another reader could take for another place is not read: one with a user, a port, an
/// escape, or a character beyond those that the forges allow in names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    forge: Forge,
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Forge {
    GitHub,
    GitLab,
}

impl Forge {
    const fn host(self) -> &'static str {
        match self {
            Self::GitHub => "github.com",
            Self::GitLab => "gitlab.com",
        }
    }
}

impl Repository {
    /// Reads the URL of a repository, or of a folder or file in it.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let url = url.strip_prefix("git+").unwrap_or(url);
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        let (host, path) = rest.split_once('/')?;
        let host = host.to_ascii_lowercase();
        let forge = match host.strip_prefix("www.").unwrap_or(&host) {
            "github.com" => Forge::GitHub,
            "gitlab.com" => Forge::GitLab,
            _ => return None,
        };
        let path = path.split(['?', '#']).next()?;
        let mut segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        match forge {
            Forge::GitHub if matches!(segments.get(2), Some(&("tree" | "blob"))) => {
                segments.truncate(2);
            }
            Forge::GitHub => {}
            // Groups can be nested; `-` separates the repository from what is in it.
            Forge::GitLab => {
                let end = segments.iter().position(|segment| *segment == "-");
                segments.truncate(end.unwrap_or(segments.len()));
            }
        }
        let most = if forge == Forge::GitHub { 2 } else { 20 };
        let last = segments.last_mut()?;
        *last = last.strip_suffix(".git").unwrap_or(last);
        let is_usable =
            (2..=most).contains(&segments.len()) && segments.iter().copied().all(is_name);
        is_usable.then(|| Self { forge, path: segments.join("/").to_ascii_lowercase() })
    }

    pub(super) const fn forge(&self) -> Forge {
        self.forge
    }

    /// Returns the account or group that owns it, in lower case.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }
}

fn is_name(segment: &str) -> bool {
    (1..=255).contains(&segment.len())
        && !matches!(segment, "." | "..")
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/{}", self.forge.host(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("https://github.com/Acme/Tool")]
    #[case("https://github.com/acme/tool/")]
    #[case("git+https://github.com/acme/tool.git")]
    #[case("http://www.GitHub.com/acme/tool#readme")]
    #[case("https://github.com/acme/tool/tree/main/packages/one")]
    fn spellings_of_one_repository_are_equal(#[case] url: &str) {
        let read = Repository::parse(url).map(|repository| repository.to_string());
        assert_eq!(read.as_deref(), Some("https://github.com/acme/tool"));
    }

    #[rstest::rstest]
    #[case(
        "https://gitlab.com/group/inner/tool/-/tree/main",
        "https://gitlab.com/group/inner/tool"
    )]
    #[case("https://gitlab.com/group/tool", "https://gitlab.com/group/tool")]
    fn nested_groups_are_part_of_the_repository(#[case] url: &str, #[case] written: &str) {
        let read = Repository::parse(url).map(|repository| repository.to_string());
        assert_eq!(read.as_deref(), Some(written));
    }

    #[rstest::rstest]
    #[case("https://github.com@evil.example/acme/tool")]
    #[case("https://github.com.evil.example/acme/tool")]
    #[case("https://github.com:8443/acme/tool")]
    #[case("https://evil.example/github.com/acme/tool")]
    #[case("https://githüb.com/acme/tool")]
    #[case("https://github.com/acme/t\u{43e}ol")]
    #[case("https://github.com/acme/%74ool")]
    #[case("https://github.com/acme//tool")]
    #[case("https://github.com/acme/../tool")]
    #[case("https://github.com/acme/.git")]
    #[case("https://github.com/acme/tool/other")]
    #[case("https://github.com/acme\\tool/x")]
    #[case("https://github.com/acme")]
    #[case("https://github.com/acme/tool\u{200b}")]
    #[case(" https://github.com/acme/tool")]
    #[case("git@github.com:acme/tool.git")]
    #[case("")]
    fn url_that_could_be_taken_for_another_place_is_not_read(#[case] url: &str) {
        assert_eq!(Repository::parse(url), None);
    }
}
