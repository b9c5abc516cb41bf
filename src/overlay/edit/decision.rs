use std::collections::BTreeMap;

use super::super::checklist::{Check, Checklist};
use super::super::expires::last_moment;
use super::super::follow::COOLDOWN;
use super::super::later::{Follow, Reference};
use super::super::listed::{Contents, ListedContent};
use super::super::rule::{Approval, Classification, Rule, State, Terms, Track};
use super::super::{Context, NamePattern, Reviewed, VersionPattern};
use super::refusal::Refusal;
use super::value::{Member, Value, as_item, flow};
use crate::lint::{Place, Severity, Source};
use crate::model::{Digest, Timestamp, Version};

/// A decision about one selection, as a file is to state it. What it leaves open stays as the rule has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub name: NamePattern,
    pub versions: VersionPattern,
    pub upstream: Option<String>,
    pub tier: Option<u8>,
    pub classification: Option<Classification>,
    pub owner: Option<String>,
    pub reason: Option<String>,
    pub approval: Decided,
}

/// The approval that a decision states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub state: State,
    pub track: Option<Track>,
    pub reviewers: Vec<String>,
    pub reviewed: Timestamp,
    pub expires: Option<Expiry>,
    pub scope: Option<String>,
    /// The versions that were shown, with their digests. They replace those of the rule, and a digest.
    pub contents: Option<BTreeMap<Version, Digest>>,
    /// The version that later ones are compared with.
    pub reference: Option<Reference>,
    /// Answers, which replace those for the same areas.
    pub checks: Vec<Check>,
}

/// The end of an approval, as a file states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    text: String,
    at: Timestamp,
}

impl Expiry {
    /// Reads a date, or an RFC 3339 date and time.
    ///
    /// # Errors
    /// A text that says what is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(Self { text: text.to_owned(), at: last_moment(text)? })
    }

    /// Returns the last moment of the approval.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// The members that only an approval has.
const OF_APPROVALS: [&str; 7] =
    ["artefacts", "expires", "digest", "contents", "follow", "reference", "cooldown"];

impl Decision {
    /// Refuses what no file could state.
    pub(super) fn refuse_invalid(&self, context: &Context<'_>) -> Result<(), Refusal> {
        let text = format!("servers:\n{}", self.item_text());
        let findings = super::super::parse(&[Source::new("", text)], context).findings;
        let mut errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        errors.next().map_or(Ok(()), |error| Err(Refusal::Invalid(error)))
    }

    /// Returns true if the approval of a rule gives way to this one, for a version that both select.
    #[must_use]
    pub fn comes_before(&self, rule: &Rule) -> bool {
        let rank = (self.name.rank(), self.versions.rank(), self.upstream.is_some());
        rank >= rule.rank()
    }

