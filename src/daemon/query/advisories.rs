use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::advisory::{Advisory, Effect, FeedState, Hold, OwnAdvisories, OwnAdvisory};
use crate::curation::{PolicySnapshot, Screening, evaluate};
use crate::model::{Digest, Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// Versions that are listed; all are counted.
const MAX_LISTED: usize = 200;

/// The sources of advisories, as far as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisoriesReport {
    pub feeds: Vec<FeedReport>,
    pub own: Vec<OwnReport>,
}

/// A feed with its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedReport {
    pub name: String,
    #[serde(flatten)]
    pub state: FeedState,
}

/// An advisory of the organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnReport {
    pub id: String,
    pub action: Effect,
    /// `active`, `on-hold` or `withdrawn`.
    pub state: String,
    /// The digest that a release requires.
    pub digest: Digest,
    /// File, line and column.
    pub place: String,
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
}

/// Everything that is known of one advisory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvisoryReport {
    pub id: String,
    /// The advisory as each feed has it.
    pub feeds: Vec<FeedAdvisoryReport>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnReport>,
    /// The versions with a rule that it concerns, the first of them.
    pub names: Vec<Concerned>,
    /// The number of all of them.
    pub count: usize,
}

/// An advisory as a feed has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedAdvisoryReport {
    pub feed: String,
    #[serde(flatten)]
    pub advisory: Advisory,
}

/// A version that an advisory concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concerned {
    pub name: Name,
    pub version: String,
    pub upstream: String,
    /// True if the advisory hides it.
    pub hidden: bool,
    /// True if a view shows it now.
    pub served: bool,
    pub why: String,
}

impl OwnReport {
    fn new(own: &OwnAdvisories, advisory: &OwnAdvisory) -> Self {
        let state = match advisory.advisory.withdrawn {
            Some(_) => "withdrawn",
            None if own.is_on_hold(advisory) => "on-hold",
            None => "active",
        };
        Self {
            id: advisory.advisory.id.to_string(),
            action: advisory.action,
            state: state.to_owned(),
            digest: advisory.digest,
            place: advisory.place.to_string(),
            summary: advisory.advisory.summary.clone(),
            // The earlier text is a file of the organisation, which is no part of the answer.
            hold: own
                .holds
                .get(&advisory.digest)
                .map(|hold| Hold { earlier: None, ..hold.clone() }),
        }
    }

    /// Returns the command that lets it take effect, if it is on hold.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        let Self { id, digest, .. } = self;
        let command =
            || format!("vidimus advisories release {id} --seen {digest} --by WHO --reason TEXT");
        (self.state == "on-hold").then(command)
    }
}

/// Returns the sources of advisories.
///
/// # Errors
/// When the store cannot be read, as for every function here.
pub fn advisories(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
) -> Result<AdvisoriesReport, StoreError> {
    let own = &policy.advisories;
    let feeds = snapshot.feeds()?.into_iter().map(|(name, state)| FeedReport { name, state });
    Ok(AdvisoriesReport {
        feeds: feeds.collect(),
        own: own.advisories.iter().map(|advisory| OwnReport::new(own, advisory)).collect(),
    })
}

/// Returns what is known of one advisory; `None` if no source has it.
///
/// # Errors
/// When the store cannot be read.
pub fn advisory(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    id: &str,
    now: Timestamp,
) -> Result<Option<AdvisoryReport>, StoreError> {
    let mut feeds = Vec::new();
    for feed in snapshot.feeds()?.into_keys() {
        let found = snapshot.advisory_of(&feed, id)?;
        feeds.extend(found.map(|advisory| FeedAdvisoryReport { feed, advisory }));
    }
    let own = policy.advisories.advisories.iter().find(|own| own.advisory.id == id);
    if feeds.is_empty() && own.is_none() {
        return Ok(None);
    }
    let candidates = if own.is_some() {
        snapshot.names()?
    } else {
        let keys = feeds.iter().flat_map(|found| found.advisory.keys());
        let hashes: HashSet<u64> = keys.map(|key| key.short_hash()).collect();
        snapshot.package_users()?.of(&hashes)
    };
    // What a release would hide is what a person decides about.
    let released = own.filter(|own| policy.advisories.is_on_hold(own)).map(|own| {
        let mut holds = policy.advisories.holds.clone();
        holds.remove(&own.digest);
        let advisories = policy.advisories.advisories.clone();
        policy.clone().with_advisories(Arc::new(OwnAdvisories::new(advisories, holds)))
    });
    let policy_then = released.as_ref().unwrap_or(policy);
    let names = concerned(snapshot, policy_then, id, &candidates, now)?;
    let count = names.len();
    Ok(Some(AdvisoryReport {
        id: id.to_owned(),
        feeds,
        own: own.map(|own| OwnReport::new(&policy.advisories, own)),
        names: names.into_iter().take(MAX_LISTED).collect(),
        count,
    }))
}

fn concerned(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    id: &str,
    candidates: &BTreeSet<Name>,
    now: Timestamp,
) -> Result<Vec<Concerned>, StoreError> {
    // No concern depends on it.
    let screening = Screening::default();
    let mut found = Vec::new();
    let decided = candidates.iter().filter(|name| !policy.overlays.rules_for(name).is_silent());
    for name in decided {
        let dossier = snapshot.dossier(name, policy)?;
        for entry in evaluate(&dossier, policy, &screening, now).entries {
            let concern = entry.concerns.iter().find(|concern| concern.id() == id);
            found.extend(concern.map(|concern| Concerned {
                name: name.clone(),
                version: entry.row.version.to_string(),
                upstream: entry.row.upstream.to_string(),
                hidden: concern.hides(),
                served: dossier.is_visible(&entry.row.version)
                    && dossier.is_served_from(&entry.row.upstream),
                why: concern.to_string(),
            }));
        }
    }
    Ok(found)
}
