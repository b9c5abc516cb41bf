use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::alerts::identity;
use super::comparer::Comparer;
use super::external::external_names;
use crate::alert::AlertReport;
use crate::curation::{Dossier, PolicySnapshot, Screening};
use crate::daemon::mirror::Settling;
use crate::lookalike::Match;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// The source of the screening of a name.
#[derive(Debug)]
pub enum Screenings {
    /// The screening of a daemon.
    Kept(Arc<Screening>),
    /// Comparisons that are made when a name needs them.
    Made(Offline),
}

/// Compares with an index that is built for the first name that needs it.
#[derive(Debug, Default)]
pub struct Offline(OnceLock<Comparer>);

impl Screenings {
    /// Returns a source for a store that no daemon has open.
    #[must_use]
    pub fn offline() -> Self {
        Self::Made(Offline::default())
    }

    /// Returns a screening that covers the name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(
        &self,
        snapshot: &Snapshot,
        policy: &PolicySnapshot,
        dossier: &Dossier,
        now: Timestamp,
    ) -> Result<Cow<'_, Screening>, StoreError> {
        let offline = match self {
            Self::Kept(screening) => return Ok(Cow::Borrowed(screening)),
            Self::Made(_) if !policy.withholds() => {
                return Ok(self.without_comparing(policy));
            }
            Self::Made(offline) => offline,
        };
        let comparer = offline.comparer(snapshot, policy, now)?;
        let comparison = comparer.compare(snapshot, policy, dossier, now)?;
        let compared = comparison.compared(snapshot, &dossier.name)?;
        let screening = Screening::of(policy.protection);
        Ok(Cow::Owned(screening.with([(dossier.name.clone(), Some(compared))])))
    }

    /// Returns a screening for a name that needs no comparison.
    #[must_use]
    pub fn without_comparing(&self, policy: &PolicySnapshot) -> Cow<'_, Screening> {
        match self {
            Self::Kept(screening) => Cow::Borrowed(screening),
            Self::Made(_) => Cow::Owned(Screening::of(policy.protection)),
        }
    }
}

impl Offline {
    fn comparer(
        &self,
        snapshot: &Snapshot,
        policy: &PolicySnapshot,
        now: Timestamp,
    ) -> Result<&Comparer, StoreError> {
        if let Some(comparer) = self.0.get() {
            return Ok(comparer);
        }
        let comparer = comparer(snapshot, policy, now)?;
        Ok(self.0.get_or_init(|| comparer))
    }
}

/// Builds what names are compared with, from the store alone.
fn comparer(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    now: Timestamp,
) -> Result<Comparer, StoreError> {
    let settling = Settling::read(snapshot, &policy.upstreams, now)?;
    let names = external_names(snapshot, policy, &settling)?;
    Ok(Comparer::load(snapshot, policy)?.with_frequent_names(&names, now))
}

/// A match, and the alert about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lookalike {
    #[serde(flatten)]
    pub found: Match,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertReport>,
}

/// Compares a name with everything protected, for a person who asks.
///
/// # Errors
/// When the store cannot be read.
pub fn lookalikes_of(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    now: Timestamp,
    name: &Name,
) -> Result<Vec<Lookalike>, StoreError> {
    let comparer = comparer(snapshot, policy, now)?;
    let dossier = snapshot.dossier(name, policy)?;
    let comparison = comparer.compare(snapshot, policy, &dossier, now)?;
    let with_alert = |found: Match| {
        let alert = snapshot.alert(&identity(&found.target, name))?;
        let alert = alert.filter(|alert| !alert.is_resolved()).map(AlertReport::from);
        Ok(Lookalike { found, alert })
    };
    comparison.matches.into_iter().map(with_alert).collect()
}
