//! vidimus
pub mod catalog;
pub mod config;
pub mod curation;
pub mod daemon;
pub mod lint;
pub mod model;
pub mod overlay;
pub mod remote;
pub mod store;
pub mod sync;
