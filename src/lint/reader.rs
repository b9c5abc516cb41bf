use std::collections::BTreeMap;

use super::{Finding, Kind, Node, Table};

/// Reads nodes as fields of a known shape and collects findings.
///
/// A method that returns `None` has added a finding.
#[derive(Debug, Default)]
pub struct Reader {
    pub findings: Vec<Finding>,
}

/// The allowed members of a mapping.
#[derive(Debug)]
pub struct Fields<'n> {
    pub node: &'n Node,
    members: BTreeMap<&'n str, Vec<&'n Node>>,
}

impl<'n> Fields<'n> {
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&'n Node> {
        self.all(key).last()
    }

    /// Returns every value of a key. More than one is an error, but none of them may be lost that restricts something.
    pub fn all(&self, key: &str) -> impl DoubleEndedIterator<Item = &'n Node> {
        self.members.get(key).into_iter().flatten().copied()
    }

    /// Returns true if no allowed key is present.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl Reader {
    pub fn error(&mut self, node: &Node, found: impl Into<String>, allowed: impl Into<String>) {
        self.findings.push(Finding::error(&node.place, found, allowed));
    }

    /// Reads a mapping with only the keys of a table; its planned keys are refused as such.
    pub fn mapping<'n>(&mut self, node: &'n Node, table: &Table) -> Option<Fields<'n>> {
        let known = table.keys();
        let Kind::Mapping(pairs) = &node.kind else {
            self.error(node, node.describe(), format!("a mapping of {}", listed(&known)));
            return None;
        };
        let mut members: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for (key, value) in pairs {
            let Some(name) = self.text(key) else { continue };
            if table.planned.contains(&name) {
                let found = format!("`{name}` is not enforced in this release");
                self.error(key, found, "remove it: it would have no effect");
            } else if !known.contains(&name) {
                self.error(key, format!("unknown key `{name}`"), allowed(name, &known));
            } else {
                let values = members.entry(name).or_default();
                if let Some(first) = values.last() {
                    let found = format!("the key `{name}` appears twice");
                    let finding = Finding::error(&key.place, found, "keep one of them");
                    self.findings.push(finding.against(&first.place));
                }
                values.push(value);
            }
        }
        Some(Fields { node, members })
    }

    /// Reads the members of a mapping with keys of the author's choice, which may not be empty.
    pub fn members<'n>(&mut self, node: &'n Node, allowed: &str) -> &'n [(Node, Node)] {
        match &node.kind {
            Kind::Mapping(members) if !members.is_empty() => members,
            Kind::Mapping(_) => {
                self.error(node, "an empty mapping", allowed);
                &[]
            }
            _ => {
                self.error(node, node.describe(), allowed);
                &[]
            }
        }
    }

    /// Reads the items of a list, which may be empty.
    pub fn items<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if let Kind::Sequence(items) = &node.kind {
            items
        } else {
            self.error(node, node.describe(), "a list");
            &[]
        }
    }

    /// Reads the items of a non-empty list.
    pub fn list<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        let items = self.items(node);
        if items.is_empty() && matches!(node.kind, Kind::Sequence(_)) {
            self.error(node, "an empty list", "give it an item, or leave the key out");
        }
        items
    }

    /// Reads a non-empty text.
    pub fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar { text, .. } if !text.trim().is_empty() => Some(text),
            _ => {
                self.error(node, node.describe(), "a text that is not empty, or leave the key out");
                None
            }
        }
    }

    /// Reads a list of non-empty texts.
    pub fn texts(&mut self, node: &Node) -> Vec<String> {
        self.list(node).iter().filter_map(|item| self.text(item).map(str::to_owned)).collect()
    }

    /// Reads `true` or `false`, without quotes and in no other spelling.
    pub fn boolean(&mut self, node: &Node) -> Option<bool> {
        match &node.kind {
            Kind::Scalar { text, plain: true } if text == "true" => Some(true),
            Kind::Scalar { text, plain: true } if text == "false" => Some(false),
            _ => {
                self.error(node, node.describe(), "`true` or `false`");
                None
            }
        }
    }

    /// Reads a whole number within bounds.
    pub fn integer(&mut self, node: &Node, bounds: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let number = match &node.kind {
            Kind::Scalar { text, plain: true } => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if bounds.contains(&number) => Some(number),
            _ => {
                let range = format!("a whole number from {} to {}", bounds.start(), bounds.end());
                self.error(node, node.describe(), range);
                None
            }
        }
    }

    /// Reads one word of a fixed set.
    pub fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let found = self.text(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == found) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.error(node, format!("`{found}`"), allowed(found, &known));
        None
    }

    /// Reads a text with a parser; its error becomes the finding.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        node: &Node,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(node)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.error(node, format!("`{text}`"), why.to_string());
                None
            }
        }
    }
}

