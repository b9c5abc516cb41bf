use std::fmt;

use serde::Serialize;

use super::hosts::{SharedHosts, ancestors};

/// What a namespace asserts, read off its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Claim {
    /// `io.github.<login>`: a user or organisation of GitHub, in small letters.
    GitHub { login: String },
    /// Everything else, read backwards and in small letters.
    Domain {
        domain: String,
        /// Its parents down to the registrable domain, nearest first: a record there covers it.
        parents: Vec<String>,
        /// The shared host that it has its name from; a record there says nothing of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        shared_host: Option<String>,
    },
    /// Nothing that anybody could show.
    Unprovable { why: Unprovable },
}

/// Why nobody can show that a namespace is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unprovable {
    /// One label, or one that no domain can have.
    NoDomain,
    /// A suffix under which anybody registers, or a shared host itself.
    PublicSuffix,
    /// It spells an address.
    Address,
    /// `io.github.` with something behind it that no login can be.
    NoLogin,
    /// More labels than any real name has: each would be asked for.
    TooDeep,
}

impl fmt::Display for Unprovable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoDomain => "it is no domain written backwards",
            Self::PublicSuffix => {
                "it is a suffix or shared host under which anybody gets a name, not one that somebody owns"
            }
            Self::Address => "it spells an address, which nobody owns for good",
            Self::NoLogin => "what stands behind `io.github.` is no login",
            Self::TooDeep => "it has more than 10 labels",
        })
    }
}

const GITHUB: &str = "io.github.";
/// Logins have at most this many characters.
const LOGIN: usize = 39;
/// The deepest real namespace has six.
const MAX_LABELS: usize = 10;

impl Claim {
    /// Reads a namespace. Every text has a claim, if only that nothing can be shown.
    #[must_use]
    pub fn of(namespace: &str, hosts: &SharedHosts) -> Self {
        let folded = namespace.to_ascii_lowercase();
        match folded.strip_prefix(GITHUB) {
            Some(login) if is_login(login) => Self::GitHub { login: login.to_owned() },
            Some(_) => Self::Unprovable { why: Unprovable::NoLogin },
            None => Self::domain(&folded, hosts),
        }
    }

    fn domain(folded: &str, hosts: &SharedHosts) -> Self {
        let why = |why| Self::Unprovable { why };
        let labels: Vec<&str> = folded.rsplit('.').collect();
        if labels.len() > MAX_LABELS {
            return why(Unprovable::TooDeep);
        }
        if is_address(&labels) {
            return why(Unprovable::Address);
        }
        if labels.len() < 2 || !labels.iter().all(|label| is_label(label)) {
            return why(Unprovable::NoDomain);
        }
        let domain = labels.join(".");
        let Some((suffix, shared)) = suffix_of(&domain, hosts) else {
            return why(Unprovable::PublicSuffix);
        };
        let is_owned = |parent: &&str| parent.len() > suffix.len();
        let parents = ancestors(&domain).skip(1).take_while(is_owned).map(str::to_owned).collect();
        Self::Domain { parents, shared_host: shared.then(|| suffix.to_owned()), domain }
    }

    /// The domain that somebody registered, under which the claim stands.
    #[must_use]
    pub fn registrable(&self) -> Option<&str> {
        match self {
            Self::Domain { domain, parents, .. } => Some(parents.last().unwrap_or(domain)),
            Self::GitHub { .. } | Self::Unprovable { .. } => None,
        }
    }

    /// The kind as one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::GitHub { .. } => "github",
            Self::Domain { shared_host: None, .. } => "domain",
            Self::Domain { shared_host: Some(_), .. } => "shared host",
            Self::Unprovable { .. } => "unprovable",
        }
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHub { login } => write!(f, "the GitHub account {login}"),
            Self::Domain { domain, shared_host: None, .. } => write!(f, "the domain {domain}"),
            Self::Domain { domain, shared_host: Some(host), .. } => write!(
                f,
                "the domain {domain}, under the shared host {host}, whose own record says nothing of it"
            ),
            Self::Unprovable { why } => write!(f, "nothing that can be shown: {why}"),
        }
    }
}

/// The suffix under which the domain was registered, and whether it is a shared host; `None` when the
/// domain is the suffix itself.
fn suffix_of<'d>(domain: &'d str, hosts: &SharedHosts) -> Option<(&'d str, bool)> {
    let listed = psl::suffix(domain.as_bytes());
    let length = listed.map_or(0, |suffix| suffix.as_bytes().len());
    let private = listed.is_some_and(|suffix| suffix.typ() == Some(psl::Type::Private));
    let suffix = &domain[domain.len() - length..];
    let (suffix, shared) = match hosts.above(domain) {
        Some(host) if host.len() >= suffix.len() => (host, true),
        _ => (suffix, private),
    };
    (suffix.len() < domain.len()).then_some((suffix, shared))
}

