//! Defines every table once: its layout in a new store and its handle in a snapshot.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    TableHandle, WriteTransaction,
};

use super::StoreError;

/// (upstream, name, version), or (view, name, version).
pub(super) type Row = (&'static str, &'static str, &'static str);
pub(super) type Word = &'static str;
pub(super) type Key = [u8; 32];
pub(super) type Pair = (&'static str, &'static str);
pub(super) type Number = u64;
pub(super) type Numbered = (&'static str, u64);
/// Every value is bytes; `codec` defines them.
pub(super) type Bytes = &'static [u8];

pub(super) type Definition<K> = TableDefinition<'static, K, Bytes>;
pub(super) type ReadTable<K> = ReadOnlyTable<K, Bytes>;
pub(super) type WriteTable<'t, K> = Table<'t, K, Bytes>;

macro_rules! tables {
    ($($(#[$doc:meta])* $definition:ident $table:ident: $key:ty;)*) => {
        $($(#[$doc])* pub(super) const $definition: Definition<$key> =
            TableDefinition::new(stringify!($table));)*

        const NAMES: &[&str] = &[$(stringify!($table)),*];

        /// Creates all tables, so that every snapshot can open them.
        pub(super) fn make_all(transaction: &WriteTransaction) -> Result<(), StoreError> {
            $(transaction.open_table($definition)?;)*
            Ok(())
        }

        /// Copies every row into another database, of which `begin` begins a transaction; returns the number of rows.
        pub(super) fn copy_all(
            from: &ReadTables,
            begin: impl Fn() -> Result<WriteTransaction, StoreError>,
        ) -> Result<u64, StoreError> {
            let mut rows = 0;
            $(rows += copy_table(from.$table()?, $definition, &begin)?;)*
            Ok(rows)
        }

        /// Returns the number of rows of all tables.
        pub(super) fn count_all(tables: &ReadTables) -> Result<u64, StoreError> {
            let mut rows = 0;
            $(rows += tables.$table()?.len()?;)*
            Ok(rows)
        }

        /// The tables as one transaction reads them. Each is opened when it is first needed and stays
        /// open: opening is a lookup, and some tables are read for every row.
        pub(super) struct ReadTables {
            transaction: ReadTransaction,
            $($table: OnceLock<ReadTable<$key>>,)*
        }

        impl ReadTables {
            pub(super) fn new(transaction: ReadTransaction) -> Self {
                Self { transaction, $($table: OnceLock::new(),)* }
            }

            $(pub(super) fn $table(&self) -> Result<&ReadTable<$key>, StoreError> {
                open(&self.transaction, $definition, &self.$table)
            })*
        }
    };
}

tables! {
    META meta: Word;
    UPSTREAMS upstreams: Word;
    HEADS heads: Row;
    BODIES bodies: Row;
    REWRITTEN rewritten: Row;
    FACTS facts: Row;
    /// Heads of purged entries: an entry that comes back may have other content.
    PURGED purged: Row;
    QUARANTINE quarantine: Row;
    STAGED staged: Row;
    SEEN seen: Numbered;
    ABSENCES absences: Row;
    ON_HOLD on_hold: Row;
    /// The digest of the change that a person discarded, and a note for people.
    DISCARDED discarded: Row;
    HOLD_HISTORY hold_history: Word;
    /// The changes of recent runs, by upstream.
    RECENT_CHANGES recent_changes: Word;
    LEDGER ledger: Row;
    AUTHORITIES authorities: Word;
    DIRTY dirty: Word;
    HOLDS_UNTIL holds_until: Word;
    VERIFICATIONS verifications: Word;
    DECLARATIONS declarations: Word;
    EXEMPTED exempted: Pair;
    /// The files of packages, by package.
    ARTEFACTS artefacts: Word;
    ALERTS alerts: Word;
    RECIPIENTS recipients: Word;
    /// By recipient and alert.
    DELIVERIES deliveries: Pair;
    DEAD_LETTERS dead_letters: Pair;
    OVERLAYS overlays: Word;
    /// Approvals of these overlays that ended, by file and offset.
    ENDED_APPROVALS ended_approvals: Numbered;
    /// Texts of files whose denials outlast them, by file and number.
    DENYING denying: Numbered;
    /// By feed and id.
    ADVISORIES advisories: Pair;
    /// Ecosystem, package, and feed and id of an advisory about it.
    ADVISED_PACKAGES advised_packages: Row;
    ADVISORY_FEEDS advisory_feeds: Word;
    /// Texts of the organisation's advisories, by file.
    OWN_ADVISORIES own_advisories: Word;
    /// By the digest of the advisory.
    ADVISORY_HOLDS advisory_holds: Key;
    /// Texts of scan results, by file.
    SCANS scans: Word;
    TOKENS tokens: Word;
    /// Blocks of events, by the sequence of the last event in each.
    EVENTS events: Number;
    /// The short digests of the subjects of each block.
    EVENT_SUBJECTS event_subjects: Number;
    /// Rules by their digest.
    RULES rules: Key;
}

/// Makes the table that earlier releases of this format did not have; returns false if it is there.
pub(super) fn make_later_table(transaction: &WriteTransaction) -> Result<bool, StoreError> {
    let name = RECENT_CHANGES.name();
    let is_there = transaction.list_tables()?.any(|table| table.name() == name);
    if !is_there {
        transaction.open_table(RECENT_CHANGES)?;
    }
    Ok(!is_there)
}

/// Returns a table that is not there and that every release of this format makes.
pub(super) fn lost_table(
    transaction: &ReadTransaction,
) -> Result<Option<&'static str>, StoreError> {
    let found: BTreeSet<String> =
        transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    let is_needed = |name: &&&str| **name != RECENT_CHANGES.name() && !found.contains(**name);
    Ok(NAMES.iter().find(is_needed).copied())
}

/// Copies the rows of one table, some in each transaction.
fn copy_table<K: redb::Key + 'static>(
    from: &ReadTable<K>,
    definition: Definition<K>,
    begin: impl Fn() -> Result<WriteTransaction, StoreError>,
) -> Result<u64, StoreError> {
    const ROWS: usize = 20_000;
    let (mut rows, mut copied) = (from.iter()?, 0);
    loop {
        let transaction = begin()?;
        let mut table = transaction.open_table(definition)?;
        let before = copied;
        for row in rows.by_ref().take(ROWS) {
            let (key, value) = row?;
            table.insert(key.value(), value.value())?;
            copied += 1;
        }
        drop(table);
        transaction.commit()?;
        if copied - before < ROWS as u64 {
            return Ok(copied);
        }
    }
}

fn open<'t, K: redb::Key + 'static>(
    transaction: &ReadTransaction,
    definition: Definition<K>,
    opened: &'t OnceLock<ReadTable<K>>,
) -> Result<&'t ReadTable<K>, StoreError> {
    if let Some(table) = opened.get() {
        return Ok(table);
    }
    // Two threads may both open it; the first to finish wins, and both read the same data.
    let table = transaction.open_table(definition)?;
    Ok(opened.get_or_init(|| table))
}

impl std::fmt::Debug for ReadTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadTables")
    }
}
