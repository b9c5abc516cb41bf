//! vidimus
pub mod api;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod curation;
pub mod daemon;
pub mod lint;
pub mod model;
pub mod overlay;
pub mod remote;
pub mod store;
pub mod sync;
pub mod telemetry;
