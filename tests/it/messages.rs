//! Every message about conditions, later versions, drift, deprecation and ends that a person can meet, as snapshots.

use vidimus::alert::{AlertKind, Evidence, Figure};
use vidimus::lint::Source;
use vidimus::model::{Digest, NotBenign, Status, Timestamp};
use vidimus::overlay::{Context, OverlaySet, Terms, read};

/// Rules with a mistake each, as an author may write them.
const MISTAKES: &str = r"
{name: a.b/c, conditions: {}}
{name: a.b/c, conditions: [secrets]}
{name: a.b/c, conditions: {packages: {}}}
{name: a.b/c, conditions: {secret: none}}
{name: a.b/c, conditions: {secrets: nothing}}
{name: a.b/c, conditions: {secrets: [API KEY]}}
{name: a.b/c, conditions: {environment: ['AWS_*']}}
{name: a.b/c, conditions: {runtimes: npx}}
{name: a.b/c, conditions: {packages: {types: [npn]}}}
{name: a.b/c, conditions: {packages: {registries: [npm.example]}}}
{name: a.b/c, conditions: {packages: {identifiers: ['*']}}}
{name: a.b/c, conditions: {packages: {identifiers: ['images.example/a/b:1*']}}}
{name: a.b/c, conditions: {remotes: {hosts: ['https://a.example']}}}
{name: a.b/c, conditions: {remotes: {hosts: ['a.*.example']}}}
{name: a.b/c, conditions: {remotes: {transports: [http]}}}
{name: a.b/c, conditions: {pinned_packages: false}}
{name: a.b/c, conditions: {ownership: not-revoked}}
{name: '*', conditions: {secrets: none}}, {name: a.b/c, conditions: {secrets: [TOKEN]}}
{name: a.b/*, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-12-31}}
{name: a.b/c, waive: {condition: secrets, reason: r, reviewer: a}}
{name: a.b/c, waive: {condition: secret, reason: r, reviewer: a, expires: 2026-12-31}}
{name: a.b/c, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-05-31}}
{name: a.b/c, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-02-30}}
{name: a.b/c, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-12-31}}
{name: a.b/c, on_drift: stop}
{name: a.b/c, on_deprecated: hide}
{name: a.b/c, on_deprecated: {}}
{name: a.b/c, on_deprecated: {hide_after: 30}}
{name: a.b/c, successor: a.b/C.}
{name: a.b/*, successor: a.b/d}
{name: a.b/c, successor: tool}
{name: a.b/c, successor: a.b/d}, {name: a.b/c, successor: a.b/e}
{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: all}}
{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign}}
{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, cooldown: 24h}}
{name: a.b/*, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REFERENCE}}
{name: a.b/c, versions: '>=2', approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REFERENCE}}
{name: a.b/c, approval: {state: denied, follow: benign, reference: REFERENCE}}
{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: {version: 1.4.0}}}
{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: {version: latest, digest: DIGEST}}}
{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, follow: benign, reference: REFERENCE, cooldown: 3}}
{name: a.b/c, approval: {state: approved, reviewed: 2026-05-01, conditions: {secrets: none}}}
";

const DIGEST: &str = "'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

#[test]
fn messages_to_authors_are_those_of_the_snapshot() {
    let now = at("2026-06-01T12:00:00Z");
    let context = Context { terms: Terms::default(), now, upstreams: None };
    let mut text = String::new();
    for rules in MISTAKES.lines().filter(|line| !line.is_empty()) {
        let written = rules
            .replace("REFERENCE", "{version: 1.4.0, digest: DIGEST}")
            .replace("DIGEST", DIGEST);
        let reading = read(&[Source::new("x.yaml", format!("servers: [{written}]"))], &context);
        let mut findings = reading.findings.clone();
        findings.extend(OverlaySet::from(reading).idle_waivers());
        assert!(!findings.is_empty(), "{rules} is accepted");
        text.push_str(&format!("{rules}\n"));
        for finding in findings {
            text.push_str(&format!("    {:?} {finding}\n", finding.severity));
        }
    }
    expect("messages-to-authors", &text);
}

#[test]
fn messages_of_alerts_are_those_of_the_snapshot() {
    let until = at("2026-07-01T23:59:59Z");
    let digest = Digest::of(b"content");
    let reasons = [
        NotBenign::NoReference,
        NotBenign::ReferenceUnknown,
        NotBenign::ReferenceHidden,
        NotBenign::NotSemantic,
        NotBenign::PreRelease,
        NotBenign::NotHigher,
        NotBenign::OtherMajor,
        NotBenign::NoFacts,
        NotBenign::Changed,
        NotBenign::UnknownSchema,
        NotBenign::RichText,
        NotBenign::PackageNotExact,
        NotBenign::ProvenanceLost,
        NotBenign::NotVerified,
        NotBenign::LookalikeAlert,
    ];
    let mut items: Vec<Evidence> = reasons
        .into_iter()
        .map(|why| Evidence::NotBenign {
            version: "1.5.0".into(),
            received: digest,
            why,
            changes: vec![
                r#"/remotes/0/url: "https://a.example" became "https://b.example""#.into(),
            ],
        })
        .collect();
    items.extend([1, 30].map(|within_days| Evidence::Ends {
        what: "the approval".into(),
        until,
        within_days,
    }));
    items.push(Evidence::Ended { name: "a.b/c".into(), until });
    for status in [Status::Deprecated, Status::Deleted] {
        items.push(Evidence::StatusChanged { version: "1.5.0".into(), status });
    }
    items.push(Evidence::NewerVersion {
        name: "a.b/c".into(),
        version: "1.5.0".into(),
        received: digest,
    });
    items.push(Evidence::Renamed { from: "a.b/C".into(), to: "a.b/c".into() });
    let mut text: String = items.iter().map(|item| format!("{item}\n")).collect();
    text.push_str(&format!("{}\n", Figure::Rule { place: "overlays/x.yaml:3:5".into() }));
    for kind in [
        AlertKind::Drift,
        AlertKind::Expired,
        AlertKind::Expiring,
        AlertKind::MaterialChange,
        AlertKind::NewerVersions,
        AlertKind::Renamed,
        AlertKind::StatusChanged,
    ] {
        text.push_str(&format!("{kind}: {} {}\n", kind.meaning(), kind.remedy()));
    }
    expect("messages-of-alerts", &text);
}

fn expect(name: &str, text: &str) {
    let mut differing = Vec::new();
    crate::demo::compare(name, text, &mut differing);
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
