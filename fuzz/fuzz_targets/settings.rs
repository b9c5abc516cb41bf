//! A settings file.
//!
//! It gives settings, or findings that each have a place inside the file.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vidimus::config::{Locations, Settings};
use vidimus_fuzz::{Scratch, assert_findings};

static FILE: LazyLock<Scratch> = LazyLock::new(|| Scratch::new("vidimus.toml"));

fuzz_target!(|input: &[u8]| {
    match Settings::load(FILE.holding(input), true, Locations::default()) {
        Ok(settings) => assert!(!settings.views.is_empty() && !settings.namespace.is_empty()),
        Err(findings) => assert_findings(&findings, input.len()),
    }
});
