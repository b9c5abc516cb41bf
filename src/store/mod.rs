//! The store: one redb file that survives kill -9 at any moment.
//!
//! # What is stored
//! Tables by aggregate; the code of each is a file or folder of its own, with reads beside writes.
//!
//! | table | key | value | restorable? |
//! |---|---|---|---|
//! | `meta` | word | format, epoch, newest time of ours, the progress of ingest | no |
//! | *entries* | | | |
//! | `heads` | upstream, name, version | the facts that decisions read, 98 bytes | all but `first_seen` |
//! | `bodies` | the same | `server` and `_meta` byte for byte, compressed | yes |
//! | `rewritten` | upstream, name, version and content | other contents of a published entry | only the current one |
//! | `facts` | as in `bodies` or `rewritten` | the facts of the content that gates read, and the number of the rules that computed them | from the bodies |
//! | `purged` | upstream, name, version | the head of a purged entry, 98 bytes | no |
//! | `quarantine` | upstream, name, version or digest | reason and bytes of a row that is not a valid entry | yes |
//! | *sync runs* | | | |
//! | `upstreams` | upstream | [`UpstreamState`](crate::sync::UpstreamState) as JSON | by a full sync |
//! | `staged` | upstream, name, version | rows of a run that is not accepted yet | yes |
//! | `seen` | upstream, batch | the rows that a full sync saw so far, 8 bytes each | yes |
//! | `absences` | upstream, name, version | the number of consecutive full syncs that missed an entry | no |
//! | `on_hold` | upstream, name, version | rows and absences of the change set on hold | by a full sync |
//! | `discarded` | upstream, name, version | the digest of the change that a person discarded, and its time and effect as JSON | no |
//! | `hold_history` | upstream | earlier states of the change set, and decisions about them, as JSON | no |
//! | `recent_changes` | upstream | the names that the runs of a week changed, for the limits over time, as JSON | no |
//! | *ledger* | | | |
//! | `ledger` | view, name, version | the record of a served entry, and since when | no |
//! | `authorities` | name | the upstream it was served from last | no |
//! | `dirty` | name, or empty for all names | the transaction that changed its rows since its last evaluation | by evaluating all |
//! | `holds_until` | name | the earliest time at which its evaluation could change | by evaluating all |
//! | *verification* | | | |
//! | `verifications` | namespace | the verification record, and the first key or account | all but the first key or account |
//! | `declarations` | name | the declarations of its repository and its packages | yes |
//! | `exempted` | name, version | entries that were served before ownership was first checked | no |
//! | *packages* | | | |
//! | `artefacts` | kind, URL, identifier and version of a package | the digests of its files, and the looks at its registry | all but earlier digests |
//! | *alerts* | | | |
//! | `alerts` | digest of the identity | the alert and its acknowledgement | all but the acknowledgements |
//! | *outbox* | | | |
//! | `recipients` | name | the recipient, and its delivery history | no |
//! | `deliveries`, `dead_letters` | recipient, alert | deliveries in the queue, and those that failed for good | no |
//! | *policy* | | | |
//! | `overlays` | file | the last valid set, as it was read | from the reviewers' files |
//! | `ended_approvals` | file, offset | its approvals that a refused set ended | no |
//! | `denying` | file, number | texts of refused files whose denials outlast them | no |
//! | *advisories* | | | |
//! | `advisories` | feed, id | an advisory as JSON | by reading the feed |
//! | `advised_packages` | ecosystem, package, feed and id | nothing: the key is the index | from the advisories |
//! | `advisory_feeds` | feed | its state as JSON | by reading the feed |
//! | `own_advisories` | file | the last valid text | from the reviewers' files |
//! | `advisory_holds` | digest of an own advisory | why it waits, and the release | no |
//! | *scan results* | | | |
//! | `scans` | file | the last valid text | from the reviewers' files |
//! | *history* | | | |
//! | `events` | number of the last event | the events of one commit, packed; kept for 400 days | no |
//! | `event_subjects` | the same | four bytes for each name and namespace in them | from the events |
//! | `rules` | digest | a rule that an event or the ledger names, with its file and line | no |
//! | *access* | | | |
//! | `tokens` | name | role, expiry and the digest of the secret | no |
//!
//! Heads, facts and bodies are separate because a restart reads every head and only the visible bodies,
//! a sync run without changes reads only heads, and gates read heads and facts.
//!
//! # How it changes
//! Each change is one transaction: a batch of rows with the cursor behind them and the marks of the
//! names that it changes, the acceptance of a staged run with its watermark, the ledger's difference
//! before a generation is published with the marks that it settles. A crash leaves the state before or
//! after one of these, never between: uncommitted rows are fetched again from the cursor, committed
//! names without an evaluation are still marked, and a batch of facts that was not written is computed
//! again. There is one writer at a time and any number of snapshots beside it, each shared by any number
//! of threads; a snapshot opens a table when it is first needed. A long-lived snapshot keeps old pages
//! from being reused, so none outlives the work it was taken for.
//!
//! Every commit is durable and records the allocator's state (`quick_repair`), which costs a
//! second sync and makes reopening after a crash independent of size.
//!
//! # Damage
//! [`Rows`] is the policy for many rows: a damaged one is left out, and does not prevent others from
//! being served or hidden. Methods that read one row return an error if it is damaged. `verify` reports
//! every one.
//!
//! # Formats
//! A store of another format is refused. Within a format, tables and codecs do not change, but for a table of counts that
//! begin again without it (`recent_changes`); facts may, since each carries the number of its rules and is computed again
//! from its body.
//!
//! # Rejected alternatives
//! - One table for head and body: a quarter smaller, and a restart would read everything.
//! - Server objects as columns: data without a column is lost, and digests cannot be verified.
//! - A dictionary trained on the first sync: rows would depend on a second file that can be lost. The
//!   dictionary is a constant of the format instead, made of invented entries.
//! - Facts written with every row of a first sync: they cost more than all other work for a row. They
//!   are completed afterwards, in batches, and computed from the body until then.
//! - Marks of single names during a first sync: one mark stands for all, and all are evaluated.
//!
//! # What grows
//! Up to 32 contents of an entry are kept beside the first, even when upstream goes back to the first:
//! one of them may be pinned. Beyond that the newest one is evicted.
//! Events go after 400 days, with the rules that only they named, and so do tombstones; the commit that removes them notes
//! the time of the newest. Closed alerts go after 90 days. The head of a purged entry stays while an upstream lists its name,
//! a ledger has it, or a rule selects it. The content of an upstream is limited in bytes, and its rows
//! in quarantine in number.
//!
//! # What will not scale
//! A name's versions are read by a range over its key, one upstream after another; dozens of
//! upstreams with the same names would want an index by name.

