use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::artefact::PackageKey;
use crate::curation::{Dossier, DossierRow, PackageFacts, PolicySnapshot};
use crate::overlay::State;

/// Versions of one name that are looked at: a publisher could list thousands.
const MAX_VERSIONS: usize = 32;
/// Packages of one name that are looked at.
const MAX_PACKAGES: usize = 64;

/// Returns the packages of a name that are looked at: of the versions that a view shows, then of the newest others that an
/// exact rule selects, or that an approval covers and whose packages must have provenance.
pub(super) fn packages_of(
    dossier: &Dossier,
    policy: &PolicySnapshot,
    with_bundles: bool,
) -> BTreeSet<PackageKey> {
    let rules = policy.overlays.rules_for(&dossier.name);
    let is_demanding = |row: &DossierRow| {
        let effective = rules.effective(&row.version, &row.upstream);
        let facts = row.content_for(&effective).facts.iter();
        let mut packages = facts.flat_map(|facts| &facts.packages);
        let is_approved =
            effective.approval.is_some_and(|(_, approval)| approval.state == State::Approved);
        let is_demanded = |package: &PackageFacts| {
            policy.provenance.demanded(&package.registry, &effective).is_some()
        };
        is_approved && packages.any(is_demanded)
    };
    let is_named = |row: &&DossierRow| {
        let mut exact = rules.rules().filter(|rule| rule.name.is_exact() && !rule.hides());
        dossier.is_visible(&row.version)
            || exact.any(|rule| rule.selects(&row.version, &row.upstream))
            || is_demanding(row)
    };
    let mut rows: Vec<&DossierRow> = dossier.rows.iter().filter(is_named).collect();
    rows.sort_by_key(|row| {
        Reverse((dossier.is_visible(&row.version), row.content.head.published_at))
    });
    let mut packages = BTreeSet::new();
    for row in rows.into_iter().take(MAX_VERSIONS) {
        let content = row.content_for(&rules.effective(&row.version, &row.upstream));
        let facts = content.facts.iter().flat_map(|facts| &facts.packages);
        for key in facts.filter_map(|package| package.key(policy)) {
            if packages.len() < MAX_PACKAGES && (with_bundles || key.kind() != "mcpb") {
                packages.insert(key);
            }
        }
    }
    packages
}
