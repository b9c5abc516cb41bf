//! Publishes generations: evaluates the names that something changed for, renders what changed,
//! commits the ledger's difference, and swaps all views as one.
//!
//! # What is kept
//! In memory: the names that are stored, the ledgers, the catalogues, the alerts about single
//! names, the names that are withheld, and when time alone changes an answer. All of it is built
//! from the store at each start. Heads and evaluations are not kept.
//!
//! # How it changes
//! `state` decides purely which names have to be evaluated: the difference between what is
//! received and what the last generation was committed under. A publication reads one snapshot, so
//! an entry that upstream replaces between evaluation and rendering is rendered as it was
//! evaluated. One that fails loads everything again and renders it anew, and what is published stays
//! until then. Names that are marked in the store are looked at every five seconds: a commit may have
//! succeeded although it reported an error, and then nothing else tells of them.
//!
//! # What a crash leaves
//! Ledger, authorities, `holds_until` and the marks that were settled are committed in one
//! transaction before the generation is swapped; a crash between the two leads to the same
//! generation after the restart. A start evaluates every name that could be visible.
//!
//! # Who reads it
//! The API takes the generation that answers; screening follows its number, and verification asks
//! whether a name is served.

mod candidates;
mod generation;
mod handle;
mod notes;
mod publisher;
mod remarks;
mod service;
mod state;
mod view;

pub use generation::Published;
pub(crate) use handle::Publication;
pub(super) use service::{Inputs, publish};

#[cfg(test)]
mod evaluator_tests;
#[cfg(test)]
mod publisher_tests;
#[cfg(test)]
mod state_tests;
