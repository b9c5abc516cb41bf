use std::collections::BTreeSet;

use super::upstream::is_id;
use crate::curation::{DEFAULT_VIEW, View};
use crate::lint::{Node, Reader};
use crate::overlay::{Classification, NamePattern};

const KEYS: [&str; 6] = ["name", "tiers", "classifications", "labels", "upstreams", "names"];
const MAX_TIER: u64 = 3;

/// The views of the configuration, and the default one, which limits nothing unless it is among
/// them.
pub(super) fn read_views(reader: &mut Reader, node: Option<&Node>) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    let mut names = BTreeSet::new();
    for item in node.map(|node| reader.list(node)).unwrap_or_default() {
        let Some(view) = view(reader, item) else { continue };
        if names.insert(view.name.clone()) {
            views.push(view);
        } else {
            let found = format!("the view `{}` stands twice", view.name);
            reader.error(item, found, "one of each name");
        }
    }
    if !names.contains(DEFAULT_VIEW) {
        views.insert(0, View::unlimited(DEFAULT_VIEW));
    }
    views
}

fn view(reader: &mut Reader, node: &Node) -> Option<View> {
    let fields = reader.mapping(node, &KEYS, &[])?;
    let name = if let Some(node) = fields.get("name") {
        reader.parsed(node, view_name)
    } else {
        reader.error(node, "a view without a `name`", "one, under which it is served");
        None
    };
    let tiers = fields.get("tiers").map(|node| {
        let items = reader.list(node).iter();
        let tiers = items.filter_map(|item| reader.integer(item, 1..=MAX_TIER));
        tiers.filter_map(|tier| u8::try_from(tier).ok()).collect()
    });
    let classifications = fields.get("classifications").map(|node| {
        let items = reader.list(node).iter();
        items.filter_map(|item| reader.word(item, &Classification::WORDS)).collect()
    });
    let names = fields.get("names").map(|node| {
        let items = reader.list(node).iter();
        items.filter_map(|item| reader.parsed(item, NamePattern::parse)).collect()
    });
    Some(View {
        name: name?,
        tiers,
        classifications,
        labels: fields.get("labels").map(|node| reader.texts(node)),
        upstreams: fields.get("upstreams").map(|node| reader.texts(node)),
        names,
    })
}

/// A view's name stands in a path.
fn view_name(text: &str) -> Result<String, &'static str> {
    match is_id(text) {
        true => Ok(text.to_owned()),
        false => Err("1 to 64 small letters, digits and hyphens"),
    }
}
