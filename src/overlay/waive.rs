use super::approval::last_moment;
use super::conditions::Condition;
use super::fields::WAIVE;
use super::reading::Context;
use super::rule::Rule;
use crate::lint::{Finding, Node, Place, Reader};
use crate::model::Timestamp;

/// A condition that entries do not have to meet, until the waiver ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waive {
    pub place: Place,
    pub condition: WaivedCondition,
    /// The last moment at which it is waived.
    pub expires: Timestamp,
}

/// The conditions that one waiver covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaivedCondition {
    One(Condition),
    /// Every condition about packages.
    Packages,
    /// Every condition about remotes.
    Remotes,
}

impl WaivedCondition {
    /// Returns true if the waiver covers a condition.
    #[must_use]
    pub fn covers(self, condition: Condition) -> bool {
        match self {
            Self::One(one) => one == condition,
            Self::Packages => condition.as_str().starts_with("packages."),
            Self::Remotes => condition.as_str().starts_with("remotes."),
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One(condition) => condition.as_str(),
            Self::Packages => "packages",
            Self::Remotes => "remotes",
        }
    }
}

/// Reads the `waive` of a rule.
pub(super) fn read_waive(
    reader: &mut Reader,
    context: &Context<'_>,
    node: &Node,
    rule: &Rule,
) -> Option<Waive> {
    let fields = reader.mapping(node, &WAIVE)?;
    if !rule.name.is_exact() {
        reader.error(
            node,
            format!("`waive` for `{}`", rule.name),
            "a waiver stands on a rule that names one server",
        );
    }
    for key in WAIVE.keys().into_iter().filter(|key| fields.get(key).is_none()) {
        reader.error(
            node,
            format!("`waive` without `{key}`"),
            "`condition`, `reason`, `reviewer` and `expires`",
        );
    }
    for key in ["reason", "reviewer"] {
        fields.get(key).and_then(|node| reader.text(node));
    }
    let mut words: Vec<(&str, WaivedCondition)> =
        vec![("packages", WaivedCondition::Packages), ("remotes", WaivedCondition::Remotes)];
    words.extend(Condition::WORDS.map(|(word, condition)| (word, WaivedCondition::One(condition))));
    let condition = fields.get("condition").and_then(|node| reader.word(node, &words));
    let expires = fields.get("expires").and_then(|node| reader.parsed(node, last_moment));
    let (condition, expires) = (condition?, expires?);
    if context.is_past(expires) {
        let found = format!("the waiver ended at {expires}");
        reader.findings.push(Finding::warning(&node.place, found, "review it again, or remove it"));
    }
    Some(Waive { place: node.place.clone(), condition, expires })
}
