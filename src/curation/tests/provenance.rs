use std::collections::BTreeSet;
use std::time::Duration;

use rstest::rstest;
use url::Url;

use super::fixtures::{JANUARY, at, dossier, head, overlays, policy, row, upstream, visible, with};
use crate::artefact::{
    Algorithm, Checksum, FileAttestations, PackageLookup, PackageRecord, StatedFile,
};
use crate::curation::{
    Choice, ContentFacts, Dossier, EntryEvaluation, Gate, OwnershipPolicy, PolicySnapshot,
    ProvenanceEvidence, ProvenancePolicy, Screening, Seen, TypeDemands, View, ViewRecord, evaluate,
};
use crate::model::{Digest, NotBenign, Status, Timestamp};
use crate::overlay::ProvenanceDemand;
use crate::ownership::PackageRegistries;
use crate::provenance::{
    ArtefactDigest, Attested, Drift, Evidence, Finding, Signer, Subject, Verdict, Workload,
};

const SOURCE: &str = "https://github.com/acme/tool";

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

fn with_registry() -> PolicySnapshot {
    let set = overlays("servers: []", now());
    let mut asked = PackageRegistries::default();
    asked.add("npm".into(), Url::parse("https://npm.example").expect("a URL"));
    policy(set).with_asked_registries(asked)
}

/// Returns the attestation of a version by a workflow of a repository with this owner.
fn built(version: &str, workflow: &str, owner: &str) -> Finding {
    let digest = ArtefactDigest::parse(checksum().as_str()).expect("a digest");
    let name = format!("pkg:npm/tool@{version}");
    let ran = format!("{SOURCE}/.github/workflows/{workflow}@refs/heads/main");
    let workload = Workload {
        issuer: "https://token.actions.githubusercontent.com".into(),
        signer: ran.clone(),
        repository: Some(SOURCE.into()),
        repository_id: Some("99".into()),
        owner_id: Some(owner.into()),
        commit: Some("f0b49a04".into()),
        workflow: Some(ran),
        runner: Some("github-hosted".into()),
    };
    Finding {
        attested: Attested {
            subjects: vec![Subject { name, digests: vec![digest] }],
            predicate_type: "https://slsa.dev/provenance/v1".into(),
            builder: Some("https://github.com/actions/runner".into()),
            ..Attested::default()
        },
        signer: Signer::Workload(Box::new(workload)),
        signed_at: now(),
    }
}

fn checksum() -> Checksum {
    Checksum::new(Algorithm::Sha256, &[1; 32]).expect("a checksum")
}

/// Returns the dossier of versions that were published one after the other, each with its attestations.
fn versions(name: &str, attested: &[(&str, Vec<Finding>)]) -> Dossier {
    let (mut rows, mut records) = (Vec::new(), Vec::new());
    for (hour, (version, findings)) in (0..).zip(attested) {
        let facts = ContentFacts::of(&format!(
            r#"{{"name":"{name}","description":"d","version":"{version}","repository":{{"url":"{SOURCE}","source":"github"}},"packages":[{{"registryType":"npm","identifier":"tool","version":"{version}","transport":{{"type":"stdio"}}}}]}}"#
        ));
        let key = facts.packages[0].key(&with_registry()).expect("a key");
        let mut head = head(Status::Active, JANUARY);
        head.published_at = at(JANUARY).plus(Duration::from_hours(hour));
        let mut row = row("official", version, head);
        row.content.facts = Some(facts);
        rows.push(row);
        let file = StatedFile::new("tool.tgz", Some(checksum()));
        let found = FileAttestations {
            file: "tool.tgz".into(),
            checksum: checksum(),
            evidence: Evidence::Attestations(findings.iter().cloned().map(Ok).collect()),
            trust: Digest::of(b"trust"),
            problem: None,
        };
        let files = PackageLookup::Files(vec![file]);
        records
            .push((key.clone(), PackageRecord::default().after(&key, &files, vec![found], now())));
    }
    let mut dossier = dossier(name, rows);
    dossier.artefacts.extend(records);
    dossier
}

