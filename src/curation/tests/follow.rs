//! Later versions that an approval follows: a table of pairs, and their guarantees as properties.

use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::fixtures::{at, dossier, overlays, upstream, version, visible, with};
use crate::curation::{
    Compared, ContentFacts, ContentHead, Dossier, DossierRow, EntryState, Evidence,
    OwnershipPolicy, PolicySnapshot, Screening, UnconfirmedTime, evaluate,
};
use crate::lint::Source;
use crate::model::{Digest, Head, NotBenign, Status, Timestamp, changed_members};
use crate::overlay::{Context, Terms, read};
use crate::ownership::{Account, ForgeAnswer, Lookup, VerificationRecord};

const NOW: &str = "2026-06-20T12:00:00Z";
const NAME: &str = "io.github.acme/wiki";

fn reference() -> Value {
    json!({
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-10-17/server.schema.json",
        "name": NAME,
        "title": "Wiki",
        "description": "Reads a wiki",
        "version": "1.4.0",
        "repository": {"url": "https://github.com/acme/wiki", "source": "github"},
        "icons": [{"src": "https://acme.example/a.png"}],
        "packages": [
            {"registryType": "npm", "identifier": "@acme/wiki", "version": "1.4.0", "transport": {"type": "stdio"},
             "environmentVariables": [{"name": "WIKI_TOKEN", "description": "A token", "isSecret": true}]},
            {"registryType": "pypi", "identifier": "acme-wiki", "version": "1.4.0", "transport": {"type": "stdio"}},
        ],
        "remotes": [
            {"type": "streamable-http", "url": "https://wiki.acme.example/mcp"},
            {"type": "sse", "url": "https://wiki.acme.example/sse"},
        ],
        "_meta": {"io.modelcontextprotocol.registry/publisher-provided": {"build": 1}},
    })
}

/// Returns a later version with one member that differs, by its JSON pointer; `null` removes it.
fn later(pointer: &str, value: Value) -> Value {
    let mut server = reference();
    server["version"] = json!("1.5.0");
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let parent = server.pointer_mut(parent).expect("the parent exists");
    match parent {
        Value::Array(items) if value.is_null() => {
            items.remove(key.parse().expect("an index"));
        }
        Value::Array(items) => {
            let index: usize = key.parse().expect("an index");
            items.resize(items.len().max(index + 1), Value::Null);
            items[index] = value;
        }
        Value::Object(members) if value.is_null() => {
            members.remove(key);
        }
        parent => parent[key] = value,
    }
    server
}

fn content(server: &Value, published: &str) -> ContentHead {
    let text = server.to_string();
    let published_at = at(published);
    let head = Head {
        published_at,
        first_seen: published_at,
        initial: false,
        received: Digest::of(text.as_bytes()),
        ..super::fixtures::head(Status::Active, published)
    };
    ContentHead { head, facts: Some(ContentFacts::of(&text)) }
}

fn row(server: &Value, published: &str) -> DossierRow {
    DossierRow {
        upstream: "official".into(),
        version: version(server["version"].as_str().expect("a version")),
        content: content(server, published),
        others: Vec::new(),
    }
}

fn verified() -> VerificationRecord {
    let account = Account { login: "acme".into(), id: 7, created_at: None };
    let found = Lookup::Account(ForgeAnswer::Found(account));
    VerificationRecord::default().after(&found, at("2026-06-19T00:00:00Z"))
}

/// Returns the dossier of the reference, published before the review, and of later versions.
fn with_later(servers: &[Value]) -> Dossier {
    let mut rows = vec![row(&reference(), "2026-01-15T00:00:00Z")];
    rows.extend(servers.iter().map(|server| row(server, "2026-06-10T00:00:00Z")));
    Dossier { verification: verified(), ..dossier(NAME, rows) }
}

fn overlay(more: &str) -> String {
    let digest = Digest::of(reference().to_string().as_bytes());
    format!(
        "servers: [{{name: {NAME}, approval: {{state: approved, reviewed: 2026-02-01, follow: benign, \
         reference: {{version: 1.4.0, digest: '{digest}'}}{more}}}}}]"
    )
}

