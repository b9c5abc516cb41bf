use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Clock;
use super::publisher::undamaged;

use crate::curation::{Policy, Tenure, Title};
use crate::model::{Digest, Instant, Name, Status};
use crate::ownership::{Claim, Holding, Naming, Offer, Pins, Urgency, advice, next_check, pin};
use crate::remote::Witnesses;
use crate::store::{Proofs, Snapshot, Store, StoreError};

/// Names of one namespace that are looked at in one go, those that waited longest first.
const MAX_NAMES: usize = 50;
/// Contents of one name, the newest first.
const MAX_CONTENTS: usize = 20;

/// Everything that asking about a namespace needs, read at once: nothing of the store is held while
/// somebody far away takes their time.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) namespace: String,
    claim: Claim,
    pins: Pins,
    before: Holding,
    names: Vec<NameQuestion>,
    urgency: Urgency,
}

type NameQuestion = (Name, Naming, Vec<(Digest, Offer)>);

/// What was found out.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) namespace: String,
    pub(super) holding: Holding,
    pub(super) namings: Vec<(Name, Naming)>,
    /// Whether anything may be decided otherwise than before.
    pub(super) changed: bool,
}

/// What `vidimus prove` says.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProofReport {
    pub title: Title,
    pub names: Vec<NameReport>,
    /// What the owner has to publish, and where.
    pub publish: Vec<String>,
    /// The overlay that pins what is shown now.
    pub pin: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct NameReport {
    pub name: String,
    /// Contents that the owner's repository declares.
    pub declared: usize,
    pub evidence: Vec<String>,
}

impl Question {
    /// What there is to ask about a namespace; `names` are those of its names that matter.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn read(
        snapshot: &Snapshot,
        policy: &Policy<'_>,
        namespace: &str,
        names: &[Name],
        urgency: Urgency,
    ) -> Result<Self, StoreError> {
        let claim = Claim::of(namespace, &policy.overlays.shared_hosts());
        let mut known = Vec::with_capacity(names.len());
        for name in names {
            known.push((name.clone(), snapshot.naming(name)?.unwrap_or_default()));
        }
        known.sort_by_key(|(_, naming)| naming.checked_at);
        known.truncate(MAX_NAMES);
        let mut questions = Vec::with_capacity(known.len());
        for (name, naming) in known {
            let contents = contents(snapshot, policy, &name)?;
            questions.push((name, naming, contents));
        }
        Ok(Self {
            pins: policy.overlays.pins(namespace).clone(),
            before: snapshot.holding(namespace)?.unwrap_or_default(),
            namespace: namespace.to_ascii_lowercase(),
            claim,
            names: questions,
            urgency,
        })
    }

    /// Asks the witnesses.
    pub(super) async fn ask(self, witnesses: &Witnesses, now: impl Fn() -> Instant) -> Answer {
        let Self { namespace, claim, pins, before, names, urgency } = self;
        let sight = witnesses.look(&claim).await;
        let now_looked = now();
        let mut holding = before.clone().after(&sight, &pins, now_looked);
        holding.next_check = Some(next_check(&namespace, &holding, &pins, urgency, now_looked));
        let account = pins.github.or(holding.pinned_account);
        let mut changed = decides_otherwise(&before, &holding, &pins, now_looked);
        let mut namings = Vec::with_capacity(names.len());
        for (name, naming, contents) in names {
            let sights = witnesses.contents(account, &contents).await;
            let next = naming.clone().after(name.as_str(), account, &sights, now());
            let says = |it: &Naming| (it.account, it.declared.clone(), it.disputed.clone());
            changed |= says(&naming) != says(&next);
            namings.push((name, next));
        }
        Answer { namespace, holding, namings, changed }
    }
}

/// The contents of a name that somebody outside may have published.
fn contents(
    snapshot: &Snapshot,
    policy: &Policy<'_>,
    name: &Name,
) -> Result<Vec<(Digest, Offer)>, StoreError> {
    let is_internal = |id: &str| policy.speakers.iter().any(|it| it.id == id && it.internal);
    let mut heads = snapshot.heads_of(name)?;
    heads.retain(|it| it.head.status != Status::Deleted && !is_internal(&it.upstream));
    heads.sort_by_key(|it| std::cmp::Reverse(it.head.published_at));
    let mut contents = Vec::new();
    for head in heads.iter().take(MAX_CONTENTS) {
        match snapshot.entry(head) {
            Err(StoreError::Damaged { .. }) => {}
            entry => contents
                .extend(Offer::read(&entry?.server).map(|offer| (head.head.received, offer))),
        }
    }
    Ok(contents)
}

fn decides_otherwise(before: &Holding, after: &Holding, pins: &Pins, now: Instant) -> bool {
    let says = |it: &Holding| {
        let created = it.account().and_then(|account| account.created_at);
        (it.verdict(pins), it.is_through_parent(), it.is_stale(now), created)
    };
    says(before) != says(after)
}

impl Answer {
    pub(super) fn proofs(&self) -> Proofs {
        Proofs {
            holdings: vec![(self.namespace.clone(), self.holding.clone())],
            namings: self.namings.clone(),
        }
    }

    /// The same for people, under the name that they asked for.
    pub(super) fn report(&self, policy: &Policy<'_>, namespace: &str) -> ProofReport {
        let tenure = Tenure { holding: self.holding.clone(), ..Tenure::default() };
        let claim = Claim::of(namespace, &policy.overlays.shared_hosts());
        let names = self.namings.iter().map(|(name, naming)| NameReport {
            name: name.to_string(),
            declared: naming.declared.len(),
            evidence: naming.evidence.clone(),
        });
        ProofReport {
            title: Title::new(namespace, &tenure, policy.overlays),
            names: names.collect(),
            publish: advice(&claim),
            pin: pin(namespace, &self.holding),
        }
    }
}

/// Proves a namespace for whoever holds the store, and keeps what was found.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn prove_once(
    store: &Store,
    clock: &Clock,
    policy: &Policy<'_>,
    witnesses: &Witnesses,
    namespace: &str,
) -> Result<ProofReport, StoreError> {
    let question = {
        let snapshot = store.snapshot()?;
        let mut names = BTreeSet::new();
        for head in undamaged(snapshot.heads()?) {
            let name = head?.name;
            if name.namespace().eq_ignore_ascii_case(namespace) {
                names.insert(name);
            }
        }
        let names: Vec<Name> = names.into_iter().collect();
        Question::read(&snapshot, policy, namespace, &names, Urgency::Spoken)?
    };
    let answer = question.ask(witnesses, || clock.now()).await;
    store.keep_proofs(&answer.proofs(), clock.now())?;
    Ok(answer.report(policy, namespace))
}
