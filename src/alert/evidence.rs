use std::fmt;

use serde::{Deserialize, Serialize};

use super::identity::AlertIdentity;
use super::kind::AlertKind;
use crate::lookalike::Signal;
use crate::model::{Digest, FailureClass};

/// One item of what an alert rests on.
///
/// Items are data, and are compared; people read what [`fmt::Display`] makes of them, which is compared nowhere. An item
/// that was not seen before opens an acknowledged alert, so nothing that changes by itself stands in one: no count, time,
/// version or score. Those are [`Figure`]s.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Evidence {
    /// What the kind says, and nothing more.
    Condition {
        kind: AlertKind,
    },
    /// What stands in a file, or what a package says of its servers: here the words are the evidence.
    Text {
        text: String,
    },
    /// One of the names that are served side by side.
    CaseTwin {
        name: String,
    },
    ClockSkew {
        upstream_is_ahead: bool,
    },
    /// An alert that is not raised by itself, since there are too many of its suspect.
    Counted {
        alert: AlertIdentity,
    },
    /// Published content that upstream changed, with the members that differ.
    Drift {
        first: Digest,
        now: Digest,
        changes: Vec<String>,
    },
    /// Content that came back after another one was purged.
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
    Held {
        upstream: String,
        set: String,
    },
    InternalName {
        upstream: String,
    },
    PassedName {
        upstream: String,
        from: String,
    },
    Shadowed {
        upstream: String,
        owner: String,
    },
    /// One way in which a name resembles a target. The name is part of it, so that an acknowledgement covers no other
    /// name of the same namespace.
    Lookalike {
        name: String,
        signal: Signal,
    },
    /// There is more of the same kind than an alert lists. An acknowledgement does not cover it.
    Unlisted,
    Missing {
        is_hidden: bool,
    },
    PinMismatch {
        pinned: Digest,
        received: Digest,
    },
    SyncFailure {
        class: FailureClass,
    },
    /// A file or an entry that cannot be used.
    Unusable {
        reason: String,
        text: String,
    },
    /// What refutes an owner: the rule, the place or account that it is about, and the keys or the id that are there.
    Refuted {
        rule: Refutation,
        about: String,
        found: Vec<String>,
    },
    /// A place shows other keys than those that are trusted.
    KeysUnknown {
        at: String,
        keys: Vec<String>,
    },
    /// Content that is damaged, or of which more would have to be kept than is kept.
    NoFacts,
    /// What strict clients refuse.
    Violation {
        rule: String,
    },
    WebhookTakesNothing,
    NoticesGivenUp,
}

/// What refutes an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refutation {
    /// A place that showed a trusted key shows another one.
    KeyReplaced,
    /// The name of an account is that of another account now.
    AccountReplaced,
    /// The account was made after what it publishes.
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
            Self::CaseTwin { name } => write!(f, "{name} is served"),
            Self::ClockSkew { upstream_is_ahead: true } => {
                f.write_str("the clock of the upstream is ahead of this machine's")
            }
            Self::ClockSkew { upstream_is_ahead: false } => {
                f.write_str("the clock of the upstream is behind this machine's")
            }
            Self::Counted { alert } => write!(f, "not raised by itself: {alert}"),
            Self::Drift { first, now, changes } => {
                write!(f, "was {first}, is {now}: {}", changes.join("; "))
            }
            Self::Replaced { purged, now } => {
                write!(f, "it came back after it had been purged: was {purged}, is {now}")
            }
            Self::TokenScope { scope } => {
                write!(f, "the token has the scope {scope}; one without any scope is enough")
            }
            Self::Held { upstream, set } => write!(
                f,
                "the changes are held as {upstream}@{set}; look, then `vidimus sync --release` or `--discard`"
            ),
            Self::InternalName { upstream } => {
                write!(f, "{upstream} lists it, and the namespace is internal")
            }
            Self::PassedName { upstream, from } => {
                write!(f, "{upstream} lists it, and {from} served it before")
            }
            Self::Shadowed { upstream, owner } => {
                write!(f, "{upstream} lists it, and the name belongs to {owner}")
            }
            Self::Lookalike { name, signal } => {
                write!(f, "{name} resembles {}: {signal}", signal.target)
            }
            Self::Unlisted => f.write_str(
                "and more than are listed here, which no acknowledgement of this alert covers",
            ),
            Self::Missing { is_hidden: true } => {
                f.write_str("not seen in complete walks; it is hidden")
            }
            Self::Missing { is_hidden: false } => {
                f.write_str("not seen in complete walks; served until more miss it")
            }
            Self::PinMismatch { pinned, received } => {
                write!(f, "the approval pins {pinned}, and {received} was received")
            }
            Self::SyncFailure { class } => write!(f, "the last pass failed: {class}"),
            Self::DamagedRow { what, key } => {
                write!(f, "a row of the store is damaged: {what} at {key}")
            }
            Self::Unusable { reason, text } => {
                write!(f, "a file or entry is not usable and not served: {reason}: {text}")
            }
            Self::Refuted { rule, about, found } => {
                let found = found.join(", ");
                match rule {
                    Refutation::KeyReplaced => {
                        write!(f, "the trusted key is gone, and {about} shows {found}")
                    }
                    Refutation::AccountReplaced => {
                        write!(f, "{about} is the account {found}, and was another one")
                    }
                    Refutation::AccountTooYoung => {
                        write!(f, "the account {about} was created after this was published")
                    }
                }
            }
            Self::KeysUnknown { at, keys } => write!(
                f,
                "{at} shows keys that are not trusted: {}; an overlay may pin them",
                keys.join(", ")
            ),
            Self::NoFacts => f.write_str(
                "approved, and not served: its content is damaged, or what gates read of it exceeds 64 KiB",
            ),
            Self::Violation { rule } => {
                write!(f, "approved, and not served since strict clients cannot read it: {rule}")
            }
            Self::WebhookTakesNothing => f.write_str("it takes nothing; `vidimus status` says why"),
            Self::NoticesGivenUp => {
                f.write_str("notices were given up; see `vidimus alerts undelivered`")
            }
        }
    }
}

/// A figure that is shown beside the items; a change of it is stored, and opens no alert.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Figure {
    MinutesApart {
        minutes: u64,
    },
    LongerThanMinutes {
        minutes: u64,
    },
    LongerThanDays {
        days: u64,
    },
    Rows {
        count: u64,
    },
    Looks {
        count: u64,
    },
    /// Why something failed, in words.
    Reason {
        text: String,
    },
    /// What a safety limit found, and what it allows.
    Limit {
        found: String,
        allowed: String,
    },
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut count = |before: &str, count: &u64, noun: &str| {
            write!(f, "{before}{count} {noun}{}", if *count == 1 { "" } else { "s" })
        };
        match self {
            Self::MinutesApart { minutes } => count("about ", minutes, "minute"),
            Self::LongerThanMinutes { minutes } => count("for more than ", minutes, "minute"),
            Self::LongerThanDays { days } => count("for more than ", days, "day"),
            Self::Rows { count: rows } => count("", rows, "row"),
            Self::Looks { count: looks } => count("in ", looks, "look"),
            Self::Reason { text } => f.write_str(text),
            Self::Limit { found, allowed } => write!(f, "{found}; allowed: {allowed}"),
        }
    }
}
