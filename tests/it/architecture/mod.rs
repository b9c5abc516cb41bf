//! Enforces the layers and limits of `ARCHITECTURE.md`: modules, and the files of one module, depend downwards only;
//! files are short.

mod cycles;
mod errors;
mod layers;
mod paths;
mod sizes;
mod source;
mod words;

use layers::Permission;
use source::Source;

/// Every module, from the bottom up, with the modules that it may use.
const MAY_USE: [Permission<'static>; 27] = [
    ("model", &[]),
    ("files", &[]),
    ("threads", &[]),
    ("lint", &["model"]),
    ("sync", &["model"]),
    ("ownership", &["model"]),
    ("provenance", &["model", "ownership"]),
    ("artefact", &["model", "ownership", "provenance"]),
    ("lookalike", &["model", "ownership"]),
    ("alert", &["model", "artefact", "provenance", "lookalike"]),
    ("overlay", &["model", "lint", "ownership", "artefact", "lookalike"]),
    ("advisory", &["model", "lint", "overlay", "ownership"]),
    ("scan", &["model", "lint"]),
    (
        "curation",
        &[
            "scan",
            "model",
            "overlay",
            "lint",
            "ownership",
            "artefact",
            "provenance",
            "lookalike",
            "advisory",
        ],
    ),
    ("catalog", &["threads", "model", "artefact", "provenance", "overlay", "curation"]),
    ("history", &["model", "lint", "overlay", "ownership"]),
    (
        "store",
        &[
            "files",
            "model",
            "lint",
            "alert",
            "sync",
            "ownership",
            "artefact",
            "advisory",
            "curation",
            "history",
        ],
    ),
    (
        "remote",
        &["files", "model", "sync", "ownership", "artefact", "provenance", "advisory", "alert"],
    ),
    ("attestation", &["model", "provenance"]),
    ("config", &["files", "model", "lint", "overlay", "sync", "curation", "ownership", "alert"]),
    (
        "daemon",
        &[
            "files",
            "threads",
            "model",
            "scan",
            "lint",
            "alert",
            "sync",
            "overlay",
            "advisory",
            "curation",
            "catalog",
            "history",
            "store",
            "remote",
            "config",
            "ownership",
            "artefact",
            "lookalike",
            "provenance",
            "attestation",
        ],
    ),
    (
        "api",
        &[
            "files", "model", "advisory", "alert", "sync", "curation", "catalog", "store",
            "config", "daemon",
        ],
    ),
    ("telemetry", &[]),
    ("demo", &["model", "daemon", "api"]),
    (
        "cli",
        &[
            "files",
            "threads",
            "model",
            "scan",
            "advisory",
            "lint",
            "alert",
            "sync",
            "overlay",
            "curation",
            "history",
            "store",
            "remote",
            "config",
            "daemon",
            "api",
            "telemetry",
            "lookalike",
            "demo",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

#[test]
fn modules_use_only_permitted_modules() {
    let mut found = Vec::new();
    for source in Source::all() {
        let violations = layers::violations(&MAY_USE, &source);
        found.extend(violations.into_iter().map(|what| format!("{}: {what}", source.path)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn messages_of_errors_do_not_contain_their_source() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in Source::all() {
        let text = std::fs::read_to_string(root.join(&source.path)).expect("a source");
        assert_eq!(errors::printed_sources(&text), [""; 0], "{}", source.path);
    }
}

#[test]
fn layers_have_no_cycle() {
    for (index, (module, allowed)) in MAY_USE.iter().enumerate() {
        let below: Vec<&str> = MAY_USE[..index].iter().map(|(name, _)| *name).collect();
        let above: Vec<_> = allowed.iter().filter(|name| !below.contains(name)).collect();
        assert!(
            above.is_empty() || *module == "cli",
            "{module} may use {above:?}, which is above it"
        );
    }
}

#[test]
fn files_of_a_folder_form_no_cycle() {
    let found = cycles::cycles(&Source::all());
    assert!(found.is_empty(), "to be fixed: {found:#?}");
}

#[test]
fn no_file_is_longer_than_the_limit() {
    let found = sizes::too_long(&Source::all());
    assert!(found.is_empty(), "to be fixed: {found:#?}");
}

#[test]
fn every_permission_of_a_module_is_used() {
    let found = layers::unused(&MAY_USE, &Source::all());
    assert!(found.is_empty(), "to be fixed: {found:#?}");
}
