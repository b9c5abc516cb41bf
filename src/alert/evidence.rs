use std::fmt;

use serde::{Deserialize, Serialize};

use super::identity::{AlertIdentity, SHORT};
use super::key_set::InvalidRecords;
use super::kind::AlertKind;
use crate::artefact::Checksum;
use crate::lookalike::Signal;
use crate::model::{Digest, FailureClass, NotBenign, RoomLimit, Status, Timestamp};
use crate::provenance::Drift;

/// One item that an alert rests on.
///
/// Items are data, and are compared; people read their [`fmt::Display`] form, which is never compared. An item that was
/// not seen before reopens an acknowledged alert, so an item contains nothing that changes by itself: no count, time,
/// version or score. Those are [`Figure`](super::Figure)s.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Evidence {
    /// The condition that the kind describes, and nothing more.
    Condition {
        kind: AlertKind,
    },
    /// A text from a file, or what a package declares about its servers: here the words are the evidence.
    Text {
        text: String,
    },
    /// New content with a date from before the last sync run.
    Backdated {
        name: String,
        version: String,
        received: Digest,
        published: Timestamp,
    },
    /// An advisory that concerns an approved server, and the part of it that it names.
    Advisory {
        advisory: String,
        hides: bool,
        /// The digest of its text: another one is another item.
        digest: Digest,
        about: String,
    },
    /// More advisories are about a package than are read, and each may report malicious code.
    UnreadAdvisories {
        package: String,
    },
    /// An own advisory on hold.
    AdvisoryOnHold {
        advisory: String,
        digest: Digest,
    },
    /// One of the names that are served side by side.
    CaseTwin {
        name: String,
    },
    ClockSkew {
        upstream_is_ahead: bool,
    },
    /// An alert that is not raised on its own, because its suspect has too many.
    Counted {
        alert: AlertIdentity,
    },
    /// Published content that the upstream changed, with the members that differ.
    Drift {
        first: Digest,
        now: Digest,
        changes: Vec<String>,
    },
    /// Content that came back after other content was purged.
    Replaced {
        purged: Digest,
        now: Digest,
    },
    /// A stored value that cannot be decoded.
    DamagedRow {
        what: String,
        key: String,
    },
    TokenScope {
        scope: String,
    },
    /// A change set on hold.
    OnHold {
        upstream: String,
        /// The digest of the upstream and all rows.
        set: Digest,
    },
    InternalName {
        upstream: String,
    },
    TransferredName {
        upstream: String,
        from: String,
    },
    Shadowed {
        name: String,
        upstream: String,
        owner: String,
    },
    /// An entry that a full sync did not find.
    Absent {
        name: String,
        version: String,
    },
    /// All entries of an upstream have metadata under the namespace of this registry.
    SameNamespace {
        upstream: String,
    },
    /// One way in which a name resembles a target. The name is part of it, so that an acknowledgement covers no other
    /// name of the same namespace.
    Lookalike {
        name: String,
        signal: Signal,
    },
    /// More items than an alert lists. An acknowledgement does not cover them.
    Unlisted,
    Missing {
        is_hidden: bool,
    },
    PinMismatch {
        pinned: Digest,
        received: Digest,
    },
    /// A file of a package that has another digest than before, or than the entry states.
    ArtefactChanged {
        package: String,
        file: String,
        before: String,
        now: Checksum,
    },
    /// A package that was verified before, and is unsigned or was built by another repository or workflow.
    ProvenanceLost {
        package: String,
        change: Drift,
    },
    /// A package about which its registry gives no definite answer: about its files, or about attestations only.
    PackageUnconfirmed {
        package: String,
        attestations: bool,
    },
    SyncFailure {
        class: FailureClass,
    },
    /// A limit that leaves new content of an upstream out.
    NoRoom {
        limit: RoomLimit,
    },
    /// A file or an entry that cannot be used: the beginning of its text, and the digest of all of it.
    Unusable {
        reason: String,
        text: String,
        item: Digest,
    },
    /// The reason that revokes an owner: the rule, the place or account that it concerns, and the keys or the id found
    /// there.
    Revoked {
        rule: Revocation,
        about: String,
        found: Vec<String>,
    },
    /// A place shows another set of keys than before, or than an overlay pins.
    KeysUnknown {
        at: String,
        keys: Vec<String>,
        /// Always written: an acknowledgement of an earlier release covers no set of keys.
        #[serde(default)]
        pinned: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        invalid: Option<InvalidRecords>,
    },
    /// A loss by absence that takes no effect before a person acknowledges it.
    LossOnHold {
        namespace: String,
        since: Timestamp,
    },
    /// One of several namespaces that an alert is about.
    Namespace {
        namespace: String,
    },
    /// Content that is damaged, or that exceeds the limit on what is kept of it.
    NoFacts,
    /// A schema violation that strict clients refuse.
    Violation {
        rule: String,
    },
    /// The rule that the row of a served version breaks now.
    UnreadableRow {
        version: String,
        rule: String,
    },
    /// The gate that hides an approved version.
    HiddenBy {
        version: String,
        gate: String,
    },
    DeliveriesFail,
    DeliveriesGivenUp,
    /// A part of a rule that ends within so many days.
    Ends {
        what: String,
        until: Timestamp,
        within_days: u64,
    },
    /// A part of a rule that ended while the name was served.
    Ended {
        name: String,
        until: Timestamp,
    },
    /// A version that the upstream deprecated or deleted.
    StatusChanged {
        version: String,
        status: Status,
    },
    /// A version that is not benign, with the members that differ from the reference, by JSON pointer.
    NotBenign {
        version: String,
        received: Digest,
        why: NotBenign,
        changes: Vec<String>,
    },
    /// The greatest newer version of an approved server that waits.
    NewerVersion {
        name: String,
        version: String,
        received: Digest,
    },
    /// A name that the upstream lists in other letter case.
    Renamed {
        from: String,
        to: String,
    },
}

