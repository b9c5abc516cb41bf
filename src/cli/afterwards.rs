//! The versions that clients do not see after an approval, for a warning.

use std::cmp::Ordering;

use crate::curation::{Gate, IfApproved};
use crate::daemon::ReviewSheet;
use crate::model::{EscapedWhole, Version};
use crate::overlay::Rule;
use crate::overlay::edit::Decision;

/// Returns a warning for each version of a sheet that stays hidden after its approval, with the gates that it fails then.
pub(super) fn still_hidden(sheet: &ReviewSheet) -> Vec<String> {
    let hidden = sheet.shown.iter().filter(|shown| !shown.if_approved.hidden.is_empty());
    let warnings = hidden.map(|shown| {
        let mut failed = shown.if_approved.hidden.iter();
        let is_overruled = failed.any(|gate| gate.gate == Gate::Approved.as_str());
        let failed = shown.if_approved.hidden.iter();
        let failed: Vec<String> =
            failed.map(|gate| format!("{}: {}", gate.gate, gate.evidence)).collect();
        let (version, failed) = (&shown.version, failed.join("; "));
        let advice = if is_overruled {
            "; a denial or suspension overrides every approval: remove or narrow that rule to serve the version"
        } else {
            ""
        };
        format!(
            "{} is approved, and is not served before it passes: {}{advice}",
            EscapedWhole(version),
            EscapedWhole(&failed)
        )
    });
    warnings.collect()
}

/// Returns a warning for each version that has no tier or no owner after its approval, while the greatest approved version
/// has: the review queue lists it with those.
pub(super) fn without_facts(sheet: &ReviewSheet, decision: &Decision) -> Vec<String> {
    let warnings = sheet.shown.iter().filter_map(|shown| {
        let IfApproved { lost_tier, lost_owner, .. } = &shown.if_approved;
        let tier = lost_tier.filter(|_| decision.tier.is_none());
        let owner = lost_owner.as_ref().filter(|_| decision.owner.is_none());
        let facts = [
            tier.map(|tier| (format!("tier {tier}"), "--tier")),
            owner.map(|owner| (format!("owner {}", EscapedWhole(owner)), "--owner")),
        ];
        let (facts, options): (Vec<_>, Vec<_>) = facts.into_iter().flatten().unzip();
        let version = EscapedWhole(&shown.version);
        (!facts.is_empty()).then(|| {
            format!(
                "no rule gives {version} the {} of the version that was approved before; `{}` does",
                facts.join(" and the "),
                options.join("` and `")
            )
        })
    });
    warnings.collect()
}

/// Returns a warning for each version that is served by `follow` and that a decision leaves behind: its rule decides about
/// the version in place of the one that follows it, and neither lists nor follows it.
pub(super) fn left_behind(sheet: &ReviewSheet, decision: &Decision, rules: &[Rule]) -> Vec<String> {
    let Some(contents) = &decision.approval.contents else { return Vec::new() };
    let shown = sheet.shown.iter().filter(|shown| shown.is_served);
    let shown = shown.map(|shown| (&shown.version, &shown.upstream, shown.followed_by));
    let kept = sheet.kept.iter().map(|kept| (&kept.version, &kept.upstream, kept.followed_by));
    let followed = shown
        .chain(kept)
        .filter_map(|(version, upstream, by)| Some((Version::parse(version).ok()?, upstream, by?)));
    let reference = decision.approval.reference.as_ref();
    let lost = followed.filter(|(version, upstream, by)| {
        let follows = rules.iter().find(|rule| rule.digest() == *by);
        decision.versions.admits(version, version.semantic().as_ref())
            && decision.upstream.as_ref().is_none_or(|decided| decided == *upstream)
            && follows.is_none_or(|rule| decision.comes_before(rule))
            && !contents.contains_key(version)
            && !reference.is_some_and(|reference| is_after(version, &reference.version))
    });
    let why = match reference {
        Some(reference) => format!(
            "it is not after the reference {}, and the rule does not list it",
            EscapedWhole(reference.version.as_str())
        ),
        None => {
            "the rule of this decision comes before the one that follows it, and does not list it"
                .to_owned()
        }
    };
    let warning = |version: &Version| {
        format!(
            "{0} was served by `follow`, and is not served any more: {why}; `vidimus review {1}@{0}` shows it",
            EscapedWhole(version.as_str()),
            sheet.name
        )
    };
    lost.map(|(version, ..)| warning(&version)).collect()
}

