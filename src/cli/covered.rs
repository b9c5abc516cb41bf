//! The versions that an approval lists, from the sheet that was read.

use std::collections::BTreeMap;

use super::error::CliError;
use crate::daemon::ReviewSheet;
use crate::model::{Digest, EscapedWhole, Version};
use crate::overlay::{Contents, Reference, Rule};

/// Returns the versions that a sheet shows and keeps, with their digests. Those that no reviewer saw are left to `follow`.
pub(super) fn contents(sheet: &ReviewSheet) -> Result<BTreeMap<Version, Digest>, CliError> {
    let shown = sheet.shown.iter().map(|shown| (shown.version.as_str(), shown.received));
    let kept = sheet.kept.iter().filter(|kept| !kept.followed);
    let kept = kept.map(|kept| (kept.version.as_str(), kept.received));
    let contents = of_versions(shown.chain(kept))?;
    if sheet.kept_too_many || contents.len() > Contents::MAX {
        return declined(format!(
            "more than {} versions are served or approved, and one rule lists no more: approve a version or a range",
            Contents::MAX
        ));
    }
    Ok(contents)
}

/// Returns the versions that a rule covers, or covered until it expired, with their digests.
pub(super) fn covered_contents(
    sheet: &ReviewSheet,
    rule: &Rule,
) -> Result<BTreeMap<Version, Digest>, CliError> {
    let shown =
        sheet.shown.iter().map(|shown| (shown.version.as_str(), shown.received, shown.approved_by));
    let kept =
        sheet.kept.iter().map(|kept| (kept.version.as_str(), kept.received, kept.approved_by));
    let all: Vec<_> = shown.chain(kept).collect();
    let Some(listed) = rule.approved().and_then(|approval| approval.contents.as_ref()) else {
        let (digest, is_there) =
            (rule.digest(), "`vidimus approve` decides about those that are there");
        if sheet.kept_too_many {
            return declined(format!(
                "the approval at {} covers more than {} versions, and one rule lists no more: approve a version or a range",
                rule.place,
                Contents::MAX
            ));
        }
        let of_rule = all.iter().filter(|(_, _, approved_by)| *approved_by == Some(digest));
        let contents = of_versions(of_rule.map(|(version, received, _)| (*version, *received)))?;
        if contents.is_empty() {
            return declined(format!(
                "the approval at {} covers no version that the sheet shows; {is_there}",
                rule.place
            ));
        }
        return Ok(contents);
    };
    for content in listed.iter() {
        let version = content.version.as_str();
        let of_version = || all.iter().filter(|(other, ..)| *other == version);
        if of_version().any(|(_, received, _)| *received == content.digest) {
            continue;
        }
        let found = match of_version().next() {
            None => "which the sheet does not have".to_owned(),
            Some((_, received, _)) => format!("and the sheet has it with the content {received}"),
        };
        return declined(format!(
            "the approval at {} lists {} with the content {}, {found}; `vidimus approve` decides about what is there",
            rule.place,
            EscapedWhole(version),
            content.digest
        ));
    }
    Ok(listed.iter().map(|content| (content.version.clone(), content.digest)).collect())
}

fn of_versions<'v>(
    versions: impl Iterator<Item = (&'v str, Digest)>,
) -> Result<BTreeMap<Version, Digest>, CliError> {
    let mut contents = BTreeMap::new();
    for (text, digest) in versions {
        let version = Version::parse(text).map_err(|why| CliError::Declined(why.to_string()))?;
        let other = contents.insert(version, digest).filter(|other| *other != digest);
        if other.is_some() {
            return declined(format!(
                "two upstreams have {} with different contents; approve one of them with `--upstream ID`",
                EscapedWhole(text)
            ));
        }
    }
    Ok(contents)
}

/// Returns the version that later ones are compared with: the greatest release that is shown and covered, if that is
/// greater than the one before. What no reviewer saw never becomes it.
pub(super) fn reference(
    sheet: &ReviewSheet,
    contents: &BTreeMap<Version, Digest>,
    before: Option<&Reference>,
) -> Option<Reference> {
    let release = |version: &Version| version.semantic().filter(|semantic| semantic.pre.is_empty());
    let is_shown = |version: &Version, digest: Digest| {
        let mut shown = sheet.shown.iter();
        shown.any(|shown| shown.version == version.as_str() && shown.received == digest)
    };
    let releases = contents.iter().filter_map(|(version, digest)| {
        let semantic = release(version).filter(|_| is_shown(version, *digest))?;
        Some((semantic, version, digest))
    });
    let (greatest, version, digest) = releases.max_by(|left, right| left.0.cmp(&right.0))?;
    let is_behind = |before: &Reference| {
        let is_same = before.version == *version;
        !is_same && release(&before.version).is_some_and(|before| greatest <= before)
    };
    match before {
        Some(before) if is_behind(before) => Some(before.clone()),
        _ => Some(Reference { version: version.clone(), digest: *digest }),
    }
}

