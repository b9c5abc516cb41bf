use std::collections::BTreeSet;

use super::{NamePattern, OverlaySet, Rule};
use crate::lint::Finding;
use crate::model::Name;

/// A search for rules that select nothing, which must see every name that exists.
#[derive(Debug)]
pub struct Coverage<'s> {
    set: &'s OverlaySet,
    namespaces: BTreeSet<String>,
    names: BTreeSet<Name>,
}

impl<'s> Coverage<'s> {
    #[must_use]
    pub fn of(set: &'s OverlaySet) -> Self {
        Self { set, namespaces: BTreeSet::new(), names: BTreeSet::new() }
    }

    pub fn see(&mut self, name: &Name) {
        if !self.namespaces.contains(name.namespace()) {
            self.namespaces.insert(name.namespace().to_owned());
        }
        self.names.insert(name.clone());
    }

    /// Returns a warning for each rule that selects no existing name: a denial may precede what it
    /// denies, but an approval of nothing is probably a mistake.
    #[must_use]
    pub fn warnings(&self) -> Vec<Finding> {
        let unmatched = self.set.rules().iter().filter(|rule| !self.matches(rule));
        unmatched.map(|rule| self.warning(rule)).collect()
    }

    fn matches(&self, rule: &Rule) -> bool {
        match &rule.name {
            NamePattern::Exact(name) if rule.hides() => {
                let folded = name.folded();
                self.names.iter().any(|known| known.folded() == folded)
            }
            NamePattern::Exact(name) => self.names.contains(name),
            NamePattern::Namespace(namespace) => self.namespaces.contains(namespace),
            NamePattern::Below(above) => self.namespaces.iter().any(|namespace| {
                namespace
                    .strip_prefix(above.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }),
            NamePattern::Any => true,
        }
    }
}

impl Coverage<'_> {
    fn warning(&self, rule: &Rule) -> Finding {
        let found = if rule.name.is_exact() {
            format!("no upstream lists the server `{}`", rule.name)
        } else {
            format!("the wildcard `{}` matches nothing", rule.name)
        };
        let other_case = match &rule.name {
            NamePattern::Exact(name) => {
                let folded = name.folded();
                self.names.iter().find(|known| known.folded() == folded)
            }
            _ => None,
        };
        let allowed = match other_case {
            Some(known) => format!("names are case-sensitive: did you mean `{known}`?"),
            None => "check the spelling; the rule applies anyway".to_owned(),
        };
        Finding::warning(&rule.place, found, allowed)
    }
}
