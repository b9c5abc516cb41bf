use std::fmt;

use serde::Serialize;

use super::hosts::{SharedHosts, ancestors};

/// The owner that a namespace claims, read from its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Claim {
    /// `io.github.<login>`: a user or organisation on GitHub, in lower case.
    GitHub { login: String },
    /// Everything else, read backwards and in lower case.
    Domain {
        domain: String,
        /// Its parents down to the registrable domain, nearest first: a record there covers it.
        parents: Vec<String>,
        /// The shared host that gave it its name; a record there does not cover it.
        #[serde(skip_serializing_if = "Option::is_none")]
        shared_host: Option<String>,
    },
    /// A namespace that no evidence can verify.
    Unverifiable { why: Unverifiable },
}

/// The reason why no evidence can verify a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unverifiable {
    /// A single label, or a label that no domain can have.
    NoDomain,
    /// A suffix under which anyone can register, or a shared host itself.
    PublicSuffix,
    /// An IP address.
    Address,
    /// `io.github.` followed by something that cannot be a login.
    NoLogin,
    /// More labels than any real name has: each would cost a lookup.
    TooDeep,
}

impl fmt::Display for Unverifiable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoDomain => "it is not a reversed domain name",
            Self::PublicSuffix => {
                "it is a suffix or a shared host under which anyone can register a name"
            }
            Self::Address => "it is an IP address, which has no lasting owner",
            Self::NoLogin => "the text after `io.github.` is not a login",
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
    /// Reads a namespace. Every text has a claim, if only an unverifiable one.
    #[must_use]
    pub fn of(namespace: &str, hosts: &SharedHosts) -> Self {
        let folded = namespace.to_ascii_lowercase();
        match folded.strip_prefix(GITHUB) {
            Some(login) if is_login(login) => Self::GitHub { login: login.to_owned() },
            Some(_) => Self::Unverifiable { why: Unverifiable::NoLogin },
            None => Self::domain(&folded, hosts),
        }
    }

    fn domain(folded: &str, hosts: &SharedHosts) -> Self {
        let why = |why| Self::Unverifiable { why };
        let labels: Vec<&str> = folded.rsplit('.').collect();
        if labels.len() > MAX_LABELS {
            return why(Unverifiable::TooDeep);
        }
        if is_address(&labels) {
            return why(Unverifiable::Address);
        }
        if labels.len() < 2 || !labels.iter().all(|label| is_label(label)) {
            return why(Unverifiable::NoDomain);
        }
        let domain = labels.join(".");
        let Some((suffix, shared)) = suffix_of(&domain, hosts) else {
            return why(Unverifiable::PublicSuffix);
        };
        let is_owned = |parent: &&str| parent.len() > suffix.len();
        let parents = ancestors(&domain).skip(1).take_while(is_owned).map(str::to_owned).collect();
        Self::Domain { parents, shared_host: shared.then(|| suffix.to_owned()), domain }
    }

    /// Returns the namespace that was probably meant by a domain that is written forwards: one whose first label is no
    /// top-level domain, and whose last label is one.
    #[must_use]
    pub fn written_forwards(namespace: &str) -> Option<String> {
        let folded = namespace.to_ascii_lowercase();
        let (first, last) = (folded.split('.').next()?, folded.rsplit('.').next()?);
        let is_known =
            |label: &str| psl::suffix(label.as_bytes()).is_some_and(|suffix| suffix.is_known());
        let is_forwards = first != last && !is_known(first) && is_known(last);
        is_forwards.then(|| folded.rsplit('.').collect::<Vec<_>>().join("."))
    }

    /// Returns the registered domain that the claim is under.
    #[must_use]
    pub fn registrable(&self) -> Option<&str> {
        match self {
            Self::Domain { domain, parents, .. } => Some(parents.last().unwrap_or(domain)),
            Self::GitHub { .. } | Self::Unverifiable { .. } => None,
        }
    }

    /// Returns the party that a namespace belongs to, by the shared hosts that are known: a registered domain, or an
    /// account; the namespace itself if it is of neither.
    #[must_use]
    pub fn party_of(namespace: &str) -> String {
        let party = Self::of(namespace, &SharedHosts::default()).owner();
        party.unwrap_or_else(|| namespace.to_ascii_lowercase())
    }

    /// Returns the party behind the claim: a registered domain, or an account. Namespaces that share it are lost
    /// together.
    #[must_use]
    pub fn owner(&self) -> Option<String> {
        match self {
            Self::GitHub { login } => Some(format!("github:{login}")),
            Self::Domain { .. } => self.registrable().map(str::to_owned),
            Self::Unverifiable { .. } => None,
        }
    }

    /// Returns the kind as a short text.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::GitHub { .. } => "github",
            Self::Domain { shared_host: None, .. } => "domain",
            Self::Domain { shared_host: Some(_), .. } => "shared host",
            Self::Unverifiable { .. } => "unverifiable",
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
                "the domain {domain}, under the shared host {host}; a record of {host} does not cover it"
            ),
            Self::Unverifiable { why } => write!(f, "nothing that can be verified: {why}"),
        }
    }
}

