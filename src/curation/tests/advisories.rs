use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::fixtures::*;
use crate::advisory::{
    EarlierText, EcosystemPackage, FeedAdvisory, FoundAdvisories, Hold, OwnAdvisories, Release,
    read_osv, read_own,
};
use crate::curation::{
    Concern, ContentFacts, Dossier, EntryState, Gate, PolicySnapshot, Screening, evaluate,
    hides_what_is_visible,
};
use crate::lint::Source;
use crate::model::{Actor, Status, Timestamp};

const NAME: &str = "com.example/tool";
const SERVER: &str = r#"{"name":"com.example/tool","description":"d","version":"1.0.0","repository":{"url":"https://github.com/example/tool","source":"github"},"remotes":[{"type":"sse","url":"https://mcp.example.net/x"}],"packages":[{"registryType":"pypi","identifier":"Example_Tool","version":"1.2.0","transport":{"type":"stdio"}}]}"#;

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

/// Returns the dossier of a served entry, with advisories of a feed.
fn advised(advisories: &[&str]) -> Dossier {
    let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
    row.content.facts = Some(ContentFacts::of(SERVER));
    let mut found = FoundAdvisories::default();
    for json in advisories {
        let advisory = read_osv(json.as_bytes()).expect("an advisory");
        found.add(FeedAdvisory { feed: "pypi".into(), advisory });
    }
    Dossier { advisories: found, ledger: vec![visible("1.0.0", now())], ..dossier(NAME, vec![row]) }
}

/// Returns a policy that approves the entry, with more rules.
fn approving(more: &str) -> PolicySnapshot {
    let rules = format!(
        "servers:\n- {{name: {NAME}, approval: {{state: approved, reviewed: 2026-02-01, expires: 2026-12-01}}}}\n{more}"
    );
    policy(overlays(&rules, now()))
}

fn own(text: &str) -> OwnAdvisories {
    let (advisories, findings) = read_own(&[Source::new("own.yaml", text)]);
    assert_eq!(findings, []);
    OwnAdvisories::new(advisories, BTreeMap::new())
}

/// Returns true if the entry is served, and the evidence of the gate in words.
fn outcome(dossier: &Dossier, policy: &PolicySnapshot, now: Timestamp) -> (bool, String) {
    let screening = Screening::default();
    let evaluation = evaluate(dossier, policy, &screening, now);
    let entry = &evaluation.entries[0];
    let mut gates = entry.gates();
    let (_, outcome) = gates.find(|(gate, _)| *gate == Gate::NoAdvisory).expect("the gate");
    assert_eq!(entry.is_served(), outcome.is_passed());
    assert_eq!(EntryState::of(entry) == EntryState::Advisory, !entry.is_served());
    (entry.is_served(), outcome.evidence().to_string())
}

const EVIL: &str = r#"{"id":"MAL-2026-7","summary":"it sends keys away","affected":[{"package":{"ecosystem":"PyPI","name":"example-tool"},"versions":["1.2"]}]}"#;
const HIGH: &str = r#"{"id":"GHSA-1","database_specific":{"severity":"HIGH"},"affected":[{"package":{"ecosystem":"PyPI","name":"example.tool"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.2.1"}]}]}]}"#;
const LOW: &str = r#"{"id":"GHSA-2","database_specific":{"severity":"LOW"},"affected":[{"package":{"ecosystem":"PyPI","name":"example.tool"}}]}"#;
const OTHER: &str =
    r#"{"id":"MAL-2026-8","affected":[{"package":{"ecosystem":"npm","name":"example-tool"}}]}"#;

#[rstest::rstest]
#[case(&[], true, "no advisory concerns it")]
#[case(&[OTHER], true, "no advisory concerns it")]
#[case(&[LOW, HIGH], true, "GHSA-1 concerns it: the pypi package Example_Tool 1.2.0 is affected (and 1 more)")]
#[case(&[LOW, EVIL, HIGH], false, "MAL-2026-7 hides it: the pypi package Example_Tool 1.2.0 is affected: it sends keys away (and 2 more)")]
// Two feeds have it.
#[case(&[EVIL, EVIL], false, "MAL-2026-7 hides it: the pypi package Example_Tool 1.2.0 is affected: it sends keys away")]
fn approval_does_not_override_an_advisory(
    #[case] advisories: &[&str],
    #[case] is_served: bool,
    #[case] evidence: &str,
) {
    let found = outcome(&advised(advisories), &approving(""), now());
    assert_eq!(found, (is_served, evidence.to_owned()));
}

