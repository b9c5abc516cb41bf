//! The routes of the operations address, by subject.

mod access;
mod advisories;
mod alerts;
mod clock;
mod entries;
mod history;
mod holds;
mod mirror;
mod params;
mod plan;
mod reading;
mod reviews;
mod routes;
mod show;
mod state;
mod tokens;

pub use mirror::SyncReport;
pub use routes::operations;
