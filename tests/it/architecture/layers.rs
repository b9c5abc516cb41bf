//! The layers: the modules that each module may use, and what pure modules may not use.

use std::collections::BTreeSet;

use super::MAY_USE;
use super::paths::rooted;
use super::source::Source;

/// A module, with the modules that it may use.
pub(super) type Permission<'p> = (&'p str, &'p [&'p str]);

/// Modules without input, output or clock.
const PURE: [&str; 13] = [
    "model",
    "lint",
    "alert",
    "sync",
    "ownership",
    "lookalike",
    "overlay",
    "advisory",
    "scan",
    "curation",
    "catalog",
    "history",
    "provenance",
];
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

/// Returns the forbidden uses in a file.
pub(super) fn violations(permissions: &[Permission<'_>], source: &Source) -> Vec<String> {
    let module = source.top();
    let Some((_, allowed)) = permissions.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{module} has no layer: give it one in tests/it/architecture/mod.rs")];
    };
    let mut found: Vec<String> = named(source)
        .into_iter()
        .filter(|name| name != module && !allowed.contains(&name.as_str()))
        .map(|name| format!("{module} uses {name}"))
        .collect();
    if PURE.contains(&module) {
        let impure = IMPURE.iter().filter(|word| source.code.contains(**word));
        found.extend(impure.map(|word| format!("{module} is pure and uses {word}")));
    }
    found
}

/// Returns the permissions that no file of their module uses.
pub(super) fn unused(permissions: &[Permission<'_>], sources: &[Source]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (module, allowed) in permissions {
        let files = sources.iter().filter(|source| source.top() == *module);
        let named: BTreeSet<String> = files.flat_map(named).collect();
        let unused = allowed.iter().filter(|name| !named.contains(**name));
        let why = || "remove it from `MAY_USE`".to_owned();
        found.extend(unused.map(|name| (format!("{module}: may use {name} and does not"), why())));
    }
    found
}

/// Returns the modules after `crate::`.
fn named(source: &Source) -> BTreeSet<String> {
    let paths = rooted(&source.code).into_iter();
    let ours = paths.filter(|named| named.path[0] == "crate");
    ours.filter_map(|named| named.path.into_iter().nth(1)).collect()
}

#[test]
fn planted_upward_dependency_is_found() {
    let upward = [
        ("model/x.rs", "use crate::sync::Page;"),
        ("sync/x.rs", "fn x() -> crate::store::Store {}"),
        ("store/x.rs", "use crate::{model::Name, daemon::Services};"),
        ("store/x.rs", "use crate::{model::{Name, Version}, daemon::{Clock, Services}};"),
        ("remote/x.rs", "use crate::store::Store;"),
        ("remote/x.rs", "let url = \"https://a.example\"; crate::store::x()"),
        ("api/x.rs", "use crate::remote::RegistryApi;"),
        ("overlay/x.rs", "let now = std::time::SystemTime::now();"),
        ("catalog/x.rs", "use tokio::sync::Mutex;"),
        ("unknown.rs", ""),
    ];
    for (path, text) in upward {
        assert_eq!(violations(&MAY_USE, &Source::new(path, text)).len(), 1, "{path}: {text}");
    }
}

#[test]
fn downward_dependencies_and_comments_are_accepted() {
    let fine = [
        ("store/x.rs", "use crate::{model::Name, sync::Row};\nuse crate::sync::Page;"),
        (
            "model/x.rs",
            "/// See [`crate::store`].\n// use crate::daemon::Services;\nuse super::Name;",
        ),
        ("model/x.rs", "say(\"crate::store, tokio\")"),
        ("daemon/x.rs", "use tokio::sync::Notify; use crate::remote::RegistryApi;"),
        ("daemon/policy/x.rs", "use crate::overlay::OverlaySet;"),
    ];
    for (path, text) in fine {
        assert_eq!(violations(&MAY_USE, &Source::new(path, text)), [""; 0], "{path}: {text}");
    }
}

#[test]
fn planted_unused_permission_is_found() {
    let permissions: [Permission<'_>; 3] = [("a", &[]), ("b", &["a"]), ("c", &["a", "b"])];
    let sources = |text| [Source::new("b/mod.rs", "use crate::a::X;"), Source::new("c.rs", text)];
    let found = |text| -> Vec<String> {
        unused(&permissions, &sources(text)).into_iter().map(|(what, _)| what).collect()
    };
    assert_eq!(found("use crate::{a::X, b::{Y, Z}};"), [""; 0]);
    assert_eq!(found("use crate::a::b; // crate::b::Y"), ["c: may use b and does not"]);
    assert_eq!(found("").len(), 2);
}
