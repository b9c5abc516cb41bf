use std::sync::{Arc, OnceLock};

use redb::ReadTransaction;

use super::codec::Unpackers;
use super::tables::ReadTables;

/// The store at one moment. Threads may share one.
///
/// Methods that read many rows leave damaged ones out, as [`Rows`](super::Rows) says.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) tables: ReadTables,
    pub(super) unpackers: Arc<Unpackers>,
    /// The upstreams with rows; every lookup by name needs them.
    pub(super) upstreams: OnceLock<Vec<String>>,
}

impl Snapshot {
    pub(super) fn of(transaction: ReadTransaction, unpackers: Arc<Unpackers>) -> Self {
        Self { tables: ReadTables::new(transaction), unpackers, upstreams: OnceLock::new() }
    }
}

const _: () = {
    const fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<Snapshot>();
};
