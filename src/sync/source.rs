use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use super::Epoch;
use crate::model::{Name, Timestamp};

/// A source of pages: the port that an upstream's client implements.
pub trait PageSource: Send + Sync + 'static {
    /// Fetches one page of the list, deleted rows included.
    fn page(
        &self,
        request: &PageRequest,
    ) -> impl Future<Output = Result<FetchedPage, FetchFailure>> + Send;

    /// Fetches all versions of one name, deleted ones included; `None` when upstream does not know it.
    fn versions(
        &self,
        name: &Name,
    ) -> impl Future<Output = Result<Option<FetchedPage>, FetchFailure>> + Send;
}

/// The page to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    pub cursor: Option<String>,
    pub updated_since: Option<Timestamp>,
    pub limit: u32,
    /// True if deleted rows are asked for; those since a time come without being asked for.
    pub include_deleted: bool,
}

/// The default limit of the specification, which every registry accepts.
const DEFAULT_LIMIT: u32 = 30;

impl PageRequest {
    /// Returns the request for the first page of a list, or of what changed since a time.
    #[must_use]
    pub const fn first(updated_since: Option<Timestamp>, limit: u32) -> Self {
        Self { cursor: None, updated_since, limit, include_deleted: updated_since.is_none() }
    }

    /// Returns the request that asks for the same with fewer parameters, after a registry refused this one: without deleted
    /// rows, then with fewer rows. `None` after the last.
    #[must_use]
    pub fn simpler(&self) -> Option<Self> {
        let for_deleted = self.updated_since.is_none();
        if self.include_deleted {
            Some(Self { include_deleted: false, ..self.clone() })
        } else if self.limit > DEFAULT_LIMIT {
            Some(Self { include_deleted: for_deleted, limit: DEFAULT_LIMIT, ..self.clone() })
        } else {
            None
        }
    }
}

/// A page as it arrived, within its size limit, not parsed yet.
#[derive(Debug, Clone)]
pub struct FetchedPage {
    pub body: Bytes,
    /// Upstream's own time, from its `Date` header.
    pub date: Option<Timestamp>,
    /// The time that it spent in caches, from its `Age` header.
    pub age: Duration,
    /// The epoch of an upstream that has one.
    pub epoch: Option<Epoch>,
    /// True if upstream says that changes since the time that was asked for are not those of its present history.
    pub resync: bool,
    pub paging: PagingHeaders,
    /// True if a part of what the upstream has could not be read: what is not seen is not absent.
    pub is_partial: bool,
}

/// The headers of an answer that speak of further pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PagingHeaders {
    /// True if a header `Link` leads to a next page.
    pub links_to_next: bool,
    /// The others, by name.
    pub values: Vec<(String, String)>,
}

/// A page that was longer in caches says too little about the present.
const FRESH: Duration = Duration::from_mins(1);

impl FetchedPage {
    /// Returns the upstream's time when the page was listed: some caches answer with their own `Date`.
    #[must_use]
    pub fn listed_at(&self) -> Option<Timestamp> {
        self.date.map(|date| date.minus(self.age))
    }

    /// Returns the time of the upstream's clock now, if the page says it.
    #[must_use]
    pub fn present(&self) -> Option<Timestamp> {
        self.date.filter(|_| self.age <= FRESH)
    }
}

/// The reason why a page could not be fetched, after all retries.
#[derive(Debug, Error)]
pub enum FetchFailure {
    #[error("no connection to {host}")]
    Connect { host: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{what} took longer than {} s", limit.as_secs())]
    Timeout { what: &'static str, limit: Duration },
    #[error("upstream answered {status}{}", excerpt_suffix(excerpt))]
    Status { status: u16, retry_after: Option<Duration>, excerpt: String },
    #[error("a body of more than {allowed} bytes")]
    TooLarge { allowed: usize },
    #[error("the answer broke off")]
    Broken { source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the folder or file {} of this upstream cannot be read; `path` in its file names it", path.display())]
    File { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

fn excerpt_suffix(excerpt: &str) -> String {
    match excerpt {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

impl FetchFailure {
    /// Returns true if a retry soon can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Broken { .. }
            | Self::File { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::TooLarge { .. } => false,
        }
    }

    /// Returns true if upstream refuses the request as it was made.
    #[must_use]
    pub const fn refuses_parameters(&self) -> bool {
        matches!(self, Self::Status { status: 400 | 422, .. })
    }

    /// Returns true if upstream only asks us to slow down.
    #[must_use]
    pub fn is_rate_limit(&self) -> bool {
        matches!(self, Self::Status { status: 429, .. })
    }

    /// Returns the time that upstream asked us to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
