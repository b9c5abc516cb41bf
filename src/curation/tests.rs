//! The gates as a table, and the promise behind them as a property.

use std::sync::LazyLock;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::lint::{Finding, Source};
use crate::model::{Digest, Head, Instant, Name, Status, Version};
use crate::overlay::{Context, OverlaySet, Reading, Standing, State, Terms, read};
use crate::ownership::Pins;

fn at(text: &str) -> Instant {
    Instant::parse(text).expect("a time")
}

fn head(status: Status, published: &str) -> Head {
    Head {
        status,
        missing: false,
        rewritten: false,
        replaced: false,
        published_at: at(published),
        updated_at: at(published),
        first_seen: at(published),
        received: Digest::of(b"received"),
        sent: Digest::of(b"sent"),
    }
}

fn set(yaml: &str, now: Instant) -> OverlaySet {
    let context = Context { terms: Terms::default(), now, upstreams: None };
    let Reading { statements, findings, .. } = read(&[Source::new("x.yaml", yaml)], &context);
    assert!(!crate::lint::has_errors(&findings), "{}", findings[0]);
    OverlaySet::new(statements, Vec::new())
}

/// A case in which nobody asks who owns the name.
fn unproven<'a>(
    head: &'a Head,
    standing: &'a Standing<'a>,
    version: &'a Version,
    now: Instant,
) -> Case<'a> {
    static NOTHING: LazyLock<(Tenure, Pins)> = LazyLock::new(Default::default);
    static OFF: LazyLock<OwnershipPolicy> =
        LazyLock::new(|| OwnershipPolicy { enabled: false, ..OwnershipPolicy::default() });
    let (tenure, pins) = &*NOTHING;
    Case {
        head,
        standing,
        speech: Speech::May,
        deleted_by: None,
        flaw: None,
        version,
        internal: false,
        ownership: &OFF,
        tenure,
        pins,
        suspicion: None,
        now,
    }
}

fn decided(set: &OverlaySet, head: &Head, version: &str, now: Instant) -> Decision {
    let name = Name::parse("com.example/tool").expect("a name");
    let version = Version::parse(version).expect("usable");
    let standing = set.about(&name).standing(&version, "official");
    decide(&unproven(head, &standing, &version, now))
}

const JANUARY: &str = "2026-01-15T00:00:00Z";
const MARCH: &str = "2026-03-15T00:00:00Z";

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
    Some(Gate::NotExpired)
)]
#[case::the_last_day(
    "approval: {state: approved, reviewed: 2026-02-01, expires: 2026-06-01}",
    JANUARY,
    None
)]
#[case::a_heavy_track_lasts_90_days(
    "approval: {state: approved, reviewed: 2026-02-01, track: heavy}",
    JANUARY,
    Some(Gate::NotExpired)
)]
#[case::another_content_was_reviewed(
    "versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01, digest: 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}",
    JANUARY,
    Some(Gate::DigestAsPinned)
)]
fn the_first_failing_gate_hides(
    #[case] fields: &str,
    #[case] published: &str,
    #[case] hidden_by: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let set = set(&format!("servers: [{{name: com.example/tool, {fields}}}]"), now);
    let hidden = match decided(&set, &head(Status::Active, published), "1.0.0", now) {
        Decision::Hide(gate) => Some(gate),
        Decision::Serve { .. } => None,
    };
    assert_eq!(hidden, hidden_by);
}

#[rstest]
#[case("com.example/tool", None, None)]
#[case("com.example/*", None, None)]
#[case("com.example/tool", Some(Suspicion::NotCompared), None)]
#[case("com.example/*", Some(Suspicion::NotCompared), Some(Gate::NoOpenLookalike))]
#[case("com.*/*", Some(Suspicion::NotCompared), Some(Gate::NoOpenLookalike))]
fn a_suspect_is_admitted_by_its_name_only(
    #[case] selector: &str,
    #[case] suspicion: Option<Suspicion>,
    #[case] hidden_by: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let approval = "approval: {state: approved, reviewed: 2026-02-01}";
    let set = set(&format!("servers: [{{name: '{selector}', {approval}}}]"), now);
    let name = Name::parse("com.example/tool").expect("a name");
    let version = Version::parse("1.0.0").expect("usable");
    let standing = set.about(&name).standing(&version, "official");
    let head = head(Status::Active, JANUARY);
    let case = unproven(&head, &standing, &version, now);
    let hidden = match decide(&Case { suspicion: suspicion.as_ref(), ..case }) {
        Decision::Hide(gate) => Some(gate),
        Decision::Serve { .. } => None,
    };
    assert_eq!(hidden, hidden_by);
}

