use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// Writes a value that is rare or small enough to be text.
pub(in crate::store) fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|_| StoreError::damaged("a value that is no JSON", "memory"))
}

/// Reads such a value; `what` and `key` name it where it is damaged.
pub(in crate::store) fn read_json<T: DeserializeOwned>(
    value: &[u8],
    what: &'static str,
    key: &str,
) -> Result<T, StoreError> {
    serde_json::from_slice(value).map_err(|_| StoreError::damaged(what, key))
}
