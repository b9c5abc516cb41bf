use std::sync::Arc;

use crate::catalog::{Catalogue, Ledger};

/// A view, what it showed, and what it shows now.
pub(super) struct ViewState {
    pub(super) name: String,
    pub(super) ledger: Ledger,
    pub(super) catalogue: Arc<Catalogue>,
}
