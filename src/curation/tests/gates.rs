use proptest::prelude::*;
use rstest::rstest;

use super::fixtures::{JANUARY, MARCH, at, dossier, head, name, overlays, policy, row, version};
use crate::curation::{Dossier, Gate, Screening, VersionExplanation, evaluate};
use crate::lint::{Finding, Source};
use crate::model::{Damage, Digest, Head, Status, Timestamp};
use crate::overlay::{Context, OverlaySet, Reading, State, Terms, read};

/// Returns the first gate that hides the only entry of `com.example/tool`.
fn hidden_by(set: OverlaySet, head: Head, now: Timestamp) -> Option<Gate> {
    let dossier = dossier("com.example/tool", vec![row("official", "1.0.0", head)]);
    hidden_in(&dossier, set, now)
}

fn hidden_in(dossier: &Dossier, set: OverlaySet, now: Timestamp) -> Option<Gate> {
    let (policy, screening) = (policy(set), Screening::default());
    let evaluation = evaluate(dossier, &policy, &screening, now);
    evaluation.entries[0].hidden_by().map(|(gate, _)| gate)
}

#[rstest]
//     approval                                                                    published  hidden by
#[case::no_rule("tier: 1", JANUARY, Some(Gate::Approved))]
#[case::approved("approval: {state: approved, reviewed: 2026-02-01}", JANUARY, None)]
#[case::published_on_the_day_of_review(
    "approval: {state: approved, reviewed: 2026-01-15}",
    "2026-01-15T00:00:00Z",
    Some(Gate::Approved)
)]
#[case::published_before_the_day_of_review(
    "approval: {state: approved, reviewed: 2026-01-15}",
    "2026-01-14T23:59:59.999999Z",
    None
)]
#[case::published_at_the_time_of_review(
    "approval: {state: approved, reviewed: 2026-01-15T01:00:00+01:00}",
    JANUARY,
    None
)]
#[case::review_ahead_of_now(
    "versions: 1.0.0, approval: {state: approved, reviewed: 2026-06-01T12:00:01Z}",
    JANUARY,
    Some(Gate::Approved)
)]
#[case::published_later(
    "approval: {state: approved, reviewed: 2026-02-01}",
    MARCH,
    Some(Gate::Approved)
)]
#[case::range_published_later(
    "versions: '>=1', approval: {state: approved, reviewed: 2026-02-01}",
    MARCH,
    Some(Gate::Approved)
)]
#[case::exact_version_published_later(
    "versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01}",
    MARCH,
    None
)]
#[case::another_exact_version(
    "versions: 1.0.1, approval: {state: approved, reviewed: 2026-02-01}",
    JANUARY,
    Some(Gate::Approved)
)]
#[case::pending("approval: {state: pending}", JANUARY, Some(Gate::Approved))]
#[case::suspended("approval: {state: suspended}", JANUARY, Some(Gate::Approved))]
#[case::denied("approval: {state: denied}", JANUARY, Some(Gate::Approved))]
#[case::expired(
    "approval: {state: approved, reviewed: 2026-02-01, expires: 2026-05-31}",
    JANUARY,
    Some(Gate::ApprovalNotExpired)
)]
#[case::last_day(
    "approval: {state: approved, reviewed: 2026-02-01, expires: 2026-06-01}",
    JANUARY,
    None
)]
#[case::heavy_track_lasts_90_days(
    "approval: {state: approved, reviewed: 2026-02-01, track: heavy}",
    JANUARY,
    Some(Gate::ApprovalNotExpired)
)]
#[case::another_content_was_reviewed(
    "versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01, digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}",
    JANUARY,
    Some(Gate::DigestMatchesPin)
)]
fn first_failed_gate_hides_the_entry(
    #[case] fields: &str,
    #[case] published: &str,
    #[case] hidden: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let set = overlays(&format!("servers: [{{name: com.example/tool, {fields}}}]"), now);
    assert_eq!(hidden_by(set, head(Status::Active, published), now), hidden);
}