#[test]
fn what_went_missing_is_hidden() {
    let now = at("2026-06-01T12:00:00Z");
    let set = set(
        "servers: [{name: com.example/tool, approval: {state: approved, reviewed: 2026-02-01}}]",
        now,
    );
    let missing = Head { missing: true, ..head(Status::Active, JANUARY) };
    assert_eq!(decided(&set, &missing, "1.0.0", now), Decision::Hide(Gate::NotDeleted));
}

#[rstest]
#[case("", Some(Gate::NoUnreviewedDrift))]
#[case(", digest: 'DIGEST'", None)]
fn what_came_back_as_something_else_is_hidden_until_it_is_pinned(
    #[case] digest: &str,
    #[case] hidden_by: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let digest = digest.replace("DIGEST", &Digest::of(b"received").to_string());
    let set = set(
        &format!(
            "servers: [{{name: com.example/tool, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01{digest}}}}}]"
        ),
        now,
    );
    let replaced = Head { replaced: true, ..head(Status::Active, JANUARY) };
    let hidden = match decided(&set, &replaced, "1.0.0", now) {
        Decision::Hide(gate) => Some(gate),
        Decision::Serve { .. } => None,
    };
    assert_eq!(hidden, hidden_by);
}

#[rstest]
#[case(Status::Active, None)]
#[case(Status::Deprecated, None)]
#[case(Status::Deleted, Some(Gate::NotDeleted))]
fn what_upstream_deleted_is_hidden_whatever_an_overlay_says(
    #[case] status: Status,
    #[case] hidden_by: Option<Gate>,
) {
    let now = at("2026-06-01T12:00:00Z");
    let approval =
        "servers: [{name: com.example/tool, approval: {state: approved, reviewed: 2026-02-01}}]";
    let hidden = match decided(&set(approval, now), &head(status, JANUARY), "1.0.0", now) {
        Decision::Hide(gate) => Some(gate),
        Decision::Serve { .. } => None,
    };
    assert_eq!(hidden, hidden_by);
}

#[test]
fn an_explanation_shows_every_gate_with_its_evidence() {
    let now = at("2026-06-01T12:00:00Z");
    let digest = Digest::of(b"received");
    let set = set(
        &format!(
            "servers:\n- {{name: com.example/tool, versions: 1.0.0, tier: 2, approval: {{state: approved, reviewed: 2026-02-01, expires: 2026-05-01, digest: '{digest}'}}}}"
        ),
        now,
    );
    let name = Name::parse("com.example/tool").expect("a name");
    let version = Version::parse("1.0.0").expect("usable");
    let standing = set.about(&name).standing(&version, "official");
    let head = head(Status::Active, JANUARY);
    let explained = explain(&version, "official", &unproven(&head, &standing, &version, now));
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
            "pass no lookalike that nobody looked at: nothing that would keep it back".to_owned(),
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
    fn nothing_is_served_without_an_approval_in_force_that_could_have_seen_it(
        statements in prop::collection::vec(statement(), 0..6),
        name in prop::sample::select(vec!["com.example/tool", "com.example.sub/tool", "com.EXAMPLE/tool", "net.x/y"]),
        version in prop::sample::select(vec!["1.0.0", "1.9.9", "2.0.0", "2.0.0-rc.1", "1.5.0+b", "auto", "v1.0.0"]),
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
        let (name, version) = (Name::parse(name).expect("a name"), Version::parse(version).expect("usable"));
        let head = head(Status::Active, &format!("2026-02-{published:02}T12:00:00Z"));
        let standing = set.about(&name).standing(&version, "official");
        let semantic = version.semantic();
        if let Decision::Serve { until } = decide(&unproven(&head, &standing, &version, now)) {
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
fn the_property_can_fail() {
    // The naive matcher and the lint used above do tell cases apart.
    assert!(naive_match("com.*/*", "com.example/tool"));
    assert!(!naive_match("com.ex.*/*", "com.example/tool"));
    let context = Context { terms: Terms::default(), now: at(MARCH), upstreams: None };
    let findings = read(&[Source::new("x.yaml", "servers: [{}]")], &context).findings;
    assert!(findings.iter().map(Finding::to_string).any(|it| it.contains("without `name`")));
}
