//! The versions of a review sheet as tables, and its digest: what changes it, and what does not.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;

use super::fixtures::{JANUARY, at, dossier, head, row, similar, upstream, with};
use crate::advisory::{OwnAdvisories, read_own};
use crate::curation::{
    AlertItems, AreaFact, AreaReport, Choice, Compared, Dossier, DossierRow, EntryContent,
    InputPlace, MAX_KEPT, OwnershipPolicy, PolicySnapshot, ReferenceOrigin, Screening, Seen,
    TooManyVersions, View, evaluate,
};
use crate::lint::{Source, has_errors};
use crate::model::{Digest, Head, Status, Timestamp};
use crate::overlay::{Area, Context, OverlaySet, Terms, VersionPattern, read};
use crate::ownership::{Account, ForgeAnswer, Lookup, VerificationRecord};
use crate::scan::{ScanResults, read_scan};

const NAME: &str = "io.github.x/tool";
const APPROVED: &str =
    "{name: io.github.x/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01}}";

fn now() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

/// The time of the lookup that every record begins with.
fn looked_up() -> Timestamp {
    at("2026-02-28T12:00:00Z")
}

fn overlays_in(file: &str, yaml: &str) -> OverlaySet {
    let context = Context { terms: Terms::default(), now: now(), upstreams: None };
    let reading = read(&[Source::new(file, yaml)], &context);
    assert!(!has_errors(&reading.findings), "{}", reading.findings[0]);
    reading.into()
}

fn policy_of(overlays: OverlaySet) -> PolicySnapshot {
    with(overlays, vec![upstream("official", 100, false)], OwnershipPolicy::default())
}

fn policy(rules: &str) -> PolicySnapshot {
    policy_of(overlays_in("x.yaml", &format!("servers: [{rules}]")))
}

fn of(version: &str) -> DossierRow {
    let received = Digest::of(version.as_bytes());
    row("official", version, Head { received, ..head(Status::Active, JANUARY) })
}

fn account(id: u64) -> Lookup {
    Lookup::Account(ForgeAnswer::Found(Account { login: "x".into(), id, created_at: None }))
}

/// Everything that a sheet is made from.
struct World {
    dossier: Dossier,
    policy: PolicySnapshot,
    compared: Compared,
    alerts: BTreeSet<AlertItems>,
    asked: Option<VersionPattern>,
    now: Timestamp,
}

impl World {
    /// Two versions, of which one is approved and served, by an account that was seen.
    fn new() -> Self {
        let verification = VerificationRecord::default().after(&account(7), looked_up());
        Self {
            dossier: Dossier { verification, ..dossier(NAME, vec![of("1.0.0"), of("1.1.0")]) },
            policy: policy(APPROVED),
            compared: Compared {
                contents: BTreeSet::new(),
                matches: vec![similar("stripe", false)],
            },
            alerts: BTreeSet::from([(Digest::of(b"alert"), BTreeSet::from([Digest::of(b"item")]))]),
            asked: None,
            now: now(),
        }
    }

    fn digest(&self) -> Digest {
        let screening = Screening::of(self.policy.protection);
        let evaluation = evaluate(&self.dossier, &self.policy, &screening, self.now);
        let choice = Choice::of(&evaluation, self.asked.as_ref()).expect("few versions");
        let seen = Seen {
            choice: &choice,
            asked: self.asked.as_ref(),
            dossier: &self.dossier,
            policy: &self.policy,
            compared: Some(&self.compared),
            alerts: &self.alerts,
        };
        seen.digest()
    }

    fn shown(&mut self) -> &mut DossierRow {
        &mut self.dossier.rows[1]
    }
}