/// A publisher dates a new version back, to slip it under an approval by name.
#[rstest]
#[case::there_before(true, None)]
#[case::accepted_later(false, Some(Gate::Approved))]
fn backdated_version_is_not_covered_by_an_earlier_approval(
    #[case] initial: bool,
    #[case] hidden: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let later = Head { initial, first_seen: at(MARCH), ..head(Status::Active, JANUARY) };
    assert_eq!(hidden_by(overlays(APPROVED, now), later, now), hidden);
}

#[test]
fn same_day_version_is_explained_with_the_timestamp_to_write() {
    let now = at("2026-06-01T12:00:00Z");
    let set = overlays(
        "servers: [{name: com.example/tool, approval: {state: approved, reviewed: 2026-03-15}}]",
        now,
    );
    let accepted = Head {
        initial: false,
        first_seen: at("2026-03-15T08:00:00.5Z"),
        ..head(Status::Active, JANUARY)
    };
    let dossier = dossier("com.example/tool", vec![row("official", "1.0.0", accepted)]);
    let (policy, screening) = (policy(set), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, now);
    let (_, evidence) = evaluation.entries[0].hidden_by().expect("hidden");
    let text = evidence.to_string();
    assert!(text.contains("accepted here 2026-03-15T08:00:00Z"), "{text}");
    assert!(text.contains("write `reviewed: 2026-03-15T08:00:00.500000Z`"), "{text}");
    let written = overlays(
        "servers: [{name: com.example/tool, approval: {state: approved, reviewed: 2026-03-15T08:00:00.500000Z}}]",
        now,
    );
    assert_eq!(hidden_in(&dossier, written, now), None, "the text that it names covers it");
}

const APPROVED: &str =
    "servers: [{name: com.example/tool, approval: {state: approved, reviewed: 2026-02-01}}]";

#[test]
fn missing_entry_is_hidden() {
    let now = at("2026-06-01T12:00:00Z");
    let missing = Head { missing: true, ..head(Status::Active, JANUARY) };
    assert_eq!(hidden_by(overlays(APPROVED, now), missing, now), Some(Gate::ActiveUpstream));
}

#[rstest]
#[case("", Some(Gate::ContentAsReviewed))]
#[case(", digest: 'DIGEST'", None)]
fn content_replaced_after_a_purge_is_hidden_until_pinned(
    #[case] digest: &str,
    #[case] hidden: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let digest = digest.replace("DIGEST", &Digest::of(b"received").to_string());
    let set = overlays(
        &format!(
            "servers: [{{name: com.example/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01{digest}}}}}]"
        ),
        now,
    );
    let replaced = Head { replaced: true, ..head(Status::Active, JANUARY) };
    assert_eq!(hidden_by(set, replaced, now), hidden);
}

#[rstest]
#[case(Status::Active, None)]
#[case(Status::Deprecated, None)]
#[case(Status::Deleted, Some(Gate::ActiveUpstream))]
fn upstream_deletion_overrides_approval(#[case] status: Status, #[case] hidden: Option<Gate>) {
    let now = at("2026-06-01T12:00:00Z");
    assert_eq!(hidden_by(overlays(APPROVED, now), head(status, JANUARY), now), hidden);
}

#[test]
fn damaged_row_hides_the_whole_name() {
    let now = at("2026-06-01T12:00:00Z");
    let row = row("official", "1.0.0", head(Status::Active, JANUARY));
    let whole = dossier("com.example/tool", vec![row]);
    assert_eq!(hidden_in(&whole, overlays(APPROVED, now), now), None);
    let damaged = Dossier { damaged: vec![Damage { what: "a head", key: "x".into() }], ..whole };
    assert_eq!(hidden_in(&damaged, overlays(APPROVED, now), now), Some(Gate::WellFormed));
}

