//! Makes the rule that a file is to state, from the sheet that was read and the rule that is there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::covered::{contents, covered_contents, declined, reference};
use super::decide_args::{ApproveArguments, Followed};
use super::error::CliError;
use super::explain::split_version;
use crate::daemon::ReviewSheet;
use crate::model::{Digest, Escaped, EscapedWhole, Timestamp, Version};
use crate::overlay::edit::{Decided, Decision, Expiry, states_expiry};
use crate::overlay::{NamePattern, Reviewed, Rule, State, VersionPattern};

/// The names and versions that a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub name: NamePattern,
    pub versions: VersionPattern,
    pub upstream: Option<String>,
}

impl Subject {
    /// Reads `NAME`, `NAME@VERSION` or `NAME@RANGE`.
    pub(super) fn parse(text: &str, upstream: Option<&str>) -> Result<Self, CliError> {
        let declined = |why: String| CliError::Declined(why);
        let (name, versions) = split_version(text);
        let name = NamePattern::parse(name)
            .map_err(|why| declined(format!("`{}` is not a server name: {why}", Escaped(name))))?;
        let versions = match versions {
            None => VersionPattern::Any,
            Some(versions) => VersionPattern::parse(versions).map_err(|why| {
                declined(format!("`{}` is neither a version nor a range: {why}", Escaped(versions)))
            })?,
        };
        Ok(Self { name, versions, upstream: upstream.map(str::to_owned) })
    }

    /// Returns a decision that leaves everything open but the state.
    pub(super) fn decision(&self, state: State, by: &str, reviewed: Timestamp) -> Decision {
        Decision {
            name: self.name.clone(),
            versions: self.versions.clone(),
            upstream: self.upstream.clone(),
            tier: None,
            classification: None,
            owner: None,
            reason: None,
            approval: Decided {
                state,
                track: None,
                reviewers: vec![by.to_owned()],
                reviewed,
                expires: None,
                scope: None,
                contents: None,
                reference: None,
                checks: Vec::new(),
            },
        }
    }
}

/// Demands that a sheet is the one that the person read.
pub(super) fn require_seen(text: &str, sheet: &ReviewSheet, seen: Digest) -> Result<(), CliError> {
    if sheet.digest == seen {
        return Ok(());
    }
    let versions: Vec<String> =
        sheet.shown.iter().map(|shown| EscapedWhole(&shown.version).to_string()).collect();
    Err(CliError::Declined(format!(
        "what would be approved is not what was read, and nothing was written: read it again, with `vidimus review {}`. \
         Contents, verdicts, alerts or rules changed since the sheet {seen}. That of now shows {}",
        EscapedWhole(text),
        versions.join(", ")
    )))
}

/// Returns the approval of what a sheet shows, with what the arguments add.
pub(super) fn approval(
    subject: &Subject,
    sheet: &ReviewSheet,
    arguments: &ApproveArguments,
    before: Option<&Rule>,
    now: Timestamp,
) -> Result<Decision, CliError> {
    let mut areas: Vec<_> = arguments.check.iter().map(|check| check.area).collect();
    areas.sort();
    let twice = areas.iter().zip(areas.iter().skip(1)).find(|(area, next)| area == next);
    if let Some((area, _)) = twice {
        return declined(format!("`--check {area}` is given twice; keep one of them"));
    }
    let contents = contents(sheet)?;
    let mut decision = of_sheet(subject, sheet, &arguments.by, contents, before, arguments.follow)?;
    decision.tier = arguments.tier;
    decision.classification = arguments.classification;
    decision.owner.clone_from(&arguments.owner);
    decision.reason.clone_from(&arguments.reason);
    let approval = &mut decision.approval;
    approval.track = arguments.track;
    approval.scope.clone_from(&arguments.scope);
    approval.checks.clone_from(&arguments.check);
    approval.expires.clone_from(&arguments.expires);
    if let (None, Some(expires), Some(rule)) = (&arguments.expires, stated_expiry(before), before)
        && expires <= now
    {
        return declined(format!(
            "the approval at {} states that it expired at {expires}; give `--expires DATE`, or renew it with `vidimus affirm`",
            rule.place
        ));
    }
    if let Some(expires) = arguments.expires.as_ref().filter(|expires| expires.at() <= now) {
        return declined(format!(
            "`--expires` ends at {}, and it is {now} already; give a later day",
            expires.at()
        ));
    }
    Ok(decision)
}

