//! Generates `docs/configuration.md`, `docs/alerts.md`, `docs/cli.md` and the files of `schemas/` from the program, and
//! compares them with the files: a document that differs is wrong.

mod alerts;
mod cli;
mod configuration;
mod markdown;

use std::fs;
use std::path::Path;

use vidimus::lint::json_schema;

/// Compares a document with its file, or writes the file when `UPDATE_DOCS` is set.
fn compare(name: &str, document: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, document).expect("the documentation is writable");
        return;
    }
    let file = fs::read_to_string(&path).unwrap_or_default();
    let differs = document.lines().zip(file.lines()).position(|(left, right)| left != right);
    let line = differs.unwrap_or_else(|| document.lines().count().min(file.lines().count())) + 1;
    assert!(
        file == document,
        "{name} differs from the program at line {line}; run \
         `UPDATE_DOCS=1 cargo test --test it generated` and review the changes"
    );
}

#[test]
fn configuration_reference_is_generated() {
    compare("docs/configuration.md", &configuration::document());
}

#[test]
fn alerts_reference_is_generated() {
    compare("docs/alerts.md", &alerts::document());
}

#[test]
fn command_reference_is_generated() {
    compare("docs/cli.md", &cli::document());
}

#[test]
fn schemas_for_editors_are_generated() {
    let [settings, upstream] = vidimus::config::file_formats();
    let overlay = vidimus::overlay::file_format();
    let (advisory, evidence) = (vidimus::advisory::file_format(), vidimus::scan::file_format());
    for (kind, format) in [
        ("overlay", overlay),
        ("upstream", upstream),
        ("settings", settings),
        ("advisory", advisory),
        ("evidence", evidence),
    ] {
        let schema = serde_json::to_string_pretty(&json_schema(&format)).expect("JSON");
        compare(&format!("schemas/{kind}.schema.json"), &(schema + "\n"));
    }
}
