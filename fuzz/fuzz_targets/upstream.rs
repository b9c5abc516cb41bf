//! An upstream file.
//!
//! It gives an upstream, or findings that each have a place inside the file.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vidimus::config::read_upstream;
use vidimus_fuzz::{Scratch, assert_findings};

static FILE: LazyLock<Scratch> = LazyLock::new(|| Scratch::new("official.toml"));

fuzz_target!(|input: &[u8]| {
    match read_upstream(FILE.holding(input)) {
        Ok(upstream) => {
            assert_eq!(upstream.id, "official");
            assert!(!upstream.sync.interval.is_zero());
            assert_eq!(upstream.policy().id, upstream.id);
        }
        Err(findings) => assert_findings(&findings, input.len()),
    }
});
