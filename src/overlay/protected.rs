use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use super::{NamePattern, NoLookalike, OverlaySet, Selected, State};
use crate::lookalike::{Protected, Why};
use crate::model::Name;

impl OverlaySet {
    /// Feeds a hasher with everything that comparisons with what is protected depend on.
    pub fn hash_protection<H: Hasher>(&self, hasher: &mut H) {
        // Neither the order of approvals nor their number decides what is protected.
        self.protecting().collect::<BTreeSet<_>>().hash(hasher);
        self.protection().not_lookalikes.hash(hasher);
        self.shared_host_names().collect::<BTreeSet<_>>().hash(hasher);
        // The verdict on a suspect's namespace, and which rows of a name a client could get to see.
        for owner in self.ownership() {
            (&owner.namespace, &owner.pins).hash(hasher);
        }
        for statement in self.statements().iter().filter(|it| it.upstream.is_some()) {
            let state = statement.approval.as_ref().map(|approval| approval.state);
            (&statement.name, &statement.versions, &statement.upstream, state).hash(hasher);
        }
    }

    /// What must not be resembled by somebody else: what is listed, internal namespaces, and names
    /// that an approval spells out. What only a wildcard admits is not protected.
    #[must_use]
    pub fn protected(&self) -> Vec<Protected> {
        self.protecting().collect()
    }

    fn protecting(&self) -> impl Iterator<Item = Protected> {
        let internal = self.internal().iter();
        let internal =
            internal.map(|it| Protected::new(it.namespace(), Why::Internal).of(it.namespace()));
        let approved = self.statements().iter().filter_map(|statement| {
            let approval = statement.approval.as_ref()?;
            let NamePattern::Exact(name) = &statement.name else { return None };
            let is_approved = approval.state == State::Approved;
            is_approved.then(|| Protected::new(name.to_string(), Why::Approved))
        });
        let listed = self.protection().listed.iter().cloned();
        internal.chain(approved).chain(listed)
    }

    /// Whether there is anything at all that could be resembled; asked before each publication.
    #[must_use]
    pub fn protects_anything(&self) -> bool {
        self.protecting().next().is_some()
    }

    #[must_use]
    pub fn has_internal(&self) -> bool {
        !self.internal().is_empty()
    }

    /// Returns what reviewers have said not to be lookalikes.
    #[must_use]
    pub fn no_lookalikes(&self) -> &[NoLookalike] {
        &self.protection().not_lookalikes
    }

    /// Returns who has said that this name is not a lookalike of the target, and why.
    #[must_use]
    pub fn no_lookalike(&self, name: &Name, target: &str) -> Option<&NoLookalike> {
        self.no_lookalikes().iter().find(|it| {
            let is_meant = match &it.who {
                Selected::Names(pattern) => pattern.covers(name),
                Selected::Namespace(pattern) => pattern.covers(name),
            };
            is_meant && it.target.eq_ignore_ascii_case(target)
        })
    }
}
