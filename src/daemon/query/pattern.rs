use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::list::screening_of;
use crate::curation::{EntryEvaluation, EntryState, Gate, PolicySnapshot, evaluate};
use crate::daemon::screening::Screenings;
use crate::model::{Name, Timestamp};
use crate::overlay::{BadPattern, NamePattern, Rule};
use crate::store::{Snapshot, StoreError};

/// Entries that are listed of each kind; the others are counted.
const MAX_EXAMPLES: usize = 5;
/// Rules that are listed; the others are counted.
const MAX_RULES: usize = 50;

/// Everything that is stored under a pattern of names, and how it stands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatternReport {
    pub pattern: String,
    /// The names that an upstream lists with an entry.
    pub names: u64,
    pub versions: u64,
    pub served: u64,
    /// Some of the entries that are served, as `name@version`.
    pub examples: Vec<String>,
    /// The other entries by the first gate that fails and its reason, in the order of the gates.
    pub hidden: Vec<HiddenBy>,
    /// The rules that select with this pattern, and those with a pattern that includes it.
    pub rules: Vec<PatternRule>,
    pub more_rules: u64,
    /// The number of rules about some of these names only.
    pub narrower_rules: u64,
}

/// Entries that one gate hides for one reason.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HiddenBy {
    pub gate: String,
    /// The description of such an entry.
    pub state: String,
    pub count: u64,
    pub examples: Vec<String>,
}

/// A rule about every name of a pattern.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatternRule {
    pub selector: String,
    /// File, line and column.
    pub place: String,
    pub relation: PatternRelation,
    /// The state of its approval, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// The relation of the pattern of a rule to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatternRelation {
    Same,
    Wider,
    Narrower,
}

/// Says what a pattern of names covers, as it is written in a rule.
///
/// # Errors
/// When the store cannot be read. The inner error says that the text is not a pattern.
pub fn explain_pattern(
    snapshot: &Snapshot,
    policy: &PolicySnapshot,
    screenings: &Screenings,
    now: Timestamp,
    text: &str,
) -> Result<Result<PatternReport, BadPattern>, StoreError> {
    let pattern = match NamePattern::parse(text) {
        Ok(pattern) => pattern,
        Err(bad) => return Ok(Err(bad)),
    };
    let mut found = Found::default();
    for name in snapshot.names()?.iter().filter(|name| pattern.covers(name)) {
        let dossier = snapshot.dossier(name, policy)?;
        let screening = screening_of(&dossier, snapshot, policy, screenings, now)?;
        let evaluation = evaluate(&dossier, policy, &screening, now);
        found.names += 1;
        for entry in &evaluation.entries {
            let hidden = entry.hidden_by().map(|(gate, _)| (gate, state_of(gate, entry)));
            found.add(hidden, name, entry.row.version.as_str());
        }
        for (row, _) in &evaluation.quarantined {
            let gate = Gate::WellFormed;
            found.add(Some((gate, gate.failing().to_owned())), name, &row.version);
        }
    }
    Ok(Ok(found.report(&pattern, policy)))
}

/// A gate, with the description of an entry that it hides.
type Hiding = (Gate, String);

/// Returns the description of an entry that a gate hides. A denial, and the absence of a decision, fail the same gate.
fn state_of(gate: Gate, entry: &EntryEvaluation<'_>) -> String {
    if gate == Gate::Approved {
        EntryState::of(entry).to_string()
    } else {
        gate.failing().to_owned()
    }
}

/// Entries as they are found: by the gate that hides them with its description, or `None` for those that are served.
#[derive(Debug, Default)]
struct Found {
    names: u64,
    entries: BTreeMap<Option<Hiding>, (u64, Vec<String>)>,
}

impl Found {
    fn add(&mut self, hidden: Option<Hiding>, name: &Name, version: &str) {
        let (count, examples) = self.entries.entry(hidden).or_default();
        *count += 1;
        if examples.len() < MAX_EXAMPLES {
            examples.push(format!("{name}@{version}"));
        }
    }

    fn report(mut self, pattern: &NamePattern, policy: &PolicySnapshot) -> PatternReport {
        let (served, examples) = self.entries.remove(&None).unwrap_or_default();
        let hidden: Vec<HiddenBy> = self
            .entries
            .into_iter()
            .filter_map(|(hidden, (count, examples))| {
                let (gate, state) = hidden?;
                Some(HiddenBy { gate: gate.to_string(), state, count, examples })
            })
            .collect();
        let versions = served + hidden.iter().map(|hidden| hidden.count).sum::<u64>();
        let (mut rules, mut narrower_rules) = (Vec::new(), 0);
        for rule in policy.overlays.rules() {
            match relation(rule, pattern) {
                Some(PatternRelation::Narrower) => narrower_rules += 1,
                Some(relation) => rules.push(PatternRule {
                    selector: rule.selector(),
                    place: rule.place.to_string(),
                    relation,
                    state: rule.approval.as_ref().map(|approval| approval.state.to_string()),
                }),
                None => {}
            }
        }
        let more_rules = rules.len().saturating_sub(MAX_RULES) as u64;
        rules.sort_by_key(|rule| rule.relation == PatternRelation::Wider);
        rules.truncate(MAX_RULES);
        PatternReport {
            pattern: pattern.to_string(),
            names: self.names,
            versions,
            served,
            examples,
            hidden,
            rules,
            more_rules,
            narrower_rules,
        }
    }
}

/// Returns the relation of a rule to a pattern; `None` if they select no name in common. Denials and conditions are
/// compared as they select: without case and outer dots.
fn relation(rule: &Rule, pattern: &NamePattern) -> Option<PatternRelation> {
    let folded = |pattern: &NamePattern| {
        NamePattern::parse(&pattern.denial_form()).unwrap_or_else(|_| pattern.clone())
    };
    let is_generous = rule.hides() || rule.conditions.is_some();
    let (ours, theirs) = if is_generous {
        (folded(&rule.name), folded(pattern))
    } else {
        (rule.name.clone(), pattern.clone())
    };
    if ours == theirs {
        Some(PatternRelation::Same)
    } else if ours.includes(&theirs) {
        Some(PatternRelation::Wider)
    } else {
        theirs.includes(&ours).then_some(PatternRelation::Narrower)
    }
}
