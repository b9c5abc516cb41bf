//! What is compared with what: a name and everything that its versions say, with everything that is protected.
//!
//! # Why nobody votes
//! What many namespaces call their servers is no sign, so whoever has accounts could make a name common speech. Names that
//! are new do not count, and an alert that was raised does not end because its subject became common.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::outside;
use super::publisher::undamaged;
use super::speakers::speakers_of;
use crate::alert::{Alert, id};
use crate::curation::{Policy, Speech, is_internal};
use crate::lookalike::{Commonness, Corpus, Portrait, Protected, Resemblance, Suspect, Why};
use crate::model::{Instant, Name, Status};
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

/// The id of the alert about a name that resembles a target.
pub(super) fn alert_of(target: &str, name: &Name) -> String {
    id(LOOKALIKES, LOOKALIKE, target, &name.namespace().to_ascii_lowercase())
}

impl Yardstick {
    pub(super) fn load(snapshot: &Snapshot, policy: &Policy<'_>) -> Result<Self, StoreError> {
        let names = outside::names(snapshot, policy.speakers)?;
        let hosts = policy.overlays.shared_hosts();
        let corpus = Corpus::new(protected(policy, snapshot)?, hosts);
        Ok(Self { corpus: Arc::new(corpus), common: Arc::new(commonness(&names, policy.now)) })
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
        let heads = outside::heads_of(snapshot, name)?;
        let first = heads.iter().map(|it| it.head.published_at).min();
        let (is_young, verdict) =
            (first.is_some_and(|at| is_young(at, policy.now)), verdict(snapshot, policy, name)?);
        let mut portraits = portraits(snapshot, policy, name, &heads)?;
        if portraits.is_empty() {
            portraits.insert(Portrait::default());
        }
        let mut by_target: BTreeMap<String, Vec<Resemblance>> = BTreeMap::new();
        for portrait in &portraits {
            let suspect = Suspect { name, portrait, verdict, is_young };
            for found in self.corpus.resemblances(&suspect, &self.common) {
                by_target.entry(found.target.clone()).or_default().push(found);
            }
        }
        let mut by_target: BTreeMap<String, Resemblance> = by_target
            .into_iter()
            .filter_map(|(target, all)| Some((target, Resemblance::of_all(all)?)))
            .collect();
        for found in by_target.values_mut() {
            if found.is_common
                && snapshot.alert(&alert_of(&found.target, name))?.is_some_and(|it| !it.is_over())
            {
                found.quiet = None;
            }
            if let Some(quiet) = set.no_lookalike(name, &found.target) {
                found.quiet =
                    Some(format!("{} says no lookalike: {}", quiet.reviewer, quiet.reason));
            }
        }
        let mut found: Vec<Resemblance> = by_target.into_values().collect();
        Resemblance::rank(&mut found);
        Ok(found)
    }
}

/// What names that are not new call their servers.
pub(super) fn commonness(names: &BTreeMap<Name, Instant>, now: Instant) -> Commonness {
    let known = names.iter().filter(|(_, first)| !is_young(**first, now));
    Commonness::of(known.map(|(name, _)| name))
}

fn is_young(first: Instant, now: Instant) -> bool {
    now.since(first) < YOUNG
}

/// A resemblance, and the alert that tells of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lookalike {
    #[serde(flatten)]
    pub resemblance: Resemblance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<Alert>,
}

/// What a name resembles, worked out for whoever asks.
///
/// # Errors
/// When the store cannot be read.
pub fn lookalikes_of(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
) -> Result<Vec<Lookalike>, StoreError> {
    let found = Yardstick::load(snapshot, policy)?.resemblances(snapshot, policy, name)?;
    let told = |resemblance: Resemblance| {
        let alert = snapshot.alert(&alert_of(&resemblance.target, name))?;
        Ok(Lookalike { resemblance, alert: alert.filter(|alert| !alert.is_over()) })
    };
    found.into_iter().map(told).collect()
}

/// What is protected: what overlays say, and the names in internal namespaces, each with what its entries say.
pub(super) fn protected(
    policy: &Policy<'_>,
    snapshot: &Snapshot,
) -> Result<BTreeSet<Protected>, StoreError> {
    let set = policy.overlays;
    let mut all = set.protected();
    if set.has_internal() {
        let mut names: BTreeSet<Name> = BTreeSet::new();
        for head in undamaged(snapshot.heads()?) {
            let head = head?;
            // Whoever lists an internal name from outside adds nothing to what is protected.
            if is_internal(policy.speakers, &head.upstream) && set.is_internal(&head.name) {
                names.insert(head.name);
            }
        }
        let internal = names.iter().map(|name| Protected::new(name.to_string(), Why::Internal));
        all.extend(internal);
    }
    let mut protected = BTreeSet::new();
    for it in all {
        let portrait = match Name::parse(&it.subject) {
            Ok(name) => newest(snapshot, policy, &name)?,
            Err(_) => None,
        };
        protected.insert(it.shown(portrait.unwrap_or_default()));
    }
    Ok(protected)
}

/// What the newest version of a protected name says.
fn newest(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
) -> Result<Option<Portrait>, StoreError> {
    let heads = outside::heads_of(snapshot, name)?;
    let listed = listed(snapshot, policy, name, &heads)?;
    match listed.into_iter().max_by_key(|it| it.head.published_at) {
        Some(newest) => portrait(snapshot, newest),
        None => Ok(None),
    }
}

/// What the versions of a name say that a client could get to see; most say the same.
fn portraits(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
    heads: &[StoredHead],
) -> Result<BTreeSet<Portrait>, StoreError> {
    let mut listed = listed(snapshot, policy, name, heads)?;
    listed.sort_by_key(|it| Reverse(it.head.published_at));
    let mut portraits = BTreeSet::new();
    for head in listed.into_iter().take(MAX_VERSIONS) {
        portraits.extend(portrait(snapshot, head)?);
    }
    Ok(portraits)
}

/// More versions of one name are not read; hardly any real one has as many.
const MAX_VERSIONS: usize = 200;

/// The rows of a name that are not deleted, from upstreams that may speak for it: nobody else's row stands for it.
fn listed<'h>(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
    heads: &'h [StoredHead],
) -> Result<Vec<&'h StoredHead>, StoreError> {
    let is_there = |it: &&StoredHead| it.head.status != Status::Deleted && !it.head.missing;
    let is_alone = heads.iter().all(|it| it.upstream == heads[0].upstream);
    if is_alone && !policy.overlays.is_internal(name) {
        return Ok(heads.iter().filter(is_there).collect());
    }
    let served_from = snapshot.served_from(name)?;
    let speakers = speakers_of(snapshot, policy, name, heads, served_from.as_deref())?;
    let may = |it: &&StoredHead| speakers.speech(&it.upstream) == Speech::May;
    Ok(heads.iter().filter(is_there).filter(may).collect())
}

/// What an entry says; nothing where it is damaged.
fn portrait(snapshot: &Snapshot, head: &StoredHead) -> Result<Option<Portrait>, StoreError> {
    match snapshot.entry(head) {
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
