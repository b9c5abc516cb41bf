//! Says what is not tested on this machine.

use std::io::Write;

/// Prints why something is skipped. The test harness captures what `println` prints of a test that passes, and not
/// this.
pub(crate) fn skipped(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    // A closed standard error does not fail a test.
    let _ = writeln!(std::io::stderr(), "skipped: {why} ({name})");
}
