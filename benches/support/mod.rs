//! Support for the benchmarks: a generated registry, and an upstream that serves it from memory.

#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part of it")]

pub mod client;
pub mod constant;
pub mod daemon;
pub mod generator;
pub mod machine;
pub mod overlays;
pub mod policy;
pub mod upstream;
