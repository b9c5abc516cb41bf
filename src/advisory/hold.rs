use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::model::{Actor, Digest, Timestamp};

/// An advisory that would hide fewer names takes effect at once.
const LEAST: usize = 5;
/// So does one that would hide at most this share of the names that are served.
const PERCENT: usize = 20;

/// Returns true if an advisory that alone would hide so many of the served names waits for a person.
#[must_use]
pub const fn must_hold(hidden: usize, served: usize) -> bool {
    hidden >= LEAST && hidden.saturating_mul(100) > served.saturating_mul(PERCENT)
}

/// An own advisory that hides nothing before an operator releases it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The digest of the advisory: another text of it is judged by itself.
    pub digest: Digest,
    pub id: SmolStr,
    /// The names that it would have hidden when it was read, and those that were served.
    pub hidden: usize,
    pub served: usize,
    pub since: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
}

/// The decision of an operator to let an advisory take effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub by: String,
    pub actor: Actor,
    pub at: Timestamp,
    pub reason: String,
}

/// A request to release an advisory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRequest {
    pub id: String,
    /// The digest that was shown.
    pub digest: Digest,
    pub by: String,
    pub reason: String,
}
