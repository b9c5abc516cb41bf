use std::collections::HashMap;

use super::{NamePattern, Statement};
use crate::lint::Finding;

/// Statements of equal rank that can speak of the same entry and say different things.
///
/// Equal rank and a common name mean the same name pattern, so only statements of one pattern are
/// compared with each other.
pub(super) fn contradictions(statements: &[Statement]) -> Vec<Finding> {
    let mut groups: HashMap<(&NamePattern, u8, Option<&str>), Vec<&Statement>> = HashMap::new();
    let mut findings = Vec::new();
    for statement in statements {
        let key = (&statement.name, statement.versions.rank(), statement.upstream.as_deref());
        let group = groups.entry(key).or_default();
        for earlier in group.iter().filter(|earlier| earlier.versions.collides(&statement.versions))
        {
            findings.extend(contradiction(earlier, statement));
        }
        group.push(statement);
    }
    findings
}

fn contradiction(earlier: &Statement, later: &Statement) -> Option<Finding> {
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
            "`{}` is given another {} than elsewhere",
            later.selector(),
            different.join(" and ")
        );
        Finding::error(&later.place, found, "say it once, or select more narrowly in one place")
            .against(&earlier.place)
    })
}
