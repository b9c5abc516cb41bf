//! The overlay file that takes a decision: which one it is, its new text, and its replacement.

use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use similar::TextDiff;

use super::decide_args::Output;
use super::decision::Subject;
use super::error::CliError;
use super::print::{as_json, err, out};
use crate::config::{Settings, read_overlays, read_upstreams, replace_file};
use crate::daemon::{EarlierDecision, ReviewSheet};
use crate::lint::{Finding, Source, has_errors};
use crate::model::{Escaped, EscapedWhole, Name, Timestamp};
use crate::overlay::edit::{Decision, edit, rule_taking};
use crate::overlay::{Context, NamePattern, OverlaySet, Reading, Rule, read};

/// The overlay folder as it was read.
pub(super) struct Overlays {
    folder: PathBuf,
    sources: Vec<Arc<Source>>,
    upstreams: Vec<String>,
    settings: Settings,
    now: Timestamp,
    reading: Reading,
}

/// A file that a decision changes.
struct Change {
    before: Option<Arc<Source>>,
    after: Arc<Source>,
}

#[derive(Serialize)]
struct Written<'w> {
    file: &'w str,
    /// True if the file did not exist.
    is_new: bool,
    difference: String,
}

impl Overlays {
    /// Reads the folder. Files with errors are judged with the new text.
    pub(super) fn read(settings: Settings, now: Timestamp) -> Result<Self, CliError> {
        let upstreams = read_upstreams(&settings.upstreams).map_err(CliError::Findings)?;
        let upstreams = upstreams.into_iter().map(|upstream| upstream.id).collect();
        let folder = read_overlays(&settings.overlays);
        if has_errors(&folder.findings) {
            return Err(CliError::Findings(folder.findings));
        }
        let mut this = Self {
            folder: settings.overlays.clone(),
            sources: folder.sources,
            upstreams,
            settings,
            now,
            reading: Reading::default(),
        };
        this.reading = read(&this.sources, &this.context());
        Ok(this)
    }

