//! Encodes and decodes values. A change here is a change of the format.

mod events;
mod facts;
mod head;
mod json;
mod ledger;
mod packing;
mod quarantined;
mod seen;
mod staged;

pub(super) use events::{block, block_header, read_block};
pub(super) use facts::{KeptFacts, facts, read_facts};
pub(super) use head::{head, identity, read_head};
pub(super) use json::{json, read_json};
pub(super) use ledger::{ledger, read_ledger};
pub(super) use packing::{Packer, Unpackers, unpacked_length};
pub(super) use quarantined::{quarantine_item, quarantine_reason};
pub(super) use seen::{SeenKey, read_absence, read_seen, seen, seen_key};
pub(super) use staged::{
    ABSENT, StagedParts, after_contents, content_key, content_of, staged_entry, staged_identity,
    staged_parts, version_of,
};
