use serde::{Deserialize, Serialize};

use crate::curation::{
    Compared, Dossier, EntryContent, EntryEvaluation, NamespaceReport, PolicySnapshot,
    UnappliedChange, UnappliedState, VersionExplanation,
};
use crate::model::{Digest, Entry, Head, Name, Timestamp, all_changes};
use crate::store::{Snapshot, StoreError};
use crate::sync::DiscardedChange;

/// The dates of a content.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dates {
    /// As the upstream states it.
    pub published: Timestamp,
    /// As the upstream states it.
    pub updated: Timestamp,
    /// The time at which this content was first accepted here.
    pub first_seen: Timestamp,
    /// The time from which it counts for reviews.
    pub counts_from: Timestamp,
}

impl Dates {
    pub(super) fn of(head: Head) -> Self {
        Self {
            published: head.published_at,
            updated: head.updated_at,
            first_seen: head.first_seen,
            counts_from: head.counts_from(),
        }
    }
}

/// A content that the upstream sends in place of the one that is evaluated.
#[derive(Debug, Serialize, Deserialize)]
pub struct Drift {
    pub received: Digest,
    /// By JSON pointer.
    pub changes: Vec<String>,
    /// Everything that it says: a reviewer who pins its digest has read it.
    pub content: EntryContent,
}

/// An evaluated entry with its bytes, and what people read of it.
pub(super) struct EntryText {
    pub(super) body: Entry,
    pub(super) content: EntryContent,
    pub(super) dates: Dates,
    pub(super) drift: Option<Drift>,
    pub(super) explanation: VersionExplanation,
}

impl EntryText {
    pub(super) fn read(
        snapshot: &Snapshot,
        policy: &PolicySnapshot,
        name: &Name,
        entry: &EntryEvaluation<'_>,
    ) -> Result<Self, StoreError> {
        let body = snapshot.body(name, entry.row, entry.content)?;
        let drift = match entry.unadopted_content() {
            None => None,
            Some(other) => {
                let changed = snapshot.body(name, entry.row, other)?;
                let changes = all_changes(&body.server, &changed.server);
                let content = EntryContent::of(&changed.server);
                Some(Drift { received: other.head.received, changes, content })
            }
        };
        let mut unapplied = Unapplied::read(snapshot, name)?;
        Ok(Self {
            content: EntryContent::of(&body.server),
            dates: Dates::of(entry.head),
            explanation: explained(snapshot, policy, (name, &mut unapplied), entry)?,
            drift,
            body,
        })
    }
}

/// The changes of a name that wait for a person, and those that a person discarded.
pub(super) struct Unapplied(pub(super) Vec<UnappliedChange>);

impl Unapplied {
    pub(super) fn read(snapshot: &Snapshot, name: &Name) -> Result<Self, StoreError> {
        let mut found = Vec::new();
        for upstream in snapshot.upstreams()? {
            let (on_hold, discarded) = snapshot.not_applied(&upstream, name)?;
            found.extend(on_hold.into_iter().map(|change| UnappliedChange {
                upstream: upstream.clone(),
                version: change.version,
                says: Some(change.effect.to_string()),
                state: UnappliedState::OnHold,
            }));
            if discarded.is_empty() {
                continue;
            }
            let history = snapshot.hold_history(&upstream)?;
            found.extend(discarded.into_iter().map(|DiscardedChange { version, note, .. }| {
                let at = note.as_ref().map(|note| note.at);
                let decided = at.and_then(|at| history.discarded_at(at));
                let by = decided.map(|decided| decided.by.clone());
                let reason = decided.map(|decided| decided.reason.clone());
                UnappliedChange {
                    upstream: upstream.clone(),
                    version,
                    says: note.map(|note| note.effect.to_string()),
                    state: UnappliedState::Discarded { at, by, reason },
                }
            }));
        }
        Ok(Self(found))
    }

    fn take(&mut self, upstream: &str, version: &str) -> Option<UnappliedChange> {
        let is_meant =
            |change: &UnappliedChange| change.upstream == upstream && change.version == version;
        self.0.iter().position(is_meant).map(|index| self.0.remove(index))
    }
}

/// Explains one version, with what its upstream says of it now.
pub(super) fn explained(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    (name, unapplied): (&Name, &mut Unapplied),
    entry: &EntryEvaluation<'_>,
) -> Result<VersionExplanation, StoreError> {
    Ok(VersionExplanation {
        upstream_status: snapshot.upstream_status(name, entry.row)?,
        not_applied: unapplied.take(&entry.row.upstream, entry.row.version.as_str()),
        ..VersionExplanation::new(entry, policy)
    })
}

/// Returns the verification record of the namespace; `None` if ownership is not checked.
pub(super) fn ownership_of(dossier: &Dossier, policy: &PolicySnapshot) -> Option<NamespaceReport> {
    let Dossier { name, verification, claims, .. } = dossier;
    let overlays = &policy.overlays;
    policy
        .ownership
        .enabled
        .then(|| NamespaceReport::new(name.namespace(), verification, &claims.evidence, overlays))
}

/// Returns the protected names and brands that a name resembles, in words.
pub(super) fn resemblances(compared: Option<&Compared>) -> Vec<String> {
    let matches = compared.iter().flat_map(|compared| &compared.matches);
    matches.map(|found| format!("{}: {}", found.found.target, found.found)).collect()
}
