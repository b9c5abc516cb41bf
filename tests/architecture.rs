//! The layers and limits of `ARCHITECTURE.md`: arrows point down only, between modules and between the files of one;
//! files are short.

#[path = "architecture/circles.rs"]
mod circles;
#[path = "architecture/layers.rs"]
mod layers;
#[path = "architecture/paths.rs"]
mod paths;
#[path = "architecture/sizes.rs"]
mod sizes;
#[path = "architecture/source.rs"]
mod source;

use layers::Permission;
use source::Source;

/// Every module, from the bottom up, and what of ours it may name.
const MAY_USE: [Permission<'static>; 18] = [
    ("model", &[]),
    ("lint", &["model"]),
    ("sync", &["model"]),
    ("ownership", &["model"]),
    ("lookalike", &["model", "ownership"]),
    ("alert", &["model", "lookalike"]),
    ("overlay", &["model", "lint", "ownership", "lookalike"]),
    ("curation", &["model", "overlay", "lint", "ownership", "lookalike"]),
    ("catalog", &["model", "overlay", "curation"]),
    ("store", &["model", "lint", "alert", "sync", "ownership", "curation"]),
    ("remote", &["model", "sync", "ownership", "alert"]),
    ("config", &["model", "lint", "overlay", "sync", "curation", "ownership", "alert"]),
    (
        "daemon",
        &[
            "model",
            "lint",
            "alert",
            "sync",
            "overlay",
            "curation",
            "catalog",
            "store",
            "remote",
            "config",
            "ownership",
            "lookalike",
        ],
    ),
    ("api", &["model", "alert", "sync", "curation", "catalog", "store", "config", "daemon"]),
    ("telemetry", &[]),
    (
        "cli",
        &[
            "model",
            "lint",
            "alert",
            "sync",
            "overlay",
            "curation",
            "store",
            "config",
            "daemon",
            "api",
            "telemetry",
            "lookalike",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

#[test]
fn a_lower_layer_names_no_higher_one() {
    let mut found = Vec::new();
    for source in Source::all() {
        let violations = layers::violations(&MAY_USE, &source);
        found.extend(violations.into_iter().map(|what| format!("{}: {what}", source.path)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_layers_have_no_circle() {
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
fn files_are_short_and_lead_in_no_circle_and_permissions_are_used() {
    let sources = Source::all();
    let found =
        [circles::circles(&sources), sizes::too_long(&sources), layers::unused(&MAY_USE, &sources)];
    let found = found.concat();
    assert!(found.is_empty(), "to be mended: {found:#?}");
}