#[test]
fn unread_report_of_malicious_code_hides_what_names_its_package() {
    let outcome_of = |package: &str, may_be_malicious| {
        let mut dossier = advised(&[LOW]);
        let key = EcosystemPackage::of_entry("pypi", package).expect("a type");
        dossier.advisories.leave_out(&key, may_be_malicious);
        outcome(&dossier, &approving(""), now())
    };
    assert!(!outcome_of("example-tool", true).0);
    assert!(outcome_of("example-tool", false).0, "a cut that loses alerts hides nothing");
    assert!(outcome_of("another", true).0);
}

#[rstest::rstest]
#[case("servers: [com.example/Tool]", "it names this server")]
#[case("servers: [com.*/*]", "it names this server")]
#[case("hosts: [\"*.example.net\"]", "it names the host mcp.example.net")]
#[case(
    "repositories: [\"https://github.com/Example/Tool\"]",
    "it names the repository https://github.com/example/tool"
)]
fn own_advisory_hides_what_it_names(#[case] concerned: &str, #[case] why: &str) {
    for (action, is_served) in [("hide", false), ("alert", true)] {
        let own = own(&format!("id: EX-1\nvidimus: {{action: {action}, {concerned}}}\n"));
        let verb = if is_served { "concerns" } else { "hides" };
        let wanted = (is_served, format!("EX-1 {verb} it: {why}; at own.yaml:1:1"));
        let dossier = advised(&[]);
        assert_eq!(hides_what_is_visible(&own.advisories[0], &dossier), !is_served);
        let policy = approving("").with_advisories(Arc::new(own));
        assert_eq!(outcome(&dossier, &policy, now()), wanted);
    }
}

/// A report of malicious code hides by its id, whatever its action says.
#[rstest::rstest]
#[case("MAL-EX-1", "", false)]
#[case("MAL-EX-1", "vidimus: {action: alert}\n", false)]
#[case("EX-1", "", true)]
fn own_report_of_malicious_code_hides(
    #[case] id: &str,
    #[case] more: &str,
    #[case] is_served: bool,
) {
    let affected = "affected: [{package: {ecosystem: PyPI, name: example-tool}}]";
    let own = own(&format!("id: {id}\n{affected}\n{more}"));
    let policy = approving("").with_advisories(Arc::new(own));
    assert_eq!(outcome(&advised(&[]), &policy, now()).0, is_served);
}

#[rstest::rstest]
#[case("https://mcp.example.net:8443/x")]
#[case("https://MCP.example.net./x")]
#[case("https://user@mcp.example.net:443/x")]
#[case("https:\\\\\\\\mcp.example.net\\\\x")]
fn host_of_an_own_advisory_is_named_in_each_spelling_of_a_remote(#[case] url: &str) {
    let own = own("id: EX-1\nvidimus: {action: hide, hosts: [mcp.example.net]}\n");
    let mut dossier = advised(&[]);
    let server = SERVER.replace("https://mcp.example.net/x", url);
    dossier.rows[0].content.facts = Some(ContentFacts::of(&server));
    assert!(hides_what_is_visible(&own.advisories[0], &dossier), "{url}");
    let server = SERVER.replace("mcp.example.net", "amcp.example.net");
    dossier.rows[0].content.facts = Some(ContentFacts::of(&server));
    assert!(!hides_what_is_visible(&own.advisories[0], &dossier), "another host");
}

