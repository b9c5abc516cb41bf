use std::time::Duration;

use super::fields::{REFERENCE, RELEASE};
use super::later::{Follow, Reference};
use super::rule::Rule;
use super::{State, VersionPattern};
use crate::lint::{Fields, Finding, Node, Reader, duration};
use crate::model::{Digest, Version};

/// Enough time for others to notice a malicious release.
pub(super) const COOLDOWN: Duration = Duration::from_hours(72);

/// Reads `follow`, `reference` and `cooldown` of an approval.
pub(super) fn read_follow(
    reader: &mut Reader,
    fields: &Fields<'_>,
    rule: &Rule,
    state: State,
) -> Option<Follow> {
    let reference = fields.get("reference").map(|node| read_reference(reader, node, rule));
    let cooldown = fields.get("cooldown").and_then(|node| reader.parsed(node, duration));
    let Some(node) = fields.get("follow") else {
        for key in ["reference", "cooldown"] {
            if let Some(node) = fields.get(key) {
                reader.error(
                    node,
                    format!("`{key}` without `follow`"),
                    "`follow: benign` beside it",
                );
            }
        }
        return None;
    };
    reader.word(node, &[("benign", ())])?;
    if state != State::Approved {
        let found = format!("`follow` beside state `{state}`");
        reader.error(node, found, "only an approval has `follow`");
    }
    if !rule.name.is_exact() || rule.versions.is_exact() {
        let found = format!("`follow` for `{}`", rule.selector());
        let allowed = "an approval of one name, for all of its versions or a range";
        reader.error(node, found, allowed);
    }
    if reference.is_none() {
        let found = "`follow` without `reference`: no version is benign";
        let allowed = "the greatest version that the review covers, with its digest";
        reader.findings.push(Finding::warning(&node.place, found, allowed));
    }
    Some(Follow { reference: reference.flatten(), cooldown: cooldown.unwrap_or(COOLDOWN) })
}

fn read_reference(reader: &mut Reader, node: &Node, rule: &Rule) -> Option<Reference> {
    let fields = reader.mapping(node, &REFERENCE)?;
    for key in REFERENCE.keys().into_iter().filter(|key| fields.get(key).is_none()) {
        reader.error(node, format!("a `reference` without `{key}`"), "`version` and `digest`");
    }
    let digest = fields.get("digest").and_then(|node| reader.parsed(node, str::parse::<Digest>));
    let node = fields.get("version")?;
    let version = reader.parsed(node, Version::parse)?;
    let semantic = version.semantic();
    let is_release = semantic.as_ref().is_some_and(|semantic| semantic.pre.is_empty());
    if !is_release {
        let found = format!("the reference `{version}`, beside which no version is benign");
        reader.error(node, found, RELEASE);
    } else if let VersionPattern::Range(range) = &rule.versions
        && !range.admits(semantic.as_ref())
    {
        let found = format!("the reference `{version}` is outside of `{range}`");
        reader.error(node, found, "a version that the rule selects");
    }
    Some(Reference { version, digest: digest? })
}
