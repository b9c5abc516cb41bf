use super::expires::last_moment;
use super::fields::ALLOW;
use super::reading::FileContext;
use super::rule::{Allow, Rule};
use crate::lint::{Finding, Node, Reader};

/// Reads the `allow` of a rule: one URL that exactly the reviewed version may name until the review ends.
pub(super) fn read_allow(
    reader: &mut Reader,
    context: &FileContext<'_>,
    node: &Node,
    rule: &Rule,
) -> Option<Allow> {
    let fields = reader.mapping(node, &ALLOW)?;
    if !rule.is_exact() {
        reader.error(
            node,
            "`allow` without one exact version",
            "give an exact name and `versions`",
        );
    }
    for key in ALLOW.keys().into_iter().filter(|key| fields.get(key).is_none()) {
        reader.error(
            node,
            format!("`allow` without `{key}`"),
            "`url`, `reason`, `reviewer` and `expires`",
        );
    }
    for key in ["reason", "reviewer"] {
        fields.get(key).and_then(|node| reader.text(node));
    }
    let url = fields.get("url").and_then(|node| reader.parsed(node, url));
    let expires = fields.get("expires").and_then(|node| reader.parsed(node, last_moment));
    let (url, expires) = (url?, expires?);
    if context.is_past(expires) {
        let found = format!("the URL was allowed until {expires}");
        reader.findings.push(Finding::warning(&node.place, found, "review it again, or remove it"));
    }
    Some(Allow { place: node.place.clone(), url, expires })
}

fn url(text: &str) -> Result<String, &'static str> {
    let is_url = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    (is_url && !text.contains(char::is_whitespace))
        .then(|| text.to_owned())
        .ok_or("an https or http URL, as the entry has it")
}
