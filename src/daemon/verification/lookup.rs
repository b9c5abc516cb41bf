use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant as Deadline;

use super::brake::budget;
use crate::curation::{NamespaceReport, PolicySnapshot};
use crate::daemon::mirror::Settling;
use crate::daemon::runtime::Clock;
use crate::daemon::screening::external_names;
use crate::model::{Digest, Name, Status, Timestamp};
use crate::ownership::{
    Claim, DeclarationRecord, Declaring, Lookup, LossBudget, Offer, Pins, Priority, Relatives,
    VerificationRecord, advice, next_check, pin,
};
use crate::remote::{Asking, OwnershipSources};
use crate::store::{Snapshot, Store, StoreError, StoredHead, VerificationRecords};

/// Names of one namespace that are covered in one lookup, those that waited longest first.
const MAX_NAMES: usize = 50;
/// Contents of one name that are covered in one lookup: the newest, and some of the others in rotation.
const NEWEST_CONTENTS: usize = 10;
const OTHER_CONTENTS: usize = 10;
/// Requests to repositories and packages in one lookup, and the time limit for them: one namespace must not
/// use up the rate limits of all.
const MAX_ASKED: usize = 60;
/// Namespaces with evidence below the same registered domain that a new one is compared with, and those among which they
/// are looked for.
const MAX_RELATIVES: usize = 200;
const MAX_BELOW: usize = 2000;
const LONGEST: Duration = Duration::from_mins(2);

/// Everything that a lookup of a namespace needs, read at once: no snapshot of the store stays open during
/// slow requests.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) namespace: String,
    claim: Claim,
    pub(super) pins: Pins,
    pub(super) before: VerificationRecord,
    relatives: Relatives,
    /// True if overlays mention one of its names: its loss counts against the brake.
    is_mentioned: bool,
    /// The number of its names.
    count: usize,
    /// False if it has more names than one lookup covers.
    is_complete: bool,
    /// When the newest content of the names to look up was first seen.
    pub(super) newest: Option<Timestamp>,
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
    /// False if some repositories or packages were not asked: they have their turn soon.
    pub(super) is_complete: bool,
    /// True if a view showed one of its names when the verdict was decided.
    pub(super) served: bool,
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
        let is_mentioned = names.iter().any(|name| !policy.overlays.rules_for(name).is_silent());
        let count = names.len();
        let mut known = Vec::with_capacity(names.len());
        let mut newest = None;
        for name in names {
            let heads = heads(snapshot, policy, name)?;
            newest = heads.iter().map(|head| head.head.first_seen).max().max(newest);
            let declarations = snapshot.declarations(name)?.unwrap_or_default();
            let is_answered =
                |head: &StoredHead| declarations.answered.contains(&head.head.received);
            known.push((heads.iter().all(is_answered), name.clone(), declarations, heads));
        }
        // What waits for an answer goes first, and then what waited longest.
        known.sort_by_key(|(is_answered, _, record, _)| (*is_answered, record.checked_at));
        // Those beyond the limit had their turn before, or get it soon.
        let mut beyond = known.iter().skip(MAX_NAMES);
        let is_complete =
            !beyond.any(|(is_answered, _, record, _)| !is_answered && record.checked_at.is_none());
        known.truncate(MAX_NAMES);
        let mut questions = Vec::with_capacity(known.len());
        for (_, name, declarations, heads) in known {
            let current = heads.iter().map(|head| head.head.received).collect();
            let contents = contents(snapshot, &heads, &declarations)?;
            questions.push(NameQuestion { name, declarations, current, contents });
        }
        let before = snapshot.record(namespace)?.unwrap_or_default();
        let is_new = before.shown.is_none();
        let relatives =
            if is_new { relatives(snapshot, policy, &claim)? } else { Relatives::default() };
        Ok(Self {
            relatives,
            is_mentioned,
            count,
            newest,
            is_complete,
            pins: policy.overlays.pins(namespace).clone(),
            before,
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
        losses: &Mutex<LossBudget>,
        now: impl Fn() -> Timestamp,
    ) -> VerificationRecord {
        // It confirms what came before it began.
        let begun = now();
        let lookup = sources.look_up(&self.claim).await;
        self.record(&lookup, losses, begun)
    }

    /// Returns the record after a lookup. A loss by absence takes effect only within the brake, if the namespace is
    /// mentioned.
    pub(super) fn record(
        &self,
        lookup: &Lookup,
        losses: &Mutex<LossBudget>,
        now: Timestamp,
    ) -> VerificationRecord {
        let admit = || {
            let owner = self.claim.owner().filter(|_| self.is_mentioned);
            let mut losses = losses.lock().unwrap_or_else(PoisonError::into_inner);
            owner.is_none_or(|owner| losses.admit(&owner, now))
        };
        let after = self.before.clone().after_among(&self.relatives, lookup, now);
        let mut record = after.conclude(&self.before, admit, now);
        record.next_check = Some(next_check(&self.namespace, &record, self.priority, now));
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
        let mut budget = Asking::new(MAX_ASKED, until);
        let (mut changed, mut is_complete) = (false, self.is_complete);
        let mut asked_names = Vec::with_capacity(self.names.len());
        for NameQuestion { name, declarations, current, contents } in self.names {
            let lookups =
                sources.contents(account, &contents, declarations.offset, &mut budget).await;
            is_complete &= !budget.is_exceeded();
            let names = self.count;
            let declaring = Declaring { name: name.as_str(), account, current: &current, names };
            let next = declarations.clone().after(&declaring, &lookups, now());
            changed |= !has_same_facts(&declarations, &next);
            asked_names.push((name, next));
        }
        let declarations = asked_names;
        Answer {
            namespace: self.namespace,
            record,
            declarations,
            changed,
            is_complete,
            served: false,
        }
    }
}