/// Returns the verdict and the drift of each version.
fn judged(dossier: &Dossier) -> Vec<(Verdict, Option<Drift>)> {
    let (policy, screening) = (with_registry(), Screening::default());
    let evaluation = evaluate(dossier, &policy, &screening, now());
    let packages = evaluation.entries.iter().flat_map(|entry| &entry.packages);
    let found = packages.map(|package| package.provenance.clone().expect("a verdict"));
    found.map(|found| (found.verdict, found.drift)).collect()
}

#[test]
fn version_is_compared_with_the_verified_one_before_it() {
    let found = judged(&versions(
        "com.example/tool",
        &[
            ("1.0.0", Vec::new()),
            ("1.0.1", vec![built("1.0.1", "release.yml", "7")]),
            ("1.0.2", vec![built("1.0.2", "release.yml", "7")]),
            ("1.0.3", Vec::new()),
            ("1.0.4", vec![built("1.0.4", "other.yml", "7")]),
            ("1.0.5", vec![built("1.0.5", "other.yml", "7")]),
        ],
    ));
    let words: Vec<_> = found.iter().map(|(verdict, _)| verdict.as_str()).collect();
    assert_eq!(words, ["unsigned", "verified", "verified", "unsigned", "verified", "verified"]);
    let path = |file: &str| format!(".github/workflows/{file}");
    let moved = Drift::Workflow { before: path("release.yml"), now: path("other.yml") };
    let drifts: Vec<_> = found.into_iter().map(|(_, drift)| drift).collect();
    assert_eq!(drifts, [None, None, None, Some(Drift::Unsigned), Some(moved), None]);
}

/// A release that another workflow built is not followed, and neither is the next one of that workflow.
#[test]
fn version_that_lost_the_provenance_of_the_reference_is_not_followed() {
    let name = "com.example/tool";
    let dossier = versions(
        name,
        &[
            ("1.0.0", vec![built("1.0.0", "release.yml", "7")]),
            ("1.0.1", vec![built("1.0.1", "release.yml", "7")]),
            ("1.0.2", Vec::new()),
            ("1.0.3", vec![built("1.0.3", "other.yml", "7")]),
            ("1.0.4", vec![built("1.0.4", "other.yml", "7")]),
        ],
    );
    let digest = dossier.rows[0].content.head.received;
    let text = format!(
        "servers: [{{name: {name}, approval: {{state: approved, reviewed: 2025-12-01, follow: benign, \
         reference: {{version: 1.0.0, digest: '{digest}'}}}}}}]"
    );
    let mut policy = with(
        overlays(&text, now()),
        vec![upstream("official", 1, false)],
        OwnershipPolicy::default(),
    );
    policy.withhold = false;
    let policy = policy.with_asked_registries(with_registry().asked);
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let why = |entry: &EntryEvaluation<'_>| match entry.hidden_by() {
        Some((_, crate::curation::Evidence::NotFollowed { why, .. })) => Some(*why),
        _ => None,
    };
    let why: Vec<_> = evaluation.entries.iter().map(why).collect();
    let lost = Some(NotBenign::ProvenanceLost);
    assert_eq!(why[2..], [lost, lost, lost]);
    assert_ne!(why[1], lost);
}

