//! The policy that entries are evaluated against: one immutable value with a revision.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::package_urls::PackageUrls;
use super::requirement::{OwnershipPolicy, ProvenancePolicy};
use super::unconfirmed::UnconfirmedTime;
use super::upstream::{RemovedUpstreams, UpstreamPolicy};
use super::view::View;
use crate::advisory::OwnAdvisories;
use crate::model::{Digest, Head, Name, Timestamp};
use crate::overlay::{Changes, OverlaySet};
use crate::ownership::PackageRegistries;
use crate::scan::ScanResults;

/// The current overlays, upstream definitions, views and ownership settings.
#[derive(Debug, Clone)]
pub struct PolicySnapshot {
    /// The digest of everything below, equal across restarts.
    pub revision: Digest,
    pub overlays: Arc<OverlaySet>,
    pub upstreams: Vec<UpstreamPolicy>,
    pub removed: RemovedUpstreams,
    pub views: Vec<View>,
    pub ownership: OwnershipPolicy,
    /// True if a name that only a wildcard admits waits for a reviewer when it resembles a protected one.
    pub withhold: bool,
    /// The package registries that packages may name.
    pub package_urls: PackageUrls,
    /// The package registries that are asked which server a package belongs to.
    pub asked: PackageRegistries,
    /// The provenance of packages that the settings demand.
    pub provenance: ProvenancePolicy,
    /// The advisories of the organisation.
    pub advisories: Arc<OwnAdvisories>,
    /// The results of scanners.
    pub scans: Arc<ScanResults>,
    pub unconfirmed: UnconfirmedTime,
    /// True if the overlays protect anything.
    protects_anything: bool,
    /// The digest of what overlays protect, and of their rules about lookalikes.
    pub protection: Digest,
}

/// The names that two snapshots may evaluate differently.
#[derive(Debug)]
pub enum PolicyDifference {
    /// The names that changed rules of the overlays select, or about which scan results changed.
    Names(Changes),
    Everything,
}

impl PolicySnapshot {
    /// Combines the parts of the current policy, and computes its revision.
    #[must_use]
    pub fn new(
        overlays: Arc<OverlaySet>,
        upstreams: Vec<UpstreamPolicy>,
        views: Vec<View>,
        ownership: OwnershipPolicy,
        withhold: bool,
    ) -> Self {
        let protection = Digest::of_hash(&Protected(&overlays));
        let revision = Digest::of_hash(&(&*overlays, &upstreams, &views, &ownership, withhold));
        let protects_anything = overlays.protects_anything();
        Self {
            revision,
            overlays,
            upstreams,
            removed: RemovedUpstreams::default(),
            views,
            ownership,
            withhold,
            package_urls: PackageUrls::default(),
            asked: PackageRegistries::default(),
            provenance: ProvenancePolicy::default(),
            advisories: Arc::default(),
            scans: Arc::default(),
            unconfirmed: UnconfirmedTime::NONE,
            protects_anything,
            protection,
        }
    }

    /// Returns this snapshot with the upstreams that have no file any more.
    #[must_use]
    pub fn with_removed(self, removed: RemovedUpstreams) -> Self {
        let revision = Digest::of_hash(&(self.revision, &removed));
        Self { revision, removed, ..self }
    }

    /// Returns this snapshot with the package registries of the settings.
    #[must_use]
    pub fn with_package_urls(self, package_urls: PackageUrls) -> Self {
        let revision = Digest::of_hash(&(self.revision, &package_urls));
        Self { revision, package_urls, ..self }
    }

    /// Returns this snapshot with the package registries that are asked.
    #[must_use]
    pub fn with_asked_registries(self, asked: PackageRegistries) -> Self {
        let revision = Digest::of_hash(&(self.revision, &asked));
        Self { revision, asked, ..self }
    }

    /// Returns this snapshot with the demands on the provenance of packages.
    #[must_use]
    pub fn with_provenance(self, provenance: ProvenancePolicy) -> Self {
        let revision = Digest::of_hash(&(self.revision, provenance));
        Self { revision, provenance, ..self }
    }

