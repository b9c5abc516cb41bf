//! The content of a rule as data, without the place where it stands: two rules with equal content decide alike.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::VersionPattern;
use super::checklist::{Answer, Check, Checklist};
use super::conditions::{Conditions, Waive};
use super::later::{Follow, OnDeprecated, OnDrift, Reference};
use super::listed::Contents;
use super::rule::{Allow, Approval, Classification, Rule, State, Track};
use crate::model::{Digest, Timestamp};
use crate::ownership::Requirement;

/// Everything that a rule states, as data of a fixed form. A digest of it is kept with decisions, so a member keeps its
/// name and its form, and one that is absent leaves no trace: a later member changes no digest of a rule without it.
#[derive(Debug, Serialize)]
pub struct RuleContent<'r> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<VersionsContent<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classification: Option<Classification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'r [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval: Option<ApprovalContent<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<AllowContent<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<ConditionsContent<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waive: Option<WaiveContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_drift: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_deprecated: Option<DeprecatedContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<&'r str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum VersionsContent<'r> {
    Exact(&'r str),
    Range(String),
}

#[derive(Debug, Serialize)]
struct ApprovalContent<'r> {
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<Track>,
    reviewers: &'r [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contents: Option<BTreeMap<&'r str, Digest>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checklist: Option<BTreeMap<String, (Answer, Option<&'r str>)>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow: Option<FollowContent<'r>>,
}

#[derive(Debug, Serialize)]
struct FollowContent<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<(&'r str, Digest)>,
    cooldown_seconds: u64,
}

#[derive(Debug, Serialize)]
struct AllowContent<'r> {
    url: &'r str,
    expires: Timestamp,
}

#[derive(Debug, Serialize)]
struct ConditionsContent<'r> {
    lists: BTreeMap<&'static str, &'r BTreeSet<String>>,
    pinned_packages: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ownership: Option<Requirement>,
}

#[derive(Debug, Serialize)]
struct WaiveContent {
    condition: &'static str,
    expires: Timestamp,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum DeprecatedContent {
    Keep,
    HideAfterSeconds(u64),
}

impl Rule {
    /// Returns everything that the rule states; deliberately not its place.
    #[must_use]
    pub fn content(&self) -> RuleContent<'_> {
        let Self {
            place: _,
            name,
            versions,
            upstream,
            tier,
            classification,
            owner,
            labels,
            reason,
            approval,
            allow,
            conditions,
            waive,
            on_drift,
            on_deprecated,
            successor,
        } = self;
        RuleContent {
            name: name.to_string(),
            versions: match versions {
                VersionPattern::Exact(version) => Some(VersionsContent::Exact(version.as_str())),
                VersionPattern::Range(range) => Some(VersionsContent::Range(range.to_string())),
                VersionPattern::Any => None,
            },
            upstream: upstream.as_deref(),
            tier: *tier,
            classification: *classification,
            owner: owner.as_deref(),
            labels: labels.as_deref(),
            reason: reason.as_deref(),
            approval: approval.as_ref().map(ApprovalContent::of),
            allow: allow
                .as_ref()
                .map(|Allow { place: _, url, expires }| AllowContent { url, expires: *expires }),
            conditions: conditions.as_ref().map(ConditionsContent::of),
            waive: waive.as_ref().map(|Waive { place: _, condition, expires }| WaiveContent {
                condition: condition.as_str(),
                expires: *expires,
            }),
            on_drift: on_drift.map(|on_drift| match on_drift {
                OnDrift::Keep => "keep",
                OnDrift::Suspend => "suspend",
            }),
            on_deprecated: on_deprecated.map(|on_deprecated| match on_deprecated {
                OnDeprecated::Keep => DeprecatedContent::Keep,
                OnDeprecated::HideAfter(time) => {
                    DeprecatedContent::HideAfterSeconds(time.as_secs())
                }
            }),
            successor: successor.as_ref().map(|name| name.as_str()),
        }
    }
}

impl<'r> ApprovalContent<'r> {
    fn of(approval: &'r Approval) -> Self {
        let Approval {
            state,
            track,
            reviewers,
            reviewed,
            expires,
            scope,
            digest,
            contents,
            checklist,
            follow,
        } = approval;
        let listed = |contents: &'r Contents| {
            contents.iter().map(|content| (content.version.as_str(), content.digest)).collect()
        };
        let answers = |checklist: &'r Checklist| {
            let answer =
                |check: &'r Check| (check.area.to_string(), (check.answer, check.note.as_deref()));
            checklist.iter().map(answer).collect()
        };
        Self {
            state: *state,
            track: *track,
            reviewers,
            reviewed: reviewed.map(|reviewed| reviewed.to_string()),
            expires: *expires,
            scope: scope.as_deref(),
            digest: *digest,
            contents: contents.as_ref().map(listed),
            checklist: checklist.as_ref().map(answers),
            follow: follow.as_ref().map(|Follow { reference, cooldown }| FollowContent {
                reference: reference
                    .as_ref()
                    .map(|Reference { version, digest }| (version.as_str(), *digest)),
                cooldown_seconds: cooldown.as_secs(),
            }),
        }
    }
}

impl<'r> ConditionsContent<'r> {
    fn of(conditions: &'r Conditions) -> Self {
        let Conditions { lists, pinned_packages, ownership } = conditions;
        Self {
            lists: lists.iter().map(|(condition, values)| (condition.as_str(), values)).collect(),
            pinned_packages: *pinned_packages,
            ownership: *ownership,
        }
    }
}
