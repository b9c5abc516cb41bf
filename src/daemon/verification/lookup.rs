use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant as Deadline, timeout_at};

use crate::curation::{NamespaceReport, PolicySnapshot};
use crate::daemon::runtime::Clock;
use crate::model::{Digest, Instant, Name, Status};
use crate::ownership::{
    Claim, Holding, Key, Naming, Offer, Pins, Urgency, advice, next_check, pin,
};
use crate::remote::Witnesses;
use crate::store::{Proofs, Snapshot, Store, StoreError};

/// Names of one namespace that are looked at in one go, those that waited longest first.
const MAX_NAMES: usize = 50;
/// Contents of one name that are looked at in one go: the newest, and some of the others in turns.
const NEWEST_CONTENTS: usize = 10;
const OTHER_CONTENTS: usize = 10;
/// Repositories and packages that are asked for in one look, and how long that may take: one namespace
/// must not use up what is meant for all.
const MAX_ASKED: usize = 60;
const LONGEST: Duration = Duration::from_mins(2);

/// Everything that asking about a namespace needs, read at once: nothing of the store is held while
/// somebody far away takes their time.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) namespace: String,
    claim: Claim,
    pub(super) pins: Pins,
    pub(super) before: Holding,
    /// The keys that its parents were first seen with, by domain.
    inherited: BTreeMap<String, BTreeSet<Key>>,
    names: Vec<NameQuestion>,
    urgency: Urgency,
}

/// A name, what is remembered of it, and contents to look at among all that it has.
#[derive(Debug)]
struct NameQuestion {
    name: Name,
    naming: Naming,
    current: BTreeSet<Digest>,
    contents: Contents,
}

type Contents = Vec<(Digest, Offer)>;

/// What was found out.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) namespace: String,
    pub(super) holding: Holding,
    pub(super) namings: Vec<(Name, Naming)>,
    /// Whether something else is known of the names than before.
    pub(super) changed: bool,
}

/// What `vidimus prove` says.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProofReport {
    pub title: NamespaceReport,
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
        policy: &PolicySnapshot,
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
            let (current, contents) = contents(snapshot, policy, &name, naming.turn)?;
            questions.push(NameQuestion { name, naming, current, contents });
        }
        let mut inherited = BTreeMap::new();
        if let Claim::Domain { parents, .. } = &claim {
            for parent in parents {
                let above: Vec<&str> = parent.rsplit('.').collect();
                let holding = snapshot.holding(&above.join("."))?.unwrap_or_default();
                inherited.insert(parent.clone(), holding.pinned_keys);
            }
        }
        Ok(Self {
            inherited,
            pins: policy.overlays.pins(namespace).clone(),
            before: snapshot.holding(namespace)?.unwrap_or_default(),
            namespace: namespace.to_ascii_lowercase(),
            claim,
            names: questions,
            urgency,
        })
    }

    /// Looks at the namespace itself.
    pub(super) async fn look(&self, witnesses: &Witnesses, now: impl Fn() -> Instant) -> Holding {
        let sight = witnesses.look(&self.claim).await;
        let now = now();
        let before = self.before.clone().inheriting(&self.inherited, &sight);
        let mut holding = before.after(&sight, &self.pins, now);
        let next = next_check(&self.namespace, &holding, &self.pins, self.urgency, now);
        holding.next_check = Some(next);
        holding
    }

    /// Looks at what the repositories and packages of its names say, as far as there is time.
    pub(super) async fn look_at_names(
        self,
        witnesses: &Witnesses,
        holding: Holding,
        now: impl Fn() -> Instant,
    ) -> Answer {
        let account = self.pins.github.or(holding.pinned_account);
        let until = Deadline::now() + LONGEST;
        let mut budget = MAX_ASKED;
        let mut changed = false;
        let mut namings = Vec::with_capacity(self.names.len());
        for NameQuestion { name, naming, current, contents } in self.names {
            if budget == 0 {
                break;
            }
            let asked = witnesses.contents(account, &contents, &mut budget);
            let Ok(sights) = timeout_at(until, asked).await else { break };
            let next = naming.clone().after(name.as_str(), account, &current, &sights, now());
            let says = |it: &Naming| (it.account, it.declared.clone(), it.disputed.clone());
            changed |= says(&naming) != says(&next);
            namings.push((name, next));
        }
        Answer { namespace: self.namespace, holding, namings, changed }
    }
}

/// The contents of a name that somebody outside may have published: all of them, and those to look at
/// now, `turn` contents after the first look.
fn contents(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
    turn: usize,
) -> Result<(BTreeSet<Digest>, Contents), StoreError> {
    let mut heads = snapshot.heads_of(name)?;
    heads.retain(|it| it.head.status != Status::Deleted && !policy.is_internal(&it.upstream));
    heads.sort_by_key(|it| std::cmp::Reverse(it.head.published_at));
    let current = heads.iter().map(|it| it.head.received).collect();
    let (newest, others) = heads.split_at(heads.len().min(NEWEST_CONTENTS));
    let in_turn = others.iter().cycle().skip(turn % others.len().max(1));
    let in_turn = in_turn.take(others.len().min(OTHER_CONTENTS));
    let mut contents = Vec::new();
    for head in newest.iter().chain(in_turn) {
        match snapshot.entry(head) {
            Err(StoreError::Damaged(_)) => {}
            entry => contents
                .extend(Offer::read(&entry?.server).map(|offer| (head.head.received, offer))),
        }
    }
    Ok((current, contents))
}

/// Whether anything may be decided otherwise by what is remembered now, under these pins.
pub(super) fn decides_otherwise<'h>(
    before: &'h Holding,
    after: &'h Holding,
    pins: &'h Pins,
    now: Instant,
) -> bool {
    let says = |it: &'h Holding| {
        let created = it.account().and_then(|account| account.created_at);
        let is_new = it.concluded_at.is_none();
        (
            it.basis(pins),
            it.is_through_parent(),
            it.is_stale(now),
            it.pinned_account,
            created,
            is_new,
        )
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
    pub(super) fn report(&self, policy: &PolicySnapshot, namespace: &str) -> ProofReport {
        let claim = Claim::of(namespace, &policy.overlays.shared_hosts());
        let names = self.namings.iter().map(|(name, naming)| NameReport {
            name: name.to_string(),
            declared: naming.declared.len(),
            evidence: naming.evidence.clone(),
        });
        ProofReport {
            title: NamespaceReport::new(namespace, &self.holding, &[], &policy.overlays),
            names: names.collect(),
            publish: advice(&claim),
            pin: pin(namespace, &self.holding, policy.overlays.pins(namespace)),
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
    policy: &PolicySnapshot,
    witnesses: &Witnesses,
    namespace: &str,
) -> Result<ProofReport, StoreError> {
    let question = {
        let snapshot = store.snapshot()?;
        let mut names = BTreeSet::new();
        for head in snapshot.heads()? {
            let name = head?.name;
            if name.namespace().eq_ignore_ascii_case(namespace) {
                names.insert(name);
            }
        }
        let names: Vec<Name> = names.into_iter().collect();
        Question::read(&snapshot, policy, namespace, &names, Urgency::Spoken)?
    };
    witnesses.forget_answers();
    let holding = question.look(witnesses, || clock.now()).await;
    let answer = question.look_at_names(witnesses, holding, || clock.now()).await;
    store.keep_proofs(&answer.proofs(), clock.now())?;
    Ok(answer.report(policy, namespace))
}
