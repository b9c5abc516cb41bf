//! What the benchmarks stand on: a generated registry and an upstream that serves it from memory.

#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part of it")]

pub mod client;
pub mod generator;
pub mod machine;
pub mod upstream;