#[test]
fn schema_violation_and_missing_facts_hide_the_entry() {
    let now = at("2026-06-01T12:00:00Z");
    let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
    let facts = row.content.facts.as_mut().expect("kept");
    facts.violation = Some("title: a number where a string is needed".into());
    let violating = dossier("com.example/tool", vec![row.clone()]);
    let set = || overlays(APPROVED, now);
    assert_eq!(hidden_in(&violating, set(), now), Some(Gate::ValidForStrictClients));
    row.content.facts = None;
    let large = dossier("com.example/tool", vec![row]);
    // Every gate that needs facts fails; the lookalike gate is the first of them.
    assert_eq!(hidden_in(&large, set(), now), Some(Gate::NoOpenLookalikeAlert));
}

#[test]
fn pinned_content_replaces_the_first_one() {
    let now = at("2026-06-01T12:00:00Z");
    let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
    let mut other = row.content.clone();
    other.head.received = Digest::of(b"rewritten");
    other.head.status = Status::Deleted;
    row.others.push(other);
    let dossier = dossier("com.example/tool", vec![row]);
    let pinned = Digest::of(b"rewritten");
    let set = overlays(
        &format!(
            "servers: [{{name: com.example/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01, digest: '{pinned}'}}}}]"
        ),
        now,
    );
    let (policy, screening) = (policy(set), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, now);
    let entry = &evaluation.entries[0];
    assert_eq!(entry.head.received, pinned);
    assert_eq!(entry.head.status, Status::Active, "the newest status upstream");
    assert!(entry.is_served());
}

#[test]
fn explanation_shows_every_gate_with_its_evidence() {
    let now = at("2026-06-01T12:00:00Z");
    let digest = Digest::of(b"received");
    let set = overlays(
        &format!(
            "servers:\n- {{name: com.example/tool, versions: 1.0.0, tier: 2, approval: {{state: approved, reviewed: 2026-02-01, expires: 2026-05-01, digest: '{digest}'}}}}"
        ),
        now,
    );
    let row = row("official", "1.0.0", head(Status::Active, JANUARY));
    let dossier = dossier("com.example/tool", vec![row]);
    let (policy, screening) = (policy(set), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, now);
    let explained = VersionExplanation::new(&evaluation.entries[0], &policy);
    assert!(!explained.served);
    let gates: Vec<String> = explained
        .gates
        .iter()
        .map(|answer| format!("{} {}: {}", answer.outcome, answer.gate, answer.evidence))
        .collect();
    assert_eq!(
        gates,
        [
            "passed well-formed: kept byte for byte".to_owned(),
            "passed no advisory: no advisory concerns it".to_owned(),
            "passed active upstream: the upstream reports the status active".to_owned(),
            "passed upstream authoritative: the name belongs to this upstream".to_owned(),
            "passed approved: approved by `com.example/tool@1.0.0` at x.yaml:2:3".to_owned(),
            "failed approval not expired: the approval expired at 2026-05-01T23:59:59Z".to_owned(),
            format!("passed digest matches pin: the received digest is the pinned one: {digest}"),
            "passed conditions met: no rule sets a condition".to_owned(),
            "passed content as reviewed: the content is the first one received, or the pinned one"
                .to_owned(),
            "passed namespace ownership: ownership checks are disabled".to_owned(),
            "passed provenance: no provenance is demanded of its packages".to_owned(),
            "passed no open lookalike alert: a reviewer approved this exact name".to_owned(),
            "passed valid for strict clients: valid; the entry's own block names what was left out, if anything"
                .to_owned(),
        ]
    );
}

prop_compose! {
    /// Generates one rule about names that the entries of the property have, or nearly have.
    fn rule()(
        name in prop::sample::select(vec![
            "com.example/tool", "com.example/*", "com.example.*/*", "com.*/*", "com.Example/tool",
            "com.example.sub/tool", "org.other/*",
        ]),
        versions in prop::sample::select(vec!["", "1.0.0", ">=1, <2", ">=2", "2.0.0-rc.1", "auto"]),
        state in prop::sample::select(vec!["approved", "pending", "suspended", "denied"]),
        reviewed in 1..=28u8,
        expires in prop::option::of(1..=28u8),
    ) -> String {
        let versions =
            if versions.is_empty() { String::new() } else { format!("versions: '{versions}', ") };
        let expires = match expires {
            Some(day) if state == "approved" => format!(", expires: 2026-03-{day:02}"),
            _ => String::new(),
        };
        format!("{{name: {name}, {versions}approval: {{state: {state}, reviewed: 2026-02-{reviewed:02}{expires}}}}}")
    }
}

