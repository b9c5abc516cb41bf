use std::collections::BTreeSet;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::Escaped;

/// An acknowledgement covers both contents by their digests, so what is cut here is still bound.
const MAX_TEXT: usize = 400;

/// Lists what changed between two `server` objects, by JSON pointer (RFC 6901), for a person to read: at most
/// `most` members, and the number of the others.
#[must_use]
pub fn changed_members(before: &str, after: &str, most: usize) -> Vec<String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (before_value, after_value) = (parse(before), parse(after));
    let mut comparison = Comparison { pointer: Vec::new(), changes: Vec::new(), more: 0, most };
    comparison.compare(&before_value, &after_value);
    let Comparison { mut changes, more, .. } = comparison;
    if changes.is_empty() && before != after {
        changes.push("only the layout of the bytes".to_owned());
    }
    if more > 0 {
        changes.push(format!("and {more} more"));
    }
    changes
}

/// Members that change with every version, which are shown last.
const VOLATILE: [&str; 6] = ["version", "title", "description", "$schema", "icons", "_meta"];

/// A comparison under way. A publisher chooses keys and depth, so a pointer is only written where it is shown.
struct Comparison<'v> {
    pointer: Vec<Step<'v>>,
    changes: Vec<String>,
    more: usize,
    most: usize,
}

#[derive(Clone, Copy)]
enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

impl<'v> Comparison<'v> {
    fn compare(&mut self, before: &'v Value, after: &'v Value) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                let keys: BTreeSet<&'v String> = before.keys().chain(after.keys()).collect();
                let mut keys: Vec<&'v String> = keys.into_iter().collect();
                if self.pointer.is_empty() {
                    // What every version may change must not fill the places of the rest.
                    keys.sort_by_key(|key| VOLATILE.contains(&key.as_str()));
                }
                for key in keys {
                    self.pointer.push(Step::Member(key));
                    match (before.get(key), after.get(key)) {
                        (Some(before), Some(after)) => self.compare(before, after),
                        (Some(gone), None) => self.add(|| format!("{} removed", shown(gone))),
                        (None, Some(new)) => self.add(|| format!("{} added", shown(new))),
                        (None, None) => {}
                    }
                    self.pointer.pop();
                }
            }
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (index, (before, after)) in before.iter().zip(after).enumerate() {
                    self.pointer.push(Step::Item(index));
                    self.compare(before, after);
                    self.pointer.pop();
                }
            }
            (Value::String(before), Value::String(after)) if before != after => {
                self.add(|| match words_changed(before, after) {
                    Some(words) => {
                        format!("{words} (in a text of {} characters)", after.chars().count())
                    }
                    None => format!("{} became {}", quoted(before), quoted(after)),
                });
            }
            (before, after) if before != after => {
                self.add(|| format!("{} became {}", shown(before), shown(after)));
            }
            _ => {}
        }
    }

    fn add(&mut self, change: impl FnOnce() -> String) {
        if self.changes.len() < self.most {
            self.changes.push(format!("{}: {}", self.pointer(), change()));
        } else {
            self.more += 1;
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in &self.pointer {
            if pointer.len() > MAX_TEXT {
                break;
            }
            pointer.push('/');
            match step {
                Step::Member(key) => {
                    let key = key.chars().take(MAX_TEXT).collect::<String>();
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                Step::Item(index) => pointer.push_str(&index.to_string()),
            }
        }
        bounded(&Escaped(&pointer).to_string())
    }
}

/// Texts longer than this are shown by the words that changed.
const LONG_TEXT: usize = 120;
/// Equal words beside a change that are shown.
const CONTEXT: usize = 3;

/// Returns the words that changed between two long texts, with a few beside them; `None` for short texts, and for texts
/// with little in common.
fn words_changed(before: &str, after: &str) -> Option<String> {
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
            if text.len() > 2 * MAX_TEXT {
                break;
            }
        }
        text.push('…');
    }
    Some(bounded(&Escaped(&text).to_string()))
}

