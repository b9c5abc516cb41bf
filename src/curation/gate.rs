use std::fmt;

use super::speech::{Speaker, Speakers, Speech, is_internal};
use super::tenure::{Owned, OwnershipPolicy, Tenure, is_exact};
use super::view::View;
use crate::model::{Digest, Escaped, Head, Instant, Malformed, Name, Status, Version};
use crate::overlay::{About, Approval, OverlaySet, Standing, State, Statement};
use crate::ownership::Pins;

/// One condition for serving an entry. The order is the order of judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    WellFormed,
    NotDeleted,
    MaySpeak,
    Approved,
    NotExpired,
    DigestAsPinned,
    NoUnreviewedDrift,
    OwnershipAsRequired,
    NoOpenLookalike,
    Readable,
}

impl Gate {
    pub const ALL: [Self; 10] = [
        Self::WellFormed,
        Self::NotDeleted,
        Self::MaySpeak,
        Self::Approved,
        Self::NotExpired,
        Self::DigestAsPinned,
        Self::NoUnreviewedDrift,
        Self::OwnershipAsRequired,
        Self::NoOpenLookalike,
        Self::Readable,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WellFormed => "well-formed",
            Self::NotDeleted => "not deleted upstream",
            Self::MaySpeak => "upstream may speak for this name",
            Self::Approved => "approved",
            Self::NotExpired => "not expired",
            Self::DigestAsPinned => "digest as pinned",
            Self::NoUnreviewedDrift => "no unreviewed drift",
            Self::OwnershipAsRequired => "ownership as required",
            Self::NoOpenLookalike => "no lookalike that nobody looked at",
            Self::Readable => "readable to strict clients",
        }
    }
}

impl Gate {
    /// What an entry is that this gate hides.
    #[must_use]
    pub const fn failing(self) -> &'static str {
        match self {
            Self::WellFormed => "malformed",
            Self::NotDeleted => "deleted or missing upstream",
            Self::MaySpeak => "its upstream may not speak for it",
            Self::Approved => "not approved",
            Self::NotExpired => "approval expired",
            Self::DigestAsPinned => "other content than pinned",
            Self::NoUnreviewedDrift => "came back as something else",
            Self::OwnershipAsRequired => "ownership not proven as required",
            Self::NoOpenLookalike => "it resembles something protected",
            Self::Readable => "strict clients cannot read it",
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything the gates look at for one entry.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    pub head: &'a Head,
    pub standing: &'a Standing<'a>,
    /// Whether the upstream it comes from may speak for the name.
    pub speech: Speech,
    /// The upstream that says this version is deleted, if another than its own does.
    pub deleted_by: Option<&'a str>,
    /// What a strict client would refuse, where that was looked at: it takes the entry's bytes.
    pub flaw: Option<&'a Malformed>,
    pub version: &'a Version,
    /// Whether it comes from an upstream of the organisation's own.
    pub internal: bool,
    pub ownership: &'a OwnershipPolicy,
    pub tenure: &'a Tenure,
    pub pins: &'a Pins,
    /// What the name resembles, if anything, as long as nobody has looked at that.
    pub suspicion: Option<&'a Suspicion>,
    pub now: Instant,
}

/// Why a wildcard does not admit a name although nothing else is against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspicion {
    /// It is compared in a moment.
    NotCompared,
    Resembles {
        target: String,
        evidence: String,
        /// The id of its alert, where there is one of its own.
        alert: Option<String>,
    },
}

/// By what entries are judged: the overlays, the upstreams, the time.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    pub overlays: &'a OverlaySet,
    pub speakers: &'a [Speaker],
    pub views: &'a [View],
    pub ownership: &'a OwnershipPolicy,
    pub now: Instant,
}

/// One row of a name, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'c> {
    pub name: &'c Name,
    pub upstream: &'c str,
    pub version: &'c Version,
    pub head: &'c Head,
    pub standing: &'c Standing<'c>,
    pub tenure: &'c Tenure,
    pub suspicion: Option<&'c Suspicion>,
}

impl<'a> Policy<'a> {
    /// What the gates look at for one row of a name.
    #[must_use]
    pub fn case<'c>(&self, speakers: &Speakers<'c>, row: Row<'c>) -> Case<'c>
    where
        'a: 'c,
    {
        let Row { name, upstream, version, head, standing, tenure, suspicion } = row;
        Case {
            head,
            standing,
            speech: speakers.speech(upstream),
            deleted_by: speakers.deleted_by(version),
            flaw: None,
            version,
            internal: is_internal(self.speakers, upstream),
            ownership: self.ownership,
            tenure,
            pins: self.overlays.pins(name.namespace()),
            suspicion,
            now: self.now,
        }
    }

