//! The two HTTP faces: the registry that clients read, and operations.
//!
//! Requests read the published catalogue and, for operations, the store; none ever waits for an
//! upstream. A handler takes the catalogue once, so an answer comes from one generation.
//!
//! - [`registry`]: anonymous, read-only, CORS on every answer. Whatever is not visible is 404 on
//!   every route, in one code path with what never existed. Until something is known every route
//!   answers 503, since an empty list and a 404 are statements that clients act on.
//! - [`operations`]: `/livez` and `/readyz` for machines, the rest behind a bearer token. No CORS
//!   header, and no request from a browser: one with `Origin`, or with a `Host` that is neither
//!   loopback nor configured, is refused.

mod answer;
mod cache;
mod cors;
mod encoding;
mod operations;
mod params;
mod path;
mod peer;
mod problem;
mod registry;
mod request_id;
mod server;
mod tls;
mod token;

pub use operations::{SyncReport, operations};
pub use registry::registry;
pub use server::{Door, serve};
pub use tls::{Tls, TlsError};
pub use token::{TOKEN_FILE, make_token, read_token};
