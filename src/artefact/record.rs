use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::attestations::{FileAttestations, Signatures};
use super::checksum::Checksum;
use super::key::PackageKey;
use super::schedule::next_look;
use super::stated::{MAX_FILES, PackageLookup, StatedFile};
use crate::model::{Digest, Timestamp};
use crate::ownership::shortened;
use crate::provenance::{AttestationRecord, Evidence};

/// Earlier digests of one file that are kept: the first, and the newest ones.
const MAX_EARLIER: usize = 8;

/// The record of one package: its files, and the looks at its registry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageRecord {
    /// By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, ArtefactRecord>,
    /// The number of further files in the last answer: beyond the limit, or without a digest or a name that can be used.
    #[serde(default)]
    pub more: u64,
    /// When the registry last gave another content under a floating version or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_at: Option<Timestamp>,
    #[serde(default)]
    pub looked_at: Option<Timestamp>,
    #[serde(default)]
    pub next_look: Option<Timestamp>,
    /// Consecutive looks without a usable answer.
    #[serde(default)]
    pub failures: u32,
    /// The first of the latest looks without comparable digests; `None` after one with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unanswered_since: Option<Timestamp>,
    /// The first of the latest looks without a definite answer about attestations; `None` after one with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unattested_since: Option<Timestamp>,
    /// The reason of the last of them, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtefactRecord {
    /// The digest that the registry stated last.
    pub digest: Checksum,
    /// The first and the last sight of the digest.
    pub first: Timestamp,
    pub last: Timestamp,
    /// The digests that the same file had before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierDigest>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<String>,
    /// The attestations of the file with this digest, if they were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestations: Option<AttestationRecord>,
}

/// A digest that a file had before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierDigest {
    pub digest: Checksum,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// A file of an answer, beside what is recorded of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    /// Nothing is recorded of it.
    New,
    Unchanged,
    Changed,
    /// The registry states another algorithm, or none that can be used.
    Incomparable,
}

/// Compares a file of an answer with its record.
pub(super) fn compare(known: Option<&ArtefactRecord>, observed: Option<&Checksum>) -> Compared {
    match (known, observed) {
        (_, None) => Compared::Incomparable,
        (None, Some(_)) => Compared::New,
        (Some(known), Some(found)) if known.digest == *found => Compared::Unchanged,
        (Some(known), Some(found)) if known.digest.algorithm() != found.algorithm() => {
            Compared::Incomparable
        }
        (Some(_), Some(_)) => Compared::Changed,
    }
}

impl PackageRecord {
    /// Returns the record after another look at the registry.
    #[must_use]
    pub fn after(
        mut self,
        key: &PackageKey,
        observed: &PackageLookup,
        attested: Vec<FileAttestations>,
        now: Timestamp,
    ) -> Self {
        let problem = match observed {
            PackageLookup::Files(files) => self.take_files(key, files, now),
            PackageLookup::Absent => Some("the registry has no such package or version".to_owned()),
            PackageLookup::Unclear(why) => Some(shortened(why)),
        };
        let since = |before: Option<Timestamp>| Some(before.unwrap_or(now));
        self.unanswered_since = problem.as_ref().and_then(|_| since(self.unanswered_since));
        let are_attestations_known = !attested.is_empty();
        let unattested = self.take_attestations(attested);
        if are_attestations_known {
            self.unattested_since = unattested.as_ref().and_then(|_| since(self.unattested_since));
        }
        let problem = problem.or(unattested);
        self.failures = if problem.is_some() { self.failures.saturating_add(1) } else { 0 };
        self.problem = problem;
        self.looked_at = Some(now);
        self.next_look = Some(next_look(key, self.failures, now));
        self
    }

    /// Returns when to look again under the present trust: at once if attestations were verified under another one.
    #[must_use]
    pub fn next_look_under(&self, trust: Digest) -> Option<Timestamp> {
        let attested = self.files.values().filter_map(|file| file.attestations.as_ref());
        let mut attested = attested.map(|attestations| attestations.trust).peekable();
        // A file that the registry no longer has keeps the trust of its last look.
        let is_outdated = attested.peek().is_some() && attested.all(|of_file| of_file != trust);
        if is_outdated { self.looked_at } else { self.next_look }
    }

    /// Returns true if both say the same of the package: times of looks do not count.
    #[must_use]
    pub fn has_same_facts(&self, other: &Self) -> bool {
        let digests = |record: &ArtefactRecord| (record.digest.clone(), record.earlier.clone());
        self.moved_at == other.moved_at
            && self.files.len() == other.files.len()
            && self.files.iter().zip(&other.files).all(|((left, one), (right, two))| {
                left == right
                    && digests(one) == digests(two)
                    && one.platforms == two.platforms
                    && one.has_same_evidence(two)
            })
    }

    /// Returns the moments since which its registry owes an answer: about its files, and about their attestations.
    #[must_use]
    pub const fn unanswered(&self) -> [Option<Timestamp>; 2] {
        [self.unanswered_since, self.unattested_since]
    }

    /// Returns the number of files of the last answer whose attestations were looked for, and of all its files.
    #[must_use]
    pub fn checked(&self) -> [u64; 2] {
        let last = self.files.values().map(|file| file.last).max();
        let listed = self.files.values().filter(|file| Some(file.last) == last);
        let (attested, others): (Vec<_>, Vec<_>) =
            listed.partition(|file| file.attestations.is_some());
        let checked = attested.len() as u64;
        [checked, checked.saturating_add(others.len() as u64).saturating_add(self.more)]
    }

