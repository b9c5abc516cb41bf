use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinError;

use crate::config::{Origin, Trust, Upstream};
use crate::curation::View;
use crate::model::{FailureClass, Name, reason};
use crate::store::StoreError;
use crate::sync::{
    FetchFailure, FetchedPage, MAX_QUARANTINED, PageError, PaginationError, SafetyLimits, SyncRun,
};

/// The options of one sync run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub upstream: String,
    pub url: String,
    /// Rows may come without metadata.
    pub files: bool,
    pub trust: Trust,
    pub full: bool,
    /// Read and compare, write nothing.
    pub dry_run: bool,
    pub page_size: u32,
    pub full_sync: Duration,
    pub overlap: Duration,
    pub safety_limits: SafetyLimits,
    /// The bytes that the stored content may take.
    pub max_size: u64,
    /// The rows that are kept in quarantine.
    pub max_quarantined: u64,
    /// The configured views; an entry is served if one of them shows it.
    pub views: Vec<View>,
}

/// The reasons for which a sync run ends without being accepted. Stored entries stay as they were.
#[derive(Debug, Error)]
pub enum SyncFailure {
    #[error(transparent)]
    Fetch(#[from] FetchFailure),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Pagination(#[from] PaginationError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An incremental sync cannot show what another history of the upstream does not have.
    #[error("upstream answers from another store or history; a full sync is needed")]
    Replaced,
    #[error(
        "upstream answered from two stores within a run, so pages may be missing; the next run begins \
         again; let one address lead to one store"
    )]
    TwoStores,
    #[error("the sync run was stopped")]
    Stopped,
    #[error("the sync run panicked")]
    Panicked(#[from] JoinError),
}

impl RunOptions {
    #[must_use]
    pub fn of(upstream: &Upstream, views: &[View], full: bool, dry_run: bool) -> Self {
        Self {
            upstream: upstream.id.clone(),
            url: upstream.origin.to_string(),
            trust: upstream.trust,
            files: matches!(upstream.origin, Origin::Files(_)),
            // Files have no incremental sync: reading all of them is cheap.
            full: full || matches!(upstream.origin, Origin::Files(_)),
            dry_run,
            page_size: upstream.sync.page_size,
            full_sync: upstream.sync.full_sync,
            overlap: upstream.sync.overlap,
            safety_limits: upstream.safety_limits.clone(),
            max_size: upstream.max_size,
            max_quarantined: MAX_QUARANTINED,
            views: views.to_vec(),
        }
    }
}

impl SyncFailure {
    /// Returns the failure and its causes, on one line.
    #[must_use]
    pub fn reason(&self) -> String {
        reason(self)
    }

    /// Returns the class of the failure, as alerts compare it.
    pub(super) fn class(&self) -> FailureClass {
        match self {
            Self::Fetch(failure) => match failure {
                FetchFailure::File { .. } => FailureClass::Files,
                FetchFailure::Status { status: 401 | 403 | 407, .. } => FailureClass::Denied,
                FetchFailure::Status { .. } => FailureClass::Status,
                FetchFailure::TooLarge { .. } => FailureClass::TooLarge,
                FetchFailure::Connect { .. }
                | FetchFailure::Timeout { .. }
                | FetchFailure::Broken { .. } => FailureClass::Fetch,
            },
            Self::Page(PageError::UnknownEnd { .. }) => FailureClass::PageEnd,
            Self::Page(_) => FailureClass::Page,
            Self::Pagination(_) => FailureClass::Pagination,
            Self::Replaced | Self::TwoStores => FailureClass::TwoStores,
            Self::Store(StoreError::NoRoom(_)) => FailureClass::Room,
            Self::Store(_) => FailureClass::Store,
            Self::Stopped => FailureClass::Stopped,
            Self::Panicked(_) => FailureClass::Panic,
        }
    }

    /// Returns true if no answer of an upstream came: its registry may be out of reach.
    pub(super) fn is_without_answer(&self) -> bool {
        self.class() == FailureClass::Fetch
    }

    /// Returns true if the sync run may resume at its cursor; otherwise the cursor may be the cause.
    pub(super) fn keeps_cursor(&self) -> bool {
        match self {
            Self::Fetch(failure) => failure.is_transient(),
            Self::Page(PageError::NotJson { .. }) => true,
            // A staged row that cannot be read would fail every further attempt.
            Self::Store(StoreError::Damaged(_)) | Self::Panicked(_) => false,
            Self::Store(_) | Self::Stopped => true,
            Self::Page(_) | Self::Pagination(_) | Self::Replaced | Self::TwoStores => false,
        }
    }

    /// Returns true if the cursor that the run keeps may be the cause: upstream was there and gave no page.
    pub(super) const fn may_be_of_cursor(&self) -> bool {
        match self {
            // A gateway without its registry says nothing of a cursor.
            Self::Fetch(FetchFailure::Status { status, .. }) => {
                !matches!(*status, 429 | 502 | 503 | 504)
            }
            Self::Fetch(FetchFailure::Timeout { .. } | FetchFailure::Broken { .. })
            | Self::Page(_) => true,
            _ => false,
        }
    }
}

/// Receives what a sync run does.
pub trait Observer: Send + Sync + 'static {
    /// Reports names that changed in rows that were committed.
    fn touched(&self, names: BTreeSet<Name>);
    /// Reports that a page was read and validated.
    fn progress(&self, run: &SyncRun);
}

/// A page with the cursor behind it.
pub(super) struct Fetched {
    pub(super) page: FetchedPage,
    pub(super) next_cursor: Option<String>,
}
