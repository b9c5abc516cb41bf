mod facts;
mod later_facts;

use std::fmt;

use serde::{Deserialize, Serialize};

use facts::FACTS;
use later_facts::LATER_FACTS;

/// The kinds of alert.
///
/// The derived order is that of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    AdvisoriesStale,
    AdvisoriesUnreadable,
    Advisory,
    AdvisoryOnHold,
    ApprovalsEnded,
    ApprovedQuarantined,
    Backdated,
    CaseTwins,
    ClockDistrusted,
    ClockSkew,
    ConnectionsCrowded,
    DamagedRow,
    DescriptorsExhausted,
    Drift,
    EvidenceMissing,
    EvidenceUnreadable,
    Expired,
    Expiring,
    FilesUnread,
    Flood,
    ForgedMetadata,
    Frozen,
    FutureUpdate,
    GithubTokenRefused,
    GithubTokenWrites,
    InternalName,
    KeysChanged,
    LoginUnregistered,
    Lookalike,
    LoopRestarted,
    LossesOnHold,
    MaterialChange,
    Missing,
    NameLimit,
    NamesWaiting,
    NewerVersions,
    NoLongerServed,
    OnHold,
    OverlaysRefused,
    OverlaysUnread,
    OverlaysUnwatched,
    OwnershipRevoked,
    PackageChanged,
    PackageDisputed,
    PackageUnavailable,
    PackageUnconfirmed,
    PinMismatch,
    ProvenanceLost,
    Quarantined,
    Renamed,
    ResolverFailing,
    SchemaViolation,
    Shadowed,
    SharedHost,
    Shrunk,
    SizeLimit,
    Stale,
    StarterActive,
    StatusChanged,
    StoreUnwritable,
    SystemRefused,
    TransferredName,
    UnreadableRow,
    UpstreamFailing,
    UpstreamsRefused,
    VerdictStale,
    VerificationBacklog,
    WebhookFailing,
}

/// The words of a kind of alert.
struct Facts {
    kind: AlertKind,
    word: &'static str,
    meaning: &'static str,
    remedy: &'static str,
}

impl AlertKind {
    /// Returns all kinds, in the order of their words.
    pub fn all() -> impl Iterator<Item = Self> {
        FACTS.iter().chain(&LATER_FACTS).map(|facts| facts.kind)
    }

    const fn facts(self) -> &'static Facts {
        let index = self as usize;
        if index < FACTS.len() { &FACTS[index] } else { &LATER_FACTS[index - FACTS.len()] }
    }

    /// Returns the word on the wire, in files and in commands.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.facts().word
    }

    /// Returns the condition under which an alert of this kind is open.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.facts().meaning
    }

    /// Returns the action that resolves it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        self.facts().remedy
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_ordered_by_kind_and_words_are_serialized_forms() {
        for (index, facts) in FACTS.iter().chain(&LATER_FACTS).enumerate() {
            assert_eq!(facts.kind as usize, index, "{}", facts.word);
            let json = serde_json::to_string(&facts.kind).expect("JSON");
            assert_eq!(json, format!("\"{}\"", facts.word));
            assert!(facts.meaning.ends_with('.') && facts.remedy.ends_with('.'), "{}", facts.word);
        }
        let words: Vec<&str> = AlertKind::all().map(AlertKind::as_str).collect();
        assert!(words.is_sorted(), "{words:?}");
    }
}
