use crate::lint::{Finding, Kind, Node, Reader};

/// Returns the number of findings of each word, in the order of the words, without those that are absent.
pub(super) fn count(words: &[&'static str], found: &[&'static str]) -> Vec<(&'static str, usize)> {
    let counted = |word: &&'static str| {
        let count = found.iter().filter(|found| *found == word).count();
        (count > 0).then_some((*word, count))
    };
    words.iter().filter_map(counted).collect()
}

/// Returns a member of a mapping with keys that are not checked. One that appears twice is a finding: two readers could
/// take one each.
pub(super) fn member<'n>(reader: &mut Reader, node: &'n Node, key: &str) -> Option<&'n Node> {
    let Kind::Mapping(members) = &node.kind else { return None };
    let mut values = members.iter().filter(|(name, _)| scalar(name) == Some(key));
    let (_, first) = values.next()?;
    if let Some((again, _)) = values.next() {
        let found = format!("the key `{key}` appears twice");
        let finding = Finding::error(&again.place, found, "keep one of them");
        reader.findings.push(finding.against(&first.place));
    }
    Some(first)
}

/// Returns the text of a scalar.
pub(super) const fn scalar(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text.as_str()),
        _ => None,
    }
}