/// A tag is moved without a broken promise, and who builds the image is compared all the same.
#[test]
fn image_under_a_moved_tag_is_compared_with_the_build_before() {
    let name = "com.example/tool";
    let mut asked = PackageRegistries::default();
    asked.add("oci".into(), Url::parse("https://images.example").expect("a URL"));
    let policy = policy(overlays("servers: []", now())).with_asked_registries(asked);
    let facts = ContentFacts::of(&format!(
        r#"{{"name":"{name}","description":"d","version":"1.0.0","repository":{{"url":"{SOURCE}","source":"github"}},"packages":[{{"registryType":"oci","identifier":"images.example/tool:1","transport":{{"type":"stdio"}}}}]}}"#
    ));
    let key = facts.packages[0].key(&policy).expect("a key");
    let content = |byte: u8| Checksum::new(Algorithm::Sha256, &[byte; 32]).expect("a checksum");
    let signed = |byte: u8, workflow: &str| {
        let mut finding = built("1", workflow, "7");
        let digest = content(byte).digest().expect("a digest");
        finding.attested.subjects =
            vec![Subject { name: "images.example/tool".into(), digests: vec![digest] }];
        finding
    };
    let looks = |looks: Vec<(u8, Evidence)>| {
        let mut record = PackageRecord::default();
        for (byte, evidence) in looks {
            let stated = StatedFile::new("1", Some(content(byte)));
            let (file, checksum, problem) = ("1".into(), content(byte), None);
            let trust = Digest::of(b"trust");
            let found = FileAttestations { file, checksum, evidence, trust, problem };
            record = record.after(&key, &PackageLookup::Files(vec![stated]), vec![found], now());
        }
        let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
        row.content.facts = Some(facts.clone());
        let mut dossier = dossier(name, vec![row]);
        dossier.artefacts.insert(key.clone(), record);
        let screening = Screening::default();
        let evaluation = evaluate(&dossier, &policy, &screening, now());
        let found = evaluation.entries[0].packages[0].provenance.clone().expect("a verdict");
        (found.verdict.as_str(), found.drift)
    };
    let of =
        |findings: Vec<Finding>| Evidence::Attestations(findings.into_iter().map(Ok).collect());
    let first = || (1, of(vec![signed(1, "release.yml")]));
    assert_eq!(looks(vec![first()]), ("verified", None));
    assert_eq!(looks(vec![first(), (2, of(vec![signed(2, "release.yml")]))]), ("verified", None));
    assert_eq!(looks(vec![first(), (2, Evidence::Unavailable)]), ("unavailable", None));
    let lost = looks(vec![first(), (2, of(Vec::new()))]);
    assert_eq!(lost, ("unsigned", Some(Drift::Unsigned)));
    let other = looks(vec![first(), (2, Evidence::Unavailable), (2, of(vec![signed(2, "x.yml")]))]);
    assert!(matches!(other, ("verified", Some(Drift::Workflow { .. }))), "{other:?}");
    // The attestation of the content before says nothing of this one.
    let stale = looks(vec![first(), (2, of(vec![signed(1, "release.yml")]))]);
    assert_eq!(stale, ("failed", Some(Drift::Failed)));
}

#[test]
fn only_the_account_of_the_namespace_verifies() {
    let of = |name: &str, owner: &str| {
        let mut dossier = versions(name, &[("1.0.0", vec![built("1.0.0", "release.yml", owner)])]);
        dossier.verification.pinned_account = Some(7);
        judged(&dossier).remove(0).0.as_str()
    };
    assert_eq!(of("io.github.acme/tool", "7"), "verified");
    assert_eq!(of("io.github.acme/tool", "8"), "failed", "the login was given to another account");
    assert_eq!(of("com.example/tool", "8"), "verified", "a domain is no account");
}

/// The knowledge about the package of an entry.
#[derive(Debug, Clone, Copy)]
enum Known {
    NoRegistry,
    NotLooked,
    NoAnswer,
    Unsigned,
    Failed,
    Verified,
}

/// Returns an approved entry of `com.example/tool` with an npm package of which this is known, and the key of its record.
fn known(known: Known) -> Dossier {
    let findings = match known {
        Known::Verified => vec![built("1.0.0", "release.yml", "7")],
        Known::Failed => vec![built("9.9.9", "release.yml", "7")],
        Known::Unsigned | Known::NoAnswer | Known::NoRegistry | Known::NotLooked => Vec::new(),
    };
    let mut dossier = versions("com.example/tool", &[("1.0.0", findings)]);
    match known {
        Known::NoRegistry | Known::NotLooked => dossier.artefacts.clear(),
        Known::NoAnswer => {
            let records =
                dossier.artefacts.values_mut().flat_map(|record| record.files.values_mut());
            let attestations = records.filter_map(|file| file.attestations.as_mut());
            attestations.for_each(|kept| kept.evidence = Evidence::Unavailable);
        }
        Known::Unsigned | Known::Failed | Known::Verified => {}
    }
    dossier
}

/// Returns a policy that approves `com.example/tool`, with these further rules.
fn demanding(rules: &str, has_registry: bool) -> PolicySnapshot {
    let approval = "{name: com.example/tool, versions: 1.0.0, approval: {state: approved, reviewed: 2026-02-01}}";
    let policy = policy(overlays(&format!("servers: [{approval}{rules}]"), now()));
    let mut asked = PackageRegistries::default();
    if has_registry {
        asked.add("npm".into(), Url::parse("https://npm.example").expect("a URL"));
    }
    policy.with_asked_registries(asked)
}

