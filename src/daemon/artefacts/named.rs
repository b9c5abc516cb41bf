use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::artefact::PackageKey;
use crate::curation::{Dossier, DossierRow, PolicySnapshot};

/// Versions of one name that are looked at: a publisher could list thousands.
const MAX_VERSIONS: usize = 32;
/// Packages of one name that are looked at.
const MAX_PACKAGES: usize = 64;

/// Returns the packages of a name that are looked at: of the versions that a view shows, then of the newest others that an
/// exact rule selects.
pub(super) fn packages_of(
    dossier: &Dossier,
    policy: &PolicySnapshot,
    with_bundles: bool,
) -> BTreeSet<PackageKey> {
    let rules = policy.overlays.rules_for(&dossier.name);
    let is_named = |row: &&DossierRow| {
        let mut exact = rules.rules().filter(|rule| rule.name.is_exact() && !rule.hides());
        dossier.is_visible(&row.version)
            || exact.any(|rule| rule.selects(&row.version, &row.upstream))
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
