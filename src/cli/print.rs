//! Prints for people and programs. Text from outside passes through [`Escaped`].

use std::process::ExitCode;
use std::sync::Arc;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use miette::{GraphicalReportHandler, LabeledSpan, MietteDiagnostic, NamedSource};
use serde::Serialize;

use super::error::CliError;
use crate::lint::{Finding, Severity};
use crate::model::{Escaped, EscapedWhole, is_hidden};
use crate::store::Verification;

pub(super) fn as_json(value: &impl Serialize) {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    out(&escaped_json(&text));
}

/// Writes characters that could steer a terminal as `\uXXXX`, which leaves the same value. JSON itself demands that of
/// the first 32 characters only.
pub(super) fn escaped_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\n' || !is_hidden(character) {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

/// Returns a count with the noun that agrees with it.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Writes a line. A reader that has gone away, as `head` does, must not end in a panic.
pub(super) fn out(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub(super) fn err(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub(super) fn error(error: &CliError) {
    if let CliError::Findings(found) | CliError::Settings(found) = error {
        found.iter().for_each(|finding| err(&drawn(finding)));
    }
    let reason = crate::model::reason(error);
    match error {
        // What a person does next must not be cut.
        CliError::Declined(_) => err(&format!("vidimus: {}", EscapedWhole(&reason))),
        _ => err(&format!("vidimus: {}", Escaped(&reason))),
    }
    if let CliError::Edit(refused) = error {
        refused.paste().lines().for_each(|line| err(&EscapedWhole(line).to_string()));
    }
}

/// Prints a usage error: clap repeats arguments as they are.
pub(super) fn usage(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    text.trim_end().lines().for_each(|line| err(&EscapedWhole(line).to_string()));
    let decides = ["--release <", "--discard <"].iter().any(|flag| text.contains(flag));
    if decides && error.kind() == clap::error::ErrorKind::MissingRequiredArgument {
        err("`vidimus sync --show UPSTREAM` lists what is on hold, with the complete commands");
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

pub(super) fn findings(findings: &[Finding], json: bool) {
    if json {
        #[derive(Serialize)]
        struct Findings<'a> {
            findings: &'a [Finding],
        }
        return as_json(&Findings { findings });
    }
    findings.iter().for_each(|finding| out(&drawn(finding)));
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let warnings = findings.len() - errors;
    out(&format!(
        "{}, {}",
        counted(errors as u64, "error", "errors"),
        counted(warnings as u64, "warning", "warnings")
    ));
}

/// Draws a finding with the lines that it is about.
fn drawn(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let (place, source) = (&finding.place, &finding.place.source);
    let mut diagnostic = MietteDiagnostic::new(format!("{place}: {}", Escaped(&finding.found)))
        .with_severity(severity);
    if !finding.allowed.is_empty() {
        diagnostic = diagnostic.with_help(Escaped(&finding.allowed).to_string());
    }
    if source.text.is_empty() || source.text.lines().any(|line| line.len() > MAX_LINE) {
        return rendered(&diagnostic.into(), 1);
    }
    diagnostic = diagnostic.and_label(LabeledSpan::at(place.span.clone(), "here"));
    if let Some(other) = &finding.other {
        if Arc::ptr_eq(&other.source, source) {
            let label = LabeledSpan::at(other.span.clone(), "contradicts this");
            diagnostic = diagnostic.and_label(label);
        } else {
            diagnostic = diagnostic.with_help(format!("it contradicts {other}"));
        }
    }
    let report: miette::Report = diagnostic.into();
    // The lines around a finding may hold the secret of a webhook.
    let context = usize::from(!source.text.contains("webhooks"));
    let file = Escaped(&source.file).to_string();
    let named = NamedSource::new(file, printable(&source.text));
    rendered(&report.with_source_code(named), context)
}

/// Longer lines are not drawn: no person reads them, and the drawing counts columns in 16 bits.
const MAX_LINE: usize = 4_000;

/// Replaces characters that could steer a terminal, byte for byte, so that places stay right.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\n' | '\t') || !is_hidden(character) {
            printable.push(character);
        } else {
            printable.extend(std::iter::repeat_n('?', character.len_utf8()));
        }
    }
    printable
}

fn rendered(report: &miette::Report, context: usize) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
        .with_context_lines(context)
        .render_report(&mut text, report.as_ref());
    text
}

pub(super) fn verification(found: &Verification, file: bool, repaired: bool, json: bool) {
    if json {
        #[derive(Serialize)]
        struct Report<'a> {
            #[serde(flatten)]
            found: &'a Verification,
            /// True if the storage engine had to repair the file; absent without `--file`.
            #[serde(skip_serializing_if = "Option::is_none")]
            repaired: Option<bool>,
        }
        return as_json(&Report { found, repaired: file.then_some(repaired) });
    }
    if file && repaired {
        out(
            "the file was damaged, and the storage engine repaired it; restart from a copy if rows are missing",
        );
    } else if file {
        out("the file is intact");
    }
    out(&format!(
        "{}, {} in quarantine, {} staged, {} on hold, {}, {} in the ledger",
        counted(found.entries, "entry", "entries"),
        found.quarantined,
        found.staged,
        found.on_hold,
        counted(found.rewritten, "rewritten content", "rewritten contents"),
        found.ledger
    ));
    found.problems.iter().for_each(|problem| out(problem));
    out(&counted(found.problem_count, "problem", "problems"));
}

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header.iter().copied());
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Source;

    #[test]
    fn drawn_finding_steers_no_terminal_and_keeps_its_place() {
        let source = Source::new("a\u{1b}[2J.yaml", "servers: \u{1b}[2J\u{202e}x\n");
        let text = drawn(&Finding::error(&source.start(), "found", "allowed"));
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert_eq!(printable("a\u{202e}b").len(), "a\u{202e}b".len());
    }

    #[test]
    fn json_steers_no_terminal_and_keeps_its_value() {
        let hostile = "\u{1b}[2J \u{7f}\u{9b}31m \u{202e}\u{2066} \u{2028} \u{e0041} täxt\ttab";
        let json = escaped_json(&serde_json::to_string_pretty(&[hostile]).expect("JSON"));
        assert!(
            json.chars().all(|character| character == '\n' || !is_hidden(character)),
            "{json:?}"
        );
        assert!(
            json.contains("\\u202e") && json.contains("\\udb40\\udc41") && json.contains("täxt")
        );
        let read: Vec<String> = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read, [hostile]);
    }

    #[test]
    fn finding_in_a_long_line_is_drawn_without_the_line() {
        let source = Source::new("a.yaml", "x".repeat(70_000));
        let text = drawn(&Finding::error(&source.start(), "found", "allowed"));
        assert!(text.contains("found") && text.len() < 1_000, "{} bytes", text.len());
    }

    #[test]
    fn lines_beside_a_finding_are_not_drawn_where_webhooks_have_secrets() {
        let text = "a = 1\n[[webhooks]]\nsecret = \"hidden\"\n";
        let source = Source::new("vidimus.toml", text);
        let text = drawn(&Finding::error(&source.start(), "found", "allowed"));
        assert!(text.contains("vidimus.toml:1:1") && !text.contains("hidden"), "{text}");
    }
}
