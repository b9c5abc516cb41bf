//! `vidimus`: a federated MCP sub-registry. It mirrors upstream registries, lets a security team
//! decide in reviewed overlays, and serves only approved entries.
//!
//! `ARCHITECTURE.md` describes the layers and their invariants, `README.md` the use. The library
//! exists for the binary, the tests and the demo, and promises no stable interface.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod advisory;
pub mod alert;
pub mod api;
pub mod artefact;
pub mod attestation;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod curation;
pub mod daemon;
pub mod demo;
pub mod files;
pub mod history;
pub mod lint;
pub mod lookalike;
pub mod model;
pub mod overlay;
pub mod ownership;
pub mod provenance;
pub mod remote;
pub mod scan;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod threads;

/// After a first sync the system's allocator keeps memory that many threads freed; this one returns
/// it.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
