use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::alerts::{identity, is_acknowledged};
use super::protected::{profile, protected};
use crate::curation::{
    Authorities, Compared, ContentHead, Dossier, DossierRow, PolicySnapshot, ScreeningMatch,
};
use crate::lookalike::{
    FrequentNames, Match, Outcome, Protected, ScreeningIndex, Suppressed, compare,
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
    /// The screening digests of the contents that were compared completely.
    pub(super) contents: BTreeSet<Digest>,
    /// The matches, the highest score first, including suppressed ones.
    pub(super) matches: Vec<Match>,
    /// False if a content is damaged or exceeds a limit, so that more may be found in it.
    pub(super) is_complete: bool,
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

    /// Counts the leaves of names that are not new, and that an upstream lists after its first sync.
    pub(super) fn with_frequent_names(
        self,
        names: &BTreeMap<Name, Option<Timestamp>>,
        now: Timestamp,
    ) -> Self {
        let is_known = |first: &Option<Timestamp>| first.is_some_and(|at| !is_young(at, now));
        let known = names.iter().filter(|(_, first)| is_known(first));
        let frequent = Arc::new(FrequentNames::of(known.map(|(name, _)| name)));
        Self { frequent, ..self }
    }

    /// Compares a name, and the profiles of all contents that may be served, with everything that is protected.
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
        // Most versions of a name have the same profile, so one content stands for all with its digest.
        let contents: BTreeMap<Digest, (&DossierRow, &ContentHead)> = dossier
            .screened_contents(&authorities, &rules)
            .map(|(row, content)| (content.screening_digest(), (row, content)))
            .collect();
        let is_intact = dossier.damaged.is_empty();
        if self.index.is_empty() || policy.overlays.is_internal(name) {
            let contents = contents.into_keys().collect();
            return Ok(Comparison { contents, matches: Vec::new(), is_complete: is_intact });
        }
        let (mut digests, mut profiles) = (Vec::new(), Vec::new());
        for (digest, (row, content)) in &contents {
            if let Some(profile) = profile(snapshot, dossier, row, content)? {
                digests.push(*digest);
                profiles.push(profile);
            }
        }
        let heads = dossier.rows.iter().map(|row| (&row.upstream, &row.content.head));
        let first = heads.map(|(upstream, head)| policy.known_since(upstream, head)).min();
        let is_young = first.is_some_and(|at| is_young(at, now));
        let pins = policy.overlays.pins(name.namespace());
        let verdict = policy.ownership.enabled.then(|| dossier.verification.basis(pins).verdict());
        let (index, frequent) = (&self.index, &self.frequent);
        let Outcome { mut matches, incomplete } =
            compare(index, frequent, name, &profiles, verdict, is_young);
        for found in &mut matches {
            suppress(snapshot, policy, name, found)?;
        }
        let complete = digests.into_iter().enumerate();
        let complete = complete.filter(|(position, _)| !incomplete.contains(position));
        let compared: BTreeSet<Digest> = complete.map(|(_, digest)| digest).collect();
        let is_complete = is_intact && compared.len() == contents.len();
        Ok(Comparison { contents: compared, matches, is_complete })
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
    /// Returns the part that gates read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn compared(
        &self,
        snapshot: &Snapshot,
        name: &Name,
    ) -> Result<Compared, StoreError> {
        let matches = with_alerts(snapshot, name, &self.matches)?;
        Ok(Compared { contents: self.contents.clone(), matches })
    }
}

/// Returns the matches of a name that are reported, each with its alert and acknowledgement.
pub(super) fn with_alerts(
    snapshot: &Snapshot,
    name: &Name,
    found: &[Match],
) -> Result<Vec<ScreeningMatch>, StoreError> {
    let mut matches = Vec::new();
    for found in found.iter().filter(|found| found.suppressed.is_none()) {
        let alert = snapshot.alert(&identity(&found.target, name))?;
        let alert = alert.filter(|alert| !alert.is_resolved());
        matches.push(ScreeningMatch {
            found: found.clone(),
            acknowledged: alert.as_ref().is_some_and(|alert| is_acknowledged(alert, name, found)),
            alert: alert.map(|alert| alert.identity.short_id()),
        });
    }
    Ok(matches)
}

fn is_young(first: Timestamp, now: Timestamp) -> bool {
    now.since(first) < YOUNG
}
