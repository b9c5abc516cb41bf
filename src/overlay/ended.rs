use std::collections::{BTreeSet, HashMap};

use super::{Approval, NamePattern, Reading, State};
use crate::lint::Finding;
use crate::lookalike::{Protected, Why};

/// Ends approvals of the last valid set that the files of a refused one do not give any more, and
/// returns a finding for each, at its rule in the valid set.
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
    let mut given: HashMap<_, Vec<&Approval>> = HashMap::new();
    for rule in &refused.rules {
        given.entry(rule.selection()).or_default().extend(rule.approved());
    }
    let mut ended = Vec::new();
    for rule in &mut valid.rules {
        let Some(approval) = rule.approved() else { continue };
        let is_given = || {
            let same = given.get(&rule.selection()).into_iter().flatten();
            same.into_iter().any(|now| gives(now, approval))
        };
        let file = rule.place.source.file.as_str();
        let key = (file.to_owned(), rule.place.span.start as u64);
        if before.contains(&key) || whole.contains(file) && !is_given() {
            let found = format!("the approval of `{}` ended", rule.selector());
            let allowed = "its file does not give it any more; correct the refused files";
            ended.push(Finding::warning(&rule.place, found, allowed));
            if let NamePattern::Exact(name) = &rule.name {
                let protected = Protected::new(name.to_string(), Why::Approved);
                valid.protection.listed.push(protected);
            }
            if let Some(approval) = &mut rule.approval {
                approval.state = State::Pending;
            }
        }
    }
    ended
}

/// Returns true if an approval covers at least what another one of the same selector does.
fn gives(now: &Approval, before: &Approval) -> bool {
    before.reviewed.is_none_or(|before| now.reviewed.is_some_and(|now| now.covers_all_of(before)))
        && now.expires.is_none_or(|now| before.expires.is_some_and(|before| now >= before))
        && (now.digest.is_none() || now.digest == before.digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::model::Timestamp;
    use crate::overlay::{Context, OverlaySet, Terms, parse};

    const GOOD: &str =
        "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-05-01}}]";

    fn parsed(files: &[(&str, &str)]) -> Reading {
        let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
        let context = Context { terms: Terms::default(), now, upstreams: None };
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
