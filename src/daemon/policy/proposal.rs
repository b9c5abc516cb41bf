use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::current::{CurrentPolicy, combine};
use super::last_good;
use super::overlays::{LoadedOverlays, Parsed, judge_folder};
use crate::config::{Folder, Settings};
use crate::curation::PolicySnapshot;
use crate::lint::{Finding, Source};
use crate::model::Timestamp;
use crate::overlay::{Context, OverlaySet, parse};
use crate::store::{LastGood, Store, StoreError};

/// The bytes of one set of overlays on its way to a daemon: ten thousand files of a few rules each.
pub const MAX_SET_BYTES: usize = 16 * 1024 * 1024;

/// The bytes of a proposal, which has at most two sets.
pub const MAX_PROPOSAL_BYTES: usize = 2 * MAX_SET_BYTES;

/// Overlay files that may take the place of others.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    pub overlays: Vec<OverlayFile>,
    /// The folder of these files, for messages about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// The files to compare with; absent for the current policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Vec<OverlayFile>>,
}

/// An overlay file on its way to a daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverlayFile {
    pub file: String,
    pub text: String,
}

/// The policies before and after a proposal is loaded.
#[derive(Debug)]
pub struct ProposedChange {
    pub before: Arc<PolicySnapshot>,
    pub after: Arc<PolicySnapshot>,
    /// Warnings of the proposed set.
    pub warnings: Vec<Finding>,
}

impl From<&Arc<Source>> for OverlayFile {
    fn from(source: &Arc<Source>) -> Self {
        Self { file: source.file.clone(), text: source.text.clone() }
    }
}

impl Proposal {
    /// Returns the number of files of the larger set.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.overlays.len().max(self.base.as_ref().map_or(0, Vec::len))
    }

    /// Returns the bytes of names and texts of the larger set.
    #[must_use]
    pub fn set_bytes(&self) -> usize {
        let bytes = |set: &Vec<OverlayFile>| -> usize {
            set.iter().map(|file| file.file.len() + file.text.len()).sum()
        };
        bytes(&self.overlays).max(self.base.as_ref().map_or(0, bytes))
    }

    /// Reads both sets as the daemon with this policy would load them, at this time.
    ///
    /// # Errors
    /// The findings of a set that would be refused.
    pub fn judge(
        self,
        settings: &Settings,
        current: &CurrentPolicy,
        now: Timestamp,
    ) -> Result<ProposedChange, Vec<Finding>> {
        let upstreams = &current.snapshot.upstreams;
        let ids: Vec<String> = upstreams.iter().map(|upstream| upstream.id.clone()).collect();
        let overlays = self.folder.unwrap_or_else(|| settings.overlays.clone());
        let named = Settings { overlays, ..settings.clone() };
        let judge = |files: Vec<OverlayFile>, known: &[Arc<Source>], parsed: &Parsed| {
            let folder = Folder::received(files.into_iter().map(|file| (file.file, file.text)));
            // A folder that became empty is refused.
            let known = LastGood { sources: known.to_vec(), ..LastGood::default() };
            let loaded = judge_folder(&named, folder, Some(&ids), &known, now, parsed)?;
            if loaded.refused { Err(loaded.findings) } else { Ok(loaded) }
        };
        let snapshot = |loaded| {
            let combined = combine(settings, loaded, upstreams.clone());
            combined.with_reports_of(&current.snapshot).snapshot
        };
        let (before, known, parsed) = match self.base {
            None => {
                let CurrentPolicy { snapshot, overlays, .. } = current;
                let known = overlays.last_good.sources.clone();
                (Arc::clone(snapshot), known, Arc::clone(&overlays.parsed))
            }
            Some(base) => {
                let base = judge(base, &[], &Parsed::default())?;
                let (known, parsed) = (base.last_good.sources.clone(), Arc::clone(&base.parsed));
                (snapshot(base), known, parsed)
            }
        };
        let mut loaded = judge(self.overlays, &known, &parsed)?;
        let warnings = std::mem::take(&mut loaded.findings);
        Ok(ProposedChange { before, after: snapshot(loaded), warnings })
    }
}

/// Returns the set that the store has as the last valid one of the folder; without one, a set without rules.
///
/// # Errors
/// When the store cannot be read.
pub fn last_good_overlays(
    settings: &Settings,
    store: &Store,
    now: Timestamp,
) -> Result<LoadedOverlays, StoreError> {
    let last_good = last_good::read(store, &settings.overlays)?;
    // A set that was good once is only read.
    let context = Context { terms: settings.terms, now, upstreams: None };
    let set = OverlaySet::from(parse(&last_good.sources, &context));
    Ok(LoadedOverlays { set: Arc::new(set), last_good, ..LoadedOverlays::default() })
}
