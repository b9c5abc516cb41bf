use serde::{Deserialize, Serialize};

use super::list::screening_of;
use crate::artefact::Signatures;
use crate::curation::{PackageReport, PolicySnapshot, evaluate};
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp};
use crate::store::{Snapshot, StoreError};

/// The packages of one entry, for `vidimus packages`.
#[derive(Debug, Serialize, Deserialize)]
pub struct EntryPackages {
    pub name: String,
    pub version: String,
    pub upstream: String,
    pub served: bool,
    pub packages: Vec<PackageReport>,
}

/// The number of packages on record, for the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PackageCounts {
    pub recorded: u64,
    /// Packages of which a file has another digest than before.
    pub changed: u64,
    /// Packages whose tag or version was moved.
    pub moved: u64,
    /// Packages whose registry gave no usable answer last.
    pub unanswered: u64,
    /// Packages with attestations whose signatures are valid, whichever repository they name.
    pub attested: u64,
    /// Packages with a file without attestations.
    pub unattested: u64,
    /// Packages with an attestation that is refused.
    pub refused: u64,
}

/// Returns the packages of the entries of a name, or else of all entries that are served or approved.
///
/// # Errors
/// When the store cannot be read.
pub fn packages(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    name: Option<&Name>,
) -> Result<Vec<EntryPackages>, StoreError> {
    let names = match name {
        Some(name) => std::iter::once(name.clone()).collect(),
        None => snapshot.names()?,
    };
    let mut entries = Vec::new();
    for asked in names {
        if name.is_none() && policy.overlays.rules_for(&asked).is_silent() {
            continue;
        }
        let dossier = snapshot.dossier(&asked, policy)?;
        let screening = screening_of(&dossier, snapshot, policy, screenings, now)?;
        for entry in evaluate(&dossier, policy, &screening, now).entries {
            let is_shown = name.is_some() || entry.is_served() || entry.is_approved();
            if !is_shown || entry.packages.is_empty() {
                continue;
            }
            entries.push(EntryPackages {
                name: asked.to_string(),
                version: entry.row.version.to_string(),
                upstream: entry.row.upstream.to_string(),
                served: entry.is_served(),
                packages: entry.packages.iter().map(PackageReport::new).collect(),
            });
        }
    }
    Ok(entries)
}

impl PackageCounts {
    /// Counts the records of a store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(snapshot: &Snapshot) -> Result<Self, StoreError> {
        let mut counts = Self::default();
        for (_, record) in snapshot.artefacts()? {
            counts.recorded += 1;
            counts.changed += u64::from(record.changed().next().is_some());
            counts.moved += u64::from(record.moved_at.is_some());
            counts.unanswered += u64::from(record.failures > 0);
            match record.signatures() {
                Some(Signatures::Valid) => counts.attested += 1,
                Some(Signatures::Absent) => counts.unattested += 1,
                Some(Signatures::Refused) => counts.refused += 1,
                None => {}
            }
        }
        Ok(counts)
    }
}
