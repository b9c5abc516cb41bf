use std::collections::{BTreeMap, BTreeSet};

use super::{NamePattern, OverlaySet, Rule};
use crate::lint::Finding;
use crate::model::Name;

/// A search for rules that select nothing, which must see every name that exists.
#[derive(Debug)]
pub struct Coverage<'s> {
    set: &'s OverlaySet,
    names: BTreeSet<Name>,
    /// A name of each denial form.
    forms: BTreeMap<String, Name>,
    namespaces: BTreeSet<String>,
    /// The denial forms of namespaces.
    folded_namespaces: BTreeSet<String>,
}

impl<'s> Coverage<'s> {
    #[must_use]
    pub fn of(set: &'s OverlaySet) -> Self {
        Self {
            set,
            names: BTreeSet::new(),
            forms: BTreeMap::new(),
            namespaces: BTreeSet::new(),
            folded_namespaces: BTreeSet::new(),
        }
    }

    pub fn see(&mut self, name: &Name) {
        if !self.namespaces.contains(name.namespace()) {
            self.namespaces.insert(name.namespace().to_owned());
            self.folded_namespaces.insert(Name::part_denial_form(name.namespace()));
        }
        self.forms.entry(name.denial_form()).or_insert_with(|| name.clone());
        self.names.insert(name.clone());
    }

    /// Returns a warning for each rule that selects no existing name: a denial may precede what it
    /// denies, but an approval of nothing is probably a mistake.
    #[must_use]
    pub fn warnings(&self) -> Vec<Finding> {
        let unmatched = self.set.rules().iter().filter(|rule| !self.matches(rule));
        let unmatched = unmatched.map(|rule| self.warning(rule));
        unmatched.chain(self.set.rules().iter().filter_map(|rule| self.successor(rule))).collect()
    }

    /// Returns a warning about a successor that no upstream lists.
    fn successor(&self, rule: &Rule) -> Option<Finding> {
        let successor = rule.successor.as_ref().filter(|name| !self.names.contains(*name))?;
        let found =
            format!("no upstream lists the successor `{successor}` of `{}`", rule.selector());
        let allowed = match self.forms.get(&successor.denial_form()) {
            Some(known) => format!("names are compared byte for byte: did you mean `{known}`?"),
            None => {
                "check the spelling; clients see a successor only while it is served".to_owned()
            }
        };
        Some(Finding::warning(&rule.place, found, allowed))
    }

    fn matches(&self, rule: &Rule) -> bool {
        match &rule.name {
            NamePattern::Exact(name) if rule.hides() => {
                self.forms.contains_key(&name.denial_form())
            }
            NamePattern::Exact(name) => self.names.contains(name),
            NamePattern::Namespace(namespace) if rule.hides() => {
                self.folded_namespaces.contains(&Name::part_denial_form(namespace))
            }
            NamePattern::Namespace(namespace) => self.namespaces.contains(namespace),
            NamePattern::Below(above) if rule.hides() => {
                has_below(&self.folded_namespaces, &Name::part_denial_form(above))
            }
            NamePattern::Below(above) => has_below(&self.namespaces, above),
            NamePattern::Any => true,
        }
    }

    fn warning(&self, rule: &Rule) -> Finding {
        let found = if rule.name.is_exact() {
            format!("no upstream lists the server `{}`", rule.name)
        } else {
            format!("the wildcard `{}` matches nothing", rule.name)
        };
        let other_spelling = match &rule.name {
            NamePattern::Exact(name) => self.forms.get(&name.denial_form()),
            _ => None,
        };
        let allowed = match other_spelling {
            Some(known) => format!("names are compared byte for byte: did you mean `{known}`?"),
            None => "check the spelling; the rule applies anyway".to_owned(),
        };
        Finding::warning(&rule.place, found, allowed)
    }
}

/// Returns true if the set has the namespace or one below it.
fn has_below(namespaces: &BTreeSet<String>, above: &str) -> bool {
    let inner = format!("{above}.");
    let next = namespaces.range(inner.clone()..).next();
    namespaces.contains(above) || next.is_some_and(|next| next.starts_with(&inner))
}
