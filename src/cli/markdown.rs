//! Code in Markdown, for text that a publisher or another person wrote and that is escaped already: in code, a forge
//! renders no HTML, link, image, mention or reference.

/// Returns a text as a span of code, between more backticks than it has in a row.
pub(super) fn span(text: &str) -> String {
    let fence = "`".repeat(longest_run(text) + 1);
    // One space on each side is left out by a reader, and keeps backticks, spaces and nothing at all apart.
    let needs_space = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if needs_space { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Returns commands as a block of code.
pub(super) fn block(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    format!("{fence}sh\n{text}\n{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::EscapedWhole;

    fn code(text: &str) -> String {
        span(&EscapedWhole(text).to_string())
    }

    #[test]
    fn publisher_text_cannot_leave_its_code() {
        assert_eq!(code("plain"), "`plain`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(""), "`  `");
        assert_eq!(code("two\nlines"), r"`two\nlines`");
        assert_eq!(block("```"), "````sh\n```\n````\n");
    }

    proptest! {
        /// A span ends at the first run of as many backticks as it began with.
        #[test]
        fn only_the_fence_ends_a_span(text in "[`a \n<@|]{0,30}") {
            let span = code(&text);
            let fence = span.bytes().take_while(|byte| *byte == b'`').count();
            let inner = &span[fence..span.len() - fence];
            prop_assert!(longest_run(inner) < fence);
            prop_assert!(!inner.starts_with('`') && !inner.ends_with('`') && !span.contains('\n'));
        }
    }
}
