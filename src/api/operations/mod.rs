//! The routes of the operations address, by subject.

mod access;
mod alerts;
mod entries;
mod holds;
mod mirror;
mod params;
mod reviews;
mod routes;
mod show;
mod state;
mod tokens;

pub use mirror::SyncReport;
pub use routes::operations;
