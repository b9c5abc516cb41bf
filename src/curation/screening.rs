//! The results of comparing names with protected ones, as one immutable value.
//!
//! A screening covers only what was compared. It has no answer for a name if the contents of the name
//! changed since, or if other names are protected now; then the gate withholds what only a wildcard
//! admits.

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
    /// Shared between revisions, except the shards that changed.
    shards: Vec<Arc<BTreeMap<Name, Compared>>>,
}

/// The result of comparing one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The digest over the sorted profile digests of the contents that were compared.
    pub contents: Digest,
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

    /// Returns the digest over the sorted digests of the contents to compare: of the profile, or of the
    /// whole content where no facts are kept.
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