fn policy(text: &str) -> PolicySnapshot {
    let upstreams = vec![upstream("official", 1, false)];
    let mut policy = with(overlays(text, at(NOW)), upstreams, OwnershipPolicy::default());
    policy.withhold = false;
    policy
}

/// Returns the state of the last row, and why it is not followed.
fn judge(
    dossier: &Dossier,
    policy: &PolicySnapshot,
    now: Timestamp,
) -> (EntryState, Option<NotBenign>) {
    let screening = Screening::default();
    let evaluation = evaluate(dossier, policy, &screening, now);
    let entry = evaluation.entries.last().expect("a row");
    let why = match entry.hidden_by() {
        Some((_, Evidence::NotFollowed { why, .. })) => Some(*why),
        _ => None,
    };
    (EntryState::of(entry), why)
}

#[test]
fn version_that_is_not_listed_is_followed_and_never_covered_by_the_date() {
    let digest = Digest::of(reference().to_string().as_bytes());
    let policy = policy(&overlay(&format!(", contents: {{1.4.0: '{digest}'}}")));
    let mut later = reference();
    later["version"] = "1.5.0".into();
    let followed = judge(&with_later(&[later.clone()]), &policy, at(NOW));
    assert_eq!(followed, (EntryState::Served, None));
    later["version"] = "1.3.0".into();
    let mut older = with_later(&[]);
    older.rows.push(row(&later, "2026-01-10T00:00:00Z"));
    let (_, why) = judge(&older, &policy, at(NOW));
    assert_eq!(why, Some(NotBenign::NotHigher), "it came before the review");
}

fn not_benign(server: &Value) -> Option<NotBenign> {
    judge(&with_later(std::slice::from_ref(server)), &policy(&overlay("")), at(NOW)).1
}

