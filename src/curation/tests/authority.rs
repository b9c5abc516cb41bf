use super::fixtures::{at, dossier, head, name, overlays, row, upstream, version, with};
use crate::curation::{
    Authorities, Authority, Dossier, OwnershipPolicy, PolicySnapshot, QuarantinedFacts,
    UpstreamPolicy,
};
use crate::model::{NamespacePattern, NamespaceRules, Status, Timestamp, Version};

const PLAIN: &str = "servers: [{name: com.example/tool, tier: 1}]";
const INTERNAL: &str = "namespaces: [{name: com.example.*, internal: true}]";
const NAMED: &str = "servers: [{name: com.example/tool, upstream: official, approval: {state: approved, reviewed: 2026-01-01}}]";

fn policy(yaml: &str, upstreams: Vec<UpstreamPolicy>) -> PolicySnapshot {
    let now = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
    with(overlays(yaml, now), upstreams, OwnershipPolicy::default())
}

fn both() -> Vec<UpstreamPolicy> {
    vec![upstream("official", 100, false), upstream("ours", 10, true)]
}

fn listed(upstreams: &[&str], remembered: Option<&str>) -> Dossier {
    let head = || head(Status::Active, "2026-01-01T00:00:00Z");
    let rows = upstreams.iter().map(|upstream| row(upstream, "1", head())).collect();
    let authority = remembered.map(str::to_owned);
    Dossier { authority, ..dossier("com.example/tool", rows) }
}

fn authorities<'a>(dossier: &'a Dossier, policy: &'a PolicySnapshot) -> Authorities<'a> {
    Authorities::of(dossier, policy, &policy.overlays.rules_for(&dossier.name))
}

/// Returns the authority of an upstream for version 1.
fn of<'a>(authorities: &Authorities<'a>, upstream: &str) -> Authority<'a> {
    authorities.authority_of(upstream, &version("1"), at("2026-06-01T00:00:00Z"))
}

#[rstest::rstest]
//     overlays   listed in               before              official            ours
#[case(PLAIN, &["official"], None, Authority::Authoritative, Authority::BelongsTo("official"))]
#[case(PLAIN, &["official", "ours"], None, Authority::BelongsTo("ours"), Authority::Authoritative)]
#[case(PLAIN, &["ours"], Some("ours"), Authority::BelongsTo("ours"), Authority::Authoritative)]
#[case(PLAIN, &["official"], Some("ours"), Authority::TransferredFrom("ours"), Authority::BelongsTo("official"))]
#[case(NAMED, &["official"], Some("ours"), Authority::Authoritative, Authority::BelongsTo("official"))]
#[case(PLAIN, &["official", "ours"], Some("official"), Authority::BelongsTo("ours"), Authority::TransferredFrom("official"))]
#[case(INTERNAL, &["official"], None, Authority::InternalNamespace, Authority::Authoritative)]
#[case(INTERNAL, &["official", "ours"], None, Authority::InternalNamespace, Authority::Authoritative)]
fn name_belongs_to_one_upstream(
    #[case] overlays: &str,
    #[case] upstreams: &[&str],
    #[case] before: Option<&str>,
    #[case] official: Authority<'_>,
    #[case] ours: Authority<'_>,
) {
    let (policy, dossier) = (policy(overlays, both()), listed(upstreams, before));
    let authorities = authorities(&dossier, &policy);
    assert_eq!(of(&authorities, "official"), official);
    assert_eq!(of(&authorities, "ours"), ours);
}

/// An approval of one reviewed version must not carry the next version of a squatter.
#[rstest::rstest]
//     rule                                                                         1      2      remembered
#[case("approval: {state: approved, reviewed: 2026-01-02}", true, true, true)]
#[case("versions: '1', approval: {state: approved, reviewed: 2026-01-02}", true, false, false)]
#[case(
    "approval: {state: approved, reviewed: 2026-01-02, expires: 2026-05-01}",
    false,
    false,
    false
)]
#[case("approval: {state: approved, reviewed: 2026-06-02T00:00:00Z}", false, false, false)]
#[case("approval: {state: pending}", false, false, false)]
fn transfer_is_accepted_for_the_versions_that_an_approval_of_the_new_upstream_selects(
    #[case] rule: &str,
    #[case] first: bool,
    #[case] second: bool,
    #[case] remembered: bool,
) {
    let yaml = format!("servers: [{{name: com.example/tool, upstream: official, {rule}}}]");
    let policy = policy(&yaml, both());
    let dossier = listed(&["official"], Some("ours"));
    let (authorities, now) = (authorities(&dossier, &policy), at("2026-06-01T00:00:00Z"));
    let accepted = |of: &str| {
        authorities.authority_of("official", &version(of), now) == Authority::Authoritative
    };
    assert_eq!((accepted("1"), accepted("2")), (first, second));
    assert_eq!(authorities.settled_owner(now).is_some(), remembered);
}

#[test]
fn quarantined_row_keeps_the_name_and_removed_upstream_has_lowest_priority() {
    let policy = policy(PLAIN, both());
    let owner = |dossier: &Dossier| authorities(dossier, &policy).owner().map(str::to_owned);
    let mut quarantined = listed(&["official"], None);
    quarantined.quarantined.push(QuarantinedFacts {
        upstream: "ours".into(),
        version: "2".into(),
        rule: "r".into(),
    });
    assert_eq!(owner(&quarantined).as_deref(), Some("ours"));
    assert_eq!(owner(&listed(&["removed", "official"], None)).as_deref(), Some("official"));
    assert_eq!(owner(&listed(&["removed"], None)), None, "it served nothing before");
    let dossier = listed(&["removed"], Some("removed"));
    let authority = of(&authorities(&dossier, &policy), "removed");
    assert_eq!(authority, Authority::Authoritative, "it keeps the names that it served");
}

#[test]
fn upstream_without_authority_cannot_delete() {
    let deny = vec![NamespacePattern::parse("com.example").expect("a pattern")];
    let limited = NamespaceRules { allow: None, deny };
    let policy = policy(
        PLAIN,
        vec![
            UpstreamPolicy { namespaces: limited, ..upstream("limited", 1, false) },
            UpstreamPolicy { enabled: false, ..upstream("off", 2, false) },
            upstream("official", 100, false),
        ],
    );
    let listed = |upstream, status| row(upstream, "1", head(status, "2026-01-01T00:00:00Z"));
    let version = Version::parse("1").expect("usable");
    let first = dossier(
        "com.example/tool",
        vec![listed("limited", Status::Deleted), listed("official", Status::Active)],
    );
    let authority = authorities(&first, &policy);
    assert_eq!(of(&authority, "limited"), Authority::OutsideItsNamespaces);
    assert_eq!(of(&authority, "official"), Authority::Authoritative);
    assert_eq!(
        authority.deleted_by(&version),
        None,
        "an upstream that is not authoritative deletes nothing"
    );
    let second = dossier(
        "com.example/tool",
        vec![listed("off", Status::Active), listed("official", Status::Deleted)],
    );
    let authority = authorities(&second, &policy);
    assert_eq!(of(&authority, "off"), Authority::Disabled);
    assert_eq!(authority.deleted_by(&version), Some("official"));
    assert_eq!(second.name, name("com.example/tool"));
}
