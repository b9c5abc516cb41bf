use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use yaml_edit::YamlFile;

use super::super::reading::{Context, Reading};
use super::super::rule::Rule;
use super::decision::Decision;
use super::layout::{Layout, extent, member, states_expiry};
use super::replace::end_of_item;
use super::value::{Member, Value};
use crate::lint::{Kind, Node, Place, Source, has_errors};

/// The judgement about an edit.
pub(super) struct Verify<'e> {
    pub(super) source: &'e Arc<Source>,
    pub(super) before: &'e Reading,
    /// The rule that is edited, with its item; `None` for a new one.
    pub(super) edited: Option<(&'e Rule, &'e Node)>,
    pub(super) decision: &'e Decision,
    pub(super) context: &'e Context<'e>,
}

impl Verify<'_> {
    /// Returns the reason why a text is not the old one with the decision, if it is not.
    pub(super) fn judge(&self, text: &str) -> Result<(), String> {
        let source = Source::new(self.source.file.as_str(), text);
        let after = super::super::parse(std::slice::from_ref(&source), self.context);
        if let Some(error) = after.findings.iter().find(|_| has_errors(&after.findings)) {
            return Err(format!("the new text would have an error: {}", error.found));
        }
        let place = self.source.start();
        let (before, after) = (without_places(self.before, &place), without_places(&after, &place));
        self.judge_rules(&before.rules, &after.rules, &place)?;
        let others = |reading: &Reading| {
            let Reading { internal, ownership, protection, .. } = reading.clone();
            (internal, ownership, protection)
        };
        if others(&before) != others(&after) {
            return Err("it would change other parts of the file".to_owned());
        }
        self.judge_bytes(text)?;
        match self.edited {
            Some((rule, item)) => self.judge_item(text, rule, item),
            None => Ok(()),
        }
    }

    /// Demands the old rules, but for the one that is meant.
    fn judge_rules(&self, before: &[Rule], after: &[Rule], place: &Place) -> Result<(), String> {
        let index = if let Some((rule, _)) = self.edited {
            self.before.rules.iter().position(|other| other.place == rule.place)
        } else {
            Some(before.iter().zip(after).take_while(|(old, new)| old == new).count())
        };
        let index = index.ok_or("the rule was not found")?;
        let is_explicit = self.edited.is_some_and(|(_, item)| states_expiry(item));
        let old = self.edited.map(|_| &before[index]);
        let meant = self.decision.meant(old, is_explicit, self.context.terms, place);
        let mut wanted = before.to_vec();
        match self.edited {
            Some(_) => wanted[index] = blank(&meant, place),
            None => wanted.insert(index, blank(&meant, place)),
        }
        if wanted == after {
            Ok(())
        } else {
            Err("it would change other rules, or not say what was decided".to_owned())
        }
    }

    /// Demands every byte outside of the item that is edited; a new item replaces nothing but an empty list.
    fn judge_bytes(&self, text: &str) -> Result<(), String> {
        let old = self.source.text.as_str();
        let is_kept = match self.edited {
            None => {
                let replaced = &old[changed_span(old, text)];
                replaced.chars().all(|c| c.is_whitespace() || "[]".contains(c))
            }
            Some((_, item)) => {
                let start = item.place.span.start;
                let end = end_of_item(old, start).unwrap_or_else(|| extent(item).end);
                let inner = text.strip_prefix(&old[..start]);
                let inner = inner.and_then(|inner| inner.strip_suffix(&old[end..]));
                let is_ended = old[start..end].ends_with('\n');
                inner.is_some_and(|inner| inner.ends_with('\n') == is_ended)
            }
        };
        if is_kept { Ok(()) } else { Err("it would change other parts of the text".to_owned()) }
    }

    /// Demands every comment, every value and every line of the item that the decision leaves alone.
    fn judge_item(&self, text: &str, rule: &Rule, item: &Node) -> Result<(), String> {
        let members = self.decision.members(Some(rule));
        let old = self.source.text.as_str();
        let after = Source::new(self.source.file.as_str(), text);
        let layout = Layout::of(&after);
        let new_item = layout.item_of(rule).ok_or("the item of the rule was not found")?;
        let mut touched = Touched::default();
        touched.add(&members, item, new_item);
        if untouched(old, item, &touched.old) != untouched(text, new_item, &touched.new) {
            return Err("it would spell other members differently".to_owned());
        }
        let removed = removed_spans(&members, item);
        let mut left = comments(text).ok_or("its comments cannot be read")?;
        let mut lost = comments(old).ok_or("its comments cannot be read")?;
        lost.retain(|(comment, at)| {
            if removed.iter().any(|member| belongs(old, *at, member)) {
                return false;
            }
            let is_left = left.iter().position(|(other, _)| other == comment);
            is_left.map(|index| left.remove(index)).is_none()
        });
        if lost.is_empty() { Ok(()) } else { Err("it would remove a comment".to_owned()) }
    }
}

