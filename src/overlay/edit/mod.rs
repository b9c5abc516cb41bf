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
/// The rule with its selection takes the decision; of several, the one with an approval. Without one, a rule is added. A
/// file that does not exist is an empty text.
///
/// # Errors
/// [`Refusal`] has the place and the text to paste. Nothing is returned that our own reader does not confirm.
pub fn edit(
    source: &Arc<Source>,
    decision: &Decision,
    context: &Context<'_>,
) -> Result<String, Refusal> {
    let refuse = |place, why| Err(manual(place, why, decision));
    decision.refuse_invalid(context)?;
    if source.text.len() > MAX_BYTES {
        return refuse(source.start(), "the file has more than 1 MiB".to_owned());
    }
    let before = super::parse(std::slice::from_ref(source), context);
    let layout = Layout::of(source);
    let errors = before.findings.iter().filter(|finding| finding.severity == Severity::Error);
    if let Some(error) = errors.into_iter().find(|error| !layout.is_null_list(&error.place)) {
        return refuse(error.place.clone(), format!("the file has an error: {}", error.found));
    }
    let Some(rule) = decision.rule_in(&before.rules) else {
        let added = append::append(&layout, decision)
            .map_err(|(place, why)| manual(place, why, decision))?;
        return verified(source, &before, None, added, decision, context);
    };
    let Some(item) = layout.item_of(rule) else {
        return refuse(rule.place.clone(), "the item of the rule was not found".to_owned());
    };
    let edited = replace::replace(source, rule, item, decision);
    match edited {
        Ok(text) => verified(source, &before, Some((rule, item)), text, decision, context),
        Err(why) => refuse(rule.place.clone(), why),
    }
}

/// Returns true if the file of a rule states when its approval expires; otherwise that follows from its track.
#[must_use]
pub fn states_expiry(rule: &Rule) -> bool {
    Layout::of(&rule.place.source).item_of(rule).is_some_and(layout::states_expiry)
}

fn manual(place: Place, why: String, decision: &Decision) -> Refusal {
    Refusal::Manual { place, why, paste: decision.item_text() }
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