    /// The views that show an entry; none when a gate hides it.
    #[must_use]
    pub fn views_of(&self, name: &Name, upstream: &str, case: &Case<'_>) -> Vec<String> {
        let views = self.views.iter().filter(|view| view.admits(name, upstream, case.standing));
        match decide(case) {
            Decision::Serve { .. } => views.map(|view| view.name.clone()).collect(),
            Decision::Hide(_) => Vec::new(),
        }
    }

    #[must_use]
    pub fn about(&self, name: &Name) -> About<'a> {
        self.overlays.about(name)
    }
}

/// What one gate says, with what it saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<'a> {
    Pass(Evidence<'a>),
    Fail(Evidence<'a>),
    /// There is nothing to judge, because an earlier gate failed.
    Moot(Evidence<'a>),
}

/// What a gate saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence<'a> {
    Kept,
    Status(Status),
    Missing,
    DeletedBy(&'a str),
    Speech(Speech),
    Unmentioned,
    Ruled(&'a Statement, State),
    /// The approval is for what was published by `reviewed`.
    PublishedLater {
        published: Instant,
        reviewed: Instant,
        by: &'a Statement,
    },
    NoApproval,
    Expires(Instant),
    Expired(Instant),
    /// What is served is the content that was first received, or the one that is pinned.
    Reviewed,
    Replaced,
    Owned(Box<Owned>),
    Unsuspected,
    SpelledOut,
    Suspected(&'a Suspicion),
    Readable,
    Flaw(&'a Malformed),
    NotPinned,
    Pinned(Digest),
    Differs {
        pinned: Digest,
        received: Digest,
    },
}

/// What is done with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Served, until this instant at the latest.
    Serve { until: Instant },
    /// Not served; the first gate that fails.
    Hide(Gate),
}

/// Runs the gates until one fails.
#[must_use]
pub fn decide(case: &Case<'_>) -> Decision {
    let failing = Gate::ALL.into_iter().find(|gate| !matches!(gate.judge(case), Outcome::Pass(_)));
    match (failing, case.approval().and_then(|approval| approval.expires)) {
        (None, Some(until)) => Decision::Serve { until },
        (Some(gate), _) => Decision::Hide(gate),
        (None, None) => Decision::Hide(Gate::NotExpired),
    }
}

impl<'a> Case<'a> {
    fn approval(&self) -> Option<&'a Approval> {
        let (_, approval) = self.standing.ruling?;
        (approval.state == State::Approved).then_some(approval)
    }
}

impl Gate {
    /// What this gate says of a case. Entries that are not well-formed never become a case.
    #[must_use]
    pub fn judge<'a>(self, case: &Case<'a>) -> Outcome<'a> {
        match self {
            Self::WellFormed => Outcome::Pass(Evidence::Kept),
            Self::NotDeleted => not_deleted(case),
            Self::MaySpeak => match case.speech {
                Speech::May => Outcome::Pass(Evidence::Speech(Speech::May)),
                ref speech => Outcome::Fail(Evidence::Speech(speech.clone())),
            },
            Self::Approved => approved(case),
            Self::NotExpired => not_expired(case),
            Self::DigestAsPinned => digest_as_pinned(case),
            Self::NoUnreviewedDrift => no_unreviewed_drift(case),
            Self::OwnershipAsRequired => {
                let owned = case.owned();
                let evidence = |owned| Evidence::Owned(Box::new(owned));
                match owned.is_enough() {
                    true => Outcome::Pass(evidence(owned)),
                    false => Outcome::Fail(evidence(owned)),
                }
            }
            Self::NoOpenLookalike => match case.suspicion {
                None => Outcome::Pass(Evidence::Unsuspected),
                Some(_) if is_exact(case.standing) => Outcome::Pass(Evidence::SpelledOut),
                Some(suspicion) => Outcome::Fail(Evidence::Suspected(suspicion)),
            },
            Self::Readable => match case.flaw {
                None => Outcome::Pass(Evidence::Readable),
                Some(flaw) => Outcome::Fail(Evidence::Flaw(flaw)),
            },
        }
    }
}

fn not_deleted<'a>(case: &Case<'a>) -> Outcome<'a> {
    let head = case.head;
    match (head.status, case.deleted_by) {
        _ if head.missing => Outcome::Fail(Evidence::Missing),
        (Status::Deleted, _) => Outcome::Fail(Evidence::Status(head.status)),
        (_, Some(other)) => Outcome::Fail(Evidence::DeletedBy(other)),
        (Status::Active | Status::Deprecated, None) => Outcome::Pass(Evidence::Status(head.status)),
    }
}

