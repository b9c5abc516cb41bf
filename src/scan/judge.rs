use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::result::{ScanResult, Verdict};
use super::results::ScanResults;
use crate::model::{Digest, Escaped, Name, Timestamp, Version};

/// A result about a version, and its use for the content that is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged<'a> {
    pub result: &'a ScanResult,
    pub state: ScanState,
}

/// The use of a result for one content at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanState {
    Counts,
    /// It is about another content of the same name and version.
    OtherContent,
    /// Its time is ahead of now.
    Ahead,
    /// It decides, but it ended.
    Ended,
    /// A later result of the same tool decides.
    Superseded,
}

/// The reason why a demanded tool has no result with the demanded verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    Absent,
    OtherContent(Digest),
    Ahead(Timestamp),
    Ended(Timestamp),
    /// The result of this time is older than the rule allows.
    TooOld(Timestamp),
    Verdict(Verdict),
}

impl ScanResults {
    /// Returns the results about a version, each with its use for this content.
    #[must_use]
    pub fn about(
        &self,
        name: &Name,
        version: &Version,
        received: Digest,
        now: Timestamp,
    ) -> Vec<Judged<'_>> {
        let results = self.of_version(name, version).iter().map(AsRef::as_ref);
        let results: Vec<&ScanResult> = results.collect();
        let mut last: BTreeMap<&str, &ScanResult> = BTreeMap::new();
        for result in &results {
            if result.received == received && result.time <= now {
                let last = last.entry(result.tool.as_str()).or_insert(result);
                *last = if rank(last) < rank(result) { result } else { last };
            }
        }
        let judged = results.into_iter().map(|result| {
            let last = last.get(result.tool.as_str());
            let state = match last {
                _ if result.received != received => ScanState::OtherContent,
                _ if result.time > now => ScanState::Ahead,
                Some(last) if rank(last) != rank(result) => ScanState::Superseded,
                _ if result.expires < now => ScanState::Ended,
                _ => ScanState::Counts,
            };
            Judged { result, state }
        });
        judged.collect()
    }
}

/// Returns the order in which results of one tool about one content decide, the last one first of all.
fn rank(result: &ScanResult) -> (Timestamp, Verdict, Reverse<Timestamp>, &str) {
    (result.time, result.verdict, Reverse(result.expires), &result.file)
}

impl Judged<'_> {
    /// Returns the moments at which the use of the result changes: its time, and its end for the rules with these
    /// greatest ages.
    pub fn last_moments(
        &self,
        max_ages: impl Iterator<Item = Duration>,
    ) -> impl Iterator<Item = Timestamp> {
        let ScanResult { time, expires, .. } = *self.result;
        let ages = max_ages.map(move |age| time.plus(age));
        ages.chain([expires, time.minus(Timestamp::TICK)])
    }

    /// Returns the end of the result of a demanded tool.
    ///
    /// # Errors
    /// The reason why the tool has no result with the verdict `pass`.
    pub fn demand(
        about: &[Self],
        tool: &str,
        max_age: Option<Duration>,
        now: Timestamp,
    ) -> Result<Timestamp, Lack> {
        let of_tool = || about.iter().filter(|judged| judged.result.tool == tool);
        let decides =
            |judged: &&Judged<'_>| matches!(judged.state, ScanState::Counts | ScanState::Ended);
        let Some(Judged { result, state }) = of_tool().find(decides) else {
            let ahead = of_tool().filter(|judged| judged.state == ScanState::Ahead);
            let other = of_tool().find(|judged| judged.state == ScanState::OtherContent);
            return Err(match (ahead.map(|judged| judged.result.time).min(), other) {
                (Some(time), _) => Lack::Ahead(time),
                (None, Some(other)) => Lack::OtherContent(other.result.received),
                (None, None) => Lack::Absent,
            });
        };
        let aged = max_age.map(|age| result.time.plus(age));
        match result.verdict {
            _ if *state == ScanState::Ended => Err(Lack::Ended(result.expires)),
            _ if aged.is_some_and(|aged| aged < now) => Err(Lack::TooOld(result.time)),
            Verdict::Passed => Ok(aged.map_or(result.expires, |aged| aged.min(result.expires))),
            verdict => Err(Lack::Verdict(verdict)),
        }
    }
}

impl Lack {
    /// Returns the word of this reason, which stands in digests that are kept with decisions.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::OtherContent(_) => "other-content",
            Self::Ahead(_) => "ahead",
            Self::Ended(_) => "ended",
            Self::TooOld(_) => "too-old",
            Self::Verdict(_) => "verdict",
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("has no result about this version"),
            Self::OtherContent(digest) => {
                write!(f, "has no result about this content; there is one about {digest}")
            }
            Self::Ahead(time) => write!(f, "has a result that is dated ahead, {time}"),
            Self::Ended(end) => write!(f, "has a result that expired at {end}"),
            Self::TooOld(time) => write!(f, "has a result of {time}, which is too old"),
            Self::Verdict(verdict) => write!(f, "has the verdict {verdict}"),
        }
    }
}

impl fmt::Display for Judged<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { result, state } = self;
        write!(f, "{result}: ")?;
        match state {
            ScanState::Counts => write!(f, "it counts until {}", result.expires),
            ScanState::OtherContent => {
                write!(f, "void: it is about another content, {}", result.received)
            }
            ScanState::Ahead => f.write_str("it does not count yet: it is dated ahead of now"),
            ScanState::Ended => write!(f, "it expired at {}", result.expires),
            ScanState::Superseded => {
                write!(f, "a later result of {} decides", Escaped(&result.tool))
            }
        }
    }
}
