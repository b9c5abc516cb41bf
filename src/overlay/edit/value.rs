use crate::lint::{Kind, Source, parse_yaml};
use crate::model::Timestamp;

/// A value that a decision writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u8),
    List(Vec<String>),
    Mapping(Vec<Member>),
    /// A scalar as a person wrote it.
    Raw(String),
    /// A list of other values than texts.
    Values(Vec<Value>),
}

/// A member of a mapping; `None` removes it.
pub(super) type Member = (String, Option<Value>);

/// Returns members as an item of a list in block style, its dash behind this many blanks.
pub(super) fn as_item(members: &[Member], indent: usize) -> String {
    let mut text = String::new();
    block(members, indent + 2, &mut text);
    text.replace_range(indent..=indent, "-");
    text
}

/// Writes members in block style, each line behind this many blanks.
pub(super) fn block(members: &[Member], indent: usize, text: &mut String) {
    for (key, value) in members {
        let Some(value) = value else { continue };
        text.push_str(&format!("{:indent$}{}:", "", scalar(key)));
        match value {
            Value::Mapping(inner) => {
                text.push('\n');
                block(inner, indent + 2, text);
            }
            other => text.push_str(&format!(" {}\n", flow(other))),
        }
    }
}

/// Returns a value in flow style, on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Text(text) => scalar(text),
        Value::Number(number) => number.to_string(),
        Value::Raw(written) => written.clone(),
        Value::Values(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| scalar(item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(members) => {
            let present = members.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
            let members: Vec<String> =
                present.map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// Returns a scalar that every reader of YAML takes for this text: without quotes only where that is certain.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

fn is_plain(text: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/+:@ ".contains(&byte);
    let is_word = !matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    is_word
        && begins
        && text.bytes().all(is_usual)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !is_number(text)
}

/// Returns true if another reader may take the text for a number.
fn is_number(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_hexdigit() || b"._+-xo".contains(&byte);
    if text.len() == "2026-01-31".len() && Timestamp::parse(&format!("{text}T00:00:00Z")).is_ok() {
        // Dates stand in these files without quotes.
        return false;
    }
    text.parse::<f64>().is_ok()
        || text.bytes().all(is_digit)
            && text.bytes().filter(|byte| *byte == b'.').count() < 2
            && text.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
}

/// Returns a text in double quotes. The escapes of JSON are escapes of YAML too.
fn quoted(text: &str) -> String {
    let escape = |character: char| match character {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        control if control.is_control() || ('\u{2028}'..='\u{2029}').contains(&control) => {
            format!("\\u{:04x}", u32::from(control))
        }
        other => other.to_string(),
    };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// Returns the text that a scalar stands for.
pub(super) fn text_of(scalar: &str) -> Option<String> {
    let documents = parse_yaml(&Source::new("", scalar), &mut Vec::new());
    match documents.into_iter().next()?.kind {
        Kind::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[rstest::rstest]
    #[case("alice", "alice")]
    #[case("2026-11-29T10:00:00Z", "2026-11-29T10:00:00Z")]
    #[case("2026-11-29", "2026-11-29")]
    #[case("2026-11-99", "\"2026-11-99\"")]
    #[case("1.4.0", "1.4.0")]
    #[case("1.10", "\"1.10\"")]
    #[case("2026", "\"2026\"")]
    #[case("1e3", "\"1e3\"")]
    #[case("no", "\"no\"")]
    #[case(">=1, <2", "\">=1, <2\"")]
    #[case("a: b", "\"a: b\"")]
    #[case("a #b", "\"a #b\"")]
    #[case("*", "\"*\"")]
    #[case("say \"x\"\n", "\"say \\\"x\\\"\\n\"")]
    fn text_that_may_be_taken_for_something_else_is_quoted(
        #[case] text: &str,
        #[case] wanted: &str,
    ) {
        assert_eq!(scalar(text), wanted);
    }

    proptest! {
        #[test]
        fn scalar_is_read_as_its_text(text in "[ -~äß\\n\\t\u{7}\u{2028}\u{1F600}]{1,20}") {
            prop_assume!(!text.trim().is_empty());
            prop_assert_eq!(text_of(&scalar(&text)), Some(text.clone()));
            let nested = flow(&Value::Mapping(vec![
                (text.clone(), Some(Value::List(vec![text.clone(), "x".to_owned()]))),
            ]));
            let documents = parse_yaml(&Source::new("", nested.as_str()), &mut Vec::new());
            let Kind::Mapping(members) = &documents[0].kind else { panic!("{nested}") };
            prop_assert_eq!(&members[0].0.kind, &Kind::Scalar { text: text.clone(), plain: is_plain(&text) });
        }
    }
}
