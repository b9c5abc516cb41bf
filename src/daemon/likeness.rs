//! By what names are compared, and which of them that keeps back.
//!
//! A wildcard admits nobody whom a person would have to look at first: a name that resembles something protected
//! waits until its alert is acknowledged, until somebody says that it is no lookalike, or until it is approved by
//! its name. What is served already stays, whatever it resembles.
//!
//! # Why nothing slips through
//! A name is compared by whoever decides about it, with what the overlays in force protect; as long as the corpus of
//! those is not ready, it waits. An acknowledged alert counts only for names that it told of: one that came later
//! waits until the alert has told of it too, which opens the alert again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::publisher::undamaged;
use super::speakers::speakers_of;
use super::{InForce, outside};
use crate::alert::{State, id};
use crate::curation::{Policy, Speech, Suspicion};
use crate::lookalike::{Commonness, Corpus, Portrait, Protected, Resemblance, Suspect, Why};
use crate::model::Name;
use crate::ownership::Verdict;
use crate::store::{Snapshot, StoreError, StoredHead};

/// Where alerts about lookalikes come from, and their kind.
pub(super) const LOOKALIKES: &str = "lookalikes";
pub(super) const LOOKALIKE: &str = "lookalike";
/// How long a name counts as new.
const YOUNG: Duration = Duration::from_hours(30 * 24);

/// What is protected, and what is common speech.
#[derive(Debug, Clone, Default)]
pub(super) struct Yardstick {
    pub(super) corpus: Arc<Corpus>,
    pub(super) common: Arc<Commonness>,
}

/// The alerts that have told of each name.
pub(super) type Told = BTreeMap<Name, BTreeSet<String>>;

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
    Open { found: Resemblance, alert: String },
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

    /// Why a wildcard does not admit a name, where it does not.
    pub(super) fn about(
        &self,
        snapshot: &Snapshot,
        policy: &Policy<'_>,
        name: &Name,
        heads: &[StoredHead],
    ) -> Result<Option<Suspicion>, StoreError> {
        if self.is_idle() || !policy.about(name).may_be_approved_unnamed() {
            return Ok(None);
        }
        for StoredHead { version, .. } in heads {
            if snapshot.shows(name.as_str(), version.as_str())? {
                return Ok(None);
            }
        }
        Ok(match self.doubt(snapshot, policy, name)? {
            Doubt::None => None,
            Doubt::Unready => Some(Suspicion::NotCompared),
            Doubt::Open { found: Resemblance { target, evidence, .. }, alert } => {
                Some(Suspicion::Resembles { target, evidence, alert })
            }
        })
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
        let namespace = name.namespace().to_ascii_lowercase();
        for found in yardstick.resemblances(snapshot, policy, name)? {
            let alert = id(LOOKALIKES, LOOKALIKE, &found.target, &namespace);
            let has_told = told
                .is_none_or(|told| told.get(name).is_some_and(|alerts| alerts.contains(&alert)));
            let state = snapshot.alert(&alert)?.map(|alert| alert.state);
            let is_seen = matches!(state, Some(State::Acknowledged { .. }));
            if found.quiet.is_none() && !(has_told && is_seen) {
                return Ok(Doubt::Open { found, alert });
            }
        }
        Ok(Doubt::None)
    }
}

impl Yardstick {
    fn load(snapshot: &Snapshot, policy: &Policy<'_>) -> Result<Self, StoreError> {
        let names = outside::names(snapshot, policy.speakers)?;
        let hosts = policy.overlays.shared_hosts();
        let corpus = Corpus::new(protected(policy, snapshot)?, hosts);
        Ok(Self { corpus: Arc::new(corpus), common: Arc::new(Commonness::of(&names)) })
    }

