//! The file of a scan result.
//!
//! It gives a result with the digest of the whole file, or findings that each have a place inside the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vidimus::lint::Source;
use vidimus::model::Digest;
use vidimus::scan::read_scan;
use vidimus_fuzz::assert_findings;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match read_scan(&Source::new("x.yaml", text)) {
        Ok(result) => {
            assert!(result.is_none_or(|result| {
                result.digest == Digest::of(input)
                    && result.time <= result.expires
                    && !result.to_string().is_empty()
            }));
        }
        Err(findings) => assert_findings(&findings, input.len()),
    }
});
