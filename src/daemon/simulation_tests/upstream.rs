//! A registry in memory: rows, a clock, and pages that can fail.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;

use crate::model::{Digest, Entry, Name, OFFICIAL_META, Timestamp};
use crate::sync::{FetchFailure, FetchedPage, PageRequest, PageSource, PagingHeaders};

/// Rows on a page: small, so that a run has several.
pub(super) const PAGE: u32 = 7;

/// The name and the version of a row.
pub(super) type Key = (String, String);

/// One row of an upstream.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) version: String,
    /// The number of its content: no two contents have the same.
    pub(super) content: u64,
    pub(super) status: &'static str,
    pub(super) published_at: Timestamp,
    pub(super) updated_at: Timestamp,
    /// True if the row is not a valid entry.
    pub(super) is_invalid: bool,
}

impl Row {
    pub(super) fn description(content: u64) -> String {
        format!("content {content}")
    }

    fn server(&self) -> String {
        let server = json!({
            "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": self.name,
            "description": Self::description(self.content),
            "version": self.version,
            "remotes": [{"type": "streamable-http", "url": "https://mcp.example.com/mcp"}],
        });
        let server = server.to_string();
        if self.is_invalid { server.replacen('{', r#"{"twice":1,"twice":2,"#, 1) } else { server }
    }

    fn item(&self) -> String {
        let official = json!({
            "status": self.status,
            "statusChangedAt": self.updated_at.to_string(),
            "publishedAt": self.published_at.to_string(),
            "updatedAt": self.updated_at.to_string(),
            "isLatest": false,
        });
        format!(r#"{{"server":{},"_meta":{{"{OFFICIAL_META}":{official}}}}}"#, self.server())
    }

    /// Returns the digest of the content.
    pub(super) fn received(&self) -> Digest {
        let valid = Self { is_invalid: false, ..self.clone() };
        let item: Box<RawValue> = serde_json::from_str(&valid.item()).expect("JSON");
        Entry::read(&item, Timestamp::MIN).expect("well-formed").head.received
    }
}

/// The state of the registry.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) rows: BTreeMap<Key, Row>,
    /// Rows that it lost.
    pub(super) lost: BTreeMap<Key, Row>,
    /// Seconds by which its clock is ahead of the true time.
    pub(super) ahead: i64,
    /// The number of pages until one fails.
    pub(super) fails_in: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Source {
    /// The true time in microseconds.
    truth: Arc<AtomicI64>,
    registry: Mutex<Registry>,
}

impl Source {
    pub(super) fn new(truth: Arc<AtomicI64>) -> Arc<Self> {
        Arc::new(Self { truth, registry: Mutex::default() })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time that its clock shows.
    pub(super) fn now(&self) -> Timestamp {
        let truth = self.truth.load(Ordering::Relaxed);
        Timestamp::from_micros(truth + self.lock().ahead * 1_000_000)
    }
}

impl PageSource for Source {
    async fn page(&self, request: &PageRequest) -> Result<FetchedPage, FetchFailure> {
        let date = Some(self.now());
        let mut registry = self.lock();
        match registry.fails_in {
            Some(0) => {
                registry.fails_in = None;
                return Err(FetchFailure::Timeout {
                    what: "a page",
                    limit: Duration::from_secs(1),
                });
            }
            Some(left) => registry.fails_in = Some(left - 1),
            None => {}
        }
        let after = request.cursor.as_deref().and_then(|cursor| cursor.split_once(':'));
        let begin = match after {
            Some((name, version)) => Bound::Excluded((name.to_owned(), version.to_owned())),
            None => Bound::Unbounded,
        };
        let is_wanted =
            |row: &&Row| request.updated_since.is_none_or(|since| row.updated_at > since);
        let limit = usize::try_from(request.limit).expect("a limit");
        let rows = registry.rows.range((begin, Bound::Unbounded)).map(|(_, row)| row);
        let rows: Vec<&Row> = rows.filter(is_wanted).take(limit).collect();
        let next = (rows.len() == limit).then(|| rows.last()).flatten();
        let next = next.map_or(String::new(), |row| {
            format!(r#","nextCursor":"{}:{}""#, row.name, row.version)
        });
        let items: Vec<String> = rows.iter().map(|row| row.item()).collect();
        let body = format!(r#"{{"servers":[{}],"metadata":{{"count":0{next}}}}}"#, items.join(","));
        let body = Bytes::from(body);
        Ok(FetchedPage {
            body,
            date,
            age: Duration::ZERO,
            epoch: None,
            resync: false,
            paging: PagingHeaders::default(),
            is_partial: false,
        })
    }

    async fn versions(&self, _: &Name) -> Result<Option<FetchedPage>, FetchFailure> {
        Ok(None)
    }
}
