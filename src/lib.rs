//! vidimus
pub mod catalog;
pub mod curation;
pub mod lint;
pub mod model;
pub mod overlay;
pub mod store;
pub mod sync;
