//! A review sheet as Markdown for an issue or a pull request. Everything that a publisher or another person wrote
//! stands in code: there a forge renders no HTML, link, image, mention or reference.

use super::content::Line;
use super::markdown::{block, span};
use super::sheet::{Section, Title, renewed, sections};
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
        for Line { label, text: said, is_question } in lines {
            match label.trim_start() {
                _ if is_question => text.push_str(&format!("  - [ ] {said}\n")),
                "" => text.push_str(&format!("  - {}\n", code(&said))),
                label => text.push_str(&format!("- **{label}** {}\n", code(&said))),
            }
        }
    }
    text.push_str("\n## Decide\n\n");
    text.push_str(&format!("The digest of this sheet is {}.\n\n", code(&sheet.digest.to_string())));
    if let Some(renewed) = renewed(sheet) {
        text.push_str(&format!("**{}.**\n\n", capitalized(&renewed)));
    }
    text.push_str(&block(&EscapedWhole(&sheet.command).to_string()));
    text
}

/// Returns a text as a span of code.
fn code(text: &str) -> String {
    span(&EscapedWhole(text).to_string())
}

fn capitalized(words: &str) -> String {
    let mut characters = words.chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
