use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use super::{NamePattern, NoLookalike, OverlaySet, Selected, State};
use crate::lookalike::{Protected, Why};
use crate::model::Name;

impl OverlaySet {
    /// Feeds a hasher with everything that screening depends on.
    pub fn hash_protection<H: Hasher>(&self, hasher: &mut H) {
        // Neither the order nor the number of approvals affects what is protected.
        self.protecting().collect::<BTreeSet<_>>().hash(hasher);
        self.protection().not_lookalikes.hash(hasher);
        self.shared_host_names().collect::<BTreeSet<_>>().hash(hasher);
        // The verdict on a suspect's namespace, and which entries of a name a client could see.
        for owner in self.ownership() {
            (&owner.namespace, &owner.pins).hash(hasher);
        }
        for rule in self.rules().iter().filter(|rule| rule.upstream.is_some()) {
            let state = rule.approval.as_ref().map(|approval| approval.state);
            (&rule.name, &rule.versions, &rule.upstream, state).hash(hasher);
        }
    }

    /// Returns the protected names: listed ones, internal namespaces, and names that an approval
    /// spells out. A name that only a wildcard admits is not protected.
    #[must_use]
    pub fn protected(&self) -> Vec<Protected> {
        self.protecting().collect()
    }

    fn protecting(&self) -> impl Iterator<Item = Protected> {
        let internal = self.internal().iter();
        let internal = internal.map(|pattern| {
            Protected::new(pattern.namespace(), Why::Internal).of(pattern.namespace())
        });
        let approved = self.rules().iter().filter_map(|rule| {
            let approval = rule.approval.as_ref()?;
            let NamePattern::Exact(name) = &rule.name else { return None };
            let protected = Protected {
                in_part: !rule.selects_all() && self.rules_for(name).may_be_approved_unnamed(),
                ..Protected::new(name.to_string(), Why::Approved)
            };
            (approval.state == State::Approved).then_some(protected)
        });
        let listed = self.protection().listed.iter().cloned();
        internal.chain(approved).chain(listed)
    }

    /// Returns true if anything is protected; called before each publication.
    #[must_use]
    pub fn protects_anything(&self) -> bool {
        self.protecting().next().is_some()
    }

    #[must_use]
    pub fn has_internal(&self) -> bool {
        !self.internal().is_empty()
    }

    /// Returns the names that reviewers declared not to be lookalikes.
    #[must_use]
    pub fn no_lookalikes(&self) -> &[NoLookalike] {
        &self.protection().not_lookalikes
    }

    /// Returns the rule that declares this name not to be a lookalike of the target.
    #[must_use]
    pub fn no_lookalike(&self, name: &Name, target: &str) -> Option<&NoLookalike> {
        self.no_lookalikes().iter().find(|rule| {
            let is_selected = match &rule.who {
                Selected::Names(pattern) => pattern.covers(name),
                Selected::Namespace(pattern) => pattern.covers(name),
            };
            is_selected && rule.target.eq_ignore_ascii_case(target)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;
    use crate::overlay::read;
    use crate::overlay::tests::context;

    /// P53.
    #[rstest::rstest]
    #[case::every_version("name: com.a/x, approval", false)]
    #[case::one_version("name: com.a/x, versions: 1.0.0, approval", true)]
    #[case::a_range("name: com.a/x, versions: '>=1', approval", true)]
    #[case::of_one_upstream("name: com.a/x, upstream: one, approval", true)]
    fn name_whose_other_versions_a_wildcard_admits_is_protected_in_part(
        #[case] rule: &str,
        #[case] in_part: bool,
    ) {
        let context = context();
        let approved = "{state: approved, reviewed: 2026-05-01T00:00:00Z}";
        let of_name = |rules: String| {
            let source = Source::new("x.yaml", format!("servers: [{rules}]"));
            OverlaySet::from(read(&[source], &context)).protected()
        };
        let alone = format!("{{{rule}: {approved}}}");
        let beside = format!("{alone}, {{name: com.a/*, approval: {approved}}}");
        assert!(!of_name(alone)[0].in_part);
        assert_eq!(of_name(beside)[0].in_part, in_part);
    }
}
