//! A memory apart from the daemon: what people were shown, and when content was first accepted.

use std::collections::{BTreeMap, BTreeSet};

use super::upstream::Key;
use crate::alert::{Alert, Evidence};
use crate::model::{Digest, Status, Timestamp};
use crate::store::{Snapshot, StoreError};

/// The memory of the simulation.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// The digests of all contents, by description.
    pub(super) received: BTreeMap<String, Digest>,
    /// Every content that was ever live, by upstream and key.
    contents: BTreeMap<(String, Key, Digest), Accepted>,
    /// Upstreams with an accepted full sync.
    complete: BTreeSet<String>,
    /// The items that people acknowledged, by the key of the alert.
    acknowledged: BTreeMap<String, BTreeSet<Digest>>,
    /// The names that acknowledged items are about, by the key of the alert.
    cleared: BTreeMap<String, BTreeSet<String>>,
    /// The time of the last look into the store, and true if one failed since.
    looked_at: Option<Timestamp>,
    is_blind: bool,
}

/// The first acceptance of a content.
#[derive(Debug, Clone, Copy)]
struct Accepted {
    published_at: Timestamp,
    /// `None` before its upstream was known completely.
    at: Option<Timestamp>,
}

impl Oracle {
    /// Remembers the contents that are live now.
    pub(super) fn observe(
        &mut self,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // Content that came while the store was unreadable came after the last look.
        let at = self.looked_at.filter(|_| self.is_blind).unwrap_or(now);
        let mut upstreams = BTreeSet::new();
        for stored in snapshot.heads()? {
            let stored = stored?;
            let upstream = stored.upstream.clone();
            upstreams.insert(upstream.clone());
            // What arrives deleted was not accepted.
            if stored.head.status == Status::Deleted {
                continue;
            }
            let key = (stored.name.to_string(), stored.version.to_string());
            let at = self.complete.contains(&upstream).then_some(at);
            let mut add = |received, published_at| {
                let key = (upstream.clone(), key.clone(), received);
                self.contents.entry(key).or_insert(Accepted { published_at, at });
            };
            add(stored.head.received, stored.head.published_at);
            if stored.head.rewritten {
                for other in snapshot.others(&stored)? {
                    add(other.head.received, other.head.published_at);
                }
            }
        }
        for upstream in upstreams {
            if snapshot.upstream(&upstream)?.last_full_sync.is_some() {
                self.complete.insert(upstream);
            }
        }
        (self.looked_at, self.is_blind) = (Some(now), false);
        Ok(())
    }

    /// Remembers that the store could not be read.
    pub(super) fn miss(&mut self) {
        self.is_blind = true;
    }

    /// Returns the time from which a content counts; `None` if it never was live.
    pub(super) fn counts_from(
        &self,
        upstream: &str,
        key: &Key,
        received: Digest,
    ) -> Option<Timestamp> {
        let accepted = self.contents.get(&(upstream.to_owned(), key.clone(), received))?;
        Some(accepted.published_at.max(accepted.at.unwrap_or(Timestamp::MIN)))
    }

    /// Remembers what an acknowledgement covers at most.
    pub(super) fn acknowledge(&mut self, shown: &Alert) {
        let key = shown.identity.key();
        let items = shown.evidence.iter().map(Evidence::digest);
        self.acknowledged.entry(key.clone()).or_default().extend(items);
        let names = shown.evidence.iter().filter_map(|item| match item {
            Evidence::Lookalike { name, .. } => Some(name.clone()),
            _ => None,
        });
        self.cleared.entry(key).or_default().extend(names);
    }

    /// Forgets the acknowledgements of an alert.
    pub(super) fn unacknowledge(&mut self, alert: &Alert) {
        self.acknowledged.remove(&alert.identity.key());
        self.cleared.remove(&alert.identity.key());
    }

    /// Returns true if a person acknowledged that a name resembles something.
    pub(super) fn is_cleared(&self, name: &str) -> bool {
        self.cleared.values().any(|names| names.contains(name))
    }

    /// Panics if an acknowledgement covers an item that was not shown to its author.
    pub(super) fn check_acknowledgement(&self, alert: &Alert) {
        let Some(acknowledged) = &alert.acknowledged else { return };
        let key = alert.identity.key();
        let shown = self.acknowledged.get(&key);
        let unseen =
            acknowledged.items.iter().find(|item| shown.is_none_or(|shown| !shown.contains(*item)));
        assert_eq!(unseen, None, "an acknowledgement of {key} covers an item that was not shown");
    }
}
