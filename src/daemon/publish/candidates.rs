use std::collections::{BTreeMap, BTreeSet};

use super::lifecycle_alerts::lifecycle_alerts;
use super::name_alerts::{NameAlerts, is_served};
use super::state::Work;
use super::view::ViewState;
use crate::catalog::{Candidate, Catalogue, Facts, Loaded, NameUpdate, Source};
use crate::curation::{Dossier, EntryEvaluation, Evaluation, Evidence, Gate, Sanitized, evaluate};
use crate::history::RuleDigests;
use crate::model::{Approved, Damage, Digest, Name, NotBenign, Shown, Timestamp, Version};
use crate::store::{Snapshot, StoreError};

/// The outcome of evaluating one name: the content to render, and the facts to remember.
pub(super) struct NameEvaluation {
    pub(super) name: Name,
    /// The entries that passed the gates, with the indexes of their views.
    candidates: Vec<(Candidate, Vec<usize>)>,
    pub(super) holds_until: Option<Timestamp>,
    /// The upstream that the name is served from, if it differs from the stored one.
    authority: Option<String>,
    pub(super) alerts: NameAlerts,
    /// True if it waits for a comparison or a reviewer.
    pub(super) is_withheld: bool,
    /// Versions that a view showed and that leave every view now, with the reason.
    pub(super) leaving: Vec<Leaving>,
}

/// A version that a view showed and that leaves every view.
pub(super) struct Leaving {
    pub(super) version: Version,
    /// The gate that hides it; `None` if no upstream lists it.
    pub(super) gate: Option<Gate>,
    /// The denial or suspension that hides it.
    pub(super) hidden_by: Option<Digest>,
}

/// The views in which the successors of a name are visible.
#[derive(Debug, Default)]
struct Successors {
    views: BTreeMap<Name, BTreeSet<usize>>,
    holds_until: Option<Timestamp>,
}

impl Successors {
    /// Returns true if every view of an entry shows the successor too: no client learns of a name that is hidden.
    fn is_shown_with(&self, successor: &Name, views: &[usize]) -> bool {
        let shown = self.views.get(successor);
        shown.is_some_and(|shown| views.iter().all(|view| shown.contains(view)))
    }
}

/// Evaluates names one by one against one snapshot of the store.
pub(super) struct Evaluator<'a> {
    pub(super) views: &'a [ViewState],
    pub(super) work: &'a Work,
    pub(super) snapshot: &'a Snapshot,
    pub(super) rules: &'a RuleDigests<'a>,
}

