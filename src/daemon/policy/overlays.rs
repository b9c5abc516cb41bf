use std::sync::Arc;

use crate::config::{Folder, Settings, read_overlays};
use crate::lint::{Finding, Source, has_errors};
use crate::model::Timestamp;
use crate::overlay::{Context, OverlaySet, Rule, State, read};
use crate::store::{Store, StoreError};

/// Overlays as loaded from the folder and the last good set.
#[derive(Debug, Clone, Default)]
pub struct LoadedOverlays {
    pub set: Arc<OverlaySet>,
    /// True if the folder was refused: then the last good set decides, with the readable denials of
    /// the refused one on top.
    pub refused: bool,
    /// The lint findings of the folder.
    pub findings: Vec<Finding>,
    /// The folder and upstream ids that were read, to detect a change.
    read: Option<(Folder, Vec<String>)>,
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
    let read_from = Some((folder.clone(), upstreams.unwrap_or_default().to_vec()));
    let kept = match store {
        Some(store) => store.snapshot()?.overlays()?,
        None => Vec::new(),
    };
    let context = Context { terms: settings.terms, now, upstreams };
    let mut reading = read(&folder.sources, &context);
    let mut findings = folder.findings;
    findings.append(&mut reading.findings);
    if folder.sources.is_empty() && !kept.is_empty() && !has_errors(&findings) {
        let place = Source::new(settings.overlays.to_string_lossy(), "").start();
        let allowed = "restore the files; to serve nothing, keep one file without approvals";
        findings.push(Finding::error(&place, "the folder became empty", allowed));
    }
    let sources = folder.sources;
    if !has_errors(&findings) {
        if let (Some(store), true) = (store, keep && sources != kept) {
            store.keep_overlays(&sources, now)?;
        }
        let set = Arc::new(reading.into());
        return Ok(Ok(LoadedOverlays { set, refused: false, findings, read: read_from }));
    }
    if kept.is_empty() {
        return Ok(Err(findings));
    }
    // A set that was good once is only read, not checked against the current upstreams.
    let good = read(&kept, &Context { upstreams: None, ..context });
    let set = Arc::new(OverlaySet::from(good).with_denials_of(&reading));
    Ok(Ok(LoadedOverlays { set, refused: true, findings, read: read_from }))
}

impl LoadedOverlays {
    /// Returns overlays that approve nothing, for a folder without a good set; the findings say why.
    #[must_use]
    pub fn nothing(findings: Vec<Finding>) -> Self {
        Self { refused: true, findings, ..Self::default() }
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

    /// Returns true if reading the folder against these upstreams could give another result.
    pub(super) fn is_outdated(&self, settings: &Settings, upstreams: &[String]) -> bool {
        // A folder that was refused for a date may be good now.
        self.refused
            || self.read.as_ref().is_none_or(|(folder, known)| {
                known != upstreams || *folder != read_overlays(&settings.overlays)
            })
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
    let approves = rule.approval.as_ref().is_some_and(|approval| approval.state == State::Approved);
    let file = rule.place.source.file.as_str();
    approves && file.rsplit('/').next() == Some("starter.yaml")
}