#[rstest]
#[case::received_content(|world: &mut World| world.shown().content.head.received = Digest::of(b"other"))]
#[case::sent_bytes(|world: &mut World| world.shown().content.head.sent = Digest::of(b"other"))]
#[case::status(|world: &mut World| world.shown().content.head.status = Status::Deprecated)]
#[case::absence(|world: &mut World| world.shown().content.head.missing = true)]
#[case::content_after_a_purge(|world: &mut World| world.shown().content.head.replaced = true)]
#[case::content_that_the_upstream_sends_now(|world: &mut World| {
    let mut other = world.shown().content.clone();
    other.head.received = Digest::of(b"other");
    world.shown().others.push(other);
})]
#[case::content_that_is_kept(|world: &mut World| world.dossier.rows[0].content.head.received = Digest::of(b"other"))]
#[case::newer_version(|world: &mut World| world.dossier.rows.push(of("1.2.0")))]
#[case::version_that_was_asked_for(|world: &mut World| {
    world.asked = Some(VersionPattern::parse("1.1.0").expect("a version"));
})]
#[case::owner(|world: &mut World| world.dossier.verification = VerificationRecord::default().after(&account(8), looked_up()))]
#[case::owner_that_changed(|world: &mut World| {
    world.dossier.verification = world.dossier.verification.clone().after(&account(8), now());
})]
#[case::evidence_that_is_gone(|world: &mut World| {
    let gone = Lookup::Account(ForgeAnswer::Absent);
    world.dossier.verification = world.dossier.verification.clone().after(&gone, now());
})]
#[case::declaration(|world: &mut World| {
    let received = world.shown().content.head.received;
    world.dossier.claims.declared.insert(received);
})]
#[case::dispute(|world: &mut World| {
    let received = world.shown().content.head.received;
    world.dossier.claims.disputed.insert(received, "of another server".into());
})]
#[case::advisory(|world: &mut World| {
    let rule = format!("id: EX-1\nvidimus: {{servers: [{NAME}]}}\n");
    let (advisories, _) = read_own(&[Source::new("own.yaml", rule)]);
    let own = OwnAdvisories::new(advisories, std::collections::BTreeMap::new());
    world.policy = world.policy.clone().with_advisories(std::sync::Arc::new(own));
})]
#[case::scan_result(|world: &mut World| {
    let version = world.shown().version.to_string();
    let subject = format!("{{name: {NAME}, version: {version}, digest: '{}'}}", Digest::of(b"x"));
    let text = format!("tool: {{name: a, version: 1}}\nsubject: {subject}\nverdict: fail\n\
                        time: 2026-01-01T00:00:00Z\nexpires: 2026-01-02\n");
    let read = read_scan(&Source::new("x.yaml", text)).expect("no findings");
    let scans = ScanResults::new(read.map(std::sync::Arc::new));
    world.policy = world.policy.clone().with_scans(std::sync::Arc::new(scans));
})]
#[case::answer_of_packages(|world: &mut World| {
    let received = world.shown().content.head.received;
    world.dossier.claims.answered.insert(received);
})]
#[case::resemblance(|world: &mut World| world.compared.matches.push(similar("paypal", false)))]
#[case::acknowledged_resemblance(|world: &mut World| world.compared.matches[0].acknowledged = true)]
#[case::alert(|world: &mut World| { world.alerts.insert((Digest::of(b"second"), BTreeSet::new())); })]
#[case::alert_item(|world: &mut World| {
    world.alerts = BTreeSet::from([(Digest::of(b"alert"), BTreeSet::from([Digest::of(b"other")]))]);
})]
#[case::rule(|world: &mut World| world.policy = policy(&format!("{APPROVED}, {{name: '*', conditions: {{pinned_packages: true}}}}")))]
#[case::demand_on_ownership(|world: &mut World| world.policy = policy_of(overlays_in(
    "x.yaml",
    &format!("servers: [{APPROVED}]\nnamespaces: [{{name: io.github.x, ownership: {{github: 9}}}}]"),
)))]
fn whatever_a_decision_rests_on_changes_the_digest(#[case] change: fn(&mut World)) {
    let (mut world, before) = (World::new(), World::new().digest());
    change(&mut world);
    assert_ne!(world.digest(), before);
}

