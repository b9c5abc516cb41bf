//! What entries are judged by: one immutable value with a revision.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::requirement::OwnershipPolicy;
use super::upstream::UpstreamPolicy;
use super::view::View;
use crate::model::{Digest, Name};
use crate::overlay::{Changes, OverlaySet};

/// Overlays, upstream definitions, views and ownership settings in force.
#[derive(Debug, Clone)]
pub struct PolicySnapshot {
    /// The digest of everything below, equal across restarts.
    pub revision: Digest,
    pub overlays: Arc<OverlaySet>,
    pub upstreams: Vec<UpstreamPolicy>,
    pub views: Vec<View>,
    pub ownership: OwnershipPolicy,
    /// Whether a wildcard waits for a person before it admits a name that resembles something protected.
    pub withhold: bool,
    /// Whether there is anything to resemble.
    protects_anything: bool,
    /// The digest of what overlays protect, and of what they say of lookalikes.
    pub protection: Digest,
}

/// Which names two snapshots may decide differently about.
#[derive(Debug)]
pub enum PolicyDifference {
    /// Names that overlays say something else of.
    Names(Changes),
    Everything,
}

impl PolicySnapshot {
    /// Combines what is in force, and computes its revision.
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
            views,
            ownership,
            withhold,
            protects_anything,
            protection,
        }
    }

    /// Whether an upstream is the organisation's own.
    #[must_use]
    pub fn is_internal(&self, upstream: &str) -> bool {
        self.upstreams.iter().any(|known| known.id == upstream && known.internal)
    }

    /// Returns the names of the configured views.
    pub fn view_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.views.iter().map(|view| view.name.as_str())
    }

    /// Whether names that only a wildcard admits wait for a comparison.
    #[must_use]
    pub fn withholds(&self) -> bool {
        self.withhold && self.protects_anything
    }

    /// Whether an upstream of another party lists the name: only such names are compared.
    pub fn is_external<'u>(&self, mut upstreams: impl Iterator<Item = &'u str>) -> bool {
        upstreams.any(|upstream| !self.is_internal(upstream))
    }

    /// Which names a generation that was made under `before` has to be evaluated again for.
    #[must_use]
    pub fn difference(&self, before: &Self) -> PolicyDifference {
        let others = |snapshot: &Self| {
            let Self { upstreams, views, ownership, withhold, .. } = snapshot;
            Digest::of_hash(&(upstreams, views, ownership, withhold))
        };
        if others(self) == others(before) {
            PolicyDifference::Names(Changes::between(&before.overlays, &self.overlays))
        } else {
            PolicyDifference::Everything
        }
    }
}

impl PolicyDifference {
    /// Whether an evaluation of the name may come out differently.
    #[must_use]
    pub fn concerns(&self, name: &Name) -> bool {
        match self {
            Self::Names(changes) => changes.concern(name),
            Self::Everything => true,
        }
    }
}

/// What of an overlay set comparisons depend on.
struct Protected<'o>(&'o OverlaySet);

impl Hash for Protected<'_> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash_protection(hasher);
    }
}
