use redb::ReadableTable;

use super::tables::TOKENS;
use super::{Snapshot, Store, StoreError, codec};
use crate::model::{Timestamp, TokenName, TokenRecord};

/// Expired tokens are listed for so long, so that an operator finds why one is refused.
const KEPT: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 60 * 60);

impl Store {
    /// Stores a token; returns false if one of its name exists. Tokens that expired long ago are removed.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn create_token(&self, token: &TokenRecord, now: Timestamp) -> Result<bool, StoreError> {
        self.write(now, |transaction| {
            let mut table = transaction.open_table(TOKENS)?;
            table.retain(|_, value| match serde_json::from_slice(value) {
                Ok(TokenRecord { expires, .. }) => now.since(expires) < KEPT,
                Err(_) => true,
            })?;
            if table.get(token.name.as_str())?.is_some() {
                return Ok(false);
            }
            table.insert(token.name.as_str(), codec::json(token)?.as_slice())?;
            Ok(true)
        })
    }

    /// Removes a token; returns false if there is none of this name.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn revoke_token(&self, name: &TokenName, now: Timestamp) -> Result<bool, StoreError> {
        self.write(now, |transaction| {
            Ok(transaction.open_table(TOKENS)?.remove(name.as_str())?.is_some())
        })
    }
}

impl Snapshot {
    /// Returns every token that decodes, by name; a damaged one permits nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tokens(&self) -> Result<Vec<TokenRecord>, StoreError> {
        let mut tokens = Vec::new();
        for row in self.tables.tokens()?.iter()? {
            tokens.extend(serde_json::from_slice::<TokenRecord>(row?.1.value()).ok());
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, Role};

    #[test]
    fn token_is_stored_by_its_digest_and_revoked_by_its_name() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let store = Store::ephemeral(at(1)).expect("a store");
        let (name, secret) = ("ci".parse::<TokenName>().expect("a name"), "a secret");
        let digest = Digest::of(secret.as_bytes());
        let role = Role::Viewer;
        let token =
            TokenRecord { name: name.clone(), role, created: at(1), expires: at(9), digest };
        assert!(store.create_token(&token, at(1)).expect("written"));
        assert!(!store.create_token(&token, at(1)).expect("read"), "its name is taken");
        let stored = store.snapshot().expect("one").tokens().expect("read");
        assert_eq!(stored, std::slice::from_ref(&token));
        assert!(!serde_json::to_string(&stored).expect("JSON").contains(secret));
        assert!(store.revoke_token(&name, at(2)).expect("written"));
        assert!(!store.revoke_token(&name, at(2)).expect("read"));
        assert!(store.snapshot().expect("one").tokens().expect("read").is_empty());
    }
}