#[test]
fn own_advisory_on_hold_and_one_that_is_withdrawn_hide_nothing() {
    let text = "id: EX-1\nvidimus: {action: hide, servers: [com.example/tool]}\n";
    let advisories = own(text);
    let digest = advisories.advisories[0].digest;
    let hold = Hold {
        digest,
        id: "EX-1".into(),
        hidden: 9,
        served: 10,
        since: now(),
        released: None,
        earlier: None,
        gone: None,
    };
    let with = |hold: Hold| {
        OwnAdvisories::new(advisories.advisories.clone(), BTreeMap::from([(digest, hold)]))
    };
    let is_served = |own: &OwnAdvisories| {
        outcome(&advised(&[]), &approving("").with_advisories(Arc::new(own.clone())), now()).0
    };
    assert!(!is_served(&advisories));
    assert!(is_served(&with(hold.clone())));
    let earlier = |text: &str| {
        let (file, text) = ("own.yaml".to_owned(), text.to_owned());
        with(Hold { earlier: Some(EarlierText { file, text }), ..hold.clone() })
    };
    let narrower = text.replace("hide,", "hide, hosts: [x.example],");
    assert!(!is_served(&earlier(&narrower)), "the earlier text still hides it");
    assert!(is_served(&earlier(&narrower.replace("EX-1", "EX-2"))), "that is another advisory");
    let (by, reason) = ("bob".to_owned(), "true".to_owned());
    let released = Some(Release { by, actor: Actor::DataFolder, at: now(), reason });
    assert!(!is_served(&with(Hold { released, ..hold })));
    assert!(is_served(&own(&format!("{text}withdrawn: 2026-05-01T00:00:00Z\n"))));
}

#[test]
fn waiver_admits_what_its_advisory_hides_until_it_ends() {
    let waived = |id: &str| {
        approving(&format!(
            "- {{name: {NAME}, waive: {{advisory: {id}, reason: r, reviewer: alice, expires: 2026-07-01}}}}\n"
        ))
    };
    let dossier = advised(&[EVIL]);
    let (is_served, evidence) = outcome(&dossier, &waived("MAL-2026-7"), now());
    assert!(is_served && evidence.contains("; waived until 2026-07-01"), "{evidence}");
    assert!(!outcome(&dossier, &waived("MAL-2026-6"), now()).0, "another advisory");
    let (policy, screening) = (waived("MAL-2026-7"), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let end = at("2026-07-01T23:59:59.999999Z");
    assert_eq!(evaluation.holds_until, Some(end.plus(Timestamp::TICK)));
    assert_eq!(evaluation.entries[0].ends(now()), Some(end));
    assert!(outcome(&dossier, &policy, end).0);
    assert!(!outcome(&dossier, &policy, end.plus(Duration::from_micros(1))).0);
}

#[test]
fn spellings_and_repetitions_of_a_package_are_one_concern() {
    let mut dossier = advised(&[EVIL]);
    let mut server: serde_json::Value = serde_json::from_str(SERVER).expect("JSON");
    let package = server["packages"][0].clone();
    server["packages"] = vec![package; 5].into();
    dossier.rows[0].content.facts = Some(ContentFacts::of(&server.to_string()));
    let (policy, screening) = (approving(""), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let [concern] = evaluation.entries[0].concerns.as_slice() else { panic!("one concern") };
    assert_eq!(concern.about.without_version(), "the pypi package example-tool");
}

#[test]
fn snapshots_with_other_own_advisories_have_other_revisions() {
    let of = |text: &str| approving("").with_advisories(Arc::new(own(text))).revision;
    let hide = "id: EX-1\nvidimus: {action: hide, servers: [com.example/tool]}\n";
    assert_eq!(of(hide), of(&format!("# moved\n\n{hide}")));
    assert_ne!(of(hide), of(&hide.replace("hide", "alert")));
    assert_ne!(of(hide), approving("").revision);
}

#[test]
fn advisory_is_named_with_each_package_that_it_affects() {
    const BOTH: &str = r#"{"id":"GHSA-3","affected":[{"package":{"ecosystem":"PyPI","name":"example-tool"},"versions":["1.2"]},{"package":{"ecosystem":"npm","name":"beside"}}]}"#;
    let mut dossier = advised(&[BOTH, LOW]);
    let beside = r#""packages":[{"registryType":"npm","identifier":"beside","version":"3.0.0","transport":{"type":"stdio"}},"#;
    let server = SERVER.replace(r#""packages":["#, beside);
    dossier.rows[0].content.facts = Some(ContentFacts::of(&server));
    let (policy, screening) = (approving(""), Screening::default());
    let evaluation = evaluate(&dossier, &policy, &screening, now());
    let entry = &evaluation.entries[0];
    let of_package = |package: usize| -> Vec<&str> {
        let package = entry.packages[package].facts;
        Concern::of_package(&entry.concerns, package).map(Concern::id).collect()
    };
    assert_eq!(entry.concerns.len(), 2);
    assert_eq!((of_package(0), of_package(1)), (vec!["GHSA-3"], vec!["GHSA-3", "GHSA-2"]));
}
