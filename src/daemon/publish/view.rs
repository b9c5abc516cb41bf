use std::sync::Arc;

use crate::catalog::{Catalogue, Ledger};

/// A view with its ledger and its current catalogue.
pub(super) struct ViewState {
    pub(super) name: String,
    pub(super) ledger: Ledger,
    pub(super) catalogue: Arc<Catalogue>,
}
