//! Everything known about one name, read at once.
//!
//! A dossier is built by the store from one read transaction and holds no `server` bytes. Whoever
//! evaluates it reads nothing else, so an evaluation cannot mix two states of the store.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::facts::ContentFacts;
use crate::model::{Damage, Digest, Head, LedgerRecord, Name, Shown, Version};
use crate::overlay::Standing;
use crate::ownership::{Holding, Naming};

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
    /// Versions that were served before ownership was checked.
    pub exempted: BTreeSet<Version>,
    /// What each configured view shows, or showed.
    pub ledger: Vec<ViewRecord>,
    /// What was observed of the namespace.
    pub verification: Holding,
    /// What the repository declares and the packages name.
    pub claims: Naming,
    /// Rows that cannot be decoded; what they would say is unknown, so nothing of the name is served.
    pub damaged: Vec<Damage>,
}

/// One version in one upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DossierRow {
    pub upstream: SmolStr,
    pub version: Version,
    /// The content that was first received.
    pub content: ContentHead,
    /// Other contents that upstream sent since, the one it has now last.
    pub others: Vec<ContentHead>,
}

/// One content of an entry: its digest and first sight, and its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHead {
    pub head: Head,
    /// `None` where the facts are too large to be kept.
    pub facts: Option<ContentFacts>,
}

/// A row in quarantine, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedFacts {
    pub upstream: String,
    pub version: String,
    /// The rule that the row breaks.
    pub rule: String,
}

/// What one view shows of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRecord {
    pub view: SmolStr,
    pub version: Version,
    pub record: LedgerRecord,
}

impl Dossier {
    /// Makes the dossier of a name that nothing is known about.
    #[must_use]
    pub fn empty(name: Name) -> Self {
        Self {
            name,
            rows: Vec::new(),
            quarantined: Vec::new(),
            authority: None,
            exempted: BTreeSet::new(),
            ledger: Vec::new(),
            verification: Holding::default(),
            claims: Naming::default(),
            damaged: Vec::new(),
        }
    }

    /// Whether any configured view shows the version.
    #[must_use]
    pub fn is_visible(&self, version: &Version) -> bool {
        let mut records = self.ledger.iter().filter(|record| record.version == *version);
        records.any(|record| record.record.shown == Shown::Visible)
    }

    /// Whether no upstream sent anything under the name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.quarantined.is_empty() && self.damaged.is_empty()
    }
}

impl DossierRow {
    /// The content that decisions are about.
    ///
    /// The content that was first received stays when upstream rewrites a published version. Another
    /// content takes its place only when an approval pins its digest: a date alone cannot tell which
    /// of the two the reviewer saw. A digest that both have does not tell either, so the first stays.
    #[must_use]
    pub fn content_for(&self, policy: &Standing<'_>) -> &ContentHead {
        let pin = policy.pin().filter(|pin| *pin != self.content.head.received);
        let pinned = |pin: Digest| self.others.iter().rfind(|other| other.head.received == pin);
        pin.and_then(pinned).unwrap_or(&self.content)
    }

    /// The head of a content with what upstream says of the entry's life.
    #[must_use]
    pub fn head_of(&self, content: &ContentHead) -> Head {
        let Head { status, missing, .. } = self.content.head;
        Head { status, missing, ..content.head }
    }
}
