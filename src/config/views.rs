use std::collections::BTreeSet;

use super::fields::VIEW;
use super::upstream::is_id;
use crate::curation::{DEFAULT_VIEW, ListForm, View};
use crate::lint::{Node, Reader};
use crate::overlay::{Classification, NamePattern};

const MAX_TIER: u64 = 3;
/// The words of `icons`, each with true if lists leave them out.
const ICONS: [(&str, bool); 2] = [("keep", false), ("drop", true)];

/// Reads the views, and adds the default one without limits unless it is configured.
pub(super) fn read_views(reader: &mut Reader, node: Option<&Node>) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    let mut names = BTreeSet::new();
    for item in node.map(|node| reader.list(node)).unwrap_or_default() {
        let Some(view) = view(reader, item) else { continue };
        if names.insert(view.name.clone()) {
            views.push(view);
        } else {
            let found = format!("the view `{}` appears twice", view.name);
            reader.error(item, found, "give each view a unique name");
        }
    }
    if !names.contains(DEFAULT_VIEW) {
        views.insert(0, View::unlimited(DEFAULT_VIEW));
    }
    views
}

fn view(reader: &mut Reader, node: &Node) -> Option<View> {
    let fields = reader.mapping(node, &VIEW)?;
    let name = if let Some(node) = fields.get("name") {
        reader.parsed(node, view_name)
    } else {
        reader.error(node, "a view without a `name`", "give the name under which it is served");
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
    let latest_only = fields.get("latest_only").and_then(|node| reader.boolean(node));
    let icons = fields.get("icons").and_then(|node| reader.word(node, &ICONS));
    Some(View {
        name: name?,
        tiers,
        classifications,
        labels: fields.get("labels").map(|node| reader.texts(node)),
        upstreams: fields.get("upstreams").map(|node| reader.texts(node)),
        names,
        lists: ListForm {
            latest_only: latest_only.unwrap_or_default(),
            without_icons: icons.unwrap_or_default(),
        },
    })
}

/// Reads a view's name, which is a part of URL paths.
fn view_name(text: &str) -> Result<String, &'static str> {
    if is_id(text) {
        Ok(text.to_owned())
    } else {
        Err("1 to 64 lower-case letters, digits and hyphens")
    }
}