    /// Returns the rules that take the decision. A denial is stated by every rule that has an approval, since equal rules
    /// must not contradict each other.
    #[must_use]
    pub fn rules_in<'r>(&self, rules: &'r [Rule]) -> Vec<&'r Rule> {
        let selection = (&self.name, &self.versions, self.upstream.as_deref());
        let approving = rules.iter().filter(|rule| rule.approval.is_some());
        let approving: Vec<&Rule> =
            approving.filter(|rule| rule.selection() == selection).collect();
        if self.approval.state.hides() && !approving.is_empty() {
            approving
        } else {
            rule_taking(selection, rules).into_iter().collect()
        }
    }

    /// Returns the rule that a file has to state after the edit. `is_explicit` says that the rule stated its expiry.
    pub(super) fn meant(
        &self,
        before: Option<&Rule>,
        is_explicit: bool,
        terms: Terms,
        place: &Place,
    ) -> Rule {
        let rule = before.cloned().unwrap_or_else(|| self.empty_rule(place));
        let approval = self.approval.meant(rule.approval.as_ref(), is_explicit, terms);
        let earlier = if self.ends_reason(before) { None } else { rule.reason };
        Rule {
            tier: self.tier.or(rule.tier),
            classification: self.classification.or(rule.classification),
            owner: self.owner.clone().or(rule.owner),
            reason: self.reason.clone().or(earlier),
            approval: Some(approval),
            ..rule
        }
    }

    /// Returns true if the reason of the rule is one for another state.
    fn ends_reason(&self, before: Option<&Rule>) -> bool {
        let approval = before.and_then(|rule| rule.approval.as_ref());
        self.reason.is_none() && approval.is_some_and(|before| before.state != self.approval.state)
    }

    fn empty_rule(&self, place: &Place) -> Rule {
        let Self { name, versions, upstream, .. } = self.clone();
        Rule::selecting(place.clone(), name, versions, upstream)
    }

    /// Returns the members that an edit of this rule sets and removes.
    pub(super) fn members(&self, before: Option<&Rule>) -> Vec<Member> {
        let text = |key: &str, value: Option<String>| {
            value.map(|text| (key.to_owned(), Some(Value::Text(text))))
        };
        let tier = self.tier.map(|tier| ("tier".to_owned(), Some(Value::Number(tier))));
        let classification = self.classification.map(|class| class.to_string());
        let of_approval = self.approval.members(before.and_then(|rule| rule.approval.as_ref()));
        [
            tier,
            text("classification", classification),
            text("owner", self.owner.clone()),
            text("reason", self.reason.clone()),
            self.ends_reason(before).then(|| ("reason".to_owned(), None)),
            Some(("approval".to_owned(), Some(Value::Mapping(of_approval)))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Returns the members of a rule of its own.
    fn all_members(&self) -> Vec<Member> {
        let text = |key: &str, value: String| (key.to_owned(), Some(Value::Text(value)));
        let versions = (self.versions != VersionPattern::Any).then(|| self.versions.to_string());
        let mut members = vec![text("name", self.name.to_string())];
        members.extend(versions.map(|versions| text("versions", versions)));
        members.extend(self.upstream.clone().map(|upstream| text("upstream", upstream)));
        members.extend(self.members(None));
        members
    }

    /// Returns the decision as an item of a list in block style, its dash behind this many blanks.
    pub(super) fn block_item(&self, indent: usize) -> String {
        as_item(&self.all_members(), indent)
    }

    /// Returns the decision as an item of a list in flow style.
    pub(super) fn flow_item(&self) -> String {
        flow(&Value::Mapping(self.all_members()))
    }

    /// Returns the decision as an item below `servers`.
    #[must_use]
    pub fn item_text(&self) -> String {
        self.block_item(2)
    }
}

/// Returns the rule that takes a decision about a selection: the one with exactly this selection; of several, the one with
/// an approval.
#[must_use]
pub fn rule_taking<'r>(
    selection: (&NamePattern, &VersionPattern, Option<&str>),
    rules: &'r [Rule],
) -> Option<&'r Rule> {
    let same: Vec<&Rule> = rules.iter().filter(|rule| rule.selection() == selection).collect();
    let mut approving = same.iter().copied().filter(|rule| rule.approval.is_some());
    match (approving.next(), approving.next()) {
        (Some(only), None) => Some(only),
        (None, _) if same.len() == 1 => same.first().copied(),
        _ => None,
    }
}

impl Decided {
    fn meant(&self, before: Option<&Approval>, is_explicit: bool, terms: Terms) -> Approval {
        let is_approved = self.state == State::Approved;
        let track = self.track.or(before.and_then(|before| before.track));
        let explicit = before.and_then(|before| before.expires).filter(|_| is_explicit);
        let term = self.reviewed.plus(terms.of(track));
        let expires = self.expires.as_ref().map(Expiry::at).or(explicit).unwrap_or(term);
        let listed = self.contents.iter().flatten().map(|(version, digest)| ListedContent {
            span: 0..0,
            version: version.clone(),
            digest: *digest,
        });
        let contents = self.contents.as_ref().map(|_| Contents::new(listed.collect()));
        let unlisted = self.contents.is_none();
        let digest = before.and_then(|before| before.digest).filter(|_| unlisted);
        let kept_contents = before.and_then(|before| before.contents.clone());
        let earlier = before.and_then(|before| before.follow.clone());
        let follow = match (&self.reference, earlier) {
            (Some(reference), earlier) => Some(Follow {
                reference: Some(reference.clone()),
                cooldown: earlier.map_or(COOLDOWN, |earlier| earlier.cooldown),
            }),
            (None, earlier) => earlier,
        };
        Approval {
            state: self.state,
            track,
            reviewers: self.reviewers.clone(),
            reviewed: Some(Reviewed::At(self.reviewed)),
            expires: is_approved.then_some(expires),
            scope: self.scope.clone().or_else(|| before.and_then(|before| before.scope.clone())),
            digest: digest.filter(|_| is_approved),
            contents: contents.or(kept_contents).filter(|_| is_approved),
            artefacts: before
                .filter(|_| is_approved)
                .map_or_else(BTreeMap::new, |before| before.artefacts.clone()),
            checklist: self.checklist(before),
            follow: follow.filter(|_| is_approved),
        }
    }

