use std::ops::Range;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::readable::Readable;
use super::{Finding, Kind, Node, Source};

/// Deeper than any overlay; it limits recursion when the tree is dropped.
const MAX_DEPTH: usize = 32;

/// The limit on the parts of a broken file that are read behind its errors.
const MAX_PARTS: usize = 20;

/// Reads the documents of a YAML file.
///
/// The readable part is returned even with findings: a half-written file yields the complete nodes, and behind an error
/// reading goes on with the next item of a list or the next document. Such a part may begin with a list.
/// Aliases, anchors, merge keys and tags are findings, since a reviewer must see each rule in one
/// place.
pub fn parse_yaml(source: &Arc<Source>, findings: &mut Vec<Finding>) -> Vec<Node> {
    let file = Readable::of(source, findings);
    let (mut documents, mut broken_at) = parse_part(&file, &file.text, findings);
    for _ in 0..MAX_PARTS {
        let Some(next) = broken_at.and_then(|at| next_item(&file.text, at)) else { break };
        // Findings about the rest of a broken file would mostly follow from the first.
        let part = blanked(&file.text, next);
        let (more, again) = parse_part(&file, &part, &mut Vec::new());
        documents.extend(more);
        broken_at = again.map(|at| at.max(next));
    }
    documents
}

/// Reads a text with the places of a file; returns the start of what is broken in it, too.
fn parse_part(
    file: &Readable<'_>,
    text: &str,
    findings: &mut Vec<Finding>,
) -> (Vec<Node>, Option<usize>) {
    let mut tree = Tree { file, findings, open: Vec::new(), documents: Vec::new() };
    let mut parser = Parser::new_from_str(text);
    let mut broken_at = None;
    loop {
        match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => {
                if !tree.take(event, span) {
                    break;
                }
            }
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(text.len());
                let place = file.place(at..at);
                let found = format!("this is not YAML: {}", error.info());
                let allowed = "quote a value that begins with a sign, such as '>=1.2' or '*', and \
                               indent with spaces";
                tree.findings.push(Finding::error(&place, found, allowed));
                broken_at = Some(tree.open.iter().map(Open::start).max().unwrap_or(at));
                break;
            }
        }
    }
    (tree.finish(), broken_at)
}

/// Returns the start of the first line behind a place that begins an item of a list, or a document.
fn next_item(text: &str, behind: usize) -> Option<usize> {
    let begins = |line: &str| {
        let line = line.trim_start_matches(' ');
        line.starts_with("- ") || line.starts_with("---")
    };
    let rest = text.get(behind..)?;
    let lines = rest.match_indices('\n').map(|(at, _)| behind + at + 1);
    lines.filter(|start| *start < text.len()).find(|start| begins(&text[*start..]))
}

/// Returns the text with blanks in place of everything in front of an offset, so that the rest keeps its place.
fn blanked(text: &str, before: usize) -> String {
    let blank = |byte: u8| if byte == b'\n' { '\n' } else { ' ' };
    text.bytes().take(before).map(blank).chain(text[before..].chars()).collect()
}

struct Tree<'a> {
    file: &'a Readable<'a>,
    findings: &'a mut Vec<Finding>,
    open: Vec<Open>,
    documents: Vec<Node>,
}

enum Open {
    Sequence(usize, Vec<Node>),
    Mapping(usize, Vec<(Node, Node)>, Option<Node>),
}

impl Open {
    const fn start(&self) -> usize {
        match self {
            Self::Sequence(start, _) | Self::Mapping(start, _, _) => *start,
        }
    }
}

