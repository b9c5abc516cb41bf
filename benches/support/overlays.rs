//! A folder of overlays with one file for each of thousands of servers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::generator::Generated;

/// Rules about all servers, beside the files about single ones.
const COMMON: &str = r#"servers:
  - name: "*"
    tier: 3
    conditions:
      packages: {types: [npm, pypi, nuget, oci, mcpb]}
  - {name: io.*/*, classification: public, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
  - {name: com.*/*, classification: internal, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
  - {name: ai.*/*, classification: internal, approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}}
"#;

/// Makes every package one of the type whose names the generator invents: others are not served, each with an alert.
pub fn of_one_type(rows: &mut [Generated]) {
    for row in rows {
        for kind in ["pypi", "oci"] {
            let (before, after) =
                (format!(r#""registryType":"{kind}""#), r#""registryType":"npm""#);
            row.item = row.item.replace(&before, after);
        }
    }
}

/// Names that files approve, spread over all names of a registry.
pub fn chosen(rows: &[Generated], count: usize) -> Vec<String> {
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let step = (names.len() / count).max(1);
    names.into_iter().step_by(step).take(count).map(str::to_owned).collect()
}

/// Returns the selectors of all names in the namespaces of these: such rules protect no name, so that nothing resembles
/// one.
pub fn namespaces(names: &[String]) -> Vec<String> {
    let namespace = |name: &String| name.split('/').next().map(str::to_owned);
    let all: BTreeSet<String> = names.iter().filter_map(namespace).collect();
    all.into_iter().map(|namespace| format!("{namespace}/*")).collect()
}

/// Writes `files` files that share these names, in a hundred folders, and one with common rules; returns their paths.
pub fn write_overlays(folder: &Path, names: &[String], files: usize) -> Vec<PathBuf> {
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join("common.yaml"), COMMON).expect("a file");
    let mut paths = Vec::new();
    for file in 0..files {
        let team = folder.join(format!("team-{:02}", file % 100));
        fs::create_dir_all(&team).expect("a folder");
        let path = team.join(format!("server-{file:05}.yaml"));
        let rules: String =
            names.iter().skip(file).step_by(files).map(|name| rule(name, 2)).collect();
        fs::write(&path, format!("servers:\n{rules}")).expect("a file");
        paths.push(path);
    }
    paths
}

/// Returns one rule as a team writes it.
pub fn rule(name: &str, tier: u8) -> String {
    format!(
        "  # Requested by the service desk, and reviewed with the vendor.\n\
         \x20 - name: {name}\n    tier: {tier}\n    classification: internal\n    owner: service-desk\n\
         \x20   labels: [ticketing, review-2026]\n    reason: requested by the service desk\n    approval:\n\
         \x20     state: approved\n      track: standard\n      reviewers: [alice, bob]\n\
         \x20     reviewed: 2026-11-01T15:30:00+01:00\n      expires: 2099-01-01\n"
    )
}
