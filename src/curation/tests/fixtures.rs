//! Dossiers and policies for tests.

use std::sync::Arc;

use crate::curation::{
    ContentFacts, ContentHead, Dossier, DossierRow, OwnershipPolicy, PolicySnapshot,
    ScreeningMatch, UpstreamPolicy, View, ViewRecord,
};
use crate::lint::{Source, has_errors};
use crate::lookalike::{Field, Level, Match, Signal, Technique, Why};
use crate::model::{
    Approved, Digest, Head, LedgerRecord, Name, NamespaceRules, Shown, Status, Timestamp, Version,
};
use crate::overlay::{Context, OverlaySet, Terms, read};

pub(super) const JANUARY: &str = "2026-01-15T00:00:00Z";
pub(super) const MARCH: &str = "2026-03-15T00:00:00Z";

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

pub(super) fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

pub(super) fn version(text: &str) -> Version {
    Version::parse(text).expect("usable")
}

pub(super) fn head(status: Status, published: &str) -> Head {
    Head {
        status,
        missing: false,
        rewritten: false,
        replaced: false,
        contentless: false,
        status_since: None,
        initial: true,
        published_at: at(published),
        updated_at: at(published),
        first_seen: at(published),
        received: Digest::of(b"received"),
        sent: Digest::of(b"sent"),
    }
}

/// Returns the facts of a plain entry.
pub(super) fn facts() -> ContentFacts {
    ContentFacts::of(r#"{"name":"com.example/tool","description":"d","version":"1.0.0"}"#)
}

pub(super) fn row(upstream: &str, of_version: &str, head: Head) -> DossierRow {
    DossierRow {
        upstream: upstream.into(),
        version: version(of_version),
        content: ContentHead { head, facts: Some(facts()) },
        others: Vec::new(),
    }
}

/// Returns the record that the default view shows a version.
pub(crate) fn visible(of_version: &str, now: Timestamp) -> ViewRecord {
    let record = LedgerRecord {
        shown: Shown::Visible,
        changed_at: now,
        digest: Digest::of(b"x"),
        published_at: now,
        approved: Approved::any(),
    };
    ViewRecord { view: "default".into(), version: version(of_version), record }
}

/// Returns a match with what is protected.
pub(super) fn similar(target: &str, acknowledged: bool) -> ScreeningMatch {
    let signal = Signal {
        technique: Technique::BrandInLeaf,
        field: Field::Leaf,
        value: "tool".into(),
        target: target.into(),
    };
    let found = Match {
        target: target.into(),
        why: Why::Listed,
        level: Level::High,
        score: 40,
        signals: vec![signal],
        suppressed: None,
    };
    ScreeningMatch { found, alert: None, acknowledged }
}

/// Returns the dossier of a name with these rows, and nothing else.
pub(super) fn dossier(of_name: &str, rows: Vec<DossierRow>) -> Dossier {
    let synchronised = ["official", "ours"].map(str::to_owned).into();
    Dossier { rows, synchronised: Arc::new(synchronised), ..Dossier::empty(name(of_name)) }
}

/// Returns the dossier of a name with one version in this status.
pub(crate) fn listed(of_name: &str, status: Status) -> Dossier {
    dossier(of_name, vec![row("official", "1.0.0", head(status, JANUARY))])
}

pub(crate) fn overlays(yaml: &str, now: Timestamp) -> OverlaySet {
    let context = Context { terms: Terms::default(), now, upstreams: None };
    let reading = read(&[Source::new("x.yaml", yaml)], &context);
    assert!(!has_errors(&reading.findings), "{}", reading.findings[0]);
    reading.into()
}

pub(super) fn upstream(id: &str, priority: u64, internal: bool) -> UpstreamPolicy {
    let namespaces = NamespaceRules::default();
    UpstreamPolicy {
        id: id.into(),
        priority,
        internal,
        enabled: true,
        trust_dates: false,
        namespaces,
    }
}

/// Returns a policy with the official upstream, one view without limits, and no ownership checks.
pub(crate) fn policy(overlays: OverlaySet) -> PolicySnapshot {
    let ownership = OwnershipPolicy { enabled: false, ..OwnershipPolicy::default() };
    with(overlays, vec![upstream("official", 100, false)], ownership)
}

pub(super) fn with(
    overlays: OverlaySet,
    upstreams: Vec<UpstreamPolicy>,
    ownership: OwnershipPolicy,
) -> PolicySnapshot {
    let views = vec![View::unlimited("default")];
    PolicySnapshot::new(Arc::new(overlays), upstreams, views, ownership, true)
}
