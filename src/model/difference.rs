use serde_json::Value;

use super::Escaped;

/// An acknowledgement covers both contents by their digests, so what is cut here is still bound.
const MAX_TEXT: usize = 400;

/// Lists what changed between two `server` objects, by JSON pointer (RFC 6901), for a person to read: at most
/// `most` members, and the number of the others.
#[must_use]
pub fn changed_members(before: &str, after: &str, most: usize) -> Vec<String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (before_value, after_value) = (parse(before), parse(after));
    let mut changes = Vec::new();
    compare("", &before_value, &after_value, &mut changes);
    if changes.is_empty() && before != after {
        changes.push("only the layout of the bytes".to_owned());
    }
    if changes.len() > most {
        let more = changes.len() - most;
        changes.truncate(most);
        changes.push(format!("and {more} more"));
    }
    changes
}

fn compare(path: &str, before: &Value, after: &Value, changes: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: std::collections::BTreeSet<&String> =
                before.keys().chain(after.keys()).collect();
            for key in keys {
                let inner = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (before.get(key), after.get(key)) {
                    (Some(before), Some(after)) => compare(&inner, before, after, changes),
                    (Some(gone), None) => changes.push(format!("{inner}: {} removed", shown(gone))),
                    (None, Some(new)) => changes.push(format!("{inner}: {} added", shown(new))),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}/{index}"), before, after, changes);
            }
        }
        (before, after) if before != after => {
            changes.push(format!("{path}: {} became {}", shown(before), shown(after)));
        }
        _ => {}
    }
}

fn shown(value: &Value) -> String {
    let text = Escaped(&value.to_string()).to_string();
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
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
}
