use std::collections::{BTreeSet, HashMap};

use super::{
    Allow, Approval, Contents, Follow, ListedContent, NamePattern, NoLookalike, Reading, Rule,
    State, VersionPattern, Waive,
};
use crate::lint::{Finding, Place};
use crate::lookalike::{Protected, Why};
use crate::model::Version;

/// Ends approvals of the last valid set that the files of a refused one do not give any more, and returns a finding for
/// each, at its place in the valid set. The same holds for what else lets entries through: allowed URLs, waived
/// verification, and names that are declared not to be lookalikes.
///
/// An approval ends when its file is among the `whole` ones, which exist and parse without an error,
/// and no readable rule of any file gives it. A file that is gone or broken keeps what it gave: a lost
/// mount and a typing error end nothing. What ended `before` stays so, since deleting the file that
/// ended an approval must not bring it back.
///
/// An ended approval is pending, not absent: a wildcard must not admit what an exact rule limited. Its
/// name stays protected: what resembles it must not be served in its place.
pub fn end_approvals(
    valid: &mut Reading,
    refused: &Reading,
    whole: &BTreeSet<&str>,
    before: &BTreeSet<(String, u64)>,
) -> Vec<Finding> {
    let mut given: HashMap<Selection<'_>, Vec<&Rule>> = HashMap::new();
    for rule in &refused.rules {
        given.entry(rule.selection()).or_default().push(rule);
    }
    let mut ending = Ending { whole, before, findings: Vec::new() };
    for rule in &mut valid.rules {
        let ended = ending.of_rule(rule, &given);
        let has_ended = rule.approval.as_mut().is_some_and(|approval| ended.narrow(approval));
        if has_ended && let Some(approval) = &mut rule.approval {
            approval.state = State::Pending;
            if let NamePattern::Exact(name) = &rule.name {
                let protected = Protected::new(name.to_string(), Why::Approved);
                valid.protection.listed.push(protected);
            }
        }
        if ended.allow {
            rule.allow = None;
        }
        if ended.waive {
            rule.waive = None;
        }
    }
    for owner in valid.ownership.iter_mut().filter(|owner| owner.pins.waived.is_some()) {
        let is_given = || {
            let mut same = refused.ownership.iter().filter(|now| now.namespace == owner.namespace);
            same.any(|now| now.pins.waived.is_some())
        };
        if ending.ends(&owner.place, is_given, "the waiver of", || owner.namespace.to_string()) {
            owner.pins.waived = None;
        }
    }
    valid.protection.not_lookalikes.retain(|rule| {
        let is_same = |now: &NoLookalike| (&now.who, &now.target) == (&rule.who, &rule.target);
        let is_given = || refused.protection.not_lookalikes.iter().any(is_same);
        !ending.ends(&rule.place, is_given, "the `not_lookalike` of", || rule.target.clone())
    });
    ending.findings
}

type Selection<'r> = (&'r NamePattern, &'r VersionPattern, Option<&'r str>);

/// Decides what ends, and collects a finding for each.
struct Ending<'e> {
    whole: &'e BTreeSet<&'e str>,
    before: &'e BTreeSet<(String, u64)>,
    findings: Vec<Finding>,
}

/// The parts of a rule that end.
struct Ended {
    approval: bool,
    /// Versions that the approval lists.
    contents: BTreeSet<Version>,
    allow: bool,
    waive: bool,
}

impl Ended {
    /// Removes the versions that ended from what an approval lists; returns true if nothing of it is left.
    fn narrow(&self, approval: &mut Approval) -> bool {
        let follows = approval.follow.is_some();
        let Some(contents) = &mut approval.contents else { return self.approval };
        contents.retain(|content| !self.contents.contains(&content.version));
        self.approval || (contents.is_empty() && !follows)
    }
}

