use super::error::StoreError;
use super::snapshot::Snapshot;
use crate::curation::{DossierRow, UpstreamStatus};
use crate::model::{Name, Status};

/// Characters of a message that are kept.
const MAX_MESSAGE: usize = 500;

impl Snapshot {
    /// Returns the status that an upstream last gave to a version, with its message; `None` for an active one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn upstream_status(
        &self,
        name: &Name,
        row: &DossierRow,
    ) -> Result<Option<UpstreamStatus>, StoreError> {
        let status = row.content.head.status;
        if status == Status::Active {
            return Ok(None);
        }
        let official = match self.body(name, row, row.newest()) {
            // Its status is in the head; the rest of a damaged row is not known.
            Err(StoreError::Damaged(_)) => None,
            body => body?.official().ok(),
        };
        let official =
            official.filter(|official| Status::from_word(&official.status) == Some(status));
        let (message, changed_at) = official
            .map(|official| (official.status_message, official.status_changed_at))
            .unwrap_or_default();
        let message = message.filter(|text| !text.trim().is_empty()).map(|text| bounded(&text));
        Ok(Some(UpstreamStatus {
            status: status.to_string(),
            status_message: message,
            status_changed_at: changed_at,
        }))
    }
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