    fn context(&self) -> Context<'_> {
        let terms = self.settings.terms;
        Context { terms, now: self.now, upstreams: Some(&self.upstreams) }
    }

    /// Demands that the sheet rests on the decisions that the folder states: another person may have written one that
    /// the daemon has not loaded.
    pub(super) fn require_rules_of(&self, sheet: &ReviewSheet) -> Result<(), CliError> {
        let Ok(name) = Name::parse(&sheet.name) else { return Ok(()) };
        let set = OverlaySet::from(self.reading.clone());
        let stated = set.rules_for(&name);
        let stated: Vec<_> = stated.all().filter_map(EarlierDecision::of).collect();
        let is_in = |decision: &EarlierDecision, others: &[EarlierDecision]| {
            others.iter().any(|other| other.says_the_same(decision))
        };
        let missing = stated.iter().find(|decision| !is_in(decision, &sheet.decisions));
        let gone = sheet.decisions.iter().find(|decision| !is_in(decision, &stated));
        let (decision, where_it_is) = match (missing, gone) {
            (None, None) => return Ok(()),
            (Some(decision), _) => (decision, "the folder has, and the sheet does not"),
            (None, Some(decision)) => (decision, "the sheet has, and the folder does not"),
        };
        Err(CliError::Declined(format!(
            "the decision about {} at {} is one that {where_it_is}, and nothing was written: wait until the daemon has \
             loaded the folder (`vidimus status`), and read the sheet again",
            Escaped(&decision.selector),
            Escaped(&decision.place)
        )))
    }

    /// Returns the rule that takes a decision about a subject.
    pub(super) fn rule_of(&self, subject: &Subject) -> Option<&Rule> {
        let Subject { name, versions, upstream } = subject;
        rule_taking((name, versions, upstream.as_deref()), &self.reading.rules)
    }

    /// Writes a decision into its file, or prints the new text of the file.
    pub(super) fn write(&self, decision: &Decision, output: &Output) -> Result<(), CliError> {
        let change = self.change(decision, output.file.as_deref())?;
        let after = self.with(&change);
        if has_errors(&after.findings) {
            return Err(CliError::Findings(after.findings));
        }
        let Change { before, after: file } = &change;
        let old = before.as_ref().map(|before| before.text.as_str());
        if output.stdout {
            err(&EscapedWhole(&file.file).to_string());
            print_text(&file.text);
        } else {
            replace_file(Path::new(&file.file), old, &file.text)?;
            let difference = difference(&file.file, old.unwrap_or_default(), &file.text);
            if output.json {
                as_json(&Written { file: &file.file, is_new: old.is_none(), difference });
            } else {
                difference.lines().for_each(|line| out(&EscapedWhole(line).to_string()));
            }
        }
        self.new_warnings(after).iter().for_each(|warning| err(&format!("warning: {warning}")));
        Ok(())
    }

    fn change(&self, decision: &Decision, file: Option<&Path>) -> Result<Change, CliError> {
        let before = match (decision.rule_in(&self.reading.rules), file) {
            (Some(rule), None) => Some(Arc::clone(&rule.place.source)),
            (Some(rule), Some(file)) => {
                let named = self.source_at(file).filter(|named| **named == rule.place.source);
                let elsewhere = || {
                    CliError::Declined(format!(
                        "the rule with this selection stands at {}, and not in the file of `--file`; leave `--file` out",
                        rule.place
                    ))
                };
                Some(Arc::clone(named.ok_or_else(elsewhere)?))
            }
            (None, Some(file)) => self.source_at(file).cloned(),
            (None, None) => self.file_about(&decision.name).cloned(),
        };
        let path = match (&before, file) {
            (Some(source), _) => source.file.clone(),
            (None, Some(file)) => self.new_file(file)?,
            (None, None) => {
                let name = file_name(&decision.name);
                self.folder.join(name).to_string_lossy().into_owned()
            }
        };
        let empty = || Source::new(path.as_str(), "");
        let source = before.clone().or_else(|| self.known(&path)).unwrap_or_else(empty);
        let text = edit(&source, decision, &self.context())
            .map_err(|refusal| CliError::Edit(Box::new(refusal)))?;
        let before = before.or_else(|| self.known(&path));
        Ok(Change { before, after: Source::new(path, text) })
    }

    fn known(&self, path: &str) -> Option<Arc<Source>> {
        self.sources.iter().find(|source| source.file == path).cloned()
    }

    /// Returns the file of the folder at a path, however that is written.
    fn source_at(&self, file: &Path) -> Option<&Arc<Source>> {
        let whole = file.canonicalize().ok()?;
        let is_it = |source: &&Arc<Source>| {
            Path::new(&source.file).canonicalize().is_ok_and(|path| path == whole)
        };
        self.sources.iter().find(is_it)
    }

    /// Returns the first file with a rule about exactly this name.
    fn file_about(&self, name: &NamePattern) -> Option<&Arc<Source>> {
        let rule = self.reading.rules.iter().find(|rule| rule.name == *name)?;
        Some(&rule.place.source)
    }

    /// Returns the path of a new file, which has to be one that the folder reads.
    fn new_file(&self, file: &Path) -> Result<String, CliError> {
        let allowed = || {
            CliError::Declined(format!(
                "{} is not a file `*.yaml` in a folder of {}; overlays are read from there",
                file.display(),
                self.folder.display()
            ))
        };
        let name = file.file_name().and_then(|name| name.to_str()).ok_or_else(allowed)?;
        let is_yaml = file.extension().is_some_and(|extension| extension == "yaml");
        let is_read = is_yaml && !name.starts_with(['.', '#']);
        let parent = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let (parent, root) = (parent.canonicalize(), self.folder.canonicalize());
        let (Ok(parent), Ok(root)) = (parent, root) else { return Err(allowed()) };
        let below = parent.strip_prefix(&root).map_err(|_| allowed())?;
        let path = self.folder.join(below).join(name);
        let path = path.to_str().filter(|_| is_read).ok_or_else(allowed)?;
        Ok(path.to_owned())
    }

    /// Reads the whole set with the change.
    fn with(&self, change: &Change) -> Reading {
        let mut sources: Vec<Arc<Source>> = self.sources.clone();
        sources.retain(|source| source.file != change.after.file);
        sources.push(Arc::clone(&change.after));
        sources.sort_by(|left, right| Path::new(&left.file).cmp(Path::new(&right.file)));
        read(&sources, &self.context())
    }

    /// Returns the warnings that the set did not have before, such as a denial that overrides what was approved.
    fn new_warnings(&self, after: Reading) -> Vec<String> {
        let warnings = |reading: Reading| -> Vec<Finding> {
            let found = reading.findings.clone();
            found.into_iter().chain(OverlaySet::from(reading).overruled()).collect()
        };
        let text = |finding: &Finding| format!("{} {}", finding.found, finding.allowed);
        let known: Vec<String> = warnings(self.reading.clone()).iter().map(text).collect();
        let mut new = warnings(after);
        new.retain(|finding| !known.contains(&text(finding)));
        new.iter().map(Finding::to_string).collect()
    }
}

/// Returns the name of a file for rules about a name.
fn file_name(name: &NamePattern) -> String {
    let text = name.to_string().replace('/', "--").replace('*', "all");
    // The folder takes a file with a dot in front for one of an editor.
    let text = text.trim_start_matches('.');
    format!("{text}.yaml")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("com.example/wiki", "com.example--wiki.yaml")]
    #[case("com.example.*/*", "com.example.all--all.yaml")]
    #[case("*", "all.yaml")]
    fn file_is_named_after_the_servers_that_its_rules_are_about(
        #[case] name: &str,
        #[case] wanted: &str,
    ) {
        assert_eq!(file_name(&NamePattern::parse(name).expect("a name")), wanted);
    }
}