fn condition(demand: &str) -> String {
    format!(", {{name: '*', conditions: {{provenance: {demand}}}}}")
}

/// Returns the evidence if the gate hides the entry; any other gate must pass.
fn hidden(dossier: &Dossier, policy: &PolicySnapshot, at: Timestamp) -> Option<String> {
    let screening = Screening::default();
    let evaluation = evaluate(dossier, policy, &screening, at);
    let (gate, evidence) = evaluation.entries[0].hidden_by()?;
    assert_eq!(gate, Gate::Provenance, "{evidence}");
    Some(evidence.kind().to_owned())
}

#[rstest]
//                        required                             when available
#[case(Known::Verified, None, None)]
#[case(Known::Unsigned, Some("provenance-unsigned"), None)]
#[case(Known::Failed, Some("provenance-failed"), Some("provenance-failed"))]
fn definite_verdict_is_compared_with_the_demand(
    #[case] evidence: Known,
    #[case] required: Option<&str>,
    #[case] when_available: Option<&str>,
) {
    let mut dossier = known(evidence);
    let of = |dossier: &Dossier, demand: &str| {
        hidden(dossier, &demanding(&condition(demand), true), now())
    };
    for _ in 0..2 {
        assert_eq!(of(&dossier, "required").as_deref(), required);
        assert_eq!(of(&dossier, "when_available").as_deref(), when_available);
        assert_eq!(hidden(&dossier, &demanding("", true), now()), None);
        // It makes no difference if a view shows the entry.
        dossier.ledger = vec![visible("1.0.0", now())];
    }
}

/// P79: without a definite verdict what is served stays, and nothing else is shown.
#[rstest]
fn unavailable_provenance_never_hides_what_is_served_and_never_shows_more(
    #[values(Known::NoRegistry, Known::NotLooked, Known::NoAnswer)] evidence: Known,
    #[values("required", "when_available")] demand: &str,
    #[values(false, true)] by_settings: bool,
) {
    let has_registry = !matches!(evidence, Known::NoRegistry);
    let word = ProvenanceDemand::WORDS.iter().find(|(word, _)| *word == demand);
    let of_settings = TypeDemands::default().with("npm", word.expect("a word").1);
    let policy = if by_settings {
        let default = of_settings;
        demanding("", has_registry)
            .with_provenance(ProvenancePolicy { default, ..ProvenancePolicy::default() })
    } else {
        demanding(&condition(demand), has_registry)
    };
    let mut dossier = known(evidence);
    assert_eq!(hidden(&dossier, &policy, now()).as_deref(), Some("provenance-unavailable"));
    dossier.ledger = vec![visible("1.0.0", now())];
    assert_eq!(hidden(&dossier, &policy, now()), None);
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let kept = evaluation.entries[0].provenance();
    let found = match evidence {
        Known::NoRegistry => "is of no registry in",
        Known::NotLooked => "was not looked at yet",
        _ => "has no definite verdict",
    };
    let words = kept.map(|kept| kept.to_string()).unwrap_or_default();
    assert!(words.contains(found), "{words}");
    assert!(matches!(kept, Some(ProvenanceEvidence::Kept { .. })), "{kept:?}");
    // Another content than the one that is shown.
    dossier.ledger[0].record.approved.received = Digest::of(b"other");
    assert_eq!(hidden(&dossier, &policy, now()).as_deref(), Some("provenance-unavailable"));
}

