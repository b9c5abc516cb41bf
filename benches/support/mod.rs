//! What the benchmarks stand on: a generated registry and an upstream that serves it from memory.

#![allow(unreachable_pub, reason = "it is compiled into each benchmark")]

pub mod generator;
pub mod upstream;
