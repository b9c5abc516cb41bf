use std::fmt::{self, Write};

use super::characters::{is_blank, is_control};

/// Returns true for characters that a terminal obeys or shows nothing for, but for those that belong to the
/// picture or the letter in front.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    let belongs_to_another = matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe0f}');
    is_control(character) || (!belongs_to_another && !character.is_ascii() && is_blank(character))
}

/// The only way for text from outside to reach a terminal, a log or a report: characters that could
/// control the screen are written as `\u{…}`, and the text stays on one line.
///
/// Length is limited too: a log line must not grow to a megabyte.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl Escaped<'_> {
    /// Enough for any name with its version; a longer text ends in an ellipsis.
    const MAX_CHARACTERS: usize = 500;
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(Self::MAX_CHARACTERS) {
            Some((end, _)) => write!(f, "{}…", EscapedWhole(&self.0[..end])),
            None => EscapedWhole(self.0).fmt(f),
        }
    }
}

/// The same for a text that a person decides about, and so must see to its end. Its source bounds it.
#[derive(Debug, Clone, Copy)]
pub struct EscapedWhole<'a>(pub &'a str);

impl fmt::Display for EscapedWhole<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                _ if is_hidden(character) => write!(f, "{}", character.escape_unicode())?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("plain – täxt 日本", "plain – täxt 日本")]
    #[case("\u{1b}[31mred", "\\u{1b}[31mred")]
    #[case("two\nlines\tand a tab", "two\\nlines\\tand a tab")]
    #[case("\u{202e}reversed\u{2028}", "\\u{202e}reversed\\u{2028}")]
    #[case("\u{e000}", "\\u{e000}")]
    #[case("a\u{3164}\u{2800}\u{e0041}", "a\\u{3164}\\u{2800}\\u{e0041}")]
    #[case("\u{1f6e1}\u{fe0f}", "\u{1f6e1}\u{fe0f}")]
    fn control_characters_are_escaped(#[case] text: &str, #[case] written: &str) {
        assert_eq!(Escaped(text).to_string(), written);
    }

    #[test]
    fn long_text_is_truncated() {
        let written = Escaped(&"x".repeat(501)).to_string();
        assert_eq!(written.chars().count(), 501);
        assert!(written.ends_with('…'));
        assert_eq!(EscapedWhole(&"x".repeat(501)).to_string().len(), 501);
    }
}
