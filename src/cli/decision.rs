//! Makes the rule that a file is to state, from the sheet that was read and the rule that is there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide_args::{ApproveArguments, Followed};
use super::error::CliError;
use super::explain::split_version;
use super::print::counted;
use crate::daemon::ReviewSheet;
use crate::model::{Digest, Escaped, EscapedWhole, Timestamp, Version};
use crate::overlay::edit::{Decided, Decision, Expiry, states_expiry};
use crate::overlay::{Contents, NamePattern, Reference, Reviewed, Rule, State, VersionPattern};

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
    let shown = sheet.shown.iter();
    let shown: Vec<String> =
        shown.map(|shown| format!("{} {}", EscapedWhole(&shown.version), shown.received)).collect();
    let kept = match sheet.kept.len() {
        0 => String::new(),
        count => {
            let kept = counted(count as u64, "other version", "other versions");
            format!(", and keeps {kept}")
        }
    };
    Err(CliError::Declined(format!(
        "what would be approved is not what was read, and nothing was written: read it again, with `vidimus review {}`. \
         Contents, verdicts, alerts or rules changed since the sheet {seen}. That of now has the digest {}, shows \
         {}{kept}",
        EscapedWhole(text),
        sheet.digest,
        shown.join(", ")
    )))
}

/// Returns the approval of what a sheet shows, with what the arguments add.
pub(super) fn approval(
    subject: &Subject,
    sheet: &ReviewSheet,
    arguments: &ApproveArguments,
    before: Option<&Rule>,
) -> Result<Decision, CliError> {
    let mut areas: Vec<_> = arguments.check.iter().map(|check| check.area).collect();
    areas.sort();
    let twice = areas.iter().zip(areas.iter().skip(1)).find(|(area, next)| area == next);
    if let Some((area, _)) = twice {
        return declined(format!("`--check {area}` is given twice; keep one of them"));
    }
    let mut decision = of_sheet(subject, sheet, &arguments.by, before, arguments.follow)?;
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
        && expires <= sheet.as_of
    {
        return declined(format!(
            "the approval at {} states that it expired at {expires}; give `--expires DATE`, or renew it with `vidimus affirm`",
            rule.place
        ));
    }
    if let Some(expires) = arguments.expires.as_ref().filter(|expires| expires.at() <= sheet.as_of)
    {
        return declined(format!(
            "`--expires` ends at {}, which is not after the review of {}; give a later day",
            expires.at(),
            sheet.as_of
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
) -> Result<Decision, CliError> {
    let Some(rule) = before.filter(|rule| rule.approved().is_some()) else {
        return declined(
            "no overlay has an approval with this selection to affirm; `vidimus approve` writes one".to_owned(),
        );
    };
    let mut decision = of_sheet(subject, sheet, by, before, None)?;
    let reviewed = rule.approved().and_then(|approval| approval.reviewed).map(Reviewed::start);
    if let (Some(expires), Some(reviewed)) = (stated_expiry(before), reviewed) {
        let lasted = expires.as_micros().saturating_sub(reviewed.as_micros());
        let lasted = Duration::from_micros(lasted.try_into().unwrap_or_default());
        let day = sheet.as_of.plus(lasted).day();
        let renewed = Expiry::parse(&day).map_err(|why| CliError::Declined(why.to_owned()))?;
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

fn declined<T>(why: String) -> Result<T, CliError> {
    Err(CliError::Declined(why))
}

/// Returns the end of an approval, if its file states it.
fn stated_expiry(rule: Option<&Rule>) -> Option<Timestamp> {
    rule.filter(|rule| states_expiry(rule))?.approved()?.expires
}

fn of_sheet(
    subject: &Subject,
    sheet: &ReviewSheet,
    by: &str,
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
    let contents = contents(sheet)?;
    let follows = before.and_then(|rule| rule.approved()?.follow.as_ref()).is_some();
    let is_one = subject.versions.is_exact();
    if follow.is_some() && is_one {
        return declined(
            "`--follow` is for a server or a range of versions; one version has no later ones"
                .to_owned(),
        );
    }
    let reference = if follow.is_some() || follows { greatest_release(&contents) } else { None };
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

/// Returns the versions that a sheet shows and keeps, with their digests.
fn contents(sheet: &ReviewSheet) -> Result<BTreeMap<Version, Digest>, CliError> {
    let shown = sheet.shown.iter().map(|shown| (&shown.version, shown.received));
    let kept = sheet.kept.iter().map(|kept| (&kept.version, kept.received));
    let mut contents = BTreeMap::new();
    for (text, digest) in shown.chain(kept) {
        let version = Version::parse(text).map_err(|why| CliError::Declined(why.to_string()))?;
        let other = contents.insert(version, digest).filter(|other| *other != digest);
        if other.is_some() {
            return declined(format!(
                "two upstreams have {} with different contents; approve one of them with `--upstream ID`",
                EscapedWhole(text)
            ));
        }
    }
    if sheet.kept_too_many || contents.len() > Contents::MAX {
        return declined(format!(
            "more than {} versions are served or approved, and one rule lists no more: approve a version or a range",
            Contents::MAX
        ));
    }
    Ok(contents)
}

/// Returns the greatest release of these contents: later versions are compared with it.
fn greatest_release(contents: &BTreeMap<Version, Digest>) -> Option<Reference> {
    let releases = contents.iter().filter_map(|(version, digest)| {
        let semantic = version.semantic().filter(|semantic| semantic.pre.is_empty())?;
        Some((semantic, version, digest))
    });
    let (_, version, digest) = releases.max_by(|left, right| left.0.cmp(&right.0))?;
    Some(Reference { version: version.clone(), digest: *digest })
}
