use std::collections::HashMap;

use super::{NamePattern, Rule};
use crate::lint::Finding;

/// Returns a finding for each pair of rules of equal rank that can select the same entry and have
/// different values.
///
/// Equal rank and a common name mean the same name pattern, so only rules with the same pattern are
/// compared with each other.
pub(super) fn contradictions(rules: &[Rule]) -> Vec<Finding> {
    let mut groups: HashMap<(&NamePattern, u8, Option<&str>), Vec<&Rule>> = HashMap::new();
    let mut findings = Vec::new();
    for rule in rules {
        let key = (&rule.name, rule.versions.rank(), rule.upstream.as_deref());
        let group = groups.entry(key).or_default();
        for earlier in group.iter().filter(|earlier| earlier.versions.collides(&rule.versions)) {
            findings.extend(contradiction(earlier, rule));
        }
        group.push(rule);
    }
    findings
}

fn contradiction(earlier: &Rule, later: &Rule) -> Option<Finding> {
    fn differ<T: PartialEq>(left: Option<&T>, right: Option<&T>) -> bool {
        matches!((left, right), (Some(left), Some(right)) if left != right)
    }
    let fields = [
        ("tier", differ(earlier.tier.as_ref(), later.tier.as_ref())),
        ("classification", differ(earlier.classification.as_ref(), later.classification.as_ref())),
        ("owner", differ(earlier.owner.as_ref(), later.owner.as_ref())),
        ("labels", differ(earlier.labels.as_ref(), later.labels.as_ref())),
        ("approval", differ(earlier.approval.as_ref(), later.approval.as_ref())),
    ];
    let different: Vec<&str> =
        fields.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect();
    (!different.is_empty()).then(|| {
        let found = format!(
            "`{}` has a different {} in another rule of equal rank",
            later.selector(),
            different.join(" and ")
        );
        Finding::error(&later.place, found, "set it once, or make one selector more specific")
            .against(&earlier.place)
    })
}