/// Returns the span of the old text that differs: what is between the equal front and the equal back.
fn changed_span(old: &str, new: &str) -> Range<usize> {
    let equal = |(left, right): &(u8, u8)| left == right;
    let front = old.bytes().zip(new.bytes()).take_while(equal).count();
    let most = old.len().min(new.len()) - front;
    let back = old.bytes().rev().zip(new.bytes().rev()).take(most).take_while(equal).count();
    let mut span = front..old.len() - back;
    while !old.is_char_boundary(span.start) {
        span.start -= 1;
    }
    while !old.is_char_boundary(span.end) {
        span.end += 1;
    }
    span
}

/// The spans of members that are set or removed, in the old text and in the new one.
#[derive(Default)]
struct Touched {
    old: Vec<Range<usize>>,
    new: Vec<Range<usize>>,
}

impl Touched {
    fn add(&mut self, members: &[Member], old: &Node, new: &Node) {
        let whole = |(name, value): (&Node, &Node)| name.place.span.start..extent(value).end;
        for (key, value) in members {
            let (before, after) = (member(old, key), member(new, key));
            if let (Some(Value::Mapping(inner)), Some((_, before)), Some((_, after))) =
                (value, before, after)
            {
                self.add(inner, before, after);
            } else {
                self.old.extend(before.map(whole));
                self.new.extend(after.map(whole));
            }
        }
    }
}

/// Returns the spans of members that are removed.
fn removed_spans(members: &[Member], node: &Node) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    for (key, value) in members {
        let Some((name, present)) = member(node, key) else { continue };
        match value {
            None => spans.push(name.place.span.start..extent(present).end),
            Some(Value::Mapping(inner)) => spans.extend(removed_spans(inner, present)),
            Some(_) => {}
        }
    }
    spans
}

/// Returns true if a comment at this place is about a member: on its last line, or directly above it.
fn belongs(text: &str, at: usize, member: &Range<usize>) -> bool {
    let is_comment = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if at < member.start {
        text[at..member.start].lines().all(is_comment)
    } else {
        at < member.end || !text[member.end..at].contains('\n')
    }
}

/// Returns the scalars of a node as they are written, except those that are touched.
fn untouched<'t>(text: &'t str, node: &Node, touched: &[Range<usize>]) -> Vec<&'t str> {
    let mut found = Vec::new();
    collect(text, node, touched, &mut found);
    found
}

fn collect<'t>(text: &'t str, node: &Node, touched: &[Range<usize>], found: &mut Vec<&'t str>) {
    let span = &node.place.span;
    if touched.iter().any(|touched| touched.start <= span.start && span.end <= touched.end) {
        return;
    }
    match &node.kind {
        Kind::Null | Kind::Scalar { .. } => found.push(text.get(span.clone()).unwrap_or_default()),
        Kind::Sequence(items) => items.iter().for_each(|item| collect(text, item, touched, found)),
        Kind::Mapping(members) => {
            for (key, value) in members {
                collect(text, key, touched, found);
                collect(text, value, touched, found);
            }
        }
    }
}

/// Returns the comments of a text with their places.
fn comments(text: &str) -> Option<Vec<(String, usize)>> {
    let file = YamlFile::from_str(text).ok()?;
    let comments = file.comments().map(|comment| {
        let at = usize::from(comment.text_range().start());
        (comment.text().trim_end().to_owned(), at)
    });
    Some(comments.collect())
}

/// Returns a reading without places and findings, to be compared.
fn without_places(reading: &Reading, place: &Place) -> Reading {
    let mut reading = reading.clone();
    reading.findings.clear();
    reading.rules = reading.rules.iter().map(|rule| blank(rule, place)).collect();
    reading.ownership.iter_mut().for_each(|rule| rule.place = place.clone());
    let not_lookalikes = &mut reading.protection.not_lookalikes;
    not_lookalikes.iter_mut().for_each(|rule| rule.place = place.clone());
    reading
}

fn blank(rule: &Rule, place: &Place) -> Rule {
    let mut rule = rule.clone();
    rule.place = place.clone();
    if let Some(allow) = &mut rule.allow {
        allow.place = place.clone();
    }
    if let Some(waive) = &mut rule.waive {
        waive.place = place.clone();
    }
    rule
}
