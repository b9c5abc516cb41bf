use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::advisory::{Action, Hold, OwnAdvisories, OwnAdvisory, must_hold, read_own};
use crate::config::{Folder, KnownFiles, Settings, read_advisories};
use crate::curation::{PolicySnapshot, hides_what_is_visible};
use crate::daemon::runtime::{files_with_errors, is_absent, readable};
use crate::lint::{Finding, Source};
use crate::model::{Digest, Timestamp};
use crate::store::{KeptOwn, Store, StoreError};

/// The advice about a folder that became empty.
const TO_END: &str =
    "restore the files; to end an advisory, set `withdrawn` in it, or keep one file with a comment";

/// The advisories of the organisation as they were judged.
#[derive(Debug, Clone, Default)]
pub(in crate::daemon) struct Judged {
    pub(in crate::daemon) own: Arc<OwnAdvisories>,
    /// The texts that apply, by path below the folder, and the holds.
    pub(super) kept: KeptOwn,
    pub(super) findings: Vec<Finding>,
}

/// Reads the folder of own advisories against what the store has of it, here and in commands that run without a daemon.
///
/// # Errors
/// When the store cannot be read.
pub fn load_own(
    settings: &Settings,
    store: &Store,
    policy: &PolicySnapshot,
    now: Timestamp,
) -> Result<Arc<OwnAdvisories>, StoreError> {
    Ok(load(settings, store, policy, now)?.own)
}

/// Returns the findings in the folder of own advisories, which may be absent.
#[must_use]
pub fn lint_own(folder: &Path) -> Vec<Finding> {
    if is_absent(folder) {
        return Vec::new();
    }
    let read = read_advisories(folder, &mut KnownFiles::new(), std::time::UNIX_EPOCH);
    let Folder { sources, mut findings } = read;
    findings.extend(read_own(&sources).1);
    findings
}

pub(super) fn load(
    settings: &Settings,
    store: &Store,
    policy: &PolicySnapshot,
    now: Timestamp,
) -> Result<Judged, StoreError> {
    // No file is known, so the time does not matter.
    let time = std::time::UNIX_EPOCH;
    let folder = read_advisories(&settings.advisories, &mut KnownFiles::new(), time);
    let kept = store.snapshot()?.own_advisories()?;
    judge(&settings.advisories, folder, &kept, store, policy, now)
}

/// Judges a folder as it was read against what was kept.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn judge(
    path: &Path,
    folder: Folder,
    kept: &KeptOwn,
    store: &Store,
    policy: &PolicySnapshot,
    now: Timestamp,
) -> Result<Judged, StoreError> {
    let (sources, mut findings) = readable(path, folder, &kept.sources, TO_END);
    let (own, found) = read_own(&sources);
    let broken = files_with_errors(&found);
    findings.extend(found);
    let (sources, advisories) = if broken.is_empty() {
        (sources, own)
    } else {
        let earlier: BTreeMap<&str, &Arc<Source>> =
            kept.sources.iter().map(|source| (source.file.as_str(), source)).collect();
        let last_valid = |source: &Arc<Source>| match earlier.get(source.file.as_str()) {
            _ if !broken.contains(&source.file) => Some(Arc::clone(source)),
            earlier => earlier.map(|source| Arc::clone(source)),
        };
        let sources: Vec<Arc<Source>> = sources.iter().filter_map(last_valid).collect();
        let advisories = read_own(&sources).0;
        (sources, advisories)
    };
    let at_now = |own: OwnAdvisory| OwnAdvisory { advisory: own.advisory.at(now), ..own };
    let advisories: Vec<OwnAdvisory> = advisories.into_iter().map(at_now).collect();
    let before = OwnAdvisories::new(read_own(&kept.sources).0, kept.holds.clone());
    let known: BTreeSet<Digest> = before.advisories.iter().map(|own| own.digest).collect();
    let present: BTreeSet<Digest> = advisories.iter().map(|own| own.digest).collect();
    let mut holds = kept.holds.clone();
    holds.retain(|digest, hold| hold.note(present.contains(digest), now));
    let is_new = |own: &&OwnAdvisory| {
        own.action == Action::Hide
            && !own.is_definite_report()
            && own.advisory.withdrawn.is_none()
            && !known.contains(&own.digest)
            && !holds.contains_key(&own.digest)
    };
    let new: Vec<&OwnAdvisory> = advisories.iter().filter(is_new).collect();
    let new = new_holds(&new, &before, store, policy, now)?;
    holds.extend(new.into_iter().map(|hold| (hold.digest, hold)));
    let kept = KeptOwn { sources, holds: holds.clone() };
    Ok(Judged { own: Arc::new(OwnAdvisories::new(advisories, holds)), kept, findings })
}

/// Returns the holds of those new advisories of which each alone would hide too much of what is served.
fn new_holds(
    new: &[&OwnAdvisory],
    before: &OwnAdvisories,
    store: &Store,
    policy: &PolicySnapshot,
    now: Timestamp,
) -> Result<Vec<Hold>, StoreError> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let snapshot = store.snapshot()?;
    let visible = snapshot.visible_names(policy.view_names())?;
    let needs_dossier = new.iter().any(|own| !own.names_only_servers());
    let mut hidden = vec![0_usize; new.len()];
    for name in &visible {
        let dossier = needs_dossier.then(|| snapshot.dossier(name, policy)).transpose()?;
        for (own, hidden) in new.iter().zip(&mut hidden) {
            let hides = own.selects(name)
                || dossier.as_ref().is_some_and(|dossier| hides_what_is_visible(own, dossier));
            *hidden += usize::from(hides);
        }
    }
    let served = visible.len();
    let exceeding = new.iter().zip(hidden).filter(|(_, hidden)| must_hold(*hidden, served));
    let hold = |(own, hidden): (&&OwnAdvisory, usize)| {
        let id = own.advisory.id.clone();
        let earlier = before.text_in_effect(&id);
        Hold {
            digest: own.digest,
            id,
            hidden,
            served,
            since: now,
            released: None,
            earlier,
            gone: None,
        }
    };
    Ok(exceeding.map(hold).collect())
}
