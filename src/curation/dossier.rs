//! Everything known about one name, read at once.
//!
//! The store builds a dossier from one read transaction, without `server` bytes. An evaluation reads
//! nothing else of the store, so it cannot mix two states.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smol_str::SmolStr;

use super::facts::ContentFacts;
use crate::advisory::FoundAdvisories;
use crate::artefact::{PackageKey, PackageRecord};
use crate::model::{Damage, Digest, Head, LedgerRecord, Name, Shown, Version};
use crate::overlay::{EffectivePolicy, OverlaySet, Rule};
use crate::ownership::{DeclarationRecord, VerificationRecord};

/// Everything known about one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dossier {
    pub name: Name,
    /// The rows of each upstream, by upstream and version.
    pub rows: Vec<DossierRow>,
    /// Rows that are not well-formed.
    pub quarantined: Vec<QuarantinedFacts>,
    /// The upstream that was authoritative when the name was last served.
    pub authority: Option<String>,
    /// The upstreams that were synchronised completely. The others may still list the name.
    pub synchronised: Arc<BTreeSet<String>>,
    /// Versions that were served before ownership was checked.
    pub exempted: BTreeSet<Version>,
    /// The versions that each configured view shows, or showed, by version.
    pub ledger: Vec<ViewRecord>,
    /// The verification record of the namespace.
    pub verification: VerificationRecord,
    /// The declarations of the repository and of the packages.
    pub claims: DeclarationRecord,
    /// The records of the packages that the contents name.
    pub artefacts: BTreeMap<PackageKey, PackageRecord>,
    /// The advisories of feeds about packages of the name.
    pub advisories: FoundAdvisories,
    /// Rows that cannot be decoded. Their content is unknown, so nothing of the name is served.
    pub damaged: Vec<Damage>,
}

/// One version in one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DossierRow {
    pub upstream: SmolStr,
    pub version: Version,
    /// The content that was first received.
    pub content: ContentHead,
    /// Other contents that upstream sent since; the last is the one that it has now.
    pub others: Vec<ContentHead>,
}

/// One content of an entry: its head and its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHead {
    pub head: Head,
    /// `None` if the facts are too large to be kept.
    pub facts: Option<ContentFacts>,
}

/// A row in quarantine, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedFacts {
    pub upstream: String,
    pub version: String,
    /// The rule that the row violates.
    pub rule: String,
}

impl QuarantinedFacts {
    /// Returns upstream and version.
    #[must_use]
    pub fn key(&self) -> (&str, &str) {
        (&self.upstream, &self.version)
    }

    /// Returns true if a rule about the name selects the version.
    #[must_use]
    pub fn is_selected_by(&self, rule: &Rule) -> bool {
        Version::parse(&self.version).is_ok_and(|version| rule.selects(&version, &self.upstream))
    }

    /// Returns true if an approval spells the name out and selects the version.
    #[must_use]
    pub fn is_spelled_out(&self, name: &Name, overlays: &OverlaySet) -> bool {
        let rules = overlays.rules_for(name);
        let mut approving = rules.rules().filter(|rule| rule.approved().is_some());
        approving.any(|rule| rule.name.is_exact() && self.is_selected_by(rule))
    }
}

/// The ledger record of a version in one view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRecord {
    pub view: SmolStr,
    pub version: Version,
    pub record: LedgerRecord,
}

impl Dossier {
    /// Returns the dossier of an unknown name.
    #[must_use]
    pub fn empty(name: Name) -> Self {
        Self {
            name,
            rows: Vec::new(),
            quarantined: Vec::new(),
            authority: None,
            synchronised: Arc::default(),
            exempted: BTreeSet::new(),
            ledger: Vec::new(),
            verification: VerificationRecord::default(),
            claims: DeclarationRecord::default(),
            artefacts: BTreeMap::new(),
            advisories: FoundAdvisories::default(),
            damaged: Vec::new(),
        }
    }

    /// Returns true if any configured view shows the version.
    #[must_use]
    pub fn is_visible(&self, version: &Version) -> bool {
        self.records_of(version).iter().any(|record| record.record.shown == Shown::Visible)
    }

    /// Returns true if any configured view shows the version with this received digest.
    #[must_use]
    pub fn shows(&self, version: &Version, received: Digest) -> bool {
        self.records_of(version).iter().any(|record| record.shows(received))
    }

    /// Returns true if this view shows the version with this received digest.
    #[must_use]
    pub fn shows_in(&self, view: &str, version: &Version, received: Digest) -> bool {
        let mut records = self.records_of(version).iter();
        records.any(|record| record.view == view && record.shows(received))
    }

    /// Returns the records of a version in the views that show it, or showed it.
    #[must_use]
    pub fn records_of(&self, version: &Version) -> &[ViewRecord] {
        let begin = self.ledger.partition_point(|record| record.version < *version);
        let behind = &self.ledger[begin..];
        &behind[..behind.partition_point(|record| record.version == *version)]
    }

    /// Returns false if the name was last served from another upstream.
    #[must_use]
    pub fn is_served_from(&self, upstream: &str) -> bool {
        self.authority.as_deref().is_none_or(|authority| authority == upstream)
    }

    /// Returns true if no upstream sent anything under the name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.quarantined.is_empty() && self.damaged.is_empty()
    }
}

impl ViewRecord {
    fn shows(&self, received: Digest) -> bool {
        self.record.shown == Shown::Visible && self.record.approved.received == received
    }
}

impl DossierRow {
    /// Returns the content to evaluate.
    ///
    /// The content that was first received stays when upstream rewrites a published version. Another
    /// content replaces it only if an approval pins its digest: a date alone cannot show which of the two
    /// the reviewer saw. A digest that both share cannot show it either, so the first stays.
    #[must_use]
    pub fn content_for(&self, policy: &EffectivePolicy<'_>) -> &ContentHead {
        let pin = policy.pin.filter(|pin| *pin != self.content.head.received);
        let pinned = |pin: Digest| self.others.iter().rfind(|other| other.head.received == pin);
        pin.and_then(pinned).unwrap_or(&self.content)
    }

    /// Returns the content that upstream sent last.
    #[must_use]
    pub fn newest(&self) -> &ContentHead {
        let sent = self.content.head.sent;
        self.others.iter().rfind(|other| other.head.sent == sent).unwrap_or(&self.content)
    }

    /// Returns the head of a content with the current status upstream.
    #[must_use]
    pub fn head_of(&self, content: &ContentHead) -> Head {
        let Head { status, missing, status_since, .. } = self.content.head;
        Head { status, missing, status_since, ..content.head }
    }
}