/// The reason that revokes an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Revocation {
    /// A place that showed a trusted key shows another one.
    KeyReplaced,
    /// Another account has the name of the account now.
    AccountReplaced,
    /// The account was created after what it publishes.
    AccountTooYoung,
}

impl Evidence {
    /// Returns the SHA-256 of the canonical JSON of the item.
    ///
    /// # Panics
    /// Never: strings, words and flags are all that is in an item, and each has a canonical form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let canonical = serde_json_canonicalizer::to_vec(self);
        Digest::of(&canonical.expect("strings, words and flags have a canonical form"))
    }

    /// Returns the name that the item is about, where one alert has items about several names.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Lookalike { name, .. }
            | Self::Shadowed { name, .. }
            | Self::NewerVersion { name, .. } => Some(name),
            _ => None,
        }
    }
}

impl From<String> for Evidence {
    fn from(text: String) -> Self {
        Self::Text { text }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Condition { kind } => f.write_str(kind.meaning().trim_end_matches('.')),
            Self::Text { text } => f.write_str(text),
            Self::Backdated { name, version, received, published } => {
                write!(f, "{name}@{version} is new and dated {published}; its digest is {received}")
            }
            Self::Advisory { .. }
            | Self::UnreadAdvisories { .. }
            | Self::AdvisoryOnHold { .. }
            | Self::ArtefactChanged { .. }
            | Self::ProvenanceLost { .. }
            | Self::PackageUnconfirmed { .. } => self.write_package(f),
            Self::CaseTwin { name } => write!(f, "{name} is served"),
            Self::ClockSkew { upstream_is_ahead } => {
                let side = if *upstream_is_ahead { "ahead of" } else { "behind" };
                write!(f, "the clock of the upstream is {side} the clock of this machine")
            }
            Self::Counted { alert } => write!(f, "not raised on its own: {alert}"),
            Self::Drift { first, now, changes } => {
                write!(f, "changed from {first} to {now}: {}", changes.join("; "))
            }
            Self::Replaced { purged, now } => {
                write!(f, "it came back after a purge, changed from {purged} to {now}")
            }
            Self::TokenScope { scope } => {
                write!(f, "the token has the scope {scope}; a token without scopes is enough")
            }
            Self::OnHold { upstream, set } => {
                let id = set.short(SHORT);
                write!(f, "the change set {upstream}@{id} is on hold; `vidimus sync --show {upstream}@{id}` lists it")
            }
            Self::InternalName { upstream } => {
                write!(f, "{upstream} lists it, although the namespace is internal")
            }
            Self::TransferredName { upstream, from } => {
                write!(f, "{upstream} lists it; {from} served it before")
            }
            Self::Shadowed { name, upstream, owner } => {
                write!(f, "{upstream} lists {name}; {owner} is authoritative for the name")
            }
            Self::Absent { name, version } => write!(f, "{name}@{version} is missing"),
            Self::SameNamespace { upstream } => write!(
                f,
                "entries of {upstream} have metadata under the namespace of this registry; if it is another \
                 vidimus, set `namespace` in the `vidimus.toml` of one of the two"
            ),
            Self::Lookalike { name, signal } => {
                write!(f, "{name} resembles {}: {signal}", signal.target)
            }
            Self::Unlisted => f.write_str(
                "there are more items than are listed here; no acknowledgement of this alert covers them",
            ),
            Self::Missing { is_hidden: true } => {
                f.write_str("missing from several full syncs; it is hidden")
            }
            Self::Missing { is_hidden: false } => {
                f.write_str("missing from full syncs; it is served until more full syncs miss it")
            }
            Self::PinMismatch { pinned, received } => {
                write!(f, "the approval pins {pinned}, but {received} was received")
            }
            Self::NoRoom { limit } => {
                write!(f, "the limit {limit} leaves no room for new content")
            }
            Self::SyncFailure { class } => write!(f, "the last sync run failed: {class}"),
            Self::DamagedRow { what, key } => {
                write!(f, "a row of the store is damaged: {what} at {key}")
            }
            Self::Unusable { reason, text, item } => {
                write!(f, "a file or entry cannot be used and is not served: {reason}: {text} ({item})")
            }
            Self::Revoked { .. }
            | Self::KeysUnknown { .. }
            | Self::LossOnHold { .. }
            | Self::Namespace { .. } => self.write_ownership(f),
            Self::NoFacts => f.write_str(
                "approved but not served: its content is damaged, or the part that gates read exceeds 64 KiB",
            ),
            Self::Violation { rule } => {
                write!(f, "approved but not served, because strict clients cannot read it: {rule}")
            }
            Self::UnreadableRow { version, rule } => {
                write!(f, "{version} is served as it was stored; what the upstream sends now is in quarantine: {rule}")
            }
            Self::HiddenBy { version, gate } => {
                write!(f, "{version} is hidden: the gate `{gate}` fails")
            }
            Self::Ends { .. }
            | Self::Ended { .. }
            | Self::StatusChanged { .. }
            | Self::NotBenign { .. }
            | Self::NewerVersion { .. }
            | Self::Renamed { .. } => self.write_lifecycle(f),
            Self::DeliveriesFail => {
                f.write_str("it accepts no delivery; `vidimus status` shows the reason")
            }
            Self::DeliveriesGivenUp => {
                f.write_str("deliveries were given up; `vidimus alerts dead-letters` lists them")
            }
        }
    }
}
