use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::model::{Actor, Approved, Digest, Name, Timestamp, Version};
use crate::ownership::Verdict;

/// One change, with the time at which it took effect.
///
/// Its encoding in the store numbers the variants of [`Change`], [`Cause`] and [`HoldStep`]: new ones are added at the
/// end, and none is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    pub change: Change,
}

/// The kinds of changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    Entry(EntryChange),
    Verdict(VerdictChange),
    Acknowledgement(AcknowledgementChange),
    Hold(HoldChange),
    Policy(PolicyLoad),
    Clock(ClockChange),
}

/// A change of one entry in one view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryChange {
    pub view: SmolStr,
    pub name: Name,
    pub version: Version,
    /// `None` if it was not visible.
    pub before: Option<Approved>,
    /// `None` if it is not visible any more.
    pub after: Option<Approved>,
    pub cause: Cause,
    /// The digest of the denial or suspension that hides it.
    pub hidden_by: Option<Digest>,
}

/// The reason for a change of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The daemon started, and everything was evaluated.
    Start,
    /// The overlays, the upstream files or the settings changed.
    Policy,
    /// An upstream, a lookup of the owner or of a package, or an advisory said something new.
    Data,
    /// The name was compared with protected ones.
    Screening,
    /// A time came, such as the end of a cooldown.
    Time,
    /// The gate that hides it, by its name.
    Gate(SmolStr),
    /// It is outside of the limits of the view.
    View,
    /// No upstream lists it.
    NotListed,
    /// The store could not be written then, and the reason went before it could be recorded.
    Unrecorded,
}

/// The effect of a change of an entry for clients of its view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    Shown,
    Hidden,
    /// It has other content.
    Replaced,
    /// Another rule approves the same content.
    Reapproved,
    /// The same content is described in another way: its tier, its status upstream, its owner's verdict.
    Described,
}

/// A change of the verdict on a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictChange {
    /// In lower case.
    pub namespace: SmolStr,
    pub before: Option<Verdict>,
    pub after: Verdict,
}

/// A person acknowledged an alert, or took that back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgementChange {
    /// The id of the alert.
    pub alert: SmolStr,
    /// The kind of the alert, as a word.
    pub kind: SmolStr,
    /// The name, namespace, upstream or owner that it is about.
    pub subject: SmolStr,
    /// The digest of what was shown; `None` for an acknowledgement that was taken back.
    pub seen: Option<Digest>,
    pub by: Option<String>,
    pub reason: Option<String>,
    pub actor: Actor,
}

/// A change set was put on hold, or a person decided about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldChange {
    pub upstream: SmolStr,
    pub step: HoldStep,
    /// The digest of what was shown.
    pub shown: Digest,
    pub rows: u64,
    pub by: Option<String>,
    pub reason: Option<String>,
    pub actor: Option<Actor>,
}

/// A step in the life of a change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HoldStep {
    Placed,
    Released,
    Discarded,
}

/// The overlays that became the current ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyLoad {
    /// The files of the last valid set.
    pub files: u64,
    /// The digest of their names and texts.
    pub overlays: Digest,
    /// Approvals that a refused set ended.
    pub ended: u64,
    /// Files of refused sets with denials that stay effective.
    pub denying: u64,
}

/// A person accepted the clock of this machine, which differed from the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockChange {
    /// Seconds by which it was ahead.
    pub ahead: i64,
    pub by: String,
    pub reason: String,
    pub actor: Actor,
}

impl Event {
    /// Returns the name or the namespace that the event is about, in lower case.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        match &self.change {
            Change::Entry(change) => Some(change.name.as_str().to_ascii_lowercase()),
            Change::Verdict(change) => Some(change.namespace.to_string()),
            Change::Acknowledgement(change) => {
                let subject = change.subject.split(['@', ' ']).next();
                subject.map(str::to_ascii_lowercase)
            }
            Change::Hold(_) | Change::Policy(_) | Change::Clock(_) => None,
        }
    }

    /// Returns the digests of the rules that the event names.
    pub fn rules(&self) -> impl Iterator<Item = Digest> {
        let entry = match &self.change {
            Change::Entry(change) => Some(change),
            _ => None,
        };
        let of = |entry: &EntryChange| {
            let approving = [entry.before, entry.after].map(|approved| approved.map(|of| of.rule));
            [approving[0], approving[1], entry.hidden_by]
        };
        entry.map(of).into_iter().flatten().flatten()
    }
}

impl EntryChange {
    #[must_use]
    pub fn effect(&self) -> Effect {
        match (self.before, self.after) {
            (_, None) => Effect::Hidden,
            (None, Some(_)) => Effect::Shown,
            (Some(before), Some(after)) if before.received != after.received => Effect::Replaced,
            (Some(before), Some(after)) if before.rule != after.rule => Effect::Reapproved,
            (Some(_), Some(_)) => Effect::Described,
        }
    }
}