    /// Returns true if it covers a content that the approval before did not pin: then the answers are about another one.
    fn covers_other(&self, before: &Approval) -> bool {
        let mut contents = self.contents.iter().flatten();
        contents.any(|(version, digest)| before.pin_of(version) != Some(*digest))
    }

    /// Returns the answers that stay.
    fn kept_checklist<'a>(&self, before: Option<&'a Approval>) -> Option<&'a Checklist> {
        before.filter(|before| !self.covers_other(before))?.checklist.as_ref()
    }

    fn checklist(&self, before: Option<&Approval>) -> Option<Checklist> {
        let earlier = self.kept_checklist(before);
        if self.checks.is_empty() {
            return earlier.cloned();
        }
        let earlier = earlier.into_iter().flat_map(Checklist::iter);
        Some(Checklist::new(earlier.chain(&self.checks).cloned()))
    }

    fn members(&self, before: Option<&Approval>) -> Vec<Member> {
        let text = |value: String| Some(Value::Text(value));
        let mut members: Vec<Member> = vec![("state".to_owned(), text(self.state.to_string()))];
        let mut set = |key: &str, value: Option<Value>| {
            if value.is_some() {
                members.push((key.to_owned(), value));
            }
        };
        set("track", self.track.and_then(|track| text(track.to_string())));
        set("reviewers", Some(Value::List(self.reviewers.clone())));
        set("reviewed", text(self.reviewed.to_rfc3339()));
        set("expires", self.expires.as_ref().and_then(|expires| text(expires.text.clone())));
        set("scope", self.scope.clone().and_then(text));
        let listed = before.and_then(|before| before.contents.as_ref());
        set("contents", self.contents.as_ref().map(|contents| of_contents(contents, listed)));
        if let Some(reference) = &self.reference {
            set("follow", text("benign".to_owned()));
            let version = ("version".to_owned(), text(reference.version.to_string()));
            let digest = ("digest".to_owned(), text(reference.digest.to_string()));
            set("reference", Some(Value::Mapping(vec![version, digest])));
        }
        let mut checks: Vec<Member> = self.checks.iter().map(of_check).collect();
        let has_checks = !checks.is_empty();
        if self.kept_checklist(before).is_none() {
            let stated = before.and_then(|before| before.checklist.as_ref());
            let gone = stated.into_iter().flat_map(Checklist::iter).map(|check| check.area);
            let is_given = |area| self.checks.iter().any(|check| check.area == area);
            checks
                .extend(gone.filter(|area| !is_given(*area)).map(|area| (area.to_string(), None)));
        }
        set("checklist", has_checks.then_some(Value::Mapping(checks)));
        if self.state != State::Approved {
            members.extend(OF_APPROVALS.map(|key| (key.to_owned(), None)));
        } else if self.contents.is_some() {
            members.push(("digest".to_owned(), None));
        }
        if !has_checks && self.kept_checklist(before).is_none() {
            members.push(("checklist".to_owned(), None));
        }
        members
    }
}

/// Returns the contents as they are to be, and the removal of those that are listed no longer.
fn of_contents(contents: &BTreeMap<Version, Digest>, listed: Option<&Contents>) -> Value {
    let set = contents
        .iter()
        .map(|(version, digest)| (version.to_string(), Some(Value::Text(digest.to_string()))));
    let listed = listed.into_iter().flat_map(Contents::iter);
    let gone = listed.filter(|content| !contents.contains_key(&content.version));
    Value::Mapping(set.chain(gone.map(|content| (content.version.to_string(), None))).collect())
}

fn of_check(check: &Check) -> Member {
    let answer = ("answer".to_owned(), Some(Value::Text(check.answer.to_string())));
    let note = ("note".to_owned(), check.note.clone().map(Value::Text));
    (check.area.to_string(), Some(Value::Mapping(vec![answer, note])))
}