/// Each rule differs from the first in one member.
#[test]
fn each_member_of_a_rule_changes_the_digest() {
    let digest = Digest::of(b"received");
    let approval = |more: &str| {
        format!("{{name: {NAME}, approval: {{state: approved, reviewed: 2026-02-01{more}}}}}")
    };
    let beside = |more: &str| {
        format!("{{name: {NAME}, approval: {{state: approved, reviewed: 2026-02-01}}, {more}}}")
    };
    let rules = [
        approval(""),
        approval("T00:00:00Z"),
        approval(", track: fast"),
        approval(", reviewers: [a]"),
        approval(", reviewers: [b]"),
        approval(", expires: 2026-12-01"),
        approval(", scope: s"),
        approval(", follow: benign"),
        approval(&format!(", follow: benign, reference: {{version: 1.0.0, digest: '{digest}'}}")),
        approval(&format!(
            ", follow: benign, reference: {{version: 1.0.0, digest: '{digest}'}}, cooldown: 9d"
        )),
        format!(
            "{{name: {NAME}, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01}}}}"
        ),
        format!(
            "{{name: {NAME}, versions: 1.0.0, approval: {{state: approved, reviewed: 2026-02-01, artefacts: {{x: '{digest}'}}}}}}"
        ),
        beside("tier: 1"),
        beside("classification: public"),
        beside("owner: o"),
        beside("labels: [l]"),
        beside("reason: r"),
        beside("upstream: official"),
        beside("conditions: {secrets: []}"),
        beside("conditions: {secrets: [A]}"),
        beside("conditions: {pinned_packages: true}"),
        beside("conditions: {ownership: verified}"),
        beside("conditions: {scan: {tools: [a], verdict: pass}}"),
        beside("conditions: {scan: {tools: [a], max_age: 9d, verdict: pass}}"),
        beside("conditions: {scan: {tools: [b], verdict: pass}}"),
        beside("conditions: {provenance: required}"),
        beside("conditions: {provenance: when_available}"),
        beside("waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-12-01}"),
        beside("on_drift: suspend"),
        beside("on_drift: keep"),
        beside("on_deprecated: keep"),
        beside("on_deprecated: {hide_after: 30d}"),
        beside("successor: com.example/other"),
        beside("versions: '>=1'"),
    ];
    let digests: BTreeSet<Digest> =
        rules.iter().map(|rule| World { policy: policy(rule), ..World::new() }.digest()).collect();
    assert_eq!(digests.len(), rules.len(), "two rules have one digest");
}

/// A digest is kept with a decision, so its form must not change by accident: another form needs another domain.
#[test]
fn digest_of_an_unchanged_sheet_stays_the_same() {
    let digest = World::new().digest().to_string();
    assert_eq!(digest, "sha256:a9958272a0641754d936c1ba56131a1d223e8c1bcb8a6643588703203e5d42db");
}

proptest! {
    /// Lookups that find the same owner, ages, wording and the place of a rule are no part of what a person decides.
    #[test]
    fn time_wording_and_places_do_not_change_the_digest(
        lookups in prop::collection::vec((0..300_u64, any::<bool>()), 0..6),
        hours in 0..300_u64,
        line in 0..5_usize,
        file in "[a-z]{1,8}",
        wording in "[a-z ]{0,20}",
    ) {
        let (mut world, before) = (World::new(), World::new().digest());
        let mut at = now();
        for (hours, is_clear) in lookups {
            at = at.plus(Duration::from_hours(hours % 24));
            let lookup = if is_clear { account(7) } else { Lookup::Account(ForgeAnswer::Unclear(wording.clone())) };
            world.dossier.verification = world.dossier.verification.clone().after(&lookup, at);
        }
        world.dossier.verification.evidence = vec![wording.clone()];
        world.dossier.claims.evidence = vec![wording.clone()];
        let yaml = format!("{}# {wording}\nservers: [{APPROVED}]\n", "\n".repeat(line));
        world.policy = policy_of(overlays_in(&format!("{file}.yaml"), &yaml));
        world.compared.matches[0].alert = Some(wording);
        world.now = at.plus(Duration::from_hours(hours));
        prop_assert_eq!(world.digest(), before);
    }
}

