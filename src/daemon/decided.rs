use std::sync::Arc;

use super::content::Content;
use super::doubts::Doubts;
use super::notes::Remarks;
use super::speakers::speakers_of;
use super::tenure::tenure_of;
use crate::catalog::{Candidate, Catalogue, Facts, Ledger, Loaded, NameUpdate, Source};
use crate::curation::{Decision, Gate, Owned, Policy, Row, Sanitized, View, decide};
use crate::model::{Instant, Name};
use crate::ownership::Verdict;
use crate::store::{Snapshot, StoreError, StoredHead};

/// A view, what it showed, and what it shows now.
pub(super) struct Shelved {
    pub(super) view: View,
    pub(super) ledger: Ledger,
    pub(super) catalogue: Arc<Catalogue>,
}

/// What passed the gates of one name, and for each view whether it belongs there.
pub(super) struct Decided {
    pub(super) name: Name,
    candidates: Vec<(Candidate, Vec<bool>)>,
    /// When the first approval ends.
    pub(super) first_end: Option<Instant>,
    /// The upstream that the name is served from, when that is news.
    owner: Option<String>,
    pub(super) remarks: Remarks,
    /// Whether it is kept back because of what it resembles.
    pub(super) withheld: bool,
}

/// A version that passed the gates.
struct Proposal<'h> {
    stored: &'h StoredHead,
    content: Content,
    facts: Facts,
    source: Source,
    published_at: Instant,
    until: Instant,
    /// For each view whether it belongs there.
    views: Vec<bool>,
    loaded: Option<Loaded>,
}

/// Where names are decided about, one after another.
pub(super) struct Desk<'a> {
    pub(super) views: &'a [Shelved],
    pub(super) policy: &'a Policy<'a>,
    pub(super) snapshot: Snapshot,
    pub(super) doubts: &'a Doubts,
}

impl Desk<'_> {
    /// Runs the gates for every version of a name, and reads those that are not served yet as they
    /// would be.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn decide(&self, name: &Name, heads: &[StoredHead]) -> Result<Decided, StoreError> {
        let (policy, snapshot) = (self.policy, &self.snapshot);
        let about = policy.about(name);
        let served_from = snapshot.served_from(name)?;
        let speakers = speakers_of(snapshot, policy, name, heads, served_from.as_deref())?;
        let tenure = tenure_of(snapshot, policy, name, heads)?;
        let suspected = self.doubts.if_unnamed(snapshot, policy, name, heads)?;
        let mut withheld = false;
        let mut remarks = Remarks::default();
        let mut proposals: Vec<Proposal<'_>> = Vec::new();
        for stored in heads {
            let standing = about.standing(&stored.version, &stored.upstream);
            let content = match Content::of(snapshot, stored, &standing) {
                Err(damage @ StoreError::Damaged { .. }) => {
                    remarks.damaged(name, &damage.to_string());
                    continue;
                }
                content => content?,
            };
            let head = content.head;
            let row = Row {
                name,
                upstream: &stored.upstream,
                version: &stored.version,
                head: &head,
                standing: &standing,
                tenure: &tenure,
                suspicion: suspected.of(&stored.version),
            };
            let case = policy.case(&speakers, row);
            let until = match decide(&case) {
                Decision::Serve { until } => until,
                Decision::Hide(gate) => {
                    withheld |= gate == Gate::NoOpenLookalike;
                    if gate == Gate::OwnershipAsRequired
                        && tenure.holding.verdict(case.pins).0 != Verdict::Refuted
                        && let Owned::Judged { verdict: Verdict::Refuted, why, .. } = case.owned()
                    {
                        remarks.refuted(stored, &why);
                    }
                    if gate == Gate::DigestAsPinned {
                        remarks.differs_from_pin(stored, &gate.judge(&case));
                    }
                    continue;
                }
            };
            let facts = Facts::new(&stored.upstream, &standing, case.owned().word());
            let admits = |it: &Shelved| it.view.admits(name, &stored.upstream, &standing);
            let mut proposal = Proposal {
                stored,
                source: facts.source(&head),
                published_at: head.published_at,
                views: self.views.iter().map(admits).collect(),
                until,
                facts,
                content,
                loaded: None,
            };
            // What is served already was read before, and found readable.
            if self.is_known(&proposal) || proposal.load(snapshot, &mut remarks)? {
                proposals.push(proposal);
            }
        }
        let first_end = proposals.iter().map(|proposal| proposal.until).min();
        let candidates: Vec<(Candidate, Vec<bool>)> =
            proposals.into_iter().map(Proposal::candidate).collect();
        remarks.spoken_for(&speakers, heads, !candidates.is_empty());
        let owner = speakers.owner().filter(|_| !candidates.is_empty());
        let owner = owner.filter(|owner| served_from.as_deref() != Some(*owner));
        let owner = owner.map(str::to_owned);
        Ok(Decided { name: name.clone(), candidates, first_end, owner, remarks, withheld })
    }

    /// Whether every view that shows it has an item of the same entry already.
    fn is_known(&self, proposal: &Proposal<'_>) -> bool {
        let StoredHead { name, version, .. } = proposal.stored;
        let mut shows = self.views.iter().zip(&proposal.views).filter(|(_, shows)| **shows);
        shows.all(|(it, _)| it.catalogue.keeps(name, version, &proposal.source))
    }
}

impl Proposal<'_> {
    /// Reads the entry; `false`, with a remark, when it cannot be served after all.
    fn load(&mut self, snapshot: &Snapshot, remarks: &mut Remarks) -> Result<bool, StoreError> {
        let entry = match self.content.entry(snapshot, self.stored) {
            Err(damage @ StoreError::Damaged { .. }) => {
                remarks.damaged(&self.stored.name, &damage.to_string());
                return Ok(false);
            }
            entry => entry?,
        };
        match Sanitized::of(&entry.server) {
            Ok(served) => {
                self.loaded = Some(Loaded { entry, served });
                Ok(true)
            }
            Err(flaw) => {
                remarks.unreadable(self.stored, &flaw);
                Ok(false)
            }
        }
    }

    fn candidate(self) -> (Candidate, Vec<bool>) {
        let Self { stored, source, published_at, facts, loaded, views, .. } = self;
        let version = stored.version.clone();
        (Candidate { version, published_at, source, facts, loaded }, views)
    }
}

impl Decided {
    /// The name with its owner, when that is news.
    pub(super) fn take_owner(&mut self) -> Option<(Name, String)> {
        self.owner.take().map(|owner| (self.name.clone(), owner))
    }

    /// What any view shows of it.
    pub(super) fn in_any_view(&self) -> NameUpdate<'_> {
        let shown = self.candidates.iter().filter(|(_, views)| views.contains(&true));
        NameUpdate { name: &self.name, candidates: shown.map(|(candidate, _)| candidate).collect() }
    }

    /// What of it belongs into the view of this index.
    pub(super) fn within(&self, view: usize) -> NameUpdate<'_> {
        let admitted = self.candidates.iter().filter(|(_, views)| views[view]);
        let candidates = admitted.map(|(candidate, _)| candidate).collect();
        NameUpdate { name: &self.name, candidates }
    }
}
