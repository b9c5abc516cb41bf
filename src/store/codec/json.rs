use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// Encodes a value that is rare or small enough to be text.
pub(in crate::store) fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|_| StoreError::damaged("a value that is not JSON", "memory"))
}

/// Decodes such a value; `what` and `key` name it if it is damaged.
pub(in crate::store) fn read_json<T: DeserializeOwned>(
    value: &[u8],
    what: &'static str,
    key: &str,
) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|_| StoreError::damaged(what, key))
}