/// Returns the shown and the kept versions of a sheet.
fn chosen(
    dossier: &Dossier,
    policy: &PolicySnapshot,
    asked: Option<&str>,
) -> Result<(Vec<String>, Vec<String>), TooManyVersions> {
    let screening = Screening::of(policy.protection);
    let evaluation = evaluate(dossier, policy, &screening, now());
    let asked = asked.map(|asked| VersionPattern::parse(asked).expect("versions"));
    let choice = Choice::of(&evaluation, asked.as_ref())?;
    let versions = |entries: &[&crate::curation::EntryEvaluation<'_>]| {
        entries.iter().map(|entry| entry.row.version.to_string()).collect()
    };
    assert_eq!(
        choice.kept_too_many,
        choice.kept.len() == MAX_KEPT && dossier.rows.len() > MAX_KEPT + 1
    );
    Ok((versions(&choice.shown), versions(&choice.kept)))
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[rstest]
#[case::the_greatest_that_waits(APPROVED, None, &["1.2.0"], &["1.0.0"])]
#[case::one_version(APPROVED, Some("1.1.0"), &["1.1.0"], &[])]
#[case::a_range(APPROVED, Some(">=1, <1.2"), &["1.1.0", "1.0.0"], &[])]
#[case::no_such_version(APPROVED, Some("7.0.0"), &[], &[])]
#[case::nothing_is_approved("", None, &["1.2.0"], &[])]
#[case::a_denied_version_does_not_wait(
    "{name: io.github.x/tool, versions: 1.2.0, approval: {state: denied}}", None, &["1.1.0"], &[]
)]
#[case::all_are_approved(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01}}",
    None, &["1.2.0"], &["1.1.0", "1.0.0"]
)]
#[case::an_expired_approval_keeps_what_it_covered(
    "{name: io.github.x/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-02-20}}",
    None, &["1.2.0"], &["1.0.0"]
)]
#[case::an_expired_approval_keeps_what_its_date_covered(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-02-20}}",
    None, &["1.2.0"], &["1.1.0", "1.0.0"]
)]
#[case::an_expired_approval_from_before_the_versions_keeps_nothing(
    "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-01-01, expires: 2026-02-20}}",
    None, &["1.2.0"], &[]
)]
#[case::an_expired_approval_of_other_content_keeps_nothing(
    "{name: io.github.x/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-02-20, digest: \
     'sha256:0000000000000000000000000000000000000000000000000000000000000000'}}",
    None, &["1.2.0"], &[]
)]
#[case::an_expired_approval_of_a_wildcard_keeps_nothing(
    "{name: io.github.x/*, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-02-20}}",
    None, &["1.2.0"], &[]
)]
#[case::a_denial_after_the_end_keeps_nothing(
    "{name: io.github.x/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01, expires: 2026-02-20}}, \
     {name: io.github.x/tool, versions: '<=1.0.0', approval: {state: denied}}",
    None, &["1.2.0"], &[]
)]
#[case::a_pin_on_other_content_keeps_nothing(
    "{name: io.github.x/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01, digest: \
     'sha256:0000000000000000000000000000000000000000000000000000000000000000'}}",
    None, &["1.2.0"], &[]
)]
#[case::a_hidden_version_of_an_exact_name_is_kept(
    "{name: io.github.x/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01}}, \
     {name: io.github.x/tool, conditions: {ownership: declared}}",
    None, &["1.2.0"], &["1.0.0"]
)]
#[case::a_hidden_version_of_a_wildcard_is_not_kept(
    "{name: io.github.x/*, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01}}, \
     {name: io.github.x/tool, conditions: {ownership: declared}}",
    None, &["1.2.0"], &[]
)]
fn sheet_shows_what_waits_and_keeps_what_is_approved(
    #[case] rules: &str,
    #[case] asked: Option<&str>,
    #[case] shown: &[&str],
    #[case] kept: &[&str],
) {
    let verification = VerificationRecord::default().after(&account(7), looked_up());
    let rows = vec![of("1.0.0"), of("1.1.0"), of("1.2.0")];
    let dossier = Dossier { verification, ..dossier(NAME, rows) };
    let found = chosen(&dossier, &policy(rules), asked);
    assert_eq!(found, Ok((texts(shown), texts(kept))));
}

