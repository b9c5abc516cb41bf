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
    load_folder(settings, read_overlays(&settings.overlays), upstreams, store, now, keep)
}

/// Does the same with a folder that was read.
///
/// # Errors
/// As for [`load_overlays`].
pub fn load_folder(
    settings: &Settings,
    folder: Folder,
    upstreams: Option<&[String]>,
    store: Option<&Store>,
    now: Timestamp,
    keep: bool,
) -> Result<Result<LoadedOverlays, Vec<Finding>>, StoreError> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Digest;

    /// Texts of good, broken and contradicting files, some with findings that depend on the time or the upstreams.
    const TEXTS: [&str; 9] = [
        "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-05-30}}]",
        "servers: [{name: com.a/x, approval: {state: denied}}, {name: com.b/y, tier: 2}]",
        "servers: [{name: com.a/x, approval: {state: approved, reviewed: 2026-06-03}}]",
        "servers: [{name: com.b/y, upstream: new, approval: {state: suspended}}]",
        "servers:\n- {name: com.a/x, approval: {state: denied}}\n- {name: [",
        "servers: [{name: com.b/y, approval: {state: approved, reviewed: 2026-05-01, expires: 2026-06-04}}]",
        "servers: [{name: com.b/y, waive: {condition: secrets, reason: r, reviewer: a, expires: 2026-06-05}}]",
        "namespaces: [{name: com.a, internal: true, ownership: {require: verified}}]",
        "# nothing",
    ];

    /// One step: a file gets a text or goes, the time is so many hours after the start, and an upstream exists or not.
    type Step = (usize, Option<usize>, u64, bool);

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let text = prop::option::weighted(0.8, 0..TEXTS.len());
        prop::collection::vec((0..4_usize, text, 0..150_u64, any::<bool>()), 1..40)
    }

    /// A judgement: its set, as a digest and as rules with their places, if it was refused, its findings, the approvals
    /// that ended, and the set to fall back to.
    type Judged = (Digest, Vec<Rule>, bool, Vec<Finding>, Vec<Finding>, LastGood);

    fn judged(loaded: &Result<LoadedOverlays, Vec<Finding>>) -> Result<Judged, Vec<Finding>> {
        let LoadedOverlays { set, refused, findings, ended, last_good, .. } =
            loaded.as_ref().map_err(Clone::clone)?;
        let (digest, rules) = (Digest::of_hash(&**set), set.rules().to_vec());
        Ok((digest, rules, *refused, findings.clone(), ended.clone(), last_good.clone()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn judgement_with_kept_files_is_that_of_a_fresh_reading(steps in steps()) {
            let first = Timestamp::parse("2026-06-01T00:00:00Z").expect("a time");
            let known = ["official".to_owned(), "new".to_owned()];
            let settings = Settings::default();
            let mut files: [Option<Arc<Source>>; 4] = Default::default();
            let mut before = LoadedOverlays::default();
            for (file, text, hours, is_new) in steps {
                files[file] = text.map(|text| Source::new(format!("{file}.yaml"), TEXTS[text]));
                let sources = files.iter().flatten().cloned().collect();
                let folder = Folder { sources, ..Folder::default() };
                let upstreams = if is_new { &known[..] } else { &known[..1] };
                let now = first.plus(Duration::from_hours(hours));
                let judge = |parsed: &Parsed| {
                    let (folder, upstreams) = (folder.clone(), Some(upstreams));
                    judge_folder(&settings, folder, upstreams, &before.last_good, now, parsed)
                };
                let kept = judge(&before.parsed);
                prop_assert_eq!(judged(&kept), judged(&judge(&Parsed::default())));
                before = kept.unwrap_or_else(LoadedOverlays::nothing);
            }
        }
    }
}
