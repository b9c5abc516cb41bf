//! The end of a decision: what was written, with the warnings about it, for a person or a program.

use std::io::{IsTerminal, Write, stdout};

use serde::Serialize;
use similar::TextDiff;

use super::decide_args::Output;
use super::error::CliError;
use super::overlay_folder::Change;
use super::print::{as_json, err, out};
use crate::model::EscapedWhole;

/// The files that have a decision, or that would have it.
#[must_use]
pub(super) struct Written {
    pub changes: Vec<Change>,
    pub warnings: Vec<String>,
    /// The reason why the files that come later were not written.
    pub failure: Option<CliError>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenFile<'w> {
    file: &'w str,
    /// True if the file did not exist.
    is_new: bool,
    difference: String,
}

impl Written {
    /// Prints the differences, or the new text for `--stdout`, and then the warnings.
    pub(super) fn print(self, output: &Output) -> Result<(), CliError> {
        for Change { before, after: file } in &self.changes {
            let old = before.as_ref().map(|before| before.text.as_str());
            if output.stdout {
                err(&EscapedWhole(&file.file).to_string());
                print_text(&file.text);
                continue;
            }
            let difference = difference(&file.file, old.unwrap_or_default(), &file.text);
            if output.json {
                as_json(&WrittenFile { file: &file.file, is_new: old.is_none(), difference });
            } else {
                difference.lines().for_each(|line| out(&EscapedWhole(line).to_string()));
            }
        }
        self.warnings.iter().for_each(|warning| err(&format!("warning: {warning}")));
        self.failure.map_or(Ok(()), Err)
    }
}

fn difference(file: &str, old: &str, new: &str) -> String {
    let before = if old.is_empty() { "/dev/null" } else { file };
    TextDiff::from_lines(old, new).unified_diff().header(before, file).to_string()
}

/// Prints a text as it is; on a terminal without characters that could steer it.
fn print_text(text: &str) {
    if stdout().is_terminal() {
        text.lines().for_each(|line| out(&EscapedWhole(line).to_string()));
    } else {
        // A reader that has gone away must not end in a panic.
        let _ = stdout().write_all(text.as_bytes());
    }
}
