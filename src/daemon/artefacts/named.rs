use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::artefact::PackageKey;
use crate::curation::{Dossier, DossierRow, PackageFacts, PolicySnapshot};
use crate::overlay::State;

/// Versions of one name that are looked at: a publisher could list thousands.
const MAX_VERSIONS: usize = 32;
/// Packages of one name that are looked at.
const MAX_PACKAGES: usize = 64;

/// Returns the packages of a name that are looked at, each with true if a view shows it: of the versions that a view shows,
/// then of the newest others that an exact rule selects; and of approved ones those that must have provenance and can.
pub(super) fn packages_of(
    dossier: &Dossier,
    policy: &PolicySnapshot,
    with_bundles: bool,
) -> BTreeMap<PackageKey, bool> {
    let rules = policy.overlays.rules_for(&dossier.name);
    let is_named = |row: &DossierRow| {
        let mut exact = rules.rules().filter(|rule| rule.name.is_exact() && !rule.hides());
        exact.any(|rule| rule.selects(&row.version, &row.upstream))
    };
    let due = dossier.rows.iter().map(|row| {
        let effective = rules.effective(&row.version, &row.upstream);
        let is_whole = dossier.is_visible(&row.version) || is_named(row);
        let is_approved =
            effective.approval.is_some_and(|(_, approval)| approval.state == State::Approved);
        // A verdict on any other package of it would change nothing.
        let is_due = |package: &&PackageFacts| {
            is_whole
                || is_approved
                    && package.is_checkable()
                    && policy.provenance.demanded(&package.registry, &effective).is_some()
        };
        let facts = row.content_for(&effective).facts.iter();
        (row, facts.flat_map(|facts| &facts.packages).filter(is_due).collect())
    });
    let mut rows: Vec<(&DossierRow, Vec<&PackageFacts>)> = due.collect();
    rows.retain(|(_, packages)| !packages.is_empty());
    rows.sort_by_key(|(row, _)| {
        Reverse((dossier.is_visible(&row.version), row.content.head.published_at))
    });
    let mut packages = BTreeMap::new();
    for (row, due) in rows.into_iter().take(MAX_VERSIONS) {
        let is_shown = dossier.is_visible(&row.version);
        for key in due.into_iter().filter_map(|package| package.key(policy)) {
            if packages.len() < MAX_PACKAGES && (with_bundles || key.kind() != "mcpb") {
                // Versions that are shown come first.
                packages.entry(key).or_insert(is_shown);
            }
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::curation::ContentFacts;
    use crate::curation::tests::fixtures::{listed, overlays, policy};
    use crate::model::{Status, Timestamp};
    use crate::ownership::PackageRegistries;

    /// Returns the identifiers that are looked at of an entry with an exact package, one without a version, one that is run
    /// by something else, and an image under a tag.
    fn looked_at(rules: &str) -> Vec<String> {
        let mut dossier = listed("com.example/tool", Status::Active);
        dossier.rows[0].content.facts = Some(ContentFacts::of(
            r#"{"name":"com.example/tool","description":"d","version":"1.0.0","packages":[
                {"registryType":"npm","identifier":"exact","version":"1.0.0","transport":{"type":"stdio"}},
                {"registryType":"npm","identifier":"floating","transport":{"type":"stdio"}},
                {"registryType":"npm","identifier":"redirected","version":"1.0.0","runtimeHint":"uvx","transport":{"type":"stdio"}},
                {"registryType":"oci","identifier":"images.example/tag:1","transport":{"type":"stdio"}}]}"#,
        ));
        let now = Timestamp::parse("2026-06-01T12:00:00Z").expect("a time");
        let mut asked = PackageRegistries::default();
        for (kind, url) in [("npm", "https://npm.example"), ("oci", "https://images.example")] {
            asked.add(kind.into(), Url::parse(url).expect("a URL"));
        }
        let set = overlays(&format!("servers: [{rules}]"), now);
        let policy = policy(set).with_asked_registries(asked);
        let keys = packages_of(&dossier, &policy, true).into_keys();
        keys.map(|key| key.identifier().to_owned()).collect()
    }

    /// The registry of any other package would be asked for a verdict that changes nothing.
    #[test]
    fn demand_of_a_wildcard_looks_only_at_packages_that_can_be_verified() {
        let approval = "{name: com.example/*, approval: {state: approved, reviewed: 2026-02-01}}";
        let demand = "{name: '*', conditions: {provenance: required}}";
        assert_eq!(looked_at(&format!("{approval}, {demand}")), ["exact"]);
        assert_eq!(looked_at(approval), [""; 0]);
        assert_eq!(looked_at(demand), [""; 0], "nothing approves it");
        let exact = "{name: com.example/tool, approval: {state: approved, reviewed: 2026-02-01}}";
        let all = ["exact", "floating", "redirected", "images.example/tag"];
        assert_eq!(looked_at(exact), all);
    }
}
