use std::str::FromStr;

use yaml_edit::{Mapping, MappingEntry, Sequence, YamlFile, YamlNode};

use super::super::rule::Rule;
use super::decision::Decision;
use super::value::{Member, Value, text_of};
use crate::lint::Source;

/// A decision sets texts, numbers, lists of texts and mappings.
const READ_ONLY: &str = "a member of another kind is not set";

/// Edits the item of a rule, member by member.
pub(super) fn replace(
    source: &Source,
    rule: &Rule,
    item: &crate::lint::Node,
    decision: &Decision,
) -> Result<String, String> {
    let text = &source.text;
    let file = YamlFile::from_str(text).map_err(|error| error.to_string())?;
    let mapping = item_at(&file, item.place.span.start)
        .and_then(|item| item.as_mapping().cloned())
        .ok_or("the item is not a plain mapping")?;
    apply(&mapping, &decision.members(Some(rule)))?;
    let edited = file.to_string();
    let is_foreign = text.contains("\r\n");
    Ok(if is_foreign { edited.replace("\r\n", "\n").replace('\n', "\r\n") } else { edited })
}

/// Returns the end of an item that starts at an offset.
pub(super) fn end_of_item(text: &str, start: usize) -> Option<usize> {
    let file = YamlFile::from_str(text).ok()?;
    let end = usize::try_from(item_at(&file, start)?.byte_range().end).ok()?;
    text.is_char_boundary(end).then_some(end)
}

fn item_at(file: &YamlFile, start: usize) -> Option<YamlNode> {
    let start = u32::try_from(start).ok()?;
    for document in file.documents() {
        let Some(root) = document.as_mapping() else { continue };
        for list in root.entries().filter(|entry| is_key(entry, "servers")) {
            let Some(value) = list.value_node() else { continue };
            let Some(items) = value.as_sequence() else { continue };
            if let Some(found) = items.values().find(|item| item.byte_range().start == start) {
                return Some(found);
            }
        }
    }
    None
}

/// Sets and removes members. What has the value already keeps its spelling.
fn apply(mapping: &Mapping, members: &[Member]) -> Result<(), String> {
    for (key, value) in members {
        let entry = mapping.entries().find(|entry| is_key(entry, key));
        match (entry, value) {
            (None, None) => {}
            // `MappingEntry::remove` leaves the line behind it at another column.
            (Some(entry), None) => {
                let key = entry.key_node().ok_or("a member of the item has no key")?;
                mapping.remove(key).ok_or("a member of the item was not removed")?;
            }
            (None, Some(value)) => insert(mapping, key, value)?,
            (Some(entry), Some(value)) => set(mapping, &entry, value)?,
        }
    }
    Ok(())
}

fn is_key(entry: &MappingEntry, wanted: &str) -> bool {
    entry.key_node().is_some_and(|key| is_scalar(&key, wanted))
}

/// Returns true if our own reader takes the scalar for this text.
fn is_scalar(node: &YamlNode, wanted: &str) -> bool {
    node.as_scalar()
        .is_some_and(|scalar| text_of(scalar.to_string().trim()).as_deref() == Some(wanted))
}

fn set(mapping: &Mapping, entry: &MappingEntry, value: &Value) -> Result<(), String> {
    let present = entry.value_node();
    let flow = mapping.is_flow_style();
    match value {
        Value::Mapping(members) => {
            let inner = present.as_ref().and_then(|node| node.as_mapping());
            match inner {
                Some(inner) => apply(inner, members)?,
                None => return Err("a member of the item is not a mapping".to_owned()),
            }
        }
        Value::Text(text) if present.as_ref().is_some_and(|node| is_scalar(node, text)) => {}
        Value::Text(text) => entry.set_value(text.as_str(), flow),
        Value::Number(number) => entry.set_value(i64::from(*number), flow),
        Value::Raw(_) | Value::Values(_) => return Err(READ_ONLY.to_owned()),
        Value::List(items) => {
            let list = present.as_ref().and_then(|node| node.as_sequence());
            if !list.is_some_and(|list| is_list(list, items)) {
                entry.set_value(sequence(items), flow);
            }
        }
    }
    Ok(())
}

fn is_list(list: &Sequence, wanted: &[String]) -> bool {
    let items: Vec<YamlNode> = list.values().collect();
    let is_same = |(item, wanted): (&YamlNode, &String)| is_scalar(item, wanted);
    items.len() == wanted.len() && items.iter().zip(wanted).all(is_same)
}

fn insert(mapping: &Mapping, key: &str, value: &Value) -> Result<(), String> {
    match value {
        Value::Text(text) => mapping.set(key, text.as_str()),
        Value::Number(number) => mapping.set(key, i64::from(*number)),
        Value::Raw(_) | Value::Values(_) => return Err(READ_ONLY.to_owned()),
        Value::List(items) => mapping.set(key, sequence(items)),
        Value::Mapping(members) => {
            let inner = Mapping::new();
            apply(&inner, members)?;
            mapping.set(key, inner);
        }
    }
    Ok(())
}

fn sequence(items: &[String]) -> Sequence {
    let list = Sequence::new_flow();
    items.iter().for_each(|item| list.push(item.as_str()));
    list
}
