use std::collections::BTreeSet;

use crate::curation::{Authorities, ContentHead, Dossier, DossierRow, PolicySnapshot};
use crate::lookalike::{EntryProfile, Protected, Why};
use crate::model::Name;
use crate::store::{Snapshot, StoreError};

/// Reads the protected subjects: those that overlays list, and the names in internal namespaces, each
/// with the profile of its own entry.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn protected(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
) -> Result<BTreeSet<Protected>, StoreError> {
    let set = &policy.overlays;
    let mut all = set.protected();
    if set.has_internal() {
        let mut names: BTreeSet<Name> = BTreeSet::new();
        for stored in snapshot.heads()? {
            let stored = stored?;
            // An external upstream that lists an internal name adds nothing to what is protected.
            if policy.is_internal(&stored.upstream) && set.is_internal(&stored.name) {
                names.insert(stored.name);
            }
        }
        all.extend(names.iter().map(|name| Protected::new(name.to_string(), Why::Internal)));
    }
    let mut protected = BTreeSet::new();
    for subject in all {
        let profile = match Name::parse(&subject.subject) {
            Ok(name) => newest_profile(snapshot, policy, &name)?,
            Err(_) => None,
        };
        protected.insert(subject.shown(profile.unwrap_or_default()));
    }
    Ok(protected)
}

/// Reads the profile of the newest version of a protected name.
fn newest_profile(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
) -> Result<Option<EntryProfile>, StoreError> {
    let dossier = snapshot.dossier(name, policy)?;
    let rules = policy.overlays.rules_for(name);
    let authorities = Authorities::of(&dossier, policy, &rules);
    let newest =
        dossier.screened_rows(&authorities).max_by_key(|row| row.content.head.published_at);
    match newest {
        Some(newest) => profile(snapshot, &dossier, newest, &newest.content),
        None => Ok(None),
    }
}

/// Reads the profile of a content; `None` where its body is damaged.
pub(super) fn profile(
    snapshot: &Snapshot,
    dossier: &Dossier,
    row: &DossierRow,
    content: &ContentHead,
) -> Result<Option<EntryProfile>, StoreError> {
    match snapshot.body(&dossier.name, row, content) {
        Err(StoreError::Damaged(_)) => Ok(None),
        entry => Ok(EntryProfile::read(&entry?.server)),
    }
}
