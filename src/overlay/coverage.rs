use std::collections::BTreeSet;

use super::{NamePattern, OverlaySet, Statement};
use crate::lint::Finding;
use crate::model::Name;

/// Finds statements that select nothing, by being shown every name there is.
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

    /// A warning for each statement whose names do not exist: a denial may well precede what it
    /// denies, an approval of nothing is more likely a slip.
    #[must_use]
    pub fn warnings(&self) -> Vec<Finding> {
        let unmatched = self.set.statements().iter().filter(|statement| !self.matches(statement));
        unmatched.map(|statement| self.warning(statement)).collect()
    }

    fn matches(&self, statement: &Statement) -> bool {
        match &statement.name {
            NamePattern::Exact(name) if statement.hides() => {
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
    fn warning(&self, statement: &Statement) -> Finding {
        let found = match statement.name.is_exact() {
            true => format!("no upstream lists the server `{}`", statement.name),
            false => format!("the wildcard `{}` matches nothing", statement.name),
        };
        let other_case = match &statement.name {
            NamePattern::Exact(name) => {
                let folded = name.folded();
                self.names.iter().find(|known| known.folded() == folded)
            }
            _ => None,
        };
        let allowed = match other_case {
            Some(known) => format!("names keep their case: did you mean `{known}`?"),
            None => "check the spelling; it is in force all the same".to_owned(),
        };
        Finding::warning(&statement.place, found, allowed)
    }
}