#[rstest]
#[case::bundle("mcpb", r#","identifier":"https://files.example/a.mcpb","fileSha256":"d9dc""#)]
#[case::other_type("nuget", r#","identifier":"a","version":"1.0.0""#)]
#[case::cargo("cargo", r#","identifier":"a","version":"1.0.0""#)]
#[case::range("npm", r#","identifier":"a","version":"^1.0.0""#)]
#[case::no_version("npm", r#","identifier":"a""#)]
#[case::tag("oci", r#","identifier":"images.example/a:1""#)]
#[case::variable(
    "npm",
    r#","identifier":"a","version":"1.0.0","environmentVariables":[{"name":"NPM_CONFIG_REGISTRY","value":"https://evil.example"}]"#
)]
#[case::other_runtime("npm", r#","identifier":"a","version":"1.0.0","runtimeHint":"uvx""#)]
#[case::something_else_runs(
    "npm",
    r#","identifier":"a","version":"1.0.0","runtimeArguments":[{"type":"named","name":"--registry","value":"https://evil.example"}]"#
)]
fn package_without_attestations_that_could_be_checked_fails_only_what_is_required_of_it(
    #[case] kind: &str,
    #[case] members: &str,
) {
    let mut dossier = known(Known::NotLooked);
    dossier.rows[0].content.facts = Some(ContentFacts::of(&format!(
        r#"{{"name":"com.example/tool","description":"d","version":"1.0.0","packages":[{{"registryType":"{kind}","transport":{{"type":"stdio"}}{members}}}]}}"#
    )));
    // A view shows it: the verdict is definite all the same.
    dossier.ledger = vec![visible("1.0.0", now())];
    let kinds = |policy: &PolicySnapshot| {
        let screening = Screening::default();
        let evaluation = evaluate(&dossier, policy, &screening, now());
        let mut gates = evaluation.entries[0].gates();
        let found = gates.find(|(gate, _)| *gate == Gate::Provenance).expect("the gate");
        found.1.evidence().kind()
    };
    let uncheckable = "provenance-uncheckable";
    assert_eq!(kinds(&demanding(&condition("required"), true)), uncheckable);
    assert_eq!(kinds(&demanding(&condition("when_available"), true)), "provenance-enough");
    let other = if kind == "npm" { "pypi" } else { "npm" };
    let settings = |kind: &str| {
        let default = TypeDemands::default().with(kind, ProvenanceDemand::Required);
        demanding("", true)
            .with_provenance(ProvenancePolicy { default, ..ProvenancePolicy::default() })
    };
    assert_eq!(kinds(&settings(other)), "provenance-not-demanded");
    let is_listed = TypeDemands::TYPES.contains(&kind);
    let of_own = if is_listed { uncheckable } else { "provenance-not-demanded" };
    assert_eq!(kinds(&settings(kind)), of_own);
}

#[test]
fn strictest_demand_counts_and_that_of_a_tier_replaces_the_default() {
    let demand = |demand| TypeDemands::default().with("npm", demand);
    let settings = ProvenancePolicy {
        default: demand(ProvenanceDemand::Required),
        tiers: [Some(demand(ProvenanceDemand::WhenAvailable)), Some(TypeDemands::default()), None],
    };
    let unsigned = |rules: &str| {
        let policy = demanding(rules, true).with_provenance(settings);
        hidden(&known(Known::Unsigned), &policy, now())
    };
    let tier = |tier: u8| format!(", {{name: com.example/tool, tier: {tier}}}");
    let refused = Some("provenance-unsigned".to_owned());
    assert_eq!(unsigned(""), refused);
    assert_eq!(unsigned(&tier(1)), None);
    assert_eq!(unsigned(&tier(2)), None);
    assert_eq!(unsigned(&tier(3)), refused);
    assert_eq!(unsigned(&(tier(1) + &condition("required"))), refused);
    assert_eq!(unsigned(&condition("when_available")), refused, "of the settings");
}

/// A file that was added to a release is not built by the others.
#[rstest]
#[case::later_answer(false)]
#[case::without_a_digest(true)]
fn file_whose_attestations_were_not_looked_for_fails_what_is_required(#[case] is_bare: bool) {
    let mut dossier = known(Known::Verified);
    let (key, record) = dossier.artefacts.pop_first().expect("a record");
    let added = StatedFile::new("added.tgz", Some(checksum()).filter(|_| !is_bare));
    let files = PackageLookup::Files(vec![StatedFile::new("tool.tgz", Some(checksum())), added]);
    let record = record.after(&key, &files, Vec::new(), now());
    dossier.artefacts.insert(key, record);
    // A view shows it: the finding is definite all the same.
    dossier.ledger = vec![visible("1.0.0", now())];
    let required = demanding(&condition("required"), true);
    assert_eq!(hidden(&dossier, &required, now()).as_deref(), Some("provenance-unchecked"));
    assert_eq!(hidden(&dossier, &demanding(&condition("when_available"), true), now()), None);
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &required, &screening, now());
    let words = evaluation.entries[0].provenance().map(|found| found.to_string());
    let words = words.unwrap_or_default();
    assert!(words.ends_with("has 2 files, of which only 1 were checked"), "{words}");
}