impl Ending<'_> {
    /// Returns which of the approval, the allowed URL and the waiver end.
    fn of_rule(&mut self, rule: &Rule, given: &HashMap<Selection<'_>, Vec<&Rule>>) -> Ended {
        let same = given.get(&rule.selection()).map(Vec::as_slice).unwrap_or_default();
        let approval = rule.approved().is_some_and(|approval| {
            let gives = |now: &&Rule| now.approved().is_some_and(|now| gives(now, approval));
            let is_given = || same.iter().any(gives);
            self.ends(&rule.place, is_given, "the approval of", || rule.selector())
        });
        let contents = if approval { BTreeSet::new() } else { self.of_contents(rule, same) };
        let allow = rule.allow.as_ref().is_some_and(|allow| {
            let allows = |now: &Allow| now.url == allow.url && now.expires >= allow.expires;
            let is_given = || same.iter().any(|now| now.allow.as_ref().is_some_and(allows));
            self.ends(&allow.place, is_given, "the allowed URL of", || rule.selector())
        });
        let waive = rule.waive.as_ref().is_some_and(|waive| {
            let waives =
                |now: &Waive| now.condition == waive.condition && now.expires >= waive.expires;
            let is_given = || same.iter().any(|now| now.waive.as_ref().is_some_and(waives));
            self.ends(&waive.place, is_given, "the waived condition of", || rule.selector())
        });
        Ended { approval, contents, allow, waive }
    }

    /// Returns the listed versions whose approval ends: no approval of the same selection covers them any more.
    fn of_contents(&mut self, rule: &Rule, same: &[&Rule]) -> BTreeSet<Version> {
        let contents = rule.approved().and_then(|approval| approval.contents.as_ref());
        let listed = contents.into_iter().flat_map(Contents::iter);
        let ended = listed.filter(|content| {
            let covers = |now: &Approval| covers_content(rule, now, content);
            let is_given = || same.iter().any(|now| now.approved().is_some_and(covers));
            let entry = || format!("{}@{}", rule.name, content.version);
            self.ends(&content.place_in(&rule.place.source), is_given, "the approval of", entry)
        });
        ended.map(|content| content.version.clone()).collect()
    }

    fn ends(
        &mut self,
        place: &Place,
        is_given: impl FnOnce() -> bool,
        what: &str,
        whose: impl FnOnce() -> String,
    ) -> bool {
        let file = place.source.file.as_str();
        let key = (file.to_owned(), place.span.start as u64);
        let ends = self.before.contains(&key) || self.whole.contains(file) && !is_given();
        if ends {
            let found = format!("{what} `{}` ended", whose());
            let allowed = "its file does not give it any more; correct the refused files";
            self.findings.push(Finding::warning(place, found, allowed));
        }
        ends
    }
}

/// Returns true if an approval of the same selection covers a listed content. Without `contents` only one exact version
/// is sure to be covered: the time of a review does not say which content of a version was seen.
fn covers_content(rule: &Rule, now: &Approval, content: &ListedContent) -> bool {
    match (&now.contents, now.digest) {
        (Some(now), _) => now.has(content),
        (None, Some(digest)) => digest == content.digest,
        (None, None) => rule.is_exact(),
    }
}

/// Returns true if an approval covers at least what another one of the same selector does, apart from what `before`
/// lists by version.
fn gives(now: &Approval, before: &Approval) -> bool {
    before.reviewed.is_none_or(|before| now.reviewed.is_some_and(|now| now.covers_all_of(before)))
        && now.expires.is_none_or(|now| before.expires.is_some_and(|before| now >= before))
        && covers_unlisted(now, before)
        && now.artefacts.iter().all(|(file, digest)| before.artefacts.get(file) == Some(digest))
        && before.follow.as_ref().is_none_or(|before| {
            let follows_as_much =
                |now: &Follow| now.reference == before.reference && now.cooldown <= before.cooldown;
            now.follow.as_ref().is_some_and(follows_as_much)
        })
}