/// Returns the suffix under which the domain was registered, and true if it is a shared host; `None` when
/// the domain is the suffix itself.
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

/// Returns true if a URL parser reads the labels as an IPv4 address: the last label is a number, decimal or
/// hexadecimal (WHATWG URL, "ends in a number"). Four numbers are an address in either order.
fn is_address(labels: &[&str]) -> bool {
    let is_number = |label: &str| {
        let hexadecimal = label.strip_prefix("0x");
        label.bytes().all(|byte| byte.is_ascii_digit()) && !label.is_empty()
            || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
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
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            shared_host: host.map(str::to_owned),
        }
    }

    #[rstest::rstest]
    #[case("io.github.Someone", Claim::GitHub { login: "someone".into() })]
    #[case("IO.GitHub.some-one", Claim::GitHub { login: "some-one".into() })]
    #[case("io.github.some.one", Claim::Unverifiable { why: Unverifiable::NoLogin })]
    #[case("io.github.", Claim::Unverifiable { why: Unverifiable::NoLogin })]
    #[case("io.github", Claim::Unverifiable { why: Unverifiable::PublicSuffix })]
    #[case("com.example", domain("example.com", &[], None))]
    #[case("Com.Example.Sub", domain("sub.example.com", &["example.com"], None))]
    #[case("com.example.a.b", domain("b.a.example.com", &["a.example.com", "example.com"], None))]
    #[case("uk.co.example.x", domain("x.example.co.uk", &["example.co.uk"], None))]
    #[case("uk.co", Claim::Unverifiable { why: Unverifiable::PublicSuffix })]
    #[case("app.vercel.mine", domain("mine.vercel.app", &[], Some("vercel.app")))]
    #[case("app.vercel", Claim::Unverifiable { why: Unverifiable::PublicSuffix })]
    #[case("app.vercel.mine.a", domain("a.mine.vercel.app", &["mine.vercel.app"], Some("vercel.app")))]
    #[case("io.sslip.1-2-3-4", domain("1-2-3-4.sslip.io", &[], Some("sslip.io")))]
    #[case("com.tools.acme", domain("acme.tools.com", &[], Some("tools.com")))]
    #[case("io.github-pages.x", domain("x.github-pages.io", &["github-pages.io"], None))]
    #[case("4.3.2.1", Claim::Unverifiable { why: Unverifiable::Address })]
    #[case("43518.254.169", Claim::Unverifiable { why: Unverifiable::Address })]
    #[case("1.0x7f", Claim::Unverifiable { why: Unverifiable::Address })]
    #[case("0x7f.com", Claim::Unverifiable { why: Unverifiable::Address })]
    #[case("local", Claim::Unverifiable { why: Unverifiable::NoDomain })]
    #[case("com..example", Claim::Unverifiable { why: Unverifiable::NoDomain })]
    #[case("com.-example", Claim::Unverifiable { why: Unverifiable::NoDomain })]
    #[case("com.a.b.c.d.e.f.g.h.i.j", Claim::Unverifiable { why: Unverifiable::TooDeep })]
    fn namespace_claims_an_account_or_a_domain(#[case] namespace: &str, #[case] claim: Claim) {
        let hosts = SharedHosts::with(["tools.com".to_owned()]);
        assert_eq!(Claim::of(namespace, &hosts), claim);
    }

    #[rstest::rstest]
    #[case("plain.com", Some("com.plain"))]
    #[case("Sub.Plain.com", Some("com.plain.sub"))]
    #[case("com.plain", None)]
    #[case("com.plain.dev", None)]
    #[case("plain", None)]
    #[case("example.plain", None)]
    fn domain_that_is_written_forwards_is_recognised(
        #[case] namespace: &str,
        #[case] meant: Option<&str>,
    ) {
        assert_eq!(Claim::written_forwards(namespace).as_deref(), meant);
    }

    proptest::proptest! {
        #[test]
        fn parents_of_a_claimed_domain_are_its_suffixes(namespace in "[a-zA-Z0-9.-]{1,60}") {
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