/// Returns the records of the other namespaces below the registered domain of a claim.
fn relatives(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    claim: &Claim,
) -> Result<Relatives, StoreError> {
    let mut relatives = Relatives::default();
    let Claim::Domain { parents, .. } = claim else { return Ok(relatives) };
    let namespace_of = |domain: &str| domain.rsplit('.').collect::<Vec<_>>().join(".");
    let pinned = |namespace: &str, record: VerificationRecord| {
        let change = record.open_change(policy.overlays.pins(namespace));
        VerificationRecord { change, ..record }
    };
    for parent in parents {
        let above = namespace_of(parent);
        let record = pinned(&above, snapshot.record(&above)?.unwrap_or_default());
        relatives.parents.insert(parent.clone(), record);
    }
    let registered = namespace_of(claim.registrable().unwrap_or_default());
    let mut below = snapshot.records_below(&registered, MAX_BELOW + 1)?;
    relatives.is_cut = below.len() > MAX_BELOW;
    below.retain(|(_, record)| record.tells_relatives());
    relatives.is_cut |= below.len() > MAX_RELATIVES;
    below.truncate(MAX_RELATIVES);
    let below = below.into_iter().map(|(namespace, record)| pinned(&namespace, record));
    relatives.all = relatives.parents.values().cloned().chain(below).collect();
    Ok(relatives)
}

fn has_same_facts(one: &DeclarationRecord, other: &DeclarationRecord) -> bool {
    (one.account, &one.declared, &one.disputed, &one.answered)
        == (other.account, &other.declared, &other.disputed, &other.answered)
}

/// Returns the heads of a name that external publishers may have published, the newest first: by when they were seen,
/// since their dates are claims.
fn heads(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    name: &Name,
) -> Result<Vec<StoredHead>, StoreError> {
    let mut heads = snapshot.heads_of(name)?;
    heads.retain(|head| head.head.status != Status::Deleted && !policy.is_internal(&head.upstream));
    heads.sort_by_key(|head| std::cmp::Reverse((head.head.first_seen, head.head.published_at)));
    Ok(heads)
}

