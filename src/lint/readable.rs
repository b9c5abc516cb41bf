use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::{Finding, Place, Source};
use crate::model::is_unseen;

/// Findings about single characters of one file: more say nothing new.
const MAX_FINDINGS: usize = 20;

/// The text of a file as a person reads it: without characters that show nothing. Places are those of the file, and so
/// are its bytes wherever they are kept or hashed.
#[derive(Debug)]
pub(super) struct Readable<'a> {
    source: &'a Arc<Source>,
    pub(super) text: Cow<'a, str>,
    /// The offsets in the text behind which bytes are missing, each with the number of all bytes that are missing up to
    /// there.
    missing: Vec<(usize, usize)>,
}

impl<'a> Readable<'a> {
    /// Reads a file, and refuses characters that break a line, or reorder it, for an editor and not for a parser: a rule
    /// that stands behind one in a comment is a rule for the reviewer only.
    pub(super) fn of(source: &'a Arc<Source>, findings: &mut Vec<Finding>) -> Self {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n');
        if source.text.as_bytes().iter().all(is_plain) {
            return Self { source, text: Cow::Borrowed(&source.text), missing: Vec::new() };
        }
        let refused = source.text.char_indices().filter_map(|(at, character)| {
            let what = misleading(character, &source.text[at + character.len_utf8()..])?;
            let place = source.place(at..at + character.len_utf8());
            let found = format!("the character U+{:04X}, {what}", u32::from(character));
            Some(Finding::error(&place, found, "remove it: an editor may show the file otherwise"))
        });
        findings.extend(refused.take(MAX_FINDINGS));
        Self::without_unseen(source)
    }

    fn without_unseen(source: &'a Arc<Source>) -> Self {
        let (mut text, mut missing, mut sum) = (String::new(), Vec::new(), 0);
        let mut before = '\n';
        for character in source.text.chars() {
            if is_unseen(character) && !is_bidirectional(character) && !is_joined(before, character)
            {
                sum += character.len_utf8();
                missing.push((text.len(), sum));
            } else {
                text.push(character);
                before = character;
            }
        }
        let text = if missing.is_empty() { Cow::Borrowed(&*source.text) } else { text.into() };
        Self { source, text, missing }
    }

    /// Returns the place in the file of a span of the text.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let Range { start, end } = span;
        self.source.place(self.origin(start)..self.origin(end))
    }

    fn origin(&self, at: usize) -> usize {
        let behind = self.missing.partition_point(|(offset, _)| *offset <= at);
        at + behind.checked_sub(1).map_or(0, |last| self.missing[last].1)
    }
}

/// Returns a word for a character that editors and parsers take for different things.
fn misleading(character: char, rest: &str) -> Option<&'static str> {
    match character {
        '\t' | '\n' => None,
        '\r' if rest.starts_with('\n') => None,
        '\r' => Some("a carriage return without a line feed"),
        '\u{85}' | '\u{2028}' | '\u{2029}' => Some("which ends a line in some editors only"),
        _ if character.is_control() => Some("a control character"),
        _ if is_bidirectional(character) => Some("which changes the order of the text"),
        _ => None,
    }
}

fn is_bidirectional(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Returns true for joiners and the style of emoji behind a character that they may change the picture of.
fn is_joined(before: char, character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe0f}') && !before.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Vec<String>) {
        let mut findings = Vec::new();
        let source = Source::new("x.yaml", text);
        let read = Readable::of(&source, &mut findings).text.into_owned();
        (read, findings.iter().map(Finding::to_string).collect())
    }

    /// P32: a denial behind U+2028 in a comment is a rule for the reviewer's editor and no rule for the parser.
    #[rstest::rstest]
    #[case::line_separator(
        "a: 1\n# x\u{2028}- name: a.b/c",
        "x.yaml:2:4: the character U+2028, which ends a line"
    )]
    #[case::paragraph_separator(
        "# \u{2029}",
        "x.yaml:1:3: the character U+2029, which ends a line"
    )]
    #[case::next_line("# ä\u{85}", "x.yaml:1:4: the character U+0085, which ends a line")]
    #[case::lone_carriage_return(
        "# x\ra: 1",
        "x.yaml:1:4: the character U+000D, a carriage return"
    )]
    #[case::two_carriage_returns(
        "a: 1\r\r\n",
        "x.yaml:1:5: the character U+000D, a carriage return"
    )]
    #[case::escape("a: \u{1b}[2K", "x.yaml:1:4: the character U+001B, a control character")]
    #[case::delete("a: \u{7f}", "x.yaml:1:4: the character U+007F, a control character")]
    #[case::form_feed("a: \u{c}", "x.yaml:1:4: the character U+000C, a control character")]
    #[case::override_(
        "a: 1 # \u{202e}x",
        "x.yaml:1:8: the character U+202E, which changes the order"
    )]
    #[case::isolate("a: '\u{2066}'", "x.yaml:1:5: the character U+2066, which changes the order")]
    #[case::mark("# \u{200f}", "x.yaml:1:3: the character U+200F, which changes the order")]
    #[case::arabic_mark("# \u{61c}", "x.yaml:1:3: the character U+061C, which changes the order")]
    fn character_that_an_editor_shows_as_something_else_is_refused_with_its_place(
        #[case] text: &str,
        #[case] begins: &str,
    ) {
        let (_, findings) = read(text);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].starts_with(begins), "{findings:?}");
    }

    /// P32.
    #[rstest::rstest]
    #[case::plain("a: 1\r\nb:\t2\n", "a: 1\r\nb:\t2\n")]
    #[case::mark_of_byte_order("\u{feff}a: 1", "a: 1")]
    #[case::zero_width_space("na\u{200b}me: a.b/\u{2060}c", "name: a.b/c")]
    #[case::soft_hyphen_and_tags("a\u{ad}b\u{e0041}", "ab")]
    #[case::joiner_in_a_name("a.b/c\u{200d}\u{fe0f}", "a.b/c")]
    #[case::family(
        "# \u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}",
        "# \u{1f469}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}"
    )]
    #[case::persian(
        "# \u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}",
        "# \u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}"
    )]
    fn character_that_shows_nothing_makes_no_difference(#[case] text: &str, #[case] wanted: &str) {
        let (read, findings) = read(text);
        assert_eq!((read.as_str(), findings), (wanted, Vec::new()));
    }

    #[test]
    fn places_are_those_of_the_file() {
        let source = Source::new("x.yaml", "\u{feff}a: \u{200b}\u{200b}b\nc: d");
        let readable = Readable::of(&source, &mut Vec::new());
        let of = |text: &str| {
            let at = readable.text.find(text).expect("a place");
            let place = readable.place(at..at + text.len());
            (source.text[place.span.clone()].to_owned(), place.line_and_column())
        };
        assert_eq!(of("b"), ("b".into(), (1, 7)));
        assert_eq!(of("d"), ("d".into(), (2, 4)));
        assert_eq!(readable.place(0..0).line_and_column(), (1, 2));
    }

    #[test]
    fn file_of_such_characters_yields_few_findings() {
        assert_eq!(read(&"\u{2028}".repeat(1_000)).1.len(), MAX_FINDINGS);
    }
}
