//! Dependency cycles between the files of one folder. A subfolder counts as one file; its own files are checked
//! separately. `mod.rs` uses all files and is not part of the graph.

use std::collections::{BTreeMap, BTreeSet};

use super::paths::{rooted, used};
use super::source::Source;

/// The files of a folder, each with the files that it uses.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Returns each file in a cycle and each file that imports everything of its module, with the reason.
pub(super) fn cycles(sources: &[Source]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (folder, index) in folders(sources) {
        let (graph, globs) = graph(&folder, index, sources);
        let place = folder.join("/");
        for file in globs {
            let why = "imports its whole module with `super::*`".to_owned();
            found.push((format!("{place}/{file}: imports everything"), why));
        }
        for file in graph.keys() {
            let cycle: Vec<&str> = reached(&graph, file)
                .into_iter()
                .filter(|other| reached(&graph, other).contains(file.as_str()))
                .collect();
            if !cycle.is_empty() {
                let next: Vec<&str> =
                    cycle.iter().copied().filter(|other| graph[file].contains(*other)).collect();
                let why = format!("uses {}, which lead back to it", next.join(", "));
                found.push((format!("{place}/{file}: in a cycle"), why));
            }
        }
    }
    found
}

/// Returns the folders that are modules, each with its `mod.rs`.
fn folders(sources: &[Source]) -> Vec<(Vec<&str>, &Source)> {
    let is_index = |source: &&Source| source.path.ends_with("/mod.rs");
    sources.iter().filter(is_index).map(|source| (source.modules(), source)).collect()
}

fn graph(folder: &[&str], index: &Source, sources: &[Source]) -> (Graph, BTreeSet<String>) {
    let inside: Vec<(&Source, String)> = sources
        .iter()
        .filter(|source| !source.is_only_tests())
        .filter_map(|source| {
            let node = source.modules().strip_prefix(folder)?.first()?.to_string();
            Some((source, node))
        })
        .collect();
    let mut graph: Graph = inside.iter().map(|(_, node)| (node.clone(), BTreeSet::new())).collect();
    let mut globs = BTreeSet::new();
    let exported = exports(index, &graph);
    for (source, node) in &inside {
        for named in rooted(&source.without_tests()) {
            let path = absolute(&source.modules(), &named.path);
            let Some(first) = below(folder, &path) else { continue };
            let target = exported.get(first).map_or(first, String::as_str);
            if first == "*" {
                globs.insert(node.clone());
            } else if target != node && graph.contains_key(target) {
                graph.entry(node.clone()).or_default().insert(target.to_owned());
            }
        }
    }
    (graph, globs)
}

/// Returns the names that `mod.rs` imports from its files, each with the file.
fn exports(index: &Source, files: &Graph) -> BTreeMap<String, String> {
    let mut exported = BTreeMap::new();
    for named in used(&index.without_tests()) {
        let path = named.path.strip_prefix(&["self".to_owned()]).unwrap_or(&named.path);
        let [file, .., name] = path else { continue };
        // `use file::{self}` is the file itself.
        if files.contains_key(file) && name != "self" {
            exported.insert(named.alias.unwrap_or_else(|| name.clone()), file.clone());
        }
    }
    exported
}

/// Resolves `crate`, `self` and `super` in a path used in a module.
fn absolute(module: &[&str], path: &[String]) -> Vec<String> {
    let mut names: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
    for name in path {
        match name.as_str() {
            "crate" => names.clear(),
            "self" => {}
            "super" => {
                names.pop();
            }
            _ => names.push(name.clone()),
        }
    }
    names
}

/// Returns the first name below a folder of a path that leads into it.
fn below<'p>(folder: &[&str], path: &'p [String]) -> Option<&'p str> {
    let (start, rest) = path.split_at_checked(folder.len())?;
    (start == folder).then(|| rest.first().map(String::as_str))?
}

/// Returns the files that a file uses, directly or indirectly.
fn reached<'g>(graph: &'g Graph, file: &str) -> BTreeSet<&'g str> {
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<&str> = graph[file].iter().map(String::as_str).collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(graph[next].iter().map(String::as_str));
        }
    }
    reached
}

#[cfg(test)]
fn findings(texts: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = texts.iter().map(|(path, text)| Source::new(path, text)).collect();
    cycles(&sources).into_iter().map(|(what, _)| what).collect()
}

#[test]
fn planted_cycle_is_found() {
    let index = ("m/mod.rs", "mod a; mod b; mod c;\npub use a::{One, Two as Three};\nuse b::Four;");
    let cases: [&[(&str, &str)]; 7] = [
        &[("m/a.rs", "use super::b::X;"), ("m/b.rs", "use super::a::Y;")],
        &[("m/a.rs", "use crate::m::b::X;"), ("m/b.rs", "fn f() { crate::m::a::g() }")],
        &[("m/a.rs", "use super::{Four, Q};"), ("m/b.rs", "use super::One;")],
        &[("m/a.rs", "use super::b;"), ("m/b.rs", "use crate::m::Three;")],
        &[("m/a/mod.rs", "use super::b::X;"), ("m/b.rs", "use super::a::x::Y;")],
        &[
            ("m/a/mod.rs", ""),
            ("m/a/x.rs", "use super::super::Four;"),
            ("m/b.rs", "use super::One;"),
        ],
        &[("m/a.rs", "use super::b;"), ("m/b.rs", "let url = \"http://x\"; super::a::f()")],
    ];
    for case in cases {
        let texts = [&[index], case].concat();
        assert_eq!(findings(&texts), ["m/a: in a cycle", "m/b: in a cycle"], "{case:?}");
    }
    let long = [
        index,
        ("m/a.rs", "use super::b;"),
        ("m/b.rs", "use super::c;"),
        ("m/c.rs", "use super::One;"),
    ];
    assert_eq!(findings(&long).len(), 3);
    let inner = [
        index,
        ("m/a/mod.rs", "mod x; mod y;"),
        ("m/a/x.rs", "use super::y;"),
        ("m/a/y.rs", "use super::x;"),
    ];
    assert_eq!(findings(&inner), ["m/a/x: in a cycle", "m/a/y: in a cycle"]);
}

#[test]
fn glob_import_of_the_module_is_found() {
    let texts = [("m/mod.rs", "mod a;"), ("m/a.rs", "use super::*;")];
    assert_eq!(findings(&texts), ["m/a: imports everything"]);
}

#[test]
fn acyclic_imports_tests_and_other_modules_are_accepted() {
    let texts = [
        ("m/mod.rs", "mod a; mod b; mod tests;\npub use a::One;\nuse b::Four;\nstruct Own;"),
        ("m/a.rs", "use super::{Own, b::X};\nuse crate::n::a::Y;\n// super::a"),
        (
            "m/b.rs",
            "use super::Own;\n#[cfg(test)]\nmod tests { use super::*; use crate::m::a::Y; }",
        ),
        ("m/tests.rs", "use super::*; use super::a::Y;"),
        ("n/mod.rs", "mod a;"),
        ("n/a.rs", "use crate::m::b::X; fn a(&self) { self.b() }"),
    ];
    assert_eq!(findings(&texts), [""; 0]);
}