/// Returns an approval again, for what a sheet shows and for as much time as before.
pub(super) fn affirmation(
    subject: &Subject,
    sheet: &ReviewSheet,
    by: &str,
    before: Option<&Rule>,
    now: Timestamp,
) -> Result<Decision, CliError> {
    let Some(rule) = before.filter(|rule| rule.approved().is_some()) else {
        let mut others = sheet.decisions.iter();
        let other = others.find(|decision| decision.state == State::Approved.to_string());
        let other = other.map(|other| {
            format!(
                "; the approval of `{}` at {} covers it",
                Escaped(&other.selector),
                Escaped(&other.place)
            )
        });
        return declined(format!(
            "no overlay has an approval with this selection to affirm{}; `vidimus approve` writes one",
            other.unwrap_or_default()
        ));
    };
    let contents = covered_contents(sheet, rule)?;
    let mut decision = of_sheet(subject, sheet, by, contents, before, None)?;
    let reviewed = rule.approved().and_then(|approval| approval.reviewed).map(Reviewed::start);
    if let (Some(expires), Some(reviewed)) = (stated_expiry(before), reviewed) {
        let renewed = Expiry::parse(&renewed_day(reviewed, expires, sheet.as_of))
            .map_err(|why| CliError::Declined(why.to_owned()))?;
        if renewed.at() <= now {
            return declined(format!(
                "the data is of {}, and an approval of it for the same term as before ended at {} already; `vidimus sync` reads \
                 newer data",
                sheet.as_of,
                renewed.at()
            ));
        }
        decision.approval.expires = Some(renewed);
    } else if stated_expiry(before).is_some() {
        return declined(format!(
            "the approval at {} has `expires` and no `reviewed`, so that its term is not known; renew it with \
             `vidimus approve … --expires DATE`",
            rule.place
        ));
    }
    Ok(decision)
}

/// Returns the last day of an approval that is renewed for as many days as before. An approval ends with a day, so that
/// the hour of a review must not count: each renewal would add a part of a day.
fn renewed_day(reviewed: Timestamp, expires: Timestamp, renewed: Timestamp) -> String {
    const DAY: Duration = Duration::from_hours(24);
    let midnight = |at: Timestamp| {
        let day = Timestamp::parse(&format!("{}T00:00:00Z", at.day()));
        day.unwrap_or(at)
    };
    let days = midnight(expires).since(midnight(reviewed)).as_secs() / DAY.as_secs();
    let lasted = DAY.saturating_mul(days.try_into().unwrap_or(u32::MAX));
    midnight(renewed).plus(lasted).day()
}

/// Returns the end of an approval, if its file states it.
fn stated_expiry(rule: Option<&Rule>) -> Option<Timestamp> {
    rule.filter(|rule| states_expiry(rule))?.approved()?.expires
}

fn of_sheet(
    subject: &Subject,
    sheet: &ReviewSheet,
    by: &str,
    contents: BTreeMap<Version, Digest>,
    before: Option<&Rule>,
    follow: Option<Followed>,
) -> Result<Decision, CliError> {
    let other = sheet.shown.iter().find(|shown| {
        subject.upstream.as_ref().is_some_and(|upstream| *upstream != shown.upstream)
    });
    if let Some(other) = other {
        return declined(format!(
            "the sheet shows {} of the upstream {}, and not of that of `--upstream`; leave `--upstream` out, or name that one",
            EscapedWhole(&other.version),
            Escaped(&other.upstream)
        ));
    }
    let earlier = before.and_then(|rule| rule.approved()?.follow.as_ref());
    let is_one = subject.versions.is_exact();
    if follow.is_some() && is_one {
        return declined(
            "`--follow` is for a server or a range of versions; one version has no later ones"
                .to_owned(),
        );
    }
    let stated = earlier.and_then(|earlier| earlier.reference.as_ref());
    let reference = if follow.is_some() || earlier.is_some() {
        reference(sheet, &contents, stated)
    } else {
        None
    };
    if follow.is_some() && reference.is_none() {
        return declined(
            "`--follow benign` compares later versions with a release, and the sheet shows none with a semantic version"
                .to_owned(),
        );
    }
    let mut decision = subject.decision(State::Approved, by, sheet.as_of);
    decision.approval.contents = Some(contents);
    decision.approval.reference = reference;
    Ok(decision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewals_of_one_day_end_on_one_day() {
        let at = |text: &str| Timestamp::parse(text).expect("a time");
        let (now, mut expires) = (at("2026-06-15T18:30:00Z"), at("2026-12-12T23:59:59.999999Z"));
        let mut reviewed = at("2026-06-15T09:00:00Z");
        for _ in 0..4 {
            assert_eq!(renewed_day(reviewed, expires, now), "2026-12-12");
            (reviewed, expires) = (now, at("2026-12-12T23:59:59.999999Z"));
        }
        let (reviewed, expires) = (at("2026-01-01T00:00:00Z"), at("2026-01-31T23:59:59Z"));
        assert_eq!(renewed_day(reviewed, expires, now), "2026-07-15");
    }
}
