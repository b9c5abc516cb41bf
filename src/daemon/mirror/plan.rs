use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinError;

use crate::config::{Origin, Upstream};
use crate::curation::View;
use crate::model::{FailureClass, Name, reason};
use crate::store::StoreError;
use crate::sync::{FetchFailure, FetchedPage, PageFault, PassState, Rails, WalkFault};

/// One pass to make.
#[derive(Debug, Clone)]
pub struct PassPlan {
    pub upstream: String,
    pub url: String,
    /// Rows may come without metadata.
    pub files: bool,
    pub full: bool,
    /// Read and compare, write nothing.
    pub dry_run: bool,
    pub page_size: u32,
    pub full_walk: Duration,
    pub overlap: Duration,
    pub rails: Rails,
    /// The configured views: what they show is served.
    pub views: Vec<View>,
}

/// Why a pass ended without being accepted. What was there before is untouched.
#[derive(Debug, Error)]
pub enum PassFailure {
    #[error("{0}")]
    Fetch(#[from] FetchFailure),
    #[error("{0}")]
    Page(#[from] PageFault),
    #[error("{0}")]
    Walk(#[from] WalkFault),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the pass was stopped")]
    Stopped,
    #[error("the pass panicked")]
    Panicked(#[from] JoinError),
}

impl PassPlan {
    #[must_use]
    pub fn of(upstream: &Upstream, views: &[View], full: bool, dry_run: bool) -> Self {
        Self {
            upstream: upstream.id.clone(),
            url: upstream.origin.to_string(),
            files: matches!(upstream.origin, Origin::Files(_)),
            // Files have no increments: reading all of them is cheap.
            full: full || matches!(upstream.origin, Origin::Files(_)),
            dry_run,
            page_size: upstream.sync.page_size,
            full_walk: upstream.sync.full_walk,
            overlap: upstream.sync.overlap,
            rails: upstream.rails.clone(),
            views: views.to_vec(),
        }
    }
}

impl PassFailure {
    /// The failure and its causes, on one line.
    #[must_use]
    pub fn reason(&self) -> String {
        reason(self)
    }

    /// What made the pass fail, as alerts compare it.
    pub(super) fn class(&self) -> FailureClass {
        match self {
            Self::Fetch(_) => FailureClass::Fetch,
            Self::Page(_) => FailureClass::Page,
            Self::Walk(_) => FailureClass::Walk,
            Self::Store(_) => FailureClass::Store,
            Self::Stopped => FailureClass::Stopped,
            Self::Panicked(_) => FailureClass::Panic,
        }
    }

    /// Whether the pass may go on later from where it stood; otherwise its cursor is to blame.
    pub(super) fn keeps_cursor(&self) -> bool {
        match self {
            Self::Fetch(failure) => failure.is_transient(),
            Self::Page(PageFault::NotJson { .. }) => true,
            // A staged row that cannot be read would fail every further try.
            Self::Store(StoreError::Damaged(_)) | Self::Panicked(_) => false,
            Self::Store(_) | Self::Stopped => true,
            Self::Page(_) | Self::Walk(_) => false,
        }
    }
}

/// Who is told how a pass goes.
pub trait Observer: Send + Sync + 'static {
    /// Rows were committed; these names changed.
    fn touched(&self, names: BTreeSet<Name>);
    /// A page was judged.
    fn progress(&self, pass: &PassState);
}

/// A page that moves the walk on.
pub(super) struct Fetched {
    pub(super) page: FetchedPage,
    pub(super) next_cursor: Option<String>,
}
