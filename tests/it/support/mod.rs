//! The set-up of the tests: a folder with a daemon, and doubles of the services that it asks.

pub(crate) mod commands;
pub(crate) mod corpus;
pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod document;
pub(crate) mod folder;
pub(crate) mod forge;
pub(crate) mod lookups;
pub(crate) mod packages;
pub(crate) mod reader;
pub(crate) mod recipient;
pub(crate) mod registry;
pub(crate) mod skip;
pub(crate) mod small_disk;
pub(crate) mod source;
pub(crate) mod sources;
pub(crate) mod upstream;
pub(crate) mod wait;