/// A registry that hands out other bytes gives no answer about who built them.
#[test]
fn changed_file_without_a_verdict_is_hidden_where_provenance_is_demanded() {
    let mut dossier = known(Known::Verified);
    let (key, record) = dossier.artefacts.pop_first().expect("a record");
    let other = Checksum::new(Algorithm::Sha256, &[2; 32]).expect("a checksum");
    let files = PackageLookup::Files(vec![StatedFile::new("tool.tgz", Some(other.clone()))]);
    let silence = FileAttestations {
        file: "tool.tgz".into(),
        checksum: other,
        evidence: Evidence::Unavailable,
        trust: Digest::of(b"trust"),
        problem: Some("502".into()),
    };
    dossier.ledger = vec![visible("1.0.0", now())];
    for attested in [Vec::new(), vec![silence]] {
        let changed = record.clone().after(&key, &files, attested, now());
        dossier.artefacts.insert(key.clone(), changed);
        for demand in ["required", "when_available"] {
            let found = hidden(&dossier, &demanding(&condition(demand), true), now());
            assert_eq!(found.as_deref(), Some("provenance-changed"));
        }
        assert_eq!(hidden(&dossier, &demanding("", true), now()), None);
    }
}

/// P79: what stays in one view gets into no other.
#[test]
fn entry_without_a_verdict_stays_only_in_the_views_that_show_it() {
    let mut policy = demanding(&condition("required"), true);
    policy.views = ["default", "strict"].map(View::unlimited).to_vec();
    let mut dossier = known(Known::NoAnswer);
    dossier.ledger = vec![visible("1.0.0", now())];
    let screening = Screening::default();
    let shown_by =
        |dossier: &Dossier| evaluate(dossier, &policy, &screening, now()).entries[0].views.clone();
    assert_eq!(shown_by(&dossier), [0]);
    let other = ViewRecord { view: "strict".into(), ..visible("1.0.0", now()) };
    dossier.ledger.push(other);
    assert_eq!(shown_by(&dossier), [0, 1]);
    dossier.ledger[0].record.approved.received = Digest::of(b"other");
    assert_eq!(shown_by(&dossier), [1]);
    let mut verified = known(Known::Verified);
    verified.ledger = vec![visible("1.0.0", now())];
    assert_eq!(shown_by(&verified), [0, 1]);
}

/// A package that is never looked at is noticed a week after its content came and was approved.
#[rstest]
fn demanded_package_without_a_record_is_unconfirmed_after_a_week(
    #[values(Known::NoRegistry, Known::NotLooked)] evidence: Known,
) {
    let dossier = known(evidence);
    let screening = Screening::default();
    let has_registry = matches!(evidence, Known::NotLooked);
    // The review is later than the content.
    let week = at("2026-02-08T00:00:00Z");
    let before = week.minus(Timestamp::TICK);
    let demands = demanding(&condition("required"), has_registry);
    let evaluation = evaluate(&dossier, &demands, &screening, before);
    assert_eq!(evaluation.holds_until, Some(week));
    let package = &evaluation.entries[0].packages[0];
    assert_eq!(package.unconfirmed(before), None);
    let (name, attestations, why) = package.unconfirmed(week).expect("a finding");
    assert_eq!((name.as_str(), attestations), ("npm tool 1.0.0", true));
    assert_eq!(why.is_some_and(|why| why.contains("of no registry")), !has_registry);
    let policy = demanding("", has_registry);
    let evaluation = evaluate(&dossier, &policy, &screening, week);
    assert_eq!(evaluation.entries[0].packages[0].unconfirmed(week), None, "nothing demands it");
    let demands = demanding(&condition("required"), true);
    let known = known(Known::Verified);
    let evaluation = evaluate(&known, &demands, &screening, week);
    assert_eq!(evaluation.entries[0].packages[0].unconfirmed(week), None);
}

