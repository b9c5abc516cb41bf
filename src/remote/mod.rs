//! The outside: an HTTP client with a limit on everything, and the registry API read through it.
//!
//! Nothing here decides or stores. It turns a request into bytes within bounds or into a
//! [`FetchFailure`](crate::sync::FetchFailure) that says what went wrong, and it is the only place
//! that names an HTTP library.

mod budget;
mod courier;
mod dns;
mod files;
mod github;
mod http;
mod packages;
mod registry;
mod retry;
mod well_known;
mod witnesses;

pub use courier::{Address, Courier};
pub use files::Files;
pub use github::Trouble;
pub use http::{Access, AccessError};
pub use registry::RegistryApi;
pub use well_known::Reach;
pub use witnesses::{Enquiry, Witnesses};
