//! Rules for what an entry tells an agent to open or to run, and for what the policy admits.

use super::fixtures::{JANUARY, at, dossier, head, overlays, row, upstream, with};
use crate::curation::{
    ContentFacts, Dossier, EntryState, Gate, OwnershipPolicy, PackageUrls, PolicyDifference,
    PolicySnapshot, Reach, Screening, evaluate,
};
use crate::model::{Status, Timestamp};
use crate::overlay::OverlaySet;

fn now() -> Timestamp {
    at("2026-06-01T12:00:00Z")
}

/// Returns the dossier of an entry with these members.
fn entry(members: &str) -> Dossier {
    let server =
        format!(r#"{{"name":"com.example/tool","description":"d","version":"1.0.0",{members}}}"#);
    let mut row = row("official", "1.0.0", head(Status::Active, JANUARY));
    row.content.facts = Some(ContentFacts::of(&server));
    dossier("com.example/tool", vec![row])
}

fn policy(rules: OverlaySet, is_internal: bool) -> PolicySnapshot {
    let ownership = OwnershipPolicy { enabled: false, ..OwnershipPolicy::default() };
    let mut urls = PackageUrls::default();
    urls.set("npm", vec!["https://npm.example.org".into()]);
    with(rules, vec![upstream("official", 100, is_internal)], ownership).with_package_urls(urls)
}

fn approved(allow: &str) -> OverlaySet {
    let approval = "approval: {state: approved, reviewed: 2026-02-01, expires: 2027-01-01}";
    overlays(
        &format!("servers: [{{name: com.example/tool, versions: 1.0.0, {approval}{allow}}}]"),
        now(),
    )
}

/// Returns what hides the entry, if anything.
fn hidden(members: &str, policy: &PolicySnapshot) -> Option<String> {
    let (dossier, screening) = (entry(members), Screening::default());
    let evaluation = evaluate(&dossier, policy, &screening, now());
    let entry = &evaluation.entries[0];
    entry.hidden_by().map(|(gate, evidence)| {
        assert_eq!(gate, Gate::ValidForStrictClients);
        assert_eq!(EntryState::of(entry), EntryState::SchemaViolation);
        evidence.to_string()
    })
}

const PLAIN: &str = r#""remotes":[{"type":"sse","url":"http://tools.corp/mcp"}]"#;
const METADATA: &str = r#""remotes":[{"type":"sse","url":"https://169.254.169.254/"}]"#;
const MIRROR: &str = r#""packages":[{"registryType":"npm","identifier":"x","transport":{"type":"stdio"},"registryBaseUrl":"https://npm.corp"}]"#;
const OPTION: &str =
    r#""packages":[{"registryType":"npm","identifier":"--call=x","transport":{"type":"stdio"}}]"#;
const USER: &str = r#""remotes":[{"type":"sse","url":"https://good.example@evil.example/"}]"#;
const PUBLIC: &str = r#""remotes":[{"type":"sse","url":"https://a.example/"}],"packages":[{"registryType":"npm","identifier":"x","transport":{"type":"stdio"},"registryBaseUrl":"https://npm.example.org/"}]"#;

/// P65.
#[rstest::rstest]
//     entry      hidden from an external upstream, and from an internal one
#[case(PUBLIC, false, false)]
#[case(PLAIN, true, false)]
#[case(METADATA, true, false)]
#[case(MIRROR, true, false)]
#[case(OPTION, true, true)]
#[case(USER, true, true)]
fn only_an_internal_upstream_reaches_private_hosts(
    #[case] members: &str,
    #[case] external: bool,
    #[case] internal: bool,
) {
    assert_eq!(hidden(members, &policy(approved(""), false)).is_some(), external);
    assert_eq!(hidden(members, &policy(approved(""), true)).is_some(), internal);
}

#[rstest::rstest]
#[case(PLAIN, "http://tools.corp/mcp", false)]
#[case(PLAIN, "http://tools.corp/", true)]
#[case(METADATA, "https://169.254.169.254/", false)]
#[case(MIRROR, "https://npm.corp", false)]
#[case(USER, "https://good.example@evil.example/", true)]
fn allow_covers_exactly_the_url_that_was_reviewed(
    #[case] members: &str,
    #[case] url: &str,
    #[case] is_hidden: bool,
) {
    let allow = format!(", allow: {{url: '{url}', reason: r, reviewer: a, expires: 2026-12-31}}");
    let found = hidden(members, &policy(approved(&allow), false));
    assert_eq!(found.is_some(), is_hidden, "{found:?}");
}

#[test]
fn allow_of_one_url_leaves_the_other_objections() {
    let both = r#""remotes":[{"type":"sse","url":"http://a.corp"},{"type":"sse","url":"http://b.corp"},{"type":"sse","url":"http://c.corp"}]"#;
    let allow = ", allow: {url: 'http://a.corp', reason: r, reviewer: a, expires: 2026-12-31}";
    let found = hidden(both, &policy(approved(allow), false)).expect("hidden");
    assert_eq!(
        found,
        "remotes[1].url: \"http://b.corp\" has a host that is not public; a rule for this exact \
         version can `allow` the URL (and 1 more)"
    );
}

#[test]
fn evaluation_ends_when_an_allowed_url_expires() {
    let allow =
        ", allow: {url: 'http://tools.corp/mcp', reason: r, reviewer: a, expires: 2026-06-30}";
    let (dossier, screening) = (entry(PLAIN), Screening::default());
    let policy = policy(approved(allow), false);
    let during = evaluate(&dossier, &policy, &screening, now());
    assert!(during.entries[0].is_served());
    let after = during.holds_until.expect("an end");
    assert_eq!(after, at("2026-07-01T00:00:00Z"));
    let later = evaluate(&dossier, &policy, &screening, after);
    assert!(!later.entries[0].is_served());
    assert_ne!(during.entries[0].reach, later.entries[0].reach, "the item is rendered again");
    assert_eq!(later.entries[0].reach, Reach::default());
}

#[test]
fn package_registries_of_the_settings_replace_the_public_ones() {
    let mut urls = PackageUrls::default();
    urls.set("npm", vec!["https://npm.corp/".into()]);
    let before = policy(approved(""), false);
    let after = policy(approved(""), false).with_package_urls(urls);
    assert_eq!(hidden(MIRROR, &after), None);
    assert!(hidden(PUBLIC, &after).expect("hidden").contains("not among the registries of npm"));
    assert_ne!(before.revision, after.revision);
    assert!(matches!(after.difference(&before), PolicyDifference::Everything));
}
