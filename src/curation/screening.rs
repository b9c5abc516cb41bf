//! What the comparison of names with protected ones found, as one immutable value.
//!
//! A screening covers only what was compared: for a name whose contents changed since, or that was
//! compared with something else than is protected now, it says nothing, and the gate withholds what a
//! wildcard would admit.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::authority::Authorities;
use super::dossier::{ContentHead, Dossier, DossierRow};
use crate::lookalike::Match;
use crate::model::{Digest, Name, Status};

/// The comparisons that were made, under a revision that grows with each change.
#[derive(Debug, Clone)]
pub struct Screening {
    pub revision: u64,
    /// The digest of what overlays protected when the comparisons were made; `None` before there is an
    /// index to compare with.
    pub protection: Option<Digest>,
    /// Shared between revisions but for the shards that changed.
    shards: Vec<Arc<BTreeMap<Name, Compared>>>,
}

/// What was found about one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The digest over the sorted profile digests of the contents that were compared.
    pub contents: Digest,
    /// What the name resembles, the heaviest first, without what is suppressed.
    pub matches: Vec<ScreeningMatch>,
}

/// A resemblance, and whether a person has seen all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreeningMatch {
    pub found: Match,
    /// The id of its alert, where there is one of its own.
    pub alert: Option<String>,
    /// Whether an acknowledgement covers every item of it.
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
    /// Makes an empty screening that compares with what has this digest.
    #[must_use]
    pub fn of(protection: Digest) -> Self {
        Self { protection: Some(protection), ..Self::default() }
    }

    /// Forgets everything until an index is read.
    #[must_use]
    pub fn without_index(&self) -> Self {
        Self { revision: self.revision + 1, ..Self::default() }
    }

    /// Forgets everything, because something else is protected now.
    #[must_use]
    pub fn restarted(&self, protection: Digest) -> Self {
        Self { revision: self.revision + 1, ..Self::of(protection) }
    }

    /// What was found about a name, in whatever contents it had then.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Compared> {
        self.shards[shard(name)].get(name)
    }

    /// Every name that was compared.
    pub fn names(&self) -> impl Iterator<Item = (&Name, &Compared)> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// Puts what was found about names in place of what was known; `None` forgets a name.
    #[must_use]
    pub fn with(mut self, found: impl IntoIterator<Item = (Name, Option<Compared>)>) -> Self {
        for (name, compared) in found {
            let shard = Arc::make_mut(&mut self.shards[shard(&name)]);
            match compared {
                Some(compared) => drop(shard.insert(name, compared)),
                None => drop(shard.remove(&name)),
            }
        }
        self.revision += 1;
        self
    }
}

impl Compared {
    /// The heaviest match that no acknowledgement covers.
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

impl Dossier {
    /// The rows whose contents are compared: those that a client could get to see.
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

    /// The digest over the sorted digests of the contents that are compared: of the profile, or of the whole content
    /// where no facts are kept.
    #[must_use]
    pub fn screened_contents(&self, authorities: &Authorities<'_>) -> Digest {
        let rows = self.screened_rows(authorities);
        let digests = rows.map(|row| {
            let ContentHead { head, facts } = &row.content;
            facts.as_ref().map_or(head.received, |facts| facts.profile)
        });
        Digest::of_hash(&digests.collect::<BTreeSet<Digest>>())
    }
}