fn allowed(found: &str, known: &[&str]) -> String {
    match nearest(found, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? Allowed: {}", listed(known)),
        None => format!("allowed: {}", listed(known)),
    }
}

fn listed(known: &[&str]) -> String {
    known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// Returns the known word that the author most likely meant, if one is near enough.
#[must_use]
pub fn nearest<'w>(found: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let bound = (found.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|word| (strsim::osa_distance(&found.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::super::{Field, Source, parse_yaml};
    use super::*;

    const TABLE: Table = Table {
        heading: "",
        intro: "",
        opening: "",
        fields: &[Field::new("name", "text", ""), Field::new("tier", "integer", "")],
        planned: &["audience"],
    };

    fn findings(text: &str, read: impl FnOnce(&mut Reader, &Node)) -> Vec<String> {
        let mut reader = Reader::default();
        let documents = parse_yaml(&Source::new("x.yaml", text), &mut reader.findings);
        read(&mut reader, &documents[0]);
        reader.findings.iter().map(Finding::to_string).collect()
    }

    /// P51.
    #[rstest::rstest]
    #[case(
        "nmae: x",
        "x.yaml:1:1: unknown key `nmae`; did you mean `name`? Allowed: `name`, `tier`"
    )]
    #[case("colour: x", "x.yaml:1:1: unknown key `colour`; allowed: `name`, `tier`")]
    #[case(
        "name: a\nname: b",
        "x.yaml:2:1: the key `name` appears twice (against x.yaml:1:7); keep one of them"
    )]
    #[case(
        "audience: x",
        "x.yaml:1:1: `audience` is not enforced in this release; remove it: it would have no effect"
    )]
    #[case("[]", "x.yaml:1:1: a list; a mapping of `name`, `tier`")]
    fn mapping_rejects_unknown_and_duplicate_keys(#[case] text: &str, #[case] wanted: &str) {
        let found = findings(text, |reader, node| {
            reader.mapping(node, &TABLE);
        });
        assert_eq!(found, [wanted]);
    }

    #[rstest::rstest]
    #[case("~", "x.yaml:1:1: nothing (null); a text that is not empty, or leave the key out")]
    #[case("''", "x.yaml:1:1: an empty text; a text that is not empty, or leave the key out")]
    #[case("[a]", "x.yaml:1:1: a list; a text that is not empty, or leave the key out")]
    fn empty_text_is_rejected(#[case] text: &str, #[case] wanted: &str) {
        let found = findings(text, |reader, node| {
            reader.text(node);
        });
        assert_eq!(found, [wanted]);
    }

    #[rstest::rstest]
    #[case("yes", "x.yaml:1:1: `yes`; `true` or `false`")]
    #[case("'true'", "x.yaml:1:1: `true`; `true` or `false`")]
    fn boolean_has_one_spelling(#[case] text: &str, #[case] wanted: &str) {
        let found = findings(text, |reader, node| {
            reader.boolean(node);
        });
        assert_eq!(found, [wanted]);
    }
}