    /// Returns true if a file has another digest than before, and no definite answer tells who built the present one.
    #[must_use]
    pub fn is_changed_without_evidence(&self) -> bool {
        let is_unknown = |file: &ArtefactRecord| {
            let attestations = file.attestations.as_ref();
            attestations.is_none_or(|kept| matches!(kept.evidence, Evidence::Unavailable))
        };
        self.changed().any(|(_, file)| is_unknown(file))
    }

    /// Returns the files that have another digest than when they were first seen.
    pub fn changed(&self) -> impl Iterator<Item = (&str, &ArtefactRecord)> {
        let files = self.files.iter().map(|(name, file)| (name.as_str(), file));
        files.filter(|(_, file)| !file.earlier.is_empty())
    }

    /// Returns the worst state of its files; `None` without any definite answer.
    #[must_use]
    pub fn signatures(&self) -> Option<Signatures> {
        let attestations = self.files.values().filter_map(|file| file.attestations.as_ref());
        let states = attestations.filter_map(|kept| match &kept.evidence {
            Evidence::Unavailable => None,
            Evidence::Attestations(found) if found.is_empty() => Some(Signatures::Absent),
            Evidence::Attestations(found) if found.iter().any(Result::is_err) => {
                Some(Signatures::Refused)
            }
            Evidence::Attestations(_) => Some(Signatures::Valid),
        });
        states.max()
    }

    /// Takes in the attestations of files that still have the digest; returns the reason why there was no definite answer.
    fn take_attestations(&mut self, attested: Vec<FileAttestations>) -> Option<String> {
        let mut problem = None;
        for found in attested {
            let FileAttestations { file, checksum, evidence, trust, problem: why } = found;
            let its = self.files.get_mut(&file).filter(|known| known.digest == checksum);
            let Some(known) = its else { continue };
            let before = known.attestations.take();
            known.attestations = Some(AttestationRecord::after(before, evidence, trust));
            problem = problem.or(why);
        }
        problem.map(|why| shortened(&format!("attestations: {why}")))
    }

    /// Takes in the files of an answer; returns the reason why it could not be used as a whole.
    fn take_files(
        &mut self,
        key: &PackageKey,
        files: &[StatedFile],
        now: Timestamp,
    ) -> Option<String> {
        if files.is_empty() {
            return Some("the registry lists no file".to_owned());
        }
        let (is_floating, had_files) = (key.is_floating(), !self.files.is_empty());
        let (mut problem, mut more, mut moved) = (None, 0, false);
        for file in files {
            if !file.has_usable_name() {
                more += 1;
                problem.get_or_insert_with(|| {
                    "the registry lists a file without a usable name".into()
                });
                continue;
            }
            let is_full = self.files.len() >= MAX_FILES && !is_floating;
            let known = self.files.get_mut(&file.name);
            match (compare(known.as_deref(), file.checksum.as_ref()), known, &file.checksum) {
                (Compared::New, _, Some(_)) if is_full => more += 1,
                (Compared::New, _, Some(checksum)) => {
                    moved |= had_files;
                    self.files.insert(file.name.clone(), ArtefactRecord::new(checksum, file, now));
                }
                (Compared::Unchanged, Some(known), _) => {
                    known.last = now;
                    known.platforms.clone_from(&file.platforms);
                }
                (Compared::Changed, Some(known), Some(checksum)) if is_floating => {
                    moved = true;
                    let before = known.attestations.take();
                    *known = ArtefactRecord::new(checksum, file, now);
                    // Another content under a tag has its own attestations; those before show who built it until now.
                    known.attestations = before.map(AttestationRecord::of_next_content);
                }
                (Compared::Changed, Some(known), Some(checksum)) => {
                    known.change(checksum, file, now);
                }
                (_, known, checksum) => {
                    more += u64::from(known.is_none());
                    problem.get_or_insert_with(|| {
                        incomparable(&file.name, known.as_deref(), checksum.as_ref())
                    });
                }
            }
        }
        self.more = more;
        if is_floating {
            if moved {
                self.moved_at = Some(now);
            }
            if problem.is_none() {
                // What an earlier content consisted of is no part of this one.
                self.files.retain(|_, file| file.last == now);
            }
            while self.files.len() > MAX_FILES {
                self.files.pop_last();
                self.more += 1;
            }
        }
        problem
    }
}

fn incomparable(name: &str, known: Option<&ArtefactRecord>, found: Option<&Checksum>) -> String {
    let name = shortened(name);
    match (known, found) {
        (Some(known), Some(found)) => format!(
            "{name} has a digest by {}, and one by {} is recorded",
            found.algorithm(),
            known.digest.algorithm()
        ),
        _ => format!("{name} has no digest by sha256, sha384 or sha512"),
    }
}

impl ArtefactRecord {
    fn new(digest: &Checksum, file: &StatedFile, now: Timestamp) -> Self {
        Self {
            digest: digest.clone(),
            first: now,
            last: now,
            earlier: Vec::new(),
            platforms: file.platforms.clone(),
            attestations: None,
        }
    }

    fn change(&mut self, digest: &Checksum, file: &StatedFile, now: Timestamp) {
        let next = Self::new(digest, file, now);
        let Self { digest, first, last, mut earlier, .. } = std::mem::replace(self, next);
        earlier.push(EarlierDigest { digest, first, last });
        if earlier.len() > MAX_EARLIER {
            earlier.remove(1);
        }
        self.earlier = earlier;
    }

    fn has_same_evidence(&self, other: &Self) -> bool {
        match (&self.attestations, &other.attestations) {
            (Some(one), Some(two)) => one.has_same_evidence(two),
            (one, two) => one.is_none() && two.is_none(),
        }
    }

    /// Returns the digest that the file had before the one that it has now.
    #[must_use]
    pub fn before(&self) -> Option<&Checksum> {
        self.earlier.last().map(|earlier| &earlier.digest)
    }
}
