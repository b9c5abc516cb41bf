use crate::model::{Digest, is_public_name};

/// Returns the digest of everything in texts that is more than words: links, line breaks and invisible characters, each
/// with its text; `None` if there is nothing.
///
/// A later text with the same digest gained none of them. An agent may follow a link, and a person does not see an
/// invisible character.
pub(super) fn rich_text<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<Digest> {
    let mut found: Vec<&str> = Vec::new();
    for text in texts {
        found.extend(text.split(char::is_whitespace).filter(|word| is_link(word)));
        found.extend(text.matches(is_break_or_invisible));
        found.push("");
    }
    let is_rich = found.iter().any(|part| !part.is_empty());
    is_rich.then(|| Digest::of_hash(&found))
}

/// Returns true for a word that a client may show as a link or as an element.
fn is_link(word: &str) -> bool {
    let is_marked = ["://", "](", "<", ">", "@", "mailto:", "data:", "javascript:"];
    is_marked.iter().any(|mark| word.to_ascii_lowercase().contains(mark))
        || word.split(|found: char| !is_in_host(found)).any(is_host)
}

fn is_in_host(found: char) -> bool {
    found.is_alphanumeric() || found == '.' || found == '-'
}

/// Returns true for a name below a top-level domain that exists.
fn is_host(text: &str) -> bool {
    let text = text.trim_matches(['.', '-']).to_lowercase();
    text.contains('.')
        && idna::domain_to_ascii(&text).is_ok_and(|ascii| is_public_name(&ascii))
        && !text.ends_with(|last: char| last.is_ascii_digit())
}

fn is_break_or_invisible(found: char) -> bool {
    matches!(
        found,
        '\n' | '\r'
            | '\u{b}'
            | '\u{c}'
            | '\u{85}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{200c}'
            | '\u{200d}'
            | '\u{fe0f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("Reads tickets, e.g. of Node.js 1.2.3 and v2.0 (beta). It is fast", None)]
    #[case("see https://evil.example/x", Some("see https://evil.example/x again"))]
    #[case("see evil.com/x", Some("at evil.com now"))]
    #[case("run evil.com", Some("run evil.com."))]
    #[case("a [b](c)", Some("the [b](c)"))]
    #[case("a\nb", Some("c\nd"))]
    #[case("write me@evil.example", Some("or me@evil.example"))]
    #[case("<img src=x>", Some("an <img src=x>"))]
    #[case("a\u{200d}b", Some("c\u{200d}d"))]
    fn text_is_rich_with_a_link_a_line_break_or_an_invisible_character(
        #[case] text: &str,
        #[case] alike: Option<&str>,
    ) {
        let found = rich_text([text]);
        assert_eq!(found.is_some(), alike.is_some(), "{text}");
        let other = rich_text(["https://other.example"]);
        assert_ne!(found, other);
    }

    #[test]
    fn text_that_only_changes_its_words_has_the_same_digest() {
        let before = rich_text(["Tickets", "Reads tickets, see https://a.example/docs"]);
        assert_eq!(before, rich_text(["Ticket", "Reads more tickets, see https://a.example/docs"]));
        assert_ne!(before, rich_text(["Tickets", "see https://a.example/docs https://b.example"]));
        assert_ne!(before, rich_text(["see https://a.example/docs", "Reads tickets"]));
    }
}
