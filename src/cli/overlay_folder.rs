//! The overlay folder that a decision is written into, as it was read and as it would be read again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::decision::Subject;
use super::error::CliError;
use super::linked::{self, against_links};
use crate::config::{Folder, Settings, read_overlays, read_upstreams};
use crate::daemon::ReviewSheet;
use crate::lint::{Finding, Place, Severity, Source, has_errors};
use crate::model::{Digest, Escaped, Name, Timestamp};
use crate::overlay::edit::rule_taking;
use crate::overlay::{Context, OverlaySet, Reading, Rule, Terms, read};

/// The overlay folder as it was read.
pub(super) struct Overlays {
    pub root: PathBuf,
    pub reading: Reading,
    folder: Folder,
    /// The known upstreams; `None` if their files cannot be read.
    upstreams: Option<Vec<String>>,
    terms: Terms,
    now: Timestamp,
    /// The errors of the folders before the change; `None` if errors refuse the decision.
    earlier: Option<Vec<Finding>>,
}

/// A file that a decision changes.
#[derive(Debug, Clone)]
pub(super) struct Change {
    /// `None` for a new file.
    pub before: Option<Arc<Source>>,
    pub after: Arc<Source>,
}

impl Overlays {
    /// Reads the folders for an approval, which demands that they can be read. Files with errors are judged with the new
    /// text.
    pub(super) fn read_whole(settings: &Settings, now: Timestamp) -> Result<Self, CliError> {
        let mut this = Self::read(settings, now);
        let earlier = this.earlier.take().unwrap_or_default();
        let of_folders = |finding: &&Finding| !this.reading.findings.contains(finding);
        let of_folders: Vec<Finding> = earlier.iter().filter(of_folders).cloned().collect();
        if has_errors(&of_folders) { Err(CliError::Findings(of_folders)) } else { Ok(this) }
    }

    /// Reads the folders for a denial, which errors that are there already do not stop.
    pub(super) fn read(settings: &Settings, now: Timestamp) -> Self {
        let mut earlier = Vec::new();
        let upstreams = match read_upstreams(&settings.upstreams) {
            Ok(upstreams) => Some(upstreams.into_iter().map(|upstream| upstream.id).collect()),
            Err(findings) => {
                earlier = findings;
                None
            }
        };
        let folder = read_overlays(&settings.overlays);
        let mut this = Self {
            root: settings.overlays.clone(),
            reading: Reading::default(),
            folder,
            upstreams,
            terms: settings.terms,
            now,
            earlier: None,
        };
        this.reading = read(&this.folder.sources, &this.context());
        earlier.extend(this.folder.findings.iter().chain(&this.reading.findings).cloned());
        earlier.retain(|finding| finding.severity == Severity::Error);
        this.earlier = Some(earlier);
        this
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context { terms: self.terms, now: self.now, upstreams: self.upstreams.as_deref() }
    }

    /// Demands that the sheet rests on the rules that the folder has: another person may have written one that the daemon
    /// has not loaded.
    pub(super) fn require_rules_of(&self, sheet: &ReviewSheet) -> Result<(), CliError> {
        let Ok(name) = Name::parse(&sheet.name) else { return Ok(()) };
        let set = OverlaySet::from(self.reading.clone());
        let about = set.rules_for(&name);
        let stated: Vec<(Digest, &Rule)> = about.all().map(|rule| (rule.digest(), rule)).collect();
        let missing = stated.iter().find(|(digest, _)| !sheet.rules.contains(digest));
        let gone =
            sheet.rules.iter().find(|known| !stated.iter().any(|(digest, _)| digest == *known));
        let found = match (missing, gone) {
            (None, None) => return Ok(()),
            (Some((_, rule)), _) => format!(
                "the decision about {} at {} is one that the folder has, and the sheet does not",
                Escaped(&rule.selector()),
                rule.place
            ),
            (None, Some(gone)) => {
                match sheet.decisions.iter().find(|known| known.digest == *gone) {
                    Some(decision) => format!(
                        "the decision about {} at {} is one that the sheet has, and the folder does not",
                        Escaped(&decision.selector),
                        Escaped(&decision.place)
                    ),
                    None => format!(
                        "a rule about {name} is one that the sheet has, and the folder does not"
                    ),
                }
            }
        };
        Err(CliError::Declined(format!(
            "{found}, and nothing was written: wait until the daemon has loaded the folder (`vidimus status`), and read the \
             sheet again"
        )))
    }

    /// Returns the rule that takes a decision about a subject.
    pub(super) fn rule_of(&self, subject: &Subject) -> Option<&Rule> {
        let Subject { name, versions, upstream } = subject;
        rule_taking((name, versions, upstream.as_deref()), &self.reading.rules)
    }

    pub(super) fn known(&self, path: &str) -> Option<Arc<Source>> {
        self.folder.sources.iter().find(|source| source.file == path).cloned()
    }