#[test]
fn range_with_more_versions_than_a_sheet_shows_is_refused() {
    let rows = (0..21).map(|patch| of(&format!("1.0.{patch}"))).collect();
    let dossier = dossier(NAME, rows);
    assert_eq!(chosen(&dossier, &policy(""), Some(">=1")), Err(TooManyVersions { found: 21 }));
    assert_eq!(chosen(&dossier, &policy(""), Some(">1.0.0")).expect("20").0.len(), 20);
}

#[test]
fn more_versions_than_a_rule_lists_are_flagged() {
    let rows = (0..=MAX_KEPT + 1).map(|patch| of(&format!("1.0.{patch}"))).collect();
    let verification = VerificationRecord::default().after(&account(7), looked_up());
    let dossier = Dossier { verification, ..dossier(NAME, rows) };
    let rules = format!("{{name: {NAME}, approval: {{state: approved, reviewed: 2026-02-01}}}}");
    let (_, kept) = chosen(&dossier, &policy(&rules), None).expect("one version");
    assert_eq!(kept.len(), MAX_KEPT);
}

#[test]
fn name_without_an_upstream_of_its_own_has_each_version_once() {
    let two = vec![of("1.0.0"), row("removed", "1.0.0", head(Status::Active, JANUARY))];
    let dossier = Dossier { authority: Some("gone".into()), ..dossier(NAME, two) };
    let policy = with(overlays_in("x.yaml", "servers: []"), Vec::new(), OwnershipPolicy::default());
    assert_eq!(chosen(&dossier, &policy, Some("1.0.0")), Ok((texts(&["1.0.0"]), Vec::new())));
}

#[rstest]
#[case::a_first_review("", None)]
#[case::the_greatest_that_is_served(APPROVED, Some(("1.0.0", ReferenceOrigin::GreatestApproved)))]
#[case::the_reference_of_the_rule(FOLLOWING, Some(("1.1.0", ReferenceOrigin::Rule)))]
fn version_is_compared_with_what_a_reviewer_saw(
    #[case] rules: &str,
    #[case] reference: Option<(&str, ReferenceOrigin)>,
) {
    let digest = Digest::of(b"1.1.0").to_string();
    let policy = policy(&rules.replace("DIGEST", &digest));
    let verification = VerificationRecord::default().after(&account(7), looked_up());
    let rows = vec![of("1.0.0"), of("1.1.0"), of("1.2.0")];
    let dossier = Dossier { verification, ..dossier(NAME, rows) };
    let screening = Screening::of(policy.protection);
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let newest = evaluation.entries.last().expect("three");
    let found = newest.reference(&evaluation, &dossier);
    let found = found.map(|found| (found.row.version.as_str(), found.origin));
    assert_eq!(found, reference);
}

const FOLLOWING: &str = "{name: io.github.x/tool, approval: {state: approved, reviewed: 2026-01-02, follow: benign, \
                         reference: {version: 1.1.0, digest: 'DIGEST'}}}";