pub(super) fn declined<T>(why: String) -> Result<T, CliError> {
    Err(CliError::Declined(why))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::lint::Source;
    use crate::model::Timestamp;
    use crate::overlay::{Context, Terms, read};

    pub(in crate::cli) fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    pub(in crate::cli) fn shown(version: &str, approved_by: Option<Digest>) -> Value {
        let at = "2026-06-01T00:00:00Z";
        json!({
            "version": version, "upstream": "official", "received": digest(version),
            "isServed": false, "approvedBy": approved_by,
            "content": {"description": "d", "packages": [], "remotes": [], "other_members": [], "otherMembers": []},
            "dates": {"published": at, "updated": at, "firstSeen": at, "countsFrom": at,
                      "first_seen": at, "counts_from": at},
            "explanation": {"version": version, "upstream": "official", "served": false, "state": "pending",
                            "tier": null, "classification": null, "owner": null, "labels": [], "gates": []}
        })
    }

    pub(in crate::cli) fn kept(version: &str, approved_by: Option<Digest>) -> Value {
        let followed_by = approved_by.is_none().then(|| digest("a rule that follows"));
        json!({"version": version, "upstream": "official", "received": digest(version),
               "followed": approved_by.is_none(), "followedBy": followed_by, "approvedBy": approved_by})
    }

    pub(in crate::cli) fn sheet(shown: &[Value], kept: &[Value]) -> ReviewSheet {
        let sheet = json!({
            "name": "com.a/x", "asOf": "2026-06-01T00:00:00Z", "shown": shown, "kept": kept, "areas": [],
            "resemblances": [], "alerts": [], "decisions": [], "others": [], "digest": digest("sheet"), "command": "",
            "history": {"begins": "2026-06-01T00:00:00Z", "events": [], "more": 0, "rules": {}, "damaged": 0}
        });
        serde_json::from_value(sheet).expect("a sheet")
    }

    fn rule(contents: &[&str]) -> Rule {
        let listed: Vec<String> =
            contents.iter().map(|version| format!("'{version}': '{}'", digest(version))).collect();
        let contents = match listed.len() {
            0 => String::new(),
            _ => format!(", contents: {{{}}}", listed.join(", ")),
        };
        let text = format!(
            "servers: [{{name: com.a/x, approval: {{state: approved, reviewed: 2026-01-01{contents}}}}}]"
        );
        let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
        read(&[Source::new("x.yaml", text)], &context).rules.remove(0)
    }

    fn versions(contents: &BTreeMap<Version, Digest>) -> Vec<&str> {
        contents.keys().map(Version::as_str).collect()
    }

    #[test]
    fn version_that_no_reviewer_saw_is_left_to_follow() {
        let by = Some(digest("a rule"));
        let sheet = sheet(&[shown("1.1.0", None)], &[kept("1.0.0", by), kept("1.2.0", None)]);
        let listed = contents(&sheet).expect("contents");
        assert_eq!(versions(&listed), ["1.0.0", "1.1.0"]);
    }

    #[rstest::rstest]
    #[case::first(&["1.1.0"], None, Some("1.1.0"))]
    #[case::greater(&["1.1.0"], Some("1.0.0"), Some("1.1.0"))]
    #[case::kept_is_greater(&["1.1.0"], Some("1.3.0"), Some("1.3.0"))]
    #[case::no_release(&["2.0.0-rc.1"], Some("1.0.0"), None)]
    #[case::same_version_rewritten(&["1.1.0"], Some("1.1.0"), Some("1.1.0"))]
    fn reference_moves_only_to_a_greater_version_that_was_shown(
        #[case] of_sheet: &[&str],
        #[case] before: Option<&str>,
        #[case] wanted: Option<&str>,
    ) {
        let by = Some(digest("a rule"));
        let shown: Vec<Value> = of_sheet.iter().map(|version| shown(version, None)).collect();
        let sheet = sheet(&shown, &[kept("1.2.0", by), kept("1.9.0", None)]);
        let listed = contents(&sheet).expect("contents");
        let before = before.map(|version| Reference {
            version: Version::parse(version).expect("a version"),
            digest: digest("what was reviewed"),
        });
        let moved = reference(&sheet, &listed, before.as_ref());
        assert_eq!(moved.as_ref().map(|moved| moved.version.as_str()), wanted);
    }

    #[test]
    fn affirmation_lists_what_the_rule_lists_and_nothing_else() {
        let rule = rule(&["1.0.0", "1.1.0"]);
        let by = Some(rule.digest());
        let whole = sheet(&[shown("1.1.0", by)], &[kept("1.0.0", by), kept("1.2.0", None)]);
        let listed = covered_contents(&whole, &rule).expect("contents");
        assert_eq!(versions(&listed), ["1.0.0", "1.1.0"]);
        let waiting = sheet(&[shown("2.0.0", None)], &[kept("1.0.0", by)]);
        let refused =
            covered_contents(&waiting, &rule).expect_err("1.1.0 is not on it").to_string();
        assert!(refused.contains("lists 1.1.0") && refused.contains("does not have"), "{refused}");
        let mut rewritten = whole;
        rewritten.shown[0].received = digest("another content");
        let refused = covered_contents(&rewritten, &rule).expect_err("rewritten").to_string();
        let wanted = format!("has it with the content {}", digest("another content"));
        assert!(refused.contains("lists 1.1.0") && refused.contains(&wanted), "{refused}");
    }

    #[test]
    fn affirmation_without_contents_lists_what_the_rule_approves() {
        let rule = rule(&[]);
        let (by, other) = (Some(rule.digest()), Some(digest("another rule")));
        let sheet = sheet(
            &[shown("2.0.0", None)],
            &[kept("1.0.0", by), kept("1.1.0", other), kept("1.2.0", None)],
        );
        let listed = covered_contents(&sheet, &rule).expect("contents");
        assert_eq!(versions(&listed), ["1.0.0"]);
        let none = covered_contents(&super::tests::sheet(&[shown("2.0.0", None)], &[]), &rule);
        assert!(none.expect_err("nothing").to_string().contains("covers no version"));
    }
}
