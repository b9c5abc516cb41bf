//! Support for tests, benchmarks and the demo: local upstreams and a way to run the daemon.

pub(crate) mod registry;
pub(crate) mod upstream;

pub(crate) mod corpus;
pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod document;
pub(crate) mod forge;
pub(crate) mod recipient;
pub(crate) mod source;
pub(crate) mod wait;