    /// What a name resembles, what matters most first; what is nobody's concern is among it, with the reason.
    pub(super) fn resemblances(
        &self,
        snapshot: &Snapshot,
        policy: &Policy<'_>,
        name: &Name,
    ) -> Result<Vec<Resemblance>, StoreError> {
        let set = policy.overlays;
        if self.corpus.is_empty() || set.is_internal(name) {
            return Ok(Vec::new());
        }
        let heads = snapshot.heads_of(name)?;
        let first = heads.iter().map(|it| it.head.published_at).min();
        let portrait = portrait(snapshot, &heads)?.unwrap_or_default();
        let suspect = Suspect {
            name,
            portrait: &portrait,
            verdict: verdict(snapshot, policy, name)?,
            is_young: first.is_some_and(|at| policy.now.since(at) < YOUNG),
        };
        let mut found = self.corpus.resemblances(&suspect, &self.common);
        for it in &mut found {
            if let Some(quiet) = set.no_lookalike(name, &it.target) {
                it.quiet = Some(format!("{} says no lookalike: {}", quiet.reviewer, quiet.reason));
            }
        }
        Ok(found)
    }
}

/// What a name resembles, worked out for whoever asks.
///
/// # Errors
/// When the store cannot be read.
pub fn lookalikes_of(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
) -> Result<Vec<Resemblance>, StoreError> {
    Yardstick::load(snapshot, policy)?.resemblances(snapshot, policy, name)
}

/// What is protected: what overlays say, and the names in internal namespaces, each with what its entry says.
pub(super) fn protected(
    policy: &Policy<'_>,
    snapshot: &Snapshot,
) -> Result<BTreeSet<Protected>, StoreError> {
    let set = policy.overlays;
    let mut all = set.protected();
    if set.has_internal() {
        let heads = undamaged(snapshot.heads()?).map(|head| head.map(|it| it.name));
        let names: BTreeSet<Name> = heads.collect::<Result<_, StoreError>>()?;
        let internal = names.into_iter().filter(|name| set.is_internal(name));
        all.extend(internal.map(|name| Protected::new(name.to_string(), Why::Internal)));
    }
    let mut protected = BTreeSet::new();
    for it in all {
        let portrait = match Name::parse(&it.subject) {
            Ok(name) => own_portrait(policy, snapshot, &name)?,
            Err(_) => None,
        };
        protected.insert(it.shown(portrait.unwrap_or_default()));
    }
    Ok(protected)
}

/// What a protected name says of itself: by an upstream that may speak for it, since it vouches for others.
fn own_portrait(
    policy: &Policy<'_>,
    snapshot: &Snapshot,
    name: &Name,
) -> Result<Option<Portrait>, StoreError> {
    let mut heads = snapshot.heads_of(name)?;
    if heads.is_empty() {
        return Ok(None);
    }
    let served_from = snapshot.served_from(name)?;
    let speakers = speakers_of(snapshot, policy, name, &heads, served_from.as_deref())?;
    let may: Vec<bool> =
        heads.iter().map(|it| speakers.speech(&it.upstream) == Speech::May).collect();
    let mut may = may.into_iter();
    heads.retain(|_| may.next() == Some(true));
    portrait(snapshot, &heads)
}

/// What the newest version of a name says; nothing where it is damaged.
fn portrait(snapshot: &Snapshot, heads: &[StoredHead]) -> Result<Option<Portrait>, StoreError> {
    let Some(newest) = heads.iter().max_by_key(|it| it.head.published_at) else { return Ok(None) };
    match snapshot.entry(newest) {
        Err(StoreError::Damaged { .. }) => Ok(None),
        entry => Ok(Portrait::read(&entry?.server)),
    }
}

/// The verdict on who owns a namespace, where that is asked.
fn verdict(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
) -> Result<Option<Verdict>, StoreError> {
    if !policy.ownership.enabled {
        return Ok(None);
    }
    let holding = snapshot.holding(name.namespace())?.unwrap_or_default();
    Ok(Some(holding.verdict(policy.overlays.pins(name.namespace())).0))
}