fn quoted(text: &str) -> String {
    shown(&Value::from(text))
}

fn shown(value: &Value) -> String {
    // A text that cannot be shown whole is not escaped whole.
    let text: String = value.to_string().chars().take(MAX_TEXT + 1).collect();
    bounded(&Escaped(&text).to_string())
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(r#"{"a":1}"#, r#"{"a":1}"#, &[])]
    #[case(r#"{"a":1}"#, r#"{ "a":1}"#, &["only the layout of the bytes"])]
    #[case(r#"{"a":1,"b":2}"#, r#"{"a":3,"c":4}"#, &["/a: 1 became 3", "/b: 2 removed", "/c: 4 added"])]
    #[case(r#"{"p":[{"i":"x"}]}"#, r#"{"p":[{"i":"y"}]}"#, &[r#"/p/0/i: "x" became "y""#])]
    #[case(r#"{"p":[1]}"#, r#"{"p":[1,2]}"#, &["/p: [1] became [1,2]"])]
    #[case(r#"{"a/b":{"~":1}}"#, r#"{"a/b":{"~":2}}"#, &["/a~1b/~0: 1 became 2"])]
    fn change_is_listed_by_json_pointer(
        #[case] before: &str,
        #[case] after: &str,
        #[case] wanted: &[&str],
    ) {
        assert_eq!(changed_members(before, after, 100), wanted);
    }

    #[test]
    fn long_list_of_changes_is_truncated() {
        let object = |value: u8| {
            let members: Vec<String> =
                (0..112).map(|key| format!(r#""k{key:03}":{value}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        let changes = changed_members(&object(1), &object(2), 100);
        assert_eq!((changes.len(), changes[100].as_str()), (101, "and 12 more"));
    }

    #[test]
    fn members_that_every_version_changes_are_shown_last() {
        let object = |value: u8| {
            let keys: Vec<String> = (0..30).map(|key| format!("\"{key}\":{value}")).collect();
            format!(r#"{{"_meta":{{{}}},"version":"{value}","remotes":[{value}]}}"#, keys.join(","))
        };
        let changes = changed_members(&object(1), &object(2), 3);
        assert_eq!(changes[0], "/remotes/0: 1 became 2");
        assert_eq!(changes[3], "and 29 more");
    }

    #[test]
    fn long_texts_are_compared_word_by_word() {
        let object = |word: &str| {
            let text = format!("{}{word} {}", "lorem ipsum ".repeat(20), "dolor sit ".repeat(20));
            serde_json::json!({"d": text.trim()}).to_string()
        };
        let changes = changed_members(&object("reads"), &object("writes"), 10);
        let wanted = "/d: …ipsum lorem ipsum [-reads-]{+writes+} dolor sit… (in a text of";
        assert!(changes[0].replace("  ", " ").starts_with("/d: …"), "{changes:?}");
        assert!(changes[0].contains("[-reads-]{+writes+}"), "{wanted} {changes:?}");
        let unlike = changed_members(
            &object("x"),
            &serde_json::json!({"d": "y".repeat(300)}).to_string(),
            10,
        );
        assert!(unlike[0].contains("became"), "{unlike:?}");
    }

    #[test]
    fn pointers_and_changes_of_a_hostile_object_are_bounded() {
        let key = |index: usize| format!("{index:04}{}", "k".repeat(4_000));
        let leaves: Vec<String> = (0..4_000).map(|leaf| format!("\"{leaf}\":1")).collect();
        let mut object = format!("{{{}}}", leaves.join(","));
        for depth in 0..28 {
            object = format!("{{\"{}\":{object}}}", key(depth));
        }
        let changes = changed_members(&object, &object.replace(":1", ":2"), 20);
        assert_eq!((changes.len(), changes[20].as_str()), (21, "and 3980 more"));
        let bytes: usize = changes.iter().map(String::len).sum();
        assert!(bytes < 20 * 1_000, "{bytes}");
    }
}
