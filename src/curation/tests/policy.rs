//! The revision is a digest of everything that entries are evaluated against.

use std::sync::Arc;

use super::fixtures::{at, head, name, overlays, upstream, with};
use crate::curation::{OwnershipPolicy, PolicyDifference, PolicySnapshot, UpstreamPolicy, View};
use crate::lint::Source;
use crate::model::{Digest, Head, Status};
use crate::scan::{ScanResults, read_scan};

const APPROVED: &str = "servers: [{name: com.example/*, tier: 1, approval: {state: approved, reviewed: 2026-02-01, expires: 2099-01-01}}]";

struct Parts {
    yaml: String,
    priority: u64,
    view: &'static str,
    ownership: bool,
    withhold: bool,
}

impl Default for Parts {
    fn default() -> Self {
        let yaml = APPROVED.to_owned();
        Self { yaml, priority: 100, view: "default", ownership: false, withhold: true }
    }
}

/// Reads a new snapshot of these parts.
fn snapshot(parts: &Parts) -> PolicySnapshot {
    let overlays = overlays(&parts.yaml, at("2026-06-01T00:00:00Z"));
    let upstreams = vec![upstream("official", parts.priority, false)];
    let ownership = OwnershipPolicy { enabled: parts.ownership, ..OwnershipPolicy::default() };
    let views = vec![View::unlimited(parts.view)];
    PolicySnapshot::new(Arc::new(overlays), upstreams, views, ownership, parts.withhold)
}

#[test]
fn revision_is_equal_across_loads_and_differs_with_each_part() {
    let revision = |parts: Parts| snapshot(&parts).revision;
    let before = revision(Parts::default());
    assert_eq!(revision(Parts::default()), before);
    let others = [
        Parts { yaml: APPROVED.replace("tier: 1", "tier: 2"), ..Parts::default() },
        Parts { priority: 99, ..Parts::default() },
        Parts { view: "editors", ..Parts::default() },
        Parts { ownership: true, ..Parts::default() },
        Parts { withhold: false, ..Parts::default() },
    ];
    for other in others {
        assert_ne!(revision(other), before);
    }
}

#[rstest::rstest]
#[case("tier: 1", "tier: 2", true)]
#[case("servers:", "namespaces: [{name: com.other, protect: [stripe]}]\nservers:", false)]
#[case("servers:", "namespaces: [{name: com.stranger, ownership: {github: 7}}]\nservers:", false)]
#[case("name: com.example/*", "name: com.example/*, upstream: official", false)]
fn protection_changes_only_with_what_comparisons_depend_on(
    #[case] from: &str,
    #[case] to: &str,
    #[case] is_same: bool,
) {
    let before = snapshot(&Parts::default()).protection;
    let yaml = APPROVED.replace(from, to);
    assert_ne!(yaml, APPROVED);
    let after = snapshot(&Parts { yaml, ..Parts::default() }).protection;
    assert_eq!(after == before, is_same);
}

#[test]
fn date_counts_only_where_the_file_of_the_upstream_trusts_it() {
    let trusted = UpstreamPolicy { trust_dates: true, ..upstream("official", 1, false) };
    let upstreams = vec![trusted, upstream("other", 2, false)];
    let overlays = overlays(APPROVED, at("2026-06-01T00:00:00Z"));
    let policy = with(overlays, upstreams, OwnershipPolicy::default());
    let (published, seen) = (at("2020-01-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
    let head =
        Head { first_seen: seen, initial: true, ..head(Status::Active, "2020-01-01T00:00:00Z") };
    assert_eq!(policy.known_since("official", &head), published);
    assert_eq!(policy.known_since("other", &head), seen);
    assert_eq!(policy.known_since("removed", &head), seen);
    let later = Head { initial: false, ..head };
    assert_eq!(policy.known_since("official", &later), seen);
}

/// A new evaluation of everything would compare all names with what is protected again.
#[test]
fn scan_result_concerns_its_name_only_and_changes_the_revision() {
    let text = format!(
        "tool: {{name: a, version: 1}}\nsubject: {{name: com.example/tool, version: 1.0.0, digest: '{}'}}\n\
         verdict: pass\ntime: 2026-01-01T00:00:00Z\nexpires: 2026-12-01\n",
        Digest::of(b"received")
    );
    let read = read_scan(&Source::new("x.yaml", text)).expect("no findings");
    let scans = Arc::new(ScanResults::new(read.map(Arc::new)));
    let before = snapshot(&Parts::default()).with_scans(Arc::default());
    let after = snapshot(&Parts::default()).with_scans(scans);
    assert_ne!(after.revision, before.revision);
    for (one, other) in [(&before, &after), (&after, &before)] {
        let PolicyDifference::Names(changes) = one.difference(other) else { panic!("everything") };
        assert_eq!(changes.exact(), Some(vec![name("com.example/tool")]));
    }
    assert!(!after.difference(&after).concerns(&name("com.example/tool")));
}
