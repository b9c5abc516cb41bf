use std::collections::{BTreeMap, BTreeSet};

use super::described::{LatestUpstream, SuccessorViews, Successors, load};
use super::lifecycle_alerts::lifecycle_alerts;
use super::name_alerts::{NameAlerts, served_versions};
use super::state::Work;
use super::view::ViewState;
use super::waiting::Awaited;
use crate::catalog::{Candidate, Catalogue, Facts, NameUpdate, Source};
use crate::curation::{Dossier, EntryEvaluation, Evaluation, Gate, evaluate};
use crate::history::RuleDigests;
use crate::model::{Approved, Digest, Name, Shown, Timestamp, Version};
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
    /// The first information that it waits for.
    pub(super) awaited: Option<Awaited>,
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
        let successors = Successors::of(&evaluation, |name| {
            let dossier = self.snapshot.dossier(name, policy)?;
            Ok(SuccessorViews::of(&evaluate(&dossier, policy, screening, *now)))
        })?;
        let latest = LatestUpstream::of(&evaluation);
        let mut candidates = Vec::new();
        for entry in evaluation.entries.iter().filter(|entry| entry.is_served()) {
            let described = successors.describe(entry, &latest);
            let candidate = self.candidate(name, entry, described, &mut alerts)?;
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
            is_withheld: evaluation.is_withheld(),
            awaited: Awaited::of(&evaluation, dossier.verification.concluded_at.is_some()),
            leaving: self.leaving(&dossier, &evaluation),
            alerts,
        })
    }

    /// Returns the candidate to render from an entry; `None`, with an alert, when its body is damaged.
    fn candidate(
        &self,
        name: &Name,
        entry: &EntryEvaluation<'_>,
        (facts, source): (Facts, Source),
        alerts: &mut NameAlerts,
    ) -> Result<Option<Candidate>, StoreError> {
        let EntryEvaluation { row, head, rules, .. } = entry;
        let approving = rules.approval.map(|(rule, _)| self.rules.digest(rule));
        let mut candidate = Candidate {
            version: row.version.clone(),
            published_at: head.published_at,
            source,
            facts,
            approved: Approved {
                received: head.received,
                // Nothing is served without an approval.
                rule: approving.unwrap_or_else(|| Digest::of(b"")),
            },
            loaded: None,
        };
        if self.is_rendered(name, entry, &candidate.source) {
            return Ok(Some(candidate));
        }
        match load(self.snapshot, name, entry) {
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

    fn leaving(&self, dossier: &Dossier, evaluation: &Evaluation<'_>) -> Vec<Leaving> {
        let visible = dossier.ledger.iter().filter(|record| record.record.shown == Shown::Visible);
        let versions: BTreeSet<&Version> = visible.map(|record| &record.version).collect();
        let served = served_versions(evaluation);
        // Of the upstreams that list a version the first one tells the reason.
        let entries = evaluation.entries.iter().rev();
        let first: BTreeMap<&Version, &EntryEvaluation<'_>> =
            entries.map(|entry| (&entry.row.version, entry)).collect();
        versions
            .difference(&served)
            .copied()
            .map(|version| {
                let entry = first.get(version).copied();
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
