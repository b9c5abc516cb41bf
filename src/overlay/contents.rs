use std::collections::BTreeMap;
use std::sync::Arc;

use super::fields::CONTENTS;
use super::listed::{Contents, ListedContent};
use super::rule::{Rule, State};
use crate::lint::{Fields, Finding, Node, Reader, Source};
use crate::model::{Digest, Version};

/// Reads the `contents` of an approval.
pub(super) fn read_contents(
    reader: &mut Reader,
    fields: &Fields<'_>,
    rule: &Rule,
    state: State,
) -> Option<Contents> {
    let node = fields.get("contents")?;
    refuse_misplaced(reader, fields, node, rule, state);
    let members = reader.members(node, CONTENTS);
    if members.len() > Contents::MAX {
        let found = format!("`contents` of {} versions", members.len());
        reader.error(node, found, CONTENTS);
    }
    let mut listed: Vec<ListedContent> = Vec::new();
    for (key, value) in members {
        let version = reader.parsed(key, Version::parse);
        let digest = reader.parsed(value, str::parse::<Digest>);
        let Some(version) = version else { continue };
        if !rule.versions.admits(&version, version.semantic().as_ref()) {
            let found = format!("`{version}` is outside of `{}`", rule.versions);
            reader.error(key, found, "versions that the rule selects");
        }
        let Some(digest) = digest else { continue };
        listed.push(ListedContent { span: key.place.span.clone(), version, digest });
    }
    refuse_twice(reader, &listed, &node.place.source);
    Some(Contents::new(listed))
}

fn refuse_misplaced(
    reader: &mut Reader,
    fields: &Fields<'_>,
    node: &Node,
    rule: &Rule,
    state: State,
) {
    if state != State::Approved {
        let found = format!("`contents` beside state `{state}`");
        reader.error(node, found, "only an approval has `contents`");
    }
    if !rule.name.is_exact() {
        let found = format!("`contents` for `{}`", rule.selector());
        reader.error(node, found, "an approval of one exact name");
    }
    if fields.get("digest").is_some() {
        reader.error(node, "`contents` beside `digest`", "one of them: `contents` has the digests");
    }
}

/// Refuses a version that is listed twice: which of the two contents was reviewed is not known.
fn refuse_twice(reader: &mut Reader, listed: &[ListedContent], source: &Arc<Source>) {
    let mut first = BTreeMap::new();
    for content in listed {
        match first.get(&content.version) {
            None => {
                first.insert(&content.version, content.place_in(source));
            }
            Some(place) => {
                let found = format!("the version `{}` appears twice", content.version);
                let finding = Finding::error(&content.place_in(source), found, "keep one of them");
                reader.findings.push(finding.against(place));
            }
        }
    }
}
