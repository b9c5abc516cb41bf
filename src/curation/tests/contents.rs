//! Approvals that list the contents they cover.

use proptest::prelude::*;

use super::fixtures::{JANUARY, MARCH, at, dossier, head, overlays, policy, row, upstream, with};
use crate::curation::{ContentHead, DossierRow, Gate, OwnershipPolicy, Screening, evaluate};
use crate::model::{Digest, Head, Status};

const NAME: &str = "com.example/tool";

/// A version with its first content, and with another one that upstream sent later.
fn rewritten(of_version: &str) -> DossierRow {
    let first =
        Head { received: Digest::of(b"first"), rewritten: true, ..head(Status::Active, JANUARY) };
    let other = Head { received: Digest::of(b"other"), sent: Digest::of(b"later"), ..first };
    let row = row("official", of_version, first);
    let others = vec![ContentHead { head: other, facts: row.content.facts.clone() }];
    DossierRow { others, ..row }
}

fn listing(contents: &[(&str, Digest)], more: &str) -> String {
    let listed: Vec<String> =
        contents.iter().map(|(version, digest)| format!("{version}: '{digest}'")).collect();
    let contents = if listed.is_empty() {
        String::new()
    } else {
        format!(", contents: {{{}}}", listed.join(", "))
    };
    format!(
        "servers: [{{name: {NAME}, approval: {{state: approved, reviewed: 2026-02-01{contents}{more}}}}}]"
    )
}

/// Returns the digest that is served, or the gate that hides the version with its evidence.
fn served(yaml: &str, row: DossierRow) -> Result<Digest, (Gate, String)> {
    let now = at(MARCH);
    let policy = policy(overlays(yaml, now));
    let (dossier, screening) = (dossier(NAME, vec![row]), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, now);
    let entry = &evaluation.entries[0];
    match entry.hidden_by() {
        None => Ok(entry.content.head.received),
        Some((gate, evidence)) => Err((gate, evidence.to_string())),
    }
}

#[test]
fn listed_version_is_served_with_the_listed_content_whatever_the_date() {
    let (first, other) = (Digest::of(b"first"), Digest::of(b"other"));
    assert_eq!(served(&listing(&[("1.0.0", first)], ""), rewritten("1.0.0")), Ok(first));
    assert_eq!(served(&listing(&[("1.0.0", other)], ""), rewritten("1.0.0")), Ok(other));
    let received = head(Status::Active, MARCH).received;
    let later = row("official", "2.0.0", head(Status::Active, MARCH));
    assert_eq!(served(&listing(&[("2.0.0", received)], ""), later), Ok(received));
}

#[test]
fn listed_version_with_another_content_is_hidden() {
    let yaml = listing(&[("1.0.0", Digest::of(b"unknown"))], "");
    let (gate, _) = served(&yaml, rewritten("1.0.0")).expect_err("other content");
    assert_eq!(gate, Gate::DigestMatchesPin);
}

#[rstest::rstest]
#[case("1.0.0+1")]
#[case("v1.0.0")]
#[case("1.0.0-rc.1")]
#[case("0.9.0")]
fn version_that_is_not_listed_is_hidden_whatever_the_date(#[case] of_version: &str) {
    let received = head(Status::Active, JANUARY).received;
    let row = row("official", of_version, head(Status::Active, JANUARY));
    let hidden = served(&listing(&[("1.0.0", received)], ""), row).expect_err("not listed");
    let wanted = "pending: it is not in the `contents` of `com.example/tool` at x.yaml:1:11";
    assert_eq!(hidden, (Gate::Approved, wanted.to_owned()));
}

#[test]
fn content_that_replaced_a_purged_one_is_served_if_it_is_listed() {
    let replaced = Head { replaced: true, ..head(Status::Active, JANUARY) };
    let yaml = listing(&[("1.0.0", replaced.received)], "");
    assert_eq!(served(&yaml, row("official", "1.0.0", replaced)), Ok(replaced.received));
    let (gate, _) = served(&listing(&[], ""), row("official", "1.0.0", replaced)).expect_err("");
    assert_eq!(gate, Gate::ContentAsReviewed);
}

/// A transfer of a name to another upstream is accepted for the listed versions alone.
#[test]
fn listed_versions_accept_a_transfer_for_themselves_only() {
    let received = head(Status::Active, JANUARY).received;
    let yaml = listing(&[("1.0.0", received)], "").replace("name:", "upstream: new, name:");
    let yaml = yaml.replace(
        "}]",
        "}, {name: com.example/*, approval: {state: approved, reviewed: 2026-02-01}}]",
    );
    let now = at(MARCH);
    let upstreams = vec![upstream("new", 100, false)];
    let ownership = OwnershipPolicy { enabled: false, ..OwnershipPolicy::default() };
    let policy = with(overlays(&yaml, now), upstreams, ownership);
    let rows = ["1.0.0", "2.0.0"].map(|version| row("new", version, head(Status::Active, JANUARY)));
    let dossier =
        crate::curation::Dossier { authority: Some("old".into()), ..dossier(NAME, rows.to_vec()) };
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &policy, &screening, now);
    let is_served: Vec<_> =
        evaluation.entries.iter().map(crate::curation::EntryEvaluation::is_served).collect();
    assert_eq!(is_served, [true, false]);
    assert_eq!(evaluation.authorities.settled_owner(now), None);
}

proptest! {
    /// Whatever else an approval says, with `contents` and without `follow` it admits what is listed and nothing else.
    #[test]
    fn contents_never_admit_more_than_they_list(
        listed in prop::collection::btree_map(
            prop::sample::select(vec!["1.0.0", "v1.0.0", "1.0.0+b", "1.1.0", "auto", "AUTO"]),
            prop::sample::select(vec!["first", "other", "unknown"]),
            1..4,
        ),
        of_version in prop::sample::select(vec!["1.0.0", "v1.0.0", "V1.0.0", "1.0.0+b", "1.1.0", "auto", "Auto", "2.0.0"]),
        versions in prop::sample::select(vec!["", ", versions: '>=0.1'"]),
        wildcard in any::<bool>(),
    ) {
        let contents: Vec<(&str, Digest)> =
            listed.iter().map(|(version, text)| (*version, Digest::of(text.as_bytes()))).collect();
        let mut yaml = listing(&contents, "").replace(NAME, &format!("{NAME}{versions}"));
        if wildcard && versions.is_empty() {
            // A wider approval does not fill the gaps of the narrower one.
            let wide = "}, {name: com.example/*, approval: {state: approved, reviewed: 2026-02-01}}]";
            yaml = yaml.replace("}]", wide);
        }
        let now = at(MARCH);
        let context = crate::overlay::Context { terms: crate::overlay::Terms::default(), now, upstreams: None };
        let reading = crate::overlay::read(&[crate::lint::Source::new("x.yaml", yaml.clone())], &context);
        prop_assume!(!crate::lint::has_errors(&reading.findings));
        let wanted = listed.get(of_version).filter(|text| **text != "unknown");
        let served = served(&yaml, rewritten(of_version)).ok();
        prop_assert_eq!(served, wanted.map(|text| Digest::of(text.as_bytes())));
    }
}
