//! The two HTTP interfaces: the registry that clients read, and operations.
//!
//! Requests read the published catalogue and, for operations, the store. Requests of clients never wait
//! for an upstream. A handler takes the catalogue once, so an answer comes from one generation.
//!
//! - [`registry`]: anonymous and read-only, with CORS on every answer. An entry that is not visible is
//!   404 on every route, in one code path with an entry that never existed. Before the first generation
//!   every route answers 503, because clients act on an empty list or a 404.
//! - [`operations`]: `/livez` and `/readyz` for machines; all other routes need a token, or a socket
//!   over which the system names the user. There are no CORS headers. Requests from browsers are rejected: those with `Origin`, or with a `Host` that is
//!   neither loopback nor configured.

mod activity;
mod answer;
mod cache;
mod connections;
mod contact;
mod cors;
mod crowd;
mod encoding;
mod listener;
mod local;
mod new_token;
mod operations;
mod params;
mod path;
mod peer;
mod problem;
mod registry;
mod request_id;
mod server;
mod socket;
mod tls;
mod token;

pub use local::LocalOperations;
pub use new_token::{NewToken, TokenRefused, TokenReport};
pub use operations::{SyncReport, operations};
pub use problem::NO_DATA;
pub use registry::registry;
pub use server::{Door, serve};
pub use socket::{SocketError, connect_socket, own_uid};
pub use tls::{PRIVATE_KEY, Tls, TlsError, exposed_key};
pub use token::{TOKEN_FILE, TokenFile, read_token};
