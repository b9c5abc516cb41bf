use std::collections::BTreeMap;

use super::fields::ARTEFACTS;
use super::rule::{Rule, State};
use crate::artefact::Checksum;
use crate::lint::{Fields, Reader};

/// The number of artefacts that one approval may pin.
const MAX: usize = 64;

/// Reads the `artefacts` of an approval: digests by the name of a file or the identifier of a package.
pub(super) fn read_artefacts(
    reader: &mut Reader,
    fields: &Fields<'_>,
    rule: &Rule,
    state: State,
) -> BTreeMap<String, Checksum> {
    let Some(node) = fields.get("artefacts") else { return BTreeMap::new() };
    if state != State::Approved {
        let found = format!("`artefacts` beside state `{state}`");
        reader.error(node, found, "only an approval has `artefacts`");
    }
    if !rule.is_exact() {
        let found = "`artefacts` without one exact version";
        reader.error(node, found, "give an exact name and `versions`");
    }
    let members = reader.members(node, ARTEFACTS);
    if members.len() > MAX {
        reader.error(node, format!("`artefacts` with {} digests", members.len()), ARTEFACTS);
    }
    let mut pinned = BTreeMap::new();
    for (key, value) in members {
        let file = reader.text(key).map(str::to_owned);
        let digest = reader.parsed(value, str::parse::<Checksum>);
        let (Some(file), Some(digest)) = (file, digest) else { continue };
        if pinned.insert(file.clone(), digest).is_some() {
            let found = format!("`{file}` appears twice");
            reader.error(key, found, "keep one of them");
        }
    }
    pinned
}