proptest! {
    /// For any overlays, a served entry has an approval that is valid at `now`, selects the entry and
    /// covers its publication, and no denial selects the entry.
    #[test]
    fn served_entry_has_a_valid_approval_and_no_denial(
        rules in prop::collection::vec(rule(), 0..6),
        of_name in prop::sample::select(vec!["com.example/tool", "com.example.sub/tool", "com.EXAMPLE/tool", "com.example./tool.", "net.x/y"]),
        of_version in prop::sample::select(vec!["1.0.0", "1.9.9", "2.0.0", "2.0.0-rc.1", "1.5.0+b", "auto", "v1.0.0", "1.0.0+b"]),
        published in 1..=28u8,
        now_day in 1..=28u8,
    ) {
        let now = at(&format!("2026-03-{now_day:02}T12:00:00Z"));
        let yaml = if rules.is_empty() {
            String::new()
        } else {
            format!("servers: [{}]", rules.join(", "))
        };
        let context = Context { terms: Terms::default(), now, upstreams: None };
        let Reading { rules, findings, .. } = read(&[Source::new("x.yaml", yaml)], &context);
        prop_assume!(!findings.iter().any(|finding| finding.severity == crate::lint::Severity::Error));
        let set = OverlaySet::new(rules, Vec::new());
        let head = head(Status::Active, &format!("2026-02-{published:02}T12:00:00Z"));
        let dossier = dossier(of_name, vec![row("official", of_version, head)]);
        let (policy, screening) = (policy(set), Screening::default());
        let set = &policy.overlays;
        let (name, version) = (name(of_name), version(of_version));
        let semantic = version.semantic();
        let evaluation = evaluate(&dossier, &policy, &screening, now);
        let entry = &evaluation.entries[0];
        if let (true, Some(until)) = (entry.is_served(), entry.expires) {
            let covering = set.rules().iter().find(|rule| {
                let Some(approval) = &rule.approval else { return false };
                approval.state == State::Approved
                    && naive_match(&rule.name.to_string(), name.as_str())
                    && rule.versions.admits(&version, semantic.as_ref())
                    && approval.expires == Some(until)
                    && now <= until
                    && (rule.is_exact() || approval.reviewed.is_some_and(|reviewed| reviewed.covers(head.counts_from(), false)))
            });
            prop_assert!(covering.is_some(), "served without an approval: {:?}", set.rules());
            let denied = set.rules().iter().any(|rule| {
                rule.hides()
                    && naive_match(&rule.name.denial_form(), &name.denial_form())
                    && rule.versions.denies(&version, semantic.as_ref())
            });
            prop_assert!(!denied, "served in spite of a denial: {:?}", set.rules());
        }
    }
}

/// Matches a selector with a name by the simplest possible code.
fn naive_match(pattern: &str, name: &str) -> bool {
    let namespace = name.split('/').next().unwrap_or("");
    if let Some(above) = pattern.strip_suffix(".*/*") {
        namespace == above || namespace.starts_with(&format!("{above}."))
    } else if let Some(exact) = pattern.strip_suffix("/*") {
        namespace == exact
    } else {
        pattern == name
    }
}

#[test]
fn naive_matcher_and_lint_reject_what_does_not_match() {
    assert!(naive_match("com.*/*", "com.example/tool"));
    assert!(!naive_match("com.ex.*/*", "com.example/tool"));
    let context = Context { terms: Terms::default(), now: at(MARCH), upstreams: None };
    let findings = read(&[Source::new("x.yaml", "servers: [{}]")], &context).findings;
    assert!(
        findings.iter().map(Finding::to_string).any(|finding| finding.contains("without `name`"))
    );
}
