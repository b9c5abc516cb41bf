//! The versions that clients do not see after an approval, for a warning.

use std::cmp::Ordering;

use crate::curation::{Gate, IfApproved};
use crate::daemon::ReviewSheet;
use crate::model::{EscapedWhole, Version};
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

/// Returns a warning for each version that is served by `follow` and that the reference of a decision leaves behind: such
/// a version is compared with an earlier content only.
pub(super) fn left_behind(sheet: &ReviewSheet, decision: &Decision) -> Vec<String> {
    let (Some(reference), Some(contents)) =
        (&decision.approval.reference, &decision.approval.contents)
    else {
        return Vec::new();
    };
    let shown = sheet.shown.iter().filter(|shown| shown.is_served && shown.approved_by.is_none());
    let kept = sheet.kept.iter().filter(|kept| kept.followed);
    let followed = shown
        .map(|shown| shown.version.as_str())
        .chain(kept.map(|kept| kept.version.as_str()))
        .filter_map(|version| Version::parse(version).ok());
    let lost = followed.filter(|version| {
        !contents.contains_key(version) && !is_after(version, &reference.version)
    });
    let warning = |version: Version| {
        format!(
            "{0} was served by `follow`, and is not served any more: it is not after the reference {1}, and the rule does not \
             list it; `vidimus review {2}@{0}` shows it",
            EscapedWhole(version.as_str()),
            EscapedWhole(reference.version.as_str()),
            sheet.name
        )
    };
    lost.map(warning).collect()
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
    use crate::overlay::{Reference, State};

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
        let found = left_behind(&sheet, &decision);
        let named: Vec<&str> =
            found.iter().map(|warning| warning.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(named, wanted, "{found:?}");
    }
}
