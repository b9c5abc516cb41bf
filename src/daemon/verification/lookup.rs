use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant as Deadline, timeout_at};

use crate::curation::{NamespaceReport, PolicySnapshot};
use crate::daemon::runtime::Clock;
use crate::model::{Digest, Name, Status, Timestamp};
use crate::ownership::{
    Claim, DeclarationRecord, Key, Offer, Pins, Priority, VerificationRecord, advice, next_check,
    pin,
};
use crate::remote::OwnershipSources;
use crate::store::{Snapshot, Store, StoreError, VerificationRecords};

/// Names of one namespace that are covered in one lookup, those that waited longest first.
const MAX_NAMES: usize = 50;
/// Contents of one name that are covered in one lookup: the newest, and some of the others in rotation.
const NEWEST_CONTENTS: usize = 10;
const OTHER_CONTENTS: usize = 10;
/// Requests to repositories and packages in one lookup, and the time limit for them: one namespace must not
/// use up the rate limits of all.
const MAX_ASKED: usize = 60;
const LONGEST: Duration = Duration::from_mins(2);

/// Everything that a lookup of a namespace needs, read at once: no snapshot of the store stays open during
/// slow requests.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) namespace: String,
    claim: Claim,
    pub(super) pins: Pins,
    pub(super) before: VerificationRecord,
    /// The keys that its parents were first seen with, by domain.
    inherited: BTreeMap<String, BTreeSet<Key>>,
    names: Vec<NameQuestion>,
    priority: Priority,
}

/// A name, its record, its current contents, and those to look up now.
#[derive(Debug)]
struct NameQuestion {
    name: Name,
    declarations: DeclarationRecord,
    current: BTreeSet<Digest>,
    contents: Contents,
}

type Contents = Vec<(Digest, Offer)>;

/// The result of a lookup.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) namespace: String,
    pub(super) record: VerificationRecord,
    pub(super) declarations: Vec<(Name, DeclarationRecord)>,
    /// True if the evidence of a name changed.
    pub(super) changed: bool,
}

/// The report of `vidimus ownership`.
#[derive(Debug, Serialize, Deserialize)]
pub struct OwnershipReport {
    pub report: NamespaceReport,
    pub names: Vec<NameReport>,
    /// The records that the owner has to publish, and where.
    pub publish: Vec<String>,
    /// The overlay that pins the owner shown now.
    pub pin: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct NameReport {
    pub name: String,
    /// The number of contents that the owner's repository declares.
    pub declared: usize,
    pub evidence: Vec<String>,
}

impl Question {
    /// Reads what a lookup of a namespace needs; `names` are the names to look up with it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(super) fn read(
        snapshot: &Snapshot,
        policy: &PolicySnapshot,
        namespace: &str,
        names: &[Name],
        priority: Priority,
    ) -> Result<Self, StoreError> {
        let claim = Claim::of(namespace, &policy.overlays.shared_hosts());
        let mut known = Vec::with_capacity(names.len());
        for name in names {
            known.push((name.clone(), snapshot.declarations(name)?.unwrap_or_default()));
        }
        known.sort_by_key(|(_, declarations)| declarations.checked_at);
        known.truncate(MAX_NAMES);
        let mut questions = Vec::with_capacity(known.len());
        for (name, declarations) in known {
            let (current, contents) = contents(snapshot, policy, &name, declarations.offset)?;
            questions.push(NameQuestion { name, declarations, current, contents });
        }
        let mut inherited = BTreeMap::new();
        if let Claim::Domain { parents, .. } = &claim {
            for parent in parents {
                let above: Vec<&str> = parent.rsplit('.').collect();
                let record = snapshot.record(&above.join("."))?.unwrap_or_default();
                inherited.insert(parent.clone(), record.pinned_keys);
            }
        }
        Ok(Self {
            inherited,
            pins: policy.overlays.pins(namespace).clone(),
            before: snapshot.record(namespace)?.unwrap_or_default(),
            namespace: namespace.to_ascii_lowercase(),
            claim,
            names: questions,
            priority,
        })
    }

    /// Looks up the namespace itself.
    pub(super) async fn look_up(
        &self,
        sources: &OwnershipSources,
        now: impl Fn() -> Timestamp,
    ) -> VerificationRecord {
        let lookup = sources.look_up(&self.claim).await;
        let now = now();
        let before = self.before.clone().inheriting(&self.inherited, &lookup);
        let mut record = before.after(&lookup, &self.pins, now);
        let next = next_check(&self.namespace, &record, &self.pins, self.priority, now);
        record.next_check = Some(next);
        record
    }

