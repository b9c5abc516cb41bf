//! A review sheet as Markdown for an issue or a pull request. Everything that a publisher or another person wrote
//! stands in code: there a forge renders no HTML, link, image, mention or reference.

use super::content::Line;
use super::sheet::{Section, Title, sections};
use crate::daemon::ReviewSheet;
use crate::model::EscapedWhole;

/// Returns the sheet as Markdown.
pub(super) fn markdown(sheet: &ReviewSheet) -> String {
    let asked = sheet.asked.as_ref().map(|asked| format!("@{asked}")).unwrap_or_default();
    let mut text = format!("# Review of {}\n", code(&format!("{}{asked}", sheet.name)));
    text.push_str(&format!("\nThe data is of {}.\n", sheet.as_of));
    for Section { title, lines } in sections(sheet) {
        match title {
            Title::Words(words) => text.push_str(&format!("\n## {}\n\n", capitalized(words))),
            Title::Version { version, upstream } => {
                text.push_str(&format!("\n## {} from {}\n\n", code(&version), code(&upstream)));
            }
        }
        for Line { label, text: said } in lines {
            match label.trim_start() {
                "" => text.push_str(&format!("  - {}\n", code(&said))),
                label => text.push_str(&format!("- **{label}** {}\n", code(&said))),
            }
        }
    }
    text.push_str("\n## Decide\n\n");
    text.push_str(&format!("The digest of this sheet is {}.\n\n", code(&sheet.digest.to_string())));
    text.push_str(&block(&sheet.command));
    text
}

/// Returns a text as a span of code, between more backticks than it has in a row.
fn code(text: &str) -> String {
    let text = EscapedWhole(text).to_string();
    let fence = "`".repeat(longest_run(&text) + 1);
    // One space on each side is left out by a reader, and keeps backticks, spaces and nothing at all apart.
    let needs_space = text.is_empty() || text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if needs_space { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Returns a text as a block of code.
fn block(text: &str) -> String {
    let text = EscapedWhole(text).to_string();
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}sh\n{text}\n{fence}\n")
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or_default()
}

fn capitalized(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
