use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::EscapedWhole;

/// Texts longer than this are shown by the words that changed.
const LONG_TEXT: usize = 120;
/// Equal words beside a change that are shown.
const CONTEXT: usize = 3;
/// Characters that are shown in front of the first difference of two texts that are cut.
const LEAD: usize = 20;

/// Says that a value was removed.
pub(super) fn removed_text(gone: &Value, most: usize) -> String {
    format!("{} removed", cut(&gone.to_string(), 0, most))
}

/// Says that a value was added.
pub(super) fn added_text(new: &Value, most: usize) -> String {
    format!("{} added", cut(&new.to_string(), 0, most))
}

/// Says what a value became.
pub(super) fn became(before: &Value, after: &Value, most: usize) -> String {
    if let (Value::String(before), Value::String(after)) = (before, after)
        && let Some(words) = words_changed(before, after, most)
    {
        return format!("{words} (in a text of {} characters)", after.chars().count());
    }
    let (before, after) = (before.to_string(), after.to_string());
    let is_cut = |text: &str| text.chars().nth(most).is_some();
    // What two texts begin with alike must not hide the difference.
    let same = if is_cut(&before) || is_cut(&after) {
        let pairs = before.chars().zip(after.chars());
        pairs.take_while(|(left, right)| left == right).count().saturating_sub(LEAD)
    } else {
        0
    };
    format!("{} became {}", cut(&before, same, most), cut(&after, same, most))
}

/// Returns the words that changed between two long texts, with a few beside them; `None` for short texts, and for texts
/// with little in common.
fn words_changed(before: &str, after: &str, most: usize) -> Option<String> {
    if before.chars().count().min(after.chars().count()) <= LONG_TEXT {
        return None;
    }
    let difference = TextDiff::from_words(before, after);
    if difference.ratio() < 0.3 {
        return None;
    }
    let mut text = String::new();
    for group in difference.grouped_ops(CONTEXT) {
        text.push('…');
        for change in group.iter().flat_map(|operation| difference.iter_changes(operation)) {
            let words = change.value();
            match change.tag() {
                ChangeTag::Equal => text.push_str(words),
                ChangeTag::Delete => text.push_str(&format!("[-{words}-]")),
                ChangeTag::Insert => text.push_str(&format!("{{+{words}+}}")),
            }
        }
        text.push('…');
    }
    Some(cut(&text, 0, most))
}

/// Returns a text without the characters that are skipped, escaped, and cut with the number of what is left out.
fn cut(text: &str, skipped: usize, most: usize) -> String {
    let lead = if skipped > 0 { "…" } else { "" };
    // A text that cannot be shown whole is not escaped whole.
    let shown: String = text.chars().skip(skipped).take(most).collect();
    let more = text.chars().count().saturating_sub(skipped + most);
    let rest = if more > 0 { format!("… ({more} more characters)") } else { String::new() };
    let escaped = EscapedWhole(&shown).to_string();
    // Escapes are longer than what they stand for.
    format!("{lead}{}{rest}", bounded(&escaped, 2 * most))
}

/// Returns a text of at most so many characters, and an ellipsis if it is longer.
pub(super) fn bounded(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
