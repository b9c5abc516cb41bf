use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::denying::Denying;
use super::last_good;
use crate::config::{Folder, Settings, read_overlays};
use crate::lint::{Finding, Severity, Source, has_errors};
use crate::model::Timestamp;
use crate::overlay::{Context, OverlaySet, ParsedFiles, Reading, Rule, end_approvals};
use crate::store::{LastGood, Store, StoreError};

/// Overlays as loaded from the folder and the last good set.
#[derive(Debug, Clone, Default)]
pub struct LoadedOverlays {
    pub set: Arc<OverlaySet>,
    /// True if the folder was refused: then the last good set decides, with the readable denials of
    /// the refused one on top.
    pub refused: bool,
    /// The lint findings of the folder.
    pub findings: Vec<Finding>,
    /// The approvals of the last good set that files of a refused folder do not give any more.
    pub ended: Vec<Finding>,
    /// The set that a restart, and the next refused folder, fall back to.
    pub(super) last_good: LastGood,
    /// True if the store has `last_good`.
    pub(super) is_kept: bool,
    /// The folder and upstream ids that were read, to detect a change.
    pub(super) read: Option<(Folder, Vec<String>)>,
    /// The files as they were parsed, so that the next lint parses only what changed.
    pub(super) parsed: Arc<Parsed>,
}

/// The files of one lint as they were parsed.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    folder: ParsedFiles,
    /// Those of the last good set, if the folder was refused.
    good: ParsedFiles,
}

/// Reads the overlay folder against the last good set.
///
/// A good folder becomes the last good set, and is kept in the store if `keep`. A bad one is refused:
/// the last good set stays current, also across restarts.
///
/// # Errors
/// The findings when the folder is refused and there is not yet a good set to fall back to.
pub fn load_overlays(
    settings: &Settings,
    upstreams: Option<&[String]>,
    store: Option<&Store>,
    now: Timestamp,
    keep: bool,
) -> Result<Result<LoadedOverlays, Vec<Finding>>, StoreError> {
    let folder = read_overlays(&settings.overlays);
    let stored = match store {
        Some(store) => last_good::read(store, &settings.overlays)?,
        None => LastGood::default(),
    };
    let mut loaded =
        match judge_folder(settings, folder, upstreams, &stored, now, &Parsed::default()) {
            Ok(loaded) => loaded,
            Err(findings) => return Ok(Err(findings)),
        };
    loaded.is_kept = loaded.last_good == stored;
    if let (Some(store), true, false) = (store, keep, loaded.is_kept) {
        last_good::keep(store, &settings.overlays, &loaded.last_good, now)?;
        loaded.is_kept = true;
    }
    Ok(Ok(loaded))
}

/// Judges a folder as it was read against the last good set; files that were parsed `before` are not parsed again.
///
/// # Errors
/// The findings when the folder is refused and there is not yet a good set to fall back to.
pub(super) fn judge_folder(
    settings: &Settings,
    folder: Folder,
    upstreams: Option<&[String]>,
    last_good: &LastGood,
    now: Timestamp,
    before: &Parsed,
) -> Result<LoadedOverlays, Vec<Finding>> {
    let context = Context { terms: settings.terms, now, upstreams };
    let (reading, parsed) = before.folder.parse(&folder.sources, &context);
    let broken = broken_files(&reading);
    let mut reading = reading.checked();
    let mut findings = folder.findings.clone();
    findings.append(&mut reading.findings);
    if folder.sources.is_empty() && !last_good.sources.is_empty() && !has_errors(&findings) {
        let place = Source::new(settings.overlays.to_string_lossy(), "").start();
        let allowed = "restore the files; to serve nothing, keep one file without approvals";
        findings.push(Finding::error(&place, "the folder became empty", allowed));
    }
    let sources = folder.sources.clone();
    let read_from = Some((folder, upstreams.unwrap_or_default().to_vec()));
    if !has_errors(&findings) {
        return Ok(LoadedOverlays {
            set: Arc::new(reading.into()),
            findings,
            last_good: LastGood { sources, ..LastGood::default() },
            read: read_from,
            parsed: Arc::new(Parsed { folder: parsed, ..Parsed::default() }),
            ..LoadedOverlays::default()
        });
    }
    if last_good.sources.is_empty() {
        return Err(findings);
    }
    // A set that was good once is only read, not checked against the current upstreams.
    let unchecked = Context { upstreams: None, ..context };
    let (mut good, good_parsed) = before.good.parse(&last_good.sources, &unchecked);
    let files = sources.iter().map(|source| source.file.as_str());
    let whole = files.filter(|file| !broken.contains(*file)).collect();
    let ended = end_approvals(&mut good, &reading, &whole, &last_good.ended);
    let keys = ended.iter().map(|finding| {
        let place = &finding.place;
        (place.source.file.clone(), place.span.start as u64)
    });
    let denying = Denying::of(&last_good.denying, &whole, context, &parsed);
    let set = OverlaySet::from(good).with_denials_of(&reading).with_denials_of(&denying.reading);
    let last_good = LastGood {
        sources: last_good.sources.clone(),
        ended: keys.collect(),
        denying: denying.with(&sources),
    };
    Ok(LoadedOverlays {
        set: Arc::new(set),
        refused: true,
        findings,
        ended,
        last_good,
        is_kept: false,
        read: read_from,
        parsed: Arc::new(Parsed { folder: parsed, good: good_parsed }),
    })
}

/// Returns the files with errors of their own, which say too little to end an approval.
fn broken_files(parsed: &Reading) -> BTreeSet<String> {
    let errors = parsed.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.place.source.file.clone()).collect()
}

impl LoadedOverlays {
    /// Returns overlays that approve nothing, for a folder without a good set; the findings say why.
    #[must_use]
    pub fn nothing(findings: Vec<Finding>) -> Self {
        Self { refused: true, findings, ..Self::default() }
    }

    /// Returns these overlays with the readable denials of files that were not judged yet.
    #[must_use]
    pub(super) fn hiding(self, denials: &Reading) -> Self {
        let known: HashSet<_> =
            self.set.rules().iter().filter(|rule| rule.hides()).map(Rule::selection).collect();
        let is_new = |rule: &Rule| rule.hides() && !known.contains(&rule.selection());
        if !denials.rules.iter().any(is_new) && !self.set.lacks_internal(&denials.internal) {
            return self;
        }
        Self { set: Arc::new(self.set.with_denials_of(denials)), ..self }
    }

    /// Returns true if the folder has no overlay file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read.as_ref().is_some_and(|(folder, _)| folder.sources.is_empty())
    }

    /// Returns true if anything differs from what was loaded before.
    pub(super) fn differs_from(&self, before: &Self) -> bool {
        (self.refused, &self.findings, &self.read)
            != (before.refused, &before.findings, &before.read)
    }
}

/// Returns the finding that `check` and the daemon raise while the starter approves anything.
#[must_use]
pub fn starter_warning(set: &OverlaySet) -> Option<Finding> {
    let approving = || set.rules().iter().filter(|rule| approves_as_starter(rule));
    let rule = approving().next()?;
    let count = approving().count();
    let noun = if count == 1 { "approval" } else { "approvals" };
    let found = format!("the starter overlay is active with {count} {noun}");
    let allowed = "the starter is an example that no reviewer checked; replace the file with your own overlay";
    Some(Finding::warning(&rule.place.source.start(), found, allowed))
}

fn approves_as_starter(rule: &Rule) -> bool {
    let file = rule.place.source.file.as_str();
    rule.approved().is_some() && file.rsplit('/').next() == Some("starter.yaml")
}