    /// Returns this snapshot with the advisories of the organisation.
    #[must_use]
    pub fn with_advisories(self, advisories: Arc<OwnAdvisories>) -> Self {
        let revision = Digest::of_hash(&(self.revision, advisories.digest()));
        Self { revision, advisories, ..self }
    }

    /// Returns this snapshot with the results of scanners.
    #[must_use]
    pub fn with_scans(self, scans: Arc<ScanResults>) -> Self {
        let revision = Digest::of_hash(&(self.revision, scans.digest()));
        Self { revision, scans, ..self }
    }

    /// Returns this snapshot with a time that may not have passed.
    #[must_use]
    pub fn with_unconfirmed(self, unconfirmed: UnconfirmedTime) -> Self {
        if unconfirmed == UnconfirmedTime::NONE {
            return Self { unconfirmed, ..self };
        }
        Self { revision: Digest::of_hash(&(self.revision, unconfirmed)), unconfirmed, ..self }
    }

    /// Returns this snapshot with other rules about a name, for evaluations of that name alone: its revision stays.
    pub(super) fn with_overlays_of_a_name(&self, overlays: Arc<OverlaySet>) -> Self {
        Self { overlays, ..self.clone() }
    }

    /// Returns true if the upstream belongs to the organisation.
    #[must_use]
    pub fn is_internal(&self, upstream: &str) -> bool {
        let mut defined = self.upstreams.iter();
        defined.any(|known| known.id == upstream && known.internal)
            || self.removed.internal.contains(upstream)
    }

    /// Returns the time since which a content counts as known, where many names of one kind excuse the next one. A
    /// publisher can invent a date, so that is the time of its first sight; or that of its publication, for content of a
    /// first full sync of an upstream with dates that its file trusts.
    #[must_use]
    pub fn known_since(&self, upstream: &str, head: &Head) -> Timestamp {
        let is_trusted = |known: &UpstreamPolicy| known.id == upstream && known.trust_dates;
        if head.initial && self.upstreams.iter().any(is_trusted) {
            head.published_at
        } else {
            head.first_seen
        }
    }

    /// Returns the names of the configured views.
    pub fn view_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.views.iter().map(|view| view.name.as_str())
    }

    /// Returns true if names that only a wildcard admits wait for a comparison.
    #[must_use]
    pub fn withholds(&self) -> bool {
        self.withhold && self.protects_anything
    }

    /// Returns true if an upstream of another party lists the name: only such names are compared.
    pub fn is_external<'u>(&self, mut upstreams: impl Iterator<Item = &'u str>) -> bool {
        upstreams.any(|upstream| !self.is_internal(upstream))
    }

    /// Returns the names to evaluate again in a generation that was built under `before`.
    #[must_use]
    pub fn difference(&self, before: &Self) -> PolicyDifference {
        let others = |snapshot: &Self| {
            let Self { upstreams, views, ownership, withhold, package_urls, .. } = snapshot;
            let others = (
                snapshot.provenance,
                snapshot.advisories.digest(),
                &snapshot.removed,
                snapshot.unconfirmed,
            );
            Digest::of_hash(&(upstreams, views, ownership, withhold, package_urls, others))
        };
        if others(self) == others(before) {
            let changes = Changes::between(&before.overlays, &self.overlays);
            PolicyDifference::Names(changes.and_names(self.scans.changed(&before.scans)))
        } else {
            PolicyDifference::Everything
        }
    }
}

impl PolicyDifference {
    /// Returns true if the evaluation of the name may change.
    #[must_use]
    pub fn concerns(&self, name: &Name) -> bool {
        match self {
            Self::Names(changes) => changes.concern(name),
            Self::Everything => true,
        }
    }
}

/// The part of an overlay set that comparisons depend on.
struct Protected<'o>(&'o OverlaySet);

impl Hash for Protected<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash_protection(hasher);
    }
}
