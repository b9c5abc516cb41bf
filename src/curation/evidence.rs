use std::fmt;

use super::authority::Authority;
use super::ownership::OwnershipEvidence;
use super::screening::ScreeningMatch;
use crate::model::{Damage, Digest, Escaped, Instant, Status};
use crate::overlay::{State, Statement};

/// What a gate saw: data that borrows from the dossier and the policy. Prose is made when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// The entry is kept byte for byte.
    Kept,
    /// The row is in quarantine for this rule.
    Quarantined(&'a str),
    /// A row of the name cannot be decoded.
    Damaged(&'a Damage),
    Status(Status),
    /// Several full syncs did not see the entry.
    Missing,
    DeletedBy(&'a str),
    Authority(Authority<'a>),
    /// No rule decides about it.
    NoRule,
    Ruled {
        rule: &'a Statement,
        state: State,
    },
    /// The approval covers what was published by `reviewed`.
    PublishedLater {
        published: Instant,
        reviewed: Instant,
        rule: &'a Statement,
    },
    /// An earlier gate left no approval to judge.
    NoApproval,
    Expires(Instant),
    Expired(Instant),
    NotPinned,
    Pinned(Digest),
    PinDiffers {
        pinned: Digest,
        received: Digest,
    },
    /// The content that was first received, or the one that is pinned.
    AsReviewed,
    /// The entry was purged, and came back with other content.
    Replaced,
    Ownership(OwnershipEvidence<'a>),
    NoMatch,
    NameSpelledOut,
    NotCompared,
    Matches(&'a ScreeningMatch),
    Valid,
    Violation(&'a str),
    /// The content is damaged, or its facts are too large to be kept.
    NoFacts,
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stated =
            |rule: &Statement| format!("`{}` at {}", Escaped(&rule.selector()), rule.place);
        match self {
            Self::Kept => f.write_str("kept byte for byte"),
            Self::Quarantined(rule) => write!(f, "in quarantine: {}", Escaped(rule)),
            Self::Damaged(damage) => write!(f, "{}", Escaped(&damage.to_string())),
            Self::Status(status) => write!(f, "upstream says {status}"),
            Self::Missing => f.write_str("missing: several complete walks did not see it"),
            Self::DeletedBy(upstream) => write!(f, "the upstream {upstream} says deleted"),
            Self::Authority(authority) => write!(f, "{authority}"),
            Self::NoRule => f.write_str("pending: no overlay decides about it"),
            Self::Ruled { rule, state } => write!(f, "{state} by {}", stated(rule)),
            Self::PublishedLater { published, reviewed, rule } => write!(
                f,
                "pending: published {published}, after the review of {reviewed} that {} covers",
                stated(rule)
            ),
            Self::NoApproval => f.write_str("there is no approval to judge"),
            Self::Expires(until) => write!(f, "until {until}"),
            Self::Expired(until) => write!(f, "expired at {until}"),
            Self::NotPinned => f.write_str("no digest is pinned"),
            Self::Pinned(digest) => write!(f, "{digest}"),
            Self::PinDiffers { pinned, received } => {
                write!(f, "pinned is {pinned}, received is {received}")
            }
            Self::AsReviewed => f.write_str("the content that was first received, or is pinned"),
            Self::Replaced => f.write_str(
                "it was purged, and came back with other content; pin its digest to serve it",
            ),
            Self::Ownership(ownership) => write!(f, "{ownership}"),
            Self::NoMatch => f.write_str("nothing that would keep it back"),
            Self::NameSpelledOut => f.write_str("whoever approved it spelled its name out"),
            Self::NotCompared => f.write_str("not compared yet with what is protected"),
            Self::Matches(found) => write_match(f, found),
            Self::Valid => f.write_str("it decodes, with repairs where its own block names them"),
            Self::Violation(violation) => write!(f, "{}", Escaped(violation)),
            Self::NoFacts => {
                f.write_str("its content is damaged, or what gates read of it exceeds 64 KiB")
            }
        }
    }
}

fn write_match(f: &mut fmt::Formatter<'_>, found: &ScreeningMatch) -> fmt::Result {
    let evidence = found.found.to_string();
    let (target, evidence) = (Escaped(&found.found.target), Escaped(&evidence));
    write!(f, "it resembles {target}: {evidence}; a wildcard admits it when ")?;
    match &found.alert {
        Some(id) => write!(f, "the alert {id} is acknowledged")?,
        None => f.write_str(
            "its alert is acknowledged, which the daemon has still to raise (five of one namespace at a time)",
        )?,
    }
    f.write_str(" or an overlay says `not_lookalike`")
}