/// P73.
#[rstest]
//     pointer                                value                               benign, or the difference that is shown
#[case("/version", json!("1.4.1"), None)]
#[case("/title", json!("The wiki"), None)]
#[case("/title", Value::Null, None)]
#[case("/description", json!("Reads and searches a wiki"), None)]
#[case("/$schema", json!("https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"), None)]
#[case("/icons/0/src", json!("https://acme.example/b.png"), None)]
#[case("/icons", Value::Null, None)]
#[case("/packages/0/version", json!("1.5.0"), None)]
#[case("/packages/1/version", json!("2.0"), None)]
#[case("/_meta/io.modelcontextprotocol.registry~1publisher-provided/build", json!(2), None)]
#[case("/_meta", Value::Null, None)]
#[case("/version", json!("1.4.0-rc.1"), Some((NotBenign::PreRelease, r#"/version: "1.4.0" became "1.4.0-rc.1""#)))]
#[case("/version", json!("1.5.0+build"), Some((NotBenign::PreRelease, r#"/version: "1.4.0" became "1.5.0+build""#)))]
#[case("/version", json!("2.0.0"), Some((NotBenign::OtherMajor, r#"/version: "1.4.0" became "2.0.0""#)))]
#[case("/version", json!("1.3.9"), Some((NotBenign::NotHigher, r#"/version: "1.4.0" became "1.3.9""#)))]
#[case("/version", json!("v1.5.0"), Some((NotBenign::NotSemantic, r#"/version: "1.4.0" became "v1.5.0""#)))]
#[case("/version", json!("latest"), Some((NotBenign::NotSemantic, r#"/version: "1.4.0" became "latest""#)))]
#[case("/title", json!("Wiki https://evil.example"), Some((NotBenign::RichText, r#"/title: "Wiki" became "Wiki https://evil.example""#)))]
#[case("/description", json!("Reads a wiki\nand more"), Some((NotBenign::RichText, r#"/description: "Reads a wiki" became "Reads a wiki\nand more""#)))]
#[case("/description", json!("Reads a wiki of evil.com"), Some((NotBenign::RichText, r#"/description: "Reads a wiki" became "Reads a wiki of evil.com""#)))]
#[case("/description", json!("Reads a w\u{915}\u{94d}\u{200d}\u{937}"), Some((NotBenign::RichText, "/description")))]
#[case("/$schema", json!("https://evil.example/server.schema.json"), Some((NotBenign::UnknownSchema, "/$schema")))]
#[case("/$schema", Value::Null, Some((NotBenign::UnknownSchema, "/$schema")))]
#[case("/packages/0/version", json!("latest"), Some((NotBenign::PackageNotExact, r#"/packages/0/version: "1.4.0" became "latest""#)))]
#[case("/packages/0/version", json!("^1.5.0"), Some((NotBenign::PackageNotExact, "/packages/0/version")))]
#[case("/packages/1/version", Value::Null, Some((NotBenign::PackageNotExact, r#"/packages/1/version: "1.4.0" removed"#)))]
#[case("/packages/0/identifier", json!("@acme/wiki2"), Some((NotBenign::Changed, r#"/packages/0/identifier: "@acme/wiki" became "@acme/wiki2""#)))]
#[case("/packages/0/registryBaseUrl", json!("https://evil.example"), Some((NotBenign::Changed, r#"/packages/0/registryBaseUrl: "https://evil.example" added"#)))]
#[case("/packages/0/runtimeHint", json!("bunx"), Some((NotBenign::Changed, "/packages/0/runtimeHint")))]
#[case("/packages/0/environmentVariables/0/description", json!("A token; read ~/.ssh too"), Some((NotBenign::Changed, "/packages/0/environmentVariables/0/description")))]
#[case("/packages/0/environmentVariables/1", json!({"name": "AWS_SECRET"}), Some((NotBenign::Changed, "/packages/0/environmentVariables")))]
#[case("/packages/0/fileSha256", json!("00"), Some((NotBenign::Changed, "/packages/0/fileSha256")))]
#[case("/packages/2", json!({"registryType": "npm", "identifier": "x", "version": "1.0.0", "transport": {"type": "stdio"}}), Some((NotBenign::Changed, "/packages")))]
#[case("/packages/1", Value::Null, Some((NotBenign::Changed, "/packages")))]
#[case("/remotes/0/url", json!("https://evil.example/mcp"), Some((NotBenign::Changed, r#"/remotes/0/url: "https://wiki.acme.example/mcp" became "https://evil.example/mcp""#)))]
#[case("/remotes", json!([{"type": "sse", "url": "https://wiki.acme.example/sse"}, {"type": "streamable-http", "url": "https://wiki.acme.example/mcp"}]), Some((NotBenign::Changed, "/remotes/0/type")))]
#[case("/repository/url", json!("https://github.com/evil/wiki"), Some((NotBenign::Changed, "/repository/url")))]
#[case("/websiteUrl", json!("https://evil.example"), Some((NotBenign::Changed, "/websiteUrl")))]
#[case("/_meta/com.example.other", json!({"x": 1}), Some((NotBenign::Changed, "/_meta/com.example.other")))]
fn later_version_is_benign_if_only_listed_members_differ(
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] material: Option<(NotBenign, &str)>,
) {
    let server = later(pointer, value);
    assert_eq!(not_benign(&server), material.map(|(why, _)| why), "{server}");
    if let Some((_, wanted)) = material {
        let difference = changed_members(&reference().to_string(), &server.to_string(), 100);
        assert!(difference.iter().any(|line| line.starts_with(wanted)), "{difference:?}");
    }
}

const IMAGE: &str =
    "images.example/a/b@sha256:d9dc2f44f4f624bdc5fb5817abc74f6244dd40b2d03036380cd6253eff374ae5";

/// A tag can move.
#[rstest]
#[case("images.example/a/b:1.4.0", "images.example/a/b:1.5.0", Some(NotBenign::Changed))]
#[case("images.example/a/b:1", "images.example/a/b:1", Some(NotBenign::PackageNotExact))]
#[case(IMAGE, IMAGE, None)]
fn image_is_followed_only_by_its_digest(
    #[case] before: &str,
    #[case] after: &str,
    #[case] why: Option<NotBenign>,
) {
    let server = |of: &str, image: &str| {
        json!({"name": NAME, "description": "d", "version": of,
               "packages": [{"registryType": "oci", "identifier": image, "transport": {"type": "stdio"}}]})
    };
    let (old, new) = (server("1.4.0", before), server("1.5.0", after));
    let mut dossier = with_later(&[new]);
    dossier.rows[0] = row(&old, "2026-01-15T00:00:00Z");
    let old_digest = Digest::of(old.to_string().as_bytes()).to_string();
    let digest = Digest::of(reference().to_string().as_bytes()).to_string();
    let policy = policy(&overlay("").replace(&digest, &old_digest));
    assert_eq!(judge(&dossier, &policy, at(NOW)).1, why);
}

