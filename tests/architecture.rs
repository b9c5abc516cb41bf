//! The layers of `ARCHITECTURE.md`: arrows point down only.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every module, from the bottom up, and what of ours it may name.
const MAY_USE: [(&str, &[&str]); 18] = [
    ("model", &[]),
    ("lint", &["model"]),
    ("alert", &["model"]),
    ("sync", &["model"]),
    ("ownership", &["model"]),
    ("lookalike", &["model", "ownership"]),
    ("overlay", &["model", "lint", "ownership", "lookalike"]),
    ("curation", &["model", "overlay", "lint", "ownership", "lookalike"]),
    ("catalog", &["model", "overlay", "curation", "ownership"]),
    ("store", &["model", "lint", "alert", "sync", "catalog", "ownership", "curation"]),
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
    (
        "api",
        &[
            "model",
            "lint",
            "alert",
            "sync",
            "overlay",
            "curation",
            "catalog",
            "store",
            "config",
            "daemon",
            "ownership",
            "lookalike",
        ],
    ),
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
            "catalog",
            "store",
            "config",
            "daemon",
            "api",
            "telemetry",
            "ownership",
            "lookalike",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// Modules that decide: no input, no output, no clock.
const PURE: [&str; 9] =
    ["model", "lint", "alert", "sync", "ownership", "lookalike", "overlay", "curation", "catalog"];
const IMPURE: [&str; 9] = [
    "tokio",
    "redb",
    "reqwest",
    "std::fs",
    "std::net",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
];

/// What one file of a module names although it may not.
fn violations(module: &str, text: &str) -> Vec<String> {
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{module} has no layer: give it one in tests/architecture.rs")];
    };
    let code = without_comments(text);
    let mut found: Vec<String> = named(&code)
        .into_iter()
        .filter(|name| name != module && !allowed.contains(&name.as_str()))
        .map(|name| format!("{module} names {name}"))
        .collect();
    if PURE.contains(&module) {
        let impure = IMPURE.iter().filter(|word| code.contains(**word));
        found.extend(impure.map(|word| format!("{module} is pure and names {word}")));
    }
    found
}

/// The modules behind `crate::`, also in a list in braces.
fn named(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut names = BTreeSet::new();
    for path in code.split("crate::").skip(1) {
        match path.strip_prefix('{') {
            Some(list) => {
                let list = list.split("};").next().unwrap_or(list);
                names.extend(list.split(',').map(|item| word(item.trim())));
            }
            None => {
                names.insert(word(path));
            }
        }
    }
    names.remove("");
    names
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.extension().is_some_and(|it| it == "rs") => found.push(path),
            false => {}
        }
    }
}

#[test]
fn a_lower_layer_names_no_higher_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    files(&root, &mut sources);
    assert!(sources.len() > 50, "the sources are found");
    let mut found = Vec::new();
    for path in sources {
        let below = path.strip_prefix(&root).expect("below src");
        let first = below.components().next().expect("a component").as_os_str();
        let module = first.to_string_lossy().trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).expect("a source");
        found.extend(
            violations(&module, &text).into_iter().map(|it| format!("{}: {it}", below.display())),
        );
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
fn the_checker_finds_an_upward_arrow() {
    let upward = [
        ("model", "use crate::sync::Walk;"),
        ("sync", "fn x() -> crate::store::Store {}"),
        ("store", "use crate::{model::Name, daemon::Shared};"),
        ("remote", "use crate::store::Store;"),
        ("api", "use crate::remote::RegistryApi;"),
        ("overlay", "let now = std::time::SystemTime::now();"),
        ("catalog", "use tokio::sync::Mutex;"),
        ("unheard_of", ""),
    ];
    for (module, text) in upward {
        assert_eq!(violations(module, text).len(), 1, "{module}: {text}");
    }
}

#[test]
fn the_checker_leaves_downward_arrows_and_comments_alone() {
    let fine = [
        ("store", "use crate::{model::Name, sync::Row};\nuse crate::catalog::Ledger;"),
        ("model", "/// See [`crate::store`].\n// use crate::daemon::Shared;\nuse super::Name;"),
        ("daemon", "use tokio::sync::Notify; use crate::remote::RegistryApi;"),
    ];
    for (module, text) in fine {
        assert_eq!(violations(module, text), Vec::<String>::new(), "{module}: {text}");
    }
}