/// Returns true if a version can follow a reference.
fn is_after(version: &Version, reference: &Version) -> bool {
    match (version.semantic(), reference.semantic()) {
        (Some(version), Some(reference)) => {
            version.major == reference.major
                && version.cmp_precedence(&reference) == Ordering::Greater
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::covered::tests::{digest, kept, sheet, shown};
    use super::super::covered::{contents, reference};
    use super::super::decision::Subject;
    use super::*;
    use crate::lint::Source;
    use crate::model::Timestamp;
    use crate::overlay::{Context, Reference, State, Terms, read};

    #[rstest::rstest]
    #[case::moved("1.3.0", "1.0.0", &["1.1.0", "1.2.0"])]
    #[case::to_another_major("2.0.0", "1.0.0", &["1.1.0", "1.2.0", "1.4.0"])]
    #[case::as_it_was("1.0.0", "1.0.0", &[])]
    fn followed_version_that_the_reference_reaches_is_named(
        #[case] version: &str,
        #[case] before: &str,
        #[case] wanted: &[&str],
    ) {
        let by = Some(digest("a rule"));
        let followed = ["1.1.0", "1.2.0", "1.4.0"].map(|version| kept(version, None));
        let listed = [kept("1.0.1", by)];
        let sheet = sheet(&[shown(version, by)], &[listed.as_slice(), &followed].concat());
        let subject = Subject::parse("com.a/x", None).expect("a subject");
        let mut decision = subject.decision(State::Approved, "alice", sheet.as_of);
        let covered = contents(&sheet).expect("contents");
        let before = Reference {
            version: Version::parse(before).expect("a version"),
            digest: digest("what was reviewed"),
        };
        decision.approval.reference = reference(&sheet, &covered, Some(&before));
        decision.approval.contents = Some(covered);
        let found = left_behind(&sheet, &decision, &[]);
        let named: Vec<&str> =
            found.iter().map(|warning| warning.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(named, wanted, "{found:?}");
    }

    #[rstest::rstest]
    #[case::more_specific_rule_goes_on("com.a/x, versions: '>=1, <2'", None, &[])]
    #[case::of_an_upstream_goes_on("com.a/x, upstream: official", None, &[])]
    #[case::outranked("com.a/x", Some("official"), &["1.1.0"])]
    #[case::of_another_upstream("com.a/x", Some("other"), &[])]
    #[case::edited("com.a/x", None, &["1.1.0"])]
    fn followed_version_is_left_behind_by_a_rule_that_comes_first(
        #[case] follows: &str,
        #[case] upstream: Option<&str>,
        #[case] wanted: &[&str],
    ) {
        let approval = "{state: approved, reviewed: 2026-01-01, expires: 2099-01-01}";
        let text = format!("servers: [{{name: {follows}, approval: {approval}}}]");
        let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
        let rules = read(&[Source::new("x.yaml", text)], &context).rules;
        let mut followed = kept("1.1.0", None);
        followed["followedBy"] = serde_json::json!(rules[0].digest());
        let sheet = sheet(&[shown("1.0.0", None)], &[followed]);
        let subject = Subject::parse("com.a/x", upstream).expect("a subject");
        let mut decision = subject.decision(State::Approved, "alice", sheet.as_of);
        decision.approval.contents = Some(contents(&sheet).expect("contents"));
        let found = left_behind(&sheet, &decision, &rules);
        let named: Vec<&str> =
            found.iter().map(|warning| warning.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(named, wanted, "{found:?}");
    }
}
