use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Facts, Loaded, Source, latest_of};
use crate::curation::{EntryEvaluation, Evaluation, Sanitized};
use crate::model::{Damage, Head, Name, Status, Timestamp, Version};
use crate::store::{Snapshot, StoreError};

/// The views in which the successors of a name are visible.
#[derive(Debug, Default)]
pub(in crate::daemon) struct Successors {
    views: BTreeMap<Name, BTreeSet<usize>>,
    /// The earliest time at which any of them may be evaluated differently.
    pub(in crate::daemon) holds_until: Option<Timestamp>,
}

/// The views in which any version of one successor is visible, and the time until which that holds.
pub(in crate::daemon) struct SuccessorViews {
    views: BTreeSet<usize>,
    holds_until: Option<Timestamp>,
}

impl SuccessorViews {
    pub(in crate::daemon) fn of(evaluation: &Evaluation<'_>) -> Self {
        let views = evaluation.entries.iter().flat_map(|entry| entry.views.iter().copied());
        Self { views: views.collect(), holds_until: evaluation.holds_until }
    }
}

impl Successors {
    /// Evaluates the servers that rules name as successors of an evaluated name.
    ///
    /// # Errors
    /// When `evaluate` fails.
    pub(in crate::daemon) fn of(
        evaluation: &Evaluation<'_>,
        mut evaluate: impl FnMut(&Name) -> Result<SuccessorViews, StoreError>,
    ) -> Result<Self, StoreError> {
        let mut successors = Self::default();
        let entries = evaluation.entries.iter();
        let named: BTreeSet<&Name> = entries.filter_map(|entry| entry.rules.successor).collect();
        for name in named {
            let SuccessorViews { views, holds_until } = evaluate(name)?;
            successors.views.insert(name.clone(), views);
            let until = successors.holds_until.into_iter().chain(holds_until).min();
            successors.holds_until = until;
        }
        Ok(successors)
    }

    /// Returns true if every view of an entry shows the successor too: no client learns of a name that is hidden.
    fn is_shown_with(&self, successor: &Name, views: &[usize]) -> bool {
        let shown = self.views.get(successor);
        shown.is_some_and(|shown| views.iter().all(|view| shown.contains(view)))
    }

    /// Returns the facts that are served with an entry, and everything that its rendered item follows from.
    pub(in crate::daemon) fn describe(
        &self,
        entry: &EntryEvaluation<'_>,
        latest: &LatestUpstream<'_>,
    ) -> (Facts, Source) {
        let EntryEvaluation { row, head, rules, ownership, reach, packages, .. } = entry;
        let successor = rules.successor.filter(|name| self.is_shown_with(name, &entry.views));
        let facts = Facts::new(
            &row.upstream,
            rules,
            ownership.word(),
            successor,
            packages,
            &entry.concerns,
        );
        let facts = facts.of_latest_upstream(latest.is(entry));
        let source = facts.source(head, &row.content.head, reach);
        (facts, source)
    }
}

/// The latest version that each upstream has of a name, among those that it lists now.
#[derive(Debug)]
pub(in crate::daemon) struct LatestUpstream<'a>(BTreeMap<&'a str, &'a Version>);

impl<'a> LatestUpstream<'a> {
    pub(in crate::daemon) fn of(evaluation: &Evaluation<'a>) -> Self {
        let mut listed: BTreeMap<&str, Vec<(&Version, Timestamp)>> = BTreeMap::new();
        for entry in &evaluation.entries {
            let Head { status, missing, published_at, .. } = entry.row.content.head;
            if status != Status::Deleted && !missing {
                let versions = listed.entry(&entry.row.upstream).or_default();
                versions.push((&entry.row.version, published_at));
            }
        }
        let latest = listed.into_iter().filter_map(|(upstream, versions)| {
            let index = latest_of(versions.iter().copied())?;
            Some((upstream, versions[index].0))
        });
        Self(latest.collect())
    }

    fn is(&self, entry: &EntryEvaluation<'_>) -> bool {
        self.0.get(entry.row.upstream.as_str()) == Some(&&entry.row.version)
    }
}

/// Reads the content of an entry, and what upstream last said about it.
///
/// # Errors
/// When the store cannot be read, or the content is damaged.
pub(in crate::daemon) fn load(
    snapshot: &Snapshot,
    name: &Name,
    entry: &EntryEvaluation<'_>,
) -> Result<Loaded, StoreError> {
    let EntryEvaluation { row, content, reach, .. } = entry;
    let body = snapshot.body(name, row, content)?;
    let key = || format!("{name}@{}", row.version);
    let damaged = |_| StoreError::Damaged(Damage { what: "a body", key: key() });
    let newest = row.newest();
    let official = if std::ptr::eq(newest, *content) {
        body.official()
    } else {
        snapshot.body(name, row, newest)?.official()
    };
    let official = official.map_err(damaged)?;
    let served = Sanitized::of(&body.server, reach).map_err(damaged)?;
    let is_rewritten = row.content.head.is_rewritten();
    Ok(Loaded { entry: body, official, served, is_rewritten })
}
