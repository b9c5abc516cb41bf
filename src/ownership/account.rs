use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// A user or organisation on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// As the forge writes it.
    pub login: String,
    /// Stays when the login changes, and differs when another person registers the login.
    pub id: u64,
    pub created_at: Option<Timestamp>,
}
