use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::readable::Readable;
use super::{Finding, Kind, Node, Source};

/// Reads a TOML file; the node is a mapping.
pub fn parse_toml(source: &Arc<Source>, findings: &mut Vec<Finding>) -> Node {
    let file = &Readable::of(source, findings);
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    for error in errors {
        let place = file.place(error.span().unwrap_or(0..0));
        findings.push(Finding::error(&place, format!("this is not TOML: {}", error.message()), ""));
    }
    mapping(file, table.span(), table.get_ref())
}

fn mapping(file: &Readable<'_>, span: Range<usize>, table: &DeTable<'_>) -> Node {
    let members = table
        .iter()
        .map(|(key, value)| {
            let name = Kind::Scalar { text: key.get_ref().to_string(), plain: true };
            let key = Node { place: file.place(key.span()), kind: name };
            (key, node(file, value.span(), value.get_ref()))
        })
        .collect();
    Node { place: file.place(span), kind: Kind::Mapping(members) }
}

fn node(file: &Readable<'_>, span: Range<usize>, value: &DeValue<'_>) -> Node {
    let plain = |text: String| Kind::Scalar { text, plain: true };
    let kind = match value {
        DeValue::String(text) => Kind::Scalar { text: text.to_string(), plain: false },
        DeValue::Integer(integer) => plain(integer.to_string()),
        DeValue::Float(float) => plain(float.to_string()),
        DeValue::Boolean(boolean) => plain(boolean.to_string()),
        DeValue::Datetime(datetime) => plain(datetime.to_string()),
        DeValue::Array(items) => Kind::Sequence(
            items.iter().map(|item| node(file, item.span(), item.get_ref())).collect(),
        ),
        DeValue::Table(table) => return mapping(file, span, table),
    };
    Node { place: file.place(span), kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_error_has_a_place() {
        let mut findings = Vec::new();
        parse_toml(&Source::new("x.toml", "a = 1\nb = \na = 2\n"), &mut findings);
        let findings: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(findings[0].starts_with("x.toml:2:5: this is not TOML"), "{findings:?}");
    }

    #[test]
    fn line_ends_of_another_system_are_no_part_of_a_value() {
        let mut findings = Vec::new();
        let file = Source::new("x.toml", "a = \"1\"\r\nb = 2\r\nb = 3\r\n");
        let Kind::Mapping(members) = parse_toml(&file, &mut findings).kind else {
            panic!("a mapping")
        };
        assert_eq!(members[0].1.kind, Kind::Scalar { text: "1".into(), plain: false });
        assert!(findings[0].to_string().starts_with("x.toml:3:1: "), "{findings:?}");
    }

    #[test]
    fn duplicate_key_is_an_error() {
        let mut findings = Vec::new();
        parse_toml(&Source::new("x.toml", "a = 1\na = 2\n"), &mut findings);
        assert!(findings[0].to_string().contains("duplicate key"), "{findings:?}");
    }
}
