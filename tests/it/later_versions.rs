//! The share of real consecutive versions that an approval with `follow: benign` would follow.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use vidimus::curation::{
    ContentFacts, ContentHead, Dossier, DossierRow, Evidence, OwnershipPolicy, PolicySnapshot,
    Screening, UpstreamPolicy, View, evaluate,
};
use vidimus::lint::Source;
use vidimus::model::{Entry, Head, NamespaceRules, NotBenign, Timestamp, changed_members};
use vidimus::overlay::{Context, OverlaySet, Terms, read};

const UPSTREAM: &str = "own";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time")
}

/// Returns a row of an upstream of the organisation, whose names need no owner: the content alone is judged.
fn row(entry: &Entry, published: &str) -> DossierRow {
    let published_at = at(published);
    let head = Head {
        published_at,
        updated_at: published_at,
        first_seen: published_at,
        initial: false,
        ..entry.head
    };
    DossierRow {
        upstream: UPSTREAM.into(),
        version: entry.version.clone(),
        content: ContentHead { head, facts: Some(ContentFacts::of(&entry.server)) },
        others: Vec::new(),
    }
}

/// Returns the reason why the second of two versions is not benign beside the first.
fn judge(before: &Entry, after: &Entry, now: Timestamp) -> Option<NotBenign> {
    let text = format!(
        "servers: [{{name: '{}', approval: {{state: approved, reviewed: 2026-06-02T00:00:00Z, expires: 2099-01-01, \
         follow: benign, reference: {{version: '{}', digest: '{}'}}}}}}]",
        before.name, before.version, before.head.received
    );
    let context = Context { terms: Terms::default(), now, upstreams: None };
    let set: OverlaySet = read(&[Source::new("x.yaml", text.clone())], &context).into();
    let own = UpstreamPolicy {
        id: UPSTREAM.into(),
        priority: 1,
        internal: true,
        enabled: true,
        trust_dates: false,
        namespaces: NamespaceRules::default(),
    };
    let views = vec![View::unlimited("default")];
    let policy =
        PolicySnapshot::new(Arc::new(set), vec![own], views, OwnershipPolicy::default(), true);
    let rows = vec![row(before, "2026-06-01T00:00:00Z"), row(after, "2026-06-10T00:00:00Z")];
    let dossier = Dossier { rows, ..Dossier::empty(before.name.clone()) };
    let screening = Screening::default();
    let evaluation = evaluate(&dossier, &policy, &screening, now);
    let last = evaluation.entries.last().expect("two rows");
    let evidence = last.gates().find_map(|(_, outcome)| match outcome.evidence() {
        Evidence::NotFollowed { why, .. } => Some(Some(*why)),
        Evidence::Followed { .. } => Some(None),
        _ => None,
    });
    evidence.unwrap_or_else(|| panic!("{text}: it is not compared"))
}

/// P73. A benign version differs in listed members only; the printed share tells if the list is of use.
#[test]
fn real_version_that_is_followed_differs_from_the_one_before_in_listed_members_only() {
    let Some(items) = crate::support::corpus::items() else { return };
    let mut names: BTreeMap<String, Vec<(semver::Version, Entry)>> = BTreeMap::new();
    for item in &items {
        let item: Box<RawValue> = serde_json::from_str(item).expect("an item");
        let Ok(entry) = Entry::read(&item, Timestamp::from_micros(0)) else { continue };
        if let Some(version) = entry.version.semantic() {
            names.entry(entry.name.to_string()).or_default().push((version, entry));
        }
    }
    let now = at("2026-07-01T00:00:00Z");
    let (mut benign, mut pairs) = (0, 0);
    let mut reasons: BTreeMap<NotBenign, u32> = BTreeMap::new();
    for versions in names.values_mut() {
        versions.sort_by(|left, right| left.0.cmp(&right.0));
        versions.dedup_by(|left, right| left.0 == right.0);
        for pair in versions.windows(2) {
            let ((earlier, before), (_, after)) = (&pair[0], &pair[1]);
            if !earlier.pre.is_empty() {
                continue;
            }
            pairs += 1;
            let Some(why) = judge(before, after, now) else {
                benign += 1;
                for line in changed_members(&before.server, &after.server, 100) {
                    assert!(is_listed(&line), "{}@{}: {line}", after.name, after.version);
                }
                continue;
            };
            *reasons.entry(why).or_default() += 1;
        }
    }
    let percent = 100 * benign / pairs.max(1);
    println!(
        "{benign} of {pairs} consecutive versions are benign ({percent} %); others: {reasons:?}"
    );
    assert!(pairs > 1_000 && percent >= 40, "{benign} of {pairs}: {reasons:?}");
}

fn is_listed(line: &str) -> bool {
    let (pointer, _) = line.split_once(' ').unwrap_or_default();
    let pointer = pointer.trim_end_matches(':');
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match parts.as_slice() {
        ["version" | "title" | "description" | "$schema" | "icons", ..]
        | ["packages", _, "version"]
        | ["_meta"] => true,
        ["_meta", key, ..] => key.ends_with("~1publisher-provided"),
        _ => false,
    }
}
