//! Writes a decision into the text of an overlay file.
//!
//! # What is changed
//! The one rule that has the selection of the decision, member by member; or else one new rule is added. Everything else
//! keeps its bytes, comments too, since a person reviews the difference.
//!
//! # What is trusted
//! Nothing that edits. `yaml-edit` keeps the layout and finds the places, but it is young. The new text is therefore read
//! by our own reader: its rules have to be those of the old text, but for the rule that was meant, and that one has to
//! say what was decided. Its bytes have to differ in one span within that item, with all its comments and untouched
//! values. Otherwise the edit is refused, with the text that a person can paste.

mod append;
mod decision;
mod layout;
mod merged;
mod refusal;
mod replace;
mod value;
mod verify;

use std::sync::Arc;

pub use decision::{Decided, Decision, Expiry, rule_taking};
pub use refusal::Refusal;

use super::reading::{Context, Reading};
use super::rule::Rule;
use crate::lint::{Place, Severity, Source};
use layout::Layout;

/// The greatest file that is edited, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Returns the text of a file with a decision in it.
///
/// The rule with its selection takes the decision; of several, the one with an approval, and for a denial all of those.
/// Without one, a rule is added. A file that does not exist is an empty text.
///
/// # Errors
/// [`Refusal`] has the place and the text to paste. Nothing is returned that our own reader does not confirm.
pub fn edit(
    source: &Arc<Source>,
    decision: &Decision,
    context: &Context<'_>,
) -> Result<String, Refusal> {
    decision.refuse_invalid(context)?;
    if source.text.len() > MAX_BYTES {
        let why = "the file has more than 1 MiB".to_owned();
        return Err(manual(source.start(), why, decision));
    }
    let rules = super::parse(std::slice::from_ref(source), context).rules;
    let count = decision.rules_in(&rules).len();
    let mut source = Arc::clone(source);
    for index in 0..count.max(1) {
        let text = edit_once(&source, index, decision, context)?;
        source = Source::new(source.file.as_str(), text);
    }
    Ok(source.text.clone())
}

/// Returns the text with the decision in one of the rules that take it, or in a new rule.
fn edit_once(
    source: &Arc<Source>,
    index: usize,
    decision: &Decision,
    context: &Context<'_>,
) -> Result<String, Refusal> {
    let before = super::parse(std::slice::from_ref(source), context);
    let layout = Layout::of(source);
    let errors = before.findings.iter().filter(|finding| finding.severity == Severity::Error);
    if let Some(error) = errors.into_iter().find(|error| !layout.is_null_list(&error.place)) {
        let why = format!("the file has an error: {}", error.found);
        return Err(manual(error.place.clone(), why, decision));
    }
    let Some(rule) = decision.rules_in(&before.rules).get(index).copied() else {
        let added = append::append(&layout, decision)
            .map_err(|(place, why)| manual(place, why, decision))?;
        return verified(source, &before, None, added, decision, context);
    };
    let Some(item) = layout.item_of(rule) else {
        let why = "the item of the rule was not found".to_owned();
        return Err(manual(rule.place.clone(), why, decision));
    };
    let edited = replace::replace(source, rule, item, decision)
        .map_err(|why| manual(rule.place.clone(), why, decision))
        .and_then(|text| verified(source, &before, Some((rule, item)), text, decision, context));
    edited.map_err(|refusal| merged::in_place_of(refusal, source, (rule, item), decision, context))
}

/// Returns true if the file of a rule states when its approval expires; otherwise that follows from its track.
#[must_use]
pub fn states_expiry(rule: &Rule) -> bool {
    Layout::of(&rule.place.source).item_of(rule).is_some_and(layout::states_expiry)
}

fn manual(place: Place, why: String, decision: &Decision) -> Refusal {
    Refusal::Manual { place, why, replaces: None, paste: decision.item_text() }
}

/// Returns a new text if everything but the decision stayed.
fn verified(
    source: &Arc<Source>,
    before: &Reading,
    edited: Option<(&Rule, &crate::lint::Node)>,
    text: String,
    decision: &Decision,
    context: &Context<'_>,
) -> Result<String, Refusal> {
    let verify = verify::Verify { source, before, edited, decision, context };
    match verify.judge(&text) {
        Ok(()) => Ok(text),
        Err(why) => {
            let place = edited.map_or_else(|| source.start(), |(rule, _)| rule.place.clone());
            Err(manual(place, why, decision))
        }
    }
}

#[cfg(test)]
mod tests;
