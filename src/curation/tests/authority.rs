use std::sync::Arc;

use super::fixtures::{at, dossier, head, name, overlays, row, upstream, version, with};
use crate::curation::{
    Authorities, Authority, Dossier, OwnershipPolicy, PolicySnapshot, QuarantinedFacts,
    RemovedUpstreams, UpstreamPolicy,
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

/// P95: a first failure of the organisation's own upstream must not give its names to a public one, where they stay.
#[rstest::rstest]
//     overlays  synchronised          ours may own   before             official
#[case(PLAIN, &["official"], true, None, Authority::Awaits("ours"))]
#[case(PLAIN, &[], true, None, Authority::Awaits("ours"))]
#[case(PLAIN, &["ours"], true, None, Authority::Authoritative)]
#[case::served_before(PLAIN, &[], true, Some("official"), Authority::Authoritative)]
#[case::served_from_there(PLAIN, &[], true, Some("ours"), Authority::TransferredFrom("ours"))]
#[case::not_of_its_namespaces(PLAIN, &[], false, None, Authority::Authoritative)]
#[case::internal(INTERNAL, &[], true, None, Authority::InternalNamespace)]
fn name_is_not_given_away_before_a_better_upstream_was_synchronised_completely(
    #[case] overlays: &str,
    #[case] synchronised: &[&str],
    #[case] may_own: bool,
    #[case] before: Option<&str>,
    #[case] official: Authority<'_>,
) {
    let mut upstreams = both();
    if !may_own {
        let allow = NamespacePattern::parse("com.acme").expect("a pattern");
        upstreams[1].namespaces.allow = Some(vec![allow]);
    }
    let policy = policy(overlays, upstreams);
    let synchronised = synchronised.iter().map(|id| (*id).to_owned()).collect();
    let mut dossier = listed(&["official"], before);
    dossier.synchronised = Arc::new(synchronised);
    let authorities = authorities(&dossier, &policy);
    assert_eq!(of(&authorities, "official"), official);
    let waits = matches!(official, Authority::Awaits(_));
    assert_eq!(authorities.awaited().is_some(), waits);
    let settled = authorities.settled_owner(at("2026-06-01T00:00:00Z"));
    assert!(!waits || settled.is_none(), "no owner is remembered meanwhile");
}

#[test]
fn name_waits_for_no_disabled_upstream_for_none_of_worse_priority_and_not_for_its_own() {
    let unknown = |dossier: Dossier| Dossier { synchronised: Arc::default(), ..dossier };
    let off = vec![
        upstream("official", 100, false),
        UpstreamPolicy { enabled: false, ..upstream("ours", 10, true) },
    ];
    let (of_official, of_ours) =
        (unknown(listed(&["official"], None)), unknown(listed(&["ours"], None)));
    let disabled = policy(PLAIN, off);
    assert_eq!(of(&authorities(&of_official, &disabled), "official"), Authority::Authoritative);
    let both = policy(PLAIN, both());
    assert_eq!(of(&authorities(&of_ours, &both), "ours"), Authority::Authoritative);
    let listed_by_both = unknown(listed(&["official", "ours"], None));
    assert_eq!(of(&authorities(&listed_by_both, &both), "ours"), Authority::Authoritative);
    let alone = policy(PLAIN, vec![upstream("official", 100, false)]);
    assert_eq!(of(&authorities(&of_official, &alone), "official"), Authority::Authoritative);
}

#[test]
fn internal_upstream_with_a_removed_file_keeps_its_trust_for_what_it_served() {
    let without_file = policy(INTERNAL, vec![upstream("official", 100, false)]);
    let dossier = listed(&["ours"], Some("ours"));
    let forgotten = of(&authorities(&dossier, &without_file), "ours");
    assert_eq!(forgotten, Authority::InternalNamespace, "it is not known to have been internal");
    let removed =
        RemovedUpstreams { internal: ["ours".into()].into(), ..RemovedUpstreams::default() };
    let policy = without_file.with_removed(removed);
    assert_eq!(of(&authorities(&dossier, &policy), "ours"), Authority::Authoritative);
    assert!(policy.is_internal("ours"));
    let new = listed(&["ours"], None);
    assert_eq!(of(&authorities(&new, &policy), "ours"), Authority::Disabled, "it served nothing");
}

/// Its file said `enabled = false` when it was removed.
#[test]
fn upstream_that_was_withdrawn_stays_so_when_its_file_is_removed() {
    let without_file = policy(PLAIN, vec![upstream("official", 100, false)]);
    let dossier = listed(&["other"], Some("other"));
    assert_eq!(of(&authorities(&dossier, &without_file), "other"), Authority::Authoritative);
    let withdrawn = ["other".to_owned()].into();
    let removed = RemovedUpstreams { withdrawn, ..RemovedUpstreams::default() };
    let policy = without_file.with_removed(removed);
    assert_eq!(of(&authorities(&dossier, &policy), "other"), Authority::Disabled);
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
