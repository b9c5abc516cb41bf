//! What keeps a name back that resembles something protected.
//!
//! A wildcard admits nothing that a person would have to look at first: a version of a name that resembles something
//! protected waits until its alert is acknowledged, until somebody says that it is no lookalike, or until it is
//! approved by its name. What is served already stays, whatever it resembles.
//!
//! # Why nothing slips through
//! A name is compared by whoever decides about it, with what the overlays in force protect; as long as the corpus of
//! those is not ready, it waits. An acknowledged alert counts only for names and evidence that it told of: what came later
//! waits until the alert has told of it too, which opens the alert again.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use super::InForce;
use super::likeness::{Yardstick, alert_of};
use crate::curation::{Policy, Suspicion};
use crate::lookalike::Resemblance;
use crate::model::{Name, Version};
use crate::store::{Snapshot, StoreError, StoredHead};

/// The alerts that have told of each name, and of what evidence.
pub(super) type Told = BTreeMap<Name, BTreeMap<String, Evidence>>;

/// What an alert told of a name, to be compared with what is seen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence(u64);

impl Evidence {
    pub(super) fn of(found: &Resemblance) -> Self {
        let mut hasher = DefaultHasher::new();
        found.evidence.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What a running daemon compares with.
#[derive(Debug)]
pub(super) struct Watched {
    /// The overlays that the yardstick was made for.
    pub(super) in_force: Arc<InForce>,
    pub(super) yardstick: Yardstick,
    pub(super) told: Arc<Told>,
}

/// What keeps names back that resemble something protected.
#[derive(Debug)]
pub struct Doubts(Kind);

#[derive(Debug)]
enum Kind {
    Off,
    /// Nothing, as long as nothing was compared.
    Daemon(Option<Arc<Watched>>),
    /// Worked out when the first name asks for it.
    Offline(OnceLock<Yardstick>),
}

/// What something resembles that a person has not looked at.
enum Doubt {
    None,
    Unready,
    Open { found: Resemblance, alert: Option<String> },
}

impl Doubts {
    /// For whoever reads a store that no daemon holds.
    #[must_use]
    pub fn offline(withhold: bool) -> Self {
        Self(if withhold { Kind::Offline(OnceLock::new()) } else { Kind::Off })
    }

    pub(super) fn watched(withhold: bool, watched: Option<Arc<Watched>>) -> Self {
        Self(if withhold { Kind::Daemon(watched) } else { Kind::Off })
    }

    /// What a wildcard does not admit of a name, and why.
    pub(super) fn about(
        &self,
        snapshot: &Snapshot,
        policy: &Policy<'_>,
        name: &Name,
        heads: &[StoredHead],
    ) -> Result<Suspected, StoreError> {
        let mut shown = BTreeSet::new();
        if self.is_idle() {
            return Ok(Suspected::default());
        }
        for StoredHead { version, .. } in heads {
            if snapshot.shows(name.as_str(), version.as_str())? {
                shown.insert(version.clone());
            }
        }
        if heads.iter().all(|it| shown.contains(&it.version)) {
            return Ok(Suspected::default());
        }
        let suspicion = match self.doubt(snapshot, policy, name)? {
            Doubt::None => None,
            Doubt::Unready => Some(Suspicion::NotCompared),
            Doubt::Open { found, alert } => {
                Some(Suspicion::Resembles { target: found.target, evidence: found.evidence, alert })
            }
        };
        Ok(Suspected { suspicion, shown })
    }

    /// The same where a wildcard may admit anything of it at all.
    pub(super) fn if_unnamed(
        &self,
        snapshot: &Snapshot,
        policy: &Policy<'_>,
        name: &Name,
        heads: &[StoredHead],
    ) -> Result<Suspected, StoreError> {
        match policy.about(name).may_be_approved_unnamed() {
            true => self.about(snapshot, policy, name, heads),
            false => Ok(Suspected::default()),
        }
    }

    /// Whether there is nothing that anything could be compared with.
    fn is_idle(&self) -> bool {
        match &self.0 {
            Kind::Off => true,
            Kind::Daemon(watched) => {
                watched.as_ref().is_some_and(|it| it.yardstick.corpus.is_empty())
            }
            Kind::Offline(_) => false,
        }
    }

    fn doubt(
        &self,
        snapshot: &Snapshot,
        policy: &Policy<'_>,
        name: &Name,
    ) -> Result<Doubt, StoreError> {
        let (yardstick, told) = match &self.0 {
            Kind::Off => return Ok(Doubt::None),
            Kind::Daemon(Some(watched))
                if std::ptr::eq(&raw const watched.in_force.set, policy.overlays) =>
            {
                (&watched.yardstick, Some(&watched.told))
            }
            Kind::Daemon(_) => return Ok(Doubt::Unready),
            Kind::Offline(yardstick) => {
                if yardstick.get().is_none() {
                    let _ = yardstick.set(Yardstick::load(snapshot, policy)?);
                }
                let Some(yardstick) = yardstick.get() else { return Ok(Doubt::Unready) };
                (yardstick, None)
            }
        };
        for found in yardstick.resemblances(snapshot, policy, name)? {
            if found.quiet.is_some() {
                continue;
            }
            let id = alert_of(&found.target, name);
            let stored = snapshot.alert(&id)?.filter(|alert| !alert.is_over());
            let has_told = match (told, &stored) {
                (Some(told), _) => {
                    told.get(name).is_some_and(|told| told.get(&id) == Some(&Evidence::of(&found)))
                }
                (None, stored) => {
                    stored.as_ref().is_some_and(|alert| alert.detail.contains(name.as_str()))
                }
            };
            let is_seen = stored.as_ref().is_some_and(|alert| !alert.is_open());
            if !(has_told && is_seen) {
                return Ok(Doubt::Open { found, alert: stored.map(|alert| alert.id) });
            }
        }
        Ok(Doubt::None)
    }
}

/// What of a name is kept back.
#[derive(Debug, Default)]
pub(super) struct Suspected {
    suspicion: Option<Suspicion>,
    /// Versions that are served already, and stay.
    shown: BTreeSet<Version>,
}

impl Suspected {
    pub(super) fn of(&self, version: &Version) -> Option<&Suspicion> {
        self.suspicion.as_ref().filter(|_| !self.shown.contains(version))
    }
}
