use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{Door, serve};
use crate::daemon::Clock;
use crate::model::Timestamp;

const MAX_PAGE: usize = 100;

/// One server version of the demo.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) version: &'static str,
    pub(super) description: String,
    pub(super) published_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// The change that the publisher of one row makes while the demo runs.
#[derive(Debug)]
pub(super) struct Rewrite {
    pub(super) at: Timestamp,
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) description: String,
}

/// An upstream registry on loopback. Its clock is the demo's.
#[derive(Debug)]
pub(super) struct DemoUpstream {
    rows: BTreeMap<(String, &'static str), Row>,
    rewrite: Rewrite,
    clock: Arc<Clock>,
}

impl DemoUpstream {
    pub(super) fn new(rows: Vec<Row>, rewrite: Rewrite, clock: Arc<Clock>) -> Self {
        let rows = rows.into_iter().map(|row| ((row.name.clone(), row.version), row)).collect();
        Self { rows, rewrite, clock }
    }

    /// Listens on a free port of loopback and returns the root of the registry.
    ///
    /// # Errors
    /// When loopback has no free port.
    pub(super) async fn listen(self, stop: CancellationToken) -> io::Result<String> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new()
            .route("/v0.1/servers", get(list))
            .route("/v0.1/servers/{name}/versions", get(versions))
            .with_state(Arc::new(self));
        tokio::spawn(serve(listener, router, Door::plain(), stop));
        Ok(url)
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        let now = self.clock.now();
        self.rows.values().map(move |row| {
            let Rewrite { at, name, version, description } = &self.rewrite;
            if now < *at || (row.name.as_str(), row.version) != (*name, *version) {
                return row.clone();
            }
            Row { description: description.clone(), updated_at: *at, ..row.clone() }
        })
    }

    fn page(&self, rows: &[Row], next: Option<&Row>) -> Response {
        let mut metadata = json!({"count": rows.len()});
        if let Some(row) = next {
            metadata["nextCursor"] = format!("{}:{}", row.name, row.version).into();
        }
        let servers: Vec<Value> = rows.iter().map(Row::item).collect();
        let body = json!({"servers": servers, "metadata": metadata}).to_string();
        let headers = [
            (header::CONTENT_TYPE, "application/json".to_owned()),
            (header::DATE, http_date(self.clock.now())),
        ];
        (headers, Body::from(body)).into_response()
    }
}

impl Row {
    fn item(&self) -> Value {
        let (slug, host) = address(&self.name);
        json!({
            "server": {
                "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
                "name": self.name,
                "description": self.description,
                "version": self.version,
                "remotes": [{"type": "streamable-http", "url": format!("https://{host}/{slug}/mcp")}],
            },
            "_meta": {"io.modelcontextprotocol.registry/official": {
                "status": "active",
                "publishedAt": self.published_at,
                "updatedAt": self.updated_at,
                "isLatest": true,
            }},
        })
    }
}

/// Returns the path and the host of a server: `example.orchard/tools` is found at `orchard.example`.
fn address(name: &str) -> (&str, String) {
    let (namespace, leaf) = name.split_once('/').unwrap_or((name, ""));
    let labels: Vec<&str> = namespace.rsplit('.').collect();
    (leaf, labels.join("."))
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    limit: Option<usize>,
    cursor: Option<String>,
    updated_since: Option<String>,
}

async fn list(
    State(upstream): State<Arc<DemoUpstream>>,
    Query(query): Query<ListQuery>,
) -> Response {
    let Ok(since) = query.updated_since.as_deref().map(Timestamp::parse).transpose() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let cursor = query.cursor.as_deref().and_then(|cursor| cursor.split_once(':'));
    let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
    let found: Vec<Row> = upstream
        .rows()
        .filter(|row| cursor.is_none_or(|cursor| (row.name.as_str(), row.version) > cursor))
        .filter(|row| since.is_none_or(|since| row.updated_at > since))
        .take(limit + 1)
        .collect();
    let page = &found[..found.len().min(limit)];
    let next = page.last().filter(|_| found.len() > limit);
    upstream.page(page, next)
}

async fn versions(State(upstream): State<Arc<DemoUpstream>>, Path(name): Path<String>) -> Response {
    let found: Vec<Row> = upstream.rows().filter(|row| row.name == name).collect();
    if found.is_empty() {
        return StatusCode::NOT_FOUND.into_response();
    }
    upstream.page(&found, None)
}

/// Writes a time as `Date` has it (RFC 9110, section 5.6.7).
fn http_date(at: Timestamp) -> String {
    let since_epoch = at.since(Timestamp::from_micros(0)).as_secs();
    let at = i64::try_from(since_epoch).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at.unwrap_or_default())
        .unwrap_or_default()
}
