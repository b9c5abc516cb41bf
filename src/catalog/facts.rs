use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use super::item::Source;
use crate::curation::Reach;
use crate::model::{Digest, Head, Name, Timestamp};
use crate::overlay::{Classification, EffectivePolicy, Reviewed, Track};

/// The facts about an entry under our own key in its `_meta`; without persons, reasons and conditions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Facts {
    pub(super) listed: ListedFacts,
    pub(super) details: Details,
}

/// The facts that every form of an item has: programs choose by them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedFacts {
    upstream: SmolStr,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    /// The verdict on the ownership of the name, if it is definite.
    #[serde(skip_serializing_if = "Option::is_none")]
    ownership: Option<&'static str>,
}

/// The facts that only a single entry has: people read them, and a list would repeat them in every item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    classification: Option<Classification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<Track>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed: Option<Reviewed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Seconds>,
    /// The server to use instead, where it is visible too.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<SmolStr>,
    /// The advisories that concern it, the heaviest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    advisories: Vec<AdvisoryFact>,
}

/// An advisory that concerns a served entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct AdvisoryFact {
    pub id: SmolStr,
    pub severity: &'static str,
}

/// Advisories that an entry lists.
const MAX_ADVISORIES: usize = 10;

/// A time that is written in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seconds(Timestamp);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Facts {
    #[must_use]
    pub fn new(
        upstream: &SmolStr,
        effective: &EffectivePolicy<'_>,
        ownership: Option<&'static str>,
        successor: Option<&Name>,
        advisories: impl IntoIterator<Item = AdvisoryFact>,
    ) -> Self {
        let EffectivePolicy { tier, classification, .. } = *effective;
        let approval = effective.approval.map(|(_, approval)| approval);
        Self {
            listed: ListedFacts { upstream: upstream.clone(), tier, ownership },
            details: Details {
                classification,
                track: approval.and_then(|approval| approval.track),
                reviewed: approval.and_then(|approval| approval.reviewed),
                expires: approval.and_then(|approval| approval.expires).map(Seconds),
                successor: successor.map(|name| SmolStr::new(name.as_str())),
                advisories: advisories.into_iter().take(MAX_ADVISORIES).collect(),
            },
        }
    }

    /// Returns the upstream of the entry.
    #[must_use]
    pub fn upstream(&self) -> &SmolStr {
        &self.listed.upstream
    }

    /// Returns the members in which other facts differ from these.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let (listed, details) = (&self.listed, &self.details);
        let members = [
            ("upstream", listed.upstream != other.listed.upstream),
            ("tier", listed.tier != other.listed.tier),
            ("ownership", listed.ownership != other.listed.ownership),
            ("classification", details.classification != other.details.classification),
            ("track", details.track != other.details.track),
            ("reviewed", details.reviewed != other.details.reviewed),
            ("expires", details.expires != other.details.expires),
            ("successor", details.successor != other.details.successor),
            ("advisories", details.advisories != other.details.advisories),
        ];
        members.into_iter().filter(|(_, differs)| *differs).map(|(member, _)| member).collect()
    }

    /// Returns the source of an item of the entry with this head, this reach and these facts. Status, message
    /// and dates come from what upstream sent last, which `newest` describes.
    #[must_use]
    pub fn source(&self, head: &Head, newest: &Head, reach: &Reach<'_>) -> Source {
        let Head { sent, received, status, published_at, .. } = head;
        let short = |digest: Digest| digest.as_bytes().first_chunk().copied().unwrap_or_default();
        let newest = (newest.sent, newest.is_rewritten());
        let entry = (sent, newest, received, status, published_at, self.upstream(), reach);
        let entry = Digest::of_hash(&entry);
        Source { entry: short(entry), facts: short(Digest::of_hash(self)) }
    }
}
