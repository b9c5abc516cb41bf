//! Generates `docs/configuration.md`, `docs/alerts.md` and `docs/cli.md` from the program, and compares
//! them with the files: a document that differs is wrong.

mod alerts;
mod cli;
mod configuration;
mod markdown;

use std::fs;
use std::path::Path;

/// Compares a document with its file, or writes the file when `UPDATE_DOCS` is set.
fn compare(name: &str, document: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, document).expect("the documentation is writable");
        return;
    }
    let file = fs::read_to_string(&path).unwrap_or_default();
    let differs = document.lines().zip(file.lines()).position(|(left, right)| left != right);
    let line = differs.unwrap_or_else(|| document.lines().count().min(file.lines().count())) + 1;
    assert!(
        file == document,
        "docs/{name} differs from the program at line {line}; run \
         `UPDATE_DOCS=1 cargo test --test it generated` and review the changes"
    );
}

#[test]
fn configuration_reference_is_generated() {
    compare("configuration.md", &configuration::document());
}

#[test]
fn alerts_reference_is_generated() {
    compare("alerts.md", &alerts::document());
}

#[test]
fn command_reference_is_generated() {
    compare("cli.md", &cli::document());
}
