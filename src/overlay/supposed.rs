use super::{OverlaySet, Rule};
use crate::model::Name;

impl OverlaySet {
    /// Returns the rules about one name with an approval among them, as a decision would write it: in place of what rules
    /// with its selection decide.
    #[must_use]
    pub fn supposing(&self, name: &Name, approving: Rule) -> Self {
        let mut rules: Vec<Rule> = self.rules_for(name).all().cloned().collect();
        let mut is_there = false;
        for rule in rules.iter_mut().filter(|rule| rule.selection() == approving.selection()) {
            rule.approval.clone_from(&approving.approval);
            is_there = true;
        }
        if !is_there {
            rules.push(approving);
        }
        Self::new(rules, self.internal().to_vec())
            .with_owners(self.ownership().to_vec())
            .with_protection(self.protection().clone())
    }
}
