use serde::{Deserialize, Serialize};

use crate::model::Instant;

/// A user or organisation of GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// As the forge writes it.
    pub login: String,
    /// Stays when the login changes, and is another when the login is registered anew.
    pub id: u64,
    pub created_at: Option<Instant>,
}
