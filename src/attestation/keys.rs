use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::model::Timestamp;

/// Keys of one registry; npm's has four.
const MAX_KEYS: usize = 64;
/// The usage of keys that sign attestations. Others sign packages.
const ATTESTATIONS: &str = "npm:attestations";

/// The keys by which npm's registry signs publish attestations, each with the time that it is valid for.
#[derive(Debug, Clone, Default)]
pub(super) struct RegistryKeys(Vec<RegistryKey>);

#[derive(Debug, Clone)]
struct RegistryKey {
    id: String,
    der: Vec<u8>,
    start: Timestamp,
    end: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<DocumentKey>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DocumentKey {
    key_id: String,
    key_usage: String,
    public_key: PublicKey,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKey {
    raw_bytes: String,
    valid_for: ValidFor,
}

#[derive(Deserialize)]
struct ValidFor {
    start: Timestamp,
    #[serde(default)]
    end: Option<Timestamp>,
}

impl RegistryKeys {
    /// Reads npm's `keys.json`; `None` if it is not such a document or has no key for attestations.
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(json).ok()?;
        let for_attestations =
            document.keys.into_iter().filter(|key| key.key_usage == ATTESTATIONS);
        let keys: Option<Vec<RegistryKey>> = for_attestations.map(DocumentKey::read).collect();
        keys.filter(|keys| (1..=MAX_KEYS).contains(&keys.len())).map(Self)
    }

    /// Returns the key with this id that was valid at a time, in DER.
    pub(super) fn at(&self, id: &str, time: Timestamp) -> Option<&[u8]> {
        let is_valid = |key: &&RegistryKey| {
            key.id == id && key.start <= time && key.end.is_none_or(|end| time <= end)
        };
        self.0.iter().find(is_valid).map(|key| key.der.as_slice())
    }

    /// Returns the key with this id, in DER, whenever it is valid.
    pub(super) fn with_id(&self, id: &str) -> Option<&[u8]> {
        self.0.iter().find(|key| key.id == id).map(|key| key.der.as_slice())
    }
}

impl DocumentKey {
    fn read(self) -> Option<RegistryKey> {
        let PublicKey { raw_bytes, valid_for: ValidFor { start, end } } = self.public_key;
        let der = STANDARD.decode(raw_bytes).ok()?;
        Some(RegistryKey { id: self.key_id, der, start, end })
    }
}