/// P100.
#[test]
fn benign_version_is_served_when_the_cooldown_ends() {
    let dossier = with_later(&[later("/title", json!("The wiki"))]);
    let policy = policy(&overlay(", cooldown: 30d"));
    let end = at("2026-07-10T00:00:00Z");
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &policy, &screening, end.minus(Timestamp::TICK));
    assert_eq!(EntryState::of(&evaluation.entries[1]), EntryState::Cooldown);
    assert_eq!(evaluation.holds_until, Some(end));
    let dossier = Dossier { verification: verified_at(end), ..dossier };
    assert_eq!(judge(&dossier, &policy, end).0, EntryState::Served);
    // Until another clock says that this day has come.
    let (length, noted) = (Duration::from_hours(24), end);
    let policy = policy.with_unconfirmed(UnconfirmedTime { length, noted });
    assert_eq!(judge(&dossier, &policy, end).0, EntryState::Cooldown);
    let later = end.plus(Duration::from_hours(24));
    let dossier = Dossier { verification: verified_at(later), ..dossier };
    assert_eq!(judge(&dossier, &policy, later).0, EntryState::Served);
}

fn verified_at(now: Timestamp) -> VerificationRecord {
    let account = Account { login: "acme".into(), id: 7, created_at: None };
    verified()
        .after(&Lookup::Account(ForgeAnswer::Found(account)), now.minus(Duration::from_hours(1)))
}

/// Each case breaks one thing that is needed besides a benign content.
#[rstest]
#[case::whole("", |_: &mut Dossier| (), EntryState::Served, None)]
#[case::purged_reference("", |dossier: &mut Dossier| { dossier.rows.remove(0); }, EntryState::MaterialChange, Some(NotBenign::ReferenceUnknown))]
#[case::rewritten_reference("", |dossier: &mut Dossier| dossier.rows[0].content.head.received = Digest::of(b"other"), EntryState::MaterialChange, Some(NotBenign::ReferenceUnknown))]
#[case::reference_without_facts("", |dossier: &mut Dossier| dossier.rows[0].content.facts = None, EntryState::MaterialChange, Some(NotBenign::NoFacts))]
#[case::unverified("", |dossier: &mut Dossier| dossier.verification = VerificationRecord::default(), EntryState::NewerThanReview, Some(NotBenign::NotVerified))]
#[case::stale("", |dossier: &mut Dossier| dossier.verification = stale(), EntryState::NewerThanReview, Some(NotBenign::NotVerified))]
#[case::visible_while_stale("", |dossier: &mut Dossier| {
    dossier.verification = stale();
    dossier.ledger = vec![visible("1.5.0", at(NOW))];
}, EntryState::Served, None)]
#[case::not_confirmed_since("", |dossier: &mut Dossier| dossier.rows[1].content.head.first_seen = at("2026-06-19T01:00:00Z"), EntryState::NewerThanReview, Some(NotBenign::NotVerified))]
#[case::deleted("", |dossier: &mut Dossier| dossier.rows[1].content.head.status = Status::Deleted, EntryState::DeletedUpstream, None)]
#[case::denied_reference("}}, {name: io.github.acme/wiki, versions: 1.4.0, approval: {state: denied", |_: &mut Dossier| (), EntryState::MaterialChange, Some(NotBenign::ReferenceHidden))]
#[case::changed_again("", |dossier: &mut Dossier| dossier.rows[1].content.head.status_since = Some(at("2026-06-19T00:00:00Z")), EntryState::Cooldown, None)]
#[case::changed_while_visible("", |dossier: &mut Dossier| {
    dossier.rows[1].content.head.status_since = Some(at("2026-06-19T00:00:00Z"));
    dossier.ledger = vec![visible("1.5.0", at(NOW))];
}, EntryState::Served, None)]
fn benign_version_needs_its_reference_and_a_verified_namespace(
    #[case] more: &str,
    #[case] change: fn(&mut Dossier),
    #[case] state: EntryState,
    #[case] why: Option<NotBenign>,
) {
    let mut dossier = with_later(&[later("/title", json!("The wiki"))]);
    change(&mut dossier);
    assert_eq!(judge(&dossier, &policy(&overlay(more)), at(NOW)), (state, why));
}