    /// Returns the file of the folder at a path, however that is written.
    pub(super) fn source_at(&self, file: &Path) -> Option<&Arc<Source>> {
        let whole = file.canonicalize().ok()?;
        let is_it = |source: &&Arc<Source>| {
            Path::new(&source.file).canonicalize().is_ok_and(|path| path == whole)
        };
        self.folder.sources.iter().find(is_it)
    }

    /// Judges the folder as it would be read with the changes, and returns the warnings about it.
    ///
    /// An approval demands that the whole set is valid. A denial demands that the changed files are read, and that no error
    /// appears: an error elsewhere must not stop it.
    pub(super) fn judge(&self, changes: &[Change]) -> Result<Vec<String>, CliError> {
        let mut folder = self.folder.clone();
        for Change { after, .. } in changes {
            folder = folder.with(&self.root, &after.file, &after.text);
            if !folder.sources.contains(after) {
                let about = |finding: &Finding| finding.place.source.file == after.file;
                folder.findings.retain(about);
                return Err(CliError::Findings(folder.findings));
            }
        }
        let reading = read(&folder.sources, &self.context());
        let mut findings = folder.findings;
        findings.extend(reading.findings.iter().cloned());
        let Some(earlier) = &self.earlier else {
            if has_errors(&findings) {
                return Err(CliError::Findings(findings));
            }
            return Ok(self.new_warnings(reading));
        };
        findings.retain(|finding| finding.severity == Severity::Error);
        let new = new_ones(findings, earlier);
        let (beside_errors, new): (Vec<Finding>, Vec<Finding>) =
            new.into_iter().partition(|finding| self.is_against_broken_file(finding, changes));
        let (beside_links, new) =
            against_links(new, |file| changes.iter().any(|change| change.after.file == file));
        if !new.is_empty() {
            return Err(CliError::Findings(new));
        }
        let mut warnings = self.new_warnings(reading);
        warnings.extend(beside_errors.iter().map(|contradiction| {
            // Without that rule, the set could be weaker than it is.
            let advice = if self.is_about_denial(contradiction, changes) {
                "another denial or suspension with this selection: when the file is corrected, make both the same"
            } else {
                "another rule with this selection, which has to be removed when the file is corrected"
            };
            format!("a file that has an error has {advice}: {contradiction}")
        }));
        warnings.extend(beside_links.iter().map(linked::warning));
        let there_before = earlier.iter().map(|error| {
            format!("an error that was there before, and has to be corrected: {error}")
        });
        warnings.extend(there_before);
        Ok(warnings)
    }

    /// Returns true if errors were found in a file before the change; `false` for an approval, which they refuse.
    pub(super) fn had_error(&self, file: &str) -> bool {
        let mut errors = self.earlier.iter().flatten();
        errors.any(|error| error.place.source.file == file)
    }

    /// Returns true if a changed file contradicts one that had an error: the set is refused until a person corrects that
    /// file, and what is denied in a refused set stays hidden.
    fn is_against_broken_file(&self, finding: &Finding, changes: &[Change]) -> bool {
        let Some(other) = &finding.other else { return false };
        let (one, other) = (&finding.place.source.file, &other.source.file);
        let is_changed = |file: &String| changes.iter().any(|change| change.after.file == *file);
        (is_changed(one) && !is_changed(other) && self.had_error(other))
            || (is_changed(other) && !is_changed(one) && self.had_error(one))
    }

    /// Returns true if the rule of the file that had an error is a denial or suspension.
    fn is_about_denial(&self, contradiction: &Finding, changes: &[Change]) -> bool {
        let places = [Some(&contradiction.place), contradiction.other.as_ref()];
        let is_kept =
            |place: &&Place| !changes.iter().any(|change| change.after.file == place.source.file);
        let mut broken = places.into_iter().flatten().filter(is_kept);
        broken.any(|place| {
            let mut rules = self.reading.rules.iter().filter(|rule| rule.hides());
            rules.any(|rule| rule.place == *place)
        })
    }

    /// Returns the warnings that the set did not have before, such as a denial that overrides what was approved.
    fn new_warnings(&self, after: Reading) -> Vec<String> {
        let warnings = |reading: Reading| -> Vec<Finding> {
            let found = reading.findings.clone();
            let found = found.into_iter().chain(OverlaySet::from(reading).overruled());
            found.filter(|finding| finding.severity == Severity::Warning).collect()
        };
        let new = new_ones(warnings(after), &warnings(self.reading.clone()));
        new.iter().map(Finding::to_string).collect()
    }
}

/// Returns the findings beyond the known ones, wherever they stand in their files: an edit moves lines.
fn new_ones(mut findings: Vec<Finding>, known: &[Finding]) -> Vec<Finding> {
    let is_same = |left: &Finding, right: &Finding| {
        let text = |finding: &Finding| (finding.found.clone(), finding.allowed.clone());
        text(left) == text(right)
    };
    for known in known {
        if let Some(index) = findings.iter().position(|finding| is_same(finding, known)) {
            findings.remove(index);
        }
    }
    findings
}
