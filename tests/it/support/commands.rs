//! Commands of the binary, with what they print.

use super::daemon::{Workplace, text};

/// Runs a command; returns its exit code and everything that it printed.
pub(crate) fn ran(place: &Workplace, arguments: &[&str]) -> (Option<i32>, String) {
    let output = place.run(arguments);
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// Runs a command that has to succeed; returns everything that it printed.
pub(crate) fn done(place: &Workplace, arguments: &[&str]) -> String {
    let (code, out) = ran(place, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {out}");
    out
}