mod advised;
mod advisories;
mod alerts;
mod artefacts;
mod backup;
mod codec;
mod database;
mod dirty;
mod dossier;
mod entries;
mod error;
mod feed_room;
mod folder;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod history;
mod ledger;
mod meta;
mod name_advisories;
mod outbox;
mod package_users;
mod place;
mod policy;
mod read_only;
mod reserve;
mod rows;
mod runs;
mod scans;
mod snapshot;
mod sync_runs;
mod tables;
mod tokens;
mod tombstones;
mod upstream_status;
mod usage;
mod verification;
mod verify;
mod verify_records;

pub use advisories::KeptOwn;
pub use backup::{Backup, Restored, remove_left_copies, restore};
pub use database::Store;
pub use dirty::{DirtyNames, Evaluated, IngestMark};
pub use entries::{FactsCursor, PurgedPruning, QuarantinedRow, StoredHead};
pub use error::StoreError;
pub use folder::{check_folder, may_write, open_private, restrict_folder};
pub use health::WriteFailure;
pub use history::{NewEvents, NumberedEvent};
pub use ledger::ViewChanges;
pub use outbox::{DeadLetter, RecipientStatus};
pub use package_users::PackageUsers;
pub use policy::LastGood;
pub use rows::{RowKey, Rows};
pub use runs::Gap;
pub use snapshot::Snapshot;
pub use sync_runs::{
    Acceptance, Batch, Destination, Hold, Seen, SeenRows, StagedKind, StagedRow, missing_digest,
};
pub use verification::VerificationRecords;
pub use verify::Verification;

#[cfg(test)]
mod advisory_tests;
#[cfg(test)]
mod alert_tests;
#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod facts_tests;
#[cfg(test)]
mod first_acceptance_tests;
#[cfg(test)]
mod history_tests;
#[cfg(test)]
mod hold_tests;
#[cfg(test)]
pub(crate) mod stuck_disk;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod usage_tests;