/// Returns true if an approval is not limited to other contents than one that lists none.
fn covers_unlisted(now: &Approval, before: &Approval) -> bool {
    match (&now.contents, &before.contents) {
        // Each listed version is compared by itself.
        (_, Some(_)) => true,
        (Some(now), None) => before.digest.is_some_and(|digest| {
            // Only a rule for one exact version has a digest.
            now.iter().all(|content| content.digest == digest)
        }),
        (None, None) => now.digest.is_none() || now.digest == before.digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::overlay::tests::context;
    use crate::overlay::{OverlaySet, parse};

    const GOOD: &str =
        "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-05-01}}]";

    fn parsed(files: &[(&str, &str)]) -> Reading {
        let context = context();
        let sources: Vec<_> = files.iter().map(|(file, text)| Source::new(*file, *text)).collect();
        parse(&sources, &context)
    }

    /// P26.
    #[rstest::rstest]
    //       a.yaml now, whole                      another file, readable                      ended
    #[case(Some((GOOD, true)), None, false)]
    #[case(Some(("# nothing", true)), None, true)]
    #[case(Some(("# nothing", true)), Some(GOOD), false)]
    #[case(Some(("# nothing", false)), None, false)]
    #[case(None, None, false)]
    #[case(Some(("servers: [{name: com.a/x, approval: {state: pending}}]", true)), None, true)]
    #[case(Some(("servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-04-01}}]", true)), None, true)]
    #[case(Some(("servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-05-02}}]", true)), None, false)]
    #[case(Some(("servers: [{name: com.a/*, approval: {state: approved, reviewed: 2026-05-01}}]", true)), None, true)]
    fn approval_ends_when_its_file_parses_and_no_readable_file_gives_it(
        #[case] own: Option<(&str, bool)>,
        #[case] other: Option<&str>,
        #[case] has_ended: bool,
    ) {
        let mut valid = parsed(&[("a.yaml", GOOD)]);
        let files: Vec<(&str, &str)> = own
            .map(|(text, _)| ("a.yaml", text))
            .into_iter()
            .chain(other.map(|text| ("b.yaml", text)))
            .collect();
        let whole = own.filter(|(_, whole)| *whole).map(|_| "a.yaml").into_iter().collect();
        let ended = end_approvals(&mut valid, &parsed(&files), &whole, &BTreeSet::new());
        assert_eq!(ended.len(), usize::from(has_ended));
        let state = valid.rules[0].approval.as_ref().map(|approval| approval.state);
        assert_eq!(state, Some(if has_ended { State::Pending } else { State::Approved }));
    }

    const DIGEST_A: &str =
        "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const DIGEST_B: &str =
        "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    /// P26.
    #[rstest::rstest]
    //                before                               now                                                    listed after
    #[case::same(
        "contents: {1.0.0: A, 1.1.0: B}",
        "contents: {1.0.0: A, 1.1.0: B}",
        Some("1.0.0 1.1.0")
    )]
    #[case::more("contents: {1.0.0: A}", "contents: {1.0.0: A, 1.1.0: B}", Some("1.0.0"))]
    #[case::one_lost("contents: {1.0.0: A, 1.1.0: B}", "contents: {1.1.0: B}", Some("1.1.0"))]
    #[case::other_digest(
        "contents: {1.0.0: A, 1.1.0: B}",
        "contents: {1.0.0: A, 1.1.0: A}",
        Some("1.0.0")
    )]
    #[case::all_lost("contents: {1.0.0: A}", "contents: {1.2.0: A}", None)]
    #[case::only_a_date("contents: {1.0.0: A}", "scope: x", None)]
    #[case::narrowed("scope: x", "contents: {1.0.0: A}", None)]
    fn listed_content_ends_when_its_file_does_not_list_it_any_more(
        #[case] before: &str,
        #[case] now: &str,
        #[case] wanted: Option<&str>,
    ) {
        let text = |fields: &str| {
            let fields = fields.replace(": A", &format!(": '{DIGEST_A}'"));
            let fields = fields.replace(": B", &format!(": '{DIGEST_B}'"));
            format!(
                "servers: [{{name: com.a/x, approval: {{state: approved, reviewed: 2026-05-01, {fields}}}}}]"
            )
        };
        let (before, now) = (text(before), text(now));
        let mut valid = parsed(&[("a.yaml", &before)]);
        let whole = BTreeSet::from(["a.yaml"]);
        let ended =
            end_approvals(&mut valid, &parsed(&[("a.yaml", &now)]), &whole, &BTreeSet::new());
        let approval = valid.rules[0].approval.as_ref().expect("an approval");
        let contents = approval.contents.iter().flat_map(Contents::iter);
        let listed: Vec<&str> = contents.map(|content| content.version.as_str()).collect();
        match wanted {
            Some(wanted) => {
                assert_eq!((approval.state, &*listed.join(" ")), (State::Approved, wanted));
            }
            None => assert_eq!(approval.state, State::Pending),
        }
        // What ended stays so when the edited file is deleted.
        let places = ended.iter().map(|finding| &finding.place);
        let places = places.map(|place| ("a.yaml".to_owned(), place.span.start as u64)).collect();
        let mut again = parsed(&[("a.yaml", &before)]);
        end_approvals(&mut again, &parsed(&[]), &BTreeSet::new(), &places);
        assert_eq!(again.rules[0].approval, valid.rules[0].approval);
    }

    /// P26.
    #[rstest::rstest]
    #[case::url(
        "servers: [{name: com.a/x, versions: 1.0.0, allow: {url: 'https://10.0.0.1', reason: r, reviewer: a, expires: 2026-12-01}}]"
    )]
    #[case::waiver("namespaces: [{name: com.a, ownership: {waived: {reason: r, reviewer: a}}}]")]
    #[case::not_lookalike(
        "servers: [{name: com.a/x, not_lookalike: {target: stripe, reason: r, reviewer: a}}]"
    )]
    fn exception_ends_when_its_file_parses_and_no_readable_file_gives_it(#[case] text: &str) {
        let whole = BTreeSet::from(["a.yaml"]);
        let ended = |now: &[(&str, &str)], whole: &BTreeSet<&str>| {
            let mut valid = parsed(&[("a.yaml", text)]);
            let ended = end_approvals(&mut valid, &parsed(now), whole, &BTreeSet::new());
            let left = valid.rules.iter().filter(|rule| rule.allow.is_some()).count()
                + valid.protection.not_lookalikes.len()
                + valid.ownership.iter().filter(|owner| owner.pins.waived.is_some()).count();
            (ended.len(), left)
        };
        assert_eq!(ended(&[("a.yaml", "# nothing")], &whole), (1, 0));
        assert_eq!(ended(&[("a.yaml", "# nothing"), ("b.yaml", text)], &whole), (0, 1));
        assert_eq!(ended(&[("a.yaml", "# nothing")], &BTreeSet::new()), (0, 1), "it is broken");
    }

    #[test]
    fn ended_approval_stays_ended_when_the_edited_file_is_deleted() {
        let mut valid = parsed(&[("a.yaml", GOOD)]);
        let before =
            BTreeSet::from([("a.yaml".to_owned(), valid.rules[0].place.span.start as u64)]);
        let ended = end_approvals(&mut valid, &parsed(&[]), &BTreeSet::new(), &before);
        assert_eq!(ended.len(), 1);
    }

    #[test]
    fn name_of_an_ended_approval_stays_protected() {
        let mut valid = parsed(&[("a.yaml", GOOD)]);
        let whole = BTreeSet::from(["a.yaml"]);
        let nothing = parsed(&[("a.yaml", "# nothing")]);
        let ended = end_approvals(&mut valid, &nothing, &whole, &BTreeSet::new());
        assert_eq!(ended.len(), 1);
        let before = OverlaySet::from(parsed(&[("a.yaml", GOOD)])).protected();
        assert_eq!(OverlaySet::from(valid).protected(), before);
    }
}
