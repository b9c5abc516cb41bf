use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::alerts::{identity, is_acknowledged};
use super::external::external_names;
use super::protected::{profile, protected};
use crate::curation::{Authorities, Compared, Dossier, PolicySnapshot, ScreeningMatch};
use crate::lookalike::{
    EntryProfile, FrequentNames, Match, Protected, ScreeningIndex, Suppressed, compare,
};
use crate::model::{Digest, Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// The time for which a name counts as new.
const YOUNG: Duration = Duration::from_hours(30 * 24);

/// The protected subjects and frequent names that names are compared with.
#[derive(Debug, Clone, Default)]
pub(super) struct Comparer {
    pub(super) protected: Arc<BTreeSet<Protected>>,
    pub(super) index: Arc<ScreeningIndex>,
    pub(super) frequent: Arc<FrequentNames>,
}

/// The matches of one name.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The digest of the contents that were compared.
    pub(super) contents: Digest,
    /// The matches, the highest score first, including suppressed ones.
    pub(super) matches: Vec<Match>,
}

impl Comparer {
    /// Reads the protected subjects, and builds the index.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn load(snapshot: &Snapshot, policy: &PolicySnapshot) -> Result<Self, StoreError> {
        let protected = protected(snapshot, policy)?;
        let hosts = policy.overlays.shared_hosts();
        let index = ScreeningIndex::new(protected.iter().cloned(), hosts);
        Ok(Self {
            protected: Arc::new(protected),
            index: Arc::new(index),
            frequent: Arc::default(),
        })
    }

    /// Counts the leaves of names that are not new.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn with_frequent_names(
        self,
        snapshot: &Snapshot,
        policy: &PolicySnapshot,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let names: BTreeMap<Name, Timestamp> = external_names(snapshot, policy)?;
        let known = names.iter().filter(|(_, first)| !is_young(**first, now));
        let frequent = Arc::new(FrequentNames::of(known.map(|(name, _)| name)));
        Ok(Self { frequent, ..self })
    }

    /// Compares a name, and the profiles of all its versions, with everything that is protected.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn compare(
        &self,
        snapshot: &Snapshot,
        policy: &PolicySnapshot,
        dossier: &Dossier,
        now: Timestamp,
    ) -> Result<Comparison, StoreError> {
        let Dossier { name, .. } = dossier;
        let rules = policy.overlays.rules_for(name);
        let authorities = Authorities::of(dossier, policy, &rules);
        let contents = dossier.screened_contents(&authorities);
        if self.index.is_empty() || policy.overlays.is_internal(name) {
            return Ok(Comparison { contents, matches: Vec::new() });
        }
        let mut profiles: BTreeSet<EntryProfile> = BTreeSet::new();
        let mut known = BTreeSet::new();
        for row in dossier.screened_rows(&authorities) {
            let digest = row.content.facts.as_ref().map(|facts| facts.profile);
            // Most versions of a name have the same profile.
            if digest.is_some_and(|digest| known.contains(&digest)) {
                continue;
            }
            if let Some(profile) = profile(snapshot, dossier, row)? {
                profiles.insert(profile);
                known.extend(digest);
            }
        }
        let first = dossier.rows.iter().map(|row| row.content.head.published_at).min();
        let is_young = first.is_some_and(|at| is_young(at, now));
        let pins = policy.overlays.pins(name.namespace());
        let verdict = policy.ownership.enabled.then(|| dossier.verification.basis(pins).verdict());
        let (index, frequent) = (&self.index, &self.frequent);
        let mut matches = compare(index, frequent, name, &profiles, verdict, is_young);
        for found in &mut matches {
            suppress(snapshot, policy, name, found)?;
        }
        Ok(Comparison { contents, matches })
    }
}

/// Suppresses a match that a rule declares not a lookalike. A frequent name stays reported while its
/// alert is unresolved.
fn suppress(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
    found: &mut Match,
) -> Result<(), StoreError> {
    if found.suppressed == Some(Suppressed::FrequentName)
        && snapshot.alert(&identity(&found.target, name))?.is_some_and(|alert| !alert.is_resolved())
    {
        found.suppressed = None;
    }
    if let Some(reviewed) = policy.overlays.no_lookalike(name, &found.target) {
        let (reviewer, reason) = (reviewed.reviewer.clone(), reviewed.reason.clone());
        found.suppressed = Some(Suppressed::NotLookalike { reviewer, reason });
    }
    Ok(())
}

impl Comparison {
    /// Returns the part that gates read: the reported matches, each with its alert and acknowledgement.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn compared(
        &self,
        snapshot: &Snapshot,
        name: &Name,
    ) -> Result<Compared, StoreError> {
        let mut matches = Vec::new();
        for found in self.matches.iter().filter(|found| found.suppressed.is_none()) {
            let alert = snapshot.alert(&identity(&found.target, name))?;
            let alert = alert.filter(|alert| !alert.is_resolved());
            matches.push(ScreeningMatch {
                found: found.clone(),
                acknowledged: alert
                    .as_ref()
                    .is_some_and(|alert| is_acknowledged(alert, name, found)),
                alert: alert.map(|alert| alert.identity.short_id()),
            });
        }
        Ok(Compared { contents: self.contents, matches })
    }
}

fn is_young(first: Timestamp, now: Timestamp) -> bool {
    now.since(first) < YOUNG
}