/// Returns the contents to look up now, after those of earlier lookups.
fn contents(
    snapshot: &Snapshot,
    heads: &[StoredHead],
    declarations: &DeclarationRecord,
) -> Result<Contents, StoreError> {
    let offset = declarations.offset;
    // What waits for an answer goes first.
    let mut heads: Vec<&StoredHead> = heads.iter().collect();
    heads.sort_by_key(|head| declarations.answered.contains(&head.head.received));
    let (newest, others) = heads.split_at(heads.len().min(NEWEST_CONTENTS));
    let rotated = others.iter().cycle().skip(offset % others.len().max(1));
    let rotated = rotated.take(others.len().min(OTHER_CONTENTS));
    let mut contents = Vec::new();
    for head in newest.iter().chain(rotated).copied() {
        match snapshot.entry(head) {
            Err(StoreError::Damaged(_)) => {}
            entry => contents
                .extend(Offer::read(&entry?.server).map(|offer| (head.head.received, offer))),
        }
    }
    Ok(contents)
}

/// Returns true if the new record may change an evaluation, under these pins. `newest` is when the newest content was
/// first seen: it may have waited for this lookup.
pub(super) fn may_change_evaluations<'h>(
    before: &'h VerificationRecord,
    after: &'h VerificationRecord,
    pins: &'h Pins,
    newest: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let facts = |record: &'h VerificationRecord| {
        let created = record.account().and_then(|account| account.created_at);
        let is_new = record.concluded_at.is_none();
        // As the gate asks, or content that is admitted now stays hidden.
        let obstacle = newest.map(|newest| record.obstacle(newest, pins));
        (
            (obstacle, record.open_change(pins)),
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
        let report = NamespaceReport::new(namespace, &self.record, &[], &policy.overlays);
        OwnershipReport {
            names: names.collect(),
            // A domain that is written forwards is the claim of another party.
            publish: match report.did_you_mean {
                Some(_) => Vec::new(),
                None => advice(&claim, &self.record, policy.overlays.pins(namespace)),
            },
            pin: pin(namespace, &self.record, policy.overlays.pins(namespace)),
            report,
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
    let (question, losses) = {
        let snapshot = store.snapshot()?;
        let all = external_names(&snapshot, policy, &Settling::NONE)?;
        let losses = Mutex::new(budget(&snapshot, &policy.overlays, all.keys())?);
        let is_of = |name: &Name| name.namespace().eq_ignore_ascii_case(namespace);
        let names: Vec<Name> = all.into_keys().filter(is_of).collect();
        let read = Question::read(&snapshot, policy, namespace, &names, Priority::Mentioned)?;
        (read, losses)
    };
    sources.forget_answers();
    let record = question.look_up(sources, &losses, || clock.now()).await;
    let answer = question.look_up_names(sources, record, || clock.now()).await;
    store.store_verification(&answer.records(), clock.now())?;
    Ok(answer.report(policy, namespace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::{Key, KeyLookup, ShownKeys};

    fn at(hour: u64) -> Timestamp {
        Timestamp::from_micros(0).plus(Duration::from_hours(hour))
    }

    fn shows(http: KeyLookup) -> Lookup {
        let key = "ed25519:JQtzW6e9n99dtRf5H8cV1WJkGltm1csHCCYlVSLvIEE=";
        let keys = [Key::parse(key).expect("a key")].into();
        let own = KeyLookup::Shown(ShownKeys { keys, ..ShownKeys::default() });
        let dns = vec![("example.com".to_owned(), own)];
        Lookup::Domain { dns, http, hints: Vec::new(), is_partial: false }
    }

    #[test]
    fn lookup_with_an_answer_from_every_place_changes_the_evaluation_of_what_waited() {
        let complete = || shows(KeyLookup::Absent("HTTP 404".into()));
        let open = shows(KeyLookup::Unclear("HTTP 503".into()));
        let pins = Pins::default();
        let known = VerificationRecord::default().after(&complete(), at(1));
        let waiting = known.clone().after(&open, at(3));
        let changes = |before: &VerificationRecord, after: &VerificationRecord| {
            may_change_evaluations(before, after, &pins, Some(at(2)), at(4))
        };
        assert!(!changes(&known, &waiting), "a place gave no answer");
        assert!(changes(&waiting, &waiting.clone().after(&complete(), at(4))));
    }
}