fn stale() -> VerificationRecord {
    let account = Account { login: "acme".into(), id: 7, created_at: None };
    let found = Lookup::Account(ForgeAnswer::Found(account));
    VerificationRecord::default().after(&found, at("2026-03-01T00:00:00Z"))
}

#[test]
fn benign_version_waits_while_its_name_is_not_compared_or_resembles_something() {
    let dossier = with_later(&[later("/title", json!("The wiki"))]);
    let mut policy = policy(&overlay(""));
    policy.withhold = true;
    assert_eq!(judge(&dossier, &policy, at(NOW)).1, Some(NotBenign::LookalikeAlert));
    let contents = dossier.rows.iter().map(|row| row.content.screening_digest()).collect();
    let compared = Compared { contents, matches: Vec::new() };
    let screening = Screening::of(policy.protection).with([(dossier.name.clone(), Some(compared))]);
    let evaluation = evaluate(&dossier, &policy, &screening, at(NOW));
    assert!(evaluation.entries[1].is_served());
}

#[test]
fn approval_without_a_reference_follows_nothing() {
    let now = at(NOW);
    let text = format!(
        "servers: [{{name: {NAME}, approval: {{state: approved, reviewed: 2026-02-01, follow: benign}}}}]"
    );
    let context = Context { terms: Terms::default(), now, upstreams: None };
    let reading = read(&[Source::new("x.yaml", text)], &context);
    let policy =
        with(reading.into(), vec![upstream("official", 1, false)], OwnershipPolicy::default());
    let dossier = with_later(&[later("/title", json!("The wiki"))]);
    let found = judge(&dossier, &policy, now);
    assert_eq!(found, (EntryState::NewerThanReview, Some(NotBenign::NoReference)));
}

/// Members that may differ between the reference and a version that is followed.
const LISTED: [&str; 7] =
    ["/version", "/title", "/description", "/$schema", "/icons", "/packages/", "/_meta"];

fn is_listed(line: &str) -> bool {
    let is_version = |line: &str| line.contains("/version: ");
    LISTED.iter().any(|listed| line.starts_with(listed))
        && (!line.starts_with("/packages/") || is_version(line))
}

/// A change of one member, as a publisher may make it.
fn any_change() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        Just(("/title", json!("New"))),
        Just(("/description", json!("Reads wikis"))),
        Just(("/packages/0/version", json!("1.9.0"))),
        Just(("/icons", Value::Null)),
        Just(("/remotes/0/url", json!("https://evil.example"))),
        Just(("/packages/0/identifier", json!("evil"))),
        Just(("/packages/0/environmentVariables/0/name", json!("OTHER"))),
    ]
}

proptest! {
    /// P73.
    /// Versions are published one after the other, each of them a step from the one before.
    #[test]
    fn followed_version_differs_from_the_reference_in_listed_members_only_whatever_the_order(
        changes in prop::collection::vec(any_change(), 1..6),
        order in any::<bool>(),
    ) {
        let mut servers: Vec<Value> = Vec::new();
        for (index, (pointer, value)) in changes.into_iter().enumerate() {
            let mut server = servers.last().cloned().unwrap_or_else(reference);
            if value.is_null() {
                server.as_object_mut().expect("an object").remove(&pointer[1..]);
            } else if let Some(member) = server.pointer_mut(pointer) {
                *member = value;
            }
            server["version"] = json!(format!("1.{}.0", 5 + index));
            servers.push(server);
        }
        if order {
            servers.reverse();
        }
        let (dossier, policy) = (with_later(&servers), policy(&overlay("")));
        let screening = Screening::default();
        let evaluation = evaluate(&dossier, &policy, &screening, at(NOW));
        for (entry, server) in evaluation.entries[1..].iter().zip(&servers) {
            let difference = changed_members(&reference().to_string(), &server.to_string(), 100);
            prop_assert_eq!(entry.is_served(), difference.iter().all(|line| is_listed(line)), "{:?}", difference);
        }
    }
}