    /// Looks up the repositories and packages of its names, within the limits of time and requests.
    pub(super) async fn look_up_names(
        self,
        sources: &OwnershipSources,
        record: VerificationRecord,
        now: impl Fn() -> Timestamp,
    ) -> Answer {
        let account = self.pins.github.or(record.pinned_account);
        let until = Deadline::now() + LONGEST;
        let mut budget = MAX_ASKED;
        let mut changed = false;
        let mut asked_names = Vec::with_capacity(self.names.len());
        for NameQuestion { name, declarations, current, contents } in self.names {
            if budget == 0 {
                break;
            }
            let asked = sources.contents(account, &contents, &mut budget);
            let Ok(lookups) = timeout_at(until, asked).await else { break };
            let next =
                declarations.clone().after(name.as_str(), account, &current, &lookups, now());
            let facts = |record: &DeclarationRecord| {
                (record.account, record.declared.clone(), record.disputed.clone())
            };
            changed |= facts(&declarations) != facts(&next);
            asked_names.push((name, next));
        }
        Answer { namespace: self.namespace, record, declarations: asked_names, changed }
    }
}

/// Returns the contents of a name that external publishers may have published: all of them, and those to look
/// up now, after the `offset` contents of earlier lookups.
fn contents(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
    offset: usize,
) -> Result<(BTreeSet<Digest>, Contents), StoreError> {
    let mut heads = snapshot.heads_of(name)?;
    heads.retain(|head| head.head.status != Status::Deleted && !policy.is_internal(&head.upstream));
    heads.sort_by_key(|head| std::cmp::Reverse(head.head.published_at));
    let current = heads.iter().map(|head| head.head.received).collect();
    let (newest, others) = heads.split_at(heads.len().min(NEWEST_CONTENTS));
    let rotated = others.iter().cycle().skip(offset % others.len().max(1));
    let rotated = rotated.take(others.len().min(OTHER_CONTENTS));
    let mut contents = Vec::new();
    for head in newest.iter().chain(rotated) {
        match snapshot.entry(head) {
            Err(StoreError::Damaged(_)) => {}
            entry => contents
                .extend(Offer::read(&entry?.server).map(|offer| (head.head.received, offer))),
        }
    }
    Ok((current, contents))
}

/// Returns true if the new record may change an evaluation, under these pins.
pub(super) fn may_change_evaluations<'h>(
    before: &'h VerificationRecord,
    after: &'h VerificationRecord,
    pins: &'h Pins,
    now: Timestamp,
) -> bool {
    let facts = |record: &'h VerificationRecord| {
        let created = record.account().and_then(|account| account.created_at);
        let is_new = record.concluded_at.is_none();
        (
            record.basis(pins),
            record.is_through_parent(),
            record.is_stale(now),
            record.pinned_account,
            created,
            is_new,
        )
    };
    facts(before) != facts(after)
}

impl Answer {
    pub(super) fn records(&self) -> VerificationRecords {
        VerificationRecords {
            verifications: vec![(self.namespace.clone(), self.record.clone())],
            declarations: self.declarations.clone(),
        }
    }

    /// Returns the report for people, under the spelling that the client asked for.
    pub(super) fn report(&self, policy: &PolicySnapshot, namespace: &str) -> OwnershipReport {
        let claim = Claim::of(namespace, &policy.overlays.shared_hosts());
        let names = self.declarations.iter().map(|(name, declarations)| NameReport {
            name: name.to_string(),
            declared: declarations.declared.len(),
            evidence: declarations.evidence.clone(),
        });
        OwnershipReport {
            report: NamespaceReport::new(namespace, &self.record, &[], &policy.overlays),
            names: names.collect(),
            publish: advice(&claim),
            pin: pin(namespace, &self.record, policy.overlays.pins(namespace)),
        }
    }
}

/// Verifies a namespace without a daemon, and stores the evidence.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn verify_once(
    store: &Store,
    clock: &Clock,
    policy: &PolicySnapshot,
    sources: &OwnershipSources,
    namespace: &str,
) -> Result<OwnershipReport, StoreError> {
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
        Question::read(&snapshot, policy, namespace, &names, Priority::Mentioned)?
    };
    sources.forget_answers();
    let record = question.look_up(sources, || clock.now()).await;
    let answer = question.look_up_names(sources, record, || clock.now()).await;
    store.store_verification(&answer.records(), clock.now())?;
    Ok(answer.report(policy, namespace))
}
