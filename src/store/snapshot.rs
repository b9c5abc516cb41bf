use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use redb::ReadTransaction;

use super::advised::Advised;
use super::codec::Unpackers;
use super::tables::ReadTables;

/// The store at one moment. Threads may share one.
///
/// Methods that read many rows leave damaged ones out, as [`Rows`](super::Rows) says.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) tables: ReadTables,
    pub(super) unpackers: Arc<Unpackers>,
    pub(super) advised: Arc<Advised>,
    /// The upstreams with rows; every lookup by name needs them.
    pub(super) upstreams: OnceLock<Vec<String>>,
    /// Those of them that are known completely; every dossier needs them.
    pub(super) synchronised: OnceLock<Synchronised>,
}

/// The upstreams that are known completely.
#[derive(Debug)]
pub(super) struct Synchronised {
    pub(super) upstreams: Arc<BTreeSet<String>>,
    /// Parties of which rows of some of them found no room in quarantine.
    pub(super) crowded: BTreeMap<String, BTreeSet<String>>,
    /// Those of them with changes on hold.
    pub(super) undecided: BTreeSet<String>,
}

impl Snapshot {
    pub(super) fn of(
        transaction: ReadTransaction,
        unpackers: Arc<Unpackers>,
        advised: Arc<Advised>,
    ) -> Self {
        let tables = ReadTables::new(transaction);
        let (upstreams, synchronised) = (OnceLock::new(), OnceLock::new());
        Self { tables, unpackers, advised, upstreams, synchronised }
    }
}

const _: () = {
    const fn is_shared_by_threads<T: Send + Sync>() {}
    is_shared_by_threads::<Snapshot>();
};
