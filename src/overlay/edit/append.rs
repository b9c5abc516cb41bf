use super::super::NamePattern;
use super::decision::Decision;
use super::layout::{Layout, extent, is_text, items, member};
use crate::lint::{Kind, Node, Place};

/// A place at which nothing can be added, with the reason.
type Refused = (Place, String);

/// Adds a rule: to the list that has rules about the name, to the last list, or in a list of its own.
pub(super) fn append(layout: &Layout, decision: &Decision) -> Result<String, Refused> {
    let names_it = |list: &Node| items(list).iter().any(|item| is_about(item, &decision.name));
    let chosen = layout.lists().find(|(_, list)| names_it(list)).or_else(|| layout.lists().last());
    let text = &layout.source.text;
    let (at, removed, added) = match chosen {
        None => (end_of_document(layout)?, 0, format!("servers:\n{}", decision.item_text())),
        Some((key, list)) => match &list.kind {
            Kind::Null => {
                let indent = column(layout, key) + 2;
                (layout.line_end(key.place.span.end), 0, decision.block_item(indent))
            }
            _ if text[list.place.span.start..].starts_with('[') => in_flow(layout, list, decision)?,
            _ => {
                let (at, indent) = behind_last_item(layout, list)?;
                (at, 0, decision.block_item(indent))
            }
        },
    };
    Ok(with_line_ends(text, at, removed, &added))
}

fn is_about(item: &Node, name: &NamePattern) -> bool {
    member(item, "name").is_some_and(|(_, value)| is_text(value, &name.to_string()))
}

/// Puts lines into a text, with the line ends that it has, and on lines of their own.
fn with_line_ends(text: &str, at: usize, removed: usize, added: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (front, back) = (&text[..at], &text[at + removed..]);
    let is_block = added.ends_with('\n');
    let is_at_start = front.is_empty() || front == "\u{feff}" || front.ends_with('\n');
    let before = if is_block && !is_at_start { end } else { "" };
    format!("{front}{before}{}{back}", added.replace('\n', end))
}

/// Returns the column of a node, in bytes.
fn column(layout: &Layout, node: &Node) -> usize {
    let at = node.place.span.start;
    let line = &layout.source.text[layout.line_start(at)..at];
    line.trim_start_matches('\u{feff}').len()
}

/// Returns the place behind the last item of a list in block style, and the column of its dash.
fn behind_last_item(layout: &Layout, list: &Node) -> Result<(usize, usize), Refused> {
    let text = &layout.source.text;
    let refuse = |why: &str| (list.place.clone(), why.to_owned());
    let last = items(list).last().ok_or_else(|| refuse("the list of rules has no item"))?;
    // A list starts at the dash of its first item, or behind it at the column of its key.
    let start = list.place.span.start;
    let line = &text[layout.line_start(start)..];
    let dash = line.len() - line.trim_start_matches(' ').len();
    if !line[dash..].starts_with('-') {
        return Err(refuse("the dash of the first item stands on another line"));
    }
    let end = super::replace::end_of_item(text, last.place.span.start)
        .unwrap_or_else(|| extent(last).end);
    let at = if text[..end].ends_with('\n') { end } else { layout.line_end(end) };
    Ok((behind_comments(text, at, dash), dash))
}

/// Returns the place behind comments that belong to the item before them: they stand deeper than its dash.
fn behind_comments(text: &str, at: usize, dash: usize) -> usize {
    let (mut end, mut next) = (at, at);
    for line in text[at..].split_inclusive('\n') {
        next += line.len();
        let blanks = line.len() - line.trim_start_matches(' ').len();
        match line.trim_start().chars().next() {
            None => {}
            Some('#') if blanks > dash => end = next,
            Some(_) => break,
        }
    }
    end
}

/// Returns the place for a new item of a list in flow style, the bytes that it replaces, and its text.
fn in_flow(
    layout: &Layout,
    list: &Node,
    decision: &Decision,
) -> Result<(usize, usize, String), Refused> {
    let text = &layout.source.text;
    let start = list.place.span.start;
    if let Some(last) = items(list).last() {
        let end = super::replace::end_of_item(text, last.place.span.start);
        let end = end.ok_or_else(|| (list.place.clone(), "its end was not found".to_owned()))?;
        return Ok((end, 0, format!(", {}", decision.flow_item())));
    }
    let inside = text[start + 1..].find(|c: char| !c.is_whitespace()).unwrap_or_default();
    let close = start + 1 + inside;
    if !text[close..].starts_with(']') {
        return Err((list.place.clone(), "there is a comment in the empty list".to_owned()));
    }
    let rest = &text[close + 1..layout.line_end(close)];
    let line = &text[layout.line_start(start)..start];
    if rest.trim().is_empty() && line.trim_end().ends_with(':') {
        // The list takes block style, as people write it.
        let blanks = line.len() - line.trim_end().len();
        let line = line.trim_start_matches('\u{feff}');
        let key = line.len() - line.trim_start_matches(' ').len();
        let removed = close + 1 - start + blanks + rest.len();
        return Ok((start - blanks, removed, decision.block_item(key + 2)));
    }
    Ok((start + 1, close - start - 1, decision.flow_item()))
}

/// Returns the end of the only document, which has no list yet.
fn end_of_document(layout: &Layout) -> Result<usize, Refused> {
    let text = &layout.source.text;
    let documents = layout.documents.as_slice();
    let end = match documents {
        [] => text.len(),
        [one] => match &one.kind {
            Kind::Null => text.len(),
            _ if text[one.place.span.start..].starts_with('{') => {
                return Err((one.place.clone(), "the document is in flow style".to_owned()));
            }
            _ => layout.line_end(extent(one).end.min(text.len())),
        },
        [.., last] => {
            let why = "none of the documents of the file has `servers`";
            return Err((last.place.clone(), why.to_owned()));
        }
    };
    // What closes a value in flow style may stand on later lines.
    let rest = text[end..].lines();
    let is_free = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if rest.into_iter().all(is_free) { Ok(text.len()) } else { Ok(end) }
}
