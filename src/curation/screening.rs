//! The results of comparing names with protected ones, as one immutable value.
//!
//! A screening covers only what was compared completely, content by content. It has no answer for a content that came
//! since, that exceeds a limit or that is damaged, and none at all if other names are protected now; then the gate
//! withholds what only a wildcard admits.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::authority::Authorities;
use super::dossier::{ContentHead, Dossier, DossierRow};
use crate::lookalike::Match;
use crate::model::{Digest, Name, Status};
use crate::overlay::NameRules;

/// The comparisons that were made, under a revision that grows with each change.
#[derive(Debug, Clone)]
pub struct Screening {
    pub revision: u64,
    /// The digest of what overlays protected when the comparisons were made; `None` before there is an
    /// index to compare with.
    pub protection: Option<Digest>,
    /// Shared between revisions, except the shards that changed.
    shards: Vec<Arc<BTreeMap<Name, Compared>>>,
}

/// The result of comparing one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The screening digests of the contents that were compared completely.
    pub contents: BTreeSet<Digest>,
    /// The matches of the name, the heaviest first, without suppressed ones.
    pub matches: Vec<ScreeningMatch>,
}

/// A match with a protected name, and its acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreeningMatch {
    pub found: Match,
    /// The id of the alert for this match, if it has its own.
    pub alert: Option<String>,
    /// True if an acknowledgement covers every signal of the match.
    pub acknowledged: bool,
}

/// Names of one shard are copied together when one of them changes.
const SHARDS: usize = 1024;

impl Default for Screening {
    fn default() -> Self {
        Self { revision: 0, protection: None, shards: vec![Arc::default(); SHARDS] }
    }
}

impl Screening {
    /// Returns an empty screening for the protected names with this digest.
    #[must_use]
    pub fn of(protection: Digest) -> Self {
        Self { protection: Some(protection), ..Self::default() }
    }

    /// Drops all comparisons until an index is read.
    #[must_use]
    pub fn without_index(&self) -> Self {
        Self { revision: self.revision + 1, ..Self::default() }
    }

    /// Drops all comparisons, because other names are protected now.
    #[must_use]
    pub fn restarted(&self, protection: Digest) -> Self {
        Self { revision: self.revision + 1, ..Self::of(protection) }
    }

    /// Returns the comparison of a name, whichever contents it had then.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Compared> {
        self.shards[shard(name)].get(name)
    }

    /// Returns every name that was compared.
    pub fn names(&self) -> impl Iterator<Item = (&Name, &Compared)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// Replaces the comparisons of these names; `None` removes a name.
    #[must_use]
    pub fn with(mut self, found: impl IntoIterator<Item = (Name, Option<Compared>)>) -> Self {
        for (name, compared) in found {
            let shard = Arc::make_mut(&mut self.shards[shard(&name)]);
            if let Some(compared) = compared {
                shard.insert(name, compared);
            } else {
                shard.remove(&name);
            }
        }
        self.revision += 1;
        self
    }
}

impl Compared {
    /// Returns the heaviest match that no acknowledgement covers.
    #[must_use]
    pub fn open_match(&self) -> Option<&ScreeningMatch> {
        self.matches.iter().find(|found| !found.acknowledged)
    }
}

fn shard(name: &Name) -> usize {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    usize::try_from(hasher.finish() % SHARDS as u64).unwrap_or_default()
}

impl ContentHead {
    /// Returns the digest by which comparisons know the content: of its profile, or of all of it where no facts are
    /// kept.
    #[must_use]
    pub fn screening_digest(&self) -> Digest {
        self.facts.as_ref().map_or(self.head.received, |facts| facts.profile)
    }
}

impl Dossier {
    /// Returns the rows with contents to compare: those that a client could see.
    pub fn screened_rows<'a>(
        &'a self,
        authorities: &Authorities<'_>,
    ) -> impl Iterator<Item = &'a DossierRow> {
        self.rows.iter().filter(|row| {
            let head = &row.content.head;
            head.status != Status::Deleted
                && !head.missing
                && authorities.may_be_seen(&row.upstream)
        })
    }

    /// Returns the contents to compare: the first content of each of these rows, and the one that an approval pins
    /// instead.
    pub fn screened_contents<'a>(
        &'a self,
        authorities: &Authorities<'_>,
        rules: &NameRules<'_>,
    ) -> impl Iterator<Item = (&'a DossierRow, &'a ContentHead)> {
        self.screened_rows(authorities).flat_map(|row| {
            let chosen = row.content_for(&rules.effective(&row.version, &row.upstream));
            let pinned = (chosen != &row.content).then_some((row, chosen));
            std::iter::once((row, &row.content)).chain(pinned)
        })
    }
}
