//! Access to operations: tokens with a name, a role and an expiry, and the users of this machine.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Digest, Timestamp};

/// The operations that a token permits. Each role has all that the ones before it have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Acknowledges alerts, and takes acknowledgements back.
    Reviewer,
    /// Everything: sync runs, change sets on hold, deliveries, lookups, tokens.
    Operator,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Reviewer, Self::Operator];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reviewer => "reviewer",
            Self::Operator => "operator",
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The name of a token: 1 to 64 lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenName(String);

/// A text that is not the name of a token.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the name of a token has 1 to 64 lower-case letters, digits and hyphens")]
pub struct BadTokenName;

impl TokenName {
    const MAX_BYTES: usize = 64;

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = BadTokenName;

    fn from_str(text: &str) -> Result<Self, BadTokenName> {
        let usable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_name = (1..=Self::MAX_BYTES).contains(&text.len()) && text.bytes().all(usable);
        if is_name { Ok(Self(text.to_owned())) } else { Err(BadTokenName) }
    }
}

impl TryFrom<String> for TokenName {
    type Error = BadTokenName;

    fn try_from(text: String) -> Result<Self, BadTokenName> {
        text.parse()
    }
}

impl From<TokenName> for String {
    fn from(name: TokenName) -> Self {
        name.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A token as it is stored: the digest of the secret, never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRecord {
    pub name: TokenName,
    pub role: Role,
    pub created: Timestamp,
    /// The token permits nothing from this time on.
    pub expires: Timestamp,
    pub digest: Digest,
}

/// The authenticated actor of an operation. It is recorded beside the name that a person gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    /// The holder of the token in the data folder.
    DataFolder,
    Token(TokenName),
    /// A user of this machine who reads and writes the data folder, as the system names it.
    LocalUser(u32),
}

/// A text that does not name an actor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an actor is `ops.token`, `token:NAME` or `uid:NUMBER`")]
pub struct BadActor;

const DATA_FOLDER: &str = "ops.token";

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataFolder => f.write_str(DATA_FOLDER),
            Self::Token(name) => write!(f, "token:{name}"),
            Self::LocalUser(uid) => write!(f, "uid:{uid}"),
        }
    }
}

impl TryFrom<String> for Actor {
    type Error = BadActor;

    fn try_from(text: String) -> Result<Self, BadActor> {
        match text.split_once(':') {
            None if text == DATA_FOLDER => Ok(Self::DataFolder),
            Some(("token", name)) => name.parse().map(Self::Token).map_err(|_| BadActor),
            Some(("uid", uid)) => uid.parse().map(Self::LocalUser).map_err(|_| BadActor),
            _ => Err(BadActor),
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

/// The reason why a secret permits nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    Unknown,
    Expired { name: TokenName, at: Timestamp },
}

/// Finds the token with the digest of a secret that was presented. The time that this takes depends on the number of
/// tokens, not on the digest.
///
/// # Errors
/// When there is none, or when it has expired at `now`.
pub fn authenticate(
    tokens: &[TokenRecord],
    presented: &Digest,
    now: Timestamp,
) -> Result<(TokenName, Role), Denied> {
    let matches = |token: &&TokenRecord| {
        verify_slices_are_equal(token.digest.as_bytes(), presented.as_bytes()).is_ok()
    };
    let found: Vec<&TokenRecord> = tokens.iter().filter(matches).collect();
    let Some(token) = found.first() else { return Err(Denied::Unknown) };
    if token.expires <= now {
        return Err(Denied::Expired { name: token.name.clone(), at: token.expires });
    }
    Ok((token.name.clone(), token.role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    fn token(name: &str, role: Role, expires: &str) -> TokenRecord {
        TokenRecord {
            name: name.parse().expect("a name"),
            role,
            created: at("2026-01-01T00:00:00Z"),
            expires: at(expires),
            digest: Digest::of(name.as_bytes()),
        }
    }

    #[test]
    fn secret_permits_until_its_expiry_and_only_its_own_role() {
        let tokens = [
            token("one", Role::Viewer, "2026-02-01T00:00:00Z"),
            token("two", Role::Operator, "2026-03-01T00:00:00Z"),
        ];
        let role = |secret: &str, now| {
            let found = authenticate(&tokens, &Digest::of(secret.as_bytes()), at(now));
            found.map(|(name, role)| (name.to_string(), role))
        };
        assert_eq!(role("one", "2026-01-31T23:59:59Z"), Ok(("one".to_owned(), Role::Viewer)));
        assert_eq!(role("two", "2026-02-02T00:00:00Z"), Ok(("two".to_owned(), Role::Operator)));
        let expired = role("one", "2026-02-01T00:00:00Z");
        assert!(matches!(expired, Err(Denied::Expired { name, .. }) if name.as_str() == "one"));
        assert_eq!(role("three", "2026-01-02T00:00:00Z"), Err(Denied::Unknown));
        // The digest is what is stored; it is no secret that permits anything.
        let stored = tokens[0].digest.to_string();
        assert_eq!(role(&stored, "2026-01-02T00:00:00Z"), Err(Denied::Unknown));
    }

    #[test]
    fn greater_roles_have_what_smaller_ones_have() {
        assert!(Role::Viewer < Role::Reviewer && Role::Reviewer < Role::Operator);
        assert!(Role::ALL.iter().all(|role| Role::from_word(role.as_str()) == Some(*role)));
        assert_eq!(Role::from_word("root"), None);
    }

    #[rstest::rstest]
    #[case("ci-2", true)]
    #[case("", false)]
    #[case("CI", false)]
    #[case("ops.token", false)]
    #[case("a b", false)]
    #[case("\u{1b}[2J", false)]
    fn token_name_cannot_be_taken_for_another_actor(#[case] name: &str, #[case] is_name: bool) {
        assert_eq!(name.parse::<TokenName>().is_ok(), is_name);
    }

    #[rstest::rstest]
    #[case("ops.token", Some(Actor::DataFolder))]
    #[case("token:ci", Some(Actor::Token(TokenName("ci".into()))))]
    #[case("uid:1000", Some(Actor::LocalUser(1000)))]
    #[case("uid:", None)]
    #[case("token:", None)]
    #[case("alice", None)]
    fn actor_is_read_as_it_is_written(#[case] text: &str, #[case] actor: Option<Actor>) {
        assert_eq!(Actor::try_from(text.to_owned()).ok(), actor);
        assert!(actor.is_none_or(|actor| actor.to_string() == text));
    }
}