#[test]
fn entry_without_packages_has_the_demanded_provenance() {
    let mut dossier = known(Known::NotLooked);
    let without = r#"{"name":"com.example/tool","description":"d","version":"1.0.0"}"#;
    dossier.rows[0].content.facts = Some(ContentFacts::of(without));
    assert_eq!(hidden(&dossier, &demanding(&condition("required"), true), now()), None);
}

#[test]
fn waiver_lifts_the_demand_until_it_ends() {
    let waive = ", {name: com.example/tool, waive: {condition: provenance, reason: r, reviewer: a, expires: 2026-06-30}}";
    let rules = [condition("required"), waive.to_owned()].concat();
    let by_settings = ProvenancePolicy {
        default: TypeDemands::default().with("npm", ProvenanceDemand::Required),
        ..ProvenancePolicy::default()
    };
    let policies = [demanding(&rules, true), demanding(waive, true).with_provenance(by_settings)];
    let end = at("2026-06-30T23:59:59.999999Z");
    let screening = Screening::default();
    for policy in &policies {
        for evidence in [Known::Unsigned, Known::Failed, Known::NoAnswer] {
            let dossier = known(evidence);
            assert_eq!(hidden(&dossier, policy, end), None);
            assert!(hidden(&dossier, policy, end.plus(Timestamp::TICK)).is_some());
            let evaluation = evaluate(&dossier, policy, &screening, now());
            assert_eq!(evaluation.holds_until, Some(end.plus(Timestamp::TICK)));
            let entry = &evaluation.entries[0];
            assert_eq!(entry.ends(now()), Some(end), "reviewers learn of the end before");
        }
        let dossier = known(Known::Verified);
        let evaluation = evaluate(&dossier, policy, &screening, now());
        assert!(evaluation.entries[0].ends(now()) > Some(end), "the waiver serves nothing");
    }
}

/// A decision rests on definite verdicts; a registry that fails changes no digest.
#[test]
fn digest_of_a_review_sheet_binds_definite_verdicts() {
    let digest = |evidence: Known| {
        let (dossier, policy) = (known(evidence), demanding("", true));
        let screening = Screening::default();
        let evaluation = evaluate(&dossier, &policy, &screening, now());
        let choice = Choice::of(&evaluation, None).expect("few versions");
        let alerts = BTreeSet::new();
        let seen = Seen {
            choice: &choice,
            asked: None,
            dossier: &dossier,
            policy: &policy,
            compared: None,
            alerts: &alerts,
        };
        seen.digest()
    };
    let definite = [Known::Unsigned, Known::Failed, Known::Verified, Known::NoAnswer].map(digest);
    assert_eq!(BTreeSet::from(definite).len(), 4);
    assert_eq!(digest(Known::NotLooked), digest(Known::NoAnswer));
}

/// A registry that is silent for a week is noticed at that moment.
#[test]
fn package_is_unconfirmed_a_week_after_the_first_look_without_an_answer() {
    let screening = Screening::default();
    let week = now().plus(Duration::from_hours(7 * 24));
    let before = week.minus(Timestamp::TICK);
    let demands = demanding(&condition("required"), true);
    let mut dossier = known(Known::Verified);
    for (is_demanded, policy) in [(true, &demands), (false, &demanding("", true))] {
        for record in dossier.artefacts.values_mut() {
            (record.unanswered_since, record.unattested_since) = (None, Some(now()));
        }
        let evaluation = evaluate(&dossier, policy, &screening, now());
        assert_eq!(evaluation.holds_until == Some(week), is_demanded);
        let package = &evaluation.entries[0].packages[0];
        let attestations_only = |at| package.unconfirmed(at).map(|(_, only, _)| only);
        assert_eq!(attestations_only(before), None);
        assert_eq!(attestations_only(week), is_demanded.then_some(true));
    }
    for record in dossier.artefacts.values_mut() {
        (record.unanswered_since, record.unattested_since) = (Some(now()), None);
    }
    let policy = demanding("", true);
    let evaluation = evaluate(&dossier, &policy, &screening, before);
    assert_eq!(evaluation.holds_until, Some(week));
    let package = &evaluation.entries[0].packages[0];
    assert_eq!(package.unconfirmed(week).map(|(_, only, _)| only), Some(false));
    assert!(evaluation.entries[0].is_served(), "nothing is hidden");
}
