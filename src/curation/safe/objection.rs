use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::model::Escaped;

/// A member of an entry that breaks a rule for what reaches an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// The member, such as `remotes[0].url`.
    pub place: String,
    /// The text that breaks the rule. An `allow` of an overlay repeats it in full.
    pub found: String,
    pub rule: SafetyRule,
}

/// The rules for what reaches an agent, beside the published schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SafetyRule {
    Scheme,
    Ambiguous,
    UserInformation,
    ManyHosts,
    /// An http URL.
    Unencrypted,
    PrivateHost,
    /// A package registry to ask in place of the public one of this kind of package.
    Registry(SmolStr),
    PackageKind,
    Identifier(SmolStr),
    PackageVersion(SmolStr),
    Program,
    HeaderName,
    OneLine,
    /// The name of an environment variable.
    Variable,
    /// The version of the entry itself.
    Version,
}

impl SafetyRule {
    /// Returns true if the organisation may admit what breaks the rule: it is in its own network.
    #[must_use]
    pub const fn is_waivable(&self) -> bool {
        matches!(self, Self::Unencrypted | Self::PrivateHost | Self::Registry(_))
    }
}

impl fmt::Display for SafetyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("is not a URL that begins with `https://`"),
            Self::Ambiguous => f.write_str(
                "is a URL with a host that clients read differently; allowed is a host name in ASCII or a plain address",
            ),
            Self::UserInformation => f.write_str("has user information before the host, which is not allowed"),
            Self::ManyHosts => f.write_str("has more possible hosts than can be checked; use fewer variables"),
            Self::Unencrypted => f.write_str("is not encrypted; allowed is https"),
            Self::PrivateHost => f.write_str("has a host that is not public"),
            Self::Registry(kind) => write!(
                f,
                "is not among the registries of {} packages that the settings list; add it to `[package_urls]` of `vidimus.toml`",
                Escaped(kind)
            ),
            Self::PackageKind => f.write_str("is not a kind of package; allowed are letters, digits and hyphens"),
            Self::Identifier(kind) => write!(f, "is not an identifier of a package of {}", Escaped(kind)),
            Self::PackageVersion(kind) => write!(f, "is not a version of a package of {}", Escaped(kind)),
            Self::Program => f.write_str("is not the name of a program, or that of a shell; allowed are letters, digits and `.`, `_`, `+`, `-` inside"),
            Self::HeaderName => f.write_str("is not a header name, which is a token of RFC 9110"),
            Self::Variable => f.write_str("is not the name of an environment variable; it has no white space, no `=` and no `-` in front"),
            Self::Version => f.write_str("is not a version that a path or a command can name; it has none of `% ? # \\ \"`, no `-` in front, and not only dots"),
            Self::OneLine => f.write_str("has a line break; one line is allowed"),
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, found, rule } = self;
        write!(f, "{}: \"{}\" {rule}", Escaped(place), Escaped(found))?;
        if rule.is_waivable() {
            f.write_str("; a rule for this exact version can `allow` the URL")?;
        }
        Ok(())
    }
}
