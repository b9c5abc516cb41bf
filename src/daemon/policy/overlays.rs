use std::sync::Arc;

use crate::config::{Folder, Settings, read_overlays};
use crate::lint::{Finding, Source, has_errors};
use crate::model::Instant;
use crate::overlay::{Context, OverlaySet, State, Statement, read};
use crate::store::{Store, StoreError};

/// Overlays as they were loaded from the folder and the last good set.
#[derive(Debug, Clone, Default)]
pub struct LoadedOverlays {
    pub set: Arc<OverlaySet>,
    /// Whether the folder was refused: then the last good set decides, with the readable denials of
    /// the refused one on top.
    pub refused: bool,
    /// The findings of the lint in the folder as it is.
    pub findings: Vec<Finding>,
    /// What was read, to notice a change.
    read: Option<(Folder, Vec<String>)>,
}

/// Reads the overlay folder against the last good set.
///
/// A good folder becomes the last good set, and is kept in the store when `keep` says so. A bad
/// one is refused: what was good stays in force, and so it does across restarts.
///
/// # Errors
/// The findings when the folder is refused and there never was a good set to fall back to.
pub fn load_overlays(
    settings: &Settings,
    upstreams: Option<&[String]>,
    store: Option<&Store>,
    now: Instant,
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
        let allowed = "restore the files; to serve nothing, keep one file that approves nothing";
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
    // What was good once is not judged by the upstreams of today, only read.
    let good = read(&kept, &Context { upstreams: None, ..context });
    let set = Arc::new(OverlaySet::from(good).with_denials_of(&reading));
    Ok(Ok(LoadedOverlays { set, refused: true, findings, read: read_from }))
}

impl LoadedOverlays {
    /// Nothing was ever good: nothing is served, and the findings say why.
    #[must_use]
    pub fn nothing(findings: Vec<Finding>) -> Self {
        Self { refused: true, findings, ..Self::default() }
    }

    /// Whether anything of it differs from what was loaded before.
    pub(super) fn differs_from(&self, before: &Self) -> bool {
        (self.refused, &self.findings, &self.read)
            != (before.refused, &before.findings, &before.read)
    }

    /// Whether the folder, read against these upstreams, could say something else than it did.
    pub(super) fn is_outdated(&self, settings: &Settings, upstreams: &[String]) -> bool {
        // What was refused for a date may be good by now.
        self.refused
            || self.read.as_ref().is_none_or(|(folder, known)| {
                known != upstreams || *folder != read_overlays(&settings.overlays)
            })
    }
}

/// The finding that `check` and the daemon raise as long as the starter approves anything.
#[must_use]
pub fn starter_warning(set: &OverlaySet) -> Option<Finding> {
    let approving = || set.statements().iter().filter(|it| approves_as_starter(it));
    let statement = approving().next()?;
    let found = format!("the starter overlay is in force with {} approvals", approving().count());
    let allowed = "they are nobody's review but an example: replace the file with your own";
    Some(Finding::warning(&statement.place.source.start(), found, allowed))
}

fn approves_as_starter(statement: &Statement) -> bool {
    let approves = statement.approval.as_ref().is_some_and(|it| it.state == State::Approved);
    let file = statement.place.source.file.as_str();
    approves && file.rsplit('/').next() == Some("starter.yaml")
}
