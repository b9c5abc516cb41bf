//! The memory: one redb file that survives kill -9 at any moment.
//!
//! # What is stored
//! By aggregate, each in a file or folder of its own, with reads beside writes.
//!
//! | table | key | value | could upstream restore it? |
//! |---|---|---|---|
//! | `meta` | word | format, epoch, newest time of ours, how far ingest has come | no |
//! | *entries* | | | |
//! | `heads` | upstream, name, version | the facts that decisions read, 90 bytes | but for `first_seen` |
//! | `bodies` | the same | `server` and `_meta` byte for byte, compressed | yes |
//! | `rewritten` | upstream, name, version and content | other contents of a published entry | the older ones not |
//! | `facts` | as in `bodies` or `rewritten` | what gates read of the content, and the number of the rules that computed it | from the bodies |
//! | `purged` | upstream, name, version | the head of what was purged, 90 bytes | no |
//! | `quarantine` | upstream, name, version or digest | reason and bytes of a row that is no entry | yes |
//! | *sync runs* | | | |
//! | `upstreams` | upstream | [`UpstreamState`](crate::sync::UpstreamState) as JSON | by a full sync |
//! | `staged` | upstream, name, version | rows of a run that was not accepted yet | yes |
//! | `seen` | upstream, batch | which rows a full sync saw so far, 8 bytes each | yes |
//! | `absences` | upstream, name, version | since how many full syncs an entry is not seen | no |
//! | `held` | upstream, name, version | rows and absences that are kept on hold | by a full sync |
//! | *ledger* | | | |
//! | `ledger` | view, name, version | what was served, and since when | no |
//! | `owners` | name | the upstream it was served from last | no |
//! | `dirty` | name, or none for all names | the transaction that changed its rows since it was evaluated | by evaluating all |
//! | `holds_until` | name | the earliest time at which its evaluation could change | by evaluating all |
//! | *verification* | | | |
//! | `holdings` | namespace | what was seen of its owner, and the first key or account | not what came first |
//! | `namings` | name | what its repository declares and its packages name | yes |
//! | `spared` | name, version | what was served before ownership was first checked | no |
//! | *alerts* | | | |
//! | `alerts` | digest of the identity | what a person should look at, and who has | not the acknowledgements |
//! | *outbox* | | | |
//! | `receivers` | name | who is told of alerts, and how that goes | no |
//! | `letters`, `undelivered` | receiver, alert | what is still to be told, and what was given up | no |
//! | *policy* | | | |
//! | `overlays` | file | the last good set, as it was read | from review |
//!
//! Heads, facts and bodies are apart because a restart reads every head and only the visible bodies,
//! a sync run that finds nothing new reads heads alone, and gates read heads and facts.
//!
//! # How it changes
//! Each change is one transaction: a batch of rows with the cursor behind them and the marks of the
//! names that it changes, the acceptance of a staged run with its watermark, the ledger's difference
//! before a generation is published with the marks that it settles. A crash leaves the state before or
//! after one of these, never between: what is not committed is fetched again from the cursor, what is
//! committed and not evaluated is still marked, and a batch of facts that was not written is computed
//! again. There is one writer at a time and any number of snapshots beside it, each shared by any number
//! of threads; a snapshot opens a table when it is first needed. One that is held long keeps old
//! pages from being reused, so none outlives the work it was taken for.
//!
//! Every commit is durable and records the allocator's state (`quick_repair`), which costs a
//! second sync and makes reopening after a crash independent of size.
//!
//! # Damage
//! [`Rows`] is the policy for many rows: a damaged one is left out, and keeps nothing else from being
//! served or hidden. Asked for one row, methods say that it is damaged. `verify` names every one.
//!
//! # Formats
//! A store of another format is refused. Within a format, tables and codecs do not change; facts may,
//! since each carries the number of its rules and is computed again from its body.
//!
//! # Decided against
//! - One table for head and body: a quarter smaller, and a restart would read everything.
//! - Server objects as columns: whatever the columns forget is lost, and bytes cannot be proven.
//! - A dictionary trained on the first walk: rows would depend on a second thing that can be lost.
//!   The dictionary is a constant of the format instead, made of invented entries.
//! - Facts written with every row of a first sync: they cost more than all else that is done for a
//!   row. They are completed afterwards, in batches, and computed from the body until then.
//! - Marks of single names during a first sync: one mark stands for all, and all are evaluated.
//!
//! # What grows
//! Of one entry 32 contents are kept beside the first, even when upstream goes back to that: one of
//! them may be pinned. Beyond that the one that came last makes room.
//! Markers of purged entries stay, since a name that comes back after years is still the same
//! name; a million of them are 100 MB. Closed alerts go after 90 days.
//!
//! # What will not scale
//! A name's versions are read by a range over its key, one upstream after another; dozens of
//! upstreams with the same names would want an index by name.

mod alerts;
mod codec;
mod database;
mod dirty;
mod dossier;
mod entries;
mod error;
mod ledger;
mod meta;
mod outbox;
mod policy;
mod rows;
mod snapshot;
mod sync_runs;
mod tables;
mod verification;
mod verify;

pub use database::Store;
pub use dirty::{DirtyNames, Evaluated, IngestMark};
pub use entries::{FactsCursor, QuarantinedRow, StoredHead};
pub use error::StoreError;
pub use ledger::ViewChanges;
pub use outbox::{Mailbox, Undelivered};
pub use rows::Rows;
pub use snapshot::Snapshot;
pub use sync_runs::{Acceptance, Batch, Destination, Hold, Seen, SeenRows, StagedKind, StagedRow};
pub use verification::Proofs;
pub use verify::Verification;

#[cfg(test)]
mod alert_tests;
#[cfg(test)]
mod facts_tests;
#[cfg(test)]
mod letter_tests;
#[cfg(test)]
mod tests;
