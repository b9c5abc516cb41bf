//! Configuration and overlays that use every feature that decides about an entry.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::generator::{Generated, Random};

/// Names that are approved exactly, and brands that overlays list: both are protected.
const APPROVED: usize = 500;
const BRANDS: usize = 500;
/// Namespaces with their own ownership rule, for each kind of rule.
const OWNED: usize = 300;
/// The interval between refused rows.
const REFUSED_EVERY: usize = 500;

const APPROVAL: &str = "approval: {state: approved, reviewed: 2026-11-01, expires: 2099-01-01}";
/// Lookups fail at once on ports where nothing listens, so no verification has a result: a namespace that is not
/// revoked is admitted, unless it requires more.
const SETTINGS: &str = r#"
[ownership]
exact = "not-revoked"
wildcard = "not-revoked"
resolvers = ["127.0.0.1:1"]

[github]
url = "http://127.0.0.1:1"

[[views]]
name = "default"
tiers = [1, 2]

[[views]]
name = "sensitive"
classifications = ["internal", "confidential"]

[[views]]
name = "companies"
names = ["com.*/*", "ai.*/*"]
"#;

/// The tiers in the overlays; a publication can change each alone.
#[derive(Debug, Clone, Copy)]
pub struct Tiers {
    /// The tier of everything that wildcards admit.
    pub all: u8,
    /// The tier of the entries that a small publication changes.
    pub small: u8,
}

/// Makes some rows invalid by a control character in their title.
pub fn refuse_some(rows: &mut [Generated]) {
    for row in rows.iter_mut().step_by(REFUSED_EVERY) {
        row.item = row.item.replacen(r#""title":""#, r#""title":"\u0007"#, 1);
    }
}

/// Writes everything that a daemon reads, except the rules that a small publication changes.
pub fn write_folder(folder: &Path, upstream: &str, rows: &[Generated]) {
    let upstream = format!(
        "kind = \"registry\"\nurl = \"{upstream}\"\n[limits]\nrequests_per_hour = 1000000\n[sync]\ninterval = \"1h\"\n[safety_limits]\nfrozen_after = \"366d\"\n"
    );
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("upstreams/official.toml", &upstream);
    write("vidimus.toml", SETTINGS);
    write("overlays/approved.yaml", &approved(rows));
    write("overlays/namespaces.yaml", &namespaces(rows));
    write_tiers(folder, Tiers { all: 1, small: 1 }, &[]);
}

/// Writes the wildcard rules, and the tiers of single entries (name and version).
pub fn write_tiers(folder: &Path, tiers: Tiers, entries: &[(String, String)]) {
    let Tiers { all, small } = tiers;
    let wildcards = [("io", "public"), ("com", "internal"), ("ai", "confidential")];
    let wildcards = wildcards.map(|(top, classification)| {
        format!(
            "- {{name: {top}.*/*, tier: {all}, classification: {classification}, {APPROVAL}}}\n"
        )
    });
    let entries = entries.iter().map(|(name, version)| {
        format!("- {{name: {name}, versions: '{version}', tier: {small}}}\n")
    });
    let text: String = wildcards.into_iter().chain(entries).collect();
    fs::write(folder.join("overlays/tiers.yaml"), format!("servers:\n{text}")).expect("a file");
}

fn approved(rows: &[Generated]) -> String {
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
    let chosen = names.iter().step_by((names.len() / APPROVED).max(1)).take(APPROVED);
    let approvals: String =
        chosen.map(|name| format!("- {{name: {name}, {APPROVAL}}}\n")).collect();
    format!("servers:\n{approvals}")
}

fn namespaces(rows: &[Generated]) -> String {
    let brands: Vec<String> = brands().into_iter().collect();
    let mut text =
        format!("namespaces:\n- {{name: com.brands-of-ours, protect: [{}]}}\n", brands.join(", "));
    let namespaces: BTreeSet<&str> =
        rows.iter().filter_map(|row| row.name.split('/').next()).collect();
    let (accounts, domains): (Vec<&str>, Vec<&str>) =
        namespaces.into_iter().partition(|namespace| namespace.starts_with("io.github."));
    let mut add = |namespace: &str, ownership: &str| {
        text.push_str(&format!("- {{name: {namespace}, ownership: {{{ownership}}}}}\n"));
    };
    let spread = |all: &[&str], offset: usize| -> Vec<String> {
        let step = (all.len() / OWNED).max(2);
        all.iter().skip(offset).step_by(step).take(OWNED).map(|name| (*name).to_owned()).collect()
    };
    for namespace in spread(&accounts, 0) {
        add(&namespace, "github: 9919");
    }
    for namespace in spread(&accounts, 1) {
        add(&namespace, "require: verified");
    }
    for namespace in spread(&domains, 0) {
        add(&namespace, "waived: {reason: no DNS of its own, reviewer: alice}");
    }
    text
}

/// Returns words of syllables that do not occur in generated names.
fn brands() -> BTreeSet<String> {
    const SYLLABLES: [&str; 12] =
        ["zu", "xa", "kyo", "jex", "vuz", "ojo", "zyk", "axu", "gux", "yza", "kuj", "juv"];
    let mut random = Random::seeded(7);
    let mut brands = BTreeSet::new();
    while brands.len() < BRANDS {
        let index = |random: &mut Random| {
            usize::try_from(random.below(SYLLABLES.len() as u64)).expect("an index")
        };
        brands.insert((0..4).map(|_| SYLLABLES[index(&mut random)]).collect());
    }
    brands
}
