use std::collections::BTreeMap;
use std::time::Duration;

use super::upstream::{Rewrite, Row};
use crate::model::Timestamp;

/// The time at which the demo's clock starts: 2026-06-01T09:00:00Z. What the demo shows is the same on every day.
pub const START: Timestamp = Timestamp::from_micros(1_780_304_400_000_000);
/// An entry with an approval that ends two minutes after the start.
const WAITING: &str = "example.harbor/maps";
/// After so long a publisher rewrites an entry.
const REWRITE: Duration = Duration::from_secs(10);
/// A public key that its owner shows in DNS.
const KEY: &str = "JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";

/// The files of the demo's folder, but for the upstream's address.
pub const FILES: [(&str, &str); 2] = [
    ("overlays/demo.yaml", include_str!("overlays.yaml")),
    ("vidimus.toml", include_str!("vidimus.toml")),
];

/// The namespaces of invented vendors, with the day on which they published and what they offer.
const VENDORS: [(&str, &str, &[&str]); 12] = [
    (
        "example.orchard",
        "2026-02-03",
        &["calendar", "files", "mail", "search", "tables", "tickets", "tools", "wiki"],
    ),
    (
        "example.lantern",
        "2026-03-10",
        &["charts", "notebooks", "pipelines", "queries", "traces", "wine"],
    ),
    (
        "example.cellar",
        "2026-03-21",
        &["barrels", "inventory", "labels", "shipping", "tasting", "vintages"],
    ),
    ("example.birch", "2026-04-02", &["forms", "polls", "quizzes", "rosters", "surveys"]),
    ("example.harbor", "2026-01-15", &["berths", "customs", "maps", "tides"]),
    ("example.meadow", "2026-02-20", &["bees", "grazing", "hay", "soil", "weather"]),
    ("example.quarry", "2026-03-05", &["blasting", "cranes", "slabs"]),
    ("example.tundra", "2026-04-11", &["ice", "lichen", "tracks"]),
    ("example.canyon", "2026-02-27", &["echoes", "rafting", "ropes", "trails"]),
    ("example.delta", "2026-03-18", &["dredging", "ferries", "gauges", "locks", "pumps"]),
    (
        "example.willow",
        "2026-04-20",
        &["baskets", "cuttings", "hedges", "nursery", "pruning", "shade"],
    ),
    // Resembles `lantern`, which is protected: on a screen, r and n read as m.
    ("example.lantem", "2026-05-12", &["charts"]),
];

/// Domains that show the key of their namespace. `cellar.example` shows none.
const VERIFIED: [&str; 4] =
    ["birch.example", "lantern.example", "lantem.example", "orchard.example"];

/// Returns every server version that the upstream lists.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (namespace, day, leaves) in VENDORS {
        for leaf in leaves {
            rows.push(row(&format!("{namespace}/{leaf}"), "1.0.0", day));
        }
    }
    rows.push(row("example.orchard/search", "1.1.0", "2026-04-18"));
    rows.push(row("example.orchard/tools", "1.1.0", "2026-05-04"));
    // After the review.
    rows.push(row("example.orchard/tools", "2.0.0", "2026-05-28"));
    rows.push(row(WAITING, "0.9.0", "2025-11-30"));
    rows
}

/// Returns the change that one publisher makes to a served entry.
pub(super) fn rewrite() -> Rewrite {
    Rewrite {
        at: START.plus(REWRITE),
        name: "example.lantern/traces",
        version: "1.0.0",
        description: "Traces of distributed systems, now with a free trial".to_owned(),
    }
}

/// Returns the TXT records, by domain.
pub(super) fn records() -> BTreeMap<&'static str, String> {
    let record = format!("v=MCPv1; k=ed25519; p={KEY}");
    VERIFIED.into_iter().map(|domain| (domain, record.clone())).collect()
}

fn row(name: &str, version: &'static str, day: &str) -> Row {
    let (namespace, leaf) = name.split_once('/').unwrap_or((name, ""));
    let vendor = namespace.rsplit('.').next().unwrap_or(namespace);
    let published_at = Timestamp::parse(&format!("{day}T09:00:00Z")).unwrap_or(START);
    Row {
        name: name.to_owned(),
        version,
        description: format!("{}{} of {vendor}", leaf[..1].to_uppercase(), &leaf[1..]),
        published_at,
        updated_at: published_at,
    }
}