fn is_login(text: &str) -> bool {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LOGIN).contains(&text.len()) && text.bytes().all(usable) && !text.starts_with('-')
}

fn is_label(label: &str) -> bool {
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(usable)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// What a URL parser reads as an IPv4 address: its last label is a number, decimal or hexadecimal (WHATWG
/// URL, "ends in a number"). Four numbers in either order are one, however they are meant.
fn is_address(labels: &[&str]) -> bool {
    let is_number = |label: &str| {
        let hexadecimal = label.strip_prefix("0x");
        label.bytes().all(|it| it.is_ascii_digit()) && !label.is_empty()
            || hexadecimal.is_some_and(|it| it.bytes().all(|it| it.is_ascii_hexdigit()))
    };
    labels.last().is_some_and(|label| is_number(label))
        || labels.len() == 4 && labels.iter().all(|label| is_number(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(domain: &str, parents: &[&str], host: Option<&str>) -> Claim {
        Claim::Domain {
            domain: domain.into(),
            parents: parents.iter().map(|it| (*it).to_owned()).collect(),
            shared_host: host.map(str::to_owned),
        }
    }

    #[rstest::rstest]
    #[case("io.github.Someone", Claim::GitHub { login: "someone".into() })]
    #[case("IO.GitHub.some-one", Claim::GitHub { login: "some-one".into() })]
    #[case("io.github.some.one", Claim::Unprovable { why: Unprovable::NoLogin })]
    #[case("io.github.", Claim::Unprovable { why: Unprovable::NoLogin })]
    #[case("io.github", Claim::Unprovable { why: Unprovable::PublicSuffix })]
    #[case("com.example", domain("example.com", &[], None))]
    #[case("Com.Example.Sub", domain("sub.example.com", &["example.com"], None))]
    #[case("com.example.a.b", domain("b.a.example.com", &["a.example.com", "example.com"], None))]
    #[case("uk.co.example.x", domain("x.example.co.uk", &["example.co.uk"], None))]
    #[case("uk.co", Claim::Unprovable { why: Unprovable::PublicSuffix })]
    #[case("app.vercel.mine", domain("mine.vercel.app", &[], Some("vercel.app")))]
    #[case("app.vercel", Claim::Unprovable { why: Unprovable::PublicSuffix })]
    #[case("app.vercel.mine.a", domain("a.mine.vercel.app", &["mine.vercel.app"], Some("vercel.app")))]
    #[case("io.sslip.1-2-3-4", domain("1-2-3-4.sslip.io", &[], Some("sslip.io")))]
    #[case("com.tools.acme", domain("acme.tools.com", &[], Some("tools.com")))]
    #[case("io.github-pages.x", domain("x.github-pages.io", &["github-pages.io"], None))]
    #[case("4.3.2.1", Claim::Unprovable { why: Unprovable::Address })]
    #[case("43518.254.169", Claim::Unprovable { why: Unprovable::Address })]
    #[case("1.0x7f", Claim::Unprovable { why: Unprovable::Address })]
    #[case("0x7f.com", Claim::Unprovable { why: Unprovable::Address })]
    #[case("local", Claim::Unprovable { why: Unprovable::NoDomain })]
    #[case("com..example", Claim::Unprovable { why: Unprovable::NoDomain })]
    #[case("com.-example", Claim::Unprovable { why: Unprovable::NoDomain })]
    #[case("com.a.b.c.d.e.f.g.h.i.j", Claim::Unprovable { why: Unprovable::TooDeep })]
    fn a_namespace_claims_an_account_or_a_domain(#[case] namespace: &str, #[case] claim: Claim) {
        let hosts = SharedHosts::with(["tools.com".to_owned()]);
        assert_eq!(Claim::of(namespace, &hosts), claim);
    }

    proptest::proptest! {
        #[test]
        fn every_namespace_has_a_claim(namespace in "[a-zA-Z0-9.-]{1,60}") {
            let claim = Claim::of(&namespace, &SharedHosts::default());
            if let Claim::Domain { domain, parents, .. } = claim {
                for parent in parents {
                    let below = format!(".{parent}");
                    proptest::prop_assert!(domain.ends_with(&below));
                }
            }
        }
    }
}
