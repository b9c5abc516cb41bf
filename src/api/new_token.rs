use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::token::random_text;
use crate::model::{Digest, Role, Timestamp, TokenName, TokenRecord};
use crate::store::{Store, StoreError};

/// A token that was just made: the only place where its secret stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewToken {
    pub name: TokenName,
    pub role: Role,
    pub expires: Timestamp,
    pub secret: String,
}

/// The reason why no token is made.
#[derive(Debug, Error)]
pub enum TokenRefused {
    #[error("a token cannot expire at {0}, which has passed; state a later time")]
    Past(Timestamp),
    #[error("there is a token `{0}`; revoke it first, or choose another name")]
    Exists(TokenName),
    #[error("the secret cannot be made")]
    Random(#[from] std::io::Error),
}

/// A mark by which scanners of repositories find a secret that was committed.
const PREFIX: &str = "vidimus_";

impl NewToken {
    /// Makes a token and stores its record.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(
        store: &Store,
        name: TokenName,
        role: Role,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Result<Self, TokenRefused>, StoreError> {
        let new = match Self::make(name, role, expires, now) {
            Ok(new) => new,
            Err(why) => return Ok(Err(why)),
        };
        let is_created = store.create_token(&new.record(now), now)?;
        Ok(if is_created { Ok(new) } else { Err(TokenRefused::Exists(new.name)) })
    }

    /// Makes a token with a random secret.
    ///
    /// # Errors
    /// When it would have expired, or when the system provides no random numbers.
    fn make(
        name: TokenName,
        role: Role,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Self, TokenRefused> {
        if expires <= now {
            return Err(TokenRefused::Past(expires));
        }
        Ok(Self { name, role, expires, secret: format!("{PREFIX}{}", random_text()?) })
    }

    /// Returns what is stored of it.
    fn record(&self, now: Timestamp) -> TokenRecord {
        let Self { name, role, expires, secret } = self;
        let digest = Digest::of(secret.as_bytes());
        TokenRecord { name: name.clone(), role: *role, created: now, expires: *expires, digest }
    }
}

/// A token as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenReport {
    pub name: TokenName,
    pub role: Role,
    pub created: Timestamp,
    pub expires: Timestamp,
    pub expired: bool,
}

impl TokenReport {
    #[must_use]
    pub fn of(token: TokenRecord, now: Timestamp) -> Self {
        let TokenRecord { name, role, created, expires, .. } = token;
        Self { name, role, created, expires, expired: expires <= now }
    }
}
