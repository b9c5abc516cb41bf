use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::checklist::{Answer, Area, Checklist};
use super::conditions::{Condition, Conditions, Waive, WaivedCondition};
use super::later::{Follow, OnDeprecated, OnDrift};
use super::listed::Contents;
use super::{NamePattern, Reviewed, VersionPattern};
use crate::artefact::Checksum;
use crate::lint::Place;
use crate::model::{Digest, Name, Timestamp, Version};

/// One item of a `servers` list: the policy for the entries it selects.
///
/// Its JSON is what the store keeps of it: `place` is left out, and so is an absent member.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Rule {
    #[serde(skip)]
    pub place: Place,
    pub name: NamePattern,
    pub versions: VersionPattern,
    /// Restricts the rule to entries of one upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Sorted, without duplicates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// For people only; never served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// A URL beyond public https that the version may name; only in a rule for one exact version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Allow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// A condition that the entries do not have to meet; only in a rule for an exact name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waive: Option<Waive>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_drift: Option<OnDrift>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_deprecated: Option<OnDeprecated>,
    /// The server to use instead; only in a rule for an exact name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<Name>,
}

/// A URL that a reviewer allowed for one exact version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Allow {
    #[serde(skip)]
    pub place: Place,
    /// The URL as the entry has it.
    pub url: String,
    /// The last moment at which it is allowed.
    pub expires: Timestamp,
}

/// A decision, taken whole from one rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Approval {
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<Track>,
    pub reviewers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Reviewed>,
    /// The last moment at which an approval is effective; always present when approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// For people only; never served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The received digest that was reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The versions that it covers, each with the content that was reviewed; only in a rule for an exact name. Without
    /// it the time of the review decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contents: Option<Contents>,
    /// The digests of files, by the name of a file or the identifier of its package; only in a rule for one exact
    /// version.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub artefacts: BTreeMap<String, Checksum>,
    /// For people only; never served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checklist: Option<Checklist>,
    /// The later versions that it covers too; only in a rule for an exact name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow: Option<Follow>,
}

impl Approval {
    /// Returns the received digest that it requires of a version, if it pins one.
    #[must_use]
    pub fn pin_of(&self, version: &Version) -> Option<Digest> {
        match &self.contents {
            Some(contents) => contents.digest_of(version),
            None => self.digest,
        }
    }

    /// Returns true if it lists what it covers, and not this version.
    #[must_use]
    pub fn leaves_out(&self, version: &Version) -> bool {
        self.contents.as_ref().is_some_and(|contents| contents.digest_of(version).is_none())
    }

    /// Returns true if it approves now: it has not expired, and its review is not dated ahead.
    #[must_use]
    pub fn is_effective(&self, now: Timestamp) -> bool {
        self.state == State::Approved
            && self.expires.is_none_or(|until| now <= until)
            && !self.reviewed.is_some_and(|reviewed| reviewed.is_ahead(now))
    }
}

/// The state of an approval. Without an approval an entry is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Approved,
    Pending,
    Suspended,
    Denied,
}

impl State {
    pub const WORDS: [(&str, Self); 4] = [
        ("approved", Self::Approved),
        ("pending", Self::Pending),
        ("suspended", Self::Suspended),
        ("denied", Self::Denied),
    ];

    /// Returns true if it hides entries regardless of any approval.
    #[must_use]
    pub const fn hides(self) -> bool {
        matches!(self, Self::Suspended | Self::Denied)
    }
}

/// The depth of a review; it sets the term of the approval when `expires` is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    Fast,
    Standard,
    Heavy,
}

impl Track {
    pub const WORDS: [(&str, Self); 3] =
        [("fast", Self::Fast), ("standard", Self::Standard), ("heavy", Self::Heavy)];
}

/// The sensitivity of the data that a server may receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Classification {
    Public,
    Internal,
    Confidential,
    Regulated,
}

impl Classification {
    pub const WORDS: [(&str, Self); 4] = [
        ("public", Self::Public),
        ("internal", Self::Internal),
        ("confidential", Self::Confidential),
        ("regulated", Self::Regulated),
    ];
}

macro_rules! display_as_word {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let word = Self::WORDS.iter().find(|(_, value)| value == self);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
display_as_word!(State, Track, Classification, Area, Answer);

macro_rules! serialize_as_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
serialize_as_text!(NamePattern, VersionPattern, Condition, WaivedCondition);

/// The terms of approvals without `expires`, by track, counted from `reviewed`; for a bare date, from the start of that
/// day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub fast: Duration,
    pub standard: Duration,
    pub heavy: Duration,
}

impl Terms {
    const DAY: Duration = Duration::from_hours(24);

    #[must_use]
    pub fn days(fast: u32, standard: u32, heavy: u32) -> Self {
        let days = |count| Self::DAY * count;
        Self { fast: days(fast), standard: days(standard), heavy: days(heavy) }
    }

    /// Returns the term of a track; an approval without a track is on the standard track.
    #[must_use]
    pub fn of(&self, track: Option<Track>) -> Duration {
        match track {
            Some(Track::Fast) => self.fast,
            Some(Track::Heavy) => self.heavy,
            Some(Track::Standard) | None => self.standard,
        }
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self::days(365, 180, 90)
    }
}

impl Rule {
    /// Returns a rule that selects these names and versions, and states nothing about them.
    #[must_use]
    pub fn selecting(
        place: Place,
        name: NamePattern,
        versions: VersionPattern,
        upstream: Option<String>,
    ) -> Self {
        Self {
            place,
            name,
            versions,
            upstream,
            tier: None,
            classification: None,
            owner: None,
            labels: None,
            reason: None,
            approval: None,
            allow: None,
            conditions: None,
            waive: None,
            on_drift: None,
            on_deprecated: None,
            successor: None,
        }
    }

    /// Returns the specificity; fields are taken from the greatest: name before version before
    /// upstream.
    #[must_use]
    pub fn rank(&self) -> (usize, u8, bool) {
        (self.name.rank(), self.versions.rank(), self.upstream.is_some())
    }

    /// Returns true if it selects one version of one server, so that the reviewer saw exactly that.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        self.name.is_exact() && self.versions.is_exact()
    }

    /// Returns its approval if the state is `approved`.
    #[must_use]
    pub fn approved(&self) -> Option<&Approval> {
        self.approval.as_ref().filter(|approval| approval.state == State::Approved)
    }

    /// Returns true if it selects every version of its names, from every upstream.
    #[must_use]
    pub fn selects_all(&self) -> bool {
        self.versions == VersionPattern::Any && self.upstream.is_none()
    }

    /// Returns what it selects, to compare rules by it.
    #[must_use]
    pub fn selection(&self) -> (&NamePattern, &VersionPattern, Option<&str>) {
        (&self.name, &self.versions, self.upstream.as_deref())
    }

    #[must_use]
    pub fn hides(&self) -> bool {
        self.approval.as_ref().is_some_and(|approval| approval.state.hides())
    }

    pub(super) fn denies(&self) -> bool {
        self.approval.as_ref().is_some_and(|approval| approval.state == State::Denied)
    }

    /// Returns the digest of all its members, whatever its file and its line. It is kept with decisions and events, so a
    /// member keeps its name and its form, and an absent one leaves no trace.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Texts, words and numbers have a JSON form.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Returns its selector, for messages.
    #[must_use]
    pub fn selector(&self) -> String {
        let mut text = self.name.to_string();
        if self.versions != VersionPattern::Any {
            text.push_str(&format!("@{}", self.versions));
        }
        if let Some(upstream) = &self.upstream {
            text.push_str(&format!(" of {upstream}"));
        }
        text
    }
}