impl Tree<'_> {
    /// Processes one event; returns false if reading must stop.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        let range = span.byte_range().unwrap_or(0..0);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                let plain = style == ScalarStyle::Plain;
                let null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let kind =
                    if null { Kind::Null } else { Kind::Scalar { text: text.into_owned(), plain } };
                self.push(Node { place: self.file.place(range), kind });
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                self.open.push(Open::Sequence(range.start, Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_extras(&range, anchor, tag.is_some());
                self.open.push(Open::Mapping(range.start, Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse(&range, "an alias (`*`)");
                self.push(Node { place: self.file.place(range), kind: Kind::Null });
            }
            _ => {}
        }
        if self.open.len() > MAX_DEPTH {
            let place = self.file.place(0..0);
            let found = format!("nested deeper than {MAX_DEPTH}");
            self.findings.push(Finding::error(&place, found, ""));
            return false;
        }
        true
    }

    fn refuse_extras(&mut self, range: &Range<usize>, anchor: usize, tag: bool) {
        if anchor != 0 {
            self.refuse(range, "an anchor (`&`)");
        }
        if tag {
            self.refuse(range, "a tag (`!`)");
        }
    }

    fn refuse(&mut self, range: &Range<usize>, found: &str) {
        let place = self.file.place(range.clone());
        self.findings.push(Finding::error(
            &place,
            found,
            "write the value out: each rule is reviewed in one place",
        ));
    }

    fn push(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(Open::Sequence(_, items)) => items.push(node),
            Some(Open::Mapping(_, members, key)) => match key.take() {
                None => *key = Some(node),
                Some(key) => members.push((key, node)),
            },
        }
    }

    fn close(&mut self) {
        let (start, kind) = match self.open.pop() {
            Some(Open::Sequence(start, items)) => (start, Kind::Sequence(items)),
            Some(Open::Mapping(start, members, _)) => (start, Kind::Mapping(members)),
            None => return,
        };
        self.push(Node { place: self.file.place(start..start), kind });
    }

    /// Closes the nodes that an error left open, so that their complete members can be read.
    fn finish(mut self) -> Vec<Node> {
        while !self.open.is_empty() {
            self.close();
        }
        self.documents
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Vec<Node>, Vec<String>) {
        let mut findings = Vec::new();
        let documents = parse_yaml(&Source::new("x.yaml", text), &mut findings);
        (documents, findings.iter().map(Finding::to_string).collect())
    }

    #[test]
    fn scalars_stay_text_and_keep_their_place() {
        let (documents, findings) = parse("a: 1.10\nb: [no, '~', ~]\n");
        assert_eq!(findings, Vec::<String>::new());
        let Kind::Mapping(members) = &documents[0].kind else { panic!("a mapping") };
        assert_eq!(members[0].1.kind, Kind::Scalar { text: "1.10".into(), plain: true });
        assert_eq!(members[0].1.place.line_and_column(), (1, 4));
        let Kind::Sequence(items) = &members[1].1.kind else { panic!("a list") };
        assert_eq!(items[1].kind, Kind::Scalar { text: "~".into(), plain: false });
        assert_eq!(items[2].kind, Kind::Null);
    }

    /// P51.
    #[rstest::rstest]
    #[case("a: &x 1\nb: *x\n", &["an anchor", "an alias"])]
    #[case("a: !!str 1\n", &["a tag"])]
    #[case("a: [1\nb: 2\n", &["this is not YAML"])]
    #[case("a: b: c\n", &["this is not YAML"])]
    fn alias_anchor_tag_or_syntax_error_is_a_finding(#[case] text: &str, #[case] wanted: &[&str]) {
        let (_, findings) = parse(text);
        assert_eq!(findings.len(), wanted.len(), "{findings:?}");
        for (finding, wanted) in findings.iter().zip(wanted) {
            assert!(finding.contains(wanted), "{finding}");
        }
    }

    #[test]
    fn line_ends_of_another_system_are_no_part_of_a_value() {
        let (documents, findings) = parse("a: 1\r\nb:\r\n- x\r\n");
        assert_eq!(findings, Vec::<String>::new());
        let Kind::Mapping(members) = &documents[0].kind else { panic!("a mapping") };
        assert_eq!(members[0].1.kind, Kind::Scalar { text: "1".into(), plain: true });
        let Kind::Sequence(items) = &members[1].1.kind else { panic!("a list") };
        assert_eq!(items[0].kind, Kind::Scalar { text: "x".into(), plain: true });
        assert_eq!(items[0].place.line_and_column(), (3, 3));
    }

    const WRITTEN_OUT: &str = "write the value out: each rule is reviewed in one place";

    #[rstest::rstest]
    #[case::tab("a:\n\tb: 1\n", "x.yaml:2:2: this is not YAML: tabs ", "and indent with spaces")]
    #[case::anchor("a: 1\r\nb: &x 2\r\n", "x.yaml:2:7: an anchor (`&`); ", WRITTEN_OUT)]
    #[case::alias("a: &x 1\nb:\n- *x\n", "x.yaml:3:3: an alias (`*`); ", WRITTEN_OUT)]
    #[case::tag("a:\n- ä: !x 1\n", "x.yaml:2:9: a tag (`!`); ", WRITTEN_OUT)]
    fn refused_syntax_is_named_with_its_place_and_what_is_allowed(
        #[case] text: &str,
        #[case] begins: &str,
        #[case] ends: &str,
    ) {
        let (_, findings) = parse(text);
        let is_named = |finding: &String| finding.starts_with(begins) && finding.ends_with(ends);
        assert!(findings.iter().any(is_named), "{findings:#?}");
    }

    #[test]
    fn half_written_file_yields_complete_nodes() {
        let (documents, findings) = parse("servers:\n- name: a.b/c\n- name: \"a.b/d\n");
        assert_eq!(findings.len(), 1);
        let Kind::Mapping(members) = &documents[0].kind else { panic!("a mapping") };
        let Kind::Sequence(items) = &members[0].1.kind else { panic!("a list") };
        assert!(!items.is_empty());
    }

    #[test]
    fn deep_nesting_is_a_finding() {
        let (_, findings) = parse(&"- ".repeat(100));
        assert!(findings[0].contains("nested deeper than"), "{findings:?}");
    }
}