#[test]
fn areas_have_what_the_content_answers() {
    let content = EntryContent::of(
        r#"{"description":"d","packages":[{"registryType":"npm","identifier":"x","version":"^1","runtimeHint":"npx",
            "environmentVariables":[{"name":"KEY","isSecret":true,"isRequired":true},{"name":"REGION"}]}],
            "remotes":[{"type":"sse","url":"https://A.example/mcp"}]}"#,
    );
    let head = head(Status::Active, JANUARY);
    let areas =
        AreaReport::all(&[("1.0.0", &content, head, None), ("1.1.0", &content, head, None)]);
    assert_eq!(
        areas.iter().map(|area| area.area).collect::<Vec<_>>(),
        Area::WORDS.map(|(_, area)| area)
    );
    let input = |name: &str, secret| AreaFact::Input {
        place: InputPlace::Environment,
        name: name.into(),
        secret,
        required: secret,
    };
    assert_eq!(areas[0].facts, [input("KEY", true)]);
    assert_eq!(areas[1].facts, [input("REGION", false)]);
    assert!(areas[2].facts[0].to_string().contains("not exact"), "{}", areas[2].facts[0]);
    assert_eq!(areas[3].facts, [AreaFact::Nothing]);
    assert_eq!(areas[4].facts.len(), 2, "one for each version");
    assert_eq!(areas[5].facts[0], AreaFact::RemoteHost { host: "a.example".into() });
}

#[test]
fn facts_of_an_area_are_bounded() {
    let inputs: Vec<String> = (0..60).map(|index| format!(r#"{{"name":"V{index}"}}"#)).collect();
    let content = format!(r#"{{"packages":[{{"environmentVariables":[{}]}}]}}"#, inputs.join(","));
    let content = EntryContent::of(&content);
    let areas = AreaReport::all(&[("1.0.0", &content, head(Status::Active, JANUARY), None)]);
    assert_eq!((areas[1].facts.len(), areas[1].more), (50, 10));
}

/// Another upstream lists a greater version, and the same one with other content.
#[rstest]
#[case::a_name(None, None, Some(("official", "1.1.0")))]
#[case::a_version_of_both(Some("1.1.0"), None, Some(("official", "1.1.0")))]
#[case::a_version_that_only_the_other_has(Some("9.0.0"), None, Some(("lesser", "9.0.0")))]
#[case::the_other_upstream(None, Some("lesser"), Some(("lesser", "9.0.0")))]
#[case::a_version_of_the_other_upstream(Some("1.1.0"), Some("lesser"), Some(("lesser", "1.1.0")))]
#[case::an_unknown_upstream(None, Some("none"), None)]
fn upstream_that_is_not_authoritative_does_not_decide_what_is_read(
    #[case] version: Option<&str>,
    #[case] upstream: Option<&str>,
    #[case] read: Option<(&str, &str)>,
) {
    let late = Head { published_at: now(), ..head(Status::Active, JANUARY) };
    let of_lesser = |version| row("lesser", version, late);
    let rows = vec![of_lesser("1.1.0"), of_lesser("9.0.0"), of("1.0.0"), of("1.1.0")];
    let overlays = overlays_in("x.yaml", "servers: []");
    let upstreams =
        vec![self::upstream("official", 100, false), self::upstream("lesser", 200, false)];
    let policy = with(overlays, upstreams, OwnershipPolicy::default());
    let dossier = dossier(NAME, rows);
    let screening = Screening::of(policy.protection);
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let found = evaluation.read_first(version, upstream);
    let found = found.map(|found| (found.row.upstream.as_str(), found.row.version.as_str()));
    assert_eq!(found, read);
}

/// The sheet prints the views of a version that is served.
#[test]
fn views_of_a_served_version_change_the_digest() {
    let world = |views: &[&str]| {
        let mut world = World::new();
        world.asked = Some(VersionPattern::parse("1.0.0").expect("a version"));
        world.policy.views = views.iter().map(|view| View::unlimited(view)).collect();
        world.digest()
    };
    let digests = BTreeSet::from([world(&[]), world(&["a"]), world(&["b"]), world(&["a", "b"])]);
    assert_eq!(digests.len(), 4, "two sets of views have one digest");
    assert_eq!(world(&["a", "b"]), world(&["b", "a"]), "the order says nothing");
}
