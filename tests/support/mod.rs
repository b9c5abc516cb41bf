//! Support for tests, benchmarks and the demo: local upstreams and a way to run the daemon.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod registry;
pub mod upstream;

#[cfg(test)]
pub mod corpus;
#[cfg(test)]
pub mod daemon;
#[cfg(test)]
pub mod dns;
#[cfg(test)]
pub mod document;
#[cfg(test)]
pub mod forge;
#[cfg(test)]
pub mod recipient;
#[cfg(test)]
pub mod source;
#[cfg(test)]
pub mod wait;
