use std::fmt;

use super::authority::Authority;
use super::concern::Concern;
use super::conditions::{Unmet, Waived};
use super::facts::PackageFacts;
use super::ownership::OwnershipEvidence;
use super::provenance_evidence::ProvenanceEvidence;
use super::safe::Objection;
use super::screening::ScreeningMatch;
use crate::artefact::Checksum;
use crate::model::{Damage, Digest, Escaped, NotBenign, Status, Timestamp};
use crate::overlay::{Reviewed, Rule, State};

/// The evidence of a gate: data that borrows from the dossier and the policy. Text is made when it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence<'a> {
    /// The entry is kept byte for byte.
    Kept,
    /// The row is in quarantine for this rule.
    Quarantined(&'a str),
    /// A row of the name cannot be decoded.
    Damaged(&'a Damage),
    NoAdvisory,
    /// Advisories concern the entry: the heaviest, and `more`.
    Advised {
        first: Concern<'a>,
        more: usize,
    },
    /// More advisories are about this package than are read, and one of them may report malicious code.
    UnreadAdvisories(&'a PackageFacts),
    Status(Status),
    /// Several full syncs did not find the entry.
    Missing,
    DeletedBy(&'a str),
    Authority(Authority<'a>),
    /// No rule decides about the entry.
    NoRule,
    Ruled {
        rule: &'a Rule,
        state: State,
    },
    /// The approval covers only what was there before its review.
    PublishedLater {
        published: Timestamp,
        /// The later of that and of the first sight.
        counted: Timestamp,
        reviewed: Reviewed,
        rule: &'a Rule,
    },
    /// The approval lists what it covers, and not this version.
    NotListed {
        rule: &'a Rule,
    },
    /// The review is dated ahead of now.
    ReviewAhead {
        reviewed: Timestamp,
        rule: &'a Rule,
    },
    /// The version came after the review, and is benign beside the reference.
    Followed {
        rule: &'a Rule,
    },
    /// It is benign, and is served from this moment.
    Cooldown {
        until: Timestamp,
        rule: &'a Rule,
    },
    /// The version came after the review, and is not benign.
    NotFollowed {
        why: NotBenign,
        rule: &'a Rule,
    },
    /// The upstream deprecated it, and the time ended for which it stayed served.
    Deprecated {
        since: Timestamp,
    },
    /// The upstream changed the content, and no rule pins one of the contents.
    Drifted {
        first: Digest,
        other: Digest,
        /// True if it sends the first content again.
        is_back: bool,
    },
    /// An earlier gate left no approval to evaluate.
    NoApproval,
    Expires(Timestamp),
    Expired(Timestamp),
    NotPinned,
    Pinned(Digest),
    PinDiffers {
        pinned: Digest,
        received: Digest,
    },
    /// So many artefacts are the pinned ones.
    ArtefactsPinned {
        files: usize,
    },
    ArtefactDiffers {
        file: &'a str,
        pinned: &'a Checksum,
        recorded: &'a Checksum,
    },
    /// Nothing is recorded of a pinned artefact.
    ArtefactUnknown {
        file: &'a str,
    },
    /// Conditions of so many rules are met, or waived: the first one that is, and the number of the others.
    Conditions {
        rules: usize,
        waived: Option<(Waived<'a>, usize)>,
    },
    /// A condition is not met, and `more` others.
    Unmet {
        first: Unmet<'a>,
        more: usize,
    },
    /// The content is the first one received, or the pinned one.
    AsReviewed,
    /// The entry was purged, then received again with other content.
    Replaced,
    Ownership(OwnershipEvidence<'a>),
    Provenance(ProvenanceEvidence<'a>),
    NoMatch,
    NameSpelledOut,
    NotCompared,
    Matches(&'a ScreeningMatch),
    Valid,
    Violation(&'a str),
    /// A rule for what reaches an agent is broken, here and at `more` places.
    Unsafe {
        /// The first objection that nothing waives, and the number of the others.
        first: &'a Objection,
        more: usize,
    },
    /// The content is damaged, or its facts are too large to be kept.
    NoFacts,
}

impl<'a> Evidence<'a> {
    /// Returns the rule that the outcome follows from, if it is one rule.
    #[must_use]
    pub const fn rule(&self) -> Option<&'a Rule> {
        match self {
            Self::Ruled { rule, .. }
            | Self::PublishedLater { rule, .. }
            | Self::ReviewAhead { rule, .. }
            | Self::Followed { rule }
            | Self::Cooldown { rule, .. }
            | Self::NotFollowed { rule, .. } => Some(rule),
            Self::Unmet { first, .. } => Some(first.rule),
            Self::Provenance(ProvenanceEvidence::Lacking { first, .. }) => first.demanded.rule,
            _ => None,
        }
    }
}

impl Evidence<'_> {
    /// Writes the outcome of the pins of artefacts.
    fn write_artefacts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArtefactsPinned { files: 1 } => f.write_str("1 artefact is the pinned one"),
            Self::ArtefactsPinned { files } => write!(f, "{files} artefacts are the pinned ones"),
            Self::ArtefactDiffers { file, pinned, recorded } => write!(
                f,
                "the approval pins {pinned} for {}, but its registry states {recorded}",
                Escaped(file)
            ),
            Self::ArtefactUnknown { file } => write!(
                f,
                "not known yet: the approval pins {}, and no such file was read from a registry; `vidimus packages NAME` \
                 lists those that were",
                Escaped(file)
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => f.write_str("kept byte for byte"),
            Self::Quarantined(rule) => write!(f, "in quarantine: {}", Escaped(rule)),
            Self::Damaged(damage) => write!(f, "{}", Escaped(&damage.to_string())),
            Self::NoAdvisory => f.write_str("no advisory concerns it"),
            Self::UnreadAdvisories(package) => {
                let PackageFacts { registry, identifier, .. } = package;
                write!(
                    f,
                    "there are more advisories about the {} package {} than are read for one name, and each may \
                     report malicious code",
                    Escaped(registry),
                    Escaped(identifier)
                )
            }
            Self::Advised { first, more: 0 } => write!(f, "{first}"),
            Self::Advised { first, more } => write!(f, "{first} (and {more} more)"),
            Self::Status(status) => write!(f, "the upstream reports the status {status}"),
            Self::Missing => f.write_str("missing: several full syncs did not find it"),
            Self::DeletedBy(upstream) => write!(f, "the upstream {upstream} reports it as deleted"),
            Self::Authority(authority) => write!(f, "{authority}"),
            Self::NoRule => f.write_str("pending: no rule decides about this entry"),
            Self::Ruled { rule, state } => write!(f, "{state} by {}", located(rule)),
            Self::PublishedLater { .. } => self.write_published_later(f),
            Self::NotListed { rule } => {
                write!(f, "pending: it is not in the `contents` of {}", located(rule))
            }
            Self::ReviewAhead { reviewed, rule } => {
                write!(f, "pending: nothing is admitted before the review {reviewed} of {}", located(rule))
            }
            Self::Followed { rule } => {
                write!(f, "benign beside the reference {} of {}", reference(rule), located(rule))
            }
            Self::Cooldown { until, rule } => {
                write!(f, "pending: benign beside the reference {} of {}, and served from {until}", reference(rule), located(rule))
            }
            Self::NotFollowed { why: NotBenign::NoReference, rule } => {
                write!(f, "pending: it came after the review, and {} follows nothing without a `reference`", located(rule))
            }
            Self::NotFollowed { why, rule } => write!(
                f,
                "pending: it came after the review, and is not benign beside the reference {} of {}: {why}",
                reference(rule),
                located(rule)
            ),
            Self::Deprecated { since } => {
                write!(f, "deprecated upstream since {since}, longer than `hide_after` allows")
            }
            Self::Drifted { first, other, is_back } => {
                let back = if *is_back { " and back" } else { "" };
                write!(
                    f,
                    "suspended: the upstream changed {first} to {other}{back}; to serve one of them, review it and pin its digest"
                )
            }
            Self::NoApproval => f.write_str("not evaluated: the entry is not approved"),
            Self::Expires(until) => write!(f, "the approval is valid until {until}"),
            Self::Expired(until) => write!(f, "the approval expired at {until}"),
            Self::NotPinned => f.write_str("the approval pins no digest"),
            Self::Pinned(digest) => write!(f, "the received digest is the pinned one: {digest}"),
            Self::PinDiffers { pinned, received } => {
                write!(f, "the approval pins {pinned}, but {received} was received")
            }
            Self::ArtefactsPinned { .. }
            | Self::ArtefactDiffers { .. }
            | Self::ArtefactUnknown { .. } => self.write_artefacts(f),
            Self::Conditions { rules: 0, .. } => f.write_str("no rule sets a condition"),
            Self::Conditions { rules, waived } => {
                let noun = if *rules == 1 { "rule" } else { "rules" };
                write!(f, "the conditions of {rules} {noun} are met")?;
                match waived {
                    None => Ok(()),
                    Some((waived, 0)) => write!(f, "; {waived}"),
                    Some((waived, more)) => write!(f, "; {waived} (and {more} more)"),
                }
            }
            Self::Unmet { first, more: 0 } => write!(f, "{first}"),
            Self::Unmet { first, more } => write!(f, "{first} (and {more} more)"),
            Self::AsReviewed => f.write_str("the content is the first one received, or the pinned one"),
            Self::Replaced => f.write_str(
                "purged, then received again with other content; to serve it, review it and pin its digest",
            ),
            Self::Ownership(ownership) => write!(f, "{ownership}"),
            Self::Provenance(provenance) => write!(f, "{provenance}"),
            Self::NoMatch => f.write_str("no open lookalike alert withholds this entry"),
            Self::NameSpelledOut => f.write_str("a reviewer approved this exact name"),
            Self::NotCompared => f.write_str("not compared yet with what is protected"),
            Self::Matches(found) => write_match(f, found),
            Self::Valid => f.write_str("valid; the entry's own block names what was left out, if anything"),
            Self::Violation(violation) => write!(f, "{}", Escaped(violation)),
            Self::Unsafe { first, more: 0 } => write!(f, "{first}"),
            Self::Unsafe { first, more } => write!(f, "{first} (and {more} more)"),
            Self::NoFacts => {
                f.write_str("the content is damaged, or the facts that gates need exceed 64 KiB")
            }
        }
    }
}

impl Evidence<'_> {
    fn write_published_later(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::PublishedLater { published, counted, reviewed, rule } = self else {
            return Ok(());
        };
        write!(f, "pending: published {published}")?;
        if counted != published {
            write!(f, ", accepted here {counted}")?;
        }
        write!(f, ", after the review {reviewed} of {}", located(rule))?;
        if reviewed.is_day_of(*counted) {
            let stated = counted.to_rfc3339();
            write!(
                f,
                "; a date covers what was there before that day began in UTC: to cover this version, review it and \
                 write `reviewed: {stated}`"
            )?;
        }
        Ok(())
    }
}

fn located(rule: &Rule) -> String {
    format!("`{}` at {}", Escaped(&rule.selector()), rule.place)
}

/// Returns the version that later ones are compared with.
fn reference(rule: &Rule) -> String {
    let follow = rule.approval.as_ref().and_then(|approval| approval.follow.as_ref());
    let reference = follow.and_then(|follow| follow.reference.as_ref());
    reference.map(|reference| Escaped(reference.version.as_str()).to_string()).unwrap_or_default()
}

fn write_match(f: &mut fmt::Formatter<'_>, found: &ScreeningMatch) -> fmt::Result {
    let evidence = found.found.to_string();
    let (target, evidence) = (Escaped(&found.found.target), Escaped(&evidence));
    write!(f, "it resembles {target}: {evidence}; a wildcard admits it when ")?;
    match &found.alert {
        Some(id) => write!(f, "the alert {id} is acknowledged")?,
        None => f.write_str(
            "its alert is raised and acknowledged (the daemon raises five alerts of one namespace at a time)",
        )?,
    }
    f.write_str(", or when an overlay sets `not_lookalike`")
}
