use proptest::prelude::*;
use rstest::rstest;

use super::fixtures::{JANUARY, MARCH, at, dossier, head, name, overlays, policy, row, version};
use crate::curation::{Dossier, Gate, Screening, VersionExplanation, evaluate};
use crate::lint::{Finding, Source};
use crate::model::{Damage, Digest, Head, Instant, Status};
use crate::overlay::{Context, OverlaySet, Reading, State, Terms, read};

/// The first gate that hides the only entry of `com.example/tool`.
fn hidden_by(set: OverlaySet, head: Head, now: Instant) -> Option<Gate> {
    let dossier = dossier("com.example/tool", vec![row("official", "1.0.0", head)]);
    hidden_in(&dossier, set, now)
}

fn hidden_in(dossier: &Dossier, set: OverlaySet, now: Instant) -> Option<Gate> {
    let (policy, screening) = (policy(set), Screening::default());
    let evaluation = evaluate(dossier, &policy, &screening, now);
    evaluation.entries[0].hidden_by().map(|(gate, _)| gate)
}

#[rstest]
//     approval                                                                    published  hidden by
#[case::nothing_said("tier: 1", JANUARY, Some(Gate::Approved))]
#[case::approved("approval: {state: approved, reviewed: 2026-02-01}", JANUARY, None)]
#[case::published_on_the_day_of_review(
    "approval: {state: approved, reviewed: 2026-01-15}",
    "2026-01-15T23:59:59.999999Z",
    None
)]
#[case::published_later(
    "approval: {state: approved, reviewed: 2026-02-01}",
    MARCH,
    Some(Gate::Approved)
)]
#[case::a_range_published_later(
    "versions: '>=1', approval: {state: approved, reviewed: 2026-02-01}",
    MARCH,
    Some(Gate::Approved)
)]
#[case::the_exact_version_published_later(
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
#[case::the_last_day(
    "approval: {state: approved, reviewed: 2026-02-01, expires: 2026-06-01}",
    JANUARY,
    None
)]
#[case::a_heavy_track_lasts_90_days(
    "approval: {state: approved, reviewed: 2026-02-01, track: heavy}",
    JANUARY,
    Some(Gate::ApprovalNotExpired)
)]
#[case::another_content_was_reviewed(
    "versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01, digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}",
    JANUARY,
    Some(Gate::DigestMatchesPin)
)]
fn first_failing_gate_hides(
    #[case] fields: &str,
    #[case] published: &str,
    #[case] hidden: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let set = overlays(&format!("servers: [{{name: com.example/tool, {fields}}}]"), now);
    assert_eq!(hidden_by(set, head(Status::Active, published), now), hidden);
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
fn entry_that_came_back_with_other_content_is_hidden_until_it_is_pinned(
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
fn deletion_upstream_overrides_an_approval(#[case] status: Status, #[case] hidden: Option<Gate>) {
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
fn violation_and_facts_that_are_not_kept_hide() {
    let now = at("2026-06-01T12:00:00Z");
    let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
    let facts = row.content.facts.as_mut().expect("kept");
    facts.violation = Some("title: a number where a string is needed".into());
    let violating = dossier("com.example/tool", vec![row.clone()]);
    let set = || overlays(APPROVED, now);
    assert_eq!(hidden_in(&violating, set(), now), Some(Gate::ValidForStrictClients));
    row.content.facts = None;
    let large = dossier("com.example/tool", vec![row]);
    // Every gate that needs facts fails; the screening is the first of them.
    assert_eq!(hidden_in(&large, set(), now), Some(Gate::NoOpenLookalikeAlert));
}

#[test]
fn pinned_content_takes_the_place_of_the_first_one() {
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
    assert_eq!(entry.head.status, Status::Active, "status is upstream's newest");
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
            "pass well-formed: kept byte for byte".to_owned(),
            "pass not deleted upstream: upstream says active".to_owned(),
            "pass upstream may speak for this name: the name belongs to it".to_owned(),
            "pass approved: approved by `com.example/tool@1.0.0` at x.yaml:2:3".to_owned(),
            "fail not expired: expired at 2026-05-01T23:59:59.999999Z".to_owned(),
            format!("pass digest as pinned: {digest}"),
            "pass no unreviewed drift: the content that was first received, or is pinned"
                .to_owned(),
            "pass ownership as required: ownership is not checked here".to_owned(),
            "pass no lookalike that nobody looked at: whoever approved it spelled its name out".to_owned(),
            "pass readable to strict clients: it decodes, with repairs where its own block names them"
                .to_owned(),
        ]
    );
}

prop_compose! {
    /// One statement about names that the entries of the property have, or nearly have.
    fn statement()(
        name in prop::sample::select(vec![
            "com.example/tool", "com.example/*", "com.example.*/*", "com.*/*", "com.Example/tool",
            "com.example.sub/tool", "org.other/*",
        ]),
        versions in prop::sample::select(vec!["", "1.0.0", ">=1, <2", ">=2", "2.0.0-rc.1", "auto"]),
        state in prop::sample::select(vec!["approved", "pending", "suspended", "denied"]),
        reviewed in 1..=28u8,
        expires in prop::option::of(1..=28u8),
    ) -> String {
        let versions = match versions { "" => String::new(), text => format!("versions: '{text}', ") };
        let expires = match expires {
            Some(day) if state == "approved" => format!(", expires: 2026-03-{day:02}"),
            _ => String::new(),
        };
        format!("{{name: {name}, {versions}approval: {{state: {state}, reviewed: 2026-02-{reviewed:02}{expires}}}}}")
    }
}

proptest! {
    /// Whatever the overlays: an entry that is served has an approval in force at `now` that
    /// selects it and could have seen it, and no denial speaks of it.
    #[test]
    fn served_entry_has_an_approval_in_force_that_could_have_seen_it(
        statements in prop::collection::vec(statement(), 0..6),
        of_name in prop::sample::select(vec!["com.example/tool", "com.example.sub/tool", "com.EXAMPLE/tool", "net.x/y"]),
        of_version in prop::sample::select(vec!["1.0.0", "1.9.9", "2.0.0", "2.0.0-rc.1", "1.5.0+b", "auto", "v1.0.0"]),
        published in 1..=28u8,
        now_day in 1..=28u8,
    ) {
        let now = at(&format!("2026-03-{now_day:02}T12:00:00Z"));
        let yaml = match statements.is_empty() {
            true => String::new(),
            false => format!("servers: [{}]", statements.join(", ")),
        };
        let context = Context { terms: Terms::default(), now, upstreams: None };
        let Reading { statements, findings, .. } = read(&[Source::new("x.yaml", yaml)], &context);
        prop_assume!(!findings.iter().any(|it| it.severity == crate::lint::Severity::Error));
        let set = OverlaySet::new(statements, Vec::new());
        let head = head(Status::Active, &format!("2026-02-{published:02}T12:00:00Z"));
        let dossier = dossier(of_name, vec![row("official", of_version, head)]);
        let (policy, screening) = (policy(set), Screening::default());
        let set = &policy.overlays;
        let (name, version) = (name(of_name), version(of_version));
        let semantic = version.semantic();
        let evaluation = evaluate(&dossier, &policy, &screening, now);
        let entry = &evaluation.entries[0];
        if let (true, Some(until)) = (entry.is_served(), entry.expires) {
            let covering = set.statements().iter().find(|statement| {
                let Some(approval) = &statement.approval else { return false };
                approval.state == State::Approved
                    && naive_match(&statement.name.to_string(), name.as_str())
                    && statement.versions.admits(&version, semantic.as_ref())
                    && approval.expires == Some(until)
                    && now <= until
                    && (statement.is_exact() || approval.reviewed.is_some_and(|it| head.published_at <= it))
            });
            prop_assert!(covering.is_some(), "served without an approval: {:?}", set.statements());
            let denied = set.statements().iter().any(|statement| {
                statement.hides()
                    && naive_match(&statement.name.to_string().to_lowercase(), &name.folded())
                    && statement.versions.may_hold(&version, semantic.as_ref())
            });
            prop_assert!(!denied, "served against a denial: {:?}", set.statements());
        }
    }
}

/// The grammar of selectors once more, in the plainest way.
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
fn naive_matcher_and_lint_tell_cases_apart() {
    // The naive matcher and the lint used above do tell cases apart.
    assert!(naive_match("com.*/*", "com.example/tool"));
    assert!(!naive_match("com.ex.*/*", "com.example/tool"));
    let context = Context { terms: Terms::default(), now: at(MARCH), upstreams: None };
    let findings = read(&[Source::new("x.yaml", "servers: [{}]")], &context).findings;
    assert!(findings.iter().map(Finding::to_string).any(|it| it.contains("without `name`")));
}