fn approved<'a>(case: &Case<'a>) -> Outcome<'a> {
    if let Some(statement) = case.standing.hidden_by {
        let state = statement.approval.as_ref().map_or(State::Denied, |approval| approval.state);
        return Outcome::Fail(Evidence::Ruled(statement, state));
    }
    let Some((by, approval)) = case.standing.ruling else {
        return Outcome::Fail(Evidence::Unmentioned);
    };
    if approval.state != State::Approved {
        return Outcome::Fail(Evidence::Ruled(by, approval.state));
    }
    if by.is_exact() {
        return Outcome::Pass(Evidence::Ruled(by, approval.state));
    }
    let published = case.head.published_at;
    match approval.reviewed {
        Some(reviewed) if published <= reviewed => {
            Outcome::Pass(Evidence::Ruled(by, approval.state))
        }
        // The lint refuses a wide approval that was never reviewed; had one come this far, it
        // would cover nothing.
        reviewed => Outcome::Fail(Evidence::PublishedLater {
            published,
            reviewed: reviewed.unwrap_or(Instant::MIN),
            by,
        }),
    }
}

fn not_expired<'a>(case: &Case<'a>) -> Outcome<'a> {
    match case.approval().and_then(|approval| approval.expires) {
        None => Outcome::Moot(Evidence::NoApproval),
        Some(until) if case.now <= until => Outcome::Pass(Evidence::Expires(until)),
        Some(until) => Outcome::Fail(Evidence::Expired(until)),
    }
}

fn digest_as_pinned<'a>(case: &Case<'a>) -> Outcome<'a> {
    let received = case.head.received;
    match case.approval().map(|approval| approval.digest) {
        None => Outcome::Moot(Evidence::NoApproval),
        Some(None) => Outcome::Pass(Evidence::NotPinned),
        Some(Some(pinned)) if pinned == received => Outcome::Pass(Evidence::Pinned(pinned)),
        Some(Some(pinned)) => Outcome::Fail(Evidence::Differs { pinned, received }),
    }
}

/// A rewrite changes nothing that is served, since the first content is kept. What came back after
/// it was purged has nothing to fall back to: a person must have seen exactly this.
fn no_unreviewed_drift<'a>(case: &Case<'a>) -> Outcome<'a> {
    let pinned = case.approval().and_then(|approval| approval.digest);
    match case.head.replaced && pinned != Some(case.head.received) {
        true => Outcome::Fail(Evidence::Replaced),
        false => Outcome::Pass(Evidence::Reviewed),
    }
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCompared => f.write_str("not compared yet with what is protected"),
            Self::Resembles { target, evidence, alert } => {
                write!(
                    f,
                    "it resembles {}: {}; a wildcard admits it when ",
                    Escaped(target),
                    Escaped(evidence)
                )?;
                match alert {
                    Some(id) => write!(f, "the alert {id} is acknowledged")?,
                    None => f.write_str(
                        "its alert is acknowledged, which the daemon has still to raise (five of one namespace at a time)",
                    )?,
                }
                f.write_str(" or an overlay says `not_lookalike`")
            }
        }
    }
}

impl fmt::Display for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stated = |by: &Statement| format!("`{}` at {}", Escaped(&by.selector()), by.place);
        match self {
            Self::Kept => f.write_str("kept byte for byte"),
            Self::Status(status) => write!(f, "upstream says {status}"),
            Self::Missing => f.write_str("missing: several complete walks did not see it"),
            Self::DeletedBy(upstream) => write!(f, "the upstream {upstream} says deleted"),
            Self::Speech(speech) => write!(f, "{speech}"),
            Self::Unmentioned => f.write_str("pending: no overlay decides about it"),
            Self::Ruled(by, state) => write!(f, "{state} by {}", stated(by)),
            Self::PublishedLater { published, reviewed, by } => write!(
                f,
                "pending: published {published}, after the review of {reviewed} that {} covers",
                stated(by)
            ),
            Self::NoApproval => f.write_str("there is no approval to judge"),
            Self::Expires(until) => write!(f, "until {until}"),
            Self::Expired(until) => write!(f, "expired at {until}"),
            Self::Readable => {
                f.write_str("it decodes, with repairs where its own block names them")
            }
            Self::Flaw(flaw) => write!(f, "{flaw}"),
            Self::Reviewed => f.write_str("the content that was first received, or is pinned"),
            Self::Replaced => f.write_str(
                "it was purged, and came back with other content; pin its digest to serve it",
            ),
            Self::Owned(owned) => write!(f, "{owned}"),
            Self::Unsuspected => f.write_str("nothing that would keep it back"),
            Self::SpelledOut => f.write_str("whoever approved it spelled its name out"),
            Self::Suspected(suspicion) => write!(f, "{suspicion}"),
            Self::NotPinned => f.write_str("no digest is pinned"),
            Self::Pinned(digest) => write!(f, "{digest}"),
            Self::Differs { pinned, received } => {
                write!(f, "pinned is {pinned}, received is {received}")
            }
        }
    }
}