impl Evaluator<'_> {
    /// Runs the gates for every version of a name, and reads the bodies of those that no view renders
    /// yet, in the same snapshot.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn evaluate_name(&self, name: &Name) -> Result<NameEvaluation, StoreError> {
        let Work { policy, screening, now, .. } = self.work;
        let dossier = self.snapshot.dossier(name, policy)?;
        let evaluation = evaluate(&dossier, policy, screening, *now);
        let mut alerts = NameAlerts::of(&dossier, &evaluation, policy, *now);
        let lifecycle = lifecycle_alerts(self.snapshot, &dossier, &evaluation, *now)?;
        alerts.reported_alerts.extend(lifecycle);
        let successors = self.successors(&evaluation)?;
        let mut candidates = Vec::new();
        for entry in evaluation.entries.iter().filter(|entry| entry.is_served()) {
            let candidate = self.candidate(name, entry, &successors, &mut alerts)?;
            candidates.extend(candidate.map(|candidate| (candidate, entry.views.clone())));
        }
        let is_served = !candidates.is_empty();
        alerts.of_authority(&dossier, &evaluation.authorities, is_served, *now);
        let authority = evaluation.authorities.settled_owner(*now).filter(|_| is_served);
        let authority = authority.filter(|owner| dossier.authority.as_deref() != Some(*owner));
        Ok(NameEvaluation {
            name: name.clone(),
            candidates,
            holds_until: successors.holds_until.into_iter().chain(evaluation.holds_until).min(),
            authority: authority.map(str::to_owned),
            is_withheld: is_withheld(&evaluation),
            leaving: self.leaving(&dossier, &evaluation),
            alerts,
        })
    }

    /// Returns the candidate to render from an entry; `None`, with an alert, when its body is damaged.
    fn candidate(
        &self,
        name: &Name,
        entry: &EntryEvaluation<'_>,
        successors: &Successors,
        alerts: &mut NameAlerts,
    ) -> Result<Option<Candidate>, StoreError> {
        let EntryEvaluation { row, head, rules, ownership, reach, .. } = entry;
        let successor = rules.successor.filter(|name| successors.is_shown_with(name, &entry.views));
        let facts = Facts::new(&row.upstream, rules, ownership.word(), successor);
        let source = facts.source(head, &row.content.head, reach);
        let mut candidate = Candidate {
            version: row.version.clone(),
            published_at: head.published_at,
            source,
            facts,
            approved: self.approved(entry),
            loaded: None,
        };
        if self.is_rendered(name, entry, &source) {
            return Ok(Some(candidate));
        }
        match self.load(name, entry) {
            Ok(loaded) => {
                candidate.loaded = Some(loaded);
                Ok(Some(candidate))
            }
            Err(StoreError::Damaged(damage)) => {
                alerts.damaged(name, &damage);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Evaluates the servers that rules name as successors of a name.
    fn successors(&self, evaluation: &Evaluation<'_>) -> Result<Successors, StoreError> {
        let Work { policy, screening, now, .. } = self.work;
        let mut successors = Successors::default();
        let entries = evaluation.entries.iter();
        let named: BTreeSet<&Name> = entries.filter_map(|entry| entry.rules.successor).collect();
        for name in named {
            let dossier = self.snapshot.dossier(name, policy)?;
            let evaluation = evaluate(&dossier, policy, screening, *now);
            let views = evaluation.entries.iter().flat_map(|entry| entry.views.iter().copied());
            successors.views.insert(name.clone(), views.collect());
            let until = successors.holds_until.into_iter().chain(evaluation.holds_until).min();
            successors.holds_until = until;
        }
        Ok(successors)
    }

    /// Reads the content of an entry, and what upstream last said about it.
    fn load(&self, name: &Name, entry: &EntryEvaluation<'_>) -> Result<Loaded, StoreError> {
        let EntryEvaluation { row, content, reach, .. } = entry;
        let body = self.snapshot.body(name, row, content)?;
        let key = || format!("{name}@{}", row.version);
        let damaged = |_| StoreError::Damaged(Damage { what: "a body", key: key() });
        let newest = row.newest();
        let official = if std::ptr::eq(newest, *content) {
            body.official()
        } else {
            self.snapshot.body(name, row, newest)?.official()
        };
        let official = official.map_err(damaged)?;
        let served = Sanitized::of(&body.server, reach).map_err(damaged)?;
        let is_rewritten = row.content.head.is_rewritten();
        Ok(Loaded { entry: body, official, served, is_rewritten })
    }

    /// Returns the content of a served entry, and the rule that approves it.
    fn approved(&self, entry: &EntryEvaluation<'_>) -> Approved {
        let rule = entry.rules.approval.map(|(rule, _)| self.rules.digest(rule));
        // Nothing is served without an approval.
        Approved { received: entry.head.received, rule: rule.unwrap_or(Digest::of(b"")) }
    }

    fn leaving(&self, dossier: &Dossier, evaluation: &Evaluation<'_>) -> Vec<Leaving> {
        let visible = dossier.ledger.iter().filter(|record| record.record.shown == Shown::Visible);
        let versions: BTreeSet<&Version> = visible.map(|record| &record.version).collect();
        let gone = versions.into_iter().filter(|version| !is_served(evaluation, version));
        gone.map(|version| {
            let entry = evaluation.entries.iter().find(|entry| entry.row.version == *version);
            let gate = entry.and_then(EntryEvaluation::hidden_by).map(|(gate, _)| gate);
            let hiding = entry.and_then(|entry| entry.rules.hidden_by);
            let hidden_by = hiding.filter(|_| gate == Some(Gate::Approved));
            let hidden_by = hidden_by.map(|rule| self.rules.digest(rule));
            Leaving { version: version.clone(), gate, hidden_by }
        })
        .collect()
    }

    /// Returns true if every view that shows the entry already has an item of it.
    fn is_rendered(&self, name: &Name, entry: &EntryEvaluation<'_>, source: &Source) -> bool {
        let version = &entry.row.version;
        let keeps = |catalogue: &Catalogue| catalogue.keeps(name, version, source);
        entry.views.iter().all(|index| keeps(&self.views[*index].catalogue))
    }
}

fn is_withheld(evaluation: &Evaluation<'_>) -> bool {
    evaluation.entries.iter().any(|entry| {
        matches!(
            entry.hidden_by(),
            Some(
                (Gate::NoOpenLookalikeAlert, Evidence::NotCompared | Evidence::Matches(_))
                    | (
                        Gate::Approved,
                        Evidence::NotFollowed { why: NotBenign::LookalikeAlert, .. }
                    )
            )
        )
    })
}

impl NameEvaluation {
    /// Takes the name with the upstream that it is served from, if it differs from the stored one.
    pub(super) fn take_authority(&mut self) -> Option<(Name, String)> {
        self.authority.take().map(|upstream| (self.name.clone(), upstream))
    }

    /// Returns the entries that any view shows.
    pub(super) fn in_any_view(&self) -> NameUpdate<'_> {
        let shown = self.candidates.iter().filter(|(_, views)| !views.is_empty());
        NameUpdate { name: &self.name, candidates: shown.map(|(candidate, _)| candidate).collect() }
    }

    /// Returns the entries that belong to the view of this index.
    pub(super) fn within(&self, view: usize) -> NameUpdate<'_> {
        let admitted = self.candidates.iter().filter(|(_, views)| views.contains(&view));
        let candidates = admitted.map(|(candidate, _)| candidate).collect();
        NameUpdate { name: &self.name, candidates }
    }
}
